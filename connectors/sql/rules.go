package sql

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// rules checks what filters and erasure ask of columns, and settles how masks work where the type of a column decides.
func (b *binder) rules(t *table) {
	for _, w := range b.collection.Where {
		if c, nested := t.column(w.Field); c == nil || nested {
			b.problem(nil, "the filter names %q, which is no declared column of the table", w.Field)
		}
	}
	for i := range t.columns {
		c := &t.columns[i]
		fixed := c.live.generated || b.live.readable
		if fixed && c.field.OnErase.Action == "" {
			c.field.ReadOnly = true
		}
		if c.live.generated && (c.field.OnErase.Action != "" || c.field.OnRestrict != nil) {
			b.problem(c.field, "the column is computed by the database and cannot be changed")
			continue
		}
		b.erasing(c)
	}
	b.permissions(t)
}

// erasing checks what erasure makes of one column.
func (b *binder) erasing(c *column) {
	rule := c.field.OnErase.Action
	if rule == "" && c.field.Erasable(b.collection) {
		rule = b.collection.OnErase.Action
	}
	mask := &c.field.Mask
	if mask.Strategy == connector.MaskDefault {
		*mask = b.collection.Mask
	}
	if mask.Strategy == connector.MaskDefault && c.live.masked == maskedNull {
		mask.Strategy = connector.MaskNull
	}
	toNull := rule == connector.ActNull || rule == connector.ActMask &&
		(mask.Strategy == connector.MaskNull || mask.Strategy == connector.MaskDefault && c.masksToNull())
	switch {
	case c.live.notNull && toNull:
		b.obstacle(c.field, "erasure makes the field null, and the column forbids it; mask it instead")
	case rule != connector.ActMask:
	case mask.Strategy == connector.MaskRandom && (c.live.masked == maskedNull || c.live.masked == maskedNumber):
		b.obstacle(c.field, "erasure puts a text into the field, and the column holds %s; use another masking strategy", c.live.declared)
	case mask.Strategy != connector.MaskRandom && mask.Strategy != connector.MaskNull && b.aloneUnique(c.live.name):
		b.obstacle(c.field, "erasure gives the field the same text for everybody, and the column is unique; use the strategy random_string_rewrite")
	}
}

// masksToNull reports whether the default mask of the column's values is null: it knows texts and numbers only.
func (c *column) masksToNull() bool {
	d := strings.ToUpper(c.live.declared)
	return c.live.masked == maskedByValue &&
		(strings.HasPrefix(d, "BOOL") || c.field.Type == connector.DataBoolean || strings.Contains(d, "BLOB") || strings.Contains(d, "JSON"))
}

func (b *binder) aloneUnique(name string) bool {
	return slices.ContainsFunc(b.live.uniques, func(u []string) bool { return len(u) == 1 && equalNames(u[0], name) })
}

// erasure says what erasure does to rows of a collection: it deletes them, it changes some fields, or neither.
func erasure(c *connector.Collection) (deletes, changes bool) {
	if !c.Disclosed() {
		return false, false
	}
	wide := c.OnErase.Action == connector.ActNull || c.OnErase.Action == connector.ActMask
	deletes = c.OnErase.Action != connector.ActKeep
	for f := range c.All {
		switch {
		case f.OnErase.Action == connector.ActKeep:
			deletes = false
		case f.OnErase.Action != "" || wide && f.Erasable(c):
			deletes, changes = false, true
		}
	}
	return deletes, changes
}

// permissions checks that the account may do what the data map asks for. Correction may touch any field that is not fixed.
func (b *binder) permissions(t *table) {
	deletes, changes := erasure(b.collection)
	switch {
	case b.live.readable && (deletes || changes):
		b.obstacle(nil, "is a %s, which can be read and not changed: say on_erase: keep with a reason, and name the tables behind it", b.live.kind)
		return
	case b.live.readable || !deletes && !changes && b.collection.OnErase.Action == connector.ActKeep:
		return
	case deletes && b.live.noDelete:
		b.obstacle(nil, "the account in use may not delete rows: grant it DELETE")
	}
	var fixed []string
	for i := range t.columns {
		c := &t.columns[i]
		if c.live.noUpdate && !c.field.PrimaryKey && !c.field.ReadOnly && !c.field.ThirdParty && len(c.field.References) == 0 && b.collection.Disclosed() {
			fixed = append(fixed, c.field.Name)
		}
	}
	if len(fixed) > 0 {
		b.obstacle(nil, "the account in use may not change the columns %s: grant it UPDATE", strings.Join(fixed, ", "))
	}
}

// references checks what the database does about rows of other tables that refer to rows which erasure deletes. Those of the
// data map are erased first, whether or not it declares the reference.
func (b *binder) references(data *connector.Dataset, live map[string]*liveTable) {
	deletes, _ := erasure(b.collection)
	for _, ref := range b.live.incoming {
		if slices.Contains(ref.family, b.live.id) {
			continue
		}
		from := collectionOf(data, live, ref)
		if from != nil { // where the database does not enforce the reference, we do
			b.collection.EraseAfter = append(b.collection.EraseAfter, data.Key+"."+from.Name)
		}
		if !deletes || !ref.enforced {
			continue
		}
		name := ref.table
		if ref.schema != b.live.schema {
			name = ref.schema + "." + ref.table
		}
		switch {
		case from == nil && ref.cascades != "":
			b.obstacle(nil, "erasing rows %s rows of the table %s, which is not in the data map: nobody would have approved that; add the table", ref.cascades, name)
		case from == nil:
			b.obstacle(nil, "rows of the table %s, which is not in the data map, may refer to rows here, and the database then refuses to erase them; add the table", name)
		case stays(from, ref):
			b.obstacle(nil, "rows of %s stay and refer to rows here, which erasure deletes: let the data map mask or keep these instead", from.Name)
		}
	}
}

// stays reports whether erasure leaves rows of the collection with their reference as it is.
func stays(c *connector.Collection, ref liveReference) bool {
	if deletes, _ := erasure(c); deletes || !c.Disclosed() && ref.cascades == "" {
		return false
	}
	for _, f := range c.Fields {
		nulled := f.OnErase.Action == connector.ActNull || f.OnErase.Action == "" && c.OnErase.Action == connector.ActNull && f.Erasable(c)
		if nulled && slices.ContainsFunc(ref.from, func(n string) bool { return equalNames(n, f.Name) }) {
			return false
		}
	}
	return true
}

func collectionOf(data *connector.Dataset, live map[string]*liveTable, ref liveReference) *connector.Collection {
	for _, c := range data.Collections {
		if t := live[c.Name]; !c.Skip && t != nil && slices.Contains(ref.family, t.id) {
			return c
		}
	}
	return nil
}
