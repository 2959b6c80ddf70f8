// Package runtask is the worker step: one turn of one task on one system. The connector engine does the work; this step
// brings it the case's identifiers and keys, and records what came of it in the task's own evidence chain.
package runtask

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/registry"
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

// Holds says which legal holds concern a task; *hold.Store in the product.
type Holds interface {
	For(ctx context.Context, q hold.Question) ([]hold.Concerning, error)
}

// Ledger keeps what was erased until the system's backups have forgotten it too; *erasureledger.Ledger in the product.
type Ledger interface {
	Record(ctx context.Context, in erasureledger.RecordInput) error
}

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Systems  Systems
	Engine   Turner
	Holds    Holds
	Ledger   Ledger
	// Callback returns the address at which a system reports that it has finished a task; see connector.CallbackURL.
	Callback func(ctx context.Context, tenant, caseID, taskID string) (string, error)
}

// Handle runs one turn. The connector works outside any transaction; its result is recorded only if the task is still as it
// was read, so a turn that raced with another one is simply forgotten (its objects have the same names, and a batch that was
// applied is found in its end state).
func (s *Step) Handle(ctx context.Context, in step.Input) (step.TaskAnswer, error) {
	f, err := s.Cases.Load(ctx, in.Tenant, in.CaseID)
	if err != nil {
		return step.TaskAnswer{}, err
	}
	t := f.Task(in.TaskID)
	switch {
	case f.Case.Generation != in.Generation || t == nil:
		return step.TaskAnswer{Status: step.TaskSuperseded}, nil
	case t.Status == casefile.TaskDone:
		return step.TaskAnswer{Status: step.TaskFinished}, nil
	case f.Case.Stopping() && !(t.Changes() && len(t.State) > 0 && t.Asked == nil):
		return step.TaskAnswer{Status: step.TaskFinished}, nil
	case t.Decision != nil:
		return s.decided(ctx, f, t)
	case t.Asked != nil:
		return step.TaskAnswer{Status: step.TaskPerson}, nil
	}
	w := &work{Step: s, f: f, t: t}
	turn, err := w.turn(ctx)
	if err != nil {
		return step.TaskAnswer{}, err
	}
	if err := w.record(ctx, turn); err != nil {
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
	return w.answer(turn), nil
}

// work is one turn of one task.
type work struct {
	*Step
	f *casefile.File
	t *casefile.Task

	horizon time.Duration // how long backups of the system keep what is erased
	holds   []string      // that concerned the task in this turn
}

// answer says what the task machine does next. A task that was settled in another way than the turn says has finished.
func (w *work) answer(turn engine.Turn) step.TaskAnswer {
	switch {
	case w.t.Status == casefile.TaskDone:
		return step.TaskAnswer{Status: step.TaskFinished}
	case w.t.Asked != nil:
		return step.TaskAnswer{Status: step.TaskPerson}
	}
	return step.TaskAnswer{Status: string(turn.Status), WaitSeconds: turn.WaitSeconds}
}

func (w *work) turn(ctx context.Context) (engine.Turn, error) {
	f, t := w.f, w.t
	if t.By != plan.Machine {
		return engine.Turn{Status: engine.Person, Reason: "This part is carried out by hand."}, nil
	}
	conn, dataset, err := w.Systems.Open(ctx, f.Case.Tenant, t.System)
	if err != nil {
		return unopened(t, err)
	}
	w.horizon = conn.Describe().BackupHorizon
	ins, err := w.instruction(ctx, dataset)
	if err != nil {
		return engine.Turn{}, err
	}
	ins.Connector, ins.Dataset = conn, dataset
	return w.Engine.Turn(ctx, ins)
}

// instruction says what the engine may do: nothing but what was approved.
func (w *work) instruction(ctx context.Context, dataset *connector.Dataset) (engine.Instruction, error) {
	f, t := w.f, w.t
	p, err := f.Person()
	if err != nil {
		return engine.Instruction{}, err
	}
	ins := engine.Instruction{
		Tenant: f.Case.Tenant, CaseID: f.Case.ID, TaskID: t.ID, System: t.System, Action: t.Action, Right: f.Case.Right,
		Keys: f.Keys, Proven: p.Proven, Found: p.Located, State: engine.State(t.State),
	}
	if t.Action == dsar.Locate {
		return ins, nil
	}
	if t.Action == dsar.ReadOut {
		ins.Deny = w.withheld(dataset)
	}
	if ins.Callback, err = w.Callback(ctx, f.Case.Tenant, f.Case.ID, t.ID); err != nil || t.Action == dsar.ReadOut {
		return ins, err
	}
	right, ok := plan.MachineRight(f.Case.Right)
	if !ok {
		return ins, fault.New(fault.Internal, "no machine serves this right")
	}
	ins.Right = right
	if ins.Plan, err = casefile.ListOf[engine.PlanRef](t); err != nil {
		return ins, err
	}
	if f.Case.Plan != nil {
		ins.GrowthLimit = int(f.Case.Plan.GrowthLimit*100 + 0.5)
	}
	for _, c := range p.Corrections {
		if c.System == "" || c.System == t.System {
			ins.Corrections = append(ins.Corrections, engine.Correction{Field: c.Field, Value: c.Value})
		}
	}
	ins.Gate = func(ctx context.Context) (engine.Gate, error) { return w.gate(ctx, p.Known()) }
	ins.Exempt, err = w.exempt(ctx, right)
	return ins, err
}

// gate says what holds right now: it is asked before each batch.
func (w *work) gate(ctx context.Context, known []subject.Identifier) (engine.Gate, error) {
	c := &w.f.Case
	generation, stopping, err := w.Cases.Guard(ctx, c.Tenant, c.ID)
	if err != nil {
		return engine.Gate{}, err
	}
	out := engine.Gate{Stop: stopping || generation != c.Generation}
	holds, err := w.Holds.For(ctx, hold.Question{Tenant: c.Tenant, CaseID: c.ID, System: w.t.System, Identifiers: known})
	if err != nil {
		return engine.Gate{}, err
	}
	w.holds = w.holds[:0]
	for _, h := range holds {
		w.holds = append(w.holds, h.ID)
		out.Holds = append(out.Holds, engine.Hold{ID: h.ID, Collection: h.Collection, Keys: h.Keys})
	}
	return out, nil
}

// exempt gathers the exemptions of the system and of this case.
func (w *work) exempt(ctx context.Context, right dsar.Right) ([]engine.Exemption, error) {
	var out []engine.Exemption
	for _, x := range w.f.Case.Exempted(w.t.System) {
		out = append(out, engine.Exemption{Collection: x.Collection, Field: x.Field, Reason: x.Citation})
	}
	sys, err := w.Registry.System(ctx, w.f.Case.Tenant, w.t.System)
	if err != nil {
		return nil, err
	}
	for _, x := range sys.Exemptions {
		if x.Covers(right) {
			out = append(out, engine.Exemption{Collection: x.Collection, Reason: x.Reason + " (" + x.Citation + ")"})
		}
	}
	return out, nil
}

// withheld lists what the right does not reach in a copy, such as data in a portable copy that the person did not provide (GDPR
// Art. 20(1)), by the names that the engine knows.
func (w *work) withheld(dataset *connector.Dataset) []string {
	var out []string
	for _, x := range w.f.Case.Exempted(w.t.System) {
		if x.Ground == "" || dataset == nil {
			continue // what somebody claims is about changes
		}
		if c := dataset.Collection(x.Collection); c != nil {
			for f := range c.All {
				if x.Field == "" || x.Field == f.Path {
					out = append(out, c.Name+"."+f.Path)
				}
			}
		}
	}
	return out
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
func (w *work) record(ctx context.Context, turn engine.Turn) error {
	f, t := w.f, w.t
	t.Turns++
	t.State = json.RawMessage(turn.State)
	t.Fault, t.Called, t.WakeAt = turn.FaultClass, false, time.Time{}
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
		if err := w.finish(ctx, turn); err != nil {
			return err
		}
		facts["outcome"], facts["receipt"], facts["collections"] = turn.Outcome, turn.Receipt, collectionFacts(t.Collections)
		if turn.Plan.Name != "" {
			facts["list"], facts["changes"] = turn.Plan.Hash, changeFacts(turn.Plan.Counts)
		}
	case engine.Waiting:
		kind = "task_waits"
		t.Status = casefile.TaskWaiting
		t.Waits++
		facts["fault"], facts["seconds"] = turn.FaultClass, turn.WaitSeconds
	case engine.System:
		kind = "task_waits"
		t.Status, t.WakeAt = casefile.TaskWaiting, f.Now().Add(time.Duration(turn.WaitSeconds)*time.Second)
		if c := &f.Case; c.NextDue.IsZero() || t.WakeAt.Before(c.NextDue) {
			c.NextDue = t.WakeAt
		}
		facts["seconds"] = turn.WaitSeconds
	case engine.Person:
		if w.drifted(turn) {
			kind = "drifted"
			facts["why"] = turn.Reason
			break
		}
		kind = "person_asked"
		ask(f, t, turn)
		facts["why"], facts["ambiguity"] = t.Asked.Why, turn.Ambiguity
	default:
		t.Status, t.Waits = casefile.TaskOpen, 0
	}
	if err := f.TaskEntry(t, kind, evidence.System, facts); err != nil {
		return err
	}
	return w.planSooner()
}

// maxFacts is how many collections the facts of an entry list; the receipt and the hash of the list cover all of them.
const maxFacts = 40

// collectionFacts is what the evidence says of collections: no words, because the ground of an exemption is somebody's own.
func collectionFacts(list []casefile.Collection) []casefile.Collection {
	out := slices.Clone(list[:min(len(list), maxFacts)])
	for i := range out {
		out[i].Note = ""
	}
	return out
}

// changeFacts is the same for what a plan changes.
func changeFacts(list []engine.PlanCount) []engine.PlanCount {
	out := slices.Clone(list[:min(len(list), maxFacts)])
	for i := range out {
		out[i].Reason = ""
	}
	return out
}

// finish settles the task.
func (w *work) finish(ctx context.Context, turn engine.Turn) error {
	f, t := w.f, w.t
	if turn.Plan.Name != "" {
		var err error
		if t.List, err = json.Marshal(turn.Plan); err != nil {
			return fmt.Errorf("encoding the reference to a list: %w", err)
		}
	}
	t.Receipt, t.State = turn.Receipt, nil
	t.Done(turn.Outcome, f.Now())
	if t.Action == dsar.VerifyAfter {
		return w.verified(ctx)
	}
	if slices.ContainsFunc(t.Collections, func(c casefile.Collection) bool { return c.Because == string(dsar.Hold) }) {
		t.Held = slices.Clone(w.holds)
		for _, id := range t.Held {
			f.With(hold.Kept(f.Case.Tenant, id, f.Case.ID))
		}
	}
	if t.Outcome == dsar.Retained && t.Because == "" {
		for _, c := range t.Collections {
			t.Because = c.Because
		}
	}
	if t.Action == dsar.Restrict && t.Outcome == dsar.Unsupported {
		t.Ask("manual", "Some collections have no field that marks a restriction: restrict the processing there by hand, then record how it is enforced.", f.Now(), casefile.AnswersForHandwork)
	}
	return nil
}

// verified records that what a machine changed was found in its planned end state. What was erased stays known until the
// system's own backups have forgotten it.
func (w *work) verified(ctx context.Context) error {
	f, t := w.f, w.t
	act := f.Task(t.Of)
	if act == nil {
		return fault.New(fault.Internal, "a verification has no task that it is about")
	}
	act.VerifiedAt = f.Now()
	if act.Action != dsar.Erase {
		return nil
	}
	list, err := casefile.ListOf[engine.PlanRef](act)
	if err != nil {
		return err
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	sys, err := w.Registry.System(ctx, f.Case.Tenant, t.System)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	horizon, err := sys.Horizon(w.horizon)
	if err != nil {
		return err
	}
	err = w.Ledger.Record(ctx, erasureledger.RecordInput{
		Tenant: f.Case.Tenant, System: t.System, CaseID: f.Case.ID, TaskID: act.ID, Reference: f.Case.Reference, ErasedAt: act.EndedAt,
		Horizon: horizon, Identifiers: p.Known(), Plan: list, Keys: f.Keys,
	})
	if err != nil {
		return fmt.Errorf("recording an erasure: %w", err)
	}
	return nil
}

// drifted settles a change whose system is not as it was when the plan was approved: it is planned anew, alone, and a person
// approves again. A system that keeps changing is a person's to decide about.
func (w *work) drifted(turn engine.Turn) bool {
	f, t := w.f, w.t
	if !t.Changes() || turn.FaultClass != string(fault.Conflict) || f.Drifts(t.System) >= casefile.MaxDrifts {
		return false
	}
	t.Because, t.Note = casefile.Drifted, turn.Reason
	t.Done(dsar.NotDone, f.Now())
	return true
}

// planSooner goes back to planning when only people are left to wait for: approval is not to wait for them too.
func (w *work) planSooner() error {
	f := w.f
	drifted := f.Drifted()
	if len(drifted) == 0 || f.Case.Stopping() {
		return nil
	}
	people := 0
	for _, t := range f.Tasks {
		switch {
		case t.Status == casefile.TaskDone:
		case t.Status == casefile.TaskPerson:
			people++
		case t.Action != dsar.Locate && t.Action != dsar.DryRun:
			return nil
		}
	}
	if people == 0 {
		return nil // the Map ends by itself
	}
	f.PlanAgain(drifted)
	f.Case.Phase = dsar.PhasePlan
	return f.TakeOver(evidence.System, "drift")
}

func ask(f *casefile.File, t *casefile.Task, turn engine.Turn) {
	why, answers := "failed", casefile.AnswersForFailure
	switch {
	case t.By != plan.Machine:
		why, answers = "manual", casefile.AnswersForHandwork
	case t.Action == dsar.VerifyAfter && turn.FaultClass == string(fault.Conflict):
		why, answers = "verify", casefile.AnswersForVerification
	case t.Changes() && turn.FaultClass == string(fault.Conflict):
		why, answers = "conflict", casefile.AnswersForVerification
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
	t.Parts = nil
	if !t.Changes() && t.Action != dsar.VerifyAfter {
		t.Collections = nil
	}
	switch d.Decision {
	case "retry", "identify":
		// The proven identifier that "identify" brought is already in the person's document.
		t.Status, t.Asked, t.Decision, t.State, t.Waits, t.Lost, t.Outcome = casefile.TaskOpen, nil, nil, nil, 0, 0, ""
		out.Status = step.TaskMore
	case "done":
		t.Done(t.Action.Done(), f.Now())
	case "replan":
		// The act behind it is planned anew; what a verification says of it no longer counts.
		act := t
		if t.Action == dsar.VerifyAfter && f.Task(t.Of) != nil {
			act = f.Task(t.Of)
			t.Done(dsar.NotDone, f.Now())
		}
		act.Because, act.Note = casefile.Drifted, "somebody decided to plan this system anew"
		act.Done(dsar.NotDone, f.Now())
	default:
		t.Done(dsar.Outcome(d.Decision), f.Now())
		if act := f.Task(t.Of); t.Action == dsar.VerifyAfter && act != nil {
			act.Outcome, act.Decision = t.Outcome, t.Decision
		}
		if t.Outcome == dsar.Retained {
			t.Because = string(dsar.Keep)
		}
	}
	if err := f.TaskEntry(t, "decision_carried_out", d.By, facts); err != nil {
		return step.TaskAnswer{}, err
	}
	return out, s.Cases.Commit(ctx, f)
}
