package dynamotable

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

const (
	// pageBytes ends a page early, so that a page of large items fits in memory; one answer of DynamoDB ends there too.
	pageBytes = 1 << 20
	// rounds is how many answers of DynamoDB one page is gathered from at most, when what they hold has expired.
	rounds = 4
)

// Query implements table.Store. A page ends after about 1 MiB, and short when much of what it would hold has expired.
func (s *Store) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if err := table.ValidateQuery(q); err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	pos, started, err := table.ParseCursor(q)
	if err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	g, in := s.gather(q), s.query(q)
	if started {
		g.from(in, pos)
	}
	for round := 1; ; round++ {
		if err := s.usable(ctx); err != nil {
			return table.Page{}, fmt.Errorf("reading page: %w", err)
		}
		if g.ended || round > rounds {
			return g.page, nil
		}
		if in.Limit = aws.Int32(int32(g.limit + 1)); round > 1 { // one more tells whether there is more
			in.Limit = nil // what has expired is in the way: as much as fits into an answer
		}
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return table.Page{}, classify(err, "reading page")
		}
		s.read(q.Table, out.ConsumedCapacity)
		if err := g.take(in, out); err != nil {
			return table.Page{}, fmt.Errorf("reading page: %w", err)
		}
	}
}

// query returns the request of q without limit and start. Conditions are on keys only: a filter would cost the same and answer less.
func (s *Store) query(q table.Query) *dynamodb.QueryInput {
	partition, sort := attrPK, attrSK
	in := &dynamodb.QueryInput{
		TableName: s.table(q.Table), ConsistentRead: aws.Bool(!q.Index), ScanIndexForward: aws.Bool(!q.Descending),
		ReturnConsumedCapacity: s.counting(), ExpressionAttributeValues: attributes{":partition": text(q.PK)},
	}
	if q.Index {
		partition, sort = attrIPK, attrISK
		in.IndexName = aws.String(inventory.Index)
	}
	condition := partition + " = :partition"
	switch {
	case q.Prefix != "":
		condition += " AND begins_with(" + sort + ", :prefix)"
		in.ExpressionAttributeValues[":prefix"] = text(q.Prefix)
	case q.From != "" && q.To != "":
		condition += " AND " + sort + " BETWEEN :from AND :to" // a key has one condition, and this is the only one with two bounds
	case q.From != "":
		condition += " AND " + sort + " >= :from"
	case q.To != "":
		condition += " AND " + sort + " < :to"
	}
	if q.From != "" {
		in.ExpressionAttributeValues[":from"] = text(q.From)
	}
	if q.To != "" {
		in.ExpressionAttributeValues[":to"] = text(q.To)
	}
	in.KeyConditionExpression = aws.String(condition)
	return in
}

// gathering is a page that is being filled.
type gathering struct {
	q     table.Query
	limit int
	now   time.Time
	page  table.Page
	bytes int
	ended bool
}

func (s *Store) gather(q table.Query) *gathering {
	g := &gathering{q: q, limit: q.Limit, now: s.now()}
	if g.limit == 0 {
		g.limit = table.MaxPage
	}
	g.ended = q.From != "" && q.To != "" && q.From >= q.To // DynamoDB refuses such bounds
	return g
}

// from lets the request begin after the position. DynamoDB refuses one that its conditions exclude or beyond which they leave nothing:
// the first, which only a forged cursor names, leaves the whole range before it or nothing; the second ends the query.
func (g *gathering) from(in *dynamodb.QueryInput, pos table.Position) {
	at := pos.SK
	if g.q.Index {
		at = pos.ISK
	}
	below := at < g.q.From || at < g.q.Prefix
	above := g.q.To != "" && at >= g.q.To || !below && !strings.HasPrefix(at, g.q.Prefix)
	if g.q.From != "" && at == g.q.To {
		above = !g.q.Descending // BETWEEN includes it, and a page may have ended there
	}
	if !g.q.Index && g.q.Descending && (at == g.q.From || at == g.q.Prefix) {
		below = true // the lowest there can be; in the index, others may have the same isk
	}
	switch {
	case above && g.q.Descending, below && !g.q.Descending:
		return
	case above, below:
		g.page.Next, g.ended = "", true
		return
	}
	in.ExclusiveStartKey = attributes{attrPK: text(g.q.PK), attrSK: text(pos.SK)}
	if g.q.Index {
		in.ExclusiveStartKey = attributes{attrPK: text(pos.PK), attrSK: text(pos.SK), attrIPK: text(g.q.PK), attrISK: text(pos.ISK)}
	}
}

// take adds an answer to the page, and lets the next request begin where the answer ends. Next is set to there, or to the last item
// when the page is full.
func (g *gathering) take(in *dynamodb.QueryInput, out *dynamodb.QueryOutput) error {
	for _, a := range out.Items {
		it, err := Decode(g.q.Table, a)
		if err != nil {
			return err
		}
		if it.Expired(g.now) || g.q.To != "" && g.order(&it) == g.q.To {
			continue
		}
		if n := len(g.page.Items); n == g.limit || n > 0 && g.bytes+it.Size() > pageBytes {
			g.page.Next, g.ended = table.NewCursor(g.q, &g.page.Items[n-1]), true
			return nil
		}
		g.bytes += it.Size()
		g.page.Items = append(g.page.Items, it)
	}
	if len(out.LastEvaluatedKey) == 0 {
		g.page.Next, g.ended = "", true
		return nil
	}
	last, err := position(g.q, out.LastEvaluatedKey)
	if err != nil {
		return err
	}
	g.page.Next = table.NewCursor(g.q, last)
	g.ended = g.bytes > pageBytes/2 // another answer would be paid for and thrown away
	g.from(in, table.Position{ISK: last.ISK, PK: last.PK, SK: last.SK})
	return nil
}

func (g *gathering) order(it *table.Item) string {
	if g.q.Index {
		return it.ISK
	}
	return it.SK
}

// position returns an item with the keys at which an answer ended.
func position(q table.Query, a attributes) (*table.Item, error) {
	it := table.Item{Key: table.Key{Table: q.Table}}
	ok := stringIn(a[attrPK], &it.PK) && stringIn(a[attrSK], &it.SK)
	if q.Index {
		ok = ok && stringIn(a[attrISK], &it.ISK)
	}
	if !ok {
		return nil, fault.New(fault.Internal, "an answer of the record store ends nowhere")
	}
	return &it, nil
}
