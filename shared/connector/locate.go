package connector

import (
	"slices"

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
// Kinds that only carry references between systems (IsReference) take no part.
type Matcher struct {
	known  []subject.Identifier
	single map[matchedBy]subject.Identifier
	found  []subject.Identifier
}

type matchedBy struct {
	collection string
	by         subject.Identifier
	kind       subject.Kind
}

// NewMatcher returns a matcher for one search. known is everything searched by.
func NewMatcher(known []subject.Identifier) *Matcher {
	m := &Matcher{known: make([]subject.Identifier, len(known)), single: map[matchedBy]subject.Identifier{}}
	for i, k := range known {
		m.known[i] = k.Normalise()
	}
	return m
}

// Row takes the identity values of one row that the identifier by matched in the collection, in any form; empty ones are
// left out by the caller. It returns an ambiguity, or nil.
func (m *Matcher) Row(collection string, by subject.Identifier, values []subject.Identifier) *Ambiguity {
	norm := make([]subject.Identifier, len(values))
	for i, v := range values {
		norm[i] = v.Normalise()
	}
	for i, v := range norm {
		if IsReference(v.Kind) {
			continue
		}
		if m.contradicts(v.Kind, norm) {
			return &Ambiguity{Collection: collection, By: by.Kind, Differing: v.Kind, Why: ContradictsKnown}
		}
		if v.Kind.ManyPerPerson() || slices.ContainsFunc(norm[:i], func(o subject.Identifier) bool { return o.Kind == v.Kind }) {
			continue
		}
		at := matchedBy{collection, by.Normalise(), v.Kind}
		if first, seen := m.single[at]; !seen {
			m.single[at] = v
		} else if !slices.ContainsFunc(norm, func(o subject.Identifier) bool { return o == first }) {
			return &Ambiguity{Collection: collection, By: by.Kind, Differing: v.Kind, Why: TwoValues}
		}
	}
	m.learn(values, norm)
	return nil
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
		if n.Value.IsZero() || slices.Contains(m.known, n) || slices.ContainsFunc(m.found, n.Same) {
			continue
		}
		m.found = append(m.found, values[i])
	}
}

// Found returns the identifiers that matched rows held beyond the known ones, in the order met.
func (m *Matcher) Found() []subject.Identifier { return slices.Clone(m.found) }
