package functions_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// taxed is a shop that must keep invoices and tax numbers and holds the rest on consent.
const taxed = `dataset:
  - fides_key: shop
    collections:
      - name: customer
        habeas_meta: {legal_basis: consent, on_erase: mask}
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true, identity: customer_id}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
          - {name: tax, data_categories: [user.government_id], habeas_meta: {legal_basis: legal_obligation}}
      - name: invoices
        habeas_meta: {legal_basis: legal_obligation}
        fields:
          - {name: no, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - name: customer
            data_categories: [user.unique_id]
            fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}
`

// taxpayer is somebody of that shop, with an invoice.
func (r *rig) taxpayer() {
	r.t.Helper()
	r.register("shop", func(s *registry.System) { s.Rights, s.Dataset = changing, taxed })
	text := func(field, v string) connector.Field { return connector.Field{Name: field, Value: connector.Text(v)} }
	r.system.Put(
		&connector.Record{Collection: "customer", Key: connector.Key{connector.Text("c-1")}, Fields: []connector.Field{
			text("id", "c-1"), text("email", ada), text("name", "Ada"), text("tax", "T-17"),
		}},
		&connector.Record{Collection: "invoices", Key: connector.Key{connector.Text("i-1")}, Fields: []connector.Field{text("no", "i-1"), text("customer", "c-1")}},
	)
}

// value returns a field of a record, "" when it is gone.
func (r *rig) value(key, field string) string {
	r.t.Helper()
	for _, rec := range r.system.Records() {
		if v, ok := rec.Value(field); ok && rec.Key[0].RevealText() == key {
			return v.RevealText()
		}
	}
	return ""
}

func brazilian(o *casefile.Opening) { o.Country = "BR" }

func TestWhatTheLawKeepsStaysAndTheRestIsErased(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.taxpayer()
	c := r.opened(dsar.Erasure, brazilian)
	r.stops(c, "ReviewPlan")
	want := []casefile.Exemption{
		{System: "shop", Collection: "customer", Field: "tax", Citation: "LGPD Art. 16 I", Ground: "exemption:legal_obligation", ReviewBy: "2028-01-04"},
		{System: "shop", Collection: "invoices", Citation: "LGPD Art. 16 I", Ground: "exemption:legal_obligation", ReviewBy: "2028-01-04"},
	}
	if diff := cmp.Diff(want, r.one(c).Exemptions); diff != "" {
		t.Fatalf("the law keeps (-want +got):\n%s", diff)
	}
	r.approve(c)
	r.stops(c, "Closed")
	for field, want := range map[string]string{"name": "[erased]", "email": "[erased]", "tax": "T-17"} {
		if got := r.value("c-1", field); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if !r.holds("i-1") {
		t.Error("an invoice was erased that the law keeps")
	}
	act := r.task(c, "shop", dsar.Erase)
	if act.VerifiedAt.IsZero() || act.Outcome != dsar.Erased {
		t.Errorf("the act is %s, verified %s", act.Outcome, act.VerifiedAt)
	}
	letter := r.text(c, "done")
	for _, want := range []string{"customer: The law or a regulator orders us to keep it", "invoices: The law", "LGPD Art. 16 I"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter does not say %q:\n%s", want, letter)
		}
	}
	r.verified(c)
}

func TestAGroundOfTheLawCanBeLifted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.taxpayer()
	c := r.opened(dsar.Erasure, brazilian)
	r.stops(c, "ReviewPlan")
	r.change(c, func(f *casefile.File) error {
		return f.EditPlan("staff:02", f.Case.Plan.Hash, casefile.PlanEdit{Include: []casefile.Exemption{{System: "shop", Collection: "invoices"}}}, redact.NewText("older than ten years"))
	})
	r.drain()
	r.stops(c, "ReviewPlan")
	one := r.one(c)
	if held := one.Exempted("shop"); len(held) != 1 || held[0].Collection != "customer" || len(one.Exemptions) != 2 {
		t.Fatalf("after one ground was lifted there are %+v", one.Exemptions)
	}
	r.change(c, func(f *casefile.File) error {
		return f.DecidePlan("staff:03", casefile.Approve, f.Case.Plan.Hash, redact.Text{})
	})
	r.drain()
	r.stops(c, "Closed")
	if r.holds("i-1") || r.value("c-1", "tax") != "T-17" {
		t.Errorf("the invoice is there: %t, the tax number is %q", r.holds("i-1"), r.value("c-1", "tax"))
	}
	r.verified(c)
}

func TestExemptionsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.taxpayer()
	c := r.opened(dsar.Erasure, brazilian)
	r.stops(c, "ReviewPlan")
	listed := func(until string) int {
		t.Helper()
		list, _, err := r.set.Cases.ExemptedCases(t.Context(), tenant, until, 10, "")
		r.ok(err)
		return len(list)
	}
	if n := listed(""); n != 0 {
		t.Errorf("%d open cases are to be looked at again", n)
	}
	r.approve(c)
	r.stops(c, "Closed")
	if a, b := listed("2028-01-03"), listed("2028-01-04"); a != 0 || b != 1 {
		t.Fatalf("the day before %d cases are due, on the day %d", a, b)
	}
	invoices := casefile.Review{System: "shop", Collection: "invoices", Reason: redact.NewText("ten years")}
	for name, edit := range map[string]func(*casefile.Review){
		"no reason":       func(v *casefile.Review) { v.Reason = redact.Text{} },
		"no such":         func(v *casefile.Review) { v.Collection = "orders" },
		"no day":          func(v *casefile.Review) { v.Keep = true },
		"a day that past": func(v *casefile.Review) { v.Keep, v.Until = true, "2027-01-04" },
	} {
		bad := invoices
		edit(&bad)
		if err := r.load(c).ReviewExemption("staff:02", bad); err == nil {
			t.Errorf("%s: it was reviewed", name)
		}
	}
	keep := invoices
	keep.Keep, keep.Until = true, "2029-06-30"
	r.change(c, func(f *casefile.File) error { return f.ReviewExemption("staff:02", keep) })
	if one := r.one(c); one.ReviewBy != "2028-01-04" || one.Exemptions[1].ReviewBy != "2029-06-30" || one.Open() {
		t.Fatalf("kept longer, the case is %s, due %s with %+v", one.Status, one.ReviewBy, one.Exemptions)
	}
	r.change(c, func(f *casefile.File) error { return f.ReviewExemption("staff:02", invoices) })
	r.drain()
	if one := r.one(c); !one.Open() || one.ReviewBy != "" || listed("") != 0 {
		t.Fatalf("lifted, the case is %s, due %q", one.Status, one.ReviewBy)
	}
	r.stops(c, "ReviewPlan")
	r.change(c, func(f *casefile.File) error {
		return f.DecidePlan("staff:03", casefile.Approve, f.Case.Plan.Hash, redact.Text{})
	})
	r.drain()
	r.stops(c, "Closed")
	if r.holds("i-1") || r.value("c-1", "tax") != "T-17" || listed("2028-01-04") != 1 {
		t.Errorf("the invoice is there: %t, the tax number is %q, %d cases are due", r.holds("i-1"), r.value("c-1", "tax"), listed("2028-01-04"))
	}
	r.verified(c)
}

func TestAPortableCopyHoldsWhatWasProvided(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.taxpayer()
	c := r.opened(dsar.Portability)
	r.stops(c, "Closed")
	left := r.one(c).Exemptions
	for _, x := range left {
		if x.Ground != "not_eligible" || x.Collection != "invoices" && x.Field != "tax" {
			t.Errorf("the copy leaves out %+v", x)
		}
	}
	if len(left) != 2 {
		t.Fatalf("the copy leaves out %+v, want the tax number and the invoices", left)
	}
}
