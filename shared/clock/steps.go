package clock

import (
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// steps collects the sentences of a reason.
type steps []Step

func (s *steps) add(citation, code string, values ...any) {
	step := sentence(citation, code, values...)
	step.N = len(*s) + 1
	*s = append(*s, step)
}

// deadline turns a run into a date with its reason. The basis is the law behind the period; a period in hours never rolls.
func (r *run) deadline(in Input, basis string, extension *Event, mayRoll bool) Deadline {
	var s steps
	s.add("", "received", civil.In(in.ReceivedAt, r.zone), r.zone)
	if r.origin != nil {
		r.originStep(&s)
	}
	r.periodStep(&s, basis, extension)
	r.questionSteps(&s)
	due := r.unrolled()
	if r.period.Unit == policy.Hours {
		at := r.instant()
		s.add("", "ends_at", at.In(r.zone), r.zone)
		return Deadline{Date: due, At: at.UTC(), Steps: s}
	}
	if mayRoll && in.Rule.Roll.Rule == policy.RollNextBusinessDay {
		if rolled := roll(due, r.cal); rolled != due {
			s.add(in.Rule.Roll.Basis, rolledBecause(due, r.cal), due, rolled)
			due = rolled
		}
	}
	s.add("", "ends", due, r.zone)
	return Deadline{Date: due, At: due.End(r.zone), Steps: s}
}

// rolledBecause is the code of the step that moves a date off a day.
func rolledBecause(d civil.Date, cal policy.Calendar) string {
	switch {
	case slices.Contains(cal.Weekend, d.Weekday()):
		return "rolled_weekend"
	case cal.Holidays[d]:
		return "rolled_holiday"
	default:
		return "rolled_closed"
	}
}

// originStep says why the time does not run from the receipt.
func (r *run) originStep(s *steps) {
	code := "restarted"
	if r.origin.open {
		code = "restarted_open"
	}
	s.add(r.origin.stop.Basis, code, r.origin.stop.Event, r.date(r.origin.event), r.startDate())
}

func (r *run) date(e Event) civil.Date { return civil.In(e.At, r.zone) }

// periodStep says how long the period is and where it would end if every day counted.
func (r *run) periodStep(s *steps, basis string, extension *Event) {
	amount := r.period.Amount()
	last := add(r.startDate(), amount, 0, r.cal)
	hours := amount.Unit == policy.Hours
	switch {
	case extension != nil && hours:
		s.add(basis, "extended_hours", r.date(*extension), amount)
	case extension != nil:
		s.add(basis, "extended", r.date(*extension), amount, last)
	case hours && r.period.Kind == policy.Policy:
		s.add(basis, "period_own_hours", amount)
	case hours:
		s.add(basis, "period_hours", amount)
	case r.period.Kind == policy.Policy:
		s.add(basis, "period_own", amount, last)
	default:
		s.add(basis, "period", amount, last)
	}
	if amount.Unit == policy.CalendarMonths && last.Day != r.startDate().Day {
		s.add("", "month_end", strconv.Itoa(r.startDate().Day))
	}
}

// questionSteps says what the questions did to the date.
func (r *run) questionSteps(s *steps) {
	var bases []string
	for _, q := range r.questions {
		on, e := r.date(q.event), q.stop.Event
		switch {
		case q.late:
			s.add("", "question_late", e, on)
		case q.stop.Effect == policy.RefuseUntilPaid:
			s.add(q.stop.Basis, "question_unpaid", e, on)
		case q.stop.Effect == policy.Pause && !r.period.Waits(startEventOf(e)):
			if code := "waited"; q.open {
				s.add(q.stop.Basis, code+"_open", e, on, civil.In(q.until, r.zone))
			} else {
				s.add(q.stop.Basis, code, e, on, civil.In(q.until, r.zone))
			}
			if !slices.Contains(bases, q.stop.Basis) {
				bases = append(bases, q.stop.Basis)
			}
		case q.stop.Effect == policy.NoEffect:
			s.add(q.stop.Basis, "question_no_effect", e, on)
		}
	}
	if len(bases) == 0 {
		return
	}
	basis := strings.Join(bases, "; ")
	if r.period.Unit == policy.Hours {
		s.add(basis, "waits_add_hours")
		return
	}
	unit := policy.CalendarDays
	if r.period.Unit == policy.BusinessDays {
		unit = policy.BusinessDays
	}
	s.add(basis, "waits_add", policy.Amount{Value: r.excluded(), Unit: unit}, r.unrolled())
}
