package corpus

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/akrylysov/algnhsa"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
)

// house is every handler over real stores in a directory, and the engine of one machine. It notes what passes.
type house struct {
	t      testing.TB
	dir    string
	clock  *local.ManualClock
	table  *sqlitetable.Store
	engine *local.Engine
	system *memory.System
	set    *functions.Set
	http   interface {
		Invoke(ctx context.Context, payload []byte) ([]byte, error)
	}

	turn sync.Mutex // one call at a time: what is written meanwhile is that call's

	mu      sync.Mutex
	journal []*entry
	pending []casefile.OutboxRow
	letter  string // text of the newest
	broken  bool
}

// start is when the story begins: a Monday morning.
var start = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)

// newHouse opens a house in dir, whose key file is there. invoke is what the machines call; nil = the handlers.
func newHouse(t testing.TB, dir string, now time.Time, invoke func(context.Context, string, json.RawMessage) (json.RawMessage, error)) *house {
	t.Helper()
	h := &house{t: t, dir: dir, clock: local.NewManualClock(now), system: memory.NewSystem()}
	var err error
	h.table, err = sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: h.clock.Now})
	h.ok(err)
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	h.ok(err)
	objects, err := dirblobs.Open(filepath.Join(dir, "objects"))
	h.ok(err)
	if invoke == nil {
		invoke = h.step
	}
	h.engine, err = local.New(t.Context(), local.Options{
		Path: filepath.Join(dir, "workflow.db"), Machines: machines(t), Invoker: invoker(invoke), Clock: h.clock, Workers: 1,
		Random: func() float64 { return 0.5 },
	})
	h.ok(err)
	h.set, err = functions.New(functions.Ports{
		Table: noting{h.table, h}, Keeper: keeper, Blobs: notingObjects{objects, h}, Mail: postbox{h}, Workflow: h.engine,
		Connectors: []connector.Factory{memory.Factory(h.system)}, Secret: func(string) (redact.Text, error) { return redact.Text{}, nil },
		Now: h.clock.Now, Sleep: func(context.Context, time.Duration) error { return nil }, Poke: h.poke, Publish: h.publish,
		Log: slog.New(slog.DiscardHandler), BaseURL: "https://privacy.example.com", MailDomain: "privacy.example.com", TempDir: dir,
		Rules: verification.DefaultRules(),
	})
	h.ok(err)
	mux := http.NewServeMux()
	h.set.Register(mux)
	h.http = algnhsa.New(mux, &algnhsa.Options{RequestType: algnhsa.RequestTypeAPIGatewayV2, BinaryContentTypes: []string{"*/*"}})
	t.Cleanup(h.close)
	return h
}

// run lets machines run until the test ends.
func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = h.engine.Run(ctx) })
	h.t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func (h *house) close() {
	h.set.Systems.Close()
	_ = h.engine.Close(context.Background())
	_ = h.table.Close()
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
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

type invoker func(context.Context, string, json.RawMessage) (json.RawMessage, error)

// Invoke implements workflow.Invoker.
func (i invoker) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	return i(ctx, function, payload)
}

func (h *house) note(e *entry) *entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.At = h.clock.Now()
	h.journal = append(h.journal, e)
	return e
}

// call notes a call before it is made, and its answer.
func (h *house) call(kind, name string, input json.RawMessage, do func() (json.RawMessage, error)) (json.RawMessage, error) {
	h.turn.Lock()
	defer h.turn.Unlock()
	e := h.note(&entry{Kind: kind, Name: name, Input: bytes.Clone(input), Held: h.holds(), Broken: h.broken})
	out, err := do()
	h.mu.Lock()
	defer h.mu.Unlock()
	e.Output = bytes.Clone(out)
	return out, err
}

func (h *house) step(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	return h.call(ofStep, function, payload, func() (json.RawMessage, error) { return h.set.Steps[function](ctx, payload) })
}

func (h *house) poke(rows []casefile.OutboxRow) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = append(h.pending, rows...)
}

func (h *house) publish(_ context.Context, e events.Event) error {
	raw, err := json.Marshal(e)
	if err == nil {
		h.note(&entry{Kind: ofEvent, Name: e.Type, Input: raw})
	}
	return err
}

// settle carries out promises and runs machines until neither has anything left to do.
func (h *house) settle() {
	h.t.Helper()
	for {
		h.ok(h.engine.Idle(h.t.Context()))
		h.mu.Lock()
		rows := h.pending
		h.pending = nil
		h.mu.Unlock()
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			h.ok(h.outbox(row))
			h.ok(h.engine.Idle(h.t.Context())) // so that the stories always go the same way
		}
	}
}

func (h *house) outbox(row casefile.OutboxRow) error {
	raw, err := json.Marshal(row)
	h.ok(err)
	_, err = h.call(ofOutbox, string(row.Kind), raw, func() (json.RawMessage, error) { return nil, h.set.Outbox(h.t.Context(), row) })
	return err
}

// clockwork calls what schedules call.
func (h *house) clockwork() {
	h.t.Helper()
	for _, name := range []string{"SweepDeadlines", "DisposeRecords", "SealEvidence"} {
		_, err := h.call(ofClock, name, nil, func() (json.RawMessage, error) { return nil, h.tick(name) })
		h.ok(err)
		h.settle()
	}
}

func (h *house) tick(name string) (err error) {
	switch name {
	case "SweepDeadlines":
		_, err = h.set.Sweep(h.t.Context())
	case "DisposeRecords":
		_, err = h.set.Dispose(h.t.Context())
	case "SealEvidence":
		_, err = h.set.Seal(h.t.Context())
	default:
		h.t.Fatalf("nobody calls %s", name)
	}
	return err
}

// readable is what a Lambda behind the HTTP API answers, with a body that is JSON as such.
type readable struct {
	Status      int             `json:"status"`
	ContentType string          `json:"contentType"`
	Body        json.RawMessage `json:"body,omitempty"`
}

// answer hands over an event of API Gateway.
func (h *house) answer(event json.RawMessage) (json.RawMessage, error) {
	raw, err := h.http.Invoke(h.t.Context(), event)
	if err != nil {
		return nil, err
	}
	var a struct {
		StatusCode        int
		Body              string
		IsBase64Encoded   bool
		MultiValueHeaders map[string][]string
		Headers           map[string]string
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, err
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(a.Body); err != nil {
			return nil, err
		}
	}
	out := readable{Status: a.StatusCode, ContentType: a.Headers["Content-Type"]}
	if json.Valid(body) {
		out.Body = body
	}
	return json.Marshal(out)
}

// request makes a request as API Gateway hands it over (HTTP API, payload format 2.0), and decodes the answer.
func (h *house) request(method, path, token, body string, into any) {
	h.t.Helper()
	headers := map[string]string{"host": "privacy.example.com", "content-type": "application/json"}
	if token != "" {
		headers["authorization"] = "Bearer " + token
	}
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers, "body": body, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "api", "domainName": "privacy.example.com", "requestId": "r-1", "routeKey": "$default", "stage": "$default",
			"timeEpoch": h.clock.Now().UnixMilli(), "http": map[string]any{"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7", "userAgent": "test"},
		},
	})
	h.ok(err)
	raw, err := h.call(ofHTTP, method+" "+path, event, func() (json.RawMessage, error) { return h.answer(event) })
	h.ok(err)
	var a readable
	h.ok(json.Unmarshal(raw, &a))
	if a.Status >= http.StatusBadRequest {
		h.t.Fatalf("%s %s answers %d: %s", method, path, a.Status, a.Body)
	}
	if into != nil {
		h.ok(json.Unmarshal(a.Body, into))
	}
	h.settle()
}

var codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)

// code returns the code in the newest letter.
func (h *house) code() string {
	h.t.Helper()
	m := codePattern.FindStringSubmatch(h.letter)
	if m == nil {
		h.t.Fatal("the newest letter has no code")
	}
	return m[1] + m[2]
}

// holds reports whether the system still holds the person.
func (h *house) holds() bool {
	return len(h.system.Records()) > 0
}

// breaks makes the system refuse whatever it is asked for, or no more.
func (h *house) breaks(yes bool) {
	h.broken = yes
	h.system.Intercept(func(_ context.Context, at memory.Point) error {
		if yes && at.Op == "rows" {
			return fault.New(fault.Misconfigured, "the system refuses")
		}
		return nil
	})
}

// noting is a record store that notes what is written.
type noting struct {
	table.Store
	house *house
}

// Transact implements table.Store.
func (n noting) Transact(ctx context.Context, writes ...table.Write) error {
	if err := n.Store.Transact(ctx, writes...); err != nil {
		return err
	}
	e := &entry{}
	for _, w := range writes {
		e.Writes = append(e.Writes, kept(w))
	}
	n.house.note(e)
	return nil
}

// notingObjects is an object store that notes what is written.
type notingObjects struct {
	blobs.Store
	house *house
}

// Put implements blobs.Store.
func (n notingObjects) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return blobs.Info{}, err
	}
	info, err := n.Store.Put(ctx, name, bytes.NewReader(raw))
	if err == nil {
		n.house.note(&entry{Objects: map[string][]byte{name: raw}})
	}
	return info, err
}

// Delete implements blobs.Store.
func (n notingObjects) Delete(ctx context.Context, name string) error {
	err := n.Store.Delete(ctx, name)
	if err == nil {
		n.house.note(&entry{Objects: map[string][]byte{name: nil}})
	}
	return err
}

// postbox takes every letter and keeps the text of the newest.
type postbox struct{ house *house }

// Send implements mail.Sender.
func (p postbox) Send(_ context.Context, m mail.Message) (mail.State, error) {
	if strings.Contains(m.Text.Reveal(), "code") {
		p.house.letter = m.Text.Reveal()
	}
	return mail.Sent, nil
}

// Lookup implements mail.Sender.
func (postbox) Lookup(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
