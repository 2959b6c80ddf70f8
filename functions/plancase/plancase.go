// Package plancase is the step that turns what was located into a plan: which action on which system, by machine or by a
// person, and what is known beforehand (nothing held). It opens one task per system of the plan.
package plancase

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
}

// Handle plans the case. Rights that change data are carried out by people until their systems are planned by machine: no
// record is changed without a plan that somebody saw.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		if f.Case.Stopping() {
			return step.To(step.Close), nil
		}
		if err := step.Enter(f, dsar.PhasePlan, dsar.InProgress); err != nil {
			return step.Answer{}, err
		}
		if f.Case.Plan != nil {
			return step.To(step.Proceed), nil
		}
		systems, err := s.Registry.Systems(ctx, f.Case.Tenant)
		if err != nil {
			return step.Answer{}, err
		}
		p := plan.Plan{PreparedBy: evidence.System, GrowthLimit: plan.DefaultGrowthLimit}
		for _, sys := range withSearched(systems, f) {
			planned, err := planSystem(f, sys)
			if err != nil {
				return step.Answer{}, err
			}
			p.Systems = append(p.Systems, planned)
		}
		if err := p.Seal(); err != nil {
			return step.Answer{}, err
		}
		f.Case.Plan = &p
		return step.To(step.Proceed), f.Entry("planned", evidence.System, map[string]any{"hash": p.Hash, "systems": len(p.Systems)})
	})
}

// withSearched adds the systems that were searched and are no longer registered: what is held there must not vanish from the
// answer, so a person is asked.
func withSearched(systems []registry.System, f *casefile.File) []registry.System {
	for _, t := range f.Tasks {
		known := func(s registry.System) bool { return s.Name == t.System }
		if t.Action == dsar.Locate && !slices.ContainsFunc(systems, known) {
			systems = append(systems, registry.System{Tenant: f.Case.Tenant, Name: t.System})
		}
	}
	return systems
}

func planSystem(f *casefile.File, sys registry.System) (plan.System, error) {
	action := plan.ActionFor(f.Case.Right)
	out := plan.System{Name: sys.Name, Action: action, By: plan.Machine}
	t := f.AddTask(sys.Name, action)
	located := f.TaskFor(sys.Name, dsar.Locate)
	switch {
	case located != nil && located.Outcome == dsar.NothingHeld:
		out.Outcome = dsar.NothingHeld
		t.Collections = located.Collections
		t.Done(dsar.NothingHeld, f.Now())
	case located != nil && located.Status == casefile.TaskDone && located.Outcome != dsar.Found:
		// A person left the system out while it was searched: what was not found must not be acted on.
		out.Outcome = located.Outcome
		t.Because, t.Decision = located.Because, located.Decision
		t.Done(located.Outcome, f.Now())
	case !f.Case.Right.Discloses() || !sys.Serves(f.Case.Right):
		out.By, t.By = plan.Person, plan.Person
		t.Ask("manual", "This part is carried out by hand: do it in the system, then record what became of it.", f.Now(), casefile.AnswersForHandwork)
	}
	if located != nil {
		for _, c := range located.Collections {
			out.Collections = append(out.Collections, plan.Collection{Name: c.Name, Action: string(action), Records: c.Records})
		}
	}
	kind := "task_opened"
	if t.Status == casefile.TaskDone {
		kind = "task_settled"
	}
	if err := f.TaskEntry(t, kind, evidence.System, map[string]any{"system": sys.Name, "action": action, "by": out.By, "outcome": t.Outcome}); err != nil {
		return out, fmt.Errorf("planning system: %w", err)
	}
	return out, nil
}
