package limits

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
)

const (
	tenant  = "alder"
	address = "ada@example.com"
)

// rig is the product's handlers and machines over its records, all of them measured.
type rig struct {
	t      testing.TB
	clock  *local.ManualClock
	engine *local.Engine
	set    *functions.Set
	system *memory.System

	mu      sync.Mutex
	pending []casefile.OutboxRow
	letter  string
	seen    measured
	pages   int           // asked of the system
	each    time.Duration // that a page takes
}

// measured is the most that was seen of everything that has a limit.
type measured struct {
	item        int // bytes of an item
	transaction int // bytes
	writes      int // of a transaction
	payload     int // bytes that a machine sent or was answered
	event       int // bytes that the bus was given
	mail        int // bytes of a letter's texts
	turns       map[string]int
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, clock: local.NewManualClock(start), system: memory.NewSystem(), seen: measured{turns: map[string]int{}}}
	dir := t.TempDir()
	records, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: r.clock.Now})
	r.ok(err)
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	objects, err := dirblobs.Open(filepath.Join(dir, "objects"))
	r.ok(err)
	r.engine, err = local.New(t.Context(), local.Options{Path: filepath.Join(dir, "workflow.db"), Machines: machines(t), Invoker: r, Clock: r.clock})
	r.ok(err)
	r.set, err = functions.New(functions.Ports{
		Table: scales{records, r}, Keeper: keeper, Blobs: objects, Mail: postbox{r}, Workflow: r.engine,
		Connectors: []connector.Factory{memory.Factory(r.system)}, Secret: func(string) (redact.Text, error) { return redact.Text{}, nil },
		Now: r.clock.Now, Pace: r.pace, Sleep: func(context.Context, time.Duration) error { return nil }, Poke: r.poke, Publish: r.publish,
		Log: slog.New(slog.DiscardHandler), BaseURL: "https://privacy.example.com", MailDomain: "privacy.example.com", TempDir: dir,
		Rules: verification.DefaultRules(),
	})
	r.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = r.engine.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		r.set.Systems.Close()
		_ = r.engine.Close(context.Background())
		_ = records.Close()
	})
	r.ok(r.set.Registry.PutTenant(t.Context(), registry.Tenant{
		Name: tenant, Title: "Alder", Controller: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com",
		From: "Alder <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en",
	}))
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func machines(t testing.TB) map[string]*asl.Machine {
	t.Helper()
	names := map[string]string{"TaskMachine": "task"}
	for _, n := range definitions.Functions() {
		names[n] = n
	}
	out := map[string]*asl.Machine{}
	for name, raw := range definitions.Machines() {
		m, err := asl.Load(raw, names)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = m
	}
	return out
}

// Invoke implements workflow.Invoker.
func (r *rig) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	out, err := r.set.Steps[function](ctx, payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.payload = max(r.seen.payload, len(payload), len(out))
	r.seen.turns[function]++
	return out, err
}

// pace is the clock by which turns end: it moves with the pages that the system is asked for.
func (r *rig) pace() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return start.Add(time.Duration(r.pages) * r.each)
}

// slow makes every page of the system take a while.
func (r *rig) slow(each time.Duration) {
	r.each = each
	r.system.Intercept(func(_ context.Context, at memory.Point) error {
		if at.Op == "rows" && at.Row == 0 {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.pages++
		}
		return nil
	})
}

func (r *rig) poke(rows []casefile.OutboxRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, rows...)
}

func (r *rig) publish(_ context.Context, e events.Event) error {
	raw, err := json.Marshal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.event = max(r.seen.event, len(raw))
	return err
}

// settle carries out promises and runs machines until neither has anything left to do.
func (r *rig) settle() {
	r.t.Helper()
	for {
		r.ok(r.engine.Idle(r.t.Context()))
		r.mu.Lock()
		rows := r.pending
		r.pending = nil
		r.mu.Unlock()
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			r.ok(r.set.Outbox(r.t.Context(), row))
		}
	}
}

const dataMap = `dataset:
  - fides_key: %s
    collections:
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
`

// register adds a system, all of which show the same records, so many at a time.
func (r *rig) register(name string, perPage int) {
	r.t.Helper()
	_, problems, err := r.set.Systems.Apply(r.t.Context(), registry.System{
		Tenant: tenant, Name: name, Title: strings.Repeat("A system of many words ", 8), Kind: memory.Kind, Dataset: fmt.Sprintf(dataMap, name),
		Rights: []dsar.Right{dsar.Access}, Autopilot: true, Settings: json.RawMessage(fmt.Sprintf(`{"pageRecords":%d}`, perPage)),
	})
	if err != nil || len(problems) > 0 {
		r.t.Fatalf("registering %s: %v %v", name, err, problems)
	}
}

// hold puts records of the person into the systems.
func (r *rig) hold(n int) {
	text := func(field, v string) connector.Field { return connector.Field{Name: field, Value: connector.Text(v)} }
	for i := range n {
		id := fmt.Sprintf("c-%06d", i)
		r.system.Put(&connector.Record{
			Collection: "customer", Key: connector.Key{connector.Text(id)},
			Fields: []connector.Field{text("id", id), text("email", address), text("name", "Ada Example")},
		})
	}
}

var codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)

// answer takes a request for a copy through to its end.
func (r *rig) answer() casefile.Case {
	r.t.Helper()
	who, err := subject.New(subject.Email, address)
	r.ok(err)
	c, err := r.set.Cases.Create(r.t.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Country: "DE", ReceivedAt: start, Actor: evidence.Subject, Person: casefile.Person{Email: who},
	})
	r.ok(err)
	r.settle()
	m := codePattern.FindStringSubmatch(r.letter)
	if m == nil {
		r.t.Fatal("no letter has a code")
	}
	r.verify(c.Reference, m[1]+m[2])
	r.settle()
	c, err = r.set.Cases.Case(r.t.Context(), tenant, c.ID)
	r.ok(err)
	return c
}

// verify enters the code as the person does.
func (r *rig) verify(reference, code string) {
	r.t.Helper()
	mux := http.NewServeMux()
	r.set.Register(mux)
	body := strings.NewReader(`{"code":"` + code + `"}`)
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, "/t/"+tenant+"/api/v1/requests/"+reference+"/verification", body)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	if mux.ServeHTTP(w, req); w.Code != http.StatusOK {
		r.t.Fatalf("the code is answered with %d: %s", w.Code, w.Body)
	}
}

// events counts the history of an execution.
func (r *rig) events(machine, name string) (n int) {
	r.t.Helper()
	for from := int64(0); ; {
		page, err := r.engine.History(r.t.Context(), machine, name, from, 1000)
		r.ok(err)
		if len(page) == 0 {
			return n
		}
		n += len(page)
		from = page[len(page)-1].ID + 1
		if len(page) < 1000 {
			return n
		}
	}
}

// executions returns the names of the executions of a machine.
func (r *rig) executions(machine string) (names []string) {
	r.t.Helper()
	for cursor := ""; ; {
		page, next, err := r.engine.List(r.t.Context(), workflow.Status(""), cursor, 100)
		r.ok(err)
		for _, x := range page {
			if x.Machine == machine {
				names = append(names, x.Name)
			}
		}
		if cursor = next; cursor == "" {
			return names
		}
	}
}

// scales is a record store that weighs what is written.
type scales struct {
	table.Store
	rig *rig
}

// Transact implements table.Store.
func (s scales) Transact(ctx context.Context, writes ...table.Write) error {
	s.rig.mu.Lock()
	sum := 0
	for i := range writes {
		size := writes[i].Item.Size()
		sum += size
		s.rig.seen.item = max(s.rig.seen.item, size)
	}
	s.rig.seen.transaction, s.rig.seen.writes = max(s.rig.seen.transaction, sum), max(s.rig.seen.writes, len(writes))
	s.rig.mu.Unlock()
	return s.Store.Transact(ctx, writes...)
}

// postbox takes every letter.
type postbox struct{ rig *rig }

// Send implements mail.Sender.
func (p postbox) Send(_ context.Context, m mail.Message) (mail.State, error) {
	p.rig.mu.Lock()
	defer p.rig.mu.Unlock()
	p.rig.seen.mail = max(p.rig.seen.mail, len(m.Text.Reveal())+len(m.HTML.Reveal()))
	if codePattern.MatchString(m.Text.Reveal()) {
		p.rig.letter = m.Text.Reveal()
	}
	return mail.Sent, nil
}

// Lookup implements mail.Sender.
func (postbox) Lookup(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
