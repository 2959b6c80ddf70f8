package casefile

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Listed is one line of a list: the case, and where it stands in the order. Positions compare bytewise, over several
// statuses too, and hold nothing personal.
type Listed struct{ CaseID, Position string }

// Seek selects a stretch of a list of one tenant's cases: of one status by due instant (a case without one comes first), or
// of all by receipt when Status is empty.
type Seek struct {
	Tenant     string
	Status     dsar.Status
	DueBefore  time.Time // with Status: only cases that have a due instant, and an earlier one
	Descending bool
	After      string // a Position: go on behind it; empty = from the start
	Limit      int
}

// Seek returns the next lines; fewer than Limit means that there are no more. Unlike a cursor a position survives a change of
// the page size, and one position serves the lists of several statuses. The index may lag; callers read the cases they show.
func (s *Store) Seek(ctx context.Context, k Seek) ([]Listed, error) {
	q := table.Query{Table: table.Cases, Index: true, PK: ipkReceived(k.Tenant), Descending: k.Descending}
	if k.Status != "" {
		q.PK = ipkStatus(k.Tenant, k.Status)
		if !k.DueBefore.IsZero() {
			q.From, q.To = stamp(time.Time{}.Add(time.Hour)), stamp(k.DueBefore)
		}
	}
	switch {
	case k.After != "" && k.Descending:
		if q.To == "" || k.After < q.To {
			q.To = k.After
		}
	case k.After != "":
		q.From = max(q.From, k.After+"!") // "!" sorts before everything that may follow a case id: the next line
	}
	var out []Listed
	for len(out) < k.Limit {
		q.Limit = min(k.Limit-len(out), table.MaxPage)
		page, err := s.table.Query(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("listing cases: %w", err)
		}
		for _, it := range page.Items {
			out = append(out, Listed{caseOf(it.PK), it.ISK})
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	return out, nil
}
