package pages

import (
	"bytes"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// PortalProve asks one thing that proves who somebody is: a detail (form field: detail), a declaration (name) or a document of identity
// (file). Cannot is a page of its own: it says what happens without an answer (form field: cannot).
type PortalProve struct {
	Frame
	Form      Form
	Reference string
	Right     dsar.Right
	Item      verification.Item
	Detail    string // kind of the detail; a code
	Why       string
	Basis     string
	Open      int // questions that are open, this one among them
	Again     bool
	Left      int    // how often the questions can still be answered, this time included; 0 = not told
	CannotURL string // empty: there is no way around
	Errors    Errors
	BackURL   string
}

// PortalProve writes the page.
func (r *Renderer) PortalProve(w io.Writer, m PortalProve) error {
	return r.render(w, m.Lang, "portal-prove", m)
}

// PortalCannot says what happens when somebody cannot answer, before it does.
type PortalCannot struct {
	Frame
	Form      Form
	Reference string
	Right     dsar.Right
	Less      bool // the answer names what is held and does not show it; otherwise the request is refused
	BackURL   string
}

// PortalCannot writes the page.
func (r *Renderer) PortalCannot(w io.Writer, m PortalCannot) error {
	return r.render(w, m.Lang, "portal-cannot", m)
}

// DeclarationText returns what a person declares under penalty of perjury, in the language of the page: what is shown is what is kept.
func (r *Renderer) DeclarationText(lang string) (string, error) {
	var b bytes.Buffer
	if err := r.render(&b, lang, "declaration-text", nil); err != nil {
		return "", err
	}
	return html.UnescapeString(b.String()), nil
}

// Details lists the kinds of details that have words of their own. Data maps may have others: their names are all there is to say.
func Details() []string {
	return []string{"customer_id", "customer_number", "date_of_birth", "invoice_number", "membership_number", "order_number", "phone", "postcode", "username"}
}

// detail asks for a detail of the kind.
func (w *words) detail(kind string) (string, error) {
	if slices.Contains(Details(), kind) {
		return w.say("detail." + kind)
	}
	return w.say("prove.detail_other", "Kind", strings.ReplaceAll(kind, "_", " "))
}

// ProofEvents lists the kinds of entries about proving who asks.
func ProofEvents() []string {
	return []string{
		"address_confirmed", "detail_given", "declaration_signed", "proof_declined", "proof_judged", "requester_noted", "mandate_decided",
		"document_asked", "document_received", "document_looked_at", "document_checked", "document_deleted",
	}
}
