package pages

import (
	"fmt"
	"slices"
	"time"
)

// strip is the clock drawn to scale: positions are percentages of the width, so that the drawing follows the page while
// its lettering keeps its size. Facts are the same in words, in the order of time.
type strip struct {
	Track, Elapsed, Extension bar // a zero Width is not drawn
	Stops                     []bar
	Ticks                     []mark
	Marks                     []mark
	Rows                      []row // one for each of several laws, below
	Height                    int   // of the drawing, in pixels
	Facts                     []stripFact
}

// row is the line of one law. Top is where it begins, in pixels.
type row struct {
	Law     string
	Governs bool
	Top     int
	Line    bar
	End     mark
}

// The heights of the drawing, in pixels: its own, and of each row below.
const stripHeight, rowHeight = 64, 34

type bar struct{ X, Width string }

// mark is a point on the strip. Kind is received, due, extended, today, settled or that of a tick; Anchor keeps its label inside,
// and a mark that is Quiet has none, because that of its neighbour needs the room.
type mark struct {
	Kind, X, Anchor string
	Quiet           bool
}

// stripFact is one line of the list below the strip; Kind is that of the mark, or stop.
type stripFact struct {
	Kind string
	At   time.Time
	To   time.Time // of a stop; zero = still standing
	Note string
}

// The drawing keeps clear of both edges by this share of its width, in percent.
const stripMargin = 2.0

type scale struct{ from, to time.Time }

// at returns the place of t in percent of the width, kept within the margins.
func (s scale) at(t time.Time) float64 {
	share := float64(t.Sub(s.from)) / float64(max(s.to.Sub(s.from), time.Second))
	return stripMargin + min(max(share, 0), 1)*(100-2*stripMargin)
}

func (s scale) bar(from, to time.Time) bar {
	a, b := s.at(from), s.at(to)
	if b <= a {
		return bar{}
	}
	return bar{X: percent(a), Width: percent(b - a)}
}

func (s scale) mark(kind string, t time.Time) mark {
	x, anchor := s.at(t), "middle"
	if x < 12 {
		anchor = "start"
	}
	if x > 88 {
		anchor = "end"
	}
	return mark{Kind: kind, X: percent(x), Anchor: anchor}
}

func percent(f float64) string { return fmt.Sprintf("%.1f%%", f) }

func latest(ts ...time.Time) time.Time {
	var l time.Time
	for _, t := range ts {
		if t.After(l) {
			l = t
		}
	}
	return l
}

// strip lays out a clock. A clock without both a receipt and a due date has facts but no drawing (Marks is empty).
func (*words) strip(now time.Time, c Clock) strip {
	var s strip
	s.Facts = clockFacts(now, c)
	if c.ReceivedAt.IsZero() || c.DueAt.IsZero() {
		return s
	}
	today := now
	if !c.SettledAt.IsZero() {
		today = c.SettledAt
	}
	sc := scale{from: c.ReceivedAt, to: latest(c.DueAt, c.ExtendedTo, today)}
	for _, l := range c.Laws {
		sc.to = latest(sc.to, l.DueAt)
	}
	for _, t := range c.Ticks {
		sc.to = latest(sc.to, t.At)
	}
	s.Track = sc.bar(c.ReceivedAt, c.DueAt)
	s.Elapsed = sc.bar(c.ReceivedAt, today)
	if c.ExtendedTo.After(c.DueAt) {
		s.Extension = sc.bar(c.DueAt, c.ExtendedTo)
	}
	for _, stop := range c.Stops {
		to := stop.To
		if to.IsZero() {
			to = today
		}
		if b := sc.bar(stop.From, to); b.Width != "" {
			s.Stops = append(s.Stops, b)
		}
	}
	s.points(sc, c, today)
	return s
}

// points marks the dates, and draws the laws below when there are several.
func (s *strip) points(sc scale, c Clock, today time.Time) {
	for _, t := range c.Ticks {
		if !t.At.IsZero() {
			s.Ticks = append(s.Ticks, sc.mark(t.Kind, t.At))
		}
	}
	s.Marks = append(s.Marks, sc.mark("received", c.ReceivedAt), sc.mark("due", c.DueAt))
	if !c.ExtendedTo.IsZero() {
		// On a phone "extended to" takes a quarter of the width.
		s.Marks[1].Quiet = sc.at(c.ExtendedTo)-sc.at(c.DueAt) < 25
		s.Marks = append(s.Marks, sc.mark("extended", c.ExtendedTo))
	}
	kind := "today"
	if !c.SettledAt.IsZero() {
		kind = "settled"
	}
	s.Marks = append(s.Marks, sc.mark(kind, today))
	s.Height = stripHeight
	for _, l := range c.Laws {
		s.Rows = append(s.Rows, row{Law: l.Law, Governs: l.Governs, Top: s.Height, Line: sc.bar(c.ReceivedAt, l.DueAt), End: sc.mark("due", l.DueAt)})
		s.Height += rowHeight
	}
}

func clockFacts(now time.Time, c Clock) []stripFact {
	var f []stripFact
	if !c.ReceivedAt.IsZero() {
		f = append(f, stripFact{Kind: "received", At: c.ReceivedAt})
	}
	for _, s := range c.Stops {
		f = append(f, stripFact{Kind: "stop", At: s.From, To: s.To, Note: s.Why})
	}
	if c.SettledAt.IsZero() && !now.IsZero() {
		f = append(f, stripFact{Kind: "today", At: now})
	}
	if !c.DueAt.IsZero() {
		f = append(f, stripFact{Kind: "due", At: c.DueAt})
	}
	if !c.ExtendedTo.IsZero() {
		f = append(f, stripFact{Kind: "extended", At: c.ExtendedTo, Note: c.ExtensionReason})
	}
	if !c.SettledAt.IsZero() {
		f = append(f, stripFact{Kind: "settled", At: c.SettledAt})
	}
	for _, t := range c.Ticks {
		if !t.At.IsZero() {
			f = append(f, stripFact{Kind: t.Kind, At: t.At})
		}
	}
	slices.SortStableFunc(f, func(a, b stripFact) int { return a.At.Compare(b.At) })
	return f
}
