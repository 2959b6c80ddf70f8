package connectortest

import (
	"fmt"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func driftCases() []Case {
	const g = "drift"
	return []Case{
		{Group: g, Name: "growth within the limit", Right: connector.Erasure, run: growsWithin},
		{Group: g, Name: "growth beyond the limit", Right: connector.Erasure, run: growsBeyond},
		{Group: g, Name: "changed action", Right: connector.Erasure, run: changesAction},
		{Group: g, Name: "new collection", Right: connector.Erasure, run: newCollection},
		{Group: g, Name: "changed owner", Right: connector.Erasure, run: changesOwner},
		{Group: g, Name: "hold in the plan", Right: connector.Erasure, run: holdInPlan},
		{Group: g, Name: "hold placed after approval", Right: connector.Erasure, run: holdAfterApproval},
		{Group: g, Name: "hold placed between batches", Right: connector.Erasure, run: holdBetweenBatches},
		{Group: g, Name: "another plan than the approved one", Right: connector.Erasure, run: anotherPlan},
	}
}

// moreLogins returns login rows of a person beyond those seeded.
func (r *rig) moreLogins(p person, n int) []*connector.Record {
	r.Helper()
	var list []*connector.Record
	for i := range n {
		list = append(list, rec(r, r.world.Dataset, "login", 50_000_000+i, p.id(), "192.0.2.9"))
	}
	return list
}

// drifts checks that a change stops before it has done anything and asks a person.
func (r *rig) drifts(p person, plan engine.Turn) {
	r.Helper()
	before := r.state()
	t := r.erase(p, plan)
	if t.Status != engine.Person || t.Outcome != connector.NotDone || t.Reason == "" || t.FaultClass != "conflict" {
		r.Errorf("drift ends %s with %q (%s): %q", t.Status, t.Outcome, t.FaultClass, t.Reason)
	}
	r.changedTo(before, nil)
}

func growsWithin(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	r.reseed(everything, r.moreLogins(one, 20)...)
	done := r.erase(one, plan)
	r.wants(done, connector.Erased)
	r.changedTo(before, r.erasureOf(one))
	if t := r.verified(connector.Erasure, one, done); t.Status != engine.Finished {
		r.Errorf("verification ends %s: %s", t.Status, t.Reason)
	}
}

func growsBeyond(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	r.reseed(everything, r.moreLogins(one, 21)...)
	r.drifts(one, plan)
}

func changesAction(r *rig) {
	one, two := person{n: 1}, person{n: 2}
	r.seed(town(r, one, two))
	plan := r.plan(connector.Erasure, one)
	// The address is shared now: it may no longer be deleted.
	r.reseed(everything, rec(r, r.world.Dataset, "orders", "ord-late", two.id(), 1001, "", nil))
	r.drifts(one, plan)
}

func newCollection(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	r.reseed(func(rec *connector.Record) bool { return rec.Collection != "consent" })
	plan := r.plan(connector.Erasure, one)
	r.reseed(everything, rec(r, r.world.Dataset, "consent", 4242, one.email(), "app"))
	r.drifts(one, plan)
}

func changesOwner(r *rig) {
	one, two := person{n: 1, logins: 2}, person{n: 2}
	r.seed(town(r, one, two))
	plan := r.plan(connector.Erasure, one)
	moved := r.find("login", 0).Clone()
	moved.Fields[1].Value = connector.Int(int64(two.id()))
	r.reseed(func(rec *connector.Record) bool { return mapKey(rec) != mapKey(moved) }, moved)
	t := r.erase(one, plan)
	if t.Status != engine.Person || t.Outcome != connector.NotDone || t.Reason == "" {
		r.Errorf("a record of a new owner ends %s with %q: %q", t.Status, t.Outcome, t.Reason)
	}
	after := r.state()
	if after[mapKey(moved)] != canonical(moved) {
		r.Error("a record that belongs to somebody else now was touched")
	}
	for _, rec := range r.owned(two) {
		if after[mapKey(rec)] != canonical(rec) {
			r.Errorf("another person's %s was touched", rec.Collection)
		}
	}
}

func holdInPlan(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	r.gate = holding(engine.Hold{Collection: "customer", Keys: []redact.Text{redact.NewText("matter-1")}})
	before := r.state()
	plan := r.plan(connector.Erasure, one)
	found := false
	for _, c := range plan.Plan.Counts {
		found = found || c.Collection == "customer" && c.Action == connector.ActKeep && c.Because == connector.BecauseHold
	}
	if !found {
		r.Errorf("the held customer is not kept by the plan: %+v", plan.Plan.Counts)
	}
	done := r.erase(one, plan)
	if c := result(done, "customer"); c.Outcome != connector.Retained || c.Because != connector.BecauseHold {
		r.Errorf("the held customer is reported as %+v", c)
	}
	want := r.erasureOf(one)
	delete(want, mapKey(r.find("customer", one.id())))
	r.changedTo(before, want)
}

func holding(h ...engine.Hold) func() engine.Gate {
	return func() engine.Gate { return engine.Gate{Holds: h} }
}

func holdAfterApproval(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	r.gate = holding(engine.Hold{Keys: []redact.Text{redact.NewText("matter-1")}})
	r.drifts(one, plan)
	r.gate = holding(engine.Hold{}) // on everything
	r.drifts(one, plan)
}

func holdBetweenBatches(r *rig) {
	one := person{n: 1, logins: 3}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	before := r.state()
	asked := 0
	r.gate = func() engine.Gate {
		if asked++; asked > 3 { // planning asks once
			return engine.Gate{Holds: []engine.Hold{{}}}
		}
		return engine.Gate{}
	}
	t := r.erase(one, plan)
	if t.Status != engine.Person {
		r.Errorf("a hold between batches ends %s", t.Status)
	}
	after := r.state()
	if len(after) >= len(before) || len(after) <= len(before)-len(r.owned(one)) {
		r.Errorf("%d of %d records are there after a hold between batches", len(after), len(before))
	}
	r.gate = nil
	ins := r.instruct(erase, one)
	ins.Plan = plan.Plan
	r.wants(r.done(ins), connector.Erased)
	r.changedTo(before, r.erasureOf(one))
}

func anotherPlan(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	plan := r.plan(connector.Erasure, one)
	before := r.state()
	plan.Plan.Hash = fmt.Sprintf("%064x", 1)
	ins := r.instruct(erase, one)
	ins.Plan = plan.Plan
	if t, err := r.turn(r.Context(), ins); err == nil && t.Status == engine.Finished {
		r.Error("a plan with another hash than the approved one was carried out")
	}
	r.changedTo(before, nil)
}
