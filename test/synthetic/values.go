package synthetic

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// class is a set of fields that hold the same value in the rows of one person: tied by references or by an identity.
type class struct {
	number  int
	members int
	kind    subject.Kind // of an identity
	integer bool         // a member is declared so, and the others must be able to hold its values
}

type classes struct {
	parent map[string]string
	class  map[string]*class
}

func node(dataset, collection, path string) string {
	return dataset + "\x00" + collection + "\x00" + path
}

// tie works out which fields hold the same values.
func tie(maps []*connector.Dataset) classes {
	k := classes{parent: map[string]string{}, class: map[string]*class{}}
	for _, d := range maps {
		for _, c := range d.Collections {
			for f := range c.All {
				self := node(d.Key, c.Name, f.Path)
				k.join(self, self)
				if f.Identity != "" {
					k.join(self, "identity\x00"+string(f.Identity))
				}
				for _, r := range f.References {
					k.join(self, node(r.Dataset, r.Collection, r.Field))
				}
			}
		}
	}
	for _, d := range maps {
		for _, c := range d.Collections {
			for f := range c.All {
				root := k.root(node(d.Key, c.Name, f.Path))
				if k.class[root] == nil {
					k.class[root] = &class{number: len(k.class) + 1}
				}
				m := k.class[root]
				m.members++
				m.integer = m.integer || f.Type == connector.DataInteger
				if f.Identity != "" {
					m.kind = f.Identity
				}
			}
		}
	}
	return k
}

func (k classes) root(n string) string {
	for k.parent[n] != "" && k.parent[n] != n {
		n = k.parent[n]
	}
	return n
}

func (k classes) join(a, b string) {
	for _, n := range []string{a, b} {
		if k.parent[n] == "" {
			k.parent[n] = n
		}
	}
	k.parent[k.root(a)] = k.root(b)
}

func (k classes) of(dataset string, c *connector.Collection, f *connector.DataField) *class {
	return k.class[k.root(node(dataset, c.Name, f.Path))]
}

// free reports whether nothing else depends on the value.
func (m *class) free() bool { return m.members == 1 && m.kind == "" }

// number returns the whole number that a person has in the class. Free values differ from row to row.
func (m *class) valueOf(person, row int) int64 {
	if !m.free() {
		row = 0
	}
	return int64((person+1)*100_000 + m.number*10 + row)
}

// text returns the same as a text: an address of a reserved range, digits where another member is a number.
func (m *class) textOf(person, row int) string {
	n := strconv.FormatInt(m.valueOf(person, row), 10)
	switch {
	case m.kind == subject.Email:
		return fmt.Sprintf("person%d@example.com", person)
	case m.kind == subject.Phone:
		return fmt.Sprintf("+1555010%04d", person)
	case m.integer:
		return n
	}
	return "value " + n
}

// identifiers returns what one person can prove: a value of every kind that the systems know.
func (w *World) identifiers(person int) []subject.Identifier {
	var ids []subject.Identifier
	for _, m := range w.classes.class {
		if m.kind == "" {
			continue
		}
		if id, err := subject.New(m.kind, m.textOf(person, 0)); err == nil {
			ids = subject.Add(ids, id)
		}
	}
	return ids
}

// rows returns the rows of one person: two where the key leaves room for it, else one.
func (w *World) rows(s *system, c *connector.Collection, person int) [][]any {
	n := 1
	for _, f := range c.Key() {
		if w.classes.of(s.data.Key, c, f).free() && f.Type != connector.DataBoolean {
			n = 2
		}
	}
	rows := make([][]any, n)
	for i := range rows {
		for _, f := range c.Fields {
			rows[i] = append(rows[i], column(w.value(s, c, f, person, i)))
		}
	}
	return rows
}

// value returns what a field holds: of nested ones a tree, of arrays a list of one.
func (w *World) value(s *system, c *connector.Collection, f *connector.DataField, person, row int) any {
	for _, cond := range c.Where {
		if cond.Field == f.Path {
			return cond.Values[0].Reveal()
		}
	}
	var v any
	m := w.classes.of(s.data.Key, c, f)
	switch {
	case len(f.Fields) > 0:
		tree := map[string]any{}
		for _, nested := range f.Fields {
			tree[nested.Name] = w.value(s, c, nested, person, row)
		}
		v = tree
	case f.Type == connector.DataObject:
		v = map[string]any{"held": m.textOf(person, row)}
	case f.Type == connector.DataInteger, f.Type == "" && m.integer:
		v = m.valueOf(person, row)
	case f.Type == connector.DataFloat:
		v = float64(m.valueOf(person, row)) + 0.5
	case f.Type == connector.DataBoolean:
		v = false
	default:
		v = m.textOf(person, row)
	}
	if f.Array {
		return []any{v}
	}
	return v
}

// column writes a value as SQLite holds it.
func column(v any) any {
	switch v.(type) {
	case map[string]any, []any:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // made of texts and numbers above
		}
		return string(text)
	}
	return v
}
