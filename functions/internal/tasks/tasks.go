// Package tasks opens tasks for the Maps of the case machine, in one place for the steps that come before and after a Map: what
// is unsettled gets a part never used in this generation, a task that was lost several times over goes to a person, and what
// ended enters the chain of the case.
package tasks

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// MaxLost is how many parts of a task may end without settling it before a person is asked. A process that is killed again and
// again loses one each time, and nobody can put that right by deciding.
const MaxLost = 6

// Opener opens tasks over the commits of one call of a step; make a new one for every call.
type Opener struct {
	Worker func(kind string) string // function name of the worker for a kind of connector

	items []step.Item // opened by this call so far
}

// has reports whether this call opened the task's present part. A part that a lost race opened is not in the record.
func (o *Opener) has(t *casefile.Task) bool {
	return slices.ContainsFunc(o.items, func(i step.Item) bool { return i.TaskID == t.ID && i.Part == t.Part })
}

// Open answers tasks with an item for every unsettled task that which selects, under a fresh part, or proceed when there is
// none. A part that ended without settling its task counts as lost; after MaxLost of them the task becomes a person's.
func (o *Opener) Open(f *casefile.File, systems []registry.System, which func(*casefile.Task) bool) (step.Answer, error) {
	kind := map[string]string{}
	for _, sys := range systems {
		kind[sys.Name] = sys.Kind
	}
	ans := step.Answer{Next: step.Proceed, Items: []step.Item{}}
	fresh := 0
	for _, t := range f.Tasks {
		if !which(t) || t.Status == casefile.TaskDone {
			continue
		}
		if o.has(t) {
			ans.Next, ans.Items = step.Tasks, append(ans.Items, step.Item{TaskID: t.ID, Worker: o.Worker(kind[t.System]), Part: t.Part})
			continue
		}
		if fresh++; fresh > casefile.Batch {
			return step.Repeat(), nil
		}
		if err := countLost(f, t); err != nil {
			return ans, err
		}
		t.Part++
		t.Opened, t.TurnsAtOpen = f.Case.Generation, t.Turns
		item := step.Item{TaskID: t.ID, Worker: o.Worker(kind[t.System]), Part: t.Part}
		o.items = append(o.items, item)
		ans.Next, ans.Items = step.Tasks, append(ans.Items, item)
	}
	return ans, nil
}

func countLost(f *casefile.File, t *casefile.Task) error {
	if t.Opened != f.Case.Generation || t.Status != casefile.TaskOpen || t.Lost >= MaxLost || t.Turns != t.TurnsAtOpen {
		return nil
	}
	if t.Lost++; t.Lost < MaxLost {
		return nil
	}
	t.Ask("lost", "This task ended several times without a result.", f.Now(), casefile.AnswersForFailure)
	if err := f.TaskEntry(t, "person_asked", evidence.System, map[string]any{"why": "lost"}); err != nil {
		return fmt.Errorf("asking a person: %w", err)
	}
	return nil
}

// Room is how many tasks a commit may settle or open when the same commit goes on to open a whole casefile.Batch of others.
const Room = casefile.Batch / 8

// SettleFirst carries what ended into the case's chain in a step that goes on to open tasks; more says that others are left, or
// that the commit has no room for what comes next.
func SettleFirst(f *casefile.File) (more bool, err error) {
	ended := 0
	for _, t := range f.Tasks {
		if t.Status == casefile.TaskDone && t.Chained != t.Head.Seq {
			ended++
		}
	}
	more, err = f.SettleTasks()
	return more || ended > Room, err
}

// Settle carries what ended into the case's chain, and then answers next.
func Settle(f *casefile.File, next string) (step.Answer, error) {
	if more, err := f.SettleTasks(); err != nil || more {
		return step.Repeat(), err
	}
	return step.To(next), nil
}

// Inform records that the recipients of every system that was changed have to be told (GDPR Art. 19): what a machine changed once
// it was verified, what was done when a change was stopped, and what people did. more says that there are others for the next
// commit.
func Inform(ctx context.Context, f *casefile.File, reg *registry.Store) (more bool, err error) {
	for _, t := range f.Acts() {
		what, ok := changed(f, t)
		if !ok {
			continue
		}
		sys, err := reg.System(ctx, f.Case.Tenant, t.System)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if more, err := f.Inform(ctx, sys.Recipients, t.System, what); err != nil || more {
			return more, err
		}
	}
	return false, nil
}

// changed returns what was done to data in the system of a task.
func changed(f *casefile.File, t *casefile.Task) (dsar.Outcome, bool) {
	if t.Changes() && t.VerifiedAt.IsZero() && !f.Case.Stopping() {
		return "", false
	}
	done := []dsar.Outcome{dsar.Erased, dsar.Corrected, dsar.Restricted}
	if slices.Contains(done, t.Outcome) {
		return t.Outcome, true
	}
	for _, c := range t.Collections {
		if slices.Contains(done, c.Outcome) && t.Acts() {
			return c.Outcome, true
		}
	}
	return "", false
}

// Release lets cases go on that waited for the answer of this one.
func Release(ctx context.Context, cases *casefile.Store, f *casefile.File) error {
	for _, id := range f.Case.Before {
		o, err := cases.Load(ctx, f.Case.Tenant, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a case that waits: %w", err)
		}
		if err := f.Release(o); err != nil {
			return err
		}
	}
	f.Case.Before = nil
	return nil
}
