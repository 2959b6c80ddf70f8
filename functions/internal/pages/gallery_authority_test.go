package pages

import "io"

func authorityPages() map[string]page {
	frame := testConsoleFrame(SectionHolds)
	open := AuthorityRow{URL: "/console/authority-requests/1", State: "received", Kind: "voluntary", Country: "DE", ReceivedAt: at(12, 1, 9, 30), DueOn: "2026-12-09", Overdue: true}
	row := func(state, decision string) AuthorityRow {
		return AuthorityRow{URL: "/console/authority-requests/2", State: state, Kind: "binding", Country: "FR", ReceivedAt: at(12, 1, 9, 30), Decision: decision}
	}
	list := ConsoleAuthorities{
		ConsoleFrame: frame, TakeURL: "/console/take-authority-request", CSVURL: "/console/authority-requests/register", BackURL: "/console/holds",
		Rows: []AuthorityRow{open, row("approved", "narrow"), row("rejected", "reject"), row("disclosed", "approve"), row("closed", "approve")}, Paging: Paging{Next: "/console/authority-requests?cursor=x"},
	}
	none := ConsoleAuthorities{ConsoleFrame: frame, CSVURL: list.CSVURL, BackURL: list.BackURL}
	take := ConsoleTakeAuthority{ConsoleFrame: frame, Form: Form{Action: "/console/take-authority-request"}, BackURL: "/console/authority-requests"}
	wrong := take
	wrong.Authority, wrong.Country, wrong.LegalBasis, wrong.Scope, wrong.GagBasis = "Tax <Office>", "DEU", "AO s. 93", "</textarea>Orders", "AO s. 93"
	wrong.Errors = Errors{{"country", NotAllowed}, {"kind", NotAChoice}, {"gag", NotAllowed}, {"receivedAt", NotADate}}
	one := ConsoleAuthority{
		ConsoleFrame: frame, Row: open, ReceivedBy: "jo@shop.example.com", RevealForm: Form{Action: open.URL}, ReviewForm: Form{Action: open.URL + "/review"}, BackURL: "/console/authority-requests",
	}
	own, bad := one, one
	own.ReviewForm, own.Own, own.Based, own.Gag = Form{}, true, true, true
	bad.Decision, bad.Reason, bad.Errors = "approve", "The <law> allows it.", Errors{{"decision", NotAChoice}, {"citation", Missing}}
	approved := ConsoleAuthority{
		ConsoleFrame: frame, Row: row("approved", "narrow"), Based: true, ReceivedBy: "jo@shop.example.com", ReviewedBy: "kim@shop.example.com", ReviewedAt: at(12, 2, 9, 0),
		DiscloseForm: Form{Action: "/console/authority-requests/2/disclosure"}, Close: Form{Action: "/console/authority-requests/2/closure"}, BackURL: "/console/authority-requests",
		Details: &AuthorityDetails{Authority: "Tax <Office>", LegalBasis: "AO s. 93", Scope: "Orders of 2025", GagBasis: "AO s. 30", Reason: "Orders only.", Citation: "AO s. 93(1)"},
	}
	disclosed := approved
	disclosed.Row, disclosed.DiscloseForm, disclosed.Details = row("disclosed", "approve"), Form{}, nil
	disclosed.DisclosedBy, disclosed.DisclosedAt, disclosed.DisclosedRecords, disclosed.Errors = "jo@shop.example.com", at(12, 3, 9, 0), 2, Errors{{"whom", NotAChoice}}
	gagged := disclosed
	gagged.Gag, gagged.Errors, gagged.Whom, gagged.Day, gagged.Note = true, Errors{{"note", Missing}}, "subject", "2026-12-04", " "
	closed := disclosed
	closed.Row, closed.Close, closed.Errors = row("closed", "approve"), Form{}, nil
	closed.ClosedBy, closed.ClosedAt, closed.Told, closed.ToldAt = "jo@shop.example.com", at(12, 4, 9, 0), "subject", at(12, 4, 0, 0)
	closed.Details = &AuthorityDetails{Authority: "Tax Office", Scope: "Orders", What: "Two orders, by <courier>.", Note: "The secrecy ended."}
	silent := closed
	silent.Told, silent.Details = "", nil
	confirm := func(decision string, doubtful bool) page {
		m := ConsoleAuthorityConfirm{
			ConsoleFrame: frame, Decision: decision, Reason: "The <order> is in force.", Citation: "AO s. 93(1)", Doubtful: doubtful, BackURL: open.URL,
			Form: Form{Action: open.URL + "/review", Hidden: []Hidden{{"decision", decision}, {"confirmed", "yes"}}},
		}
		return func(r *Renderer, w io.Writer) error { return r.ConsoleAuthorityConfirm(w, m) }
	}
	show := func(m ConsoleAuthority) page {
		return func(r *Renderer, w io.Writer) error { return r.ConsoleAuthority(w, m) }
	}
	return map[string]page{
		"console-authorities":                func(r *Renderer, w io.Writer) error { return r.ConsoleAuthorities(w, list) },
		"console-authorities-none":           func(r *Renderer, w io.Writer) error { return r.ConsoleAuthorities(w, none) },
		"console-take-authority":             func(r *Renderer, w io.Writer) error { return r.ConsoleTakeAuthority(w, take) },
		"console-take-authority-errors":      func(r *Renderer, w io.Writer) error { return r.ConsoleTakeAuthority(w, wrong) },
		"console-authority":                  show(one),
		"console-authority-errors":           show(bad),
		"console-authority-own":              show(own),
		"console-authority-approved":         show(approved),
		"console-authority-disclosed":        show(disclosed),
		"console-authority-gagged":           show(gagged),
		"console-authority-closed":           show(closed),
		"console-authority-silent":           show(silent),
		"console-authority-confirm":          confirm("approve", false),
		"console-authority-confirm-narrow":   confirm("narrow", false),
		"console-authority-confirm-reject":   confirm("reject", true),
		"console-authority-confirm-doubtful": confirm("approve", true),
	}
}
