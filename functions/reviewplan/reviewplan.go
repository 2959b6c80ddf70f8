// Package reviewplan is the step that waits until a plan may be carried out: for the approval of its hash by a person who neither
// prepared nor edited it, for the grace that an erasure is given, and for the answer of another request of the same person that
// must leave first.
package reviewplan

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Step is the handler.
type Step struct {
	Cases   *casefile.Store
	Letters *correspondence.Writer
}

// Handle leaves the token in the case; a decision on the plan, the end of the grace or a withdrawal wakes it.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if c.Stopping() || !c.PlanApproved() {
			if err := step.Enter(f, dsar.PhaseReviewPlan, dsar.AwaitingReview); err != nil {
				return step.Answer{}, err
			}
			return step.To(step.Again), step.Await(f, in, c.Stopping() || c.PlanDecision != nil || len(c.Replan) > 0)
		}
		if err := step.Enter(f, dsar.PhaseReviewPlan, dsar.InProgress); err != nil {
			return step.Answer{}, err
		}
		if c.GraceDays > 0 && c.GraceUntil.IsZero() {
			if err := s.grace(ctx, f); err != nil {
				return step.Answer{}, err
			}
		}
		return step.To(step.Again), step.Await(f, in, c.Unblocked(f.Now()) || len(c.Replan) > 0)
	})
}

// grace gives the person time to call an erasure off: nothing that was erased can be brought back.
func (s *Step) grace(ctx context.Context, f *casefile.File) error {
	c := &f.Case
	c.GraceUntil = f.Now().AddDate(0, 0, c.GraceDays)
	if !c.Due.At.IsZero() && c.GraceUntil.After(c.Due.At.Add(-24*time.Hour)) {
		c.GraceUntil = f.Now() // the law leaves no time for it (GDPR Art. 12(3))
	}
	if c.NextDue.IsZero() || c.GraceUntil.Before(c.NextDue) {
		c.NextDue = c.GraceUntil
	}
	if err := f.Entry("grace_begun", evidence.System, map[string]any{"until": c.GraceUntil}); err != nil || !c.GraceUntil.After(f.Now()) {
		return err
	}
	key, err := f.CancelKey(ctx)
	if err != nil {
		return err
	}
	return s.Letters.Send(ctx, f, letters.Grace, func(l correspondence.Facts) {
		l.Until, l.Link = l.Day(c.GraceUntil), redact.NewText(l.URL("requests/"+c.Reference+"/cancel?k="+key))
	})
}
