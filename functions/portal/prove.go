package portal

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/intake"
	"github.com/habeas-dsar/habeas/functions/internal/objects"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// maxDocument bounds a document of identity: a page in print quality has less.
const maxDocument = 4 << 20

// openItem returns what the person is asked next, a document last; nil when nothing waits for her.
func openItem(f *casefile.File) *verification.Asked {
	v := &f.Case.Verification
	if !f.Case.Open() || f.Case.Stopping() || v.AddressAt.IsZero() && v.VerifiedAt.IsZero() {
		return nil
	}
	if a := v.OpenItem(); a != nil && v.VerifiedAt.IsZero() {
		return a
	}
	i := slices.IndexFunc(v.Asked, func(a verification.Asked) bool { return a.What == verification.Document && a.Open() })
	if i < 0 || v.Document == nil || v.Document.Object != "" {
		return nil
	}
	return &v.Asked[i]
}

// askProve shows the next question, or what happens without an answer.
func (h *Handler) askProve(w http.ResponseWriter, r *http.Request, _ session.Grant, f *casefile.File) error {
	return h.showProve(w, r, f, nil, http.StatusOK)
}

func (h *Handler) showProve(w http.ResponseWriter, r *http.Request, f *casefile.File, errs pages.Errors, status int) error {
	at := requestPath(r, f.Case.Reference)
	a := openItem(f)
	if a == nil {
		http.Redirect(w, r, at, http.StatusSeeOther)
		return nil
	}
	fr, err := h.signedIn(r, f)
	if err != nil {
		return err
	}
	v := f.Case.Verification
	if r.Method == http.MethodGet && r.URL.Query().Get("cannot") != "" && a.What != verification.Document {
		return h.Pages.PortalCannot(w, pages.PortalCannot{
			Frame: fr, Form: pages.Form{Action: at + "/prove"}, Reference: f.Case.Reference, Right: f.Case.Right, Less: fallsBack(&v, f), BackURL: at + "/prove",
		})
	}
	m := pages.PortalProve{
		Frame: fr, Form: pages.Form{Action: at + "/prove"}, Reference: f.Case.Reference, Right: f.Case.Right, Item: a.What, Detail: string(a.Of), Why: a.Why, Basis: a.Basis,
		Again: v.Tries > 0, Errors: errs, BackURL: at,
	}
	for _, o := range v.Asked {
		if o.Open() && o.What != verification.Mandate {
			m.Open++
		}
	}
	if v.Tries > 0 {
		m.Left = verification.MaxTries - v.Tries
	}
	if a.What != verification.Document {
		m.CannotURL = at + "/prove?cannot=1"
	}
	w.WriteHeader(status)
	return h.Pages.PortalProve(w, m)
}

// fallsBack reports whether a request that is not proved in full gets an answer that names what is held, so far as can be told before
// details are compared.
func fallsBack(v *casefile.Verification, f *casefile.File) bool {
	return f.Case.Right.Discloses() && v.Need != nil && (v.Need.FallsBackTo != "" || v.Need.From != "")
}

// takeProve takes one answer.
func (h *Handler) takeProve(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	a := openItem(f)
	if a == nil {
		http.Redirect(w, r, requestPath(r, f.Case.Reference), http.StatusSeeOther)
		return nil
	}
	if a.What == verification.Document {
		return h.takeDocument(w, r, g, f)
	}
	field := "detail"
	if a.What == verification.Declaration {
		field = "name"
	}
	p := proof{Cannot: r.PostFormValue("cannot") != ""}
	typed := strings.TrimSpace(r.PostFormValue(field))
	if a.What == verification.Declaration {
		p.Declaration = &declaration{Name: redact.NewText(typed)}
	} else {
		p.Detail = &intake.Identifier{Kind: a.Of, Value: redact.NewText(typed)}
	}
	if typed == "" && !p.Cannot {
		return h.showProve(w, r, f, pages.Errors{{Field: field, Problem: pages.Missing}}, http.StatusBadRequest)
	}
	err := h.takeProof(r, g, p)
	if _, bad := errors.AsType[web.Fields](err); bad {
		return h.showProve(w, r, f, pages.Errors{{Field: field, Problem: pages.NotAllowed}}, http.StatusBadRequest)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, requestPath(r, f.Case.Reference)+"/prove", http.StatusSeeOther)
	return nil
}

// proof is the body of POST /requests/{reference}/proof: one of its fields.
type proof struct {
	Detail      *intake.Identifier `json:"detail"`
	Declaration *declaration       `json:"declaration"`
	Cannot      bool               `json:"cannot"`
}

type declaration struct {
	Name redact.Text `json:"name"`
}

// takeProof records one answer. Nothing tells whether it is right: that is known when the systems were searched.
func (h *Handler) takeProof(r *http.Request, g session.Grant, p proof) error {
	var bad web.Fields
	var detail subject.Identifier
	var text, name redact.Text
	var err error
	switch {
	case p.Cannot:
	case p.Detail != nil && p.Declaration == nil:
		if detail, err = subject.New(p.Detail.Kind, p.Detail.Value.Reveal()); err != nil {
			bad.Add("/detail", "this is not a valid detail of its kind")
		}
	case p.Declaration != nil && p.Detail == nil:
		if name, err = intake.Message("/declaration/name", p.Declaration.Name.Reveal()); err != nil || len([]rune(name.Reveal())) > 200 {
			bad.Add("/declaration/name", "type your name, with at most 200 characters")
		}
		shown, err := h.Pages.DeclarationText(r.Header.Get("Accept-Language"))
		if err != nil {
			return err
		}
		text = redact.NewText(shown)
	default:
		bad.Add("", "give one of detail, declaration and cannot")
	}
	if len(bad) > 0 {
		return bad
	}
	return step.Change(r.Context(), h.Cases, g.Tenant, g.CaseID, func(ctx context.Context, f *casefile.File) error {
		var err error
		switch {
		case p.Cannot:
			err = f.DeclineProof(evidence.Subject)
		case p.Detail != nil:
			err = f.GiveDetail(detail)
		default:
			err = f.Declare(text, name)
		}
		if err != nil {
			return err
		}
		return h.Desk.Settled(ctx, f)
	})
}

func (h *Handler) apiProof(w http.ResponseWriter, r *http.Request, g session.Grant, _ *casefile.File) error {
	var in proof
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	if err := h.takeProof(r, g, in); err != nil {
		return err
	}
	c, err := h.Cases.Case(r.Context(), g.Tenant, g.CaseID)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"open": openView(&c.Verification)})
	return nil
}

// askedView is one thing that is asked, as the person sees it. What became of it is not said.
type askedView struct {
	What  verification.Item `json:"what"`
	Of    subject.Kind      `json:"of,omitempty"`
	Needs []string          `json:"needs,omitempty"`
	Why   string            `json:"why"`
	Basis string            `json:"basis"`
}

func openView(v *casefile.Verification) []askedView {
	out := []askedView{}
	for _, a := range v.Asked {
		if a.Open() {
			out = append(out, askedView{a.What, a.Of, a.Needs, a.Why, a.Basis})
		}
	}
	return out
}

// takeDocument seals a document of identity into the object store. What it is is told by its first bytes; it is never opened.
func (h *Handler) takeDocument(w http.ResponseWriter, r *http.Request, g session.Grant, f *casefile.File) error {
	fail := func(p pages.Problem) error {
		return h.showProve(w, r, f, pages.Errors{{Field: "file", Problem: p}}, http.StatusBadRequest)
	}
	mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // another one has no file
	if mt != "multipart/form-data" {
		return fail(pages.Missing)
	}
	body, _, err := r.FormFile("file")
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return fail(pages.TooLarge)
	case err != nil:
		return fail(pages.Missing)
	}
	defer func() { _ = body.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err != nil {
		return fault.New(fault.Invalid, "the file could not be read to its end")
	}
	media := http.DetectContentType(content)
	switch {
	case len(content) == 0:
		return fail(pages.EmptyFile)
	case len(content) > maxDocument:
		return fail(pages.TooLarge)
	case !slices.Contains([]string{"application/pdf", "image/jpeg", "image/png"}, media):
		return fail(pages.BadKind)
	}
	if err := h.keepDocument(r.Context(), g, f, content, media); err != nil {
		return err
	}
	http.Redirect(w, r, requestPath(r, f.Case.Reference), http.StatusSeeOther)
	return nil
}

// documentDays is how long a document waits for its checker at most, where the law says nothing.
const documentDays = 14

func (h *Handler) keepDocument(ctx context.Context, g session.Grant, f *casefile.File, content []byte, media string) error {
	days := documentDays
	pack, err := h.Packs.At(policy.ID(f.Case.Law.Pack), policy.Version(f.Case.Law.Version))
	if err != nil {
		return err
	}
	if n := pack.Verification.DocumentDays; n > 0 {
		days = n
	}
	name := casefile.DocumentObject(g.Tenant, g.CaseID)
	err = objects.Put(ctx, h.Blobs, f.Keys, name, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return step.Change(ctx, h.Cases, g.Tenant, g.CaseID, func(_ context.Context, f *casefile.File) error {
		return f.TakeDocument(name, int64(len(content)), media, f.Now().AddDate(0, 0, days))
	})
}
