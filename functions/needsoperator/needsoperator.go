// Package needsoperator is where a case waits when a step failed in a way that no rule foresaw. Nothing is closed and nothing
// is lost: a person who runs Habeas sees the failure class and chooses the phase to go on with.
package needsoperator

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle records the failure and leaves the token in the case.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if c.Operator == nil {
			c.Operator = &casefile.Operator{Fault: in.Fault, Phase: string(c.Phase), Since: f.Now()}
			if err := f.Entry("operator_needed", evidence.System, map[string]any{"fault": in.Fault, "phase": c.Phase}); err != nil {
				return step.Answer{}, err
			}
			if c.Status.MayBecome(dsar.AwaitingPerson) {
				c.Status = dsar.AwaitingPerson
			}
		}
		_, decided := c.OperatorNext()
		return step.To(step.Again), step.Await(f, in, decided)
	})
}
