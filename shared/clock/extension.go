package clock

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// granted is the extension of a case. The zero value is none.
type granted struct {
	event Event
	holds bool
	why   string // code of the step that says why it does not hold
}

// unheld returns the extension when a reason must say why it does not count, else none.
func (g granted) unheld() granted {
	if g.holds {
		return granted{}
	}
	return g
}

// extension returns the extension among the events, which are in order, or why it does not hold.
func (in Input) extension() (granted, error) {
	i := slices.IndexFunc(in.Events, func(e Event) bool { return e.Kind == Extended })
	if i < 0 {
		return granted{}, nil
	}
	if slices.ContainsFunc(in.Events[i+1:], func(e Event) bool { return e.Kind == Extended }) {
		return granted{}, fault.New(fault.Invalid, "a request can be extended once")
	}
	g := granted{event: in.Events[i]}
	why, text := in.unextended(g.event, in.Events[:i])
	switch {
	case text == "":
		g.holds = true
		return g, nil
	case in.forgiving:
		g.why = why
		return g, nil
	default:
		return granted{}, fault.New(fault.Invalid, text)
	}
}

// unextended says why the extension does not hold, as the code of a step and for whoever asked for it; nothing when it does.
// before are the events up to it.
func (in Input) unextended(e Event, before []Event) (code, text string) {
	rule := in.Rule.Extension
	switch {
	case rule == nil:
		return "extension_unknown", "the law has no extension for this right"
	case !slices.Contains(rule.Reasons, e.Reason):
		return "extension_reason", "an extension needs one of the reasons that the law allows"
	case !rule.Open && !e.Until.IsZero():
		return "extension_unknown", "the law says how long an extension is"
	}
	// Only what had happened when the person was told can have moved the day of the notice. What the law allows holds for the
	// cautious too.
	known := in
	known.AsOf, known.Cautious = e.At, false
	if e.At.After(known.answer(rule.NoticeBy, before).end()) {
		return "extension_late", "the first period had already ended: it is too late for an extension"
	}
	if !rule.Open {
		return "", ""
	}
	first := known.answer(in.Rule.Response.Amount(), before).deadline(known, "", granted{}, true)
	if !e.Until.After(first.Date) {
		return "extension_unknown", "an extension of this law needs a date after the first one"
	}
	return "", ""
}

// extended returns the deadline of the answer with an extension that holds. first is the deadline without it.
func (in Input) extended(g granted, first Deadline) (*run, Deadline) {
	rule := in.Rule.Extension
	if !rule.Open {
		r := in.answer(rule.Total, in.Events)
		return r, r.deadline(in, rule.Basis, g, true)
	}
	r := in.answer(in.Rule.Response.Amount(), in.Events)
	told := g.event.At
	if first.Date.After(g.event.Until) {
		last := len(first.Steps) - 1
		s := steps(slices.Clone(first.Steps[:last]))
		s.add(rule.Basis, "extended_past", r.date(told), g.event.Until)
		s = append(s, first.Steps[last])
		s[last+1].N++
		return r, Deadline{Date: first.Date, At: first.At, Steps: s}
	}
	// The person was told this very day, so nothing moves it: no pause, no roll.
	s := r.beginning(in.ReceivedAt)
	s.add(rule.Basis, "extended_open", r.date(told), g.event.Until)
	s.add("", "ends", g.event.Until, r.zone)
	r.waiting = nil
	return r, Deadline{Date: g.event.Until, At: g.event.Until.End(r.zone), Steps: s}
}

// step says what the extension does to a period, of which last is the last day if every day counted. It is silent for none.
func (g granted) step(s *steps, r *run, basis string) {
	told := r.date(g.event.At)
	switch {
	case !g.holds:
		s.add(basis, g.why, told)
	case r.period.Unit == policy.Hours:
		s.add(basis, "extended_hours", told, r.period.Amount())
	default:
		s.add(basis, "extended", told, r.period.Amount(), r.uncounted())
	}
}
