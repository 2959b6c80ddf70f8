package connector

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func id(kind subject.Kind, v string) subject.Identifier {
	return subject.Identifier{Kind: kind, Value: redact.NewText(v)}
}

func TestAmbiguityByExample(t *testing.T) {
	mail, phone := id(subject.Email, "a@example.com"), id(subject.Phone, "+1 555 010 0001")
	for _, tc := range []struct {
		name  string
		known []subject.Identifier
		by    subject.Identifier
		rows  [][]subject.Identifier
		want  Contradicts
	}{
		{"one row", []subject.Identifier{mail}, mail, [][]subject.Identifier{{mail, id("customer_id", "1")}}, ""},
		{"phone of two people", []subject.Identifier{mail, phone}, phone, [][]subject.Identifier{{id(subject.Email, "b@example.com"), phone}}, ContradictsKnown},
		{"phone without an address", []subject.Identifier{mail, phone}, phone, [][]subject.Identifier{{phone}}, ""},
		{"letter case is no difference", []subject.Identifier{mail, phone}, phone, [][]subject.Identifier{{id(subject.Email, "A@Example.com"), id(subject.Phone, "0015550100001")}}, ""},
		{"second address", []subject.Identifier{mail}, mail, [][]subject.Identifier{{id(subject.Email, "b@example.com"), mail}}, ""},
		{"another phone of the same person", []subject.Identifier{mail}, mail, [][]subject.Identifier{{mail, id(subject.Phone, "1")}, {mail, id(subject.Phone, "2")}}, ""},
		{"two customers with one address", []subject.Identifier{mail}, mail, [][]subject.Identifier{{mail, id("customer_id", "1")}, {mail, id("customer_id", "2")}}, TwoValues},
		{"the same customer twice", []subject.Identifier{mail}, mail, [][]subject.Identifier{{mail, id("customer_id", "1")}, {mail, id("customer_id", "1")}}, ""},
		{"known customer differs", []subject.Identifier{mail, id("customer_id", "1")}, mail, [][]subject.Identifier{{mail, id("customer_id", "2")}}, ContradictsKnown},
		{"references never contradict", []subject.Identifier{mail}, mail, [][]subject.Identifier{{mail, id(ReferenceKind("a", "b", "c"), "1")}, {mail, id(ReferenceKind("a", "b", "c"), "2")}}, ""},
		{"a phone that says nothing", []subject.Identifier{mail, phone}, mail, [][]subject.Identifier{{mail, id(subject.Phone, "n/a")}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := NewMatcher(tc.known)
			var got Contradicts
			for _, row := range tc.rows {
				if a := m.Row("c", tc.by, row); a != nil {
					got = a.Why
				}
			}
			if got != tc.want {
				t.Errorf("ambiguity %q, want %q", got, tc.want)
			}
		})
	}
}

// TestRowsOfOnePersonNeverContradict: whatever subset of one person's values a row shows, it is not ambiguous; and a row
// that shows only other values of a known kind always is.
func TestRowsOfOnePersonNeverContradict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var person []subject.Identifier
		for i := range rapid.IntRange(1, 3).Draw(t, "mails") {
			person = append(person, id(subject.Email, fmt.Sprintf("p%d@example.com", i)))
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "phones") {
			person = append(person, id(subject.Phone, fmt.Sprintf("+1555010%04d", i)))
		}
		person = append(person, id("customer_id", "7"))
		known := append([]subject.Identifier{person[0]}, rapid.SliceOfDistinct(rapid.SampledFrom(person), func(i subject.Identifier) string {
			return string(i.Kind) + i.Value.Reveal()
		}).Draw(t, "known")...)
		known = subject.Add(nil, known...)
		m := NewMatcher(known)
		kinds := map[subject.Kind]bool{}
		for _, k := range known {
			kinds[k.Kind] = true
		}
		for range rapid.IntRange(1, 6).Draw(t, "rows") {
			row := []subject.Identifier{person[0]}
			for _, p := range person[1:] {
				// A row that shows a kind shows a known value of it, unless no value of the kind is known.
				if rapid.Bool().Draw(t, "shown") && (!kinds[p.Kind] || containsSame(known, p) || p.Kind == subject.Email) {
					row = append(row, p)
				}
			}
			if a := m.Row("c", person[0], row); a != nil {
				t.Fatalf("a row of one person is ambiguous: %+v", a)
			}
		}
		for kind := range kinds {
			if a := m.Row("other", person[0], []subject.Identifier{id(kind, "stranger@example.com 999")}); a == nil {
				t.Fatalf("a stranger's %s is not ambiguous", kind)
			}
		}
		for _, f := range m.Found() {
			if containsSame(known, f) {
				t.Fatal("a known identifier is reported as found")
			}
		}
	})
}

func containsSame(list []subject.Identifier, want subject.Identifier) bool {
	for _, l := range list {
		if l.Same(want) {
			return true
		}
	}
	return false
}
