// Package askperson is the step of the task machine that waits for a person's decision about one task.
package askperson

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
)

// Step is the handler.
type Step struct{ Cases *casefile.Store }

// Handle lists the task for people, leaves the token in the case and shows in the case's status that it waits. A task that
// came here through an unforeseen failure gets its question here.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error) {
	out := step.TaskAnswer{Status: step.TaskPerson}
	ans, err := step.Run(ctx, s.Cases, in, func(_ context.Context, f *casefile.File) (step.Answer, error) {
		t := f.Task(in.TaskID)
		if t == nil || f.Case.Stopping() || t.Status == casefile.TaskDone {
			return step.To(step.Again), step.Await(f, in, true)
		}
		if t.Asked == nil && t.Decision == nil {
			t.Ask("failed", "This task failed in a way that needs a decision.", f.Now(), casefile.AnswersForFailure)
			if err := f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "failed"}); err != nil {
				return step.Answer{}, err
			}
		}
		if f.Case.Status.MayBecome(dsar.AwaitingPerson) {
			f.Case.Status = dsar.AwaitingPerson
		}
		return step.To(step.Again), step.Await(f, in, t.Decision != nil)
	})
	if ans.Next == step.Superseded {
		out.Status = step.TaskSuperseded
	}
	return out, err
}
