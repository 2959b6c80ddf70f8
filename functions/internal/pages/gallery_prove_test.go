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
	return map[string]page{
		"portal-prove":             func(r *Renderer, w io.Writer) error { return r.PortalProve(w, detail) },
		"portal-prove-again":       func(r *Renderer, w io.Writer) error { return r.PortalProve(w, again) },
		"portal-prove-declaration": func(r *Renderer, w io.Writer) error { return r.PortalProve(w, declare) },
		"portal-prove-document":    func(r *Renderer, w io.Writer) error { return r.PortalProve(w, document) },
		"portal-cannot":            func(r *Renderer, w io.Writer) error { return r.PortalCannot(w, cannot) },
		"portal-cannot-refused":    func(r *Renderer, w io.Writer) error { return r.PortalCannot(w, refused) },
	}
}
