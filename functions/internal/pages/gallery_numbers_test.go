package pages

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func testNumbers() ConsoleNumbers {
	m := ConsoleNumbers{
		ConsoleFrame: testConsoleFrame(SectionNumbers), Year: 2026,
		Years:   []NumbersYear{{2027, "/console/numbers?year=2027"}, {2026, "/console/numbers?year=2026"}},
		Total:   NumbersLine{Received: 1303, Complied: 1100, InPart: 80, Denied: 40, Withdrawn: 23, Unverified: 50, Open: 10, Late: 7, Mean: "17.4", Median: "16"},
		Bases:   []NumbersBasis{{"not_verifiable", 51}, {"exempt", 1}},
		CSVURL:  "/console/numbers/figures?format=csv",
		JSONURL: "/console/numbers/figures", RecordsURL: "/console/numbers/records",
		Laws: []NumbersLaw{
			{Lines: []NumbersLine{{Right: dsar.Access, Received: 3, Open: 3}}},
			{Title: "California (CCPA)", Lines: []NumbersLine{
				{Right: dsar.Access, Received: 800, Complied: 790, InPart: 10, Mean: "15.2", Median: "14"},
				{Right: dsar.Erasure, Received: 500, Complied: 310, InPart: 70, Denied: 40, Withdrawn: 23, Unverified: 50, Open: 7, Late: 7, Mean: "21", Median: "20.5"},
			}},
		},
	}
	for month := range 12 {
		n := month * 10
		m.Months = append(m.Months, NumbersMonth{Month: month + 1, Received: 4 * n, Granted: 2 * n, Denied: n, Withdrawn: n / 2, Open: n - n/2})
	}
	for _, k := range NumbersKinds() {
		m.Published = append(m.Published, NumbersKind{Kind: k, Received: 12, Complied: 10, Denied: 1, Mean: "11.5", Median: "9"})
	}
	m.Published[4].Mean, m.Published[4].Median = "", ""
	return m
}

func numbersPages() map[string]page {
	none := testNumbers()
	none.Total, none.Months, none.Laws, none.Bases, none.Published = NumbersLine{}, none.Months[:1], nil, nil, nil
	return map[string]page{
		"console-numbers":      func(r *Renderer, w io.Writer) error { return r.ConsoleNumbers(w, testNumbers()) },
		"console-numbers-none": func(r *Renderer, w io.Writer) error { return r.ConsoleNumbers(w, none) },
	}
}

// The drawing says nothing that the table below it does not say: a bar for each month with a number on it, and parts for what is not 0.
func TestChartIsDrawnFromTheTable(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.ConsoleNumbers(&b, testNumbers()); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	parts, table := map[string]int{}, ""
	var drawn []string
	walk(doc, func(n *html.Node) {
		switch {
		case n.Data == "rect":
			parts[attr(n, "class")]++
		case n.Data == "text" && inside(n, "svg"):
			drawn = append(drawn, text(n))
		case n.Data == "table" && table == "":
			table = text(n)
		}
	})
	if parts["granted"] != 11 || parts["denied"] != 11 || parts["withdrawn"] != 11 || parts["open"] != 11 { // nothing came in January
		t.Errorf("parts: %v", parts)
	}
	if len(drawn) != 23 {
		t.Errorf("%d words in the drawing: %v", len(drawn), drawn)
	}
	for _, s := range drawn {
		if !strings.Contains(table, s) {
			t.Errorf("the table does not say %q", s)
		}
	}
	var empty ConsoleNumbers
	if len(empty.Chart().Bars) != 0 {
		t.Error("a year without requests has bars")
	}
}
