package pages

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

func testLawRow(state LawState, trust LawTrust) LawRow {
	return LawRow{
		Name: "Kingdom of <Examples>", Short: "EDPA", URL: "/console/law/zz", State: state, Trust: trust, Scope: true, From: at(1, 1, 0, 0),
		Answer: LawPeriod{Value: 1, Unit: policy.CalendarMonths, Start: []policy.StartEvent{policy.OnReceipt}, Kind: policy.Statute, Basis: "s. 12"},
	}
}

// testLaw has every kind of rule once.
func testLaw() ConsoleLaw {
	m := ConsoleLaw{
		ConsoleFrame: testConsoleFrame(SectionLaw), Law: testLawRow(LawInForce, LawChecked), Title: "Example Data Protection Act 2024 (Act 7 of 2024)", Regulator: "Office of Examples",
		Confidence: policy.High, Version: "zz@sha256:0123456789abcdef", BackURL: "/console/law",
		WhatIf: LawWhatIf{
			Action: "/console/law/zz", Year: "2026", Right: dsar.Access, Received: "2026-11-25", Place: "ZZ-A", Asked: true, Due: at(12, 28, 23, 59), Level: policy.Partial, Steps: testSteps(),
			Places: []LawPlace{{}, {Value: "DE", Country: "DE"}, {Value: "ZZ-A", Country: "ZZ", Region: "A"}}, Extended: true, Open: true, Until: "2027-01-31",
		},
		Sources: []LawSource{{"Act s. 12", "https://law.example.com/12", true}, {"Guidance 4 & 5", "https://law.example.com/guidance", false}},
		Calendar: LawCalendar{
			Title: "Bavaria, Germany", Year: 2026, Known: true, Note: "Some days are left out", Years: []LawYear{{2026, "/console/law/zz?year=2026"}, {2027, "/console/law/zz?year=2027"}},
			Holidays: []LawHoliday{{at(12, 25, 0, 0), "Christmas Day"}}, Workdays: []LawHoliday{{at(2, 14, 0, 0), ""}}, Closed: []LawRange{{at(12, 28, 0, 0), at(12, 31, 0, 0)}},
			Sources: []LawSource{{"Holidays Act s. 1", "https://law.example.com/holidays", false}},
		},
	}
	for d := at(1, 1, 0, 0); d.Year() == 2026; d = d.AddDate(0, 0, 1) {
		switch {
		case d.Month() == time.December && d.Day() >= 28:
			m.Calendar.Free = append(m.Calendar.Free, LawFreeDay{12, d.Day(), "closed"})
		case d.Month() == time.December && d.Day() == 25:
			m.Calendar.Free = append(m.Calendar.Free, LawFreeDay{12, 25, "holiday"})
		case d.Weekday() == time.Saturday || d.Weekday() == time.Sunday:
			m.Calendar.Free = append(m.Calendar.Free, LawFreeDay{int(d.Month()), d.Day(), "weekend"})
		}
	}
	for _, what := range LawDates() {
		m.WhatIf.Dates = append(m.WhatIf.Dates, LawDate{what, at(12, 25, 23, 59)})
	}
	levels := []policy.Level{policy.Full, policy.Partial, policy.None}
	for i, right := range dsar.Rights() {
		one := LawRight{Right: right, Level: levels[i%3], Answer: m.Law.Answer, Open: i == 1}
		if i == 0 {
			one.From, one.Longer = at(6, 1, 0, 0), LawPeriod{Value: 90, Unit: policy.CalendarDays}
		}
		m.Rights = append(m.Rights, one)
	}
	facts := LawFacts()
	for i, section := range LawSections() {
		s := LawSection{Section: section}
		for j := i * len(facts) / len(LawSections()); j < (i+1)*len(facts)/len(LawSections()); j++ {
			s.Facts = append(s.Facts, LawFact{Fact: facts[j], Text: "Said of <this> & that.", Basis: "s. 9", Kind: policy.Guidance, Note: "With limits."})
		}
		m.Sections = append(m.Sections, s)
	}
	m.Sections[0].Facts[0] = LawFact{Fact: "answer", Text: "At the latest", Period: LawPeriod{
		Value: 2, Unit: policy.BusinessDays, Kind: policy.Policy, Basis: "no period in the law", Note: "Chosen.",
		Start: []policy.StartEvent{policy.OnReceipt, policy.OnVerification, policy.OnFee},
	}, Rights: []dsar.Right{dsar.Access, dsar.Erasure}}
	m.Sections[1].Facts[0] = LawFact{Fact: "must_state", Statements: policy.Statements()}
	m.Sections[2].Facts[0] = LawFact{Fact: "complaint_authority", Name: "Office of Examples", Text: "www.example.com", URL: "https://www.example.com/complain"}
	said := LawFact{Fact: "roll", Basis: "s. 9"}
	for _, phrase := range LawPhrases() {
		said.Phrases = append(said.Phrases, LawPhrase{Phrase: phrase, N: 12, Text: "a <reason>"})
	}
	m.Sections[0].Facts = append(m.Sections[0].Facts, said)
	return m
}

func lawPages() map[string]page {
	list := ConsoleLaws{ConsoleFrame: testConsoleFrame(SectionLaw), Of: 61, Filter: LawFilter{Action: "/console/law", Q: `"x"`, Scope: true, State: LawLater, Trust: LawDraft, ClearURL: "/console/law"}}
	for _, state := range LawStates() {
		for _, trust := range LawTrusts() {
			list.Rows = append(list.Rows, testLawRow(state, trust))
		}
	}
	none := ConsoleLaws{ConsoleFrame: testConsoleFrame(SectionLaw), Of: 61, Filter: LawFilter{Action: "/console/law"}}
	draft := testLaw()
	draft.Law, draft.Confidence, draft.ConfidenceNote = testLawRow(LawLater, LawDraft), policy.Low, "Nobody has read the law itself."
	draft.Conflicts, draft.ConfirmURL = []string{"One page says 7 days, another 14."}, "/console/law/zz/confirm"
	draft.WhatIf.Due, draft.Errors = time.Time{}, Errors{{"received", NotADate}, {"extended", Refused}, {"until", NotADate}}
	draft.Calendar = LawCalendar{Title: "Fridays and Saturdays", Year: 2031, Free: draft.Calendar.Free[:9]}
	confirmed := draft
	confirmed.Law.Trust, confirmed.ConfirmURL, confirmed.ConfirmedBy, confirmed.ConfirmedAt, confirmed.Errors = LawConfirmed, "", "Jo Park", at(12, 1, 9, 0), nil
	confirmed.WhatIf.Open = false
	confirm := ConsoleLawConfirm{
		ConsoleFrame: testConsoleFrame(SectionLaw), Form: Form{Action: "/console/law/zz/confirm", Hidden: []Hidden{{"version", "zz@sha256:0123456789abcdef"}}}, Law: draft.Law, Title: draft.Title,
		ConfidenceNote: draft.ConfidenceNote, Conflicts: draft.Conflicts, Sources: draft.Sources, BackURL: "/console/law/zz",
	}
	wrong := confirm
	wrong.Name, wrong.Conflicts, wrong.Sources, wrong.Errors = "Jo <Park>", nil, nil, Errors{{"reason", Missing}, {"name", TooLong}}
	return map[string]page{
		"console-law-confirm":       func(r *Renderer, w io.Writer) error { return r.ConsoleLawConfirm(w, confirm) },
		"console-law-confirm-error": func(r *Renderer, w io.Writer) error { return r.ConsoleLawConfirm(w, wrong) },
		"console-laws":              func(r *Renderer, w io.Writer) error { return r.ConsoleLaws(w, list) },
		"console-laws-none":         func(r *Renderer, w io.Writer) error { return r.ConsoleLaws(w, none) },
		"console-law":               func(r *Renderer, w io.Writer) error { return r.ConsoleLaw(w, testLaw()) },
		"console-law-draft":         func(r *Renderer, w io.Writer) error { return r.ConsoleLaw(w, draft) },
		"console-law-confirmed":     func(r *Renderer, w io.Writer) error { return r.ConsoleLaw(w, confirmed) },
	}
}

// TestYearIsDrawnWhole: the picture has every month, and each free day under its kind, with one square more beside the name of the kind.
func TestYearIsDrawnWhole(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	m := testLaw()
	if err := r.ConsoleLaw(&b, m); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	squares, months := map[string]int{}, 0
	walk(doc, func(n *html.Node) {
		if n.Data == "path" && inside(n, "svg") {
			squares[attr(n, "class")] = strings.Count(attr(n, "d"), "M")
		}
		if n.Data == "text" && inside(n, "svg") {
			months++
		}
	})
	want := map[string]int{"track": 12, "hatch": 105, "elapsed": 2, "m-today": 5}
	for kind, n := range want {
		if squares[kind] != n {
			t.Errorf("%d squares of %s, want %d", squares[kind], kind, n)
		}
	}
	if months != 12+3 {
		t.Errorf("%d words in the picture", months)
	}
	if d := m.Calendar.Picture().Days; !strings.HasPrefix(d, "M36 0h433v13h-433z") || !strings.Contains(d, "M36 14h391v") {
		t.Errorf("January has 31 days and February 28: %s", d)
	}
}
