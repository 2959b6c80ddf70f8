package grounds_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/grounds"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

const shop = `
dataset:
  - fides_key: shop
    collections:
      - name: customers
        habeas_meta: {legal_basis: contract, on_erase: mask}
        fields:
          - {name: id, fides_meta: {primary_key: true}, data_categories: [user.unique_id]}
          - {name: name, data_categories: [user.name]}
          - {name: newsletter, data_categories: [user.behavior], habeas_meta: {legal_basis: consent}}
          - {name: tax_number, data_categories: [user.government_id], habeas_meta: {legal_basis: legal_obligation}}
          - name: profile
            habeas_meta: {inferred: true}
            fields:
              - {name: score, data_categories: [user.behavior]}
      - name: invoices
        habeas_meta: {legal_basis: legal_obligation}
        fields:
          - {name: id, fides_meta: {primary_key: true}, data_categories: [user.unique_id]}
          - {name: amount, data_categories: [user.financial]}
      - name: staff
        habeas_meta: {legal_basis: contract, subject_type: employee}
        fields: [{name: id, fides_meta: {primary_key: true}, data_categories: [user.unique_id]}, {name: name, data_categories: [user.name]}]
      - name: notes
        fields: [{name: text, data_categories: [user.content]}]
      - name: catalogue
        habeas_meta: {legal_basis: legal_obligation}
        fields: [{name: title, data_categories: [system.operations]}]
`

func data(t *testing.T) *connector.Dataset {
	t.Helper()
	l, err := datamap.Load([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	return l.Datasets[0]
}

// law is a law that grants erasure, access and portability, with the rows of the test.
func law(id policy.ID, edit func(*policy.Pack)) policy.Pack {
	p := policy.Pack{
		ID: id, Short: string(id), Law: "The law of " + string(id), Rights: map[dsar.Right]policy.Level{dsar.Erasure: policy.Full, dsar.Access: policy.Full, dsar.Portability: policy.Full},
		Response: policy.Response{Default: policy.Period{Value: 1, Unit: policy.CalendarMonths, Basis: "s. 1"}},
	}
	if edit != nil {
		edit(&p)
	}
	return p
}

var tax = policy.Exemption{
	ID: "legal_obligation", Rights: []dsar.Right{dsar.Erasure}, Bases: []policy.LegalBasis{policy.LegalObligation}, ReviewMonths: 24, Basis: "s. 17(3)(b)",
	Text: policy.Words{"en": "The law obliges us to keep it.", "de": "Wir müssen es aufbewahren."},
}

func taxing(p *policy.Pack) { p.Exemptions = []policy.Exemption{tax} }

func portable(p *policy.Pack) {
	p.Eligibility = []policy.Eligibility{
		{Right: dsar.Portability, Inferred: true, Grant: policy.NotGranted, Why: "It was not provided.", Basis: "s. 20(1)"},
		{Right: dsar.Portability, Bases: []policy.LegalBasis{policy.Consent, policy.Contract}, Grant: policy.Granted, Why: "It was provided.", Basis: "s. 20(1)(a)"},
		{Right: dsar.Portability, Grant: policy.NotGranted, Why: "It rests on something else.", Basis: "s. 20(1)(a)"},
	}
}

func noStaff(p *policy.Pack) {
	p.Eligibility = []policy.Eligibility{{Right: dsar.Erasure, Subjects: []policy.SubjectType{policy.Employee}, Grant: policy.NotGranted, Why: "No employees.", Basis: "s. 2"}}
}

func TestFor(t *testing.T) {
	plain := law("plain", nil)
	for name, c := range map[string]struct {
		laws  []policy.Pack
		right dsar.Right
		want  []string
	}{
		"a law that exempts nothing":      {[]policy.Pack{plain}, dsar.Erasure, nil},
		"fields and collections":          {[]policy.Pack{law("a", taxing)}, dsar.Erasure, []string{"customers.tax_number: exemption:legal_obligation", "invoices: exemption:legal_obligation"}},
		"an exemption from another right": {[]policy.Pack{law("a", taxing)}, dsar.Access, nil},
		"portable data":                   {[]policy.Pack{law("a", portable)}, dsar.Portability, []string{"customers.tax_number: not_eligible", "customers.profile.score: not_eligible", "invoices: not_eligible"}},
		"people the law is not about":     {[]policy.Pack{law("a", noStaff)}, dsar.Erasure, []string{"staff: not_eligible"}},
		"another law that reaches it":     {[]policy.Pack{law("a", taxing), plain}, dsar.Erasure, nil},
		"another law that agrees":         {[]policy.Pack{law("a", taxing), law("b", taxing)}, dsar.Erasure, []string{"customers.tax_number: exemption:legal_obligation", "invoices: exemption:legal_obligation"}},
		"another law without the right": {
			[]policy.Pack{law("a", taxing), law("b", func(p *policy.Pack) { p.Rights = nil })},
			dsar.Erasure,
			[]string{"customers.tax_number: exemption:legal_obligation", "invoices: exemption:legal_obligation"},
		},
		"a right that the law does not know": {[]policy.Pack{law("a", func(p *policy.Pack) { p.Rights = nil })}, dsar.Erasure, nil},
		"no law":                             {nil, dsar.Erasure, nil},
	} {
		var got []string
		for _, k := range grounds.For(c.laws, c.right, civil.Date{}, data(t)) {
			at := k.Collection
			if k.Field != "" {
				at += "." + k.Field
			}
			got = append(got, at+": "+k.Ground)
			if k.Citation == "" {
				t.Errorf("%s: %s is kept without a citation", name, at)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if kept := grounds.For([]policy.Pack{law("a", taxing)}, dsar.Erasure, civil.Date{}, nil); kept != nil {
		t.Errorf("a system without a data map keeps %v", kept)
	}
}

func TestWeighs(t *testing.T) {
	weighing := law("a", func(p *policy.Pack) {
		p.Eligibility = []policy.Eligibility{{Right: dsar.Erasure, Bases: []policy.LegalBasis{policy.Consent}, Grant: policy.Weigh, Why: "Who knows.", Basis: "s. 3"}}
	})
	for _, c := range []struct {
		laws  []policy.Pack
		right dsar.Right
		want  bool
	}{{[]policy.Pack{weighing}, dsar.Erasure, true}, {[]policy.Pack{law("b", taxing), weighing}, dsar.Erasure, true}, {[]policy.Pack{weighing}, dsar.Access, false}, {[]policy.Pack{law("b", taxing)}, dsar.Erasure, false}} {
		if got := grounds.Weighs(c.laws, c.right, civil.Date{}, data(t)); got != c.want {
			t.Errorf("%s weighs %s: %t", c.laws[0].ID, c.right, got)
		}
	}
	if grounds.Weighs([]policy.Pack{weighing}, dsar.Erasure, civil.Date{}, nil) {
		t.Error("something is weighed in a system without a data map")
	}
}

func TestExemptionsAreReviewedAndExplained(t *testing.T) {
	today, err := civil.Parse("2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	pack := law("a", func(p *policy.Pack) { taxing(p); noStaff(p) })
	got := grounds.Exemptions(pack, "shop", grounds.For([]policy.Pack{pack}, dsar.Erasure, civil.Date{}, data(t)), today)
	want := []casefile.Exemption{
		{System: "shop", Collection: "customers", Field: "tax_number", Citation: "s. 17(3)(b)", Ground: "exemption:legal_obligation", ReviewBy: "2029-01-31"},
		{System: "shop", Collection: "invoices", Citation: "s. 17(3)(b)", Ground: "exemption:legal_obligation", ReviewBy: "2029-01-31"},
		{System: "shop", Collection: "staff", Citation: "s. 2", Ground: "not_eligible", ReviewBy: "2028-01-31"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("exemptions (-want +got):\n%s", diff)
	}
	for language, words := range map[string][]string{"de": {"Wir müssen es aufbewahren.", "No employees."}, "fr": {"The law obliges us to keep it.", "No employees."}} {
		if said := []string{grounds.Words(pack, got[1], language), grounds.Words(pack, got[2], language)}; !cmp.Equal(said, words) {
			t.Errorf("%s: %q", language, said)
		}
	}
	if said := grounds.Words(pack, casefile.Exemption{Citation: "s. 9"}, "en"); said != "s. 9" {
		t.Errorf("a ground without words: %q", said)
	}
}
