// Package opentasks is the step before and after the Maps of locating and acting: it looks at the record, collects what the last
// Map settled, and answers with what is still open. It opens rounds of locating, puts parts of the plan to people, and opens a
// verification for every change that a machine made.
package opentasks

import (
	"context"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/tasks"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Consents *consents.Desk
	Worker   func(kind string) string // function name of the worker for a kind of connector
	// AskOwner puts a task to whoever is responsible for the system, under the file's commit.
	AskOwner func(ctx context.Context, f *casefile.File, t *casefile.Task) error
}

// Handle opens tasks for the phase in the input: "locate" or "run".
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	o := &tasks.Opener{Worker: s.Worker}
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		if f.Case.Stopping() {
			return tasks.Settle(f, step.Close)
		}
		systems, err := s.Registry.Systems(ctx, f.Case.Tenant)
		if err != nil {
			return step.Answer{}, err
		}
		switch in.Phase {
		case "locate":
			if err := s.said(ctx, f); err != nil {
				return step.Answer{}, err
			}
			return s.locate(f, systems, o)
		case "run":
			return s.run(ctx, f, systems, o)
		}
		return step.Answer{}, fault.New(fault.Invalid, "the phase is neither locate nor run")
	})
}

// said tells the ledger of consents what a request says of which it is proved now who makes it.
func (s *Step) said(ctx context.Context, f *casefile.File) error {
	tenant, err := s.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return err
	}
	return s.Consents.Apply(ctx, f, tenant, true)
}

func (s *Step) locate(f *casefile.File, systems []registry.System, o *tasks.Opener) (step.Answer, error) {
	if err := step.Enter(f, dsar.PhaseLocate, dsar.InProgress); err != nil {
		return step.Answer{}, err
	}
	if len(f.Case.Opening) == 0 {
		if ans, err := o.Open(f, systems, isLocate); err != nil || len(ans.Items) > 0 || ans.Next != step.Proceed {
			return ans, err
		}
		if more, err := tasks.SettleFirst(f); err != nil || more {
			return step.Repeat(), err
		}
		if last, err := round(f, systems); err != nil || last {
			return step.To(step.Proceed), err
		}
	}
	if openLocate(f); len(f.Case.Opening) > 0 {
		return step.Repeat(), nil
	}
	return o.Open(f, systems, isLocate)
}

// round begins the next round of locating, when something new was found; last says that there is none.
func round(f *casefile.File, systems []registry.System) (last bool, err error) {
	p, err := f.Person()
	if err != nil {
		return false, err
	}
	fresh, err := newlyFound(f, p)
	if err != nil {
		return false, err
	}
	if f.Case.Round > 0 && (len(fresh) == 0 || f.Case.Round >= casefile.MaxRounds) {
		return true, nil
	}
	p.Located = subject.Add(p.Located, fresh...)
	search := fresh
	if f.Case.Round == 0 {
		search = p.Proven
	}
	f.Case.Round++
	for _, sys := range systems {
		if t := f.TaskFor(sys.Name, dsar.Locate); t != nil && t.Status == casefile.TaskDone && t.Decision != nil {
			continue // a person left it out
		}
		if !sys.ByPerson && (f.Case.Round == 1 || sys.SearchableBy(kinds(search))) {
			f.Case.Opening = append(f.Case.Opening, sys.Name)
		}
	}
	return false, f.Entry("round_opened", evidence.System, map[string]any{"round": f.Case.Round, "identifiers": len(p.Known()), "systems": len(f.Case.Opening)})
}

func isLocate(t *casefile.Task) bool { return t.Action == dsar.Locate }

// openLocate opens the locate tasks of the round for as many systems as fit into a commit, or opens them again: what was found
// before stays with the person.
func openLocate(f *casefile.File) {
	now := min(len(f.Case.Opening), casefile.Batch)
	for _, name := range f.Case.Opening[:now] {
		t := f.TaskFor(name, dsar.Locate)
		if t == nil {
			t = f.AddTask(name, dsar.Locate)
		}
		t.Status, t.Round, t.State, t.Turns, t.Waits, t.Lost, t.EndedAt = casefile.TaskOpen, f.Case.Round, nil, 0, 0, 0, time.Time{}
		t.Opened = 0 // no part of this round was opened yet, so none can be lost
	}
	f.Case.Opening = slices.Clip(f.Case.Opening[now:])
	if len(f.Case.Opening) == 0 {
		f.Case.Opening = nil
	}
}

func kinds(list []subject.Identifier) []subject.Kind {
	out := make([]subject.Kind, 0, len(list))
	for _, i := range list {
		out = append(out, i.Kind)
	}
	return out
}

// newlyFound returns the identifiers that finished tasks found and the person's document does not have yet. Details that only prove who
// she is are put aside.
func newlyFound(f *casefile.File, p *casefile.Person) ([]subject.Identifier, error) {
	known := subject.Add(p.Known(), p.Shared...)
	var fresh []subject.Identifier
	for _, t := range f.Tasks {
		if t.Action != dsar.Locate || t.Status != casefile.TaskDone {
			continue
		}
		found, err := casefile.OpenIdentifiers(f.Keys, t.ID, t.Sealed)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			if kind, ok := connector.Proof(i.Kind); ok {
				p.Held = subject.Add(p.Held, subject.Identifier{Kind: kind, Value: i.Value})
				continue
			}
			if !slices.ContainsFunc(known, i.Same) {
				fresh = subject.Add(fresh, i)
			}
		}
	}
	return fresh, nil
}

// run carries out the plan. Everything that people do is put to them before the Map starts; what machines changed is verified
// after it; a system that is not as it was approved goes back to planning, alone.
func (s *Step) run(ctx context.Context, f *casefile.File, systems []registry.System, o *tasks.Opener) (step.Answer, error) {
	if err := step.Enter(f, dsar.PhaseRun, dsar.InProgress); err != nil {
		return step.Answer{}, err
	}
	if more, err := s.ask(ctx, f); err != nil || more {
		return step.Repeat(), err
	}
	if more, err := verify(f); err != nil || more {
		return step.Repeat(), err
	}
	if more, err := tasks.Inform(ctx, f, s.Registry); err != nil || more {
		return step.Repeat(), err // one slow system does not keep word of the others back
	}
	acts := map[string]bool{}
	for _, t := range f.Acts() {
		acts[t.ID] = true
	}
	ans, err := o.Open(f, systems, func(t *casefile.Task) bool { return acts[t.ID] || t.Action == dsar.VerifyAfter && acts[t.Of] })
	if err != nil || ans.Next != step.Proceed {
		return ans, err
	}
	f.PlanAgain(f.Drifted())
	if len(f.Case.Replan) > 0 {
		return tasks.Settle(f, step.Replan)
	}
	return tasks.Settle(f, step.Proceed)
}

// asks is how many people are asked in one commit: each gets a mail.
const asks = 12

// ask puts the parts of the plan that people carry out to them, as many as fit into a commit.
func (s *Step) ask(ctx context.Context, f *casefile.File) (more bool, err error) {
	asked := 0
	for _, t := range f.Acts() {
		if t.By == plan.Machine || t.Status != casefile.TaskOpen || t.Asked != nil || t.Decision != nil {
			continue
		}
		if asked++; asked > asks {
			return true, nil
		}
		if t.By == plan.Owner {
			if err := s.AskOwner(ctx, f, t); err != nil {
				return false, err
			}
			continue
		}
		t.By = plan.Person
		t.Ask("manual", byHand(t), f.Now(), casefile.AnswersForHandwork)
		if err := f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "manual", "system": t.System}); err != nil {
			return false, err
		}
	}
	return false, nil
}

func byHand(t *casefile.Task) string {
	if t.Action == dsar.Restrict {
		return "This part is carried out by hand: restrict the processing in the system, then record how it is enforced."
	}
	return "This part is carried out by hand: do it in the system, then record what became of it."
}

// verify opens a verification for every change that a machine made and nobody checked yet; more says that others are left, or that
// the commit has no room for what comes next.
func verify(f *casefile.File) (more bool, err error) {
	opened := 0
	for _, act := range f.Acts() {
		changed := act.Outcome == dsar.Erased || act.Outcome == dsar.Corrected || act.Outcome == dsar.Restricted
		if !act.Changes() || act.Status != casefile.TaskDone || !changed || len(act.List) == 0 || f.Checking(act) != nil {
			continue
		}
		if opened++; opened > casefile.Batch {
			return true, nil
		}
		t := f.AddTask(act.System, dsar.VerifyAfter)
		t.Of, t.List, t.Planning = act.ID, act.List, act.Planning
		if err := f.TaskEntry(t, "task_opened", evidence.System, map[string]any{"system": t.System, "action": t.Action, "of": act.ID}); err != nil {
			return false, err
		}
	}
	return opened > tasks.Room, nil
}
