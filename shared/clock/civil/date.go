package civil

import (
	"cmp"
	"fmt"
	"sort"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Date is a day of the Gregorian calendar. The zero value is no date; see IsZero. Dates compare with ==.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

const layout = "2006-01-02"

// New returns the date, or fault.Invalid when the calendar has no such day or the year is outside 1 to 9999.
func New(year int, month time.Month, day int) (Date, error) {
	d := Date{year, month, day}
	if year < 1 || year > 9999 || month < time.January || month > time.December || day < 1 || day > daysIn(year, month) {
		return Date{}, fault.New(fault.Invalid, "this is not a day of the calendar")
	}
	return d, nil
}

// Parse reads YYYY-MM-DD. The error is fault.Invalid.
func Parse(s string) (Date, error) {
	t, err := time.Parse(layout, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fault.New(fault.Invalid, "want a date as YYYY-MM-DD")
	}
	return fromUTC(t), nil
}

// In returns the date that a calendar on the wall in the zone shows at the instant.
func In(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// IsZero reports whether d is no date.
func (d Date) IsZero() bool { return d == Date{} }

// AddDays returns the date n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date { return fromUTC(d.utc().AddDate(0, 0, n)) }

// AddMonths returns the date n months later with the same day number, or the last day of that month when it has no such
// day: 31 January plus one month is 28 or 29 February. time.Time.AddDate would give 2 or 3 March.
func (d Date) AddMonths(n int) Date {
	first := time.Date(d.Year, d.Month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return Date{first.Year(), first.Month(), min(d.Day, daysIn(first.Year(), first.Month()))}
}

// Sub returns the number of days from o to d; negative when d is before o.
func (d Date) Sub(o Date) int { return int(d.utc().Sub(o.utc()) / (24 * time.Hour)) }

// Compare returns -1, 0 or 1 as d is before, the same as or after o.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

// Before reports whether d is before o.
func (d Date) Before(o Date) bool { return d.Compare(o) < 0 }

// After reports whether d is after o.
func (d Date) After(o Date) bool { return d.Compare(o) > 0 }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// End returns the last millisecond of the date in the zone, as a UTC instant. On a day whose last hour is repeated by a
// change of the clocks it is the end of the second one. For a day that the zone left out (Apia, 30 December 2011) it is the
// end of the day before.
func (d Date) End(zone *time.Location) time.Time {
	// Offsets have never been further than 16 hours from UTC, so the date ends somewhere in these 56 hours; asking the zone
	// itself is the only way that is right for every change of the clocks at midnight.
	from := d.utc().Add(-16 * time.Hour)
	ms := sort.Search(int(56*time.Hour/time.Millisecond), func(i int) bool {
		return In(from.Add(time.Duration(i)*time.Millisecond), zone).After(d)
	})
	return from.Add(time.Duration(ms-1) * time.Millisecond)
}

// String returns YYYY-MM-DD, and the empty text for the zero date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// Words returns the date as an English letter writes it: "Tuesday 1 March 2027".
func (d Date) Words() string {
	return fmt.Sprintf("%s %d %s %d", d.Weekday(), d.Day, d.Month, d.Year)
}

// MarshalText writes YYYY-MM-DD, and nothing for the zero date.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

func fromUTC(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// daysIn relies on day 0 of the next month being the last day of this one.
func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
