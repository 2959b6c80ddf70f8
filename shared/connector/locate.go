package connector

import (
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Query is what to search by. Proven identifiers were proved by the person; Found ones stood in rows that proven ones
// matched. Both are searched.
type Query struct {
	Proven []subject.Identifier
	Found  []subject.Identifier
}

// Known returns proven and found identifiers together, each once.
func (q Query) Known() []subject.Identifier {
	return subject.Add(subject.Add(make([]subject.Identifier, 0, len(q.Proven)+len(q.Found)), q.Proven...), q.Found...)
}

// Located is what a search found. Identifiers are new ones only. With an Ambiguity the task is ambiguous: no data, no
// change, a person decides, and Identifiers is empty.
type Located struct {
	Collections []CollectionResult // collections with identity fields; Records may be a lower bound, then Note says so
	Identifiers []subject.Identifier
	Ambiguity   *Ambiguity
}

// Ambiguity says why several people may be meant. It names kinds and collections, never values.
type Ambiguity struct {
	Collection string       `json:"collection"`
	By         subject.Kind `json:"by"`        // kind of the identifier that matched
	Differing  subject.Kind `json:"differing"` // kind whose values speak of different people
	Why        Contradicts  `json:"why"`
}

// Sentence says the same to a person who has to decide.
func (a Ambiguity) Sentence() string {
	if a.Why == TwoValues {
		return fmt.Sprintf("In %s, records found by %s have different values of %s.", a.Collection, a.By, a.Differing)
	}
	return fmt.Sprintf("In %s, a record found by %s has another %s than this person.", a.Collection, a.By, a.Differing)
}

// Contradicts is the rule that an ambiguity comes from. Wire values.
type Contradicts string

// The rules.
const (
	// ContradictsKnown: a matched row has values of a kind for which values are known, and none of them is known.
	ContradictsKnown Contradicts = "contradicts_known"
	// TwoValues: two rows matched by one identifier have different values of a kind that a person has once.
	TwoValues Contradicts = "two_values"
)

// Matcher applies the rules of ambiguity to the rows that one search matches, one by one, in bounded memory. Connectors
// with and without data maps use it, so that the rules exist once.
//
// Rule 1: a row matched by a known identifier that has non-empty values of an identity kind of which values are known, none
// among the known ones, contradicts. A row with several fields of one kind (email, alt_email) contradicts only when none of
// them is known.
// Rule 2: rows of one collection matched by the same identifier with two different values of a single-valued kind
// (subject.Kind.ManyPerPerson is false) contradict each other.
// Kinds that only carry references between systems (IsReference), and details that only prove (Proof), take no part.
type Matcher struct {
	known  []subject.Identifier // in normal form
	single map[matchedBy]subject.Identifier
	seen   map[subject.Identifier]bool // found, in normal form
	found  []subject.Identifier
}

type matchedBy struct {
	collection string
	by         subject.Identifier
	kind       subject.Kind
}

// NewMatcher returns a matcher for one search. known is everything searched by.
func NewMatcher(known []subject.Identifier) *Matcher {
	m := &Matcher{single: map[matchedBy]subject.Identifier{}, seen: map[subject.Identifier]bool{}}
	for _, k := range known {
		if n := k.Normalise(); !n.Value.IsZero() {
			m.known = append(m.known, n)
		}
	}
	return m
}

// Row takes the identity values of one row that the identifier by matched in the collection, in any form; values that are
// empty in normal form say nothing. It returns an ambiguity, or nil.
func (m *Matcher) Row(collection string, by subject.Identifier, values []subject.Identifier) *Ambiguity {
	norm := make([]subject.Identifier, len(values))
	for i, v := range values {
		norm[i] = v.Normalise()
	}
	for i, v := range norm {
		if speaksOfNobody(v.Kind) || v.Value.IsZero() {
			continue
		}
		if m.contradicts(v.Kind, norm) {
			return &Ambiguity{Collection: collection, By: by.Kind, Differing: v.Kind, Why: ContradictsKnown}
		}
		firstOfKind := !slices.ContainsFunc(norm[:i], func(o subject.Identifier) bool { return o.Kind == v.Kind && !o.Value.IsZero() })
		if firstOfKind && !v.Kind.ManyPerPerson() && !m.sameAsBefore(matchedBy{collection, by.Normalise(), v.Kind}, v, norm) {
			return &Ambiguity{Collection: collection, By: by.Kind, Differing: v.Kind, Why: TwoValues}
		}
	}
	m.learn(values, norm)
	return nil
}

// sameAsBefore reports whether the row agrees with the first row matched in the same way.
func (m *Matcher) sameAsBefore(at matchedBy, v subject.Identifier, row []subject.Identifier) bool {
	first, seen := m.single[at]
	if !seen {
		m.single[at] = v
		return true
	}
	return slices.Contains(row, first)
}

func (m *Matcher) contradicts(kind subject.Kind, row []subject.Identifier) bool {
	knows := false
	for _, k := range m.known {
		if k.Kind != kind {
			continue
		}
		knows = true
		if slices.Contains(row, k) {
			return false
		}
	}
	return knows
}

func (m *Matcher) learn(values, norm []subject.Identifier) {
	for i, n := range norm {
		if n.Value.IsZero() || m.seen[n] || slices.Contains(m.known, n) {
			continue
		}
		m.seen[n] = true
		m.found = append(m.found, values[i])
	}
}

// Found returns the identifiers that matched rows held beyond the known ones, in the order met.
func (m *Matcher) Found() []subject.Identifier { return slices.Clone(m.found) }

// Format implements fmt.Formatter: the mask. Unexported fields would print without asking their own types.
func (*Matcher) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact.Mask)) }
