package sql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// table is a collection of the data map tied to the live table: what statements need, worked out once.
type table struct {
	collection *connector.Collection
	live       *liveTable
	from       string // quoted name, with the alias t
	selected   string // expressions of the columns, in order
	columns    []column
	key        []int // positions in columns
	keyExprs   []operand
	position   []string // of the row position, qualified
	byKey      []int    // for each part of the position the part of the key it is; nil when they differ
	folding    map[string]bool
}

// column is a declared top-level field with its live column.
type column struct {
	field  *connector.DataField
	live   *liveColumn
	expr   string // qualified
	read   string // as it is selected
	target string // as the target of an assignment
	codec  codec
}

// operand returns the column as it is compared.
func (c *column) operand() operand {
	return operand{text: patterned(c.live.compared, c.expr), cast: c.live.cast, element: c.live.element}
}

// keysAs returns the key under another alias of the table.
func (t *table) keysAs(w writer, alias string) []operand {
	list := slices.Clone(t.keyExprs)
	for i, k := range t.key {
		c := &t.columns[k]
		list[i].text = patterned(c.live.compared, alias+w.quote(c.live.name))
	}
	return list
}

func patterned(pattern, expr string) string {
	if pattern == "" {
		return expr
	}
	return fmt.Sprintf(pattern, expr)
}

const alias = "t."

// tied is a data map compared with the live schema.
type tied struct {
	tables   map[string]*table   // by collection
	unserved map[string]string   // collections that cannot be read as declared, and why
	problems []connector.Problem // all of them, those included that only stand in the way of a change
}

// tie compares a data map with the live schema. The data map gets from it what it leaves open: keys, types, lengths.
func tie(d dialect, data *connector.Dataset, live map[string]*liveTable) tied {
	out := tied{tables: map[string]*table{}, unserved: map[string]string{}}
	for _, c := range data.Collections {
		if c.Skip {
			continue
		}
		b := binder{dialect: d, collection: c, live: live[c.Name]}
		t := b.bind()
		if len(b.problems) == 0 {
			out.tables[c.Name] = t
			b.references(data, live)
		} else {
			out.unserved[c.Name] = b.problems[0].Text
			if f := b.problems[0].Field; f != "" {
				out.unserved[c.Name] = f + ": " + out.unserved[c.Name]
			}
		}
		out.problems = append(append(out.problems, b.problems...), b.obstacles...)
	}
	return out
}

type binder struct {
	dialect    dialect
	collection *connector.Collection
	live       *liveTable
	problems   []connector.Problem // the collection cannot be read as declared
	obstacles  []connector.Problem // it can, and a change would go wrong
}

func (b *binder) problem(f *connector.DataField, format string, args ...any) {
	b.problems = append(b.problems, b.about(f, format, args...))
}

func (b *binder) obstacle(f *connector.DataField, format string, args ...any) {
	b.obstacles = append(b.obstacles, b.about(f, format, args...))
}

func (b *binder) about(f *connector.DataField, format string, args ...any) connector.Problem {
	p := connector.Problem{Collection: b.collection.Name, Line: b.collection.Line, Text: fmt.Sprintf(format, args...)}
	if f != nil {
		p.Field, p.Line = f.Path, f.Line
	}
	return p
}

func (b *binder) bind() *table {
	switch {
	case b.live == nil:
		b.problem(nil, "the database has no table of this name")
		return nil
	case b.live.kind != "table" && !b.live.readable:
		b.problem(nil, "is a %s in the database; name the table that holds its rows", b.live.kind)
		return nil
	case b.live.unread != "":
		b.problem(nil, "%s", b.live.unread)
		return nil
	}
	w := b.dialect.writer()
	t := &table{collection: b.collection, live: b.live, folding: map[string]bool{}}
	t.from = fullName(w, b.live.schema, b.live.name) + " AS t"
	b.columns(t)
	b.key(t)
	b.rules(t)
	for _, i := range b.live.indexes {
		if i.folding {
			t.folding[strings.ToLower(i.columns[0])] = true
		}
	}
	position := b.live.position
	if b.live.readable {
		position = nil // a view has none but the declared key
		for _, k := range t.key {
			position = append(position, t.columns[k].live.name)
		}
	}
	for _, p := range position {
		t.position = append(t.position, alias+w.quote(p))
	}
	t.byKey = t.positionInKey(position)
	return t
}

// columns ties the declared fields to live columns.
func (b *binder) columns(t *table) {
	w := b.dialect.writer()
	var exprs []string
	for _, f := range b.collection.Fields {
		live := b.live.column(f.Name)
		switch {
		case live == nil:
			b.problem(f, "the table has no column of this name")
			continue
		case live.noSelect:
			b.problem(f, "the account in use may not read the column: grant it SELECT")
			continue
		}
		b.complete(f, live)
		k, err := b.dialect.codec(live, f)
		if err != nil {
			b.problem(f, "%s", err.Error())
			continue
		}
		expr := alias + w.quote(live.name)
		read := w.spelling().plain + patterned(live.selected, expr)
		t.columns = append(t.columns, column{field: f, live: live, expr: expr, read: read, target: w.quote(live.name), codec: k})
		exprs = append(exprs, read)
	}
	t.selected = strings.Join(exprs, ",")
}

// narrowed returns the table with the columns that a batch needs: the key, those that say whose a row is, and those that the
// changes are about.
func (t *table) narrowed(batch []connector.Change) *table {
	needed := make([]bool, len(t.columns))
	for _, k := range t.key {
		needed[k] = true
	}
	need := func(fields []connector.Field) {
		for _, f := range fields {
			for i := range t.columns {
				path := t.columns[i].field.Path
				if f.Name == path || strings.HasPrefix(f.Name, path+".") {
					needed[i] = true
				}
			}
		}
	}
	for i := range batch {
		need(batch[i].Via)
		need(batch[i].Fields)
	}
	n := *t
	n.columns, n.key = nil, make([]int, len(t.key))
	var exprs []string
	for i := range t.columns {
		if !needed[i] {
			continue
		}
		for part, k := range t.key {
			if k == i {
				n.key[part] = len(n.columns)
			}
		}
		n.columns, exprs = append(n.columns, t.columns[i]), append(exprs, t.columns[i].read)
	}
	n.selected = strings.Join(exprs, ",")
	return &n
}

// complete takes from the live column what the data map leaves open.
func (b *binder) complete(f *connector.DataField, live *liveColumn) {
	if f.Type == "" && len(f.Fields) == 0 {
		f.Type = live.dataType
		f.Array = f.Array || live.array
	}
	if live.length > 0 && (f.Length == 0 || f.Length > live.length) {
		f.Length = live.length
	}
}

// key finds the primary key among the declared fields; the live schema completes a data map that names none.
func (b *binder) key(t *table) {
	declared := b.collection.Key()
	if len(declared) == 0 {
		declared = b.liveKey()
	}
	var names []string
	for _, f := range declared {
		at := slices.IndexFunc(t.columns, func(c column) bool { return c.field == f })
		if at < 0 {
			if strings.Contains(f.Path, ".") {
				b.problem(f, "a nested field cannot be part of the primary key")
			}
			return // a missing column has been named already
		}
		t.key, t.keyExprs, names = append(t.key, at), append(t.keyExprs, t.columns[at].operand()), append(names, f.Name)
	}
	unique := b.live.readable || slices.ContainsFunc(b.live.uniques, func(u []string) bool { return sameNames(u, names) })
	switch {
	case len(names) == 0 && len(b.live.uniques) == 0:
		b.problem(nil, "the table has no primary key, and the data map names none: its rows cannot be told apart; give it one, or a unique index over columns that are never null, and say primary_key: true of those fields")
	case len(names) == 0:
		b.problem(nil, "the data map declares no primary key, and not every column of the table's own (%s) is a declared field: add the missing ones to the data map", strings.Join(b.live.uniques[0], ", "))
	case !unique:
		b.problem(nil, "the declared primary key (%s) is neither the primary key nor unique in the database: rows could not be told apart", strings.Join(names, ", "))
	}
}

func (b *binder) liveKey() []*connector.DataField {
	if len(b.live.uniques) == 0 {
		return nil
	}
	var fields []*connector.DataField
	for _, f := range b.collection.Fields {
		if slices.ContainsFunc(b.live.uniques[0], func(n string) bool { return equalNames(n, f.Name) }) {
			fields = append(fields, f)
		}
	}
	if len(fields) != len(b.live.uniques[0]) {
		return nil
	}
	for _, f := range fields {
		f.PrimaryKey = true
	}
	return fields
}

func (t *table) positionInKey(position []string) []int {
	var at []int
	for _, p := range position {
		i := slices.IndexFunc(t.key, func(k int) bool { return equalNames(t.columns[k].live.name, p) })
		if i < 0 {
			return nil
		}
		at = append(at, i)
	}
	return at
}

// column returns the column of a dotted path and whether the path goes on inside it.
func (t *table) column(path string) (c *column, nested bool) {
	for i := range t.columns {
		if t.columns[i].field.Path == path {
			return &t.columns[i], false
		}
	}
	for i := range t.columns {
		if rest, ok := strings.CutPrefix(path, t.columns[i].field.Path+"."); ok && rest != "" {
			return &t.columns[i], true
		}
	}
	return nil, false
}
