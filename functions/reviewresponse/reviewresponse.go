// Package reviewresponse is the step that waits until a person has looked at what is about to be disclosed, and until whoever made
// the request has answered what nothing is handed out without.
package reviewresponse

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle leaves the token in the case; a decision on the response, an answer of the person or a withdrawal
// wakes it.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		status := dsar.AwaitingReview
		if c.Unreviewed || c.Review != nil {
			status = dsar.InProgress // nobody of the team has to do anything
		}
		if err := step.Enter(f, dsar.PhaseReviewResponse, status); err != nil {
			return step.Answer{}, err
		}
		return step.To(step.Again), step.Await(f, in, c.Stopping() || (c.Review != nil || c.Unreviewed) && !c.Awaits())
	})
}
