package sql_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// dump writes every row of the family's tables, one line each.
func (s system) dump(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, query := range []string{
		`SELECT 'address', id, street, '' FROM address`, `SELECT 'staff', id, email, name FROM staff`, `SELECT 'customer', id, email, concat_ws('|', phone, name, address_id, best_friend) FROM customer`,
		`SELECT 'sale', region || number, customer_id, note FROM sale`, `SELECT 'line', region || number || pos, what, '' FROM line`,
		`SELECT 'comment', id, coalesce(parent, ''), body FROM comment`, `SELECT 'request', id, email, body FROM request`,
	} {
		rows, err := s.db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var a, b, c, d string
			if err := rows.Scan(&a, &b, &c, &d); err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Join([]string{a, b, c, d}, " "))
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(all)
	return all
}

// TestErasureTouchesOnePerson: Ann's rows go, children first; the address she shares with Bob stays; repeating it all does
// nothing more.
func TestErasureTouchesOnePerson(t *testing.T) {
	s := newSystem(t, familyMap, family)
	before := s.dump(t)
	plan := s.plan(t, mail(t, "ann@example.com")...)
	if diff := cmp.Diff(before, s.dump(t)); diff != "" {
		t.Errorf("the dry run changed something:\n%s", diff)
	}
	if got := s.erase(t, plan); got[connector.EffectDone] != 10 || got[connector.EffectAlready] != 1 {
		t.Errorf("effects %v, want ten rows gone and the shared address kept", got)
	}
	want := slices.DeleteFunc(slices.Clone(before), func(line string) bool {
		return strings.Contains(line, "ann") || strings.HasPrefix(line, "customer 1 ") || strings.HasPrefix(line, "comment b") || strings.HasPrefix(line, "comment c")
	})
	if diff := cmp.Diff(want, s.dump(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := s.erase(t, plan); got[connector.EffectAlready] != len(plan) {
		t.Errorf("repeated: %v", got)
	}
	if records, _ := s.access(t, 0, mail(t, "ann@example.com")...); len(records) != 0 {
		t.Errorf("%d records left", len(records))
	}
}

func TestRowThatChangedHandsIsLeftAlone(t *testing.T) {
	s := newSystem(t, familyMap, family)
	plan := s.plan(t, mail(t, "ann@example.com")...)
	s.exec(t, "UPDATE sale SET customer_id = 2, note = 'bought over' WHERE region = 'us' AND number = 2")
	s.exec(t, "UPDATE request SET email = 'bob@example.com' WHERE id = 1")
	if got := s.erase(t, plan); got[connector.EffectOwner] != 2 {
		t.Errorf("effects %v", got)
	}
	if s.count(t, "SELECT count(*) FROM sale WHERE note = 'bought over'") != 1 || s.count(t, "SELECT count(*) FROM request WHERE id = 1") != 1 {
		t.Error("a row of somebody else is gone")
	}
}

const keeping = `
dataset:
  - fides_key: keep
    collections:
      - name: person
        habeas_meta: {on_erase: mask}
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, masking_strategy_override: {strategy: random_string_rewrite}}}
          - {name: name, data_categories: [user.name], fides_meta: {length: 4}}
          - {name: age, data_categories: [user.demographic]}
          - {name: score, data_categories: [user.content], habeas_meta: {on_erase: "null"}}
          - {name: blocked, data_categories: [system.operations], habeas_meta: {on_restrict: true}}
      - name: bill
        habeas_meta: {on_erase: {action: keep, reason: tax law}}
        fields:
          - {name: id, data_categories: [user.content], fides_meta: {primary_key: True}}
          - {name: person_id, data_categories: [user.unique_id], fides_meta: {references: [{dataset: keep, field: person.id, direction: from}]}}
          - {name: amount, data_categories: [user.content]}
`

func newKeeping(t *testing.T, people int) system {
	return newSystem(t, keeping, `CREATE TABLE person (id TEXT PRIMARY KEY, email TEXT UNIQUE NOT NULL, name TEXT, age INTEGER NOT NULL, score REAL, blocked BOOLEAN)`,
		`CREATE TABLE bill (id INTEGER PRIMARY KEY, person_id TEXT REFERENCES person(id), amount NUMERIC)`,
		fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO person SELECT 'p' || i, 'p' || i || '@example.com', 'Person ' || i, 30 + i, i / 2.0, 0 FROM n`, people),
		`INSERT INTO bill VALUES (1, 'p1', 10), (2, 'p2', 20)`)
}

func TestMaskNullAndKeep(t *testing.T) {
	s := newKeeping(t, 3)
	for _, email := range []string{"p1@example.com", "p2@example.com"} {
		s.erase(t, s.plan(t, mail(t, email)...))
	}
	if n := s.count(t, `SELECT count(*) FROM person WHERE id IN ('p1', 'p2') AND email NOT LIKE '%@%' AND length(email) = 24 AND name = '[era' AND age = 0 AND score IS NULL`); n != 2 {
		t.Errorf("%d people are in their end state, want 2", n)
	}
	if n := s.count(t, `SELECT count(*) FROM person WHERE id = 'p3' AND email = 'p3@example.com' AND name = 'Person 3' AND age = 33 AND score = 1.5`); n != 1 {
		t.Error("somebody else was changed")
	}
	if n := s.count(t, "SELECT count(*) FROM bill WHERE amount IN (10, 20)"); n != 2 {
		t.Error("a bill that must be kept is gone")
	}
}

func TestCorrectionAndRestriction(t *testing.T) {
	s := newKeeping(t, 2)
	run := func(name string, plan func(connector.Call) (connector.Progress, error), apply, verify func([]connector.Change) ([]connector.Effect, error), corrections ...connector.FieldCorrection) []connector.Effect {
		t.Helper()
		sink := &collector[connector.Change]{copy: func(c connector.Change) connector.Change { c.Key = slices.Clone(c.Key); return c }}
		p, err := plan(connector.Call{Identifiers: mail(t, "p1@example.com"), Spool: newSpool(t), Changes: sink, Request: once, Corrections: corrections})
		if err != nil || !p.Finished {
			t.Fatalf("planning %s: %v", name, err)
		}
		effects, err := apply(sink.items)
		if err != nil {
			t.Fatalf("applying %s: %v", name, err)
		}
		verified, err := verify(sink.items)
		if err != nil || slices.Contains(verified, connector.EffectNot) {
			t.Errorf("verifying %s: %v, %v", name, verified, err)
		}
		return effects
	}
	correct := func(c ...connector.FieldCorrection) []connector.Effect {
		return run("a correction", func(call connector.Call) (connector.Progress, error) { return s.PlanCorrection(t.Context(), call) },
			func(b []connector.Change) ([]connector.Effect, error) { return s.ApplyCorrection(t.Context(), b) },
			func(b []connector.Change) ([]connector.Effect, error) { return s.VerifyCorrection(t.Context(), b) }, c...)
	}
	fields := []connector.FieldCorrection{{Collection: "person", Field: "name", Value: connector.Text("Née O'Hara")}, {Collection: "person", Field: "score", Value: connector.Decimal("7.50")}, {Collection: "person", Field: "age", Value: connector.Text("41")}}
	if got := correct(fields...); !slices.Equal(got, []connector.Effect{connector.EffectDone}) {
		t.Errorf("effects %v", got)
	}
	if n := s.count(t, `SELECT count(*) FROM person WHERE id = 'p1' AND name = 'Née O''Hara' AND score = 7.5 AND typeof(age) = 'integer' AND age = 41 AND email = 'p1@example.com'`); n != 1 {
		t.Error("the fields are not as corrected")
	}
	if got := correct(fields...); len(got) != 0 {
		t.Errorf("a repeated correction plans %d changes", len(got))
	}
	if _, err := s.PlanCorrection(t.Context(), connector.Call{Corrections: []connector.FieldCorrection{{Collection: "person", Field: "id", Value: connector.Text("x")}}}); !fault.Has(err, fault.Invalid) {
		t.Errorf("correcting a key: %v", err)
	}
	got := run("a restriction", func(call connector.Call) (connector.Progress, error) { return s.PlanRestriction(t.Context(), call) },
		func(b []connector.Change) ([]connector.Effect, error) { return s.ApplyRestriction(t.Context(), b) },
		func(b []connector.Change) ([]connector.Effect, error) { return s.VerifyRestriction(t.Context(), b) })
	if !slices.Equal(got, []connector.Effect{connector.EffectDone}) || s.count(t, "SELECT count(*) FROM person WHERE blocked = 1") != 1 {
		t.Errorf("effects %v", got)
	}
}

// A row that rows of other tables refer to is not deleted, and with it nothing of its batch; nothing cascades.
func TestReferencedRowsAreNotDeleted(t *testing.T) {
	s := newSystem(t, oneTable("", idField, emailField), `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, boss INTEGER REFERENCES t ON DELETE CASCADE)`,
		`CREATE TABLE unmapped (t_id INTEGER REFERENCES T ON DELETE CASCADE, note TEXT)`,
		`INSERT INTO t VALUES (1, 'ann@example.com', NULL), (2, 'ann@example.com', 1), (3, 'bob@example.com', 1)`, `INSERT INTO unmapped VALUES (2, 'still here')`)
	plan := s.plan(t, mail(t, "ann@example.com")...)
	_, err := s.ApplyErasure(t.Context(), plan)
	wantClass(t, err, fault.Misconfigured)
	if err == nil || !strings.Contains(err.Error(), "unmapped") {
		t.Errorf("the error does not name the table: %v", err)
	}
	if n := s.count(t, "SELECT count(*) FROM t"); n != 3 {
		t.Errorf("%d rows, want all three", n)
	}
	s.exec(t, "DELETE FROM unmapped")
	s.erase(t, plan)
	if n := s.count(t, "SELECT count(*) FROM t WHERE id = 3 AND boss = 1"); n != 1 {
		t.Error("a row of somebody else went with the one it refers to")
	}
}

func TestAwkwardKeysAreErased(t *testing.T) {
	s := newSystem(t, oneTable("", `{name: a, data_categories: [user.content], fides_meta: {primary_key: True}}`, `{name: b, data_categories: [user.content], fides_meta: {primary_key: True}}`, emailField),
		`CREATE TABLE t (a, b, email TEXT, PRIMARY KEY (a, b))`,
		`INSERT INTO t VALUES (0, 0, 'ann@example.com'), ('', '', 'ann@example.com'), (0, NULL, 'ann@example.com'), (NULL, '', 'ann@example.com'), ('0', '0', 'ann@example.com'), (x'', 0, 'ann@example.com'),
			(0, '', 'bob@example.com'), ('0', 0, 'bob@example.com'), (NULL, NULL, 'bob@example.com'), ('', 0, 'bob@example.com'), (0, x'00', 'bob@example.com')`)
	if got := s.erase(t, s.plan(t, mail(t, "ann@example.com")...)); got[connector.EffectDone] != 6 {
		t.Errorf("effects %v", got)
	}
	if ann, bob := s.count(t, "SELECT count(*) FROM t WHERE email = 'ann@example.com'"), s.count(t, "SELECT count(*) FROM t WHERE email = 'bob@example.com'"); ann != 0 || bob != 5 {
		t.Errorf("%d rows of Ann and %d of Bob left, want 0 and 5", ann, bob)
	}
}

func TestBatchOfManyRows(t *testing.T) {
	s := newKeeping(t, 1)
	s.exec(t, `WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 509) INSERT INTO bill SELECT i, 'p1', i FROM n`)
	var batch []connector.Change
	for i := range 500 {
		batch = append(batch, connector.Change{
			Collection: "bill", Key: connector.Key{connector.Int(int64(10 + i))}, Action: connector.ActMask,
			Fields: []connector.Field{{Name: "amount", Value: connector.Int(0)}}, Via: []connector.Field{{Name: "person_id", Value: connector.Text("p1")}},
		})
	}
	got, err := s.ApplyErasure(t.Context(), batch)
	if err != nil || len(got) != 500 || slices.ContainsFunc(got, func(e connector.Effect) bool { return e != connector.EffectDone }) {
		t.Fatalf("%d effects, %v", len(got), err)
	}
	if n := s.count(t, "SELECT count(*) FROM bill WHERE amount = 0"); n != 500 {
		t.Errorf("%d rows masked", n)
	}
	batch[3].Action = connector.ActDelete
	_, err = s.ApplyErasure(t.Context(), batch)
	wantClass(t, err, fault.Internal)
}
