package policy

import (
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// Calendar says on which days people work. The zero value has no name and is no calendar; a calendar with a name and
// nothing else has only working days.
type Calendar struct {
	Name     string
	Title    string
	Weekend  []time.Weekday
	Holidays map[civil.Date]bool
	Closed   []Range
	Covers   Range    // days whose holidays are known; zero: all. Outside, only weekends are, which gives the earlier date.
	hash     [32]byte // SHA-256 of its file; zero for a calendar made in code
}

// Range is the days from From to To, both included.
type Range struct{ From, To civil.Date }

// Contains reports whether d is one of the days.
func (r Range) Contains(d civil.Date) bool { return !d.Before(r.From) && !d.After(r.To) }

// IsZero reports whether c is no calendar.
func (c Calendar) IsZero() bool { return c.Name == "" }

// Working reports whether people work on the date.
func (c Calendar) Working(d civil.Date) bool {
	if slices.Contains(c.Weekend, d.Weekday()) || c.Holidays[d] {
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

// calendarFile is a calendar as written in YAML.
type calendarFile struct {
	SchemaVersion int            `yaml:"schema_version"`
	Name          string         `yaml:"name"`
	Title         string         `yaml:"title"`
	Weekend       []string       `yaml:"weekend"`
	Holidays      []civil.Date   `yaml:"holidays"`
	ClosedRanges  [][]civil.Date `yaml:"closed_ranges"` // pairs
	Covers        []civil.Date   `yaml:"covers"`        // pair
	Sources       []Source       `yaml:"sources"`
	Note          string         `yaml:"note"`
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWeekday reads the first three letters of an English weekday in lower case.
func ParseWeekday(s string) (d time.Weekday, ok bool) {
	i := slices.Index(weekdays, s)
	return time.Weekday(i), i >= 0
}
