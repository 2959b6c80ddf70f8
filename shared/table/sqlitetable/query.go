package sqlitetable

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/table"
)

// Query implements table.Store. A page also ends after about 1 MiB.
func (s *Store) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if err := table.ValidateQuery(q); err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	pos, started, err := table.ParseCursor(q)
	if err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	c, err := s.borrow(ctx) // also for the lagged index, which needs none: it answers for a context or store that ended
	if err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	defer s.giveBack(c)
	r, now := rangeOf(q, pos, started), s.now()
	p := pager{q: q, limit: q.Limit}
	if p.limit == 0 {
		p.limit = table.MaxPage
	}
	if q.Index && s.lagged != nil {
		s.lagged.read(q, r, now, p.add)
		return p.page, nil
	}
	k, args := r.query(q)
	args = append(args, now.Unix())
	each := func(row []driver.Value) bool {
		it := itemOf(q.Table, row)
		return p.add(&it)
	}
	if err := c.query(k, q.Table, each, args...); err != nil {
		return table.Page{}, fmt.Errorf("reading page: %w", err)
	}
	return p.page, nil
}

// span is what a query still has to read: low <= sk (isk) < high, and, in the index, strictly beyond the item after.
type span struct {
	low, high string
	after     table.Position // of an index query that goes on
	started   bool
}

// rangeOf turns the conditions of a query and the place where it goes on into one span. A forged place outside the
// conditions does not widen it.
func rangeOf(q table.Query, pos table.Position, started bool) span {
	r := span{low: q.From, high: q.To, after: pos, started: started}
	if r.high == "" {
		r.high = above
	}
	if q.Prefix != "" {
		r.low, r.high = q.Prefix, q.Prefix+above
	}
	at := pos.SK
	if q.Index {
		at = pos.ISK
	}
	switch {
	case !started:
	case q.Index && q.Descending:
		r.started = at < r.high && at >= r.low
	case q.Index:
		r.started = at >= r.low
	case q.Descending:
		r.high = min(r.high, at)
	default:
		r.low = max(r.low, at+"\x00") // the next possible key
	}
	return r
}

// query returns the statement and all its arguments but the last, the time.
func (r span) query(q table.Query) (kind, []driver.Value) {
	after := table.Position{ISK: r.low} // before every item with that isk: no key is empty
	if q.Descending {
		after.ISK = r.high
	}
	if r.started {
		after = r.after
	}
	switch {
	case q.Index && q.Descending:
		return indexDescending, []driver.Value{q.PK, after.ISK, after.PK, after.SK, r.low}
	case q.Index:
		return indexAscending, []driver.Value{q.PK, after.ISK, after.PK, after.SK, r.high}
	case q.Descending:
		return descending, []driver.Value{q.PK, r.low, r.high}
	default:
		return ascending, []driver.Value{q.PK, r.low, r.high}
	}
}

// pager collects a page.
type pager struct {
	q     table.Query
	limit int
	bytes int
	page  table.Page
}

// add takes the next item in order and reports whether to go on. An item beyond the page is not taken: it only tells that
// there is more.
func (p *pager) add(it *table.Item) bool {
	n := len(p.page.Items)
	if n == p.limit || n > 0 && p.bytes+it.Size() > pageBytes {
		p.page.Next = table.NewCursor(p.q, &p.page.Items[n-1])
		return false
	}
	p.bytes += it.Size()
	p.page.Items = append(p.page.Items, *it)
	return true
}
