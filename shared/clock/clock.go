package clock

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Kind is what an event is. Wire values.
type Kind string

// The kinds of events. The three questions are policy.StopEvent; the pack says what each does. A code mailed to check an
// address is no event.
const (
	IdentityAsked           = Kind(policy.IdentityRequested)
	ClarificationAsked      = Kind(policy.ClarificationRequested)
	FeeAsked                = Kind(policy.FeeRequested)
	Extended           Kind = "extension"
	Granted            Kind = "grant" // the person was told that the request is granted, and it is still to be carried out
)

// Event is one thing that happened to a case and may move its date.
type Event struct {
	Kind     Kind       `json:"kind"`
	At       time.Time  `json:"at"`                // when it was asked, or when the person was told
	Answered time.Time  `json:"answered,omitzero"` // when the answer came; zero while it is open; for questions only
	Dropped  bool       `json:"dropped,omitempty"` // no answer came: at Answered it was no longer needed; counts as answered
	Belated  bool       `json:"belated,omitempty"` // it was not asked promptly, as the law wants, and so moves nothing; for questions only
	Reason   string     `json:"reason,omitempty"`  // code out of the pack's extension.reasons; for Extended only
	Until    civil.Date `json:"until,omitzero"`    // until when, where the law leaves the length open; for Extended only
}

// Input is everything a date depends on. Order of Events does not matter.
type Input struct {
	Rule       policy.Rule
	ReceivedAt time.Time      // first arrival at any channel of the controller
	Zone       *time.Location // of the tenant
	Events     []Event
	Calendar   *policy.Calendar // nil: the rule's own
	AsOf       time.Time        // a question still open counts as waiting until then; zero: it moves the date by nothing yet

	// Cautious takes the earlier date wherever the law leaves room: what only guidance allows moves nothing, no date moves off a
	// day on which nobody works, business days leave out weekends alone, and a period "beginning with" a day counts that day. An
	// extension that the law allows holds all the same.
	Cautious bool
	// Lead is by how many days the tenant wants to be done before the date, at most half of the time there is; 0: no target.
	Lead int

	forgiving bool // an extension that does not hold is a step and no fault
}

// Step is one sentence of the reason for a date. Text is the English sentence of Code and Args; StepCodes lists them. A step
// that was stored before there were codes has Text alone.
type Step struct {
	N        int    `json:"n"` // from 1
	Text     string `json:"text"`
	Citation string `json:"citation,omitempty"`
	Code     string `json:"code,omitempty"`
	Args     []Arg  `json:"args,omitempty"`
}

// Deadline is a date with its reason. The zero value means that the law sets none.
type Deadline struct {
	Date  civil.Date `json:"date"`
	At    time.Time  `json:"at"` // UTC; last millisecond of Date in the zone, or the exact instant of a period in hours
	Steps []Step     `json:"steps"`
}

// IsZero reports whether the law sets no such date.
func (d Deadline) IsZero() bool { return d.Date.IsZero() }

// Deadlines is what Compute finds. Only Due is always there.
type Deadlines struct {
	Due               Deadline           `json:"due"`
	First             Deadline           `json:"first,omitzero"`    // Due without the extension; zero when there is none
	Acknowledge       Deadline           `json:"acknowledge"`       // zero: nothing to confirm for this right
	Simple            Deadline           `json:"simple,omitzero"`   // for a first, short answer before the whole one
	ExtensionNoticeBy Deadline           `json:"extensionNoticeBy"` // zero: the right cannot be extended
	RefuseBy          Deadline           `json:"refuseBy"`          // not rolled: the earlier date is the safe one
	Execute           Deadline           `json:"execute,omitzero"`  // for carrying out what was granted; zero before Granted
	Target            Deadline           `json:"target,omitzero"`   // the tenant's own; zero without Input.Lead
	IsExtended        bool               `json:"isExtended"`
	Waiting           []policy.StopEvent `json:"waiting,omitempty"` // open questions that move Due on until they are answered
	Version           policy.Version     `json:"version"`
}

// Compute returns the deadlines. Faults are fault.Invalid: an event before receipt or answered before it was asked; an
// extension that the right does not have, without one of the pack's reasons, a second one, one told after ExtensionNoticeBy, or
// an open one without a date after the first. A question asked after the date had already passed changes nothing, and a step
// says so.
func Compute(in Input) (Deadlines, error) {
	if err := in.check(); err != nil {
		return Deadlines{}, err
	}
	in.Events = slices.Clone(in.Events)
	slices.SortFunc(in.Events, Event.compare)
	extension, err := in.extension()
	if err != nil {
		return Deadlines{}, err
	}
	out := in.deadlines(extension)
	if in.Cautious {
		in.Cautious = false
		out = out.orEarlier(in.deadlines(extension))
	}
	return out, nil
}

// compare orders events by time. What happened at one instant has an order too, so that the order of writing never matters.
func (e Event) compare(o Event) int {
	return cmp.Or(
		e.At.Compare(o.At), cmp.Compare(e.Kind, o.Kind), e.Answered.Compare(o.Answered), cmp.Compare(e.Reason, o.Reason), e.Until.Compare(o.Until),
		cmp.Compare(number(e.Dropped), number(o.Dropped)), cmp.Compare(number(e.Belated), number(o.Belated)),
	)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// deadlines computes every deadline. The events are in order, and the extension is what Input.extension found.
func (in Input) deadlines(extension granted) Deadlines {
	rule := in.Rule
	out := Deadlines{Version: rule.Version, IsExtended: extension.holds}
	run := in.answer(rule.Response.Amount(), in.Events)
	out.Due, out.Waiting = run.deadline(in, rule.Response.Basis, extension.unheld(), true), run.waiting
	if extension.holds {
		out.First = out.Due
		run, out.Due = in.extended(extension, out.First)
		out.Waiting = run.waiting
	}
	// What must be said in time is due by the first period even when the answer is extended, and never rolled.
	if rule.Refusal.Period.Unit != "" {
		refuse := in.run(rule.Refusal.Period, in.Events)
		refuse.strict = in.strictly()
		out.RefuseBy = refuse.deadline(in, rule.Refusal.Period.Basis, granted{}, false)
	}
	if rule.Extension != nil {
		out.ExtensionNoticeBy = in.answer(rule.Extension.NoticeBy, in.Events).deadline(in, rule.Extension.Basis, granted{}, false)
	}
	if rule.Simple != nil {
		out.Simple = in.run(*rule.Simple, in.Events).deadline(in, rule.Simple.Basis, granted{}, false)
	}
	if rule.Acknowledge != nil {
		// Nothing that is asked of the person delays telling them that the request arrived.
		out.Acknowledge = in.run(*rule.Acknowledge, nil).deadline(in, rule.Acknowledge.Basis, granted{}, false)
	}
	if i := slices.IndexFunc(in.Events, func(e Event) bool { return e.Kind == Granted }); i >= 0 && rule.Execution != nil {
		out.Execute = After(*rule.Execution, in.Events[i].At, Setting{Zone: in.Zone, Calendar: in.calendar(), Cautious: in.Cautious}, Execution)
	}
	out.Target = in.target(out.Due)
	return out
}

// answer follows a period of the answer's kind: it starts as the answer does, and is as long as the amount.
func (in Input) answer(a policy.Amount, events []Event) *run {
	p := in.Rule.Response
	p.Value, p.Unit = a.Value, a.Unit
	r := in.run(p, events)
	r.strict, r.answer = in.strictly(), a == in.Rule.Response.Amount()
	return r
}

// strictly reports whether the day of the start event is the first of the period.
func (in Input) strictly() bool { return in.Cautious && in.Rule.BeginsWith }

// target returns when the tenant wants to be done.
func (in Input) target(due Deadline) Deadline {
	whole := due.Date.Sub(civil.In(in.ReceivedAt, in.Zone))
	lead := min(in.Lead, whole/2)
	if lead <= 0 {
		return Deadline{}
	}
	day := due.Date.AddDays(-lead)
	s := steps(slices.Clone(due.Steps))
	s.add("", "target", policy.Amount{Value: lead, Unit: policy.CalendarDays}, day)
	return Deadline{Date: day, At: day.End(in.Zone), Steps: s}
}

// orEarlier takes, deadline by deadline, the earlier of two that are there in both.
func (d Deadlines) orEarlier(o Deadlines) Deadlines {
	for _, pair := range []struct{ mine, other *Deadline }{
		{&d.Due, &o.Due},
		{&d.First, &o.First},
		{&d.Acknowledge, &o.Acknowledge},
		{&d.Simple, &o.Simple},
		{&d.ExtensionNoticeBy, &o.ExtensionNoticeBy},
		{&d.RefuseBy, &o.RefuseBy},
		{&d.Execute, &o.Execute},
		{&d.Target, &o.Target},
	} {
		if pair.mine.IsZero() || !pair.other.IsZero() && pair.other.At.Before(pair.mine.At) {
			*pair.mine = *pair.other
		}
	}
	return d
}

// Explain returns the steps of the due date as numbered lines, for people who read text.
func Explain(d Deadline) []string {
	lines := make([]string, 0, len(d.Steps))
	for _, s := range d.Steps {
		line := s.Text
		if s.Citation != "" {
			line = strings.TrimSuffix(line, ".") + " (" + s.Citation + ")."
		}
		lines = append(lines, line)
	}
	return lines
}

func (in Input) calendar() policy.Calendar {
	cal := in.Rule.Calendar
	if in.Calendar != nil {
		cal = *in.Calendar
	}
	if in.Cautious {
		return weekends(cal)
	}
	return cal
}

// weekends returns the calendar without its holidays. Days of a weekend that are worked stay: they bring dates nearer.
func weekends(cal policy.Calendar) policy.Calendar {
	cal.Holidays, cal.Closed = nil, nil
	return cal
}

func (in Input) check() error {
	switch {
	case in.Zone == nil:
		return fault.New(fault.Invalid, "a deadline needs a time zone")
	case in.ReceivedAt.IsZero():
		return fault.New(fault.Invalid, "a deadline needs the instant of receipt")
	case in.calendar().IsZero():
		return fault.New(fault.Invalid, "a deadline needs a calendar")
	case in.Rule.Response.Unit == "":
		return fault.New(fault.Invalid, "a deadline needs a rule")
	case in.Lead < 0:
		return fault.New(fault.Invalid, "a target cannot be later than the date of the law")
	}
	for _, e := range in.Events {
		if err := e.check(in.ReceivedAt); err != nil {
			return err
		}
	}
	return nil
}

func (e Event) check(received time.Time) error {
	question := slices.Contains([]Kind{IdentityAsked, ClarificationAsked, FeeAsked}, e.Kind)
	switch {
	case !question && e.Kind != Extended && e.Kind != Granted:
		return fault.New(fault.Invalid, "an event of the clock is of no known kind")
	case e.At.Before(received):
		return fault.New(fault.Invalid, "an event of the clock is before the receipt of the request")
	case !question && !e.Answered.IsZero():
		return fault.New(fault.Invalid, "only a question has an answer")
	case !e.Answered.IsZero() && e.Answered.Before(e.At):
		return fault.New(fault.Invalid, "a question was answered before it was asked")
	case e.Dropped && e.Answered.IsZero():
		return fault.New(fault.Invalid, "a question was dropped at no time")
	}
	return nil
}
