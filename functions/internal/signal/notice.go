package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Wake makes the execution of a notice look at its record again, if it waits. Repeating it is safe, as is waking one that has
// nothing to do yet.
func (w *Waker) Wake(ctx context.Context, tenant, caseID, noticeID string) error {
	err := step.Change(ctx, w.Cases, tenant, caseID, func(ctx context.Context, f *casefile.File) error {
		n, err := f.Notice(ctx, noticeID)
		if err != nil {
			return err
		}
		token, waits, err := f.TakeNoticeToken(n)
		if err != nil || !waits {
			return err
		}
		raw, err := json.Marshal(step.TaskAnswer{Status: step.TaskMore})
		if err != nil {
			return fmt.Errorf("encoding the answer to a token: %w", err)
		}
		err = w.Engine.Succeed(ctx, string(token.Reveal()), raw)
		if err != nil && !errors.Is(err, workflow.ErrTaskTimedOut) && !errors.Is(err, workflow.ErrTaskNotFound) {
			return fmt.Errorf("waking a notice: %w", err)
		}
		return nil
	})
	if fault.Has(err, fault.NotFound) {
		return nil // the case was disposed of
	}
	return err
}
