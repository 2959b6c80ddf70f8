package dynamotable_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// The store is proved on two DynamoDBs in test/aws/dynamo. What stands here needs none.

// down is a DynamoDB that answers every call with the error.
type down struct {
	err   error
	calls int
}

func (d *down) GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	d.calls++
	return nil, d.err
}

func (d *down) Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	d.calls++
	return nil, d.err
}

func (d *down) TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	d.calls++
	return nil, d.err
}

func open(t *testing.T, d *down) *dynamotable.Store {
	t.Helper()
	s, err := dynamotable.New(dynamotable.Options{Client: d, Prefix: "habeas-test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// key names what must not appear in an error.
func key() table.Key { return table.Key{Table: table.Cases, PK: "T#secret", SK: "A#CASE"} }

func TestNewWantsClientAndPrefix(t *testing.T) {
	for _, o := range []dynamotable.Options{{}, {Prefix: "p"}, {Client: &down{}}} {
		if _, err := dynamotable.New(o); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("got %v, want misconfigured", err)
		}
	}
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{Message: aws.String("T#secret")}
	for _, c := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(c), Message: aws.String("T#secret")})
	}
	return &smithy.OperationError{ServiceID: "DynamoDB", OperationName: "TransactWriteItems", Err: e}
}

func TestFailedTransaction(t *testing.T) {
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "T#secret"} }
	for _, tt := range []struct {
		name  string
		err   error
		class fault.Class
		calls int
	}{
		{"a condition", cancelled("None", "ConditionalCheckFailed"), fault.Conflict, 1},
		{"a condition and a meeting", cancelled("TransactionConflict", "ConditionalCheckFailed"), fault.Conflict, 1},
		{"a meeting", cancelled("TransactionConflict", "None"), fault.Conflict, 6},
		{"a meeting and a throttle", cancelled("TransactionConflict", "ThrottlingError"), fault.Conflict, 6},
		{"a throttle", cancelled("ThrottlingError"), fault.Unavailable, 6},
		{"a full partition of throughput", cancelled("ProvisionedThroughputExceeded"), fault.Unavailable, 6},
		{"an item that is not taken", cancelled("ValidationError", "None"), fault.Invalid, 1},
		{"a full collection", cancelled("ItemCollectionSizeLimitExceeded"), fault.Invalid, 1},
		{"a reason not known", cancelled("SomethingNew"), fault.Conflict, 1},
		{"no reason", cancelled(), fault.Conflict, 1},
		{"throttled at the door", api("ThrottlingException"), fault.Unavailable, 1},
		{"in progress", api("TransactionInProgressException"), fault.Unavailable, 1},
		{"no table", &types.ResourceNotFoundException{}, fault.Misconfigured, 1},
		{"not allowed", api("AccessDeniedException"), fault.Misconfigured, 1},
		{"the service fails", api("InternalServerError"), fault.Unavailable, 1},
		{"out of time", context.DeadlineExceeded, fault.Unavailable, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &down{err: tt.err}
			err := open(t, d).Transact(t.Context(), table.Write{Op: table.Put, Item: table.Item{Key: key()}, If: table.Absent})
			if !fault.Has(err, tt.class) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v of class %s, want %s", err, fault.ClassOf(err), tt.class)
			}
			if d.calls != tt.calls {
				t.Errorf("%d calls, want %d", d.calls, tt.calls)
			}
		})
	}
}

// TestNotFoundIsAnAnswer: only DynamoDB itself may say that there is no such item.
func TestNotFoundIsAnAnswer(t *testing.T) {
	proxy := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusNotFound}}, Err: errors.New("T#secret"),
	}
	s := open(t, &down{err: proxy})
	_, err := s.Get(t.Context(), key())
	if !fault.Has(err, fault.Misconfigured) {
		t.Errorf("got %v, want misconfigured", err)
	}
	_, err = s.Query(t.Context(), table.Query{Table: table.Cases, PK: key().PK})
	if !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v, want misconfigured", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
	defer cancel()
	d := &down{err: cancelled("TransactionConflict")}
	start := time.Now()
	err := open(t, d).Transact(ctx, table.Write{Op: table.Put, Item: table.Item{Key: key()}, If: table.Absent})
	if err == nil || d.calls > 3 || time.Since(start) > time.Second {
		t.Errorf("%v after %d calls and %s", err, d.calls, time.Since(start))
	}
}

func TestDecodeRefusesWhatIsNotOurs(t *testing.T) {
	good := func() map[string]types.AttributeValue {
		return map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "p"}, "sk": &types.AttributeValueMemberS{Value: "s"},
			"body": &types.AttributeValueMemberB{Value: []byte("x")}, "version": &types.AttributeValueMemberN{Value: "3"},
			"later": &types.AttributeValueMemberBOOL{Value: true},
		}
	}
	it, err := dynamotable.Decode(table.Tokens, good())
	want := table.Item{Key: table.Key{Table: table.Tokens, PK: "p", SK: "s"}, Body: []byte("x"), Version: 3}
	if d := cmp.Diff(want, it); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
	for name, change := range map[string]func(map[string]types.AttributeValue){
		"no pk":              func(a map[string]types.AttributeValue) { delete(a, "pk") },
		"empty sk":           func(a map[string]types.AttributeValue) { a["sk"] = &types.AttributeValueMemberS{} },
		"no body":            func(a map[string]types.AttributeValue) { delete(a, "body") },
		"body of text":       func(a map[string]types.AttributeValue) { a["body"] = &types.AttributeValueMemberS{Value: "x"} },
		"no version":         func(a map[string]types.AttributeValue) { delete(a, "version") },
		"version 0":          func(a map[string]types.AttributeValue) { a["version"] = &types.AttributeValueMemberN{Value: "0"} },
		"version with point": func(a map[string]types.AttributeValue) { a["version"] = &types.AttributeValueMemberN{Value: "1.5"} },
		"expiry of text":     func(a map[string]types.AttributeValue) { a["expires"] = &types.AttributeValueMemberS{Value: "9"} },
		"ipk alone":          func(a map[string]types.AttributeValue) { a["ipk"] = &types.AttributeValueMemberS{Value: "i"} },
	} {
		a := good()
		change(a)
		if _, err := dynamotable.Decode(table.Tokens, a); !fault.Has(err, fault.Internal) {
			t.Errorf("%s: got %v, want internal", name, err)
		}
	}
}

// TestTablesAreThoseOfTheInventory: what is deployed and what is asked for are written in two places.
func TestTablesAreThoseOfTheInventory(t *testing.T) {
	var deployed []table.Name
	for _, d := range inventory.Tables() {
		deployed = append(deployed, table.Name(d.Name))
	}
	if asked := table.Names(); !slices.Equal(asked, deployed) {
		t.Errorf("deployed %v, asked for %v", deployed, asked)
	}
}
