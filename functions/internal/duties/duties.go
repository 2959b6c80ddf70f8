// Package duties is what the law makes the team do on a case beside answering it: questions that may move the date, fees and claims
// with a second pair of eyes, appeals and complaints with their own clocks, answers in two steps. It joins the record (casefile), the
// law (policy, statute) and the letters in one change; the console and the portal call it and decide who may.
package duties

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Desk carries the duties out. It holds nothing of its own.
type Desk struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Packs    *policy.Set
	Letters  *correspondence.Writer
}

// law is what a duty on one case rests on.
type law struct {
	tenant registry.Tenant
	pack   policy.Pack
	rule   policy.Rule
	zone   *time.Location
}

// law reads the law of the case; fault.Conflict when it is not settled yet.
func (d *Desk) law(ctx context.Context, c *casefile.Case) (law, error) {
	tenant, err := d.Registry.Tenant(ctx, c.Tenant)
	if err != nil {
		return law{}, err
	}
	pack, err := statute.Law(c, d.Packs)
	if err != nil {
		return law{}, err
	}
	rule, err := statute.Rule(c, pack, tenant)
	if err != nil {
		return law{}, err
	}
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return law{}, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	return law{tenant, pack, rule, zone}, nil
}

// recount writes the dates anew after a change of what they depend on.
func (d *Desk) recount(c *casefile.Case, l law) error { return statute.Set(c, d.Packs, l.tenant) }

// reachable reports whether a letter to the person goes to an address that she proved.
func reachable(c *casefile.Case) bool { return !c.Verification.VerifiedAt.IsZero() && c.Law.Pack != "" }

// dated puts a date of its own, with its reason, into a letter.
func dated(l correspondence.Facts, due casefile.Due) {
	if due.At.IsZero() {
		l.Due, l.DueSteps = civil.Date{}, nil
		return
	}
	l.Due, l.DueSteps = l.Day(due.At), nil
	for n, s := range due.Steps {
		l.DueSteps = append(l.DueSteps, clock.Step{N: n + 1, Text: s.Text, Citation: s.Citation, Code: s.Code, Args: s.Args})
	}
}
