package publishevents

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	// together is how many cases are carried out at the same time.
	together = 8
	// atMost is how long a row may take: a letter its 15 seconds, the records around it the rest. No row is begun that could not end
	// within the deadline.
	atMost = 20 * time.Second
	// patience is how long a row, or a letter that is being handed over, is left to whoever may have it in hand. It is longer than any
	// function that carries out rows may run.
	patience = 2 * time.Minute
)

// Stream carries out rows that were just committed, where processes share them, and returns the indices of those that it did not
// begin because the deadline of ctx is near. The rows of a case are carried out in their order, cases beside each other. A row that
// fails keeps no other row: it stays in the table, where Recover finds it, and is no longer the stream's. So a row that nobody can
// carry out never holds up what follows it. A row that is gone was carried out before and is passed over: what a stream delivers
// again has no second effect.
func (s *Step) Stream(ctx context.Context, rows []casefile.OutboxRow) (left []int) {
	return s.all(ctx, rows, nil)
}

// all carries out rows as Stream says; failed, when it is not nil, is told of each that stays.
func (s *Step) all(ctx context.Context, rows []casefile.OutboxRow, failed func(casefile.OutboxRow)) (left []int) {
	begin, cancel := beginning(ctx)
	defer cancel()
	begun := make([]bool, len(rows))
	slots := make(chan struct{}, together)
	var wg sync.WaitGroup
	for _, list := range byCase(rows) {
		select {
		case slots <- struct{}{}:
		case <-begin.Done():
		}
		if begin.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			for _, i := range list {
				if begin.Err() != nil {
					return
				}
				begun[i] = true
				if !s.one(ctx, rows[i]) && failed != nil {
					failed(rows[i])
				}
			}
		})
	}
	wg.Wait()
	for i, ok := range begun {
		if !ok {
			left = append(left, i)
		}
	}
	return left
}

// beginning returns a context that ends when no more rows are to be begun.
func beginning(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(atMost, time.Until(end)/2)))
}

// byCase returns the indices of the rows of each case, in the order in which the cases come first.
func byCase(rows []casefile.OutboxRow) (out [][]int) {
	type id struct{ tenant, caseID string }
	at := map[id]int{}
	for i, r := range rows {
		n, ok := at[id{r.Tenant, r.CaseID}]
		if !ok {
			n = len(out)
			at[id{r.Tenant, r.CaseID}] = n
			out = append(out, nil)
		}
		out[n] = append(out[n], i)
	}
	return out
}

// one carries out a row unless that was done before, and reports whether nothing is left of it to do.
func (s *Step) one(ctx context.Context, r casefile.OutboxRow) bool {
	err := s.safely(ctx, r)
	if err == nil || fault.Has(err, fault.NotFound) {
		return true // not found: the case was shredded, or the row belongs to nobody any more
	}
	class := fault.ClassOf(err)
	s.Log.LogAttrs(ctx, fault.RuleFor(class).Level, "outbox row failed; it is tried again", slog.String("kind", string(r.Kind)),
		slog.String("case", r.CaseID), slog.Int("row", r.N), slog.String("class", string(class)), slog.String("error", err.Error()))
	return false
}

// safely keeps one row that makes the handler panic from ending all the others.
func (s *Step) safely(ctx context.Context, r casefile.OutboxRow) (err error) {
	defer func() {
		if recover() != nil { // what it says may quote anything: the stack of a test tells more
			err = fault.New(fault.Internal, "carrying out an outbox row panicked")
		}
	}()
	if pends, err := s.Cases.Pends(ctx, r); err != nil || !pends {
		return err
	}
	lease := patience
	if s.Manual {
		lease = 0
	}
	return s.carryOut(ctx, r, lease)
}
