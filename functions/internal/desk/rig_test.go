package desk_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the shop

	"github.com/habeas-dsar/habeas/connectors/person"
	sqlconn "github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// The workers of the rig: one for databases, one for the rest.
const (
	light     = "light"
	databases = "databases"
)

type handler = func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error)

// rig is an installation whose systems are opened by workers, and beside it one that opens them itself, over a database that
// both know.
type rig struct {
	*testing.T
	now     time.Time
	reg     *registry.Store // of the installation with workers
	away    *systems.Pool
	client  *desk.Client
	here    *systems.Pool
	hereReg *registry.Store
	path    string

	workers map[string]handler
	// fail, when it is not nil, is what becomes of calls instead.
	fail  func(function string) (json.RawMessage, error)
	calls []string // "function payload"
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{T: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), path: filepath.Join(t.TempDir(), "shop.db")}
	now := func() time.Time { return r.now }
	r.reg, r.hereReg = r.registry(now), r.registry(now)
	pool := func(reg *registry.Store, list ...connector.Factory) *systems.Pool {
		p := systems.NewPool(reg, list, secret, now)
		t.Cleanup(p.Close)
		return p
	}
	r.here = pool(r.hereReg, person.Factory(), sqlconn.SQLite())
	log := slog.New(slog.DiscardHandler)
	r.workers = map[string]handler{
		light:     desk.Serve(pool(r.reg, person.Factory()), ledger{}, log),
		databases: desk.Serve(pool(r.reg, sqlconn.SQLite()), ledger{}, log),
	}
	r.client = desk.NewClient(desk.Options{
		Call: r.call, Workers: []string{light, databases}, Registry: r.reg, Now: now,
		Worker: func(kind string) string {
			if kind == "sqlite" {
				return databases
			}
			return light
		},
	})
	r.away = systems.Elsewhere(r.reg, r.client, now)
	shop, err := sql.Open("sqlite", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shop.Close() })
	if _, err := shop.ExecContext(t.Context(), "CREATE TABLE person (id INTEGER PRIMARY KEY, mail TEXT, born DATE, note)"); err != nil {
		t.Fatal(err)
	}
	return r
}

func secret(reference string) (redact.Text, error) {
	if strings.HasPrefix(reference, "env:GONE") {
		return redact.Text{}, fault.New(fault.Misconfigured, "the secret is not there")
	}
	return redact.NewText("tr0ub4dor"), nil
}

func (r *rig) registry(now func() time.Time) *registry.Store {
	r.Helper()
	records, err := sqlitetable.Open(filepath.Join(r.TempDir(), "records.db"), sqlitetable.Options{Now: now})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = records.Close() })
	return registry.NewStore(records, now)
}

func (r *rig) call(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	r.calls = append(r.calls, function+" "+string(payload))
	if r.fail != nil {
		return r.fail(function)
	}
	if !desk.Asked(payload) {
		r.Errorf("a worker would take %.80s for a task", payload)
	}
	return r.workers[function](ctx, payload)
}

func (r *rig) system(dataset string) registry.System {
	r.Helper()
	settings, err := json.Marshal(map[string]string{"path": r.path})
	if err != nil {
		r.Fatal(err)
	}
	return registry.System{Tenant: "acme", Name: "shop", Title: "Shop", Kind: "sqlite", Owner: "owner@example.com", Settings: settings, Dataset: dataset}
}

// one is the data map of one table.
func one(fields ...string) string {
	return "dataset:\n- fides_key: shop\n  collections:\n  - name: person\n    fields:\n    - " + strings.Join(fields, "\n    - ") + "\n"
}

const (
	idField   = "{name: id, fides_meta: {primary_key: true}}"
	mailField = "{name: mail, fides_meta: {identity: email}, habeas_meta: {match: casefold}}"
)

// ledger is an erasure ledger with one entry about whoever asks.
type ledger struct{}

func (ledger) Check(_ context.Context, tenant, system string, apply bool, by, cursor string) (erasureledger.Report, error) {
	switch cursor {
	case "gone":
		return erasureledger.Report{}, fault.New(fault.Unavailable, "the system is not reachable").After(90 * time.Second)
	case "bad":
		return erasureledger.Report{}, fault.InvalidField("/cursor", "this is no cursor of an answer before")
	}
	out := erasureledger.Report{Entries: 1, Back: 3, Left: 3, Next: cursor + "+", Cases: []erasureledger.CaseFind{{CaseID: tenant + " " + system + " " + by}}}
	if apply {
		out.Left = 0
	}
	return out, nil
}
