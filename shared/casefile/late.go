package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// The levels of an alarm: how much of the time from receipt to the due instant is over, in per cent. At AlarmLate the answer is late.
const (
	AlarmHalf   = 50
	AlarmSoon   = 75
	AlarmUrgent = 90
	AlarmLate   = 100
)

// Alarm is the highest level that was raised for the due instant Of; a date that moves has levels of its own.
type Alarm struct {
	Level int       `json:"level"`
	Of    time.Time `json:"of"`
}

// Cause is what a case waits for. Wire values of the register of late answers.
type Cause string

// The causes.
const (
	CausePaused   Cause = "paused"   // by the team
	CauseOperator Cause = "operator" // a step failed, and nobody said how to go on
	CauseSubject  Cause = "subject"  // proof or an answer of the person
	CauseOwner    Cause = "owner"    // whoever is responsible for a system
	CauseTeam     Cause = "team"     // a task of the privacy team
	CauseApproval Cause = "approval" // of the plan or of the answer
	CauseSystem   Cause = "system"   // a system that does not respond
	CauseWork     Cause = "work"     // nothing but the work itself
)

// Late is a due instant that passed without an answer: a nonconformity, with its cause and what is done so that it does not happen
// again (ISO/IEC 27001:2022 10.2). The words are sealed, because they may name anybody.
type Late struct {
	Since   time.Time `json:"since"`             // the due instant that passed
	Cause   Cause     `json:"cause"`             // what the case waited for then
	Of      string    `json:"of,omitempty"`      // the system or the phase
	Settled *Decision `json:"settled,omitempty"` // the team's account of the cause
	Action  []byte    `json:"action,omitempty"`  // what is done about it
}

// AlarmAt is the instant at which the level is reached; zero while the case has no due instant.
func (c *Case) AlarmAt(level int) time.Time {
	if c.Due.At.IsZero() {
		return time.Time{}
	}
	return c.ReceivedAt.Add(c.Due.At.Sub(c.ReceivedAt) * time.Duration(level) / 100)
}

// expected reports whether the person still waits for an answer that the case owes her.
func (c *Case) expected() bool {
	return c.Open() && !c.Answered && c.Withdrawal == nil && !c.Verification.Expired && c.MergedInto == "" && !c.Reopened && !c.Due.At.IsZero()
}

// NextAlarm is when the next level will be reached; zero when none will.
func (c *Case) NextAlarm(now time.Time) time.Time {
	if !c.expected() {
		return time.Time{}
	}
	for _, level := range []int{AlarmHalf, AlarmSoon, AlarmUrgent, AlarmLate} {
		if at := c.AlarmAt(level); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// RaiseAlarm records the level that the case has reached and returns it; 0 when it reached no new one. At AlarmLate the case enters the
// register of late answers.
func (f *File) RaiseAlarm() (level int, err error) {
	c := &f.Case
	if !c.expected() {
		return 0, nil
	}
	for _, l := range []int{AlarmHalf, AlarmSoon, AlarmUrgent, AlarmLate} {
		if !f.now.Before(c.AlarmAt(l)) {
			level = l
		}
	}
	switch {
	case level == AlarmLate: // its last instant still belongs to the time
		if !f.now.After(c.Due.At) {
			level = AlarmUrgent
		}
	case level == 0:
		return 0, nil
	}
	if c.Alarm != nil && c.Alarm.Of.Equal(c.Due.At) && c.Alarm.Level >= level {
		return 0, nil
	}
	c.Alarm = &Alarm{Level: level, Of: c.Due.At}
	if level == AlarmLate {
		return level, f.NoteLate()
	}
	cause, of := f.WaitsFor()
	f.Publish(events.CaseDueSoon)
	return level, f.Entry("deadline_near", evidence.System, map[string]any{"percent": level, "dueAt": c.Due.At, "cause": cause, "of": of})
}

// NoteLate enters the case into the register of late answers when its due instant has passed without an answer; otherwise, and a second
// time, it changes nothing. Whoever answers or closes a case calls it first.
func (f *File) NoteLate() error {
	c := &f.Case
	if c.Late != nil || !c.expected() || !f.now.After(c.Due.At) {
		return nil
	}
	cause, of := f.WaitsFor()
	c.Late = &Late{Since: c.Due.At, Cause: cause, Of: of}
	f.Publish(events.CaseOverdue)
	return f.Entry("nonconformity_opened", evidence.System, map[string]any{"dueAt": c.Due.At, "cause": cause, "of": of})
}

// WaitsFor says what keeps the case from its answer now: the cause, and the system or phase that it concerns.
func (f *File) WaitsFor() (cause Cause, of string) {
	c := &f.Case
	switch {
	case c.Paused != nil:
		return CausePaused, string(c.Phase)
	case c.Operator != nil:
		return CauseOperator, c.Operator.Phase
	case c.Verification.VerifiedAt.IsZero() && (c.Phase == dsar.PhaseTriage || c.Phase == dsar.PhaseVerify):
		return CauseSubject, string(c.Phase)
	}
	if cause, of, ok := f.waitingTask(); ok {
		return cause, of
	}
	for _, q := range c.Questions {
		if q.Answered.IsZero() && q.Dropped.IsZero() {
			return CauseSubject, q.Kind
		}
	}
	if c.Status == dsar.AwaitingReview {
		return CauseApproval, string(c.Phase)
	}
	return CauseWork, string(c.Phase)
}

// waitingTask names the first task that waits for somebody, people before machines.
func (f *File) waitingTask() (cause Cause, of string, ok bool) {
	for _, t := range f.Tasks {
		switch {
		case t.Status == TaskPerson && t.Decision == nil && t.Owner != nil:
			return CauseOwner, t.System, true
		case t.Status == TaskPerson && t.Decision == nil:
			return CauseTeam, t.System, true
		case t.Status == TaskWaiting && cause == "":
			cause, of, ok = CauseSystem, t.System, true
		}
	}
	return cause, of, ok
}

// SettleLate records the team's account of why the answer was late, and what is done about it. fault.Conflict when the answer was not
// late, is not there yet, or the account was given.
func (f *File) SettleLate(actor string, why, action redact.Text) error {
	c := &f.Case
	switch {
	case c.Late == nil || c.Late.Settled != nil:
		return fault.New(fault.Conflict, "there is no late answer to account for")
	case c.Open() && !c.Answered:
		return fault.New(fault.Conflict, "the request is still to be answered: answer it first, then say why it was late")
	case why.IsZero():
		return fault.InvalidField("/cause", "say why the answer was late")
	case action.IsZero():
		return fault.InvalidField("/action", "say what is done so that it does not happen again")
	}
	c.Late.Settled = f.decide("settle_late", actor, "", why)
	c.Late.Action = f.Keys.SealDoc(labelAction, []byte(action.Reveal()))
	sum := sha256.Sum256(c.Late.Action)
	return f.Entry("nonconformity_settled", actor, c.Late.Settled.facts(map[string]any{"cause": c.Late.Cause, "action": hex.EncodeToString(sum[:])}))
}

const labelAction = "late#action"

// LateWords opens the team's account; both are empty while there is none.
func (f *File) LateWords() (why, action redact.Text, err error) {
	l := f.Case.Late
	if l == nil || l.Settled == nil {
		return redact.Text{}, redact.Text{}, nil
	}
	if why, err = f.Reason(l.Settled); err != nil {
		return redact.Text{}, redact.Text{}, err
	}
	plain, err := f.Keys.OpenDoc(labelAction, l.Action)
	if err != nil {
		return redact.Text{}, redact.Text{}, fmt.Errorf("opening an account of a late answer: %w", err)
	}
	return why, redact.NewText(string(plain.Reveal())), nil
}

// putLate writes the projection of a late answer: open ones and those that are accounted for are lists of their own.
func (f *File) putLate(ws *[]table.Write) {
	c := &f.Case
	if c.Late == nil {
		return // an answer that was late stays so
	}
	it := table.Item{Key: f.key(skLate), IPK: c.lateIndex(), ISK: stamp(c.Late.Since) + "#" + c.ID, Body: []byte(`{}`)}
	if f.late != it.IPK {
		*ws = append(*ws, table.Write{Op: table.Put, Item: it, If: table.AnyVersion})
	}
}

// lateIndex is the list that the case stands in, empty when it was not late.
func (c *Case) lateIndex() string {
	if c.Late == nil {
		return ""
	}
	return ipkLate(c.Tenant, c.Late.Settled != nil)
}

func ipkLate(tenant string, settled bool) string {
	if settled {
		return "T#" + tenant + "#LATEDONE"
	}
	return "T#" + tenant + "#LATE"
}

// LateCases returns a page of the cases whose answer was late, the one due first at the front: those that nobody accounted for yet, or
// those that are settled.
func (s *Store) LateCases(ctx context.Context, tenant string, settled bool, limit int, cursor string) ([]Case, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkLate(tenant, settled), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing late answers: %w", err)
	}
	var out []Case
	for _, it := range page.Items {
		c, err := s.Case(ctx, tenant, caseOf(it.PK))
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		if c.Late != nil && (c.Late.Settled != nil) == settled { // the index may lag
			out = append(out, c)
		}
	}
	return out, page.Next, nil
}
