package sweepdeadlines

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/run"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Patience is how long an execution that was asked for may take to appear.
const Patience = 10 * time.Minute

// lookNotice wakes the execution of a notice whose next attempt, reminder or look is due, or starts it anew when there is none.
// One that is not due after all, or is no more, is left as it is.
func (s *Step) lookNotice(ctx context.Context, r casefile.DueRef) error {
	err := step.Change(ctx, s.Cases, r.Tenant, r.CaseID, func(ctx context.Context, f *casefile.File) error {
		n, err := f.NoticeTo(ctx, r.Recipient)
		if err != nil || n.Settled() || n.DueAt.After(f.Now()) {
			return err
		}
		e, err := s.Engine.Describe(ctx, run.NoticeMachine, run.NoticeName(n.ID, n.Run))
		switch {
		case err != nil && !fault.Has(err, fault.NotFound):
			return fmt.Errorf("describing the execution of a notice: %w", err)
		case err == nil && e.Status == workflow.Running:
			if len(n.Token) > 0 {
				f.WakeNotice(n)
			}
			return nil
		case err != nil && f.Now().Before(n.RunAt.Add(Patience)):
			return nil
		}
		return f.ReviveNotice(n)
	})
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	return err
}
