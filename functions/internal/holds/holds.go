// Package holds takes up again what a released legal hold kept: within the call that releases it, and by the clockwork for the
// rest. It decides nothing about a hold.
package holds

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
)

// Resumer takes up cases.
type Resumer struct {
	Cases *casefile.Store
	Holds *hold.Store
}

// Resume takes up at most limit cases of which the released hold kept something, on the clock that each always had; more says that
// there may be others left. A case that cannot be taken up holds up no other: the first such failure is returned at the end, and
// the case stays remembered. Repeating it is harmless.
func (r *Resumer) Resume(ctx context.Context, tenant, holdID, actor string, limit int) (more bool, err error) {
	ids, err := r.Holds.Cases(ctx, tenant, holdID, limit)
	if err != nil {
		return false, err
	}
	more = len(ids) == limit
	for _, id := range ids {
		left, rerr := r.one(ctx, tenant, holdID, id, actor)
		more = more || left || rerr != nil
		if rerr != nil && err == nil {
			err = fmt.Errorf("taking up a case that was held: %w", rerr)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return more, err
}

// one takes up one case. left is true for a case whose answer is on its way: it is reopened once it is closed.
func (r *Resumer) one(ctx context.Context, tenant, holdID, id, actor string) (left bool, err error) {
	err = step.Change(ctx, r.Cases, tenant, id, func(_ context.Context, f *casefile.File) error {
		if left = f.Case.Open() && f.Case.Answered; left {
			return nil
		}
		f.With(hold.Resumed(tenant, holdID, id))
		if !f.Case.Open() && !f.Case.Status.MayBecome(dsar.InProgress) {
			return nil // it was withdrawn or refused: nothing of it goes on
		}
		return f.Unhold(actor, holdID)
	})
	if fault.Has(err, fault.NotFound) {
		return false, r.Holds.Forget(ctx, tenant, holdID, id) // disposed of
	}
	return left, err
}
