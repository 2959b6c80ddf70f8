// Package awaitsystem is the step of the task machine that waits for a system which answers later, by callback or polling.
package awaitsystem

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle leaves the token in the case. The callback of the system, a withdrawal or the token's time-out wakes it; then
// runtask asks the system again.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error) {
	out := step.TaskAnswer{Status: step.TaskSystem}
	ans, err := step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		t := f.Task(in.TaskID)
		return step.To(step.Again), step.Await(f, in, t == nil || t.Status == casefile.TaskDone || f.Case.Stopping())
	})
	if ans.Next == step.Superseded {
		out.Status = step.TaskSuperseded
	}
	return out, err
}
