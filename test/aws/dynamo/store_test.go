package dynamo_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// partition returns one that no other test uses.
func partition() string { return fmt.Sprintf("T#%d", rand.Uint64()) }

func put(t testing.TB, s table.Store, items ...table.Item) {
	t.Helper()
	for len(items) > 0 {
		n := min(len(items), 20)
		if err := s.Transact(t.Context(), writes(table.Put, items[:n]...)...); err != nil {
			t.Fatal(err)
		}
		items = items[n:]
	}
}

func TestTables(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		client := dynamodb.NewFromConfig(c.config(t))
		for _, want := range inventory.Tables() {
			name := aws.String(dynamotable.TableName(prefix, table.Name(want.Name)))
			out, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: name})
			if err != nil {
				t.Fatal(err)
			}
			index := out.Table.GlobalSecondaryIndexes
			if len(index) != 1 || aws.ToString(index[0].IndexName) != inventory.Index || index[0].Projection.ProjectionType != types.ProjectionTypeAll {
				t.Errorf("%s: index %+v", want.Name, index)
			}
			if stream := out.Table.StreamSpecification; want.Stream != (stream != nil && stream.StreamViewType == types.StreamViewTypeNewImage) {
				t.Errorf("%s: stream %+v", want.Name, stream)
			}
			ttl, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: name})
			if err != nil || aws.ToString(ttl.TimeToLiveDescription.AttributeName) != "expires" {
				t.Errorf("%s: expiry %+v, %v", want.Name, ttl, err)
			}
		}
		if err := dynamotable.CreateTables(t.Context(), client, prefix); !fault.Has(err, fault.Conflict) {
			t.Errorf("making them again: %v, want conflict", err)
		}
		elsewhere, err := dynamotable.New(dynamotable.Options{Client: client, Prefix: "habeas-elsewhere"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = elsewhere.Get(t.Context(), table.Key{Table: table.Cases, PK: "p", SK: "s"})
		if !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "elsewhere") {
			t.Errorf("reading where there are no tables: %v, want misconfigured", err)
		}
	})
}

// TestTokens holds DynamoDB to what the store builds on: a token that was carried out is not carried out again, and one whose
// transaction was cancelled can be.
func TestTokens(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		client, part := dynamodb.NewFromConfig(c.config(t)), partition()
		key := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: part}, "sk": &types.AttributeValueMemberS{Value: "s"}}
		name := aws.String(dynamotable.TableName(prefix, table.Tokens))
		add := func(token string, condition *string) error {
			_, err := client.TransactWriteItems(t.Context(), &dynamodb.TransactWriteItemsInput{
				ClientRequestToken: aws.String(token + part[:20]),
				TransactItems: []types.TransactWriteItem{{Update: &types.Update{
					TableName: name, Key: key, UpdateExpression: aws.String("ADD n :one"), ConditionExpression: condition,
					ExpressionAttributeValues: map[string]types.AttributeValue{":one": &types.AttributeValueMemberN{Value: "1"}},
				}}},
			})
			return err
		}
		var cancelled *types.TransactionCanceledException
		if err := add("a", aws.String("attribute_exists(pk)")); !errors.As(err, &cancelled) {
			t.Errorf("nothing is there yet: %v", err)
		}
		if err := errors.Join(add("b", nil), add("b", nil), add("a", aws.String("attribute_exists(pk)"))); err != nil {
			t.Error(err)
		}
		out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: name, Key: key, ConsistentRead: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := out.Item["n"].(*types.AttributeValueMemberN); !ok || n.Value != "2" {
			t.Errorf("carried out %+v times, want 2", out.Item["n"])
		}
	})
}

// TestExpiredItemsAreInNobodysWay: many rows that TTL has not removed yet neither end a query nor empty its page.
func TestExpiredItemsAreInNobodysWay(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		now, part := newClock(), partition()
		s := open(t, c.config(t), dynamotable.Options{Now: now.Now})
		var items []table.Item
		for i := range 120 {
			items = append(items, table.Item{
				Key: table.Key{Table: table.Tokens, PK: part, SK: fmt.Sprintf("a%03d", i)}, IPK: part, ISK: "same", ExpiresAt: now.Now().Add(time.Second),
			})
		}
		items = append(items, table.Item{Key: table.Key{Table: table.Tokens, PK: part, SK: "b"}, IPK: part, ISK: "same"})
		put(t, s, items...)
		now.Advance(2 * time.Second)
		for _, q := range []table.Query{{}, {Descending: true}, {Index: true}, {Prefix: "b"}, {From: "a", To: "c"}} {
			q.Table, q.PK, q.Limit = table.Tokens, part, 1
			page, err := s.Query(t.Context(), q)
			if err != nil || len(page.Items) != 1 || page.Items[0].SK != "b" || page.Next != "" {
				t.Errorf("query %+v: %d items, next %q, %v", q, len(page.Items), page.Next, err)
			}
		}
	})
}

// TestForgedCursors: a cursor is not signed. Whatever place one names, the answer lies within the query.
func TestForgedCursors(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		s, part := open(t, c.config(t), dynamotable.Options{}), partition()
		var items []table.Item
		for _, sk := range []string{"a", "b", "c", "d", "e"} {
			items = append(items, table.Item{Key: table.Key{Table: table.Registry, PK: part, SK: sk}, IPK: part, ISK: sk})
		}
		put(t, s, items...)
		for _, bounds := range []table.Query{{}, {Prefix: "c"}, {From: "b", To: "d"}, {From: "b"}, {To: "d"}, {From: "d", To: "b"}} {
			for _, at := range []string{"A", "a", "b", "bb", "c", "cc", "d", "dd", "z"} {
				for n := range 4 {
					q := bounds
					q.Table, q.PK, q.Index, q.Descending = table.Registry, part, n%2 == 1, n > 1
					q.Cursor = table.NewCursor(q, &table.Item{Key: table.Key{Table: table.Registry, PK: "forged", SK: at}, ISK: at})
					page, err := s.Query(t.Context(), q)
					if err != nil {
						t.Errorf("query %+v from %q: %v", q, at, err)
					}
					for _, it := range page.Items {
						beyond := it.SK >= at
						if q.Descending {
							beyond = it.SK <= at
						}
						if !strings.HasPrefix(it.SK, q.Prefix) || it.SK < q.From || q.To != "" && it.SK >= q.To || !beyond {
							t.Errorf("query %+v from %q finds %q", q, at, it.SK)
						}
					}
				}
			}
		}
	})
}

// TestConsumed holds the count of consumed units to the rules of DynamoDB: a consistent read costs a unit for each 4 KiB, an eventual
// one half, a transactional write two for each KiB, a condition as much as a write, and a row of the index one for each KiB. DynamoDB
// Local counts by rules of its own, so it is only asked to count.
func TestConsumed(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		var got meter
		s := open(t, c.config(t), dynamotable.Options{Consumed: got.add})
		part := partition()
		large := table.Item{Key: table.Key{Table: table.Ledger, PK: part, SK: "large"}, Body: bytes.Repeat([]byte("x"), 5<<10)}
		small := table.Item{Key: table.Key{Table: table.Ledger, PK: part, SK: "small"}, IPK: part, ISK: "i", Body: []byte("x")}
		for _, step := range []struct {
			name        string
			do          func() error
			read, write float64
		}{
			{"two new items", func() error { return s.Transact(t.Context(), writes(table.Put, large, small)...) }, 0, 2*6 + 2*1 + 1},
			{"a large item", func() error { _, err := s.Get(t.Context(), large.Key); return err }, 2, 0},
			{"both", func() error { _, err := s.Query(t.Context(), table.Query{Table: table.Ledger, PK: part}); return err }, 2, 0},
			{"the index", func() error {
				_, err := s.Query(t.Context(), table.Query{Table: table.Ledger, PK: part, Index: true})
				return err
			}, 0.5, 0},
			{"a condition and a removal", func() error {
				return s.Transact(t.Context(), table.Write{Op: table.Check, Item: large, If: 1}, table.Write{Op: table.Delete, Item: small, If: 1})
			}, 0, 2*6 + 2*1 + 1},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			name, read, write := got.take()
			if name != string(table.Ledger) || c.name == "ministack" && (read != step.read || write != step.write) {
				t.Errorf("%s: table %q, %g read and %g write units, want %g and %g", step.name, name, read, write, step.read, step.write)
			}
		}
	})
}

// meter adds up what was consumed. Its methods may be called by many goroutines.
type meter struct {
	mu          sync.Mutex
	table       string
	read, write float64
}

func (m *meter) add(name string, read, write float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table, m.read, m.write = name, m.read+read, m.write+write
}

// take returns the last table and the sums, and begins anew.
func (m *meter) take() (name string, read, write float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, read, write = m.table, m.read, m.write
	m.table, m.read, m.write = "", 0, 0
	return name, read, write
}

// writes returns an unconditional write for each item.
func writes(op table.Op, items ...table.Item) []table.Write {
	var all []table.Write
	for i := range items {
		all = append(all, table.Write{Op: op, Item: items[i], If: table.AnyVersion})
	}
	return all
}
