package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

const (
	tenant = "alder"
	ada    = "ada@example.com"
	bob    = "bob@example.com"
)

const dataMap = `dataset:
  - fides_key: %s
    collections:
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, identity: customer_id}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
`

// rig is every handler over real stores in a temporary directory; only the engine that calls them is played by the test.
type rig struct {
	t       testing.TB
	now     time.Time
	table   *sqlitetable.Store
	set     *functions.Set
	access  *listed
	engine  *engine
	mail    *sender
	system  *memory.System
	ports   functions.Ports
	mu      sync.Mutex
	pending []casefile.OutboxRow
	events  []events.Event
	publish error // what the bus answers
}

func newRig(t testing.TB, edit ...func(*functions.Ports)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), engine: newEngine(), system: memory.NewSystem()}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	objects, err := dirblobs.Open(filepath.Join(dir, "objects"))
	r.ok(err)
	box, err := fileoutbox.Open(filepath.Join(dir, "outbox"))
	r.ok(err)
	r.mail = &sender{Sender: box, box: box, seen: map[string]int{}}
	r.access = &listed{Store: r.table, t: t, mu: &sync.Mutex{}, used: map[string]bool{}}
	r.ports = functions.Ports{
		Table: r.access, Keeper: keeper, Blobs: objects, Mail: r.mail, Workflow: r.engine, Connectors: []connector.Factory{memory.Factory(r.system)},
		Secret: func(string) (redact.Text, error) { return redact.Text{}, nil }, Now: now,
		Sleep: func(context.Context, time.Duration) error { return nil }, Poke: r.poke,
		Publish: func(_ context.Context, e events.Event) error {
			if r.publish == nil {
				r.events = append(r.events, e)
			}
			return r.publish
		},
		Log: slog.New(slog.DiscardHandler), BaseURL: "https://privacy.example.com", MailDomain: "privacy.example.com", TempDir: dir,
		Rules: verification.DefaultRules(),
	}
	for _, e := range edit {
		e(&r.ports)
	}
	r.set, err = functions.New(r.ports)
	r.ok(err)
	t.Cleanup(func() {
		r.set.Systems.Close()
		_ = r.table.Close()
	})
	r.ok(r.set.Registry.PutTenant(t.Context(), registry.Tenant{
		Name: tenant, Title: "Alder", Controller: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com",
		From: "Alder <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en",
	}))
	return r
}

func (r *rig) poke(rows []casefile.OutboxRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = append(r.pending, rows...)
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// register adds a system of the kind memory; all of them show the same records.
func (r *rig) register(name string, edit ...func(*registry.System)) {
	r.t.Helper()
	s := registry.System{
		Tenant: tenant, Name: name, Title: "The " + name, Kind: memory.Kind, Dataset: fmt.Sprintf(dataMap, name),
		Rights: []dsar.Right{dsar.Access}, Autopilot: true,
	}
	for _, e := range edit {
		e(&s)
	}
	_, problems, err := r.set.Systems.Apply(r.t.Context(), s)
	if err != nil || len(problems) > 0 {
		r.t.Fatalf("registering %s: %v %v", name, err, problems)
	}
}

// person puts somebody into the systems.
func (r *rig) person(id, address, name string) {
	text := func(field, v string) connector.Field { return connector.Field{Name: field, Value: connector.Text(v)} }
	r.system.Put(&connector.Record{
		Collection: "customer", Key: connector.Key{connector.Text(id)},
		Fields: []connector.Field{text("id", id), text("email", address), text("name", name)},
	})
}

// create opens a request as the portal does.
func (r *rig) create(edit ...func(*casefile.Opening)) casefile.Case {
	r.t.Helper()
	who, err := subject.New(subject.Email, ada)
	r.ok(err)
	o := casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Country: "DE", ReceivedAt: r.now, Actor: evidence.Subject, Person: casefile.Person{Email: who},
	}
	for _, e := range edit {
		e(&o)
	}
	c, err := r.set.Cases.Create(r.t.Context(), o)
	r.ok(err)
	return c
}

// answer is what any step of either machine returns.
type answer struct {
	Next        string
	Items       []step.Item
	Status      string
	WaitSeconds int
}

// try invokes a step as an engine does, under the case's present generation; edit changes the payload.
func (r *rig) try(name string, c casefile.Case, edit ...func(map[string]any)) (answer, error) {
	r.t.Helper()
	payload := map[string]any{"tenant": c.Tenant, "caseId": c.ID, "generation": r.one(c).Generation, "schemaVersion": 1, "state": name}
	for _, e := range edit {
		e(payload)
	}
	raw, err := json.Marshal(payload)
	r.ok(err)
	raw, err = r.set.Steps[name](r.t.Context(), raw)
	if err != nil {
		return answer{}, err
	}
	if bytes.Contains(raw, []byte("null")) {
		r.t.Errorf("%s answers %s: Step Functions needs every field", name, raw)
	}
	var a answer
	r.ok(json.Unmarshal(raw, &a))
	return a, nil
}

// step invokes a step that must succeed.
func (r *rig) step(name string, c casefile.Case, edit ...func(map[string]any)) answer {
	r.t.Helper()
	a, err := r.try(name, c, edit...)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return a
}

// next invokes a step and holds it to its answer.
func (r *rig) next(name string, c casefile.Case, want string, edit ...func(map[string]any)) answer {
	r.t.Helper()
	a := r.step(name, c, edit...)
	if a.Next+a.Status != want {
		r.t.Fatalf("%s answers %q, want %q", name, a.Next+a.Status, want)
	}
	return a
}

func with(key string, value any) func(map[string]any) {
	return func(p map[string]any) { p[key] = value }
}

// token gives the step a fresh token that the engine waits for.
func (r *rig) token() (string, func(map[string]any)) {
	token := r.engine.issue()
	return token, with("token", token)
}

func (r *rig) one(c casefile.Case) casefile.Case {
	r.t.Helper()
	c, err := r.set.Cases.Case(r.t.Context(), c.Tenant, c.ID)
	r.ok(err)
	return c
}

func (r *rig) load(c casefile.Case) *casefile.File {
	r.t.Helper()
	f, err := r.set.Cases.Load(r.t.Context(), c.Tenant, c.ID)
	r.ok(err)
	return f
}

func (r *rig) change(c casefile.Case, do func(f *casefile.File) error) {
	r.t.Helper()
	r.ok(step.Change(r.t.Context(), r.set.Cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error { return do(f) }))
}

// drain carries out every promise made so far, and those made on the way.
func (r *rig) drain() {
	r.t.Helper()
	for {
		r.mu.Lock()
		rows := r.pending
		r.pending = nil
		r.mu.Unlock()
		if len(rows) == 0 {
			return
		}
		for _, row := range rows {
			if err := r.set.Outbox(r.t.Context(), row); err != nil {
				r.t.Fatalf("carrying out %s: %v", row.Kind, err)
			}
		}
	}
}

// kinds lists the kinds of the case's evidence in order.
func (r *rig) kinds(c casefile.Case) []string {
	r.t.Helper()
	var out []string
	for e, err := range evidence.Read(r.t.Context(), r.table, c.Tenant, c.ID) {
		r.ok(err)
		out = append(out, e.Kind)
	}
	return out
}

func (r *rig) count(c casefile.Case, kind string) (n int) {
	r.t.Helper()
	for _, k := range r.kinds(c) {
		if k == kind {
			n++
		}
	}
	return n
}

// verified exports the evidence and has it verified.
func (r *rig) verified(c casefile.Case) {
	r.t.Helper()
	var b bytes.Buffer
	r.ok(r.set.Cases.WriteBundle(r.t.Context(), &b, c.Tenant, c.ID))
	rep, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{})
	r.ok(err)
	if !rep.OK() {
		r.t.Errorf("evidence: %+v", rep.Findings)
	}
}

// letters lists the kinds of the letters queued so far.
func (r *rig) letters(c casefile.Case) []string {
	r.t.Helper()
	ms, _, err := r.set.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
	r.ok(err)
	var out []string
	for _, m := range ms {
		out = append(out, m.Kind)
	}
	return out
}

// text returns the text of the newest letter of a kind.
func (r *rig) text(c casefile.Case, kind letters.Kind) string {
	r.t.Helper()
	ms, ls, err := r.set.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
	r.ok(err)
	for n, m := range slices.Backward(ms) {
		if m.Kind == string(kind) {
			return ls[n].Text.Reveal()
		}
	}
	r.t.Fatalf("there is no letter %s: %q", kind, r.letters(c))
	return ""
}

var codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)

// enter tries a code at the desk; an empty one is the right one.
func (r *rig) enter(c casefile.Case, code string) verification.Result {
	r.t.Helper()
	if code == "" {
		var newest string
		ms, ls, err := r.set.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
		r.ok(err)
		for n := range ms {
			if m := codePattern.FindStringSubmatch(ls[n].Text.Reveal()); m != nil {
				newest = m[1] + m[2]
			}
		}
		code = newest
	}
	var res verification.Result
	r.ok(step.Change(r.t.Context(), r.set.Cases, c.Tenant, c.ID, func(ctx context.Context, f *casefile.File) (err error) {
		res, err = r.set.Portal.Desk.Check(ctx, f, identity.Answer{Code: code})
		return err
	}))
	return res
}

// verify takes a case through its first steps until the person is verified.
func (r *rig) verify(c casefile.Case) {
	r.t.Helper()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	if res := r.enter(c, ""); res.Outcome != verification.Accepted {
		r.t.Fatalf("the code is %s", res.Outcome)
	}
}

// run runs the turns of every item until none is left to do by machine.
func (r *rig) run(c casefile.Case, items []step.Item) {
	r.t.Helper()
	for _, it := range items {
		for range 50 {
			a := r.step(it.Worker, c, with("taskId", it.TaskID))
			if a.Status != step.TaskMore {
				break
			}
		}
	}
}

// locate runs rounds until nothing new is found.
func (r *rig) locate(c casefile.Case) {
	r.t.Helper()
	for range casefile.MaxRounds + 1 {
		a := r.step("OpenTasks", c, with("phase", "locate"))
		if a.Next == step.Proceed {
			return
		}
		r.run(c, a.Items)
	}
	r.t.Fatal("locating does not end")
}

// plan makes the plan of a case, its dry runs included, and returns where the case goes next.
func (r *rig) plan(c casefile.Case) string {
	r.t.Helper()
	for range 3 {
		a := r.step("PlanCase", c)
		if a.Next != step.Tasks {
			return a.Next
		}
		r.run(c, a.Items)
	}
	r.t.Fatal("planning does not end")
	return ""
}

// toRun takes a case up to the tasks of its plan, and runs them.
func (r *rig) toRun(c casefile.Case) {
	r.t.Helper()
	r.verify(c)
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	for range 3 {
		a := r.step("OpenTasks", c, with("phase", "run"))
		if a.Next == step.Proceed {
			return
		}
		r.run(c, a.Items)
	}
	r.t.Fatal("the tasks do not end")
}

// sender is the file outbox, or whatever else a test puts in front of it.
type sender struct {
	mail.Sender
	box  *fileoutbox.Outbox
	seen map[string]int
	send func(ctx context.Context, m mail.Message) (mail.State, error)
	look func(ctx context.Context, id string) (mail.State, error)
}

func (s *sender) Send(ctx context.Context, m mail.Message) (mail.State, error) {
	s.seen[m.MessageID]++
	if s.send != nil {
		return s.send(ctx, m)
	}
	return s.Sender.Send(ctx, m)
}

func (s *sender) Lookup(ctx context.Context, id string) (mail.State, error) {
	if s.look != nil {
		return s.look(ctx, id)
	}
	return s.Sender.Lookup(ctx, id)
}

// engine plays the workflow engine: it keeps executions and tokens as its contract says and runs nothing.
type engine struct {
	mu       sync.Mutex
	runs     map[string]*workflow.Execution
	tokens   map[string]string // token -> output; "" while it waits
	starts   int
	describe error
	succeed  error
}

func newEngine() *engine {
	return &engine{runs: map[string]*workflow.Execution{}, tokens: map[string]string{}}
}

func (e *engine) issue() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := fmt.Sprintf("token-%d", len(e.tokens)+1)
	e.tokens[t] = ""
	return t
}

func (e *engine) Start(_ context.Context, machine, name string, input json.RawMessage) (workflow.Execution, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x, ok := e.runs[machine+"/"+name]; ok {
		if x.Status == workflow.Running && bytes.Equal(x.Input, input) {
			return *x, nil
		}
		return workflow.Execution{}, workflow.ErrExecutionExists
	}
	e.starts++
	x := &workflow.Execution{ID: name, Machine: machine, Name: name, Status: workflow.Running, Input: input}
	e.runs[machine+"/"+name] = x
	return *x, nil
}

func (e *engine) Describe(_ context.Context, machine, name string) (workflow.Execution, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.describe != nil {
		return workflow.Execution{}, e.describe
	}
	x, ok := e.runs[machine+"/"+name]
	if !ok {
		return workflow.Execution{}, fault.New(fault.NotFound, "there is no such execution")
	}
	return *x, nil
}

func (e *engine) Stop(_ context.Context, machine, name, errorName, cause string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	x, ok := e.runs[machine+"/"+name]
	if !ok {
		return fault.New(fault.NotFound, "there is no such execution")
	}
	if x.Status == workflow.Running {
		x.Status, x.Error, x.Cause = workflow.Aborted, errorName, cause
	}
	return nil
}

func (e *engine) Succeed(_ context.Context, token string, output json.RawMessage) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.succeed != nil {
		return e.succeed
	}
	got, ok := e.tokens[token]
	switch {
	case !ok:
		return workflow.ErrTaskNotFound
	case got != "":
		return workflow.ErrTaskTimedOut
	}
	e.tokens[token] = string(output)
	return nil
}

func (e *engine) Fail(context.Context, string, string, string) error {
	return errors.New("nothing in the product fails a token")
}

// end closes an execution as if it had failed.
func (e *engine) end(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x, ok := e.runs["case/"+name]; ok {
		x.Status = workflow.Failed
	}
}

// names lists the executions with their status.
func (e *engine) names() map[string]workflow.Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := map[string]workflow.Status{}
	for _, x := range e.runs {
		out[x.Name] = x.Status
	}
	return out
}
