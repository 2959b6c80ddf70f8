package pages

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// testLawsClock has everything that a clock can have: stops, an extension, every tick and several laws.
func testLawsClock() Clock {
	c := testClock()
	c.ExtendedTo = at(12, 31, 23, 59)
	for i, k := range TickKinds() {
		c.Ticks = append(c.Ticks, Tick{Kind: k, At: at(11, 25, 23, 59).AddDate(0, 0, 5*i)})
	}
	c.Laws = []LawLine{
		{Law: "CCPA", DueAt: at(12, 31, 23, 59).AddDate(0, 0, 4), Steps: testSteps()[:2]},
		{Law: "GDPR", Why: "The company sits in its territory, and it binds companies there wherever the person lives (Art. 3(1)).", DueAt: at(12, 31, 23, 59), Governs: true, Steps: testSteps()},
	}
	return c
}

func TestStripHasEveryDateOfTheLaw(t *testing.T) {
	c := testLawsClock()
	s := english(t).strip(at(12, 10, 14, 5), c)
	var kinds, facts []string
	for _, m := range s.Ticks {
		kinds = append(kinds, m.Kind)
	}
	for _, f := range s.Facts {
		facts = append(facts, f.Kind)
	}
	if diff := cmp.Diff(TickKinds(), kinds); diff != "" {
		t.Errorf("ticks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"received", "stop", "acknowledge", "simple", "notice", "today", "refuse", "execute", "target", "due", "extended"}, facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if len(s.Rows) != 2 || s.Height != stripHeight+2*rowHeight || s.Rows[0].Governs || !s.Rows[1].Governs || s.Rows[1].Top != stripHeight+rowHeight {
		t.Errorf("rows %+v in %d", s.Rows, s.Height)
	}
	// The longest line reaches the edge, and the one that governs ends where the clock does.
	if s.Rows[0].End.X != "98.0%" || s.Rows[1].End.X != s.Marks[2].X {
		t.Errorf("rows %+v, marks %+v", s.Rows, s.Marks)
	}
	if !s.Marks[1].Quiet || s.Marks[2].Quiet {
		t.Errorf("two labels in one place: %+v", s.Marks)
	}
	if alone := english(t).strip(at(12, 10, 14, 5), testClock()); alone.Height != stripHeight || alone.Rows != nil || alone.Ticks != nil {
		t.Errorf("one law: %+v", alone)
	}
}

// TestStripSaysInWordsWhatItDraws: the drawing is hidden from those who do not see it, so every date of it is in the list below.
func TestStripSaysInWordsWhatItDraws(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := r.ConsoleCase(&page, ConsoleCase{ConsoleFrame: testConsoleFrame(SectionCases), Reference: "7K3QX-9M2DA", Right: dsar.Access, Status: dsar.InProgress, Clock: testLawsClock(), Due: testDue(), Next: Decision{Kind: DecideNothing}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`aria-hidden="true"`, "Confirm by", "Short answer", "Extend by", "Refuse by", "Carry out by", "Our own aim", "Stood still", ">CCPA<", ">GDPR<", "the earliest date, which counts", "binds companies there", "<cite>GDPR Art. 12(3)"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestTicksAndRowsStayInside(t *testing.T) {
	w := english(t)
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.IntRange(0, 4).Draw(t, "zero") == 0 {
				return time.Time{}
			}
			return at(1, 1, 0, 0).Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "minutes")) * time.Minute)
		})
		c := Clock{ReceivedAt: instant.Draw(t, "received"), DueAt: instant.Draw(t, "due"), SettledAt: instant.Draw(t, "settled")}
		for _, k := range TickKinds() {
			c.Ticks = append(c.Ticks, Tick{k, instant.Draw(t, k)})
		}
		c.Laws = []LawLine{{DueAt: instant.Draw(t, "one")}, {DueAt: instant.Draw(t, "other")}}
		s := w.strip(instant.Draw(t, "now"), c)
		marks := s.Ticks
		for _, r := range s.Rows {
			marks = append(marks, r.End)
			if r.Line != (bar{}) && value(t, r.Line.X)+value(t, r.Line.Width) > 100-stripMargin+0.11 {
				t.Fatalf("row %v leaves the strip", r.Line)
			}
		}
		for _, m := range marks {
			if x := value(t, m.X); x < stripMargin || x > 100-stripMargin {
				t.Fatalf("mark %v leaves the strip", m)
			}
		}
	})
}
