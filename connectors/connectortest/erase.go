package connectortest

import (
	"context"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
)

func eraseCases() []Case {
	const g = "erase"
	return []Case{
		{Group: g, Name: "every planned record, nobody else's", Right: connector.Erasure, run: erasesOne},
		{Group: g, Name: "only what the rules say", Right: connector.Erasure, run: plansByTheRules},
		{Group: g, Name: "many batches", Right: connector.Erasure, run: erasesManyBatches},
		{Group: g, Name: "a shared row stays", Right: connector.Erasure, run: keepsSharedRow},
		{Group: g, Name: "repeating has the same receipt", Right: connector.Erasure, run: erasesOnce},
		{Group: g, Name: "parent deleted behind our back", Right: connector.Erasure, run: parentIsGone},
		{Group: g, Name: "partial failure resumes", Right: connector.Erasure, Fault: ServerError, run: resumesAfterFailure},
		{Group: g, Name: "killed between delete and record", Right: connector.Erasure, run: killedBeforeRecord},
		{Group: g, Name: "answer lost", Right: connector.Erasure, Fault: LostAnswer, run: answerLost},
		{Group: g, Name: "verification finds what came back", Right: connector.Erasure, run: findsWhatCameBack},
		{Group: g, Name: "ambiguous person", Right: connector.Erasure, run: erasesNobodyAmbiguous},
	}
}

// erasureOf returns what erasing a person does to the seeded system.
func (r *rig) erasureOf(p person) map[string]string {
	r.Helper()
	changes := map[string]string{}
	for _, rec := range r.owned(p) {
		switch rec.Collection {
		case "invoice":
		case "newsletter":
			changes[mapKey(rec)] = with(rec, map[string]connector.Value{"email": connector.Text("[erased]"), "nickname": connector.Null()})
		default:
			changes[mapKey(rec)] = ""
		}
	}
	return changes
}

// erase runs the task of an approved plan.
func (r *rig) erase(p person, plan engine.Turn) engine.Turn {
	r.Helper()
	ins := r.instruct(erase, p)
	ins.Plan = plan.Plan
	return r.settle(ins)
}

func erasesOne(r *rig) {
	one := person{n: 1, logins: 5}
	r.seed(town(r, one, person{n: 2, logins: 5}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	done := r.erase(one, plan)
	r.wants(done, connector.Erased)
	r.changedTo(before, r.erasureOf(one))
	if c := result(done, "login"); c.Outcome != connector.Erased || c.Records != 6 {
		r.Errorf("login is reported as %q with %d records, want 6 erased", c.Outcome, c.Records)
	}
	if c := result(done, "invoice"); c.Outcome != connector.Retained || c.Because != connector.BecauseKeep || c.Note == "" {
		r.Errorf("what is kept is reported as %+v", c)
	}
	if c := result(done, "employee"); c.Outcome != connector.NothingHeld {
		r.Errorf("a collection without records is reported as %q", c.Outcome)
	}
	t := r.verified(connector.Erasure, one, done)
	if t.Status != engine.Finished {
		r.Errorf("verification ends %s: %s", t.Status, t.Reason)
	}
	r.wants(t, connector.Erased)
}

func plansByTheRules(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	got := map[string]int{}
	for _, c := range plan.Plan.Counts {
		got[c.Collection+" "+string(c.Action)] = c.Records
	}
	for what, n := range map[string]int{
		"customer delete": 1, "address delete": 2, "orders delete": 2, "order_item delete": 3, "review delete": 1, "parcel delete": 2,
		"login delete": 1, "invoice keep": 1, "newsletter mask": 1, "newsletter null": 1, "ticket delete": 3, "consent delete": 1,
	} {
		if got[what] != n {
			r.Errorf("the plan counts %d for %s, want %d", got[what], what, n)
		}
		delete(got, what)
	}
	if len(got) > 0 {
		r.Errorf("the plan also counts %v", got)
	}
}

func erasesManyBatches(r *rig) {
	batch := 0
	r.seed(town(r, person{n: 1}))
	batch = r.conn.Describe().Limits.WithDefaults().BatchChange
	one := person{n: 1, logins: 2*batch + 3}
	w := town(r, one, person{n: 2, logins: 4})
	_ = r.conn.Close()
	r.engine(func(c *engine.Config) { c.TurnRecords, c.SpoolBytes = 1, 2000 })
	r.seed(w)
	before := r.state()
	done := r.erase(one, r.plan(connector.Erasure, one))
	r.wants(done, connector.Erased)
	r.changedTo(before, r.erasureOf(one))
}

func keepsSharedRow(r *rig) {
	one, two := person{n: 1}, person{n: 2}
	w := town(r, one, two)
	w.Records = append(w.Records, rec(r, w.Dataset, "orders", "ord-shared", two.id(), 1001, "to the same street", nil))
	r.seed(w)
	before := r.state()
	done := r.erase(one, r.plan(connector.Erasure, one))
	want := r.erasureOf(one)
	delete(want, "address/1001")
	r.changedTo(before, want)
	kept := false
	for _, c := range done.Collections {
		kept = kept || c.Collection == "address" && c.Outcome == connector.Retained && c.Records == 1
	}
	if !kept {
		r.Errorf("the shared address is not reported as retained: %+v", done.Collections)
	}
}

func erasesOnce(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	first := r.erase(one, plan)
	after := r.state()
	again := r.erase(one, plan)
	r.wants(again, connector.Erased)
	r.changedTo(after, nil)
	if first.Receipt == "" || first.Receipt != again.Receipt {
		r.Error("a repeated erasure has another receipt")
	}
	recovered := false
	for _, c := range again.Collections {
		recovered = recovered || strings.Contains(c.Note, "recovered")
	}
	if !recovered {
		r.Error("records that were gone before are not reported as recovered")
	}
}

// reseed replaces what the system holds behind the connector's back.
func (r *rig) reseed(keep func(*connector.Record) bool, more ...*connector.Record) {
	r.Helper()
	w := World{Dataset: r.world.Dataset, Records: more}
	for _, rec := range r.h.Dump(r) {
		if keep(rec) {
			w.Records = append(w.Records, rec)
		}
	}
	r.h.Seed(r, w)
}

func everything(*connector.Record) bool { return true }

func parentIsGone(r *rig) {
	one := person{n: 1, logins: 2}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	r.reseed(func(rec *connector.Record) bool {
		return mapKey(rec) != mapKey(r.find("customer", one.id())) && mapKey(rec) != "orders/ord-1-1"
	})
	done := r.erase(one, plan)
	r.wants(done, connector.Erased)
	r.changedTo(before, r.erasureOf(one))
	if t := r.verified(connector.Erasure, one, done); t.Status != engine.Finished {
		r.Errorf("verification ends %s: %s", t.Status, t.Reason)
	}
}

func resumesAfterFailure(r *rig) {
	one := person{n: 1, logins: 4}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	ins := r.instruct(erase, one)
	ins.Plan = plan.Plan
	failed := false
	for skip := 0; ; skip++ {
		// A longer and longer stretch of requests succeeds; then the system is gone for longer than a turn's patience.
		r.h.Fault(r, Fault{Kind: ServerError, Skip: skip, Times: 20})
		t, err := r.turn(context.Background(), ins)
		r.h.Fault(r, Fault{})
		if err != nil {
			r.Fatalf("a turn failed: %v", err)
		}
		if t.Status == engine.Finished {
			r.wants(t, connector.Erased)
			break
		}
		failed = true
		if t.Status != engine.Waiting || t.FaultClass != "unavailable" || t.WaitSeconds < 1 || t.Reason == "" {
			r.Fatalf("an unavailable system gives a turn that ends %s (%s, %d s, %q)", t.Status, t.FaultClass, t.WaitSeconds, t.Reason)
		}
		ins.State = t.State
		if skip > 300 {
			r.Fatal("the erasure does not end")
		}
	}
	if !failed {
		r.Fatal("no turn failed: the harness's fault has no effect")
	}
	r.changedTo(before, r.erasureOf(one))
}

func killedBeforeRecord(r *rig) {
	one := person{n: 1, logins: 4}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	ins := r.instruct(erase, one)
	ins.Plan = r.plan(connector.Erasure, one).Plan
	if t, err := r.turn(context.Background(), ins); err != nil || t.Status != engine.Finished {
		r.Fatalf("the first run ends %s, %v", t.Status, err)
	}
	// The process died before it could record that turn: the same turn runs again, from the same state.
	t, err := r.turn(context.Background(), ins)
	if err != nil || t.Status != engine.Finished {
		r.Fatalf("the second run ends %s, %v", t.Status, err)
	}
	r.wants(t, connector.Erased)
	if c := result(t, "login"); c.Records != 5 || c.Outcome != connector.Erased {
		r.Errorf("login is reported as %q with %d records, want 5 erased", c.Outcome, c.Records)
	}
	r.changedTo(before, r.erasureOf(one))
}

func answerLost(r *rig) {
	one := person{n: 1, logins: 4}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	r.h.Fault(r, Fault{Kind: LostAnswer, Times: 1})
	done := r.erase(one, plan)
	r.h.Fault(r, Fault{})
	r.wants(done, connector.Erased)
	r.changedTo(before, r.erasureOf(one))
}

func findsWhatCameBack(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one))
	done := r.erase(one, r.plan(connector.Erasure, one))
	r.reseed(everything, r.find("login", 0))
	t := r.verified(connector.Erasure, one, done)
	if t.Status != engine.Person || t.Outcome != connector.NotDone {
		r.Errorf("verification with an erased record back ends %s with %q", t.Status, t.Outcome)
	}
	// Outside the plan: a customer row that was not there when the plan was made.
	r.reseed(func(rec *connector.Record) bool { return rec.Collection != "login" },
		rec(r, r.world.Dataset, "consent", 4242, one.email(), "app"))
	t = r.verified(connector.Erasure, one, done)
	if t.Status != engine.Person || t.Outcome != connector.NotDone {
		r.Errorf("verification with a new record ends %s with %q", t.Status, t.Outcome)
	}
}

func erasesNobodyAmbiguous(r *rig) {
	w := town(r, person{n: 1}, person{n: 2})
	w.Records = append(w.Records, rec(r, w.Dataset, "customer", 5000, person{n: 1}.email(), "", "Another", "x", nil, false, nil))
	r.seed(w)
	ins := r.instruct(dryRun, person{n: 1})
	ins.Right, ins.Found = connector.Erasure, nil
	r.ambiguous(ins)
}
