package policy

import (
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// Calendar says on which days people work. The zero value has no name and is no calendar; a calendar with a name and
// nothing else has only working days. Calendars are shared: treat every field as read-only.
type Calendar struct {
	Name     string
	Title    string
	Weekend  []time.Weekday
	Holidays map[civil.Date]bool
	Workdays map[civil.Date]bool // days of the weekend that are worked, in exchange for another day
	Closed   []Range
	// Covers is the days whose holidays are known; zero: all. Outside, only weekends are: a holiday nobody listed counts as a
	// working day, so a period of business days ends sooner and a date is not moved on. The earlier date is the safe one.
	Covers  Range
	Sources []Source
	Note    string
	names   map[civil.Date]string // of holidays, in English
	hash    [32]byte              // SHA-256 of its file; zero for a calendar made in code
}

// Range is the days from From to To, both included.
type Range struct{ From, To civil.Date }

// Contains reports whether d is one of the days.
func (r Range) Contains(d civil.Date) bool { return !d.Before(r.From) && !d.After(r.To) }

// IsZero reports whether c is no calendar.
func (c Calendar) IsZero() bool { return c.Name == "" }

// Knows reports whether the holidays around the date are known. Where they are not, only weekends count.
func (c Calendar) Knows(d civil.Date) bool { return c.Covers == Range{} || c.Covers.Contains(d) }

// Working reports whether people work on the date.
func (c Calendar) Working(d civil.Date) bool {
	weekend := slices.Contains(c.Weekend, d.Weekday())
	switch {
	case !c.Knows(d):
		return !weekend
	case c.Workdays[d]:
		return true
	case weekend, c.Holidays[d]:
		return false
	}
	return !slices.ContainsFunc(c.Closed, func(r Range) bool { return r.Contains(d) })
}

// Why says in English what kind of day it is when people do not work; the empty text on a working day.
func (c Calendar) Why(d civil.Date) string {
	switch {
	case c.Working(d):
		return ""
	case slices.Contains(c.Weekend, d.Weekday()):
		return "not a working day"
	default:
		return "a public holiday"
	}
}

// Holiday returns the English name of the public holiday on the date; the empty text when there is none, or none with a name.
func (c Calendar) Holiday(d civil.Date) string {
	if !c.Knows(d) {
		return ""
	}
	return c.names[d]
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWeekday reads the first three letters of an English weekday in lower case.
func ParseWeekday(s string) (d time.Weekday, ok bool) {
	i := slices.Index(weekdays, s)
	return time.Weekday(i), i >= 0
}
