package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

func exemptionPages() map[string]page {
	list := ConsoleExemptions{
		ConsoleFrame: testConsoleFrame(SectionHolds), OtherURL: "/console/exemptions?all=true", Paging: Paging{Next: "/console/exemptions?cursor=x"},
		Rows: []ExemptionsRow{
			{Reference: "7K3QX-9M2DA", URL: "/console/cases/1/exemptions", Right: dsar.Erasure, ReviewBy: "2026-11-01", Overdue: true},
			{Reference: "8K3QX-9M2DA", URL: "/console/cases/2/exemptions", Right: dsar.Correction, ReviewBy: "2027-01-31"},
		},
	}
	all, none, noneDue := list, list, list
	all.All, none.All, none.Rows, noneDue.Rows = true, true, nil, nil
	one := ConsoleCaseExemptions{
		ConsoleFrame: testConsoleFrame(SectionHolds), Reference: "7K3QX-9M2DA", CaseURL: "/console/cases/1", BackURL: "/console/exemptions", Form: Form{Action: "/console/cases/1/exemptions"},
		Rows: []CaseExemption{
			{Value: "shop\x1finvoices\x1f", Name: "Shop, invoices", Why: "The law <obliges> us to keep it.", Citation: "GDPR Art. 17(3)(b)", ReviewBy: "2026-11-01", Overdue: true},
			{Value: "shop\x1fcustomers\x1ftax", Name: "Shop, customers, tax", Citation: "HGB s. 257", ReviewBy: "2027-01-31"},
		},
	}
	wrong, read := one, one
	wrong.Errors = Errors{{"target", NotAChoice}, {"reviewBy", NotADate}, {"reason", Missing}}
	wrong.Target, wrong.Lift, wrong.ReviewBy, wrong.Reason = "shop\x1finvoices\x1f", true, "soon", "x"
	read.Form, read.Rows = Form{}, nil
	law := ConsoleCaseLaw{
		ConsoleFrame: testConsoleFrame(SectionCases), Reference: "7K3QX-9M2DA", Law: "Example Act. We do not know in which country you live.", Pack: "uk", Reason: "Leeds",
		Choices: []LawChoice{{"eu", "European Union (GDPR)"}, {"uk", "United Kingdom (UK GDPR)"}}, Form: Form{Action: "/console/cases/1/law"}, BackURL: "/console/cases/1",
	}
	refused := law
	refused.Errors = Errors{{"pack", Refused}, {"reason", Missing}}
	return map[string]page{
		"console-exemptions":           func(r *Renderer, w io.Writer) error { return r.ConsoleExemptions(w, list) },
		"console-exemptions-all":       func(r *Renderer, w io.Writer) error { return r.ConsoleExemptions(w, all) },
		"console-exemptions-none":      func(r *Renderer, w io.Writer) error { return r.ConsoleExemptions(w, none) },
		"console-exemptions-none-due":  func(r *Renderer, w io.Writer) error { return r.ConsoleExemptions(w, noneDue) },
		"console-case-exemptions":      func(r *Renderer, w io.Writer) error { return r.ConsoleCaseExemptions(w, one) },
		"console-case-exemptions-bad":  func(r *Renderer, w io.Writer) error { return r.ConsoleCaseExemptions(w, wrong) },
		"console-case-exemptions-read": func(r *Renderer, w io.Writer) error { return r.ConsoleCaseExemptions(w, read) },
		"console-case-law":             func(r *Renderer, w io.Writer) error { return r.ConsoleCaseLaw(w, law) },
		"console-case-law-bad":         func(r *Renderer, w io.Writer) error { return r.ConsoleCaseLaw(w, refused) },
	}
}
