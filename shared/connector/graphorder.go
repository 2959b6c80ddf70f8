package connector

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// orderWalk sorts the entries so that sources come before targets. Where references run in a circle, a collection with an
// identity, or one that something already sorted leads to, goes first.
func (b *builder) orderWalk() {
	before := map[*Collection][]*Collection{}
	for from, edges := range b.edges {
		for _, e := range edges {
			before[e.To.Collection] = append(before[e.To.Collection], from)
		}
	}
	b.declaredAfter(before, func(c *Collection) []string { return c.After })
	preferred := map[*Collection]bool{}
	for _, e := range b.entries {
		if e.Identity != "" || len(e.refs) > 0 {
			preferred[e.Collection] = true
		}
	}
	order := sortCollections(b.dataset.Collections, before, preferred)
	at := map[*Collection]int{}
	for i, c := range order {
		at[c] = i
	}
	b.entries = slices.DeleteFunc(b.entries, func(e *Entry) bool { return !b.reached[e.Collection] })
	slices.SortStableFunc(b.entries, func(x, y *Entry) int { return cmp.Compare(at[x.Collection], at[y.Collection]) })
	for i, e := range b.entries {
		e.Index = i
	}
}

// orderErase ranks children before parents. The side that holds the foreign key is the child, whichever side declares. Where
// erase_after says the opposite, what was said counts, and a warning tells what that costs.
func (b *builder) orderErase() {
	declared := map[*Collection][]*Collection{}
	b.declaredAfter(declared, func(c *Collection) []string { return c.EraseAfter })
	before := map[*Collection][]*Collection{}
	for _, from := range b.dataset.Collections {
		for _, e := range b.edges[from] {
			child, parent := e.To.Collection, from
			if e.Lookup {
				child, parent = from, e.To.Collection
			}
			if child == parent || slices.Contains(before[parent], child) {
				continue
			}
			if slices.Contains(declared[child], parent) {
				b.warnings = append(b.warnings, Problem{Collection: child.Name, Line: child.Line, Text: fmt.Sprintf(
					"erase_after puts %q first, which rows of this collection refer to; a database that enforces the reference keeps those rows: then remove erase_after", parent.Name)})
				continue
			}
			before[parent] = append(before[parent], child)
		}
	}
	for c, list := range declared {
		before[c] = append(before[c], list...)
	}
	b.rank = map[*Collection]int{}
	for i, c := range sortCollections(b.dataset.Collections, before, nil) {
		b.rank[c] = i
	}
}

// declaredAfter adds the collections named by after or erase_after.
func (b *builder) declaredAfter(before map[*Collection][]*Collection, names func(*Collection) []string) {
	for _, c := range b.dataset.Collections {
		for _, name := range names(c) {
			for _, other := range b.dataset.Collections {
				if other != c && name == b.dataset.Key+"."+other.Name {
					before[c] = append(before[c], other)
				}
			}
		}
	}
}

// checkOrder looks at what after and erase_after name.
func (b *builder) checkOrder(c *Collection) {
	for _, order := range []struct {
		key   string
		names []string
	}{{"after", c.After}, {"erase_after", c.EraseAfter}} {
		for _, name := range order.names {
			collection, own := strings.CutPrefix(name, b.dataset.Key+".")
			switch {
			case own && (collection == c.Name || b.dataset.Collection(collection) == nil):
				b.problem(c, nil, 0, "%s names %q, which is not another collection of the dataset", order.key, name)
			case !own && order.key == "erase_after":
				b.warnings = append(b.warnings, Problem{Collection: c.Name, Line: c.Line, Text: fmt.Sprintf(
					"erase_after names %q, of another dataset: systems are erased side by side, in no order", name)})
			}
		}
	}
}

// sortCollections sorts topologically and stably; circles are broken at the first preferred collection, at one that a
// sorted collection leads to, or at the first.
func sortCollections(list []*Collection, before map[*Collection][]*Collection, preferred map[*Collection]bool) []*Collection {
	done := map[*Collection]bool{}
	var order []*Collection
	free := func(c *Collection) bool {
		return !slices.ContainsFunc(before[c], func(p *Collection) bool { return p != c && !done[p] })
	}
	entered := func(c *Collection) bool {
		return preferred[c] || slices.ContainsFunc(before[c], func(p *Collection) bool { return done[p] })
	}
	for len(order) < len(list) {
		rest := slices.DeleteFunc(slices.Clone(list), func(c *Collection) bool { return done[c] })
		i := slices.IndexFunc(rest, free)
		if i < 0 {
			i = slices.IndexFunc(rest, func(c *Collection) bool { return preferred[c] })
		}
		if i < 0 {
			i = slices.IndexFunc(rest, entered)
		}
		next := rest[max(i, 0)]
		done[next] = true
		order = append(order, next)
	}
	return order
}
