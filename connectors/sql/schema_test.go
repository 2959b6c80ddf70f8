package sql_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func wantClass(t *testing.T, err error, want fault.Class) {
	t.Helper()
	if fault.ClassOf(err) != want {
		t.Errorf("class %q, want %q: %v", fault.ClassOf(err), want, err)
	}
}

// oneTable is a data map with one collection named t.
func oneTable(collectionMeta string, fields ...string) string {
	yaml := "dataset:\n  - fides_key: d\n    collections:\n      - name: t\n"
	if collectionMeta != "" {
		yaml += "        habeas_meta: " + collectionMeta + "\n"
	}
	return yaml + "        fields:\n          - " + strings.Join(fields, "\n          - ") + "\n"
}

const (
	idField    = `{name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}`
	emailField = `{name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}`
)

func TestProblemsAreNamed(t *testing.T) {
	for name, tc := range map[string]struct{ schema, yaml, field, text string }{
		"no table":          {`CREATE TABLE other (id INTEGER PRIMARY KEY)`, oneTable("", idField, emailField), "", "no table of this name"},
		"a view":            {`CREATE TABLE o (id INTEGER PRIMARY KEY, email TEXT); CREATE VIEW t AS SELECT * FROM o`, oneTable("", idField, emailField), "", "is a view"},
		"no column":         {`CREATE TABLE t (id INTEGER PRIMARY KEY)`, oneTable("", idField, emailField), "email", "no column of this name"},
		"no key":            {`CREATE TABLE t (id INTEGER, email TEXT)`, oneTable("", idField, emailField), "", "neither the primary key nor unique"},
		"another key":       {`CREATE TABLE t (id INTEGER, n INTEGER, email TEXT, PRIMARY KEY (id, n))`, oneTable("", idField, emailField), "", "neither the primary key nor unique"},
		"partial index":     {`CREATE TABLE t (id INTEGER, email TEXT); CREATE UNIQUE INDEX u ON t(id) WHERE id > 5`, oneTable("", idField, emailField), "", "neither the primary key nor unique"},
		"type of another":   {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, o TEXT)`, oneTable("", idField, emailField, `{name: o, data_categories: [user.content], fides_meta: {data_type: object_id}}`), "o", "object_id"},
		"nested in numbers": {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, o INTEGER)`, oneTable("", idField, emailField, `{name: o, data_categories: [user.content], fides_meta: {data_type: "string[]"}}`), "o", "nested values"},
		"bytes as a number": {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, o BLOB)`, oneTable("", idField, emailField, `{name: o, data_categories: [user.content], fides_meta: {data_type: integer}}`), "o", "bytes"},
		"null forbidden":    {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT NOT NULL)`, oneTable(`{on_erase: "null"}`, idField, emailField), "email", "forbids it"},
		"mask to null":      {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, b BOOLEAN NOT NULL)`, oneTable(`{on_erase: mask}`, idField, emailField, `{name: b, data_categories: [user.content]}`), "b", "forbids it"},
		"mask of a unique":  {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT UNIQUE)`, oneTable(`{on_erase: mask}`, idField, emailField), "email", "unique"},
		"generated":         {`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, g TEXT AS (email || 'x'))`, oneTable("", idField, emailField, `{name: g, data_categories: [user.content], habeas_meta: {on_erase: "null"}}`), "g", "computed"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := newDatabase(t, tc.schema)
			var problems []connector.Problem
			s, err := openIn(t, dir, tc.yaml)
			if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok {
				problems = invalid.Problems // nothing of the data map is left to serve
			} else if h, checkErr := s.Check(t.Context()); err == nil && checkErr == nil {
				problems = h.Problems
			}
			if len(problems) != 1 {
				t.Fatalf("want one problem: %+v, %v", problems, err)
			}
			if p := problems[0]; p.Collection != "t" || p.Field != tc.field || p.Line == 0 || !strings.Contains(p.Text, tc.text) {
				t.Errorf("got %+v", p)
			}
		})
	}
}

func TestLiveSchemaCompletesTheKey(t *testing.T) {
	s := newSystem(t, oneTable("", `{name: id, data_categories: [system.operations]}`, emailField), `CREATE TABLE T ("ID" INTEGER PRIMARY KEY, email TEXT)`, `INSERT INTO t VALUES (7, 'ann@example.com')`)
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	if got := keysOf(records); len(got) != 1 || got[0] != `t "7"` {
		t.Errorf("got %v", got)
	}
}

func TestFixedFilter(t *testing.T) {
	s := newSystem(t, oneTable(`{where: {kind: ["a'b", null], live: true, n: [1, 2.5]}}`, idField, emailField,
		`{name: kind, data_categories: [user.content]}`, `{name: live, data_categories: [user.content]}`, `{name: n, data_categories: [user.content]}`),
		`CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, kind TEXT, live BOOLEAN, n REAL)`,
		`INSERT INTO t VALUES (1, 'ann@example.com', 'a''b', 1, 1), (2, 'ann@example.com', NULL, 1, 2.5), (3, 'ann@example.com', 'c', 1, 1), (4, 'ann@example.com', NULL, 0, 1), (5, 'ann@example.com', NULL, 1, 2)`)
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	if got := strings.Join(keysOf(records), " "); got != `t "1" t "2"` {
		t.Errorf("got %s", got)
	}
}

// Names of tables and columns are quoted, and a name that is no longer there is an error: SQLite itself would take it for a
// text.
func TestNamesAreQuoted(t *testing.T) {
	const table, column = `t"; DROP TABLE t; --`, `e'"mail`
	yaml := "dataset:\n  - fides_key: d\n    collections:\n      - name: 't\"; DROP TABLE t; --'\n        fields:\n          - " + idField +
		"\n          - {name: 'e''\"mail', data_categories: [user.contact.email], fides_meta: {identity: email}}\n"
	s := newSystem(t, yaml, `CREATE TABLE "t""; DROP TABLE t; --" (id INTEGER PRIMARY KEY, "e'""mail" TEXT)`, `INSERT INTO "t""; DROP TABLE t; --" VALUES (1, 'ann@example.com'), (2, 'bob@example.com')`)
	records, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	if len(records) != 1 || records[0].Collection != table || records[0].Fields[1].Name != column {
		t.Errorf("got %d records", len(records))
	}
	s.erase(t, s.plan(t, mail(t, "ann@example.com")...))
	if n := s.count(t, `SELECT count(*) FROM "t""; DROP TABLE t; --"`); n != 1 {
		t.Errorf("%d rows left, want 1", n)
	}
	s.exec(t, `ALTER TABLE "t""; DROP TABLE t; --" RENAME COLUMN "e'""mail" TO gone`)
	if records, p := s.access(t, 0, mail(t, "bob@example.com")...); len(records) != 0 || p.Collections[0].Outcome != connector.NotDone {
		t.Errorf("%d records, %+v", len(records), p.Collections)
	}
	h, err := s.Check(t.Context())
	if err != nil || len(h.Problems) != 1 || h.Problems[0].Field != column {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestSettings(t *testing.T) {
	dir, _ := newDatabase(t, `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT)`)
	ds := readDataset(t, oneTable("", idField, emailField))
	for settings, want := range map[string]fault.Class{
		`{"path":"target.db"}`: "", `{"path":"` + filepath.Join(dir, "target.db") + `","statementTimeoutSeconds":5}`: "",
		`{}`: fault.Misconfigured, `{"path":""}`: fault.Misconfigured, `{"path":7}`: fault.Misconfigured, `[`: fault.Misconfigured, `null`: fault.Misconfigured,
		`{"path":"target.db","secret":"x"}`: fault.Misconfigured, `{"path":"target.db","statementTimeoutSeconds":0}`: fault.Misconfigured,
		`{"path":"no/such/folder.db"}`: fault.Misconfigured, `{"path":"."}`: fault.Misconfigured, `{"path":"missing.db"}`: fault.Unavailable,
		`{"path":"target.db?mode=rwc"}`: fault.Unavailable,
	} {
		c, err := sql.SQLite().Open(t.Context(), connector.OpenInput{Settings: json.RawMessage(settings), Dataset: ds, BaseDir: dir, Now: time.Now})
		if fault.ClassOf(err) != want {
			t.Errorf("%s: class %q, want %q: %v", settings, fault.ClassOf(err), want, err)
		}
		if err == nil {
			_ = c.Close()
		}
	}
	if _, err := sql.SQLite().Open(t.Context(), connector.OpenInput{Settings: json.RawMessage(`{"path":"target.db"}`), BaseDir: dir}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("without a data map: %v", err)
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "missing*")); len(made) > 0 {
		t.Error("a missing database was created")
	}
}

func TestDescriptorAndCheck(t *testing.T) {
	s := newSystem(t, oneTable("", idField, emailField), `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT)`)
	d := s.Describe()
	if d.Kind != "sqlite" || len(d.Rights) != 4 || len(d.Identifiers) != 1 || !json.Valid(d.SettingsSchema) || !d.HasCollections {
		t.Errorf("%+v", d)
	}
	h, err := s.Check(t.Context())
	if err != nil || !h.Reachable || len(h.Problems) != 0 || len(h.Rights) != 4 {
		t.Errorf("%+v, %v", h, err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := s.Check(context.Background()); err == nil {
		t.Error("a closed connector answers")
	}
}

// What a trigger says may hold a value, and is not repeated.
func TestTriggerForbids(t *testing.T) {
	s := newSystem(t, oneTable("", idField, emailField), `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT)`, `INSERT INTO t VALUES (1, 'ann@example.com')`,
		`CREATE TRIGGER never BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'ann@example.com stays'); END`)
	plan := s.plan(t, mail(t, "ann@example.com")...)
	_, err := s.ApplyErasure(t.Context(), plan)
	wantClass(t, err, fault.Misconfigured)
	if err != nil && strings.Contains(err.Error(), "ann@") {
		t.Error("the error quotes a value")
	}
	if n := s.count(t, "SELECT count(*) FROM t"); n != 1 {
		t.Error("the row is gone")
	}
}
