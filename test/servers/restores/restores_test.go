package restores

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

// server is set once by TestMain, before any test runs.
var server *postgres.Server

func TestMain(m *testing.M) {
	os.Exit(postgres.Run(m, func(s *postgres.Server) { server = s }))
}

const (
	tenant = "alder"
	ann    = "ann@example.com"
	orders = 5000
)

const dataMap = `dataset:
  - fides_key: shop
    collections:
      - name: customers
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email, data_type: string}}
      - name: orders
        fields:
          - {name: id, data_categories: [user.behavior.purchase_history], fides_meta: {primary_key: true, data_type: integer}}
          - name: customer_id
            data_categories: [user.unique_id]
            fides_meta: {data_type: integer, references: [{dataset: shop, field: customers.id, direction: from}]}
          - {name: note, data_categories: [user.content], fides_meta: {data_type: string}}
`

// house is a ledger over real records, objects and keys, and the engine that both the case and the ledger use.
type house struct {
	engine *engine.Engine
	ledger *erasureledger.Ledger
	keys   *keys.CaseKeys
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newHouse(t *testing.T) house {
	t.Helper()
	dir := t.TempDir()
	store := must[*sqlitetable.Store](t)(sqlitetable.Open(filepath.Join(dir, "habeas.db"), sqlitetable.Options{}))
	t.Cleanup(func() { _ = store.Close() })
	if err := filekeys.Create(filepath.Join(dir, "master.key")); err != nil {
		t.Fatal(err)
	}
	vault := keys.NewVault(store, must[*filekeys.Keeper](t)(filekeys.Open(filepath.Join(dir, "master.key"))))
	objects := must[*dirblobs.Store](t)(dirblobs.Open(filepath.Join(dir, "objects")))
	h := house{engine: must[*engine.Engine](t)(engine.New(engine.Config{
		Blobs: objects, Now: time.Now, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}))}
	h.ledger = must[*erasureledger.Ledger](t)(erasureledger.New(erasureledger.Config{Table: store, Vault: vault, Blobs: objects, Engine: h.engine, Now: time.Now}))
	ck, w, err := vault.NewCase(t.Context(), tenant, "case-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	h.keys = ck
	return h
}

// shop is a database with two customers, of whom the first has many orders.
func shop(t *testing.T) (*postgres.Database, *connector.Dataset) {
	t.Helper()
	d := server.CreateDatabase(t)
	d.Exec(t,
		`CREATE TABLE customers (id integer PRIMARY KEY, email text NOT NULL)`,
		`CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer NOT NULL REFERENCES customers, note text)`,
		`CREATE INDEX ON orders (customer_id)`,
		`INSERT INTO customers VALUES (1, 'ann@example.com'), (2, 'ben@example.com')`,
		fmt.Sprintf(`INSERT INTO orders SELECT n, 1, 'order ' || n FROM generate_series(1, %d) n`, orders),
		`INSERT INTO orders VALUES (900001, 2, 'of Ben')`,
	)
	loaded, err := datamap.Load([]byte(dataMap))
	if err != nil {
		t.Fatal(err)
	}
	return d, loaded.Datasets[0]
}

func connect(t *testing.T, d *postgres.Database, ds *connector.Dataset) connector.Connector {
	t.Helper()
	c, err := sql.Postgres().Open(t.Context(), connector.OpenInput{
		Settings: json.RawMessage(fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"database":%q,"user":%q}`, d.Server.Port, d.Name, d.User)),
		Secrets:  map[string]redact.Text{"password": redact.NewText(d.Password)}, Dataset: ds, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func content(t *testing.T, d *postgres.Database) []string {
	t.Helper()
	return append(d.Strings(t, `SELECT customers::text FROM customers ORDER BY id`), d.Strings(t, `SELECT orders::text FROM orders ORDER BY id`)...)
}

func program(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(server.Program(name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func (h house) run(t *testing.T, ins engine.Instruction) engine.Turn {
	t.Helper()
	for {
		turn, err := h.engine.Turn(t.Context(), ins)
		if err != nil {
			t.Fatal(err)
		}
		if turn.Status == engine.Finished {
			return turn
		}
		if turn.Status != engine.More {
			t.Fatalf("the task ended as %s: %s", turn.Status, turn.Reason)
		}
		ins.State = turn.State
	}
}

func TestWhatARestoredDatabaseBringsBackIsErasedAgain(t *testing.T) {
	h := newHouse(t)
	d, ds := shop(t)
	dump := filepath.Join(t.TempDir(), "shop.dump")
	program(t, "pg_dump", "--format=custom", "--file", dump, "--dbname", d.URL())
	before := content(t, d)

	c := connect(t, d, ds)
	ins := engine.Instruction{
		Tenant: tenant, CaseID: "case-1", TaskID: "dry-1", System: "shop", Action: dsar.DryRun, Right: dsar.Erasure,
		Connector: c, Dataset: ds, Keys: h.keys, Proven: []subject.Identifier{must[subject.Identifier](t)(subject.New(subject.Email, ann))},
	}
	planned := h.run(t, ins)
	ins.Action, ins.Plan, ins.TaskID = dsar.Erase, planned.Plan, "erase-1"
	done := h.run(t, ins)
	after := content(t, d)
	if done.Outcome != dsar.Erased || len(after) != 2 {
		t.Fatalf("the erasure ended as %s with %d rows", done.Outcome, len(after))
	}
	err := h.ledger.Record(t.Context(), erasureledger.RecordInput{
		Tenant: tenant, System: "shop", CaseID: "case-1", TaskID: "erase-1", Reference: "HB-1", ErasedAt: time.Now(), Horizon: 90 * 24 * time.Hour,
		Identifiers: ins.Proven, Plan: done.Plan, Keys: h.keys,
	})
	if err != nil {
		t.Fatal(err)
	}

	program(t, "pg_restore", "--clean", "--if-exists", "--no-owner", "--dbname", d.URL(), dump)
	if diff := cmp.Diff(before, content(t, d)); diff != "" {
		t.Fatalf("the backup did not bring everything back:\n%s", diff)
	}
	check := func(apply bool) erasureledger.Report {
		return must[erasureledger.Report](t)(h.ledger.Check(t.Context(), erasureledger.CheckInput{
			Tenant: tenant, System: "shop", Connector: connect(t, d, ds), Dataset: ds, Apply: apply, By: "staff:1",
		}))
	}
	if r := check(false); r.Entries != 1 || r.Back != orders+1 || r.Left != orders+1 {
		t.Fatalf("after the restore: %+v", r)
	}
	if r := check(true); r.Back != orders+1 || r.Left != 0 {
		t.Fatalf("erasing again: %+v", r)
	}
	if diff := cmp.Diff(after, content(t, d)); diff != "" {
		t.Fatalf("the database is not what it was after the first erasure:\n%s", diff)
	}
	if r := check(false); r.Back != 0 || len(r.Cases) != 0 {
		t.Fatalf("a last look: %+v", r)
	}
}
