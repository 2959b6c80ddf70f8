// Package reviewplan is the step that waits for the approval of a plan: of its hash, by a person who neither prepared nor
// edited it.
package reviewplan

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle leaves the token in the case; a decision on the plan or a withdrawal wakes it.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		if err := step.Enter(f, dsar.PhaseReviewPlan, dsar.AwaitingReview); err != nil {
			return step.Answer{}, err
		}
		return step.To(step.Again), step.Await(f, in, f.Case.Stopping() || f.Case.PlanApproved())
	})
}
