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
	name       string // quoted name
	selected   string // expressions of the columns, in order
	columns    []column
	key        []int    // positions in columns
	keyExprs   []string // of the key, qualified
	position   []string // of the row position, qualified
	byKey      []int    // for each part of the position the part of the key it is; nil when they differ
	folding    map[string]bool
}

// column is a declared top-level field with its live column.
type column struct {
	field  *connector.DataField
	live   *liveColumn
	expr   string // qualified
	target string // as the target of an assignment
	codec  codec
}

const alias = "t."

// tie compares a data map with the live schema. It returns the tables by collection and every problem it found. The data map
// gets the declared keys that it left open from the live schema.
func tie(d dialect, data *connector.Dataset, live map[string]*liveTable) (map[*connector.Collection]*table, []connector.Problem) {
	tables := map[*connector.Collection]*table{}
	var problems []connector.Problem
	for _, c := range data.Collections {
		if c.Skip {
			continue
		}
		b := binder{dialect: d, collection: c, live: live[c.Name]}
		if t := b.bind(); len(b.problems) == 0 {
			tables[c] = t
		}
		problems = append(problems, b.problems...)
	}
	return tables, problems
}

type binder struct {
	dialect    dialect
	collection *connector.Collection
	live       *liveTable
	problems   []connector.Problem
}

func (b *binder) problem(f *connector.DataField, format string, args ...any) {
	p := connector.Problem{Collection: b.collection.Name, Line: b.collection.Line, Text: fmt.Sprintf(format, args...)}
	if f != nil {
		p.Field, p.Line = f.Path, f.Line
	}
	b.problems = append(b.problems, p)
}

func (b *binder) bind() *table {
	switch {
	case b.live == nil:
		b.problem(nil, "the database has no table of this name")
		return nil
	case b.live.kind != "table":
		b.problem(nil, "is a %s in the database; name the table that holds its rows", b.live.kind)
		return nil
	}
	w := b.dialect.writer()
	t := &table{collection: b.collection, live: b.live, name: w.quote(b.live.name), folding: map[string]bool{}}
	t.from = t.name + " AS t"
	var exprs []string
	for _, f := range b.collection.Fields {
		live := b.live.column(f.Name)
		if live == nil {
			b.problem(f, "the table has no column of this name")
			continue
		}
		k, err := b.dialect.codec(live, f)
		if err != nil {
			b.problem(f, "%s", err.Error())
			continue
		}
		expr := alias + w.quote(live.name)
		t.columns = append(t.columns, column{field: f, live: live, expr: expr, target: w.quote(live.name), codec: k})
		// A sign keeps the driver from guessing at times by the declared type: what is stored is what is read.
		exprs = append(exprs, "+"+expr)
	}
	t.selected = strings.Join(exprs, ",")
	b.key(t)
	b.rules(t)
	for _, i := range b.live.indexes {
		if i.folding {
			t.folding[strings.ToLower(i.columns[0])] = true
		}
	}
	for _, p := range b.live.position {
		t.position = append(t.position, alias+w.quote(p))
	}
	t.byKey = t.positionInKey()
	return t
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
		t.key, t.keyExprs, names = append(t.key, at), append(t.keyExprs, t.columns[at].expr), append(names, f.Name)
	}
	unique := slices.ContainsFunc(b.live.uniques, func(u []string) bool { return sameNames(u, names) })
	switch {
	case len(names) == 0 && len(b.live.uniques) == 0:
		b.problem(nil, "the table has no primary key, and the data map names none: its rows cannot be told apart")
	case len(names) == 0:
		b.problem(nil, "the data map declares no primary key, and not every column of the table's own (%s) is a declared field", strings.Join(b.live.uniques[0], ", "))
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

// rules checks what filters and erasure ask of columns.
func (b *binder) rules(t *table) {
	for _, w := range b.collection.Where {
		if c, nested := t.column(w.Field); c == nil || nested {
			b.problem(nil, "the filter names %q, which is no declared column of the table", w.Field)
		}
	}
	for i := range t.columns {
		c := &t.columns[i]
		rule := c.field.OnErase.Action
		if rule == "" && c.field.Erasable(b.collection) {
			rule = b.collection.OnErase.Action
		}
		if c.live.generated {
			c.field.ReadOnly = true
		}
		mask := c.field.Mask.Strategy
		if mask == connector.MaskDefault {
			mask = b.collection.Mask.Strategy
		}
		switch {
		case c.live.generated && (c.field.OnErase.Action != "" || c.field.OnRestrict != nil):
			b.problem(c.field, "the column is computed by the database and cannot be changed")
		case c.live.notNull && (rule == connector.ActNull || rule == connector.ActMask && (mask == connector.MaskNull || mask == connector.MaskDefault && c.masksToNull())):
			b.problem(c.field, "erasure makes the field null, and the column forbids it; mask it instead")
		case rule == connector.ActMask && mask != connector.MaskRandom && mask != connector.MaskNull && b.aloneUnique(c.live.name):
			b.problem(c.field, "erasure gives the field the same text for everybody, and the column is unique; use the strategy random_string_rewrite")
		}
	}
}

// masksToNull reports whether the default mask of the column's values is null: it knows texts and numbers only.
func (c *column) masksToNull() bool {
	d := strings.ToUpper(c.live.declared)
	return strings.HasPrefix(d, "BOOL") || c.field.Type == connector.DataBoolean || strings.Contains(d, "BLOB") || strings.Contains(d, "JSON")
}

func (b *binder) aloneUnique(name string) bool {
	return slices.ContainsFunc(b.live.uniques, func(u []string) bool { return len(u) == 1 && equalNames(u[0], name) })
}

func (t *table) positionInKey() []int {
	var at []int
	for _, p := range t.live.position {
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
