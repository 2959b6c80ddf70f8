package walk

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Walker walks one system. It is immutable and safe for concurrent use.
type Walker struct {
	graph  *connector.Graph
	source Source
	limits connector.Limits
	facts  map[*connector.Collection]*facts
}

// facts are what the walk needs to know about a collection, worked out once.
type facts struct {
	name       string
	visited    string // spool sets
	owned      string
	keyParts   int
	disclosed  bool
	shareable  bool                   // lookups lead here: rows may belong to several people
	identities []*connector.DataField // without those that hold other people's data
	proofs     []*connector.DataField // details that prove who somebody is; likewise
	exports    []connector.Export
	edges      []*connector.Edge
	entries    []*connector.Entry
	holdKey    string
	masked     map[string]maskOf // identity fields that erasure masks
}

// maskOf gives what erasure writes into a field of a record: a value that says nothing about anybody.
type maskOf func(key connector.Key, v connector.Value) connector.Value

// New returns a walker over the graph. limits bound pages and batches.
func New(graph *connector.Graph, source Source, limits connector.Limits) *Walker {
	w := &Walker{graph: graph, source: source, limits: limits.WithDefaults(), facts: map[*connector.Collection]*facts{}}
	for _, c := range graph.Dataset().Collections {
		f := &facts{
			name: c.Name, visited: "seen/" + c.Name, owned: "owned/" + c.Name,
			keyParts: len(c.Key()), disclosed: c.Disclosed(), shareable: len(graph.LookupsTo(c)) > 0,
			exports: graph.Exports(c), edges: graph.Edges(c),
		}
		for _, id := range c.IdentityFields() {
			if !id.ThirdParty {
				f.identities = append(f.identities, id)
			}
		}
		for field := range c.All {
			if field.Proof != "" && !field.ThirdParty {
				f.proofs = append(f.proofs, field)
			}
		}
		for _, rule := range fieldRules(c) {
			if rule.action == connector.ActMask && rule.field.Identity != "" {
				if f.masked == nil {
					f.masked = map[string]maskOf{}
				}
				f.masked[rule.field.Path] = func(key connector.Key, v connector.Value) connector.Value { return mask(c, rule.field, key, v) }
			}
		}
		for field := range c.All {
			if field.HoldKey && f.holdKey == "" {
				f.holdKey = field.Path
			}
		}
		for _, e := range graph.Entries() {
			if e.Collection == c {
				f.entries = append(f.entries, e)
			}
		}
		w.facts[c] = f
	}
	return w
}

// identityLookups returns the lookups that the known identifiers ask for at one entry. Their number depends on the identifiers
// alone.
func (w *Walker) identityLookups(ctx context.Context, e *connector.Entry, known []subject.Identifier) ([]Lookup, error) {
	var lookups []Lookup
	if e.Identity != "" {
		if values := valuesOf(known, e.Identity, e.Match); len(values) > 0 {
			match, err := w.matchAt(ctx, e)
			if err != nil {
				return nil, err
			}
			lookups = append(lookups, Lookup{Values: values, Match: match})
		}
	}
	var refs [][]connector.Value
	for _, kind := range e.Kinds() {
		if kind != e.Identity {
			refs = append(refs, valuesOf(known, kind, connector.MatchExact)...)
		}
	}
	if len(refs) > 0 {
		lookups = append(lookups, Lookup{Values: refs, Match: connector.MatchExact})
	}
	var chunks []Lookup
	for _, l := range lookups {
		for chunk := range slices.Chunk(l.Values, w.limits.BatchKeys) {
			chunks = append(chunks, Lookup{Collection: e.Collection, Fields: e.Fields, Values: chunk, Match: l.Match, Limit: w.limits.PageRecords})
		}
	}
	return chunks, nil
}

// matchAt returns how identity values are compared at an entry. The default way is exact, with the normal form among the values,
// and for addresses letter case aside where the source may hold them in another.
func (w *Walker) matchAt(ctx context.Context, e *connector.Entry) (connector.Match, error) {
	if e.Match != connector.MatchEither {
		return e.Match, nil
	}
	folder, ok := w.source.(Folder)
	if !ok || e.Identity != subject.Email || len(e.Fields) != 1 {
		return connector.MatchExact, nil
	}
	mixed, err := folder.MixedCase(ctx, e.Collection, e.Fields[0])
	if err != nil || !mixed {
		return connector.MatchExact, err
	}
	return connector.MatchCasefold, nil
}

func valuesOf(known []subject.Identifier, kind subject.Kind, match connector.Match) [][]connector.Value {
	var values [][]connector.Value
	add := func(text string) {
		v := connector.Text(text)
		if text != "" && !slices.ContainsFunc(values, func(t []connector.Value) bool { return t[0] == v }) {
			values = append(values, []connector.Value{v})
		}
	}
	for _, id := range known {
		if id.Kind != kind {
			continue
		}
		add(id.Value.Reveal())
		if match == connector.MatchEither {
			add(id.Normalise().Value.Reveal())
		}
	}
	return values
}

// identifiersOf returns what a row says about who it belongs to, without empty values and those that an erasure wrote.
func (f *facts) identifiersOf(rec *connector.Record, scratch []connector.Value) []subject.Identifier {
	var ids []subject.Identifier
	add := func(path string, kind subject.Kind) {
		scratch = rec.AppendValues(scratch[:0], path)
		erased := f.masked[path]
		for _, v := range scratch {
			if erased != nil && connector.SameValue(v, erased(rec.Key, v)) {
				continue // an earlier erasure wrote it
			}
			if !v.IsEmpty() {
				ids = append(ids, subject.Identifier{Kind: kind, Value: redact.NewText(v.RevealText())})
			}
		}
	}
	for _, field := range f.identities {
		add(field.Path, field.Identity)
	}
	for _, field := range f.proofs {
		add(field.Path, connector.ProofKind(field.Proof))
	}
	for _, x := range f.exports {
		add(x.Field, x.Kind)
	}
	return ids
}

// matchedBy returns the known identifier that made a row match at an entry.
func matchedBy(e *connector.Entry, known []subject.Identifier, row []subject.Identifier) subject.Identifier {
	kinds := e.Kinds()
	first := subject.Identifier{}
	for _, k := range known {
		if !slices.Contains(kinds, k.Kind) {
			continue
		}
		if first.IsZero() {
			first = k
		}
		if slices.ContainsFunc(row, k.Same) {
			return k
		}
	}
	return first
}

// checkKey refuses records that cannot be told apart: without key fields, or with nothing in any of them.
func (f *facts) checkKey(rec *connector.Record) error {
	if rec.Collection != f.name {
		return fault.New(fault.Internal, "the source answered with a record of another collection than "+f.name)
	}
	if len(rec.Key) != f.keyParts || !slices.ContainsFunc(rec.Key, func(v connector.Value) bool { return !v.IsNull() }) {
		return fault.New(fault.Invalid, "a record of "+f.name+" has no primary key")
	}
	return nil
}
