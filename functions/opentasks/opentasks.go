// Package opentasks is the step before and after every Map: it looks at the record, collects what the last Map settled, and
// answers with what is still open. It opens rounds of locating and the tasks of the plan, reopens what a Map left
// unsettled under a part never used in this generation, and turns a task that was lost three times over to a person.
package opentasks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// MaxLost is how many parts of a task may end without settling it before a person is asked.
const MaxLost = 3

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Worker   func(kind string) string // function name of the worker for a kind of connector
}

// Handle opens tasks for the phase in the input: "locate" or "run".
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		if f.Case.Stopping() {
			return step.To(step.Close), f.SettleTasks()
		}
		switch in.Phase {
		case "locate":
			return s.locate(ctx, f)
		case "run":
			return s.run(ctx, f)
		}
		return step.Answer{}, fault.New(fault.Invalid, "the phase is neither locate nor run")
	})
}

func (s *Step) locate(ctx context.Context, f *casefile.File) (step.Answer, error) {
	if err := step.Enter(f, dsar.PhaseLocate, dsar.InProgress); err != nil {
		return step.Answer{}, err
	}
	systems, err := s.Registry.Systems(ctx, f.Case.Tenant)
	if err != nil {
		return step.Answer{}, err
	}
	if items, err := s.reopen(f, systems, isLocate); err != nil || len(items) > 0 {
		return step.Answer{Next: step.Tasks, Items: items}, err
	}
	if err := f.SettleTasks(); err != nil {
		return step.Answer{}, err
	}
	p, err := f.Person()
	if err != nil {
		return step.Answer{}, err
	}
	fresh, err := newlyFound(f, p)
	if err != nil {
		return step.Answer{}, err
	}
	if f.Case.Round > 0 && (len(fresh) == 0 || f.Case.Round >= casefile.MaxRounds) {
		return step.To(step.Proceed), nil
	}
	p.Located = subject.Add(p.Located, fresh...)
	search := fresh
	if f.Case.Round == 0 {
		search = p.Proven
	}
	f.Case.Round++
	opened := 0
	for _, sys := range systems {
		if f.Case.Round > 1 && !sys.SearchableBy(kinds(search)) {
			continue
		}
		openLocate(f, sys)
		opened++
	}
	if err := f.Entry("round_opened", evidence.System, map[string]any{"round": f.Case.Round, "identifiers": len(p.Known()), "systems": opened}); err != nil {
		return step.Answer{}, err
	}
	items, err := s.reopen(f, systems, isLocate)
	if err != nil {
		return step.Answer{}, err
	}
	if len(items) == 0 {
		return step.To(step.Proceed), nil
	}
	return step.Answer{Next: step.Tasks, Items: items}, nil
}

func isLocate(t *casefile.Task) bool { return t.Action == dsar.Locate }

func isAct(t *casefile.Task) bool { return t.Action != dsar.Locate && t.Action != dsar.DryRun }

// openLocate opens the system's locate task, or opens it again for a new round: what it found before stays with the person.
func openLocate(f *casefile.File, sys registry.System) {
	t := f.TaskFor(sys.Name, dsar.Locate)
	if t == nil {
		t = f.AddTask(sys.Name, dsar.Locate)
	}
	t.Status, t.Round, t.State, t.Turns, t.Waits, t.Lost, t.EndedAt = casefile.TaskOpen, f.Case.Round, nil, 0, 0, 0, time.Time{}
	t.Opened = 0 // no part of this round was opened yet, so none can be lost
}

func kinds(list []subject.Identifier) []subject.Kind {
	out := make([]subject.Kind, 0, len(list))
	for _, i := range list {
		out = append(out, i.Kind)
	}
	return out
}

// newlyFound returns the identifiers that finished tasks found and the person's document does not have yet.
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
			if !slices.ContainsFunc(known, i.Same) {
				fresh = subject.Add(fresh, i)
			}
		}
	}
	return fresh, nil
}

func (s *Step) run(ctx context.Context, f *casefile.File) (step.Answer, error) {
	if err := step.Enter(f, dsar.PhaseRun, dsar.InProgress); err != nil {
		return step.Answer{}, err
	}
	systems, err := s.Registry.Systems(ctx, f.Case.Tenant)
	if err != nil {
		return step.Answer{}, err
	}
	items, err := s.reopen(f, systems, isAct)
	if err != nil {
		return step.Answer{}, err
	}
	if len(items) > 0 {
		return step.Answer{Next: step.Tasks, Items: items}, nil
	}
	return step.To(step.Proceed), f.SettleTasks()
}

// reopen returns an item for every unsettled task of the kind, under a fresh part. A part that ended without settling its
// task counts as lost; after MaxLost of them the task becomes a person's.
func (s *Step) reopen(f *casefile.File, systems []registry.System, which func(*casefile.Task) bool) ([]step.Item, error) {
	kind := map[string]string{}
	for _, sys := range systems {
		kind[sys.Name] = sys.Kind
	}
	items := []step.Item{}
	for _, t := range f.Tasks {
		if !which(t) || t.Status == casefile.TaskDone {
			continue
		}
		if t.Opened == f.Case.Generation && t.Status == casefile.TaskOpen && t.Lost < MaxLost && t.Turns == t.TurnsAtOpen {
			if t.Lost++; t.Lost == MaxLost {
				t.Ask("lost", "This task ended three times without a result.", f.Now(), casefile.AnswersForFailure)
				if err := f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "lost"}); err != nil {
					return nil, fmt.Errorf("asking a person: %w", err)
				}
			}
		}
		t.Part++
		t.Opened, t.TurnsAtOpen = f.Case.Generation, t.Turns
		items = append(items, step.Item{TaskID: t.ID, Worker: s.Worker(kind[t.System]), Part: t.Part})
	}
	return items, nil
}
