// Package verifyidentity is the step that waits until the requester has proved who she is, or the case ends without it.
package verifyidentity

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle leaves the token in the case; the portal's verification, a withdrawal or the sweeper's expiry wakes it.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		c.Phase = dsar.PhaseVerify
		return step.To(step.Again), step.Await(f, in, c.Stopping() || !c.Verification.VerifiedAt.IsZero())
	})
}
