package clock

import (
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// pause is a stretch of days that do not count, from the day of asking to the day of the answer.
type pause struct {
	from, to civil.Date
	count    policy.DayCount
}

// excluded returns how many different days of the pauses do not count for a period that runs from start. A pause cannot
// take away days before the period began. A period of business days loses business days, any other loses calendar days.
func excluded(start civil.Date, unit policy.Unit, pauses []pause, cal policy.Calendar) int {
	days := map[civil.Date]bool{}
	for _, p := range pauses {
		d := p.from
		if p.count == policy.ExclusiveOfFirstDay {
			d = d.AddDays(1)
		}
		if d.Before(start) {
			d = start
		}
		for ; !d.After(p.to); d = d.AddDays(1) {
			if unit != policy.BusinessDays || cal.Working(d) {
				days[d] = true
			}
		}
	}
	return len(days)
}

// add returns the last day of the amount counted from start, followed by extra days that do not count. The day of the start
// event is never counted: day 1 of calendar days is the next day, day 1 of business days the next business day.
func add(start civil.Date, a policy.Amount, extra int, cal policy.Calendar) civil.Date {
	switch a.Unit {
	case policy.CalendarMonths:
		return start.AddMonths(a.Value).AddDays(extra)
	case policy.BusinessDays:
		d := start
		for n := a.Value + extra; n > 0; {
			if d = d.AddDays(1); cal.Working(d) {
				n--
			}
		}
		return d
	default:
		return start.AddDays(a.Value + extra)
	}
}

// roll returns the first working day on or after d. Every calendar has one, because no weekend has seven days and holidays
// and closed ranges end.
func roll(d civil.Date, cal policy.Calendar) civil.Date {
	for !cal.Working(d) {
		d = d.AddDays(1)
	}
	return d
}
