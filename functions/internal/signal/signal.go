// Package signal turns decisions recorded in a case into continued executions. It is the only caller of the engine's
// Succeed and Fail, and only those who carry out outbox rows hold it (AWS: the only functions that may call states:SendTask*).
package signal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// Waker answers tokens.
type Waker struct {
	Cases  *casefile.Store
	Engine workflow.Engine
}

// Signal looks at every token that waits in the case and answers those whose decision is there. Repeating it is safe: a
// token that was answered before, timed out or belongs to a stopped execution is put away.
func (w *Waker) Signal(ctx context.Context, tenant, caseID string) error {
	for more := true; more; {
		if err := w.some(ctx, tenant, caseID, &more); err != nil {
			return err
		}
	}
	return nil
}

// some answers as many tokens as fit into a commit; more says that there are others.
func (w *Waker) some(ctx context.Context, tenant, caseID string, more *bool) error {
	return step.Change(ctx, w.Cases, tenant, caseID, func(ctx context.Context, f *casefile.File) error {
		*more = false
		answered := 0
		for _, wait := range slices.Clone(f.Waits) {
			answer, ready := Answer(f, wait)
			if !ready {
				continue
			}
			if answered++; answered > casefile.Batch {
				*more = true
				break
			}
			token, err := f.Token(wait)
			if err != nil {
				return fmt.Errorf("opening task token: %w", err)
			}
			raw, err := json.Marshal(answer)
			if err != nil {
				return fmt.Errorf("encoding the answer to a token: %w", err)
			}
			err = w.Engine.Succeed(ctx, string(token.Reveal()), raw)
			if err != nil && !errors.Is(err, workflow.ErrTaskTimedOut) && !errors.Is(err, workflow.ErrTaskNotFound) {
				return fmt.Errorf("answering task token: %w", err)
			}
			f.Answered(wait)
			if wait.State == "NeedsOperator" {
				f.OperatorDone()
			}
		}
		return nil
	})
}

// Answer returns what a waiting state is told, and whether its decision is there. It is a pure function of the record.
func Answer(f *casefile.File, w *casefile.Wait) (answer any, ready bool) {
	c := &f.Case
	if w.Generation != c.Generation {
		return step.To(step.Superseded), true
	}
	switch w.State {
	case "AskPerson", "AwaitSystem":
		t := f.Task(w.TaskID)
		ready = c.Stopping() || t == nil || t.Decision != nil || t.Status == casefile.TaskDone || t.Called || (!t.WakeAt.IsZero() && !f.Now().Before(t.WakeAt))
		return step.TaskAnswer{Status: step.TaskMore}, ready
	case "NeedsOperator":
		if next, ok := c.OperatorNext(); ok {
			return step.To(string(next)), true
		}
	case "VerifyIdentity":
		if c.Stopping() {
			return step.To(step.Close), true
		}
		return step.To(step.Proceed), !c.Verification.VerifiedAt.IsZero()
	case "ReviewPlan":
		if c.Stopping() {
			return step.To(step.Close), true
		}
		switch {
		case c.PlanDecision != nil && c.PlanDecision.Decision == casefile.Edit, len(c.Replan) > 0:
			return step.To(step.Edited), true
		case c.PlanApproved() && !c.Unblocked(f.Now()) && (c.Status == dsar.AwaitingReview || c.GraceDays > 0 && c.GraceUntil.IsZero()):
			return step.To(step.Again), true // the step begins the grace, shows that nobody has to decide any more, and waits on
		}
		return step.To(step.Proceed), c.Unblocked(f.Now())
	case "ReviewResponse":
		if c.Stopping() {
			return step.To(step.Close), true
		}
		return step.To(step.Proceed), (c.Unreviewed || c.Review != nil && c.Review.Decision == casefile.Approve) && !c.Awaits()
	}
	return nil, false
}
