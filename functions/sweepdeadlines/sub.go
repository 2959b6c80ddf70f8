package sweepdeadlines

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// lookSub notes that the date of an appeal or complaint is near, or has passed. One that is not due after all, or is no more, is left
// as it is.
func (s *Step) lookSub(ctx context.Context, r casefile.DueRef) error {
	err := step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) error {
		sub, err := f.Sub(ctx, r.Sub)
		if err != nil {
			return err
		}
		_, _, err = f.LookAtSub(sub)
		return err
	})
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	return err
}
