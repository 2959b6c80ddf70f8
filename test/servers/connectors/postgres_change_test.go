package connectors

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func TestForeignKeysAreChecked(t *testing.T) {
	parent := collection("parent", "", idField, emailField)
	child := func(meta string, fields ...string) string {
		return collection("child", meta, append([]string{idField, refers("parent_id", "parent.id")}, fields...)...)
	}
	note := personal("note")
	for name, tc := range map[string]struct{ onDelete, yaml, words string }{
		"outside":             {"", dataMap(parent), "rows of the table child, which is not in the data map"},
		"cascade outside":     {"ON DELETE CASCADE", dataMap(parent), "erasing rows deletes rows of the table child"},
		"set null outside":    {"ON DELETE SET NULL", dataMap(parent), "erasing rows changes rows of the table child"},
		"kept child":          {"", dataMap(parent, child("{on_erase: {action: keep, reason: law}}", note)), "rows of child stay"},
		"cascade into kept":   {"ON DELETE CASCADE", dataMap(parent, child("{on_erase: {action: keep, reason: law}}", note)), "rows of child stay"},
		"skipped child":       {"", dataMap(parent, strings.Replace(child("", note), "        fields:", "        fides_meta: {skip_processing: true}\n        fields:", 1)), "not in the data map"},
		"child goes too":      {"", dataMap(parent, child("", note)), ""},
		"cascade into erased": {"ON DELETE CASCADE", dataMap(parent, child("", note)), ""},
		"parent is masked":    {"", dataMap(collection("parent", "{on_erase: mask}", idField, emailField)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, simpleMap, simple)
			s.db.Exec(t, "CREATE TABLE parent (id int PRIMARY KEY, email text)", "CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent "+tc.onDelete+", note text)")
			// Of a data map with one collection and a problem nothing is left to open.
			both := openAs(t, s.db, strings.Replace(tc.yaml, "      - name: 'parent'", collection("t", "", idField, emailField)+"      - name: 'parent'", 1), account{})
			list := both.problems(t)
			if tc.words == "" {
				if len(list) > 0 {
					t.Errorf("%+v", list)
				}
				return
			}
			wantProblem(t, list, "parent", "", tc.words)
		})
	}
}

// A cascade never deletes rows that nobody approved: not even where the data map knows the table.
func TestCascadeTouchesNobodyElse(t *testing.T) {
	s := newSystem(t, dataMap(collection("parent", "", idField, emailField), collection("child", "", idField, refers("parent_id", "parent.id"), personal("note"))),
		"CREATE TABLE parent (id int PRIMARY KEY, email text)", "CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE, note text)",
		"INSERT INTO parent VALUES (1, 'ann@example.com')", "INSERT INTO child VALUES (1, 1, 'hers')")
	plan := s.plan(t, ann)
	s.db.Exec(t, "INSERT INTO child VALUES (2, 1, 'came after the plan')")
	for _, b := range batches(plan) {
		_, err := s.ApplyErasure(t.Context(), b)
		if b[0].Collection == "parent" {
			wantClass(t, err, fault.Misconfigured)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got := s.db.Strings(t, "SELECT note FROM child"); !slices.Equal(got, []string{"came after the plan"}) {
		t.Errorf("left: %v", got)
	}
}

// A tree that cascades goes as planned, and not with the branch that somebody else has grown on it.
func TestCascadeWithinATable(t *testing.T) {
	s := newSystem(t, simpleMap, "CREATE TABLE t (id int PRIMARY KEY, email text, answers int REFERENCES t ON DELETE CASCADE)",
		"INSERT INTO t VALUES (1, 'ann@example.com', NULL), (2, 'ann@example.com', 1), (3, 'bob@example.com', 2)")
	_, err := s.ApplyErasure(t.Context(), s.plan(t, ann))
	wantClass(t, err, fault.Misconfigured)
	if got := s.db.Strings(t, "SELECT id::text FROM t ORDER BY id"); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("left: %v", got)
	}
	s.db.Exec(t, "UPDATE t SET answers = NULL WHERE id = 3")
	s.erase(t, ann)
	if got := s.db.Strings(t, "SELECT id::text FROM t"); !slices.Equal(got, []string{"3"}) {
		t.Errorf("left: %v", got)
	}
}

// A constraint or a trigger that refuses: the whole batch stays as it was, and the error names the rule and no value.
func TestRefusedChangeLeavesEverythingAsItWas(t *testing.T) {
	const canary = "Zq7Canary"
	for name, tc := range map[string]struct {
		rule  string // what refuses
		onEra string
		words string
	}{
		"foreign key": {"CREATE TABLE elsewhere (id int PRIMARY KEY, email text REFERENCES t(email)); INSERT INTO elsewhere VALUES (1, '" + canary + "@example.com')", "", "elsewhere_email_fkey"},
		"check":       {"ALTER TABLE t ADD CONSTRAINT must_be_canary CHECK (note LIKE '" + canary + "%')", "mask", "must_be_canary"},
		"unique":      {"CREATE UNIQUE INDEX one_note ON t (note, kind)", "mask", "one_note"},
		"trigger":     {"CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not %'', OLD.note; END'; CREATE TRIGGER no BEFORE UPDATE OR DELETE ON t FOR EACH ROW WHEN (OLD.id = 5) EXECUTE FUNCTION no()", "", "P0001"},
		"silent trigger": {
			"CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER skip BEFORE DELETE ON t FOR EACH ROW WHEN (OLD.id = 5) EXECUTE FUNCTION skip()", "",
			"other rows than planned",
		},
		"deferred": {"CREATE TABLE later (id int PRIMARY KEY, email text REFERENCES t(email) DEFERRABLE INITIALLY DEFERRED); INSERT INTO later VALUES (1, '" + canary + "@example.com')", "", "later_email_fkey"},
	} {
		t.Run(name, func(t *testing.T) {
			field := personal("note")
			if tc.onEra != "" {
				field = erased("note", tc.onEra)
			}
			yaml := dataMap(collection("t", "", idField, emailField, field, `{name: kind, data_categories: [system.operations]}`), collection("free", "", idField, emailField))
			d := server.CreateDatabase(t)
			d.Exec(t, "CREATE TABLE free (id int PRIMARY KEY, email text)", "CREATE TABLE t (id int PRIMARY KEY, email text UNIQUE, note text, kind int, owner text DEFAULT 'ann@example.com')",
				"INSERT INTO t SELECT n, CASE n WHEN 5 THEN '"+canary+"@example.com' ELSE n || '@example.com' END, '"+canary+" note ' || n, 1 FROM generate_series(1, 9) n", tc.rule)
			owner := strings.Replace(yaml, emailField, `{name: owner, data_categories: [user.contact.email], fides_meta: {identity: email}}`, 1)
			s := openAs(t, d, owner, account{})
			before := d.Strings(t, "SELECT t::text FROM t ORDER BY id")
			var refused error
			for _, b := range batches(s.plan(t, ann)) {
				if len(b) != 9 {
					t.Fatalf("a batch of %d", len(b))
				}
				_, refused = s.ApplyErasure(t.Context(), b)
			}
			if refused == nil || !strings.Contains(refused.Error(), tc.words) {
				t.Errorf("the error does not say %q: %v", tc.words, refused)
			}
			if class := fault.ClassOf(refused); class != fault.Misconfigured && (class != fault.Internal || name != "silent trigger") {
				t.Errorf("class %q", class)
			}
			if refused != nil && (strings.Contains(refused.Error(), canary) || strings.Contains(refused.Error(), "ann@")) {
				t.Errorf("the error holds a value: %v", refused)
			}
			if after := d.Strings(t, "SELECT t::text FROM t ORDER BY id"); !slices.Equal(before, after) {
				t.Errorf("the table was half changed: %v", after)
			}
		})
	}
}

// Inside nested values only what the data map names is changed; every other byte of them stays.
func TestNestedValues(t *testing.T) {
	s := newSystem(t, dataMap(collection("t", "", idField, emailField, `{name: doc, fields: [
              {name: name, data_categories: [user.name], habeas_meta: {on_erase: mask}},
              {name: address, fields: [{name: city, data_categories: [user.contact.address.city], habeas_meta: {on_erase: "null"}}]},
              {name: total, data_categories: [system.operations]}]}`, erased("tags", "null"), `{name: list, data_categories: [user.content], fides_meta: {data_type: "string[]"}, habeas_meta: {on_erase: mask}}`)),
		"CREATE TABLE t (id int PRIMARY KEY, email text, doc jsonb, tags text[], list jsonb)",
		`INSERT INTO t VALUES (1, 'ann@example.com', '{"name": "Ann", "address": {"city": "Town", "zip": "1"}, "total": 12345678901234567890.50, "other": ["é<>&"]}', '{a,b}', '["x"]'),
			(2, 'ann@example.com', '{"total": 1}', NULL, NULL), (3, 'ann@example.com', NULL, '{}', '[]'), (4, 'bob@example.com', '{"name": "Bob"}', '{c}', '["y"]')`)
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	s.erase(t, ann)
	want := []string{
		`{"name": "[erased]", "other": ["é<>&"], "total": 12345678901234567890.50, "address": {"zip": "1", "city": null}}||`, `{"total": 1}||`, `||`, `{"name": "Bob"}|{c}|["y"]`,
	}
	if got := s.db.Strings(t, "SELECT coalesce(doc::text, '') || '|' || coalesce(tags::text, '') || '|' || coalesce(list::text, '') FROM t ORDER BY id"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Identities and references inside arrays and documents lead to rows.
func TestArraysAndDocumentsLeadToRows(t *testing.T) {
	list := func(name, meta string) string {
		return "{name: " + name + ", data_categories: [user.contact.email], fides_meta: {" + meta + "}}"
	}
	s := newSystem(t, dataMap(collection("t", "", idField, list("emails", "identity: email"), list("orders", "")), collection("p", "", idField, `{name: doc, fields: [{name: contact, fields: [`+emailField+`]}]}`),
		collection("o", "", `{name: id, data_categories: [system.operations], fides_meta: {primary_key: true, references: [{dataset: d, field: t.orders, direction: from}]}}`, personal("what"))),
		"CREATE TABLE t (id int PRIMARY KEY, emails varchar(50)[], orders int[])", "CREATE INDEX ON t USING gin (emails)", "CREATE TABLE p (id int PRIMARY KEY, doc jsonb)", "CREATE TABLE o (id int PRIMARY KEY, what text)",
		`INSERT INTO t VALUES (1, '{x@example.com,ann@example.com}', '{10,11}'), (2, '{bob@example.com}', '{12}'), (3, NULL, '{13}')`,
		`INSERT INTO p VALUES (1, '{"contact": {"email": "ann@example.com"}}'), (2, '{"contact": {"email": "bob@example.com"}, "x": "ann@example.com"}'), (3, '[]')`,
		`INSERT INTO o SELECT n, 'x' FROM generate_series(9, 14) n`)
	if p := s.problems(t); len(p) > 0 {
		t.Fatalf("%+v", p)
	}
	records, _ := s.access(t, ann)
	want := []string{`o {"id":10,"what":"x"}`, `o {"id":11,"what":"x"}`, `p {"id":1,"doc":{"contact":{"email":"ann@example.com"}}}`, `t {"id":1,"emails":["ann@example.com"],"orders":[10,11]}`}
	if got := lines(records); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// Every row gets its own text, in one statement for all of them.
func TestMaskPerRowIsOneStatement(t *testing.T) {
	proxy := server.NewProxy(t)
	d := server.CreateDatabase(t)
	d.Exec(t, "CREATE TABLE t (id int, part text, email text, name text UNIQUE, PRIMARY KEY (id, part))", "INSERT INTO t SELECT n, 'p', 'ann@example.com', 'name ' || n FROM generate_series(1, 4000) n")
	s := openAs(t, d, dataMap(collection("t", "", idField, `{name: part, data_categories: [system.operations], fides_meta: {primary_key: true}}`, emailField,
		`{name: name, data_categories: [user.name], fides_meta: {masking_strategy_override: {strategy: random_string_rewrite}}, habeas_meta: {on_erase: mask}}`)), account{port: proxy.Port})
	plan := s.plan(t, ann)
	before := proxy.Requests()
	if _, err := s.ApplyErasure(t.Context(), plan); err != nil || len(plan) != 4000 {
		t.Fatalf("%d changes: %v", len(plan), err)
	}
	if n := proxy.Requests() - before; n != 4 { // begin, read, change, commit
		t.Errorf("%d statements, want 4", n)
	}
	if got := d.Strings(t, "SELECT count(DISTINCT name)::text FROM t WHERE name NOT LIKE 'name%'"); got[0] != "4000" {
		t.Errorf("%v rows are masked", got)
	}
}

// A row that became somebody else's after the plan is not touched, though its batch is carried out.
func TestOwnerIsReadAgain(t *testing.T) {
	s := newSystem(t, simpleMap, simple, "INSERT INTO t SELECT n, 'ann@example.com' FROM generate_series(1, 5) n")
	plan := s.plan(t, ann)
	s.db.Exec(t, "UPDATE t SET email = 'bob@example.com' WHERE id = 3")
	effects, err := s.ApplyErasure(t.Context(), plan)
	want := []connector.Effect{connector.EffectDone, connector.EffectDone, connector.EffectOwner, connector.EffectDone, connector.EffectDone}
	if err != nil || !slices.Equal(effects, want) {
		t.Errorf("%v, %v", effects, err)
	}
	if got := s.db.Strings(t, "SELECT id::text FROM t"); !slices.Equal(got, []string{"3"}) {
		t.Errorf("left: %v", got)
	}
}
