package connector

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Graph is a data map ready to be walked: the ways into each collection and the edges between them. It is immutable and
// safe for concurrent use.
type Graph struct {
	dataset  *Dataset
	entries  []*Entry
	edges    map[*Collection][]*Edge
	exports  map[*Collection][]Export
	rank     map[*Collection]int
	reached  map[*Collection]bool
	warnings []Problem
}

// Entry is one way into a collection: rows whose Fields hold certain values. Entries with the same fields are one.
type Entry struct {
	Collection *Collection
	Fields     []string       // dotted paths, in the order of the collection
	Identity   subject.Kind   // the kind of identifier that is looked up; empty for a reference
	Match      Match          // how an identifier is compared; references are always exact
	ByKey      bool           // Fields are exactly the primary key
	Index      int            // position in Graph.Entries
	refs       []subject.Kind // kinds that other systems' values arrive under
}

// Edge leads from the rows of one collection to those of another: the values of Fields in a row of From are looked up by To.
type Edge struct {
	From   *Collection
	Fields []string // in the order of To.Fields
	To     *Entry
	// Lookup says that the edge goes from a foreign key to the key it names: several rows, of several people perhaps, may
	// lead to the same row (two customers, one address).
	Lookup bool
}

// Export is a field whose values find rows in another system; Locate reports them as identifiers of the kind.
type Export struct {
	Field string
	Kind  subject.Kind
}

const referencePrefix = "ref_"

// ReferenceKind returns the kind of identifier under which the values of a field travel to other systems. It does not
// depend on anything but the names.
func ReferenceKind(dataset, collection, field string) subject.Kind {
	sum := sha256.Sum256([]byte(dataset + "\x00" + collection + "\x00" + field))
	return subject.Kind(referencePrefix + hex.EncodeToString(sum[:8]))
}

// IsReference reports whether the kind was made by ReferenceKind: such identifiers find rows and never contradict.
func IsReference(k subject.Kind) bool { return strings.HasPrefix(string(k), referencePrefix) }

// proofPrefix begins the kinds of details that prove who somebody is and find nobody.
const proofPrefix = "proof_"

// ProofKind is the kind under which a search hands over a detail of the kind (DataField.Proof): it is compared with what the person says,
// and never searched by.
func ProofKind(k subject.Kind) subject.Kind { return proofPrefix + k }

// Proof returns the kind of detail behind a kind that ProofKind made.
func Proof(k subject.Kind) (subject.Kind, bool) {
	rest, ok := strings.CutPrefix(string(k), proofPrefix)
	return subject.Kind(rest), ok
}

// speaksOfNobody reports whether values of the kind neither find nor contradict.
func speaksOfNobody(k subject.Kind) bool {
	_, proof := Proof(k)
	return proof || IsReference(k)
}

// InvalidDataset is the error of a data map that cannot be served. Its class is fault.Misconfigured.
type InvalidDataset struct{ Problems []Problem }

// Error names the first problem and how many there are.
func (e *InvalidDataset) Error() string {
	p := e.Problems[0]
	at := strings.Trim(p.Collection+"."+p.Field, ".")
	if p.Line > 0 {
		at = fmt.Sprintf("line %d: %s", p.Line, at)
	}
	if n := len(e.Problems); n > 1 {
		return fmt.Sprintf("the data map has %d problems, the first: %s: %s", n, at, p.Text)
	}
	return fmt.Sprintf("the data map has a problem: %s: %s", at, p.Text)
}

// Unwrap gives the error its class.
func (e *InvalidDataset) Unwrap() error { return fault.New(fault.Misconfigured, "") }

// NewGraph builds the graph of one dataset. others are the datasets of the tenant's other systems: references from and to
// them become exports and entries. The error is an *InvalidDataset.
func NewGraph(own *Dataset, others ...*Dataset) (*Graph, error) {
	b := build(own, others)
	if len(b.problems) > 0 {
		return nil, &InvalidDataset{b.problems}
	}
	return &b.Graph, nil
}

// Sketch is NewGraph for looking at a data map that cannot be served as it stands: a live schema may complete it. What is wrong
// with it is left out; only its warnings and what leads where mean anything.
func Sketch(own *Dataset, others ...*Dataset) *Graph { return &build(own, others).Graph }

func build(own *Dataset, others []*Dataset) *builder {
	b := &builder{
		Graph:  Graph{dataset: own, edges: map[*Collection][]*Edge{}, exports: map[*Collection][]Export{}},
		others: others,
	}
	for _, c := range own.Collections {
		if !c.Skip {
			b.identities(c)
		}
	}
	for _, c := range own.Collections {
		if !c.Skip {
			b.references(c)
		}
	}
	for _, o := range others {
		b.incoming(o)
	}
	b.reach()
	b.check()
	b.orderWalk()
	b.orderErase()
	return b
}

// Dataset returns the data map the graph was built from.
func (g *Graph) Dataset() *Dataset { return g.dataset }

// Entries returns the ways in, in the order of walking: sources before targets wherever references allow.
func (g *Graph) Entries() []*Entry { return g.entries }

// Edges returns the edges that leave a collection.
func (g *Graph) Edges(c *Collection) []*Edge { return g.edges[c] }

// LookupsTo returns the edges that may lead several people to one row of the collection.
func (g *Graph) LookupsTo(c *Collection) []*Edge {
	var list []*Edge
	for _, from := range g.dataset.Collections {
		for _, e := range g.edges[from] {
			if e.To.Collection == c && e.Lookup {
				list = append(list, e)
			}
		}
	}
	return list
}

// Exports returns the fields of a collection whose values other systems are searched by.
func (g *Graph) Exports(c *Collection) []Export { return g.exports[c] }

// Reached reports whether identities lead to the collection, directly or over references.
func (g *Graph) Reached(c *Collection) bool { return g.reached[c] }

// EraseRank orders the collections for erasure: as erase_after says, else children before the rows they refer to, else in the
// order of the data map. Ranks are unique.
func (g *Graph) EraseRank(c *Collection) int { return g.rank[c] }

// Warnings returns what an operator should know and what stops nothing: collections with personal data that nothing leads
// to, references to datasets that are not there or to skipped collections, an order of erasure that references contradict.
func (g *Graph) Warnings() []Problem { return slices.Clone(g.warnings) }

// IdentityKinds returns the kinds the data map can be searched by, sorted; references between systems are left out.
func (g *Graph) IdentityKinds() []subject.Kind {
	var kinds []subject.Kind
	for _, e := range g.entries {
		if e.Identity != "" && !IsReference(e.Identity) && !slices.Contains(kinds, e.Identity) {
			kinds = append(kinds, e.Identity)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// Kinds returns the identifier kinds an entry is looked up by: its identity and the references that arrive at its field.
func (e *Entry) Kinds() []subject.Kind {
	var kinds []subject.Kind
	if e.Identity != "" {
		kinds = append(kinds, e.Identity)
	}
	return append(kinds, e.refs...)
}

// Same reports whether a value found equals a value looked up, in the way the entry compares. Sources that cannot compare
// themselves use it.
func (e *Entry) Same(found, sought Value) bool { return e.Match.Same(e.Identity, found, sought) }

// Same reports whether a value found equals a value sought: for an identity of the kind, in this way of comparing.
func (m Match) Same(kind subject.Kind, found, sought Value) bool {
	if found.IsNull() || sought.IsNull() {
		return false
	}
	if m == MatchExact || m == MatchEither || kind == "" {
		return SameValue(found, sought)
	}
	a, b := found.RevealText(), sought.RevealText()
	if m == MatchCasefold {
		return strings.EqualFold(a, b)
	}
	x := subject.Identifier{Kind: kind, Value: redact.NewText(a)}.Normalise()
	return !x.Value.IsZero() && x == subject.Identifier{Kind: kind, Value: redact.NewText(b)}.Normalise()
}
