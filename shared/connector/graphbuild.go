package connector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/subject"
)

type builder struct {
	Graph
	others   []*Dataset
	problems []Problem
}

func (b *builder) problem(c *Collection, f *DataField, line int, text string, args ...any) {
	p := Problem{Collection: c.Name, Line: c.Line, Text: fmt.Sprintf(text, args...)}
	if f != nil {
		p.Field, p.Line = f.Path, f.Line
	}
	if line > 0 {
		p.Line = line
	}
	b.problems = append(b.problems, p)
}

func (b *builder) identities(c *Collection) {
	for _, f := range c.IdentityFields() {
		e := b.entry(c, []string{f.Path})
		e.Identity, e.Match = f.Identity, f.Match
	}
}

// entry returns the way in by the fields, which it puts into the order of the collection.
func (b *builder) entry(c *Collection, fields []string) *Entry {
	for _, e := range b.entries {
		if e.Collection == c && slices.Equal(e.Fields, fields) {
			return e
		}
	}
	e := &Entry{Collection: c, Fields: fields, ByKey: slices.Equal(fields, c.KeyPaths())}
	b.entries = append(b.entries, e)
	return e
}

// tie is one declared reference with both ends found.
type tie struct {
	field *DataField // in the declaring collection
	other *DataField // in the other collection
	ref   Reference
}

// references turns the declared references of a collection into edges: several ties that make up a key are one tuple, the
// rest are alternatives.
func (b *builder) references(c *Collection) {
	type bundle struct {
		target    *Collection
		direction Direction
		group     string
	}
	ties := map[bundle][]tie{}
	var order []bundle
	for f := range c.All {
		for _, ref := range f.References {
			if ref.Dataset != b.dataset.Key {
				b.outgoing(c, f, ref)
				continue
			}
			target, other := b.target(c, f, ref)
			if other == nil {
				continue
			}
			k := bundle{target, ref.Direction, ref.Group}
			if _, ok := ties[k]; !ok {
				order = append(order, k)
			}
			ties[k] = append(ties[k], tie{f, other, ref})
		}
	}
	for _, k := range order {
		b.bundle(c, k.target, k.group, ties[k])
	}
}

// target finds the other end of a reference within the dataset, or says what is wrong with it.
func (b *builder) target(c *Collection, f *DataField, ref Reference) (*Collection, *DataField) {
	target := b.dataset.Collection(ref.Collection)
	if target == nil {
		b.problem(c, f, ref.Line, "refers to the collection %q, which is not in the dataset", ref.Collection)
		return nil, nil
	}
	other := target.Field(ref.Field)
	switch {
	case other == nil:
		b.problem(c, f, ref.Line, "refers to the field %q, which the collection %q does not have", ref.Field, ref.Collection)
		return nil, nil
	case target.Skip:
		b.warnings = append(b.warnings, Problem{
			Collection: c.Name, Field: f.Path, Line: ref.Line,
			Text: fmt.Sprintf("refers to the collection %q, which is skipped: nothing is found through it", ref.Collection),
		})
		return nil, nil
	case target == c && !ref.Self:
		b.problem(c, f, ref.Line, "refers to its own collection; say self_reference: true when that is meant")
		return nil, nil
	}
	return target, other
}

func (b *builder) bundle(c, target *Collection, group string, ties []tie) {
	if group == "" && !isComposite(c, target, ties) {
		if distinctTargets(ties) && b.halfKey(target, ties) {
			b.warnings = append(b.warnings, Problem{
				Collection: c.Name, Field: ties[0].field.Path, Line: ties[0].field.Line,
				Text: "several fields refer to parts of one key and do not make it up; they are taken as alternatives, say reference_group when they are a tuple",
			})
		}
		for _, t := range ties {
			b.connect(c, target, []tie{t})
		}
		return
	}
	if !distinctTargets(ties) {
		b.problem(c, ties[0].field, ties[0].ref.Line, "the references of group %q name one target field twice", group)
		return
	}
	b.connect(c, target, ties)
}

// isComposite reports whether the ties are one tuple: they name distinct fields that are the whole key of either side.
func isComposite(c, target *Collection, ties []tie) bool {
	if len(ties) < 2 || !distinctTargets(ties) {
		return false
	}
	return coversKey(target, ties, func(t tie) *DataField { return t.other }) || coversKey(c, ties, func(t tie) *DataField { return t.field })
}

func coversKey(c *Collection, ties []tie, end func(tie) *DataField) bool {
	key := c.Key()
	if len(key) != len(ties) {
		return false
	}
	for _, k := range key {
		if !slices.ContainsFunc(ties, func(t tie) bool { return end(t) == k }) {
			return false
		}
	}
	return true
}

func distinctTargets(ties []tie) bool {
	for i, t := range ties {
		if slices.ContainsFunc(ties[:i], func(o tie) bool { return o.other == t.other || o.field == t.field }) {
			return false
		}
	}
	return true
}

func (b *builder) halfKey(target *Collection, ties []tie) bool {
	n := 0
	for _, t := range ties {
		if t.other.PrimaryKey {
			n++
		}
	}
	return n > 1 && n < len(target.Key())
}

// connect adds the edges of one tuple of references, one per direction.
func (b *builder) connect(c, target *Collection, ties []tie) {
	var mine, theirs []*DataField
	for _, t := range ties {
		mine, theirs = append(mine, t.field), append(theirs, t.other)
	}
	if d := ties[0].ref.Direction; d == DirectionTo || d == DirectionBoth {
		b.edge(c, mine, target, theirs)
	}
	if d := ties[0].ref.Direction; d == DirectionFrom || d == DirectionBoth {
		b.edge(target, theirs, c, mine)
	}
}

func (b *builder) edge(from *Collection, source []*DataField, to *Collection, target []*DataField) {
	type pair struct{ s, t string }
	pairs := make([]pair, len(source))
	for i := range source {
		pairs[i] = pair{source[i].Path, target[i].Path}
	}
	at := map[string]int{}
	for f := range to.All {
		at[f.Path] = len(at)
	}
	slices.SortStableFunc(pairs, func(x, y pair) int { return cmp.Compare(at[x.t], at[y.t]) })
	var src, dst []string
	for _, p := range pairs {
		src, dst = append(src, p.s), append(dst, p.t)
	}
	entry := b.entry(to, dst)
	for _, e := range b.edges[from] {
		if e.To == entry && slices.Equal(e.Fields, src) {
			return
		}
	}
	sourceIsKey := sameSet(src, from.KeyPaths())
	b.edges[from] = append(b.edges[from], &Edge{From: from, Fields: src, To: entry, Lookup: entry.ByKey && !sourceIsKey})
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// outgoing handles a reference that this dataset declares to another one: values of ours leave (to), theirs arrive (from).
func (b *builder) outgoing(c *Collection, f *DataField, ref Reference) {
	if !slices.ContainsFunc(b.others, func(d *Dataset) bool { return d.Key == ref.Dataset }) {
		b.warnings = append(b.warnings, Problem{
			Collection: c.Name, Field: f.Path, Line: ref.Line,
			Text: fmt.Sprintf("refers to the dataset %q, which no other system has", ref.Dataset),
		})
	}
	if ref.Group != "" {
		b.problem(c, f, ref.Line, "a reference_group cannot lead to another dataset")
		return
	}
	if ref.Direction != DirectionFrom {
		b.export(c, f.Path)
	}
	if ref.Direction != DirectionTo {
		b.arrive(c, f.Path, ReferenceKind(ref.Dataset, ref.Collection, ref.Field))
	}
}

// incoming handles references that another dataset declares to this one.
func (b *builder) incoming(other *Dataset) {
	for _, oc := range other.Collections {
		for of := range oc.All {
			for _, ref := range of.References {
				if ref.Dataset != b.dataset.Key || oc.Skip {
					continue
				}
				c := b.dataset.Collection(ref.Collection)
				if c == nil || c.Skip || c.Field(ref.Field) == nil {
					continue // the other dataset's own check names it
				}
				if ref.Direction != DirectionTo {
					b.export(c, ref.Field)
				}
				if ref.Direction != DirectionFrom {
					b.arrive(c, ref.Field, ReferenceKind(other.Key, oc.Name, of.Path))
				}
			}
		}
	}
}

func (b *builder) export(c *Collection, field string) {
	x := Export{Field: field, Kind: ReferenceKind(b.dataset.Key, c.Name, field)}
	if !slices.Contains(b.exports[c], x) {
		b.exports[c] = append(b.exports[c], x)
	}
}

func (b *builder) arrive(c *Collection, field string, kind subject.Kind) {
	e := b.entry(c, []string{field})
	if !slices.Contains(e.refs, kind) {
		e.refs = append(e.refs, kind)
	}
}

func (b *builder) reach() {
	b.reached = map[*Collection]bool{}
	var queue []*Collection
	add := func(c *Collection) {
		if !b.reached[c] {
			b.reached[c] = true
			queue = append(queue, c)
		}
	}
	for _, e := range b.entries {
		if e.Identity != "" || len(e.refs) > 0 {
			add(e.Collection)
		}
	}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for _, e := range b.edges[c] {
			add(e.To.Collection)
		}
	}
}

// check looks for what makes a data map useless or dangerous.
func (b *builder) check() {
	if !slices.ContainsFunc(b.entries, func(e *Entry) bool { return e.Identity != "" || len(e.refs) > 0 }) {
		b.problems = append(b.problems, Problem{Text: "no field has an identity: nobody can be found; say identity: email, or what else the field holds, below fides_meta of a field that says who somebody is"})
	}
	for _, c := range b.dataset.Collections {
		if c.Skip {
			continue
		}
		b.checkOrder(c)
		if !b.reached[c] {
			if c.Disclosed() {
				b.warnings = append(b.warnings, Problem{Collection: c.Name, Line: c.Line, Text: "holds personal data, and no identity and no reference leads to it"})
			}
			continue
		}
		if len(c.Key()) == 0 {
			b.problem(c, nil, 0, "has no primary_key: its records cannot be told apart; say primary_key: true below fides_meta of the field, or of each of the fields, that do")
		}
		for _, w := range c.Where {
			if c.Field(w.Field) == nil {
				b.problem(c, nil, 0, "where names the field %q, which is not there", w.Field)
			}
		}
		if len(b.exports[c]) > 0 && !slices.ContainsFunc(b.entries, func(e *Entry) bool {
			return e.Collection == c && (e.Identity != "" || len(e.refs) > 0)
		}) {
			b.problem(c, nil, 0, "its field %q leads to another system, and no identity leads here: give it an identity field", b.exports[c][0].Field)
		}
		b.checkErase(c)
	}
}

func (b *builder) checkErase(c *Collection) {
	for f := range c.All {
		if f.OnErase.Action != "" && f.OnErase.Action != ActKeep && (f.PrimaryKey || f.ReadOnly) {
			b.problem(c, f, 0, "on_erase cannot change a primary key or a read_only field")
		}
		if f.HoldKey && strings.Contains(f.Path, ".") {
			b.problem(c, f, 0, "hold_key must be a field of the collection itself")
		}
	}
}
