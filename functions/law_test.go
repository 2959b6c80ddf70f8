package functions_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// tenantAt changes the tenant of the rig.
func (r *rig) tenantAt(edit func(*registry.Tenant)) registry.Tenant {
	r.t.Helper()
	tn, err := r.set.Registry.Tenant(r.t.Context(), tenant)
	r.ok(err)
	edit(&tn)
	r.ok(r.set.Registry.PutTenant(r.t.Context(), tn))
	return tn
}

func (r *rig) correctLaw(c casefile.Case, tn registry.Tenant, id policy.ID, why string) (moved bool, err error) {
	r.t.Helper()
	packs, err := policy.Load()
	r.ok(err)
	allowed, err := r.set.Registry.Allowed(r.t.Context(), tn)
	r.ok(err)
	f := r.load(c)
	if moved, err = statute.Correct(f, packs, tn, allowed, id, "staff:02", redact.NewText(why)); err != nil {
		return moved, err
	}
	r.ok(r.set.Cases.Commit(r.t.Context(), f))
	r.drain()
	return moved, nil
}

func TestTheLawOfTheSeatAppliesBesideThatOfTheResidence(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.tenantAt(func(tn *registry.Tenant) { tn.Country = "GB" })
	r.register("shop")
	c := r.opened(dsar.Access, brazilian)
	law := r.one(c).Law
	if law.Pack != "br" || law.Assumption != "" || len(law.Also) != 1 || law.Also[0].Pack != "uk" || law.Also[0].Due == "" || !strings.Contains(law.Also[0].Why, "Art. 3(1)") {
		t.Fatalf("the laws are %+v", law)
	}
	if due := r.one(c).Due; due.Date != "2027-01-19" || law.Also[0].Due <= due.Date {
		t.Errorf("due %s, the law of the seat alone %s; 15 days after 4 January are the earliest", due.Date, law.Also[0].Due)
	}
}

func TestAnAssumedLawIsPutRight(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tn := r.tenantAt(func(*registry.Tenant) {})
	r.taxpayer()
	c := r.opened(dsar.Erasure, func(o *casefile.Opening) { o.Country = "" })
	r.stops(c, "ReviewPlan")
	one := r.one(c)
	if one.Law.Pack != "eu" || !strings.Contains(one.Law.Assumption, "GDPR") || one.Due.Date != "2027-02-04" {
		t.Fatalf("the law is %+v, due %s", one.Law, one.Due.Date)
	}
	hash := one.Plan.Hash
	for name, bad := range map[string]struct{ id, why string }{"no reason": {"br", ""}, "no such law": {"zz", "x"}, "a law to come": {"in", "x"}} {
		if _, err := r.correctLaw(c, tn, policy.ID(bad.id), bad.why); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	moved, err := r.correctLaw(c, tn, "br", "She wrote from Recife.")
	r.ok(err)
	one = r.one(c)
	if !moved || one.Law.Pack != "br" || one.Law.Assumption != "" || one.Due.Date != "2027-01-19" || one.ReceivedAt != c.ReceivedAt {
		t.Fatalf("put right, the law is %+v, due %s", one.Law, one.Due.Date)
	}
	r.stops(c, "ReviewPlan")
	if one = r.one(c); one.Plan.Hash == hash || !strings.HasPrefix(one.Exemptions[0].Citation, "LGPD") {
		t.Errorf("the plan is still that of the other law: %+v", one.Exemptions)
	}
	r.approve(c)
	r.stops(c, "Closed")
	if _, err := r.correctLaw(c, tn, "eu", "x"); !fault.Has(err, fault.Conflict) {
		t.Errorf("after the answer: %v, want conflict", err)
	}
	r.verified(c)
}
