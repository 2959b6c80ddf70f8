package tabletest

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/table"
)

// emptyPages is how many pages without an item the suite accepts in a row.
const emptyPages = 50

// drain reads a query page by page to its end. It is an error when a page is larger than its limit, when an item lies
// outside the query or comes twice or out of order, and when the pages do not end.
func drain(ctx context.Context, s table.Store, q table.Query) ([]table.Item, error) {
	var all []table.Item
	limit, empty := q.Limit, 0
	if limit == 0 {
		limit = table.MaxPage
	}
	seen := map[table.Key]bool{}
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		if len(page.Items) > limit {
			return nil, fmt.Errorf("a page of %d items, limit %d", len(page.Items), limit)
		}
		for i := range page.Items {
			if problem := misplaced(q, all, &page.Items[i]); problem != "" {
				return nil, fmt.Errorf("item %d: %s", len(all), problem)
			}
			if seen[page.Items[i].Key] {
				return nil, fmt.Errorf("item %d comes twice", len(all))
			}
			seen[page.Items[i].Key] = true
			all = append(all, page.Items[i])
		}
		if page.Next == "" {
			return all, nil
		}
		if empty++; len(page.Items) > 0 {
			empty = 0
		}
		if empty > emptyPages {
			return nil, fmt.Errorf("%d empty pages in a row", empty)
		}
		q.Cursor = page.Next
	}
}

// misplaced says what is wrong with it as the item after before.
func misplaced(q table.Query, before []table.Item, it *table.Item) string {
	pk, at := it.PK, order(q, it)
	if q.Index {
		pk = it.IPK
	}
	switch {
	case it.Table != q.Table || pk != q.PK:
		return "of another partition"
	case !matches(q, at):
		return "outside the conditions"
	case len(before) == 0:
		return ""
	}
	last := order(q, &before[len(before)-1])
	if q.Descending {
		last, at = at, last
	}
	if last > at || last == at && !q.Index {
		return "out of order"
	}
	return ""
}

// order returns what the query orders by.
func order(q table.Query, it *table.Item) string {
	if q.Index {
		return it.ISK
	}
	return it.SK
}

// matches reports whether a sort key meets the conditions of a query.
func matches(q table.Query, key string) bool {
	if q.Prefix != "" {
		return len(key) >= len(q.Prefix) && key[:len(q.Prefix)] == q.Prefix
	}
	return key >= q.From && (q.To == "" || key < q.To)
}
