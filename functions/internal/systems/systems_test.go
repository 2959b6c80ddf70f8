package systems_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite" // the shop

	sqlconn "github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

type rig struct {
	*testing.T
	pool *systems.Pool
	reg  *registry.Store
	shop *sql.DB
	path string
}

func newRig(t *testing.T, statements ...string) *rig {
	t.Helper()
	now := func() time.Time { return time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC) }
	records, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	r := &rig{T: t, reg: registry.NewStore(records, now), path: filepath.Join(t.TempDir(), "shop.db")}
	r.pool = systems.NewPool(r.reg, []connector.Factory{sqlconn.SQLite()}, func(string) (redact.Text, error) { return redact.Text{}, nil }, now)
	t.Cleanup(r.pool.Close)
	if r.shop, err = sql.Open("sqlite", r.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.shop.Close() })
	for _, s := range statements {
		r.exec(s)
	}
	return r
}

func (r *rig) exec(statement string) {
	r.Helper()
	if _, err := r.shop.ExecContext(r.Context(), statement); err != nil {
		r.Fatalf("%s: %v", statement, err)
	}
}

func (r *rig) system(dataset string) registry.System {
	settings, err := json.Marshal(map[string]string{"path": r.path})
	if err != nil {
		r.Fatal(err)
	}
	return registry.System{Tenant: "acme", Name: "shop", Kind: "sqlite", Settings: settings, Dataset: dataset}
}

// one is the data map of one table.
func one(fields ...string) string {
	return "dataset:\n- fides_key: shop\n  collections:\n  - name: person\n    fields:\n    - " + strings.Join(fields, "\n    - ") + "\n"
}

const (
	idField   = "{name: id, fides_meta: {primary_key: true}}"
	mailField = "{name: mail, fides_meta: {identity: email}, habeas_meta: {match: casefold}}"
	personDDL = "CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT, born DATE, note)"
)

// TestWhatTheLiveSystemContradictsIsRefused: each would be found out in the middle of a case otherwise.
func TestWhatTheLiveSystemContradictsIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, ddl, dataset, field, want string
		line                            int
	}{
		{"a type that the system does not have", personDDL, one(idField, mailField, "{name: note, fides_meta: {data_type: object_id}}"), "note", "object_id", 8},
		{"a table that is not there", "CREATE TABLE people (id INTEGER PRIMARY KEY)", one(idField, mailField), "", "no table of this name", 4},
		{"a column that is not there", personDDL, one(idField, mailField, "{name: nick}"), "nick", "no column of this name", 8},
		{"rows that cannot be told apart", "CREATE TABLE person (mail TEXT)", one(mailField), "", "give it one, or a unique index", 4},
		{"a key that is none", personDDL, one("{name: born, fides_meta: {primary_key: true}}", mailField), "", "neither the primary key nor unique", 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.ddl)
			_, problems, err := r.pool.Apply(t.Context(), r.system(tc.dataset))
			if !fault.Has(err, fault.Misconfigured) {
				t.Fatalf("error %v, want misconfigured", err)
			}
			if !slices.ContainsFunc(problems, func(p connector.Problem) bool {
				return p.Collection == "person" && p.Field == tc.field && p.Line == tc.line && strings.Contains(p.Text, tc.want)
			}) {
				t.Errorf("problems %+v, want %q for %q in line %d", problems, tc.want, tc.field, tc.line)
			}
			if _, err := r.reg.System(t.Context(), "acme", "shop"); !fault.Has(err, fault.NotFound) {
				t.Errorf("it is registered all the same: %v", err)
			}
		})
	}
}

// TestWhatTheMapLeavesOpenComesFromTheLiveSystem: no type is declared and no key, and a person is found whatever capitals were
// typed on either side.
func TestWhatTheMapLeavesOpenComesFromTheLiveSystem(t *testing.T) {
	r := newRig(t, personDDL, "INSERT INTO person VALUES (7, 'Ada.Marlow@Example.com', '1990-02-03', x'00ff')", "INSERT INTO person VALUES (8, 'ben@example.com', NULL, 1)")
	sys, problems, err := r.pool.Apply(t.Context(), r.system(one("{name: id}", mailField, "{name: born}", "{name: note}")))
	if err != nil || len(problems) > 0 || len(sys.Rights) != 4 {
		t.Fatalf("registering: %v, %+v, rights %v", err, problems, sys.Rights)
	}
	c, _, err := r.pool.Open(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{"ada.marlow@example.com", "ADA.MARLOW@EXAMPLE.COM", "Ada.Marlow@Example.com"} {
		l, err := c.Locate(t.Context(), connector.Query{Proven: []subject.Identifier{{Kind: subject.Email, Value: redact.NewText(typed)}}})
		if err != nil || len(l.Collections) != 1 || l.Collections[0].Records != 1 {
			t.Errorf("with an address in other capitals: %+v, %v", l.Collections, err)
		}
	}
}

// TestACheckNamesWhatHasGone: a schema that changed after registration is a finding with its place.
func TestACheckNamesWhatHasGone(t *testing.T) {
	r := newRig(t, personDDL)
	if _, _, err := r.pool.Apply(t.Context(), r.system(one(idField, mailField, "{name: note}"))); err != nil {
		t.Fatal(err)
	}
	r.exec("ALTER TABLE person DROP COLUMN note")
	health, err := r.pool.Check(t.Context(), "acme", "shop")
	got := fmt.Sprintf("%v %+v", err, health.Problems)
	if !strings.Contains(got, "no column of this name") || !strings.Contains(got, "note") {
		t.Errorf("the check says %s", got)
	}
	sys, err := r.reg.System(t.Context(), "acme", "shop")
	if err != nil || sys.Problem == "" {
		t.Errorf("the finding is not kept: %q, %v", sys.Problem, err)
	}
}

// TestAProbeStoresNothing and says what would be registered.
func TestAProbeStoresNothing(t *testing.T) {
	r := newRig(t, personDDL)
	sys, problems, err := r.pool.Probe(t.Context(), r.system(one(idField, mailField)))
	if err != nil || len(problems) > 0 || !slices.Equal(sys.Identifiers, []subject.Kind{subject.Email}) {
		t.Errorf("probing: %v, %+v, %v", err, problems, sys.Identifiers)
	}
	if _, err := r.reg.System(t.Context(), "acme", "shop"); !fault.Has(err, fault.NotFound) {
		t.Errorf("it is registered: %v", err)
	}
}

func TestASketchHoldsWhatIsWorthKnowing(t *testing.T) {
	r := newRig(t)
	sys := r.system(one("{name: id}", "{name: mail, fides_meta: {identity: email}}", "{name: owner, fides_meta: {references: [{dataset: crm, field: account.id}]}}"))
	g, warnings, err := r.pool.Sketch(t.Context(), sys)
	if err != nil || g == nil || len(g.Entries()) == 0 {
		t.Fatalf("sketching: %v", err)
	}
	for _, want := range []string{`the dataset "crm", which no other system has`} {
		if !slices.ContainsFunc(warnings, func(p connector.Problem) bool { return strings.Contains(p.Text, want) && p.Line > 0 }) {
			t.Errorf("warnings %+v lack %q", warnings, want)
		}
	}
	if g, warnings, err := r.pool.Sketch(t.Context(), r.system("dataset: [")); g != nil || warnings != nil || err != nil {
		t.Errorf("a map that cannot be read has a sketch: %v, %v, %v", g, warnings, err)
	}
}

// TestTheDataMapIsTheOneThatWasRegistered, whoever asks: a pool that has the system open, whose live schema gave the connector types
// and keys, and one that cannot open it at all.
func TestTheDataMapIsTheOneThatWasRegistered(t *testing.T) {
	r := newRig(t, personDDL)
	if _, _, err := r.pool.Apply(t.Context(), r.system(one("{name: id}", mailField, "{name: born}", "{name: note, data_categories: [user.content]}"))); err != nil {
		t.Fatal(err)
	}
	_, opened, err := r.pool.Open(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	with, err := r.pool.DataMap(t.Context(), "acme", "shop")
	if err != nil || len(with.Collections) != 1 {
		t.Fatalf("%+v, %v", with, err)
	}
	without, err := systems.NewPool(r.reg, nil, nil, time.Now).DataMap(t.Context(), "acme", "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(opened, without); diff != "" {
		t.Errorf("what tasks work by and what answers state (-tasks +answers):\n%s", diff)
	}
	if diff := cmp.Diff(with, without); diff != "" {
		t.Errorf("with a connector and without (-with +without):\n%s", diff)
	}
}
