package clock

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

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

// beginning says when the request arrived and, when the time does not run from there, from when it does and why.
func (r *run) beginning(received time.Time) steps {
	var s steps
	s.add("", "received", civil.In(received, r.zone), r.zone)
	if r.origin == nil {
		return s
	}
	code := "restarted"
	switch {
	case r.origin.open:
		code = "restarted_open"
	case r.origin.event.Dropped:
		code = "restarted_dropped"
	}
	s.add(r.origin.stop.Basis, code, r.origin.stop.Event, r.date(r.origin.event.At), r.startDate())
	return s
}

func (r *run) date(t time.Time) civil.Date { return civil.In(t, r.zone) }

// deadline turns a run into a date with its reason. The basis is the law behind the period; a period in hours never rolls. An
// extension either holds, and the period is the whole one, or the reason says why it does not.
func (r *run) deadline(in Input, basis string, extension granted, mayRoll bool) Deadline {
	s := r.beginning(in.ReceivedAt)
	if in.Rule.WithProcessor && r.answer && !extension.holds {
		s.add(basis, "processor")
	}
	if extension.holds {
		extension.step(&s, r, basis)
	} else {
		r.periodStep(&s, basis, in.Rule.Published && r.answer)
		if extension.why != "" {
			extension.step(&s, r, "")
		}
	}
	r.arithmeticSteps(&s)
	r.questionSteps(&s)
	return r.finish(&s, in.Rule.Roll, mayRoll)
}

// finish rolls the date and says where it ends.
func (r *run) finish(s *steps, rule policy.Roll, mayRoll bool) Deadline {
	due := r.unrolled()
	if r.period.Unit == policy.Hours {
		at := r.instant()
		s.add("", "ends_at", at.In(r.zone), r.zone)
		return Deadline{Date: due, At: at.UTC(), Steps: *s}
	}
	rolls := mayRoll && rule.Rule == policy.RollNextBusinessDay
	if rolled := roll(due, r.cal); rolls && rolled != due {
		if r.plain {
			s.add("", "not_rolled", due)
		} else {
			s.add(rule.Basis, rolledBecause(due, r.cal), due, rolled)
			due = rolled
		}
	}
	if (rolls || r.period.Unit == policy.BusinessDays) && !r.knows(due) {
		s.add("", "calendar_ends")
	}
	s.add("", "ends", due, r.zone)
	return Deadline{Date: due, At: due.End(r.zone), Steps: *s}
}

// knows reports whether the calendar has the holidays of every day that decided the date: those up to it for business days, its
// own otherwise. Whoever leaves holidays out needs none.
func (r *run) knows(due civil.Date) bool {
	from := due
	if r.period.Unit == policy.BusinessDays {
		from = r.startDate()
	}
	return r.plain || (r.cal.Knows(from) && r.cal.Knows(due))
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

// periodStep says how long the period is and where it would end if every day counted.
func (r *run) periodStep(s *steps, basis string, published bool) {
	amount, last := r.period.Amount(), r.uncounted()
	hours, own := amount.Unit == policy.Hours, r.period.Kind == policy.Policy
	switch {
	case hours && own:
		s.add(basis, "period_own_hours", amount)
	case hours:
		s.add(basis, "period_hours", amount)
	case amount.Value == 0:
		s.add(basis, "period_at_once", last)
	case published:
		s.add(basis, "period_published", amount, last)
	case own:
		s.add(basis, "period_own", amount, last)
	default:
		s.add(basis, "period", amount, last)
	}
}

// arithmeticSteps says what is special about the count.
func (r *run) arithmeticSteps(s *steps) {
	unit, start := r.period.Unit, r.startDate()
	if unit == policy.CalendarMonths && r.uncounted().Day != start.Day {
		s.add("", "month_end", strconv.Itoa(start.Day))
	}
	if unit == policy.BusinessDays && r.plain {
		s.add("", "weekends_only")
	}
	if unit == policy.BusinessDays && !r.plain {
		s.add("", "working_days", cmp.Or(r.cal.Title, r.cal.Name))
	}
	if r.strict && r.period.Value > 0 && unit != policy.Hours {
		s.add("", "cautious_day", r.counted(r.uncounted()))
	}
}

// questionSteps says what the questions did to the date.
func (r *run) questionSteps(s *steps) {
	var bases []string
	for _, q := range r.questions {
		on, e := r.date(q.event.At), q.stop.Event
		switch {
		case q.late:
			s.add("", "question_late", e, on)
		case q.event.Belated:
			s.add(q.stop.Basis, "question_belated", e, on)
		case r.restarts(q): // the beginning has the one that counts
		case q.stop.Effect == policy.RefuseUntilPaid:
			s.add(q.stop.Basis, "question_unpaid", e, on)
		case q.stop.Effect == policy.NoEffect:
			s.add(q.stop.Basis, "question_no_effect", e, on)
		case q.moot:
			s.add(q.stop.Basis, "question_cautious", e, on)
		default:
			s.add(q.stop.Basis, waited(q), e, on, r.date(q.until))
			if !slices.Contains(bases, q.stop.Basis) {
				bases = append(bases, q.stop.Basis)
			}
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

// waited is the code of the step for a wait.
func waited(q asked) string {
	switch {
	case q.open:
		return "waited_open"
	case q.event.Dropped:
		return "waited_dropped"
	default:
		return "waited"
	}
}
