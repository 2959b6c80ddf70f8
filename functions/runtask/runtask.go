// Package runtask is the worker step: one turn of one task on one system. The connector engine does the work; this step
// brings it the case's identifiers and keys, and records what came of it in the task's own evidence chain.
package runtask

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Systems opens connectors; an opened one is shared and stays open.
type Systems interface {
	// Open returns the connector of a registered system and its data map (nil for kinds without collections).
	Open(ctx context.Context, tenant, system string) (connector.Connector, *connector.Dataset, error)
}

// Turner runs one turn of a task; *engine.Engine in the product.
type Turner interface {
	Turn(ctx context.Context, in engine.Instruction) (engine.Turn, error)
	// Forget removes what the spool of a task has left behind, once its last turn is recorded.
	Forget(ctx context.Context, tenant, caseID, taskID string) error
}

// Step is the handler.
type Step struct {
	Cases   *casefile.Store
	Systems Systems
	Engine  Turner
}

// Handle runs one turn. The connector works outside any transaction; its result is recorded only if the task is still as it
// was read, so a turn that raced with another one is simply forgotten (its objects have the same names).
func (s *Step) Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error) {
	f, err := s.Cases.Load(ctx, in.Tenant, in.CaseID)
	if err != nil {
		return step.TaskAnswer{}, err
	}
	t := f.Task(in.TaskID)
	switch {
	case f.Case.Generation != in.Generation || t == nil:
		return step.TaskAnswer{Status: step.TaskSuperseded}, nil
	case t.Status == casefile.TaskDone || f.Case.Stopping():
		return step.TaskAnswer{Status: step.TaskFinished}, nil
	case t.Decision != nil:
		return s.decided(ctx, f, t)
	case t.Asked != nil:
		return step.TaskAnswer{Status: step.TaskPerson}, nil
	}
	turn, err := s.turn(ctx, f, t)
	if err != nil {
		return step.TaskAnswer{}, err
	}
	if err := record(f, t, turn); err != nil {
		return step.TaskAnswer{}, err
	}
	err = s.Cases.Commit(ctx, f)
	if fault.Has(err, fault.Conflict) {
		return step.TaskAnswer{Status: step.TaskMore}, nil // the case or the task changed meanwhile: look again
	}
	if err != nil {
		return step.TaskAnswer{}, err
	}
	if turn.Leftover && (turn.Status == engine.Finished || turn.Status == engine.Person) {
		if err := s.Engine.Forget(ctx, in.Tenant, in.CaseID, in.TaskID); err != nil {
			return step.TaskAnswer{}, fmt.Errorf("clearing the spool: %w", err)
		}
	}
	return step.TaskAnswer{Status: string(turn.Status), WaitSeconds: turn.WaitSeconds}, nil
}

func (s *Step) turn(ctx context.Context, f *casefile.File, t *casefile.Task) (engine.Turn, error) {
	if t.By == plan.Person {
		return engine.Turn{Status: engine.Person, Reason: "This part is carried out by hand."}, nil
	}
	p, err := f.Person()
	if err != nil {
		return engine.Turn{}, err
	}
	conn, dataset, err := s.Systems.Open(ctx, f.Case.Tenant, t.System)
	if err != nil {
		return unopened(t, err)
	}
	return s.Engine.Turn(ctx, engine.Instruction{
		Tenant: f.Case.Tenant, CaseID: f.Case.ID, TaskID: t.ID, System: t.System, Action: t.Action, Right: f.Case.Right,
		Connector: conn, Dataset: dataset, Keys: f.Keys, Proven: p.Proven, Found: p.Located, State: engine.State(t.State),
	})
}

// unopened turns a system that cannot be opened into a wait or a question: it never fails the case or another system.
func unopened(t *casefile.Task, err error) (engine.Turn, error) {
	class := fault.ClassOf(err)
	turn := engine.Turn{Status: engine.Person, State: engine.State(t.State), FaultClass: string(class), Reason: "The system could not be opened with its present settings."}
	if fault.RuleFor(class).Retry {
		turn.Status, turn.WaitSeconds, turn.Reason = engine.Waiting, min(900, 5<<min(t.Waits, 8)), "The system could not be reached."
	}
	if class == fault.NotFound {
		turn.Reason = "The system is no longer registered."
	}
	return turn, nil
}

// record writes what a turn found into the task and its chain.
func record(f *casefile.File, t *casefile.Task, turn engine.Turn) error {
	t.Turns++
	t.State = json.RawMessage(turn.State)
	t.Fault = turn.FaultClass
	if err := addParts(t, turn.Parts); err != nil {
		return err
	}
	if err := addFound(f, t, turn.Identifiers); err != nil {
		return err
	}
	if len(turn.Collections) > 0 {
		t.Collections = collections(turn.Collections)
	}
	facts := map[string]any{"system": t.System, "action": t.Action, "turn": t.Turns, "status": turn.Status}
	kind := "turn_recorded"
	switch turn.Status {
	case engine.Finished:
		kind = "task_finished"
		t.Receipt, t.State = turn.Receipt, nil
		t.Done(turn.Outcome, f.Now())
		facts["outcome"], facts["receipt"], facts["collections"] = turn.Outcome, turn.Receipt, t.Collections
	case engine.Waiting:
		kind = "task_waits"
		t.Status = casefile.TaskWaiting
		t.Waits++
		facts["fault"], facts["seconds"] = turn.FaultClass, turn.WaitSeconds
	case engine.Person:
		kind = "person_asked"
		ask(f, t, turn)
		facts["why"], facts["ambiguity"] = t.Asked.Why, turn.Ambiguity
	default:
		t.Status, t.Waits = casefile.TaskOpen, 0
	}
	return f.TaskEntry(t, kind, evidence.System, facts)
}

func ask(f *casefile.File, t *casefile.Task, turn engine.Turn) {
	why, answers := "failed", casefile.AnswersForFailure
	switch {
	case t.By == plan.Person:
		why, answers = "manual", casefile.AnswersForHandwork
	case turn.Outcome == dsar.Ambiguous:
		t.Parts = nil // the engine took the objects back: nothing of an ambiguous person is kept
		why, answers = "ambiguous", casefile.AnswersForAmbiguity
		t.Outcome = dsar.Ambiguous
	case turn.FaultClass != "":
		why = turn.FaultClass
	}
	t.Ask(why, turn.Reason, f.Now(), answers)
	if turn.Ambiguity != nil {
		t.Asked.By = turn.Ambiguity.By
	}
}

func collections(list []connector.CollectionResult) []casefile.Collection {
	out := make([]casefile.Collection, 0, len(list))
	for _, c := range list {
		out = append(out, casefile.Collection{
			Name: c.Collection, Outcome: c.Outcome, Because: string(c.Because), Records: int64(c.Records),
			ReadFrom: c.ReadFrom, ReadTo: c.ReadTo, Note: c.Note,
		})
	}
	return out
}

func addParts(t *casefile.Task, parts []engine.PartRef) error {
	if len(parts) == 0 {
		return nil
	}
	all, err := casefile.PartsOf[engine.PartRef](t)
	if err != nil {
		return err
	}
	if t.Parts, err = json.Marshal(append(all, parts...)); err != nil {
		return fmt.Errorf("encoding parts: %w", err)
	}
	return nil
}

func addFound(f *casefile.File, t *casefile.Task, found []subject.Identifier) error {
	if len(found) == 0 {
		return nil
	}
	had, err := casefile.OpenIdentifiers(f.Keys, t.ID, t.Sealed)
	if err != nil {
		return err
	}
	t.Sealed, err = casefile.SealIdentifiers(f.Keys, t.ID, subject.Add(had, found...))
	return err
}

// decided carries out what a person decided about the task.
func (s *Step) decided(ctx context.Context, f *casefile.File, t *casefile.Task) (step.TaskAnswer, error) {
	d := *t.Decision
	facts := map[string]any{"decision": d.Decision, "system": t.System, "action": t.Action}
	out := step.TaskAnswer{Status: step.TaskFinished}
	// A new attempt reads everything again, and what a person left out is not disclosed in part.
	t.Parts, t.Collections = nil, nil
	switch d.Decision {
	case "retry", "identify":
		// The proven identifier that "identify" brought is already in the person's document.
		t.Status, t.Asked, t.Decision, t.State, t.Waits, t.Lost, t.Outcome = casefile.TaskOpen, nil, nil, nil, 0, 0, ""
		out.Status = step.TaskMore
	case "done":
		t.Done(doneOutcome(t.Action), f.Now())
	default:
		t.Done(dsar.Outcome(d.Decision), f.Now())
		if t.Outcome == dsar.Retained {
			t.Because = string(dsar.Keep)
		}
	}
	if err := f.TaskEntry(t, "decision_carried_out", d.By, facts); err != nil {
		return step.TaskAnswer{}, err
	}
	return out, s.Cases.Commit(ctx, f)
}

func doneOutcome(a dsar.Action) dsar.Outcome {
	switch a {
	case dsar.Correct:
		return dsar.Corrected
	case dsar.Erase:
		return dsar.Erased
	case dsar.Restrict:
		return dsar.Restricted
	default:
		return dsar.Found
	}
}
