package clock

import (
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// asked is a question of the case with what the law makes of it.
type asked struct {
	event Event
	stop  policy.Stop
	until time.Time // when the answer came, or as far as an open question has waited
	open  bool
	late  bool // asked when the date had passed already
	moot  bool // it would move the date, but only guidance says so and the tenant is cautious
}

// run is one period being followed through the events of a case.
type run struct {
	period policy.Period
	zone   *time.Location
	cal    policy.Calendar
	start  time.Time
	origin *asked // what moved the start, nil when it is the receipt
	answer bool   // the period is that of the answer, not extended
	strict bool   // the day of the start event is the first of the period
	plain  bool   // the calendar was stripped of its holidays

	questions []asked
	pauses    []pause
	waits     []span // the same pauses as instants, for periods in hours
	waiting   []policy.StopEvent
}

type span struct{ from, to time.Time }

// run follows the period through the questions among the events, which are in the order of time. A question counts only if
// it was asked while the date, as it stood then, had not passed.
func (in Input) run(p policy.Period, events []Event) *run {
	r := &run{period: p, zone: in.Zone, cal: in.calendar(), start: in.ReceivedAt, plain: in.Cautious}
	for _, e := range events {
		if e.Kind == Extended || e.Kind == Granted {
			continue
		}
		q := asked{event: e, stop: in.Rule.Stop(policy.StopEvent(e.Kind)), open: e.Answered.IsZero(), until: e.Answered}
		if q.open || (!in.AsOf.IsZero() && q.until.After(in.AsOf)) {
			q.until = e.At
			if in.AsOf.After(e.At) {
				q.until = in.AsOf
			}
		}
		q.moot = in.Cautious && q.stop.Kind != policy.Statute
		r.take(q)
	}
	return r
}

// startEventOf says which start event the answer to a question is.
func startEventOf(e policy.StopEvent) policy.StartEvent {
	switch e {
	case policy.IdentityRequested:
		return policy.OnVerification
	case policy.FeeRequested:
		return policy.OnFee
	default:
		return ""
	}
}

func (r *run) take(q asked) {
	restarts := r.restarts(q)
	moves := !q.event.Belated && (restarts || (q.stop.Effect == policy.Pause && !q.moot))
	q.late = moves && q.event.At.After(r.end())
	r.questions = append(r.questions, q)
	if !moves || q.late {
		return
	}
	if q.open && !slices.Contains(r.waiting, q.stop.Event) {
		r.waiting = append(r.waiting, q.stop.Event)
	}
	if restarts {
		if q.until.After(r.start) {
			r.start, r.origin = q.until, &q
		}
		return
	}
	r.pauses = append(r.pauses, pause{civil.In(q.event.At, r.zone), civil.In(q.until, r.zone), q.stop.DayCount})
	r.waits = append(r.waits, span{q.event.At, q.until})
}

// restarts reports whether the period runs from the answer to the question.
func (r *run) restarts(q asked) bool {
	return r.period.Waits(startEventOf(q.stop.Event)) || (q.stop.Effect == policy.RestartAtReceipt && !q.moot)
}

func (r *run) startDate() civil.Date { return civil.In(r.start, r.zone) }

// excluded returns the number of days that do not count.
func (r *run) excluded() int { return excluded(r.startDate(), r.period.Unit, r.pauses, r.cal) }

// unrolled returns the last day of the period with the days that do not count added.
func (r *run) unrolled() civil.Date {
	if r.period.Unit == policy.Hours {
		return civil.In(r.instant(), r.zone)
	}
	return r.counted(add(r.startDate(), r.period.Amount(), r.excluded(), r.cal))
}

// uncounted returns the last day of the period if every day counted.
func (r *run) uncounted() civil.Date { return add(r.startDate(), r.period.Amount(), 0, r.cal) }

// counted takes off the day that a period "beginning with" a day is shorter by.
func (r *run) counted(last civil.Date) civil.Date {
	if r.strict && r.period.Value > 0 {
		return last.AddDays(-1)
	}
	return last
}

// end returns the last instant of the period, not rolled.
func (r *run) end() time.Time {
	if r.period.Unit == policy.Hours {
		return r.instant()
	}
	return r.unrolled().End(r.zone)
}

// instant returns the end of a period in hours: elapsed hours from the start, and the elapsed time of the pauses, each
// moment once.
func (r *run) instant() time.Time {
	at := r.start.Add(time.Duration(r.period.Value) * time.Hour)
	reached := r.start
	for _, w := range r.waits { // in the order of their beginnings
		from := w.from
		if from.Before(reached) {
			from = reached
		}
		if w.to.After(from) {
			at, reached = at.Add(w.to.Sub(from)), w.to
		}
	}
	return at
}
