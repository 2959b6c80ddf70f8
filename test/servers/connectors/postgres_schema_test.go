package connectors

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const simple = "CREATE TABLE t (id int PRIMARY KEY, email text)"

var simpleMap = dataMap(collection("t", "", idField, emailField))

func TestMissingTablesAndColumnsAreProblems(t *testing.T) {
	s := newSystem(t, dataMap(collection("t", "", idField, emailField), collection("gone", "", idField, emailField), collection("nowhere.t", "", idField, emailField),
		collection("u", "", idField, emailField, personal("missing")), collection("nokey", "", idField, emailField), collection("nullkey", "", idField, emailField)),
		simple, "CREATE TABLE u (id int PRIMARY KEY, email text)", "CREATE TABLE nokey (id int, email text)", "CREATE TABLE nullkey (id int UNIQUE, email text)",
		"INSERT INTO t VALUES (1, 'ann@example.com')", "INSERT INTO u VALUES (2, 'ann@example.com')")
	list := s.problems(t)
	wantProblem(t, list, "gone", "", "no table")
	wantProblem(t, list, "nowhere.t", "", "no table")
	wantProblem(t, list, "u", "missing", "no column")
	wantProblem(t, list, "nokey", "", "primary key")
	wantProblem(t, list, "nullkey", "", "primary key")
	records, p := s.access(t, ann)
	if diff := cmp.Diff([]string{`t {"id":1,"email":"ann@example.com"}`}, lines(records)); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"gone", "nowhere.t", "u", "nokey", "nullkey"} {
		if c := outcomeOf(p, name); c.Outcome != connector.NotDone || c.Note == "" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	s.db.Exec(t, "ALTER TABLE u ADD missing text")
	if records, _ := s.access(t, ann); len(records) != 2 {
		t.Errorf("the column is back, and %d records are read, want 2", len(records))
	}
	if _, err := tryOpen(t, s.db, dataMap(collection("gone", "", idField, emailField)), account{}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a data map of which nothing is there: %v", err)
	}
}

// A column that goes away under an open system: its table is named, the rest is delivered, planned and erased.
func TestColumnGoesAwayMeanwhile(t *testing.T) {
	s := newSystem(t, dataMap(collection("t", "", idField, emailField), collection("u", "", idField, emailField, personal("note"))),
		simple, "CREATE TABLE u (id int PRIMARY KEY, email text, note text)", "INSERT INTO t VALUES (1, 'ann@example.com')", "INSERT INTO u VALUES (2, 'ann@example.com', 'x')")
	s.access(t, ann)
	s.db.Exec(t, "ALTER TABLE u DROP note")
	located, err := s.Locate(t.Context(), connector.Query{Proven: mail(t, ann)})
	if err != nil || !slices.ContainsFunc(located.Collections, func(c connector.CollectionResult) bool { return c.Collection == "u" && c.Outcome == connector.NotDone }) {
		t.Errorf("located %+v, %v", located.Collections, err)
	}
	records, p := s.access(t, ann)
	if c := outcomeOf(p, "u"); len(records) != 1 || c.Outcome != connector.NotDone || !strings.Contains(c.Note, "42703") {
		t.Errorf("%d records, %+v", len(records), c)
	}
	if got := counts(s.plan(t, ann)); got != "t delete 1" {
		t.Errorf("planned: %s", got)
	}
}

// Names are those of the live schema: quoted, in mixed case, in several schemas, with dots and with quotes.
func TestNames(t *testing.T) {
	s := newSystem(t, dataMap(collection("Customer", "", `{name: "Id", data_categories: [system.operations], fides_meta: {primary_key: true}}`,
		`{name: "E-Mail", data_categories: [user.contact.email], fides_meta: {identity: email}}`, `{name: "select", data_categories: [user.content]}`),
		collection("crm.Contact", "", idField, emailField), collection("a.b", "", idField, emailField), collection("PLAIN", "", idField, emailField)),
		`CREATE SCHEMA crm`, `CREATE TABLE customer (x int)`, `CREATE TABLE "Customer" ("Id" int PRIMARY KEY, "E-Mail" text, "select" text)`,
		`CREATE TABLE crm."Contact" (id int PRIMARY KEY, email text)`, `CREATE TABLE "a.b" (id int PRIMARY KEY, email text)`, `CREATE TABLE plain (id int PRIMARY KEY, email text)`,
		`INSERT INTO "Customer" VALUES (1, 'ann@example.com', 'x'), (2, 'bob@example.com', 'y')`, `INSERT INTO crm."Contact" VALUES (1, 'ann@example.com')`,
		`INSERT INTO "a.b" VALUES (1, 'ann@example.com')`, `INSERT INTO plain VALUES (1, 'ann@example.com')`)
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	if records, _ := s.access(t, ann); len(records) != 4 {
		t.Errorf("%d records: %v", len(records), lines(records))
	}
	s.erase(t, ann)
	if got := s.db.Strings(t, `SELECT "E-Mail" FROM "Customer" UNION ALL SELECT email FROM crm."Contact" UNION ALL SELECT email FROM "a.b" UNION ALL SELECT email FROM plain`); !slices.Equal(got, []string{"bob@example.com"}) {
		t.Errorf("left: %v", got)
	}
}

func TestGeneratedAndIdentityColumns(t *testing.T) {
	s := newSystem(t, dataMap(collection("t", "{on_erase: mask}", `{name: id, data_categories: [user.unique_id]}`, emailField, personal("name"), personal("shout"), personal("serial"))),
		"CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, name text NOT NULL, shout text GENERATED ALWAYS AS (upper(name)) STORED, serial int GENERATED ALWAYS AS IDENTITY)",
		"INSERT INTO t (email, name) VALUES ('ann@example.com', 'Ann'), ('bob@example.com', 'Bob')")
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	correction := connector.Call{Identifiers: mail(t, ann), Corrections: []connector.FieldCorrection{
		{Collection: "t", Field: "name", Value: connector.Text("Anna")}, {Collection: "t", Field: "shout", Value: connector.Text("Anna")},
	}}
	if _, err := s.ApplyCorrection(t.Context(), s.changes(t, s.PlanCorrection, correction)); err != nil {
		t.Fatal(err)
	}
	if got := s.db.Strings(t, "SELECT shout FROM t ORDER BY id"); !slices.Equal(got, []string{"ANNA", "BOB"}) {
		t.Errorf("after the correction: %v", got)
	}
	s.erase(t, ann)
	if got := s.db.Strings(t, "SELECT name || shout || email FROM t ORDER BY id"); !slices.Equal(got, []string{"[erased][ERASED][erased]", "BobBOBbob@example.com"}) {
		t.Errorf("after the erasure: %v", got)
	}
	s.db.Exec(t, "CREATE TABLE u (id int PRIMARY KEY, email text)")
	bad := openAs(t, s.db, dataMap(collection("t", "", idField, emailField, erased("shout", "null")), collection("u", "", idField, emailField)), account{})
	wantProblem(t, bad.problems(t), "t", "shout", "computed")
}

const parted = `CREATE TABLE event (id int, at date, email text, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
	CREATE TABLE event_2023 PARTITION OF event FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
	CREATE TABLE event_2024 PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
	CREATE TABLE detail (id int PRIMARY KEY, event_id int, at date, FOREIGN KEY (event_id, at) REFERENCES event);
	INSERT INTO event SELECT n, date '2023-12-30' + n, CASE WHEN n % 2 = 0 THEN 'ann' ELSE 'bob' END || '@example.com', 'x' FROM generate_series(0, 9) n;
	INSERT INTO detail SELECT n, n, date '2023-12-30' + n FROM generate_series(0, 9) n`

func TestPartitionedTables(t *testing.T) {
	detail := collection("detail", "", idField, `{name: event_id, data_categories: [user.content], fides_meta: {references: [{dataset: d, field: event.id, direction: from}]}}`,
		`{name: at, data_categories: [user.content], fides_meta: {references: [{dataset: d, field: event.at, direction: from}]}}`)
	key := `{name: at, data_categories: [system.operations], fides_meta: {primary_key: true}}`
	s := newSystem(t, dataMap(collection("event", "", idField, key, emailField, personal("note")), detail), parted)
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	if got := counts(s.plan(t, ann)); got != "detail delete 5, event delete 5" {
		t.Errorf("planned: %s", got)
	}
	s.erase(t, ann)
	if got := s.db.Strings(t, "SELECT DISTINCT email FROM event UNION ALL SELECT count(*)::text FROM detail"); !slices.Equal(got, []string{"bob@example.com", "5"}) {
		t.Errorf("left: %v", got)
	}
	// A partition as a collection of its own, and the table that refers to its parent left out.
	part := newSystem(t, dataMap(collection("event_2024", "{on_erase: mask}", idField, key, emailField, personal("note"))), parted)
	if p := part.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	part.erase(t, ann)
	if got := part.db.Strings(t, "SELECT tableoid::regclass || ' ' || count(*) FROM event WHERE note = '[erased]' GROUP BY tableoid"); !slices.Equal(got, []string{"event_2024 4"}) {
		t.Errorf("masked: %v", got)
	}
	deleting := openAs(t, part.db, dataMap(collection("event_2024", "", idField, key, emailField)), account{})
	wantProblem(t, deleting.problems(t), "event_2024", "", "detail")
}

func TestViewsAreReadOnly(t *testing.T) {
	keep := "{on_erase: {action: keep, reason: worked out from t}}"
	s := newSystem(t, dataMap(collection("t", "", idField, emailField), collection("v", keep, idField, emailField, personal("n"))), simple,
		"CREATE VIEW v AS SELECT id, email, length(email) AS n FROM t", "INSERT INTO t SELECT n, 'ann@example.com' FROM generate_series(1, 7) n")
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	if records, _ := s.access(t, ann); len(records) != 14 {
		t.Errorf("%d records", len(records))
	}
	if got := counts(s.plan(t, ann)); got != "t delete 7, v keep 7" {
		t.Errorf("planned: %s", got)
	}
	deleting := openAs(t, s.db, dataMap(collection("t", "", idField, emailField), collection("v", "", idField, emailField)), account{})
	wantProblem(t, deleting.problems(t), "v", "", "can be read and not changed")
	if _, err := deleting.ApplyErasure(t.Context(), []connector.Change{{Collection: "v", Key: connector.Key{connector.Int(1)}, Action: connector.ActDelete}}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a row of a view was deleted: %v", err)
	}
	// A key that does not tell rows of a view apart is an error, wherever a page ends.
	for _, rows := range []string{"1, 2, 3", "4999, 5000, 5001, 5002"} {
		s.db.Exec(t, "DROP VIEW v", "TRUNCATE t", "INSERT INTO t SELECT n, 'ann@example.com' FROM generate_series(1, 5002) n",
			"CREATE VIEW v AS SELECT id, email, 1 AS n FROM t UNION ALL SELECT id, email, 2 FROM t WHERE id IN ("+rows+") AND id IN (2, 5000)")
		if _, _, err := s.tryAccess(t.Context(), t, ann); !fault.Has(err, fault.Invalid) {
			t.Errorf("two rows with one key: %v", err)
		}
	}
}

func TestPermissionsAreReported(t *testing.T) {
	d := server.CreateDatabase(t)
	reader := d.User + "_reader"
	d.ExecAsAdmin(t, "CREATE ROLE "+reader+" LOGIN PASSWORD 'reading'", "CREATE SCHEMA closed")
	t.Cleanup(func() { d.ExecAsAdmin(t, "DROP OWNED BY "+reader, "DROP ROLE "+reader) })
	d.Exec(t, "CREATE TABLE t (id int PRIMARY KEY, email text, note text)", "CREATE TABLE u (id int PRIMARY KEY, email text)", "CREATE TABLE w (id int PRIMARY KEY, email text, secret text)",
		"GRANT SELECT ON t TO "+reader, "GRANT UPDATE (note) ON t TO "+reader, "GRANT SELECT (id, email), UPDATE, DELETE ON w TO "+reader,
		"INSERT INTO t VALUES (1, 'ann@example.com', 'x')", "INSERT INTO u VALUES (1, 'ann@example.com')")
	d.ExecAsAdmin(t, "CREATE TABLE closed.x (id int PRIMARY KEY, email text)", "GRANT ALL ON closed.x TO "+reader)
	s := openAs(t, d, dataMap(collection("t", "", idField, emailField, personal("note")), collection("u", "", idField, emailField),
		collection("w", "", idField, emailField, personal("secret")), collection("closed.x", "", idField, emailField)), account{user: reader, password: "reading"})
	list := s.problems(t)
	wantProblem(t, list, "t", "", "DELETE")
	wantProblem(t, list, "t", "", "email: grant it UPDATE")
	wantProblem(t, list, "u", "", "SELECT")
	wantProblem(t, list, "w", "secret", "SELECT")
	wantProblem(t, list, "closed.x", "", "USAGE")
	records, p := s.access(t, ann)
	if len(records) != 1 || outcomeOf(p, "t").Outcome != connector.Found || outcomeOf(p, "u").Outcome != connector.NotDone {
		t.Errorf("%d records, %+v", len(records), p.Collections)
	}
	_, err := s.ApplyErasure(t.Context(), s.plan(t, ann))
	wantClass(t, err, fault.Misconfigured)
	// Permission that is taken away meanwhile.
	d.Exec(t, "GRANT ALL ON t, u, w TO "+reader)
	s = openAs(t, d, simpleMap, account{user: reader, password: "reading"})
	d.Exec(t, "REVOKE ALL ON t FROM "+reader)
	_, p = s.access(t, ann)
	if c := outcomeOf(p, "t"); c.Outcome != connector.NotDone || !strings.Contains(c.Note, "42501") {
		t.Errorf("%+v", c)
	}
}

func TestRowLevelSecurityIsReported(t *testing.T) {
	d := server.CreateDatabase(t)
	clerk := d.User + "_clerk"
	d.ExecAsAdmin(t, "CREATE ROLE "+clerk+" LOGIN PASSWORD 'filing'")
	t.Cleanup(func() { d.ExecAsAdmin(t, "DROP OWNED BY "+clerk, "DROP ROLE "+clerk) })
	d.Exec(t, simple, "CREATE TABLE u (id int PRIMARY KEY, email text)", "INSERT INTO t VALUES (1, 'ann@example.com'), (2, 'ann@example.com')", "INSERT INTO u VALUES (1, 'ann@example.com')",
		"GRANT ALL ON t, u TO "+clerk, "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY odd ON t USING (id % 2 = 1)")
	yaml := dataMap(collection("t", "", idField, emailField), collection("u", "", idField, emailField))
	s := openAs(t, d, yaml, account{user: clerk, password: "filing"})
	wantProblem(t, s.problems(t), "t", "", "BYPASSRLS")
	records, p := s.access(t, ann)
	if len(records) != 1 || outcomeOf(p, "t").Outcome != connector.NotDone || outcomeOf(p, "u").Outcome != connector.Found {
		t.Errorf("%d records, %+v", len(records), p.Collections)
	}
	owner := openAs(t, d, yaml, account{})
	if list := owner.problems(t); len(list) > 0 {
		t.Errorf("the owner is not concerned: %+v", list)
	}
	// A policy that comes later makes reading fail instead of hiding rows.
	d.Exec(t, "ALTER TABLE u ENABLE ROW LEVEL SECURITY")
	if _, p := s.access(t, ann); outcomeOf(p, "u").Outcome != connector.NotDone {
		t.Errorf("%+v", p.Collections)
	}
	d.ExecAsAdmin(t, "ALTER ROLE "+clerk+" BYPASSRLS")
	again := openAs(t, d, yaml, account{user: clerk, password: "filing"})
	if records, _ := again.access(t, ann); len(records) != 3 {
		t.Errorf("%d records with BYPASSRLS, want 3", len(records))
	}
}
