package casefile

import (
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Pause parks the case: its execution ends before the next batch, and nothing happens until Resume. The clock of the law goes
// on. fault.Conflict when the case is closed, answered or about to end.
func (f *File) Pause(actor string, reason redact.Text) error {
	c := &f.Case
	switch {
	case c.Paused != nil:
		return nil
	case !c.Open() || c.Answered || c.Stopping():
		return fault.New(fault.Conflict, "the case is answered or closed and can no longer be paused")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say why; it is kept with the case")
	}
	c.Paused = f.decide("pause", actor, "", reason)
	c.Generation++ // whoever still works on it is superseded
	f.Signal()
	return f.Entry("paused", actor, c.Paused.facts(map[string]any{"phase": c.Phase, "generation": c.Generation}))
}

// Resume lets a paused case go on where it stopped, in the generation that the pause began. fault.Conflict when it is not paused.
func (f *File) Resume(actor string) error {
	c := &f.Case
	if c.Paused == nil {
		return fault.New(fault.Conflict, "the case is not paused")
	}
	c.Paused = nil
	f.Start()
	return f.Entry("resumed", actor, map[string]any{"phase": c.Phase, "generation": c.Generation})
}

// ProceedWithout lets the answer go without a system: what is open there is not_done, and the system is tried again until a
// supplement can follow. fault.Conflict when nothing is open there.
func (f *File) ProceedWithout(actor, system string, reason redact.Text) error {
	c := &f.Case
	if !c.Open() || c.Answered || c.Stopping() {
		return fault.New(fault.Conflict, "the case is answered or closed")
	}
	if reason.IsZero() {
		return fault.InvalidField("/reason", "say why; the person reads it in the answer")
	}
	d := f.decide("proceed_without", actor, "", reason)
	settled, waits := 0, false
	for _, t := range f.Tasks {
		if t.System != system || t.Status == TaskDone {
			continue
		}
		settled++
		waits = waits || t.Status == TaskWaiting
		if err := f.leaveOut(t, d); err != nil {
			return err
		}
	}
	if settled == 0 {
		return fault.New(fault.Conflict, "nothing is open in this system; there is nothing to go without")
	}
	f.calm()
	f.Signal()
	if err := f.Entry("proceeded_without", actor, d.facts(map[string]any{"system": system, "tasks": settled})); err != nil || !waits || c.Paused != nil {
		return err
	}
	return f.TakeOver(actor, "proceed without") // nothing wakes an execution out of a pause between two tries
}

// FollowUp remembers the systems that an answer leaves open though nobody decided to leave them out: they are tried again, and a
// supplement follows. After MaxAnswers nothing more is promised.
func (f *File) FollowUp() {
	c := &f.Case
	if c.Answers > MaxAnswers {
		c.Supplement = nil
		return
	}
	for _, t := range f.Acts() {
		known := func(s Supplement) bool { return s.System == t.System }
		if t.Outcome == dsar.NotDone && t.Decision == nil && !slices.ContainsFunc(c.Supplement, known) {
			c.Supplement = append(c.Supplement, Supplement{System: t.System, Since: f.now})
		}
	}
}

// MaxAnswers is how many answers a case gives at most by itself: a system that is back and fails again is not promised for ever.
const MaxAnswers = 4

// leaveOut settles an open task as not done; an owner or a machine that answers later finds it closed.
func (f *File) leaveOut(t *Task, d *Decision) error {
	t.Decision, t.Because, t.State, t.Parts = d, LeftOut, nil, nil
	t.Done(dsar.NotDone, f.now)
	c := &f.Case
	if !slices.ContainsFunc(c.Supplement, func(s Supplement) bool { return s.System == t.System }) {
		c.Supplement = append(c.Supplement, Supplement{System: t.System, Since: f.now})
	}
	return f.TaskEntry(t, "left_out", d.By, d.facts(map[string]any{"system": t.System, "action": t.Action}))
}

// SupplementLook is how long after an answer that went without a system it is looked for again, and between two looks.
const SupplementLook = 6 * time.Hour

// Reopen starts a closed case anew for some of its systems: a hold was released, or a system is back that the answer went
// without. The clock is the one it always had. fault.Conflict when the case is open or cannot be reopened.
func (f *File) Reopen(actor, why string, systems []string) error {
	c := &f.Case
	switch {
	case c.Open():
		return fault.New(fault.Conflict, "the case is open")
	case !c.Status.MayBecome(dsar.InProgress):
		return fault.New(fault.Conflict, "a case that is "+string(c.Status)+" is not reopened")
	}
	c.Status, c.Phase, c.ClosedAt, c.Restarts = dsar.InProgress, dsar.PhaseLocate, time.Time{}, 0
	// What the person was given stays within reach until the new answer is there; what was refused never came within it.
	c.Prior, c.Package = c.Download(), nil
	c.Answered, c.Review, c.Answer, c.Assembly = false, nil, "", Assembly{}
	c.PlanDecision, c.Refusal, c.Operator = nil, nil, nil
	c.Reopened, c.Unreviewed = true, false
	c.Generation++
	c.NextDue = f.now.Add(FirstLook)
	f.PlanAgain(systems)
	c.Supplement = slices.DeleteFunc(c.Supplement, func(s Supplement) bool { return slices.Contains(systems, s.System) })
	for _, s := range systems {
		t := f.TaskFor(s, dsar.Locate)
		if t == nil {
			t = f.AddTask(s, dsar.Locate)
		}
		t.Status, t.State, t.Turns, t.Waits, t.Lost, t.Opened, t.EndedAt = TaskOpen, nil, 0, 0, 0, 0, time.Time{}
		t.Outcome, t.Because, t.Decision = "", "", nil
	}
	f.Start()
	f.Publish(events.CaseReopened)
	return f.Entry("reopened", actor, map[string]any{"why": why, "systems": strings.Join(systems, " "), "generation": c.Generation})
}

// WaitFor makes an erasure wait until the other case, an access of the same person, is answered: what is erased can no longer be
// given. Both are committed together.
func (f *File) WaitFor(o *File) error {
	f.Case.After = o.Case.ID
	if !slices.Contains(o.Case.Before, f.Case.ID) {
		o.Case.Before = append(o.Case.Before, f.Case.ID)
	}
	f.Join(o)
	return f.Entry("waits_for", "system", map[string]any{"case": o.Case.ID})
}

// Release lets a case go on that waited for this one, which is answered or closed.
func (f *File) Release(o *File) error {
	if o.Case.After != f.Case.ID {
		return nil
	}
	o.Case.After = ""
	o.Signal()
	f.Join(o)
	return o.Entry("wait_over", "system", map[string]any{"case": f.Case.ID})
}

// Unhold takes up what a released hold kept: a closed case is reopened for the systems, an open one plans them anew. Repeating it
// is harmless.
func (f *File) Unhold(actor, holdID string) error {
	c := &f.Case
	var systems []string
	for _, t := range f.Acts() {
		dry := f.Planned(t.System)
		if slices.Contains(t.Held, holdID) || dry != nil && slices.Contains(dry.Held, holdID) {
			systems = append(systems, t.System)
		}
	}
	for _, t := range f.Tasks { // a plan is being drafted: its acts are not there yet
		if t.Action == dsar.DryRun && t.Planning == c.Planning && slices.Contains(t.Held, holdID) && !slices.Contains(systems, t.System) {
			systems = append(systems, t.System)
		}
	}
	if len(systems) == 0 {
		return nil
	}
	if !c.Open() {
		return f.Reopen(actor, "hold released", systems)
	}
	if c.Stopping() || c.Answered {
		return nil
	}
	f.PlanAgain(systems)
	c.Drafting = false // a plan under way begins anew
	f.Signal()
	return f.Entry("hold_released", actor, map[string]any{"hold": holdID, "systems": strings.Join(systems, " ")})
}
