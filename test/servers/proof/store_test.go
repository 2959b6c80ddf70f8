package proof

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/test/servers/postgres"
	"github.com/habeas-dsar/habeas/test/testkit"
)

//go:embed schema.sql
var schema string

//go:embed dataset.yml
var dataset string

// kit is set once by TestMain, before any test runs.
var kit *testkit.Kit

func TestMain(m *testing.M) {
	os.Exit(testkit.Run(m, func(k *testkit.Kit) { kit = k }))
}

// fill makes the store; %[1]d is the number of households. Person i is the customer with the number i and lives in household
// (i+1)/2; of each household the first gave an order to the second.
const fill = `
INSERT INTO addresses SELECT h, h || ' Sample Road', 'Exampleton' FROM generate_series(1, %[1]d) h;
INSERT INTO customers SELECT i, 'person-' || i || '@example.com', 'Person Number ' || i, '+1555010' || lpad(i::text, 4, '0'), false, (i + 1) / 2,
	timestamptz '2024-01-01Z' + i * interval '1 hour' FROM generate_series(1, 2 * %[1]d) i;
INSERT INTO orders SELECT 'own-' || i || '-' || k, i, NULL, (i + 1) / 2, timestamptz '2025-01-01 10:00+02' + i * interval '1 day', i * 1.25, 'Ring twice, order ' || k
	FROM generate_series(1, 2 * %[1]d) i, generate_series(1, 2) k;
INSERT INTO orders SELECT 'gift-' || h, 2 * h - 1, 2 * h, h, timestamptz '2025-06-01Z' + h * interval '1 day', 10, 'Happy birthday' FROM generate_series(1, %[1]d) h;
INSERT INTO logins SELECT 3 * i - 3 + k, i, timestamptz '2026-01-01Z' + i * interval '1 hour', ('198.51.100.' || i %% 250)::inet FROM generate_series(1, 2 * %[1]d) i, generate_series(1, 3) k;
INSERT INTO subscriptions SELECT 'person-' || i || '@example.com', 'news' FROM generate_series(1, 2 * %[1]d) i;
INSERT INTO reviews SELECT i, i, i %% 5, 'What person ' || i || ' thinks' FROM generate_series(1, 2 * %[1]d) i;
INSERT INTO tickets SELECT i, 'person-' || i || '@example.com', 'Where is my order?' FROM generate_series(1, 2 * %[1]d) i;
INSERT INTO ticket_messages SELECT i, k, 'Message ' || k FROM generate_series(1, 2 * %[1]d) i, generate_series(1, 2) k;`

func email(i int) string { return fmt.Sprintf("person-%d@example.com", i) }

// store is a database that people ask about.
type store struct {
	*postgres.Database
	secret string // file with the password
}

func newStore(t *testing.T, s *postgres.Server, households int) *store {
	t.Helper()
	d := &store{s.CreateDatabase(t), filepath.Join(t.TempDir(), "password")}
	d.Exec(t, schema, fmt.Sprintf(fill, households), "ANALYZE") //nolint:misspell // SQL
	if err := os.WriteFile(d.secret, []byte(d.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// site starts an installation whose first tenant has no other system than those that the test adds.
func site(t *testing.T, opts ...testkit.Option) *testkit.Site {
	t.Helper()
	s := kit.Start(t, opts...)
	s.Staff(tenant, "admin", "DELETE", "/systems/shop", nil).Want(200)
	s.NewStaff("second", "approver")
	return s
}

const (
	tenant    = "lumen"
	recipient = "privacy@parcelline.test"
)

// register adds the store as a system, reached at a port: its own or a proxy's.
func (d *store) register(s *testkit.Site, port int) {
	s.Helper()
	s.Staff(tenant, "admin", "PUT", "/systems/store", map[string]any{
		"title": "The store", "kind": "postgres", "dataset": dataset, "autopilot": true, "recipients": []string{"parcelline"},
		"settings": map[string]any{"host": "127.0.0.1", "port": port, "database": d.Name, "user": d.User, "statementTimeoutSeconds": 5},
		"secrets":  map[string]string{"password": "file:" + d.secret},
	}).Want(201)
}

// keys are the columns that tell rows apart.
var keys = map[string][]string{"subscriptions": {"email", "list"}, "ticket_messages": {"ticket_id", "seq"}}

// dump returns every row of every table as pg_dump writes it.
func (d *store) dump(t *testing.T) testkit.Dump {
	t.Helper()
	cmd := exec.Command(d.Server.Program("pg_dump"), "--data-only", "--dbname", d.URL())
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v: %s", err, said.String())
	}
	all := testkit.Dump{}
	var table string
	var columns []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch head, isCopy := strings.CutPrefix(line, "COPY public."); {
		case isCopy:
			name, rest, _ := strings.Cut(head, " (")
			list, _, _ := strings.Cut(rest, ")")
			table, columns, all[name] = name, strings.Split(list, ", "), map[string]testkit.Row{}
		case line == `\.`:
			table = ""
		case table != "":
			row := testkit.Row{}
			for i, v := range strings.Split(line, "\t") {
				if v != `\N` {
					row[columns[i]] = v
				}
			}
			all[table][keyOf(table, row)] = row
		}
	}
	if err := lines.Err(); err != nil || len(all) != 8 {
		t.Fatalf("pg_dump has %d tables, %v", len(all), err)
	}
	return all
}

func keyOf(table string, row testkit.Row) string {
	columns := keys[table]
	if columns == nil {
		return row["id"]
	}
	return row[columns[0]] + "/" + row[columns[1]]
}

// diff is what has become of rows: by table and key.
type diff map[string]map[string]testkit.Change

func (x diff) note(table, key string, c testkit.Change) {
	if x[table] == nil {
		x[table] = map[string]testkit.Change{}
	}
	x[table][key] = c
}

// held returns the keys of the rows of person i by table; shared rows are among them.
func held(i int) map[string][]string {
	n := fmt.Sprint(i)
	return map[string][]string{
		"customers": {n}, "addresses": {fmt.Sprint((i + 1) / 2)}, "orders": {"own-" + n + "-1", "own-" + n + "-2", fmt.Sprintf("gift-%d", (i+1)/2)},
		"logins":        {fmt.Sprint(3*i - 2), fmt.Sprint(3*i - 1), fmt.Sprint(3 * i)},
		"subscriptions": {email(i) + "/news"}, "reviews": {n}, "tickets": {n}, "ticket_messages": {n + "/1", n + "/2"},
	}
}

// expect adds what fulfilling a right of person i does to the store.
func (x diff) expect(i int, right string) {
	switch right {
	case "erasure":
		for table, list := range held(i) {
			for _, key := range list {
				switch table {
				case "addresses":
				case "customers":
					x.note(table, key, testkit.Change{Columns: []string{"email", "name", "phone"}})
				case "orders":
					x.note(table, key, testkit.Change{Columns: []string{"note"}})
				case "reviews":
					x.note(table, key, testkit.Change{Columns: []string{"body"}})
				default:
					x.note(table, key, testkit.Change{Gone: true})
				}
			}
		}
	case "correction":
		x.note("customers", fmt.Sprint(i), testkit.Change{Columns: []string{"name"}})
	case "restriction":
		x.note("customers", fmt.Sprint(i), testkit.Change{Columns: []string{"restricted"}})
	}
}

func corrected(i int) string { return fmt.Sprintf("Person Renamed %d", i) }

// asks returns what goes with a request of person i besides right and address.
func asks(i int, right string) map[string]any {
	if right != "correction" {
		return nil
	}
	return map[string]any{"corrections": []map[string]string{{"field": "name", "value": corrected(i)}}}
}

// wantExactly fails the test unless the store has changed since the dump by exactly what fulfilling the rights does, and nothing
// that was to be erased is left in what stayed.
func (d *store) wantExactly(t *testing.T, before testkit.Dump, rights map[int]string) {
	t.Helper()
	want, now := diff{}, d.dump(t)
	for i, right := range rights {
		want.expect(i, right)
	}
	if d := cmp.Diff(map[string]map[string]testkit.Change(want), now.Since(before)); d != "" {
		t.Errorf("what happened is not what was approved (-approved +happened):\n%.4000s", d)
	}
	for i, right := range rights {
		row := now["customers"][fmt.Sprint(i)]
		switch right {
		case "erasure":
			if _, left := row["phone"]; left || row["name"] != "erased" || !strings.HasSuffix(row["email"], "@erased.test") || strings.Contains(row["email"], "person-") {
				t.Errorf("of person %d the account still says %v", i, slicesOf(row))
			}
		case "correction":
			if row["name"] != corrected(i) {
				t.Errorf("the name of person %d is not what was approved", i)
			}
		case "restriction":
			if row["restricted"] != "t" {
				t.Errorf("person %d is not restricted", i)
			}
		}
	}
}

func slicesOf(row testkit.Row) []string {
	var out []string
	for _, c := range testkit.Keys(row) {
		out = append(out, c+"="+row[c])
	}
	return out
}

// counts returns what a plan about person i says by "collection/action", and which of it may be missing because somebody who
// shares the row asked earlier.
func counts(i int, right string) (exact map[string]int64) {
	switch right {
	case "correction":
		return map[string]int64{"customers/set": 1}
	case "restriction":
		return map[string]int64{"customers/flag": 1}
	case "erasure":
		return map[string]int64{
			"customers/mask": 1, "customers/null": 1, "addresses/keep": 1, "logins/delete": 3, "subscriptions/delete": 1, "reviews/null": 1,
			"tickets/delete": 1, "ticket_messages/delete": 2,
		}
	}
	return nil
}

// wantPlan fails the test unless the plan about person i is what the store and the data map ask for. The note of the order that
// two people share may have been erased for the other one already, so that there is one note less.
func wantPlan(t *testing.T, i int, right string, p testkit.Plan) {
	t.Helper()
	got := p.Counts("store")
	for at, n := range got {
		if n == 0 {
			delete(got, at)
		}
	}
	if right == "erasure" {
		nulls, keeps := got["orders/null"], got["orders/keep"]
		if nulls != 3 && (nulls != 2 || keeps > 1) {
			t.Errorf("the plan for person %d empties %d notes of orders", i, nulls)
		}
		delete(got, "orders/null")
		delete(got, "orders/keep")
	}
	if want := counts(i, right); !maps.Equal(got, want) {
		t.Errorf("the plan for person %d (%s) is %v, want %v", i, right, got, want)
	}
}
