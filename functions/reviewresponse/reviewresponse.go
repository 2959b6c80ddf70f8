// Package reviewresponse is the step that waits until a person has looked at what is about to be disclosed.
package reviewresponse

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle leaves the token in the case; a decision on the response or a withdrawal wakes it.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		if err := step.Enter(f, dsar.PhaseReviewResponse, dsar.AwaitingReview); err != nil {
			return step.Answer{}, err
		}
		return step.To(step.Again), step.Await(f, in, f.Case.Stopping() || f.Case.Review != nil)
	})
}
