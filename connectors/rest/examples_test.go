package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// demo is the example: its files, a CRM with two people, and an engine.
type demo struct {
	t    *testing.T
	crm  *crm.Server
	data *connector.Dataset
	conn connector.Connector
	kit  *enginetest.Kit
	n    int
	url  string // where the CRM may report
}

func newDemo(t *testing.T, cfg crm.Config) *demo {
	t.Helper()
	cfg.Credentials = crm.Credentials{Tokens: []string{"token-of-the-demo"}}
	d := &demo{t: t, crm: startCRM(t, cfg), kit: enginetest.New(t, nil)}
	for n := range 2 {
		person := n + 1
		put := func(object string, r crm.Record) {
			if err := d.crm.Put(object, r); err != nil {
				t.Fatal(err)
			}
		}
		put("contacts", crm.Record{
			"id": person, "email": fmt.Sprintf("p%d@example.com", person), "phone": fmt.Sprintf("+44 7700 90010%d", person), "name": "Old Name",
			"customer_id": fmt.Sprintf("c-%d", person), "restricted": false, "matter": nil,
		})
		for i := range 3 {
			put("tickets", crm.Record{"id": person*100 + i, "contact_id": person, "subject": "Help", "agent": "Somebody Else"})
			put("notes", crm.Record{"id": person*1000 + i, "ticket_id": person*100 + i, "text": "called back", "author": "Somebody Else"})
		}
	}
	d.data = readDataset(t, filepath.Join("examples", "crm.dataset.yml"))
	conn, err := Factory().Open(t.Context(), connector.OpenInput{
		Settings: json.RawMessage(fmt.Sprintf(`{"file": "crm.connector.yml", "baseUrl": %q, "allowPrivate": true}`, d.crm.URL())),
		Secrets:  map[string]redact.Text{secretToken: redact.NewText("token-of-the-demo")}, Dataset: d.data, BaseDir: "examples", Now: time.Now,
	})
	if err != nil {
		t.Fatalf("opening the example: %v", err)
	}
	d.conn = conn
	t.Cleanup(func() { _ = conn.Close() })
	return d
}

func readDataset(t testing.TB, path string) *connector.Dataset {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := datamap.Load(content)
	if err != nil || len(loaded.Datasets) != 1 {
		t.Fatalf("reading the data map: %v", err)
	}
	for _, w := range loaded.Warnings {
		t.Errorf("the data map has a warning: %+v", w)
	}
	return loaded.Datasets[0]
}

func (d *demo) instruct(action dsar.Action) engine.Instruction {
	d.n++
	id, err := subject.New(subject.Email, "p1@example.com")
	if err != nil {
		d.t.Fatal(err)
	}
	return engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: fmt.Sprintf("task-%d", d.n), System: "crm", Action: action,
		Connector: d.conn, Dataset: d.data, Keys: d.kit.Keys, Proven: []subject.Identifier{id}, Callback: d.url,
	}
}

// run runs a task to its end and returns every turn. between is called when the system needs time.
func (d *demo) run(ins engine.Instruction, between func(engine.Turn)) []engine.Turn {
	d.t.Helper()
	var turns []engine.Turn
	for range 50 {
		turn, err := d.kit.Engine.Turn(context.Background(), ins)
		if err != nil {
			d.t.Fatalf("a turn of %s: %v", ins.Action, err)
		}
		turns = append(turns, turn)
		ins.State = turn.State
		switch turn.Status {
		case engine.Finished, engine.Person:
			return turns
		case engine.Waiting, engine.System:
			between(turn)
		}
	}
	d.t.Fatalf("%s does not end", ins.Action)
	return nil
}

// done runs a task that must finish with an outcome.
func (d *demo) done(ins engine.Instruction, want dsar.Outcome, between func(engine.Turn)) engine.Turn {
	d.t.Helper()
	turns := d.run(ins, between)
	last := turns[len(turns)-1]
	if last.Status != engine.Finished || last.Outcome != want {
		d.t.Fatalf("%s ends %s with %s: %s (%+v)", ins.Action, last.Status, last.Outcome, last.Reason, last.Collections)
	}
	return last
}

func (d *demo) never(t engine.Turn) { d.t.Fatalf("a turn waits: %s (%s)", t.Reason, t.FaultClass) }

func (d *demo) planned(right dsar.Right, c ...engine.Correction) engine.Turn {
	d.t.Helper()
	ins := d.instruct(dsar.DryRun)
	ins.Right, ins.Corrections = right, c
	want := dsar.Found
	if right == dsar.Restriction {
		want = dsar.Unsupported // tickets and notes cannot be marked, and that must show
	}
	return d.done(ins, want, d.never)
}

func TestExampleLoadsAndWalks(t *testing.T) {
	d := newDemo(t, crm.Config{})
	health, err := d.conn.Check(t.Context())
	if err != nil || !health.Reachable || len(health.Problems) > 0 || len(health.Rights) != 4 {
		t.Fatalf("Check: %+v, %v", health, err)
	}
	located := d.done(d.instruct(dsar.Locate), dsar.Found, d.never)
	if len(located.Identifiers) != 2 {
		t.Errorf("locate finds %d further identifiers, want phone and customer id", len(located.Identifiers))
	}
	read := d.done(d.instruct(dsar.ReadOut), dsar.Found, d.never)
	counts := map[string]int{}
	for _, c := range read.Collections {
		counts[c.Collection] = c.Records
	}
	if counts["contacts"] != 1 || counts["tickets"] != 3 || counts["notes"] != 3 {
		t.Errorf("access reads %v", counts)
	}
}

func TestExampleCorrectsAndRestricts(t *testing.T) {
	d := newDemo(t, crm.Config{})
	name := engine.Correction{Field: "contacts.name", Value: redact.NewText("New Name")}
	plan := d.planned(dsar.Correction, name)
	ins := d.instruct(dsar.Correct)
	ins.Plan, ins.Corrections = plan.Plan, []engine.Correction{name}
	d.done(ins, dsar.Corrected, d.never)
	plan = d.planned(dsar.Restriction)
	ins = d.instruct(dsar.Restrict)
	ins.Plan = plan.Plan
	turns := d.run(ins, d.never)
	contacts := d.crm.Records("contacts")
	if contacts[0]["name"] != "New Name" || contacts[0]["restricted"] != true || contacts[1]["name"] != "Old Name" || contacts[1]["restricted"] != false {
		t.Errorf("the contacts are %v", contacts)
	}
	for _, c := range turns[len(turns)-1].Collections {
		want := dsar.Unsupported
		if c.Collection == "contacts" {
			want = dsar.Restricted
		}
		if c.Outcome != want {
			t.Errorf("%s is reported as %s, want %s", c.Collection, c.Outcome, want)
		}
	}
}

// erased runs the erasure of the example and checks what is left.
func (d *demo) erased(between func(engine.Turn)) []engine.Turn {
	d.t.Helper()
	ins := d.instruct(dsar.Erase)
	ins.Plan = d.planned(dsar.Erasure).Plan
	turns := d.run(ins, between)
	last := turns[len(turns)-1]
	if last.Status != engine.Finished || last.Outcome != dsar.Erased {
		d.t.Fatalf("the erasure ends %s with %s: %s", last.Status, last.Outcome, last.Reason)
	}
	for object, want := range map[string]int{"contacts": 1, "tickets": 3, "notes": 3} {
		if got := d.crm.Records(object); len(got) != want {
			d.t.Errorf("%d %s are left, want the %d of the other person", len(got), object, want)
		}
	}
	verify := d.instruct(dsar.VerifyAfter)
	verify.Right, verify.Plan = dsar.Erasure, last.Plan
	d.done(verify, dsar.Erased, d.never)
	return turns
}

func TestExampleErasesByAskingAgain(t *testing.T) {
	d := newDemo(t, crm.Config{JobTime: -1})
	waited := 0
	turns := d.erased(func(turn engine.Turn) {
		if turn.Status != engine.Waiting || turn.WaitSeconds != 2 || turn.FaultClass != "" {
			t.Fatalf("the turn ends %s with %d s (%s), want to wait for the job", turn.Status, turn.WaitSeconds, turn.FaultClass)
		}
		if waited++; waited == 3 {
			d.crm.RunJobs()
		}
	})
	if waited != 3 || len(turns) != 4 {
		t.Errorf("the job was waited for %d times in %d turns", waited, len(turns))
	}
	if n := requests(d.crm, "POST", "/erasures"); n != 1 {
		t.Errorf("%d jobs were started, want 1", n)
	}
}

func requests(s *crm.Server, method, path string) int {
	n := 0
	for _, e := range s.Audit() {
		if e.Method == method && e.Path == path {
			n++
		}
	}
	return n
}

func TestExampleErasesAndIsCalledBack(t *testing.T) {
	reported := make(chan struct{}, 1)
	url := callbackServer(t, reported)
	d := newDemo(t, crm.Config{JobTime: -1})
	d.url = url
	d.erased(func(turn engine.Turn) {
		if turn.Status != engine.System || turn.WaitSeconds != 60 {
			t.Fatalf("the turn ends %s with %d s, want the system to report", turn.Status, turn.WaitSeconds)
		}
		d.crm.RunJobs()
		select {
		case <-reported:
		case <-time.After(10 * time.Second):
			t.Fatal("the CRM does not report")
		}
	})
	if n := requests(d.crm, "GET", "/jobs/{job}"); n != 1 {
		t.Errorf("the job was asked for %d times, want once", n)
	}
}

func TestExampleStartsAForgottenJobAnew(t *testing.T) {
	d := newDemo(t, crm.Config{JobTime: -1})
	forgotten := false
	d.erased(func(engine.Turn) {
		if !forgotten {
			forgotten = true
			d.crm.SetHook(func(m crm.Moment) crm.Trouble {
				if m.Stage == crm.Arrived && m.Request.PathValue("job") != "" {
					d.crm.SetHook(nil)
					return crm.Trouble{Status: 404}
				}
				return crm.Trouble{}
			})
			return
		}
		d.crm.RunJobs()
	})
	if n := requests(d.crm, "POST", "/erasures"); n != 2 {
		t.Errorf("%d jobs were started, want a second for the forgotten one", n)
	}
}

func TestExampleDoesNotTakeAFailedJobForDone(t *testing.T) {
	d := newDemo(t, crm.Config{JobTime: -1})
	ins := d.instruct(dsar.Erase)
	ins.Plan = d.planned(dsar.Erasure).Plan
	turns := d.run(ins, func(engine.Turn) {
		d.crm.SetHook(func(m crm.Moment) crm.Trouble {
			if m.Request.PathValue("job") != "" {
				return crm.Trouble{Body: `{"job": "x", "state": "failed"}`}
			}
			return crm.Trouble{}
		})
	})
	last := turns[len(turns)-1]
	if last.Status != engine.Person || last.Outcome != dsar.NotDone || last.FaultClass != "conflict" {
		t.Errorf("a failed job ends %s with %s (%s)", last.Status, last.Outcome, last.FaultClass)
	}
}
