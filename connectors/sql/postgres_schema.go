package sql

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"
)

// A name may be asked for in two ways, as schema.table and as a table of the default schema; letter case is the last thing to
// differ in.
const postgresTables = `SELECT r.asked, c.oid, n.nspname, c.relname, c.relkind, row_security_active(c.oid),
		has_schema_privilege(n.oid, 'USAGE'), has_any_column_privilege(c.oid, 'SELECT'), has_table_privilege(c.oid, 'DELETE'),
		EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid), n.nspname = r.schema AND c.relname = r.name
	FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r(asked, schema, name, turn)
	JOIN pg_namespace n ON lower(n.nspname) = lower(r.schema)
	JOIN pg_class c ON c.relnamespace = n.oid AND lower(c.relname) = lower(r.name)
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY r.turn`

const postgresColumns = `SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid, a.atttypmod, a.attnotnull,
		a.attgenerated <> '' OR a.attidentity = 'a', has_column_privilege(a.attrelid, a.attnum, 'SELECT'), has_column_privilege(a.attrelid, a.attnum, 'UPDATE')
	FROM pg_attribute a WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum`

const postgresTypes = `WITH RECURSIVE need(oid) AS (
		SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
		UNION SELECT v.oid FROM need JOIN pg_type t ON t.oid = need.oid CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) AS v(oid) WHERE v.oid <> 0)
	SELECT t.oid, format_type(t.oid, -1), t.typname, n.nspname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod, t.typnotnull, pg_type_is_visible(t.oid), t.typdelim, scale(0::money::numeric)
	FROM need JOIN pg_type t ON t.oid = need.oid JOIN pg_namespace n ON n.oid = t.typnamespace`

const postgresIndexes = `SELECT i.indrelid, i.indexrelid, i.indisprimary, i.indisunique, i.indpred IS NULL, a.attname
	FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
	LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
	WHERE i.indrelid = ANY($1::oid[]) AND i.indisvalid AND k.n <= i.indnkeyatts ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid, k.n`

// What refers to a table refers to its partitions, and the other way round: the clones that the server keeps of such foreign
// keys are left out.
const postgresIncoming = `WITH mine(id, relid) AS (
		SELECT m.oid, x.relid FROM unnest($1::oid[]) AS m(oid) CROSS JOIN LATERAL (SELECT m.oid AS relid UNION SELECT p.relid FROM pg_partition_ancestors(m.oid::regclass) AS p) AS x)
	SELECT mine.id, k.oid, n.nspname, c.relname, k.confdeltype,
		(SELECT string_agg(x.relid::oid::text, ',') FROM (SELECT k.conrelid AS relid UNION SELECT p.relid FROM pg_partition_ancestors(k.conrelid) AS p) AS x), f.attname, t.attname
	FROM mine JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = mine.relid AND k.conparentid = 0
	JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
	CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(f, t, n)
	JOIN pg_attribute f ON f.attrelid = k.conrelid AND f.attnum = u.f JOIN pg_attribute t ON t.attrelid = k.confrelid AND t.attnum = u.t
	ORDER BY mine.id, k.oid, u.n`

// postgresInspection is a look at the catalogue.
type postgresInspection struct {
	session *session
	tables  map[string]*liveTable // by oid
	ids     string                // all of them, as an array
	types   map[string]*postgresType
	err     error
}

func (d *postgresDialect) inspect(ctx context.Context, s *session, names []string) (map[string]*liveTable, error) {
	in := postgresInspection{session: s, tables: map[string]*liveTable{}, types: map[string]*postgresType{}}
	found := in.find(ctx, d.schema, names)
	var ids []string
	for id := range in.tables {
		ids = append(ids, id)
	}
	in.ids = textArray(ids)
	in.readTypes(ctx)
	in.readColumns(ctx)
	in.readIndexes(ctx)
	in.readIncoming(ctx)
	if in.err != nil {
		return nil, d.classify(in.err, "reading the schema")
	}
	for _, t := range found {
		t.settle()
	}
	return found, nil
}

// query reads the rows of one query; after a failure there is no other.
func (in *postgresInspection) query(ctx context.Context, statement string, each func(row []string), args ...string) {
	if in.err != nil {
		return
	}
	values := make([]driver.NamedValue, len(args))
	for i, a := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	in.err = in.session.query(ctx, statement, values, func(row []driver.Value) error {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = text(v)
		}
		each(texts)
		return nil
	})
}

const yes = "t"

func (in *postgresInspection) find(ctx context.Context, schema string, names []string) map[string]*liveTable {
	var asked, schemas, tables []string
	add := func(name, schema, table string) {
		asked, schemas, tables = append(asked, name), append(schemas, schema), append(tables, table)
	}
	for _, name := range names {
		add(name, schema, name)
		if s, t, ok := strings.Cut(name, "."); ok {
			add(name, s, t)
		}
	}
	exact, others := map[string]*liveTable{}, map[string][]*liveTable{}
	in.query(ctx, postgresTables, func(row []string) {
		t := &liveTable{id: row[1], schema: row[2], name: row[3], kind: "table", noDelete: row[8] != yes}
		switch row[4] {
		case "v", "m":
			t.kind, t.readable = "view", true
		case "f":
			t.kind, t.readable = "foreign table", true
		}
		switch {
		case row[6] != yes:
			t.unread = "the account in use may not use the schema: grant it USAGE"
		case row[7] != yes:
			t.unread = "the account in use may not read the table: grant it SELECT"
		case row[5] == yes:
			t.unread = "row level security would hide rows from the account in use, and nobody would notice: give the account BYPASSRLS, or use one that the policies do not concern"
		case row[4] == "r" && row[9] == yes:
			t.unread = "other tables inherit from it, and no key tells all of their rows apart"
		}
		if row[10] == yes && exact[row[0]] == nil {
			exact[row[0]] = t
		}
		others[row[0]] = append(others[row[0]], t)
	}, textArray(asked), textArray(schemas), textArray(tables))
	found := map[string]*liveTable{}
	for name, list := range others {
		t := exact[name]
		if t == nil && len(list) == 1 {
			t = list[0]
		}
		if t == nil {
			continue // several, and none is spelt like it
		}
		if known := in.tables[t.id]; known != nil {
			t = known
		}
		found[name], in.tables[t.id] = t, t
	}
	return found
}

func (in *postgresInspection) readTypes(ctx context.Context) {
	type raw struct {
		postgresType
		element, base string
	}
	all := map[string]*raw{}
	in.query(ctx, postgresTypes, func(row []string) {
		modifier, _ := strconv.Atoi(row[8])
		decimals, _ := strconv.Atoi(row[12])
		all[row[0]] = &raw{postgresType{
			full: row[1], name: row[2], builtin: row[3] == "pg_catalog", sort: row[4], isArray: row[5] == "A" && row[6] != "0",
			modifier: modifier, notNull: row[9] == yes, visible: row[10] == yes, delimiter: row[11], decimals: decimals,
		}, row[6], row[7]}
	}, in.ids)
	for id, r := range all {
		in.types[id] = &r.postgresType
	}
	for id, r := range all {
		if e := all[r.element]; e != nil && r.isArray {
			in.types[id].element = in.types[r.element]
		}
		if b := all[r.base]; b != nil {
			in.types[id].base = in.types[r.base]
		}
	}
}

func (in *postgresInspection) readColumns(ctx context.Context) {
	in.query(ctx, postgresColumns, func(row []string) {
		t := in.tables[row[0]]
		modifier, _ := strconv.Atoi(row[4])
		c := &liveColumn{
			name: row[1], declared: row[2], notNull: row[5] == yes, generated: row[6] == yes, noSelect: row[7] != yes, noUpdate: row[8] != yes,
		}
		if typ := in.types[row[3]]; typ != nil {
			typ.describe(c, modifier)
		}
		t.columns = append(t.columns, c)
	}, in.ids)
}

func (in *postgresInspection) readIndexes(ctx context.Context) {
	type index struct {
		table           *liveTable
		columns         []string
		unique, primary bool
		usable          bool
	}
	var list []*index
	last := ""
	in.query(ctx, postgresIndexes, func(row []string) {
		if row[1] != last {
			list = append(list, &index{table: in.tables[row[0]], primary: row[2] == yes, unique: row[3] == yes, usable: row[4] == yes})
			last = row[1]
		}
		i := list[len(list)-1]
		i.usable = i.usable && row[5] != "" // over an expression
		i.columns = append(i.columns, row[5])
	}, in.ids)
	for _, i := range list {
		if !i.usable {
			continue
		}
		i.table.indexes = append(i.table.indexes, liveIndex{columns: i.columns})
		if i.unique {
			i.table.uniques = append(i.table.uniques, i.columns)
		}
		if i.primary {
			for n, name := range i.columns {
				i.table.column(name).key = n + 1
			}
		}
	}
}

func (in *postgresInspection) readIncoming(ctx context.Context) {
	last := ""
	in.query(ctx, postgresIncoming, func(row []string) {
		t := in.tables[row[0]]
		if id := row[0] + "/" + row[1]; id != last {
			last = id
			t.incoming = append(t.incoming, liveReference{
				schema: row[2], table: row[3], enforced: true, cascades: map[string]string{"c": "deletes", "n": "changes", "d": "changes"}[row[4]],
				family: strings.Split(row[5], ","),
			})
		}
		ref := &t.incoming[len(t.incoming)-1]
		ref.from, ref.to = append(ref.from, row[6]), append(ref.to, row[7])
	}, in.ids)
}

// settle finds the order in which rows are read: by a key that no row lacks.
func (t *liveTable) settle() {
	if t.readable || t.unread != "" {
		return
	}
	for _, unique := range t.uniques {
		whole := true
		for _, name := range unique {
			whole = whole && t.column(name).notNull
		}
		if whole {
			t.position = unique
			return
		}
	}
	if len(t.uniques) > 0 {
		t.unread = "the table has no primary key, and no unique index whose columns are never null: its rows cannot be told apart"
	}
}
