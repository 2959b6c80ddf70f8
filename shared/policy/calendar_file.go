package policy

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// calendarFile is a calendar as written in YAML.
type calendarFile struct {
	SchemaVersion int          `yaml:"schema_version"`
	Name          string       `yaml:"name"`
	Title         string       `yaml:"title"`
	Weekend       []string     `yaml:"weekend"`
	Holidays      []civil.Date `yaml:"holidays"` // without names
	// Days is holidays with names, one a line: "2026-12-25 Christmas Day". A text and not a list, because a list of dates takes
	// the YAML library ten times as long. Holidays on the weekend may be left out.
	Days         string         `yaml:"days"`
	Workdays     []civil.Date   `yaml:"workdays"`
	ClosedRanges [][]civil.Date `yaml:"closed_ranges"` // pairs
	Covers       []civil.Date   `yaml:"covers"`        // pair
	Sources      []Source       `yaml:"sources"`
	Note         string         `yaml:"note"`
}

// listed is a calendar that has a file. It is read when it is first asked for: there is one for every place, an installation needs
// few of them, and a function reads them all whenever it starts.
type listed struct {
	hash [32]byte // SHA-256 of the file
	read func() (Calendar, error)
}

func newListed(r *reader, name string, content []byte) *listed {
	return &listed{
		hash: sha256.Sum256(content),
		read: sync.OnceValues(func() (Calendar, error) { return readCalendar(r, name, content) }),
	}
}

// Equal reports whether both have the same content.
func (l *listed) Equal(other *listed) bool { return l.hash == other.hash }

func readCalendar(r *reader, name string, content []byte) (Calendar, error) {
	var f calendarFile
	doc, err := r.read(name, content, nil, &f)
	if err != nil {
		return Calendar{}, err
	}
	if f.SchemaVersion != 1 {
		doc.fail("$.schema_version", "want 1")
	}
	if f.Name != strings.TrimSuffix(path.Base(name), ".yaml") {
		doc.fail("$.name", "the name must be the file's name")
	}
	var weekend []time.Weekday
	for i, w := range f.Weekend {
		day, ok := ParseWeekday(w)
		if !ok {
			doc.fail(fmt.Sprintf("$.weekend[%d]", i), "want one of mon, tue, wed, thu, fri, sat, sun")
		}
		weekend = append(weekend, day)
	}
	c, err := NewCalendar(f.Name, weekend, f.Holidays, f.closed(doc))
	if err != nil {
		doc.fail("$.name", err.Error())
		return Calendar{}, doc.err()
	}
	c.Title, c.Sources, c.Note, c.hash = f.Title, f.Sources, f.Note, sha256.Sum256(content)
	f.covers(doc, &c)
	f.days(doc, &c)
	f.workdays(doc, &c)
	return c, doc.err()
}

func (f calendarFile) closed(doc *document) (closed []Range) {
	for i, pair := range f.ClosedRanges {
		if len(pair) != 2 {
			doc.fail(fmt.Sprintf("$.closed_ranges[%d]", i), "want a pair of dates")
			continue
		}
		closed = append(closed, Range{pair[0], pair[1]})
	}
	return closed
}

// covers notes the days whose holidays are known. A range that is closed outside them would be one that nobody looks at.
func (f calendarFile) covers(doc *document, c *Calendar) {
	switch len(f.Covers) {
	case 0: // a calendar of weekdays alone knows every year
	case 2:
		c.Covers = Range{f.Covers[0], f.Covers[1]}
	default:
		doc.fail("$.covers", "want a pair of dates")
	}
	for i, r := range c.Closed {
		if !c.Knows(r.From) || !c.Knows(r.To) {
			doc.fail(fmt.Sprintf("$.closed_ranges[%d]", i), "the calendar does not cover this range")
		}
	}
	for i, d := range f.Holidays {
		if !c.Knows(d) {
			doc.fail(fmt.Sprintf("$.holidays[%d]", i), "the calendar does not cover this day")
		}
	}
}

func (f calendarFile) days(doc *document, c *Calendar) {
	var before civil.Date
	c.names = map[civil.Date]string{}
	for line := range strings.Lines(f.Days) {
		on, name, named := strings.Cut(strings.TrimSpace(line), " ")
		d, err := civil.Parse(on)
		switch {
		case err != nil || !named:
			doc.fail("$.days", "want lines of a date and a name")
			return
		case !before.Before(d):
			doc.fail("$.days", on+" is not after the day before it")
		case !c.Knows(d):
			doc.fail("$.days", "the calendar does not cover "+on)
		}
		before = d
		c.Holidays[d], c.names[d] = true, name
	}
}

func (f calendarFile) workdays(doc *document, c *Calendar) {
	c.Workdays = map[civil.Date]bool{}
	for i, d := range f.Workdays {
		if !c.Knows(d) || c.Working(d) || c.Holidays[d] {
			doc.fail(fmt.Sprintf("$.workdays[%d]", i), "want a day of the weekend that the calendar covers")
		}
		c.Workdays[d] = true
	}
}
