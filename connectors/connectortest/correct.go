package connectortest

import (
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
)

func correctCases() []Case {
	const g = "correct"
	return []Case{
		{Group: g, Name: "only the named fields", Right: connector.Correction, run: correctsNamedFields},
		{Group: g, Name: "repeating is a no-op with the same receipt", Right: connector.Correction, run: correctsOnce},
		{Group: g, Name: "a shared row stays", Right: connector.Correction, run: correctsNoSharedRow},
		{Group: g, Name: "verification finds what was changed back", Right: connector.Correction, run: findsWhatWasChangedBack},
	}
}

// corrected runs plan, change and verification of a correction.
func (r *rig) corrected(p person, fields ...engine.Correction) (plan, done engine.Turn) {
	r.Helper()
	plan = r.plan(connector.Correction, p, fields...)
	ins := r.instruct(correct, p)
	ins.Plan, ins.Corrections = plan.Plan, fields
	return plan, r.done(ins)
}

// find returns the seeded record of a collection with a key of one part.
func (r *rig) find(collection string, key any) *connector.Record {
	r.Helper()
	for _, rec := range r.world.Records {
		if rec.Collection == collection && connector.SameValue(rec.Key[0], value(r, key)) {
			return rec
		}
	}
	r.Fatalf("the suite looks for a %s it did not seed", collection)
	return nil
}

func correctsNamedFields(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	fields := []engine.Correction{correction("customer.name", "New Name"), correction("user.contact.address.city", "Newtown")}
	plan, done := r.corrected(one, fields...)
	if len(plan.Plan.Counts) != 1 || plan.Plan.Counts[0].Action != connector.ActSet || plan.Plan.Counts[0].Records != 1 {
		r.Errorf("the plan is %+v, want one record to set", plan.Plan.Counts)
	}
	r.wants(done, connector.Corrected)
	customer := r.find("customer", one.id())
	r.changedTo(before, map[string]string{mapKey(customer): with(customer, map[string]connector.Value{
		"name": connector.Text("New Name"), "city": connector.Text("Newtown"),
	})})
	t := r.verified(connector.Correction, one, done, fields...)
	if t.Status != engine.Finished {
		r.Errorf("verification ends %s: %s", t.Status, t.Reason)
	}
	r.wants(t, connector.Corrected)
}

func correctsOnce(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	field := correction("customer.name", "New Name")
	plan, first := r.corrected(one, field)
	after := r.state()
	ins := r.instruct(correct, one)
	ins.Plan, ins.Corrections = plan.Plan, []engine.Correction{field}
	again := r.done(ins)
	r.wants(again, connector.Corrected)
	r.changedTo(after, nil)
	if first.Receipt == "" || first.Receipt != again.Receipt {
		r.Error("a repeated correction has another receipt")
	}
}

func correctsNoSharedRow(r *rig) {
	one, two := person{n: 1}, person{n: 2}
	w := town(r, one, two)
	ds := w.Dataset
	w.Records = append(w.Records, rec(r, ds, "orders", "ord-shared", two.id(), 1001, "to the same street", nil))
	r.seed(w)
	before := r.state()
	_, done := r.corrected(one, correction("address.street", "New Street"))
	shared, own := r.find("address", 1001), r.find("address", 1002)
	r.changedTo(before, map[string]string{
		mapKey(own): with(own, map[string]connector.Value{"street": connector.Text("New Street")}),
	})
	if c := result(done, "address"); c.Outcome == connector.NothingHeld {
		r.Errorf("the shared %s is reported as %q", shared.Collection, c.Outcome)
	}
}

func findsWhatWasChangedBack(r *rig) {
	one := person{n: 1}
	w := town(r, one)
	r.seed(w)
	field := correction("customer.name", "New Name")
	_, done := r.corrected(one, field)
	r.h.Seed(r, w) // a restored backup
	t := r.verified(connector.Correction, one, done, field)
	if t.Status != engine.Person || t.Outcome != connector.NotDone {
		r.Errorf("verification of a lost correction ends %s with %q", t.Status, t.Outcome)
	}
}
