package clock

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// steps collects the sentences of a reason.
type steps []Step

func (s *steps) add(citation, format string, args ...any) {
	*s = append(*s, Step{N: len(*s) + 1, Text: fmt.Sprintf(format, args...), Citation: citation})
}

// deadline turns a run into a date with its reason. The basis is the law behind the period; a period in hours never rolls.
func (r *run) deadline(in Input, basis string, extension *Event, mayRoll bool) Deadline {
	var s steps
	s.add("", "The request arrived on %s (time zone %s).", civil.In(in.ReceivedAt, r.zone).Words(), r.zone)
	if r.origin != nil {
		r.originStep(&s)
	}
	r.periodStep(&s, basis, extension)
	r.questionSteps(&s)
	due := r.unrolled()
	if mayRoll && r.period.Unit != policy.Hours && in.Rule.Roll.Rule == policy.RollNextBusinessDay {
		if rolled := roll(due, r.cal); rolled != due {
			s.add(in.Rule.Roll.Basis, "%s is %s, so the date moves to the next working day, %s.", due.Words(), r.cal.Why(due), rolled.Words())
			due = rolled
		}
	}
	if r.period.Unit == policy.Hours {
		at := r.instant()
		s.add("", "The last moment is %s in %s.", at.In(r.zone).Format("15:04:05 on Monday 2 January 2006"), r.zone)
		return Deadline{Date: due, At: at.UTC(), Steps: s}
	}
	s.add("", "The last moment is the end of %s in %s.", due.Words(), r.zone)
	return Deadline{Date: due, At: due.End(r.zone), Steps: s}
}

// originStep says why the time does not run from the receipt.
func (r *run) originStep(s *steps) {
	thing, on := what(r.origin.stop.Event), r.date(r.origin.event).Words()
	if r.origin.open {
		s.add(r.origin.stop.Basis, "We asked for %s on %s and have no answer yet. The time runs from the day of the answer; this date is as if it were %s.", thing, on, r.startDate().Words())
		return
	}
	s.add(r.origin.stop.Basis, "We asked for %s on %s. The time runs from %s, when we had the answer.", thing, on, r.startDate().Words())
}

func (r *run) date(e Event) civil.Date { return civil.In(e.At, r.zone) }

// periodStep says how long the period is and where it would end if every day counted.
func (r *run) periodStep(s *steps, basis string, extension *Event) {
	amount := r.period.Amount()
	text := "The law gives us " + InWords(amount)
	switch {
	case extension != nil:
		text = fmt.Sprintf("On %s we told you that we need longer. Counted from the first day, the whole time is %s", r.date(*extension).Words(), InWords(amount))
	case r.period.Kind == policy.Policy:
		text = "The law sets no time; we allow ourselves " + InWords(amount)
	}
	if amount.Unit == policy.Hours {
		s.add(basis, "%s from that moment.", text)
		return
	}
	last := add(r.startDate(), amount, 0, r.cal)
	if extension == nil {
		text += " from that day"
	}
	text += fmt.Sprintf(": until %s.", last.Words())
	if amount.Unit == policy.CalendarMonths && last.Day != r.startDate().Day {
		text += fmt.Sprintf(" %s has no day %d, so its last day counts.", last.Month, r.startDate().Day)
	}
	s.add(basis, "%s", text)
}

// questionSteps says what the questions did to the date.
func (r *run) questionSteps(s *steps) {
	var stretches, bases []string
	for _, q := range r.questions {
		on, thing := r.date(q.event).Words(), what(q.stop.Event)
		switch {
		case q.late:
			s.add("", "We asked for %s on %s, when the date had passed. That does not move it.", thing, on)
		case q.stop.Effect == policy.RefuseUntilPaid:
			s.add(q.stop.Basis, "We asked for %s on %s. We may wait for it, and the date stays.", thing, on)
		case q.stop.Effect == policy.Pause && !r.period.Waits(startEventOf(q.stop.Event)):
			stretches = append(stretches, fmt.Sprintf("%s, asked for on %s, which %s %s", thing, on, came(q), civil.In(q.until, r.zone).Words()))
			if !slices.Contains(bases, q.stop.Basis) {
				bases = append(bases, q.stop.Basis)
			}
		case q.stop.Effect == policy.NoEffect:
			s.add(q.stop.Basis, "We asked for %s on %s. That does not move the date.", thing, on)
		}
	}
	if len(stretches) == 0 {
		return
	}
	waited := "We waited for " + strings.Join(stretches, "; and for ") + "."
	if r.period.Unit == policy.Hours {
		s.add(strings.Join(bases, "; "), "%s That time does not count.", waited)
		return
	}
	unit := policy.CalendarDays
	if r.period.Unit == policy.BusinessDays {
		unit = policy.BusinessDays
	}
	s.add(strings.Join(bases, "; "), "%s That adds %s: until %s.", waited, InWords(policy.Amount{Value: r.excluded(), Unit: unit}), r.unrolled().Words())
}

func came(q asked) string {
	if q.open {
		return "had not come by"
	}
	return "came on"
}

func what(e policy.StopEvent) string {
	switch e {
	case policy.IdentityRequested:
		return "proof of identity"
	case policy.FeeRequested:
		return "a fee"
	default:
		return "more detail"
	}
}

// InWords returns an amount in English words: "1 month", "10 business days", "72 hours".
func InWords(a policy.Amount) string {
	name := map[policy.Unit]string{policy.CalendarDays: "day", policy.BusinessDays: "business day", policy.CalendarMonths: "month", policy.Hours: "hour"}[a.Unit]
	if a.Value != 1 {
		name += "s"
	}
	return fmt.Sprintf("%d %s", a.Value, name)
}
