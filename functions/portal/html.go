package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// answers are what the form carries from question to question; it is submitted whole, so no answer is lost or stored.
type answers struct {
	Right                                 dsar.Right
	Email, Name, Country, Region, Details string
	Purpose                               string // of an objection: direct_marketing, or nothing

	Asks, AskerName, AskerEmail, Mandate string // by what title somebody asks for another person; empty: for herself
	AgeBand                              string
}

func readAnswers(r *http.Request) answers {
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return answers{dsar.Right(v("right")), v("email"), v("name"), v("country"), v("region"), v("details"), v("purpose"), v("asks"), v("askerName"), v("askerEmail"), v("mandate"), v("ageBand")}
}

func (a answers) hidden() []pages.Hidden {
	return []pages.Hidden{
		{Name: "right", Value: string(a.Right)},
		{Name: "email", Value: a.Email},
		{Name: "name", Value: a.Name},
		{Name: "country", Value: a.Country},
		{Name: "region", Value: a.Region},
		{Name: "details", Value: a.Details},
		{Name: "purpose", Value: a.Purpose},
		{Name: "asks", Value: a.Asks},
		{Name: "askerName", Value: a.AskerName},
		{Name: "askerEmail", Value: a.AskerEmail},
		{Name: "mandate", Value: a.Mandate},
		{Name: "ageBand", Value: a.AgeBand},
	}
}

// asker is what a page of the form shows of who asks for another person, and of the age of the person.
func (a answers) asker(serves bool) pages.Asker {
	return pages.Asker{Asks: a.Asks, Name: a.AskerName, Email: a.AskerEmail, Mandate: a.Mandate, AgeBand: a.AgeBand, AskAge: serves}
}

// servesChildren reports whether the tenant says that it serves children.
func (h *Handler) servesChildren(r *http.Request) bool {
	t, err := h.Registry.Tenant(r.Context(), r.PathValue("tenant"))
	return err == nil && t.Policy.ServesChildren
}

func (a answers) request(locale string) intake.Request {
	out := intake.Request{
		Right: a.Right, Email: redact.NewText(a.Email), Name: redact.NewText(a.Name), Country: a.Country, Region: a.Region,
		Details: redact.NewText(a.Details), Locale: locale, Purpose: a.Purpose, AgeBand: a.AgeBand,
	}
	if a.Asks != "" {
		out.Requester = &intake.Requester{
			Kind: casefile.RequesterKind(a.Asks), Name: redact.NewText(a.AskerName), Email: redact.NewText(a.AskerEmail), Mandate: redact.NewText(a.Mandate),
		}
	}
	return out
}

// problems turns field errors into those of the page.
func problems(fields web.Fields) pages.Errors {
	var out pages.Errors
	for _, f := range fields {
		name := strings.TrimPrefix(f.Pointer, "/")
		p := pages.NotAllowed
		switch {
		case name == "right":
			p = pages.NotAChoice
		case name == "email" && strings.Contains(f.Detail, "empty"):
			p = pages.Missing
		case name == "email":
			p = pages.NotAnEmail
		case name == "country" || name == "ageBand":
			p = pages.NotAChoice
		case name == "requester/kind":
			name, p = "asks", pages.NotAChoice
		case name == "requester/email":
			name, p = "askerEmail", pages.NotAnEmail
		case name == "requester/name":
			name, p = "askerName", pages.Missing
		case name == "requester/mandate":
			name = "mandate"
		case strings.Contains(f.Detail, "longer"):
			p = pages.TooLong
		}
		out = append(out, pages.FieldError{Field: name, Problem: p})
	}
	return out
}

func (h *Handler) start(w http.ResponseWriter, r *http.Request) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	base := f.HomeURL
	return h.Pages.PortalStart(w, pages.PortalStart{Frame: f, Signal: signal(r) != "", Rights: dsar.Rights(), StartURL: base + "request", HaveURL: base + "find"})
}

func (h *Handler) askRight(w http.ResponseWriter, r *http.Request) error {
	return h.showRight(w, r, answers{Right: dsar.Right(r.URL.Query().Get("right"))}, nil)
}

func (h *Handler) showRight(w http.ResponseWriter, r *http.Request, a answers, errs pages.Errors) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	var carried []pages.Hidden
	for _, v := range a.hidden() {
		if v.Name != "right" {
			carried = append(carried, v)
		}
	}
	return h.Pages.PortalRight(w, pages.PortalRight{
		Frame: f, Rights: dsar.Rights(), Right: a.Right, Errors: errs, BackURL: f.HomeURL,
		Form: pages.Form{Action: f.HomeURL + "request", Hidden: append(carried, pages.Hidden{Name: "step", Value: "right"})},
	})
}

func (h *Handler) showWho(w http.ResponseWriter, r *http.Request, a answers, errs pages.Errors) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	return h.Pages.PortalWho(w, pages.PortalWho{
		Frame: f, Right: a.Right, Email: a.Email, Name: a.Name, Country: a.Country, Region: a.Region, Details: a.Details,
		Asker:     a.asker(h.servesChildren(r)),
		Marketing: a.Purpose == consent.DirectMarketing, Errors: errs, BackURL: f.HomeURL + "request?right=" + url.QueryEscape(string(a.Right)),
		Form: pages.Form{Action: f.HomeURL + "request", Hidden: []pages.Hidden{{Name: "right", Value: string(a.Right)}, {Name: "step", Value: "who"}}},
	})
}

// advance takes one page of the form. The last one sends the request.
func (h *Handler) advance(w http.ResponseWriter, r *http.Request) error {
	a := readAnswers(r)
	step := r.PostFormValue("step")
	if step == "check" && r.PostFormValue("change") == "right" {
		return h.showRight(w, r, a, nil)
	}
	if step == "check" && r.PostFormValue("change") == "who" {
		return h.showWho(w, r, a, nil)
	}
	if !a.Right.Valid() {
		return h.showRight(w, r, a, pages.Errors{{Field: "right", Problem: pages.Missing}})
	}
	if step == "right" && a.Email == "" {
		return h.showWho(w, r, a, nil)
	}
	locale := r.Header.Get("Accept-Language")
	if _, err := a.request("").Opening(r.PathValue("tenant"), "portal", "subject", time.Time{}); err != nil {
		var fields web.Fields
		ok := errors.As(err, &fields)
		if !ok {
			return err
		}
		w.WriteHeader(http.StatusBadRequest)
		return h.showWho(w, r, a, problems(fields))
	}
	if step != "check" || r.PostFormValue("send") == "" {
		f, err := h.frame(r)
		if err != nil {
			return err
		}
		return h.Pages.PortalCheck(w, pages.PortalCheck{
			Frame: f, Right: a.Right, Email: a.Email, Name: a.Name, Country: a.Country, Region: a.Region, Details: a.Details,
			Asker:     a.asker(h.servesChildren(r)),
			Marketing: a.Purpose == consent.DirectMarketing,
			Form:      pages.Form{Action: f.HomeURL + "request", Hidden: append(a.hidden(), pages.Hidden{Name: "step", Value: "check"})},
		})
	}
	c, err := h.submit(r.Context(), r.PathValue("tenant"), "portal", web.ClientAddress(r), signalled(r, a.request(firstLanguage(locale))))
	if err != nil {
		return err
	}
	http.Redirect(w, r, tenantPath(r)+"requests/"+c.Reference+"/sent", http.StatusSeeOther)
	return nil
}

func (h *Handler) sent(w http.ResponseWriter, r *http.Request) error {
	f, ref, err := h.framed(r)
	if err != nil {
		return err
	}
	return h.Pages.PortalLookInMail(w, pages.PortalLookInMail{
		Frame: f, Reference: ref, CodeURL: requestPath(r, ref) + "/code", Resend: pages.Form{Action: requestPath(r, ref) + "/resend"},
	})
}

func (h *Handler) askReference(w http.ResponseWriter, r *http.Request) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	return h.Pages.PortalFind(w, pages.PortalFind{Frame: f, Form: pages.Form{Action: f.HomeURL + "find"}, StartURL: f.HomeURL})
}

func (h *Handler) findReference(w http.ResponseWriter, r *http.Request) error {
	typed := r.PostFormValue("reference")
	if ref, ok := dsar.CleanReference(typed); ok {
		http.Redirect(w, r, requestPath(r, ref)+"/return", http.StatusSeeOther)
		return nil
	}
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusBadRequest)
	return h.Pages.PortalFind(w, pages.PortalFind{
		Frame: f, Form: pages.Form{Action: f.HomeURL + "find"}, Reference: typed, StartURL: f.HomeURL,
		Errors: pages.Errors{{Field: "reference", Problem: pages.NotARef}},
	})
}

// askReturn offers a new code to somebody who comes back with a reference: the code goes to the address on file.
func (h *Handler) askReturn(w http.ResponseWriter, r *http.Request) error {
	f, ref, err := h.framed(r)
	if err != nil {
		return err
	}
	return h.Pages.PortalSessionEnded(w, pages.PortalSessionEnded{
		Frame: f, Reference: ref, Resend: pages.Form{Action: requestPath(r, ref) + "/resend"}, ReturnURL: f.HomeURL + "find",
	})
}

func (h *Handler) resend(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	ref := r.PathValue("reference")
	err := h.reissue(r.Context(), r.PathValue("tenant"), ref, web.ClientAddress(r))
	web.Pace(r.Context(), start, pace)
	if err != nil {
		return err
	}
	http.Redirect(w, r, requestPath(r, ref)+"/code", http.StatusSeeOther)
	return nil
}

func (h *Handler) askCode(w http.ResponseWriter, r *http.Request) error {
	return h.showCode(w, r, nil, http.StatusOK)
}

func (h *Handler) showCode(w http.ResponseWriter, r *http.Request, errs pages.Errors, status int) error {
	f, ref, err := h.framed(r)
	if err != nil {
		return err
	}
	w.WriteHeader(status)
	return h.Pages.PortalCode(w, pages.PortalCode{
		Frame: f, Reason: pages.CodeReturn, Reference: ref, Known: true, Errors: errs, StartURL: f.HomeURL,
		Form: pages.Form{Action: requestPath(r, ref) + "/code"}, Resend: pages.Form{Action: requestPath(r, ref) + "/resend"},
	})
}

func (h *Handler) takeCode(w http.ResponseWriter, r *http.Request) error {
	code := strings.TrimSpace(r.PostFormValue("code"))
	if code == "" {
		return h.showCode(w, r, pages.Errors{{Field: "code", Problem: pages.Missing}}, http.StatusBadRequest)
	}
	return h.prove(w, r, identity.Answer{Code: code})
}

// prove tries a code or link and opens the session with a cookie.
func (h *Handler) prove(w http.ResponseWriter, r *http.Request, a identity.Answer) error {
	ref := r.PathValue("reference")
	start := time.Now()
	token, err := h.verify(r.Context(), r.PathValue("tenant"), ref, web.ClientAddress(r), a)
	web.Pace(r.Context(), start, pace)
	switch {
	case err == nil:
		h.setCookie(w, r, token)
		return h.goOn(w, r, ref)
	case !fault.Has(err, fault.Unauthenticated):
		return err
	case a.Link != "":
		return h.gone(w, r, pages.GoneExpired)
	}
	// A code that is locked answers like a wrong one, and like a reference that never was.
	return h.showCode(w, r, pages.Errors{{Field: "code", Problem: pages.WrongCode}}, http.StatusUnauthorized)
}

// goOn leads somebody who has just shown a code to what is asked next, or to the request.
func (h *Handler) goOn(w http.ResponseWriter, r *http.Request, ref string) error {
	id, err := h.find(r.Context(), r.PathValue("tenant"), ref)
	if err != nil {
		return err
	}
	f, err := h.Cases.Load(r.Context(), r.PathValue("tenant"), id)
	if err != nil {
		return err
	}
	at := requestPath(r, f.Case.Reference)
	if openItem(f) != nil {
		at += "/prove"
	}
	http.Redirect(w, r, at, http.StatusSeeOther)
	return nil
}

// askConfirm is behind the mailed link: looking changes nothing, because mail scanners look too.
func (h *Handler) askConfirm(w http.ResponseWriter, r *http.Request) error {
	fr, ref, err := h.framed(r)
	if err != nil {
		return err
	}
	secret := r.URL.Query().Get("s")
	start := time.Now()
	f, err := h.behind(r, ref, secret)
	web.Pace(r.Context(), start, pace)
	if fault.Has(err, fault.NotFound) {
		return h.gone(w, r, pages.GoneExpired)
	}
	if err != nil {
		return err
	}
	return h.Pages.PortalConfirmLink(w, pages.PortalConfirmLink{
		Frame: fr, Reference: ref, Right: f.Case.Right, AskedAt: f.Case.ReceivedAt.In(fr.Now.Location()),
		Form: pages.Form{Action: requestPath(r, ref) + "/confirm", Hidden: []pages.Hidden{{Name: "s", Value: secret}}},
	})
}

// behind returns the request that a link leads to, to somebody who holds its secret: fault.NotFound when there is no such request,
// and when the secret does not fit.
func (h *Handler) behind(r *http.Request, ref, secret string) (*casefile.File, error) {
	id, err := h.find(r.Context(), r.PathValue("tenant"), ref)
	if err != nil {
		return nil, err
	}
	f, err := h.Cases.Load(r.Context(), r.PathValue("tenant"), id)
	if err != nil {
		return nil, err
	}
	ok, err := h.Desk.Fits(r.Context(), f, secret)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "this link leads nowhere")
	}
	return f, err
}

func (h *Handler) takeConfirm(w http.ResponseWriter, r *http.Request) error {
	secret := r.PostFormValue("s")
	if secret == "" {
		return h.gone(w, r, pages.GoneUnknown)
	}
	return h.prove(w, r, identity.Answer{Link: secret})
}

func (h *Handler) gone(w http.ResponseWriter, r *http.Request, why pages.GoneReason) error {
	f, err := h.frame(r)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusGone)
	return h.Pages.PortalDownloadGone(w, pages.PortalDownloadGone{Frame: f, Reason: why, ReturnURL: f.HomeURL + "find"})
}
