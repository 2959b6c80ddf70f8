package pages

import (
	"io"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/verification"
)

func provePages() map[string]page {
	detail := PortalProve{
		Frame: testFrame(), Form: Form{Action: "/t/default/requests/7K3QX-9M2DA/prove"}, Reference: "7K3QX-9M2DA", Right: dsar.Access, Item: verification.DataPoint, Detail: "postcode",
		Why: "Somebody else could read your mail. A detail that we hold about you makes us surer that the copy goes to you.", Basis: "11 CCR 7062(c)", Open: 3,
		CannotURL: "/t/default/requests/7K3QX-9M2DA/prove?cannot=1", BackURL: "/t/default/requests/7K3QX-9M2DA",
	}
	again := detail
	again.Detail, again.Again, again.Left, again.Open, again.Errors = "loyalty_card", true, 2, 1, testErrors("detail", Missing)
	declare, document := detail, detail
	declare.Item, declare.Open, declare.Errors = verification.Declaration, 1, testErrors("name", Missing)
	document.Item, document.Open, document.CannotURL, document.Errors, document.Why = verification.Document, 1, "", testErrors("file", BadKind), "We have reasonable doubts about who asks."
	cannot := PortalCannot{Frame: testFrame(), Form: detail.Form, Reference: "7K3QX-9M2DA", Right: dsar.Access, Less: true, BackURL: detail.Form.Action}
	refused := cannot
	refused.Right, refused.Less = dsar.Erasure, false
	proof := ConsoleProof{
		ConsoleFrame: testConsoleFrame(SectionCases), Reference: "7K3QX-9M2DA", Right: dsar.Access, Wanted: 3, Tier: "specific_pieces", Short: true, Items: []ProofItem{
			{What: verification.MailedCode, Why: detail.Why, Basis: "11 CCR 7060", Result: verification.Given},
			{What: verification.DataPoint, Of: "postcode", Why: detail.Why, Basis: "11 CCR 7062(c)", Result: verification.Differs},
			{What: verification.Mandate, Needs: []string{"death_certificate", "letter_of_wishes"}, Why: "You ask for somebody else.", Basis: "PIPL Art. 49"},
		},
		Requester: &ProofRequester{Kind: "heir", Evidence: []string{"death_certificate", "proof_of_relation"}, Basis: "PIPL Art. 49", Note: "Close relatives.", Mandate: "I am <her> son."},
		Form:      Form{Action: "/console/cases/x/proof", Hidden: []Hidden{{"once", "1"}}}, MayVouch: true, Methods: ProofMethods(), MayMandate: true, MayAsk: true, BackURL: "/console/cases/x", Errors: testErrors("reason", Missing),
	}
	sent := proof
	sent.Requester, sent.MayMandate, sent.MayVouch, sent.MayAsk, sent.Forbidden, sent.Errors, sent.Less = nil, false, false, false, true, nil, true
	sent.Document = &ProofDocument{SentAt: at(12, 9, 10, 0), DeleteBy: at(12, 23, 10, 0)}
	sent.MayLook, sent.LookURL, sent.MayDecide, sent.Reached, sent.Staff, sent.Method, sent.Proved = true, "/console/cases/x/identity-document", true, verification.High, "Jo Park", "account", at(12, 9, 11, 0)
	gone := sent
	gone.Document = &ProofDocument{SentAt: at(12, 9, 10, 0), DecidedAt: at(12, 9, 11, 0), GoneAt: at(12, 9, 11, 0), Accepted: true, Method: "name compared"}
	gone.Items, gone.MayLook, gone.MayDecide = nil, false, false
	agent := gone
	agent.Requester, agent.Document = &ProofRequester{Kind: "agent", Direct: true, Decision: "approve"}, nil
	return map[string]page{
		"console-proof":            func(r *Renderer, w io.Writer) error { return r.ConsoleProof(w, proof) },
		"console-proof-document":   func(r *Renderer, w io.Writer) error { return r.ConsoleProof(w, sent) },
		"console-proof-gone":       func(r *Renderer, w io.Writer) error { return r.ConsoleProof(w, gone) },
		"console-proof-agent":      func(r *Renderer, w io.Writer) error { return r.ConsoleProof(w, agent) },
		"portal-prove":             func(r *Renderer, w io.Writer) error { return r.PortalProve(w, detail) },
		"portal-prove-again":       func(r *Renderer, w io.Writer) error { return r.PortalProve(w, again) },
		"portal-prove-declaration": func(r *Renderer, w io.Writer) error { return r.PortalProve(w, declare) },
		"portal-prove-document":    func(r *Renderer, w io.Writer) error { return r.PortalProve(w, document) },
		"portal-cannot":            func(r *Renderer, w io.Writer) error { return r.PortalCannot(w, cannot) },
		"portal-cannot-refused":    func(r *Renderer, w io.Writer) error { return r.PortalCannot(w, refused) },
	}
}
