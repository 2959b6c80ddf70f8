package pages

import (
	"strconv"
	"strings"
	"time"
)

// LawHoliday is a day on which nobody works, and why.
type LawHoliday struct {
	At   time.Time
	Name string
}

// LawRange is days in a row on which nobody works, both included.
type LawRange struct{ From, To time.Time }

// LawYear is a year that can be looked at.
type LawYear struct {
	Year int
	URL  string
}

// LawCalendar is the days of one year on which people work. Known is false for a year whose holidays nobody listed: only weekends
// count then.
type LawCalendar struct {
	Title    string
	Year     int
	Years    []LawYear
	Known    bool
	Holidays []LawHoliday
	Workdays []LawHoliday // days of the weekend that are worked
	Closed   []LawRange
	Free     []LawFreeDay // every day on which nobody works, in order
	Note     string
	Sources  []LawSource
}

// LawFreeDay is one day of the picture. Kind is weekend, holiday or closed.
type LawFreeDay struct {
	Month, Day int
	Kind       string
}

// The picture has a line for each month and a column for each day, in units of its view box.
const (
	cell       = 14
	cellMargin = 36 // for the names of the months
)

// YearPicture is the year drawn: one path for each kind of day. The list of holidays below it says the same.
type YearPicture struct {
	Box    string
	Days   string // every month from its first to its last day
	Paths  []yearPath
	Months []yearMonth
}

// yearPath is the days of one kind, and one more below the year that stands beside the name of the kind at X, Y.
type yearPath struct{ Kind, Class, D, X, Y string }

type yearMonth struct {
	Month int
	Y     string
}

// Picture draws the year.
func (c LawCalendar) Picture() YearPicture {
	out := YearPicture{Box: "0 0 " + strconv.Itoa(cellMargin+31*cell) + " " + strconv.Itoa(14*cell)}
	var all strings.Builder
	for m := 1; m <= 12; m++ {
		out.Months = append(out.Months, yearMonth{m, strconv.Itoa(m*cell - 3)})
		last := time.Date(c.Year, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
		square(&all, m, 1, last)
	}
	out.Days = all.String()
	for _, kind := range []struct{ name, class string }{{"weekend", "hatch"}, {"holiday", "elapsed"}, {"closed", "m-today"}} {
		var d strings.Builder
		for _, one := range c.Free {
			if one.Kind == kind.name {
				square(&d, one.Month, one.Day, 1)
			}
		}
		if d.Len() > 0 {
			key := 1 + 10*len(out.Paths)
			square(&d, 14, key, 1)
			out.Paths = append(out.Paths, yearPath{kind.name, kind.class, d.String(), strconv.Itoa(cellMargin + key*cell + 4), strconv.Itoa(14*cell - 3)})
		}
	}
	return out
}

// square adds days in a row to a path, a little smaller than their cells.
func square(d *strings.Builder, month, day, days int) {
	width := strconv.Itoa(days*cell - 1)
	d.WriteString("M" + strconv.Itoa(cellMargin+(day-1)*cell) + " " + strconv.Itoa((month-1)*cell) + "h" + width + "v" + strconv.Itoa(cell-1) + "h-" + width + "z")
}
