package connectortest

import (
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
)

func restrictCases() []Case {
	return []Case{{Group: "restrict", Name: "marks what can be marked", Right: connector.Restriction, run: marks}}
}

func marks(r *rig) {
	one := person{n: 1}
	r.seed(town(r, one, person{n: 2}))
	before := r.state()
	plan := r.plan(connector.Restriction, one)
	ins := r.instruct(restrict, one)
	ins.Plan = plan.Plan
	done := r.done(ins)
	customer := r.find("customer", one.id())
	r.changedTo(before, map[string]string{mapKey(customer): with(customer, map[string]connector.Value{"restricted": connector.Bool(true)})})
	if c := result(done, "customer"); c.Outcome != connector.Restricted || c.Records != 1 {
		r.Errorf("customer is reported as %q with %d records", c.Outcome, c.Records)
	}
	if c := result(done, "orders"); c.Outcome != connector.Unsupported {
		r.Errorf("a collection without a mark is reported as %q", c.Outcome)
	}
	r.wants(done, connector.Unsupported) // what cannot be marked must show
	if t := r.verified(connector.Restriction, one, done); t.Status != engine.Finished {
		r.Errorf("verification ends %s: %s", t.Status, t.Reason)
	}
}
