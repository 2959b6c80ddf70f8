package clock

import (
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
)

// Event is one thing that happened to a case and may move its date.
type Event struct {
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`                // when it was asked, or when the person was told of the extension
	Answered time.Time `json:"answered,omitzero"` // when the answer came; zero while it is open; never set for Extended
	Reason   string    `json:"reason,omitempty"`  // code out of the pack's extension.reasons; for Extended only
}

// Input is everything a date depends on. Order of Events does not matter.
type Input struct {
	Rule       policy.Rule
	ReceivedAt time.Time      // first arrival at any channel of the controller
	Zone       *time.Location // of the tenant
	Events     []Event
	Calendar   *policy.Calendar // nil: the rule's own
	AsOf       time.Time        // a question still open counts as waiting until then; zero: it moves the date by nothing yet
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

// Deadlines is what Compute finds.
type Deadlines struct {
	Due               Deadline           `json:"due"`
	Acknowledge       Deadline           `json:"acknowledge"`       // zero: nothing to confirm for this right
	ExtensionNoticeBy Deadline           `json:"extensionNoticeBy"` // zero: the right cannot be extended
	RefuseBy          Deadline           `json:"refuseBy"`          // not rolled: the earlier date is the safe one
	IsExtended        bool               `json:"isExtended"`
	Waiting           []policy.StopEvent `json:"waiting,omitempty"` // open questions that move Due on until they are answered
	Version           policy.Version     `json:"version"`
}

// Compute returns the deadlines. Faults are fault.Invalid: an event before receipt or answered before it was asked; an
// extension that the right does not have, without one of the pack's reasons, a second one, or one told after
// ExtensionNoticeBy. A question asked after the date had already passed changes nothing, and a step says so.
func Compute(in Input) (Deadlines, error) {
	if err := in.check(); err != nil {
		return Deadlines{}, err
	}
	in.Events = slices.Clone(in.Events)
	slices.SortStableFunc(in.Events, func(a, b Event) int { return a.At.Compare(b.At) })
	extension, err := in.extension()
	if err != nil {
		return Deadlines{}, err
	}
	rule := in.Rule
	out := Deadlines{Version: rule.Version, IsExtended: extension != nil}
	whole, basis := rule.Response, rule.Response.Basis
	if extension != nil {
		whole.Value, whole.Unit, basis = rule.Extension.Total.Value, rule.Extension.Total.Unit, rule.Extension.Basis
	}
	run := in.run(whole, in.Events)
	out.Due = run.deadline(in, basis, extension, true)
	out.Waiting = run.waiting
	// What must be said in time is due by the first period even when the answer is extended, and never rolled.
	if rule.Refusal.Period.Unit != "" {
		out.RefuseBy = in.run(rule.Refusal.Period, in.Events).deadline(in, rule.Refusal.Period.Basis, nil, false)
	}
	if rule.Extension != nil {
		notice := rule.Response
		notice.Value, notice.Unit = rule.Extension.NoticeBy.Value, rule.Extension.NoticeBy.Unit
		out.ExtensionNoticeBy = in.run(notice, in.Events).deadline(in, rule.Extension.Basis, nil, false)
	}
	if rule.Acknowledge != nil {
		// Nothing that is asked of the person delays telling them that the request arrived.
		out.Acknowledge = in.run(*rule.Acknowledge, nil).deadline(in, rule.Acknowledge.Basis, nil, false)
	}
	return out, nil
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
	if in.Calendar != nil {
		return *in.Calendar
	}
	return in.Rule.Calendar
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
	}
	for _, e := range in.Events {
		switch {
		case !slices.Contains([]Kind{IdentityAsked, ClarificationAsked, FeeAsked, Extended}, e.Kind):
			return fault.New(fault.Invalid, "an event of the clock is of no known kind")
		case e.At.Before(in.ReceivedAt):
			return fault.New(fault.Invalid, "an event of the clock is before the receipt of the request")
		case e.Kind == Extended && !e.Answered.IsZero():
			return fault.New(fault.Invalid, "an extension has no answer")
		case !e.Answered.IsZero() && e.Answered.Before(e.At):
			return fault.New(fault.Invalid, "a question was answered before it was asked")
		}
	}
	return nil
}

// extension returns the extension among the events, nil when there is none, or why it does not hold.
func (in Input) extension() (*Event, error) {
	i := slices.IndexFunc(in.Events, func(e Event) bool { return e.Kind == Extended })
	if i < 0 {
		return nil, nil
	}
	e := &in.Events[i]
	rule := in.Rule.Extension
	switch {
	case rule == nil:
		return nil, fault.New(fault.Invalid, "the law has no extension for this right")
	case slices.ContainsFunc(in.Events[i+1:], func(e Event) bool { return e.Kind == Extended }):
		return nil, fault.New(fault.Invalid, "a request can be extended once")
	case !slices.Contains(rule.Reasons, e.Reason):
		return nil, fault.New(fault.Invalid, "an extension needs one of the reasons that the law allows")
	}
	// Only what had happened when the person was told can have moved the day of the notice.
	known := in
	known.AsOf = e.At
	notice := in.Rule.Response
	notice.Value, notice.Unit = rule.NoticeBy.Value, rule.NoticeBy.Unit
	if last := known.run(notice, in.Events[:i]); e.At.After(last.end(in.Zone)) {
		return nil, fault.New(fault.Invalid, "the first period had already ended: it is too late for an extension")
	}
	return e, nil
}
