package plan_test

import (
	"testing"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/plan"
)

func sealed(t *testing.T, edit func(*plan.Plan)) string {
	t.Helper()
	p := plan.Plan{PreparedBy: "system", GrowthLimit: plan.DefaultGrowthLimit, Systems: []plan.System{
		{Name: "shop", Action: dsar.Erase, By: plan.Machine, Collections: []plan.Collection{{Name: "orders", Action: "delete", Records: 3}}},
		{Name: "archive", Action: dsar.Erase, By: plan.Person},
	}}
	edit(&p)
	if err := p.Seal(); err != nil {
		t.Fatal(err)
	}
	return p.Hash
}

func TestHashCoversWhatIsApproved(t *testing.T) {
	base := sealed(t, func(*plan.Plan) {})
	same := map[string]func(*plan.Plan){
		"order of systems": func(p *plan.Plan) { p.Systems[0], p.Systems[1] = p.Systems[1], p.Systems[0] },
		"who prepared it":  func(p *plan.Plan) { p.PreparedBy = "staff:1" },
	}
	for name, edit := range same {
		if sealed(t, edit) != base {
			t.Errorf("%s changes the hash", name)
		}
	}
	differ := map[string]func(*plan.Plan){
		"records":      func(p *plan.Plan) { p.Systems[0].Collections[0].Records = 4 },
		"action":       func(p *plan.Plan) { p.Systems[0].Collections[0].Action = "mask" },
		"list hash":    func(p *plan.Plan) { p.Systems[0].ListHash = "x" },
		"system":       func(p *plan.Plan) { p.Systems = p.Systems[:1] },
		"growth limit": func(p *plan.Plan) { p.GrowthLimit = 0.5 },
		"who acts":     func(p *plan.Plan) { p.Systems[1].By = plan.Machine },
	}
	for name, edit := range differ {
		if sealed(t, edit) == base {
			t.Errorf("%s does not change the hash", name)
		}
	}
}

func TestEveryRightHasAnAction(t *testing.T) {
	for _, r := range dsar.Rights() {
		if plan.ActionFor(r) == "" {
			t.Errorf("%s has no action", r)
		}
	}
}
