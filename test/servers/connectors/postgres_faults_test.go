package connectors

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
)

func TestRefusedConnections(t *testing.T) {
	d := server.CreateDatabase(t)
	d.Exec(t, simple)
	closed := server.NewProxy(t)
	closed.Fail(postgres.Fault{Code: "57P03"}, 0, 0)
	for name, tc := range map[string]struct {
		account account
		class   fault.Class
	}{
		"wrong password":       {account{user: d.User, password: "Zq7Canary"}, fault.Misconfigured},
		"no such account":      {account{user: "nobody", password: "Zq7Canary"}, fault.Misconfigured},
		"nobody listens":       {account{port: 1}, fault.Unavailable},
		"starting up":          {account{port: closed.Port}, fault.Unavailable},
		"TLS is not offered":   {account{settings: `,"sslmode":"require"`}, fault.Misconfigured},
		"no such schema":       {account{settings: `,"schema":"elsewhere"`}, fault.Misconfigured},
		"no root certificates": {account{settings: `,"sslmode":"verify-full","rootCertificate":"missing.pem"`}, fault.Misconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tryOpen(t, d, simpleMap, tc.account)
			wantClass(t, err, tc.class)
			if err != nil && strings.Contains(err.Error(), "Zq7Canary") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// Without sslmode a server elsewhere must prove who it is; one on this machine need not.
func TestConnectionsAreProtectedByDefault(t *testing.T) {
	d := server.CreateDatabase(t)
	d.Exec(t, simple)
	for host, want := range map[string]fault.Class{"127.0.0.1": "", "localhost": "", "127.0.0.1.": fault.Misconfigured} {
		c, err := sql.Postgres().Open(t.Context(), connector.OpenInput{
			Settings: json.RawMessage(`{"host":"` + host + `","port":` + port(d) + `,"database":"` + d.Name + `","user":"` + d.User + `"}`),
			Secrets:  map[string]redact.Text{"password": redact.NewText(d.Password)}, Dataset: readDataset(t, simpleMap),
		})
		if err == nil {
			_ = c.Close()
		}
		if host != "127.0.0.1." || !fault.Has(err, fault.Unavailable) { // where such a name resolves, the server offers no TLS
			wantClass(t, err, want)
		}
	}
}

// A server that has no connection left for the account is throttling; the connector itself opens a few at most.
func TestConnectionLimits(t *testing.T) {
	d := server.CreateDatabase(t)
	d.Exec(t, simple, "INSERT INTO t SELECT n, 'ann@example.com' FROM generate_series(1, 20000) n")
	d.ExecAsAdmin(t, "ALTER ROLE "+d.User+" CONNECTION LIMIT 2")
	s := openAs(t, d, simpleMap, account{settings: `,"maxConnections":2`})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if records, _, err := s.tryAccess(t.Context(), t, ann); err != nil || len(records) != 20000 {
				t.Errorf("%d records, %v", len(records), err)
			}
		})
	}
	wg.Wait()
	_, err := tryOpen(t, d, simpleMap, account{})
	wantClass(t, err, fault.Throttled)
}

// A locked row is waited for some seconds, not for ever, and the next attempt works.
func TestLockedRows(t *testing.T) {
	s := newSystem(t, simpleMap, simple, "INSERT INTO t VALUES (1, 'ann@example.com')")
	plan := s.plan(t, ann)
	holder := s.db.Connect(t)
	if _, err := holder.Exec(t.Context(), "BEGIN; UPDATE t SET email = email WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_, err := s.ApplyErasure(t.Context(), plan)
	wantClass(t, err, fault.Unavailable)
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("waited %v", d)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if effects, err := s.ApplyErasure(t.Context(), plan); err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone}) {
		t.Errorf("%v, %v", effects, err)
	}
}

// slowView takes far longer than any test.
const slowView = "CREATE VIEW slow AS SELECT n AS id, 'ann@example.com' || pg_sleep(60) AS email FROM generate_series(1, 9) n"

func slowSystem(t *testing.T, a account) system {
	t.Helper()
	d := server.CreateDatabase(t)
	d.Exec(t, slowView)
	return openAs(t, d, dataMap(collection("slow", "{on_erase: {action: keep, reason: a view}}", idField, emailField)), a)
}

// Whoever cancels gets an answer at once, and the server stops working on it.
func TestCancelStopsTheServer(t *testing.T) {
	s := slowSystem(t, account{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	began := time.Now()
	_, _, err := s.tryAccess(ctx, t, ann)
	wantClass(t, err, fault.Unavailable)
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("stopped after %v", d)
	}
	s.quiet(t)
}

func (s system) quiet(t *testing.T) {
	t.Helper()
	busy := []string{"?"}
	for range 50 {
		busy = s.db.Strings(t, "SELECT query FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() AND pid <> pg_backend_pid()")
		if len(busy) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the server still works on %d statements", len(busy))
}

func TestStatementTimeout(t *testing.T) {
	s := slowSystem(t, account{settings: `,"statementTimeoutSeconds":1`})
	began := time.Now()
	_, _, err := s.tryAccess(t.Context(), t, ann)
	wantClass(t, err, fault.Unavailable)
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("gave up after %v", d)
	}
	s.quiet(t)
}

// A server that takes a request and never answers, and one that is there again.
func TestSilentServer(t *testing.T) {
	proxy := server.NewProxy(t)
	d := server.CreateDatabase(t)
	d.Exec(t, simple, "INSERT INTO t VALUES (1, 'ann@example.com')")
	s := openAs(t, d, simpleMap, account{port: proxy.Port, settings: `,"statementTimeoutSeconds":1`})
	proxy.Fail(postgres.Fault{Silent: true}, 0, 1)
	began := time.Now()
	_, _, err := s.tryAccess(t.Context(), t, ann)
	wantClass(t, err, fault.Unavailable)
	if d := time.Since(began); d > 6*time.Second {
		t.Errorf("gave up after %v", d)
	}
	if records, _ := s.access(t, ann); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

// job runs tasks about Ann on a system, as the workflow does.
type job struct {
	kit *enginetest.Kit
	ins engine.Instruction
}

func newJob(t *testing.T, s system, yaml string) *job {
	t.Helper()
	kit := enginetest.New(t, nil)
	return &job{kit, engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: "task-1", System: "target", Connector: s.System, Dataset: readDataset(t, yaml), Keys: kit.Keys, Proven: mail(t, ann),
	}}
}

// turns runs a task; wait is called whenever it waits.
func (j *job) turns(t testing.TB, action dsar.Action, taskID string, plan engine.PlanRef, wait func(engine.Turn)) engine.Turn {
	t.Helper()
	ins := j.ins
	ins.Action, ins.TaskID, ins.Plan = action, taskID, plan
	if action == dsar.DryRun || action == dsar.VerifyAfter {
		ins.Right = dsar.Erasure
	}
	for range 400 {
		turn, err := j.kit.Engine.Turn(t.Context(), ins)
		if err != nil {
			t.Fatalf("%s: %v", action, err)
		}
		ins.State = turn.State
		switch turn.Status {
		case engine.Waiting:
			wait(turn)
			j.kit.Clock.Advance(time.Duration(turn.WaitSeconds) * time.Second)
		case engine.Finished, engine.Person:
			return turn
		default:
		}
	}
	t.Fatalf("%s does not end", action)
	return engine.Turn{}
}

// The server stops in the middle of an erasure, or crashes: the task waits, and goes on by itself when the server is back.
func TestServerStopsInTheMiddle(t *testing.T) {
	for name, stop := range map[string]func(testing.TB){"stopped": server.Stop, "crashed": server.Crash} {
		t.Run(name, func(t *testing.T) {
			proxy := server.NewProxy(t)
			d := server.CreateDatabase(t)
			d.Exec(t, simple, "CREATE TABLE o (id int PRIMARY KEY, t_id int REFERENCES t, note text)", "CREATE INDEX ON o (t_id)", "INSERT INTO t VALUES (1, 'ann@example.com'), (2, 'bob@example.com')",
				"INSERT INTO o SELECT n, 1 + n % 2, 'x' FROM generate_series(1, 24000) n")
			yaml := dataMap(collection("t", "", idField, emailField), collection("o", "", idField, refers("t_id", "t.id"), personal("note")))
			s := openAs(t, d, yaml, account{port: proxy.Port})
			j := newJob(t, s, yaml)
			none := func(turn engine.Turn) { t.Fatalf("waiting: %s", turn.Reason) }
			planned := j.turns(t, dsar.DryRun, "plan", engine.PlanRef{}, none)
			// Planning takes 6 requests and each batch 4: the second batch begins and does not end.
			proxy.Fail(postgres.Fault{Code: "57P01"}, 6+4+2, 0)
			waited := 0
			done := j.turns(t, dsar.Erase, "erase", planned.Plan, func(turn engine.Turn) {
				if waited++; turn.FaultClass != string(fault.Unavailable) {
					t.Errorf("waiting because of %s: %s", turn.FaultClass, turn.Reason)
				}
				switch waited {
				case 1:
					stop(t)
					proxy.Fail(postgres.Fault{}, 0, 0)
				case 3:
					server.Start(t)
				}
			})
			if waited < 3 || done.Outcome != dsar.Erased {
				t.Errorf("waited %d times, ended %s with %s", waited, done.Status, done.Outcome)
			}
			if v := j.turns(t, dsar.VerifyAfter, "verify", done.Plan, none); v.Status != engine.Finished || v.Outcome != dsar.Erased {
				t.Errorf("verification ends %s with %s: %s", v.Status, v.Outcome, v.Reason)
			}
			if got := d.Strings(t, "SELECT count(*)::text FROM o UNION ALL SELECT email FROM t"); !slices.Equal(got, []string{"12000", "bob@example.com"}) {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// Connections that died while nobody used them are noticed, at once and all of them.
func TestDeadConnectionsAreDropped(t *testing.T) {
	proxy := server.NewProxy(t)
	d := server.CreateDatabase(t)
	d.Exec(t, simple, "INSERT INTO t VALUES (1, 'ann@example.com')")
	s := openAs(t, d, simpleMap, account{port: proxy.Port})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { s.access(t, ann) })
	}
	wg.Wait()
	proxy.Cut()
	failed := 0
	for range 4 {
		if _, _, err := s.tryAccess(t.Context(), t, ann); err != nil {
			wantClass(t, err, fault.Unavailable)
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d requests failed after one outage, want 1 at most", failed)
	}
	time.Sleep(1100 * time.Millisecond) // a connection that rested is looked at before it is used
	proxy.Cut()
	if records, _ := s.access(t, ann); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}
