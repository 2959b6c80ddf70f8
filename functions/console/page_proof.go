package console

import (
	"net/http"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// proofRoutes are the pages on who asks.
func proofRoutes(h *Handler, page func(pattern string, p registry.Permission, f handler) Route) []Route {
	const one = " /console/cases/{id}"
	return []Route{
		page("GET"+one+"/proof", registry.ReadCases, h.pageProof),
		page("POST"+one+"/proof", registry.HandleCases, h.takeProof),
		page("GET"+one+"/identity-document", registry.HandleCases, h.readDocument), // by the one who asked for it
	}
}

func (h *Handler) pageProof(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showProof(w, r, c, nil)
}

func (h *Handler) showProof(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	one, v := &f.Case, &f.Case.Verification
	m := pages.ConsoleProof{
		ConsoleFrame: fr, Reference: one.Reference, Right: one.Right, Reached: v.Reached, Less: v.CategoriesOnly(), Short: v.ForPerson(), Proved: c.shown(v.VerifiedAt),
		Form: pages.Form{Action: c.caseURL(one.ID, "/proof")}, Methods: casefile.VouchMethods(), BackURL: c.caseURL(one.ID, ""), Errors: errs, WrittenText: r.PostFormValue("reason"),
	}
	if v.Need != nil {
		m.Wanted, m.Tier = v.Need.Points, v.Need.Tier
	}
	if v.Staff != nil {
		m.Staff, m.Method = names[v.Staff.By], v.Staff.Decision
	}
	for _, a := range v.Asked {
		m.Items = append(m.Items, pages.ProofItem{What: a.What, Of: string(a.Of), Needs: a.Needs, Why: a.Why, Basis: a.Basis, Result: a.Result})
	}
	if m.Requester, err = h.requesterOf(r, c, f); err != nil {
		return err
	}
	if c.may(registry.HandleCases) && running(one) {
		if err := h.proofActs(c, f, &m); err != nil {
			return err
		}
	}
	if d := v.Document; d != nil {
		m.Document = &pages.ProofDocument{SentAt: c.shown(d.SentAt), DecidedAt: c.shown(d.DecidedAt), DeleteBy: c.shown(d.DeleteBy), GoneAt: c.shown(d.GoneAt), Accepted: d.Accepted, Method: d.Method}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleProof(w, m)
}

// requesterOf is who asks for the person; what they wrote is shown to those who may see personal data.
func (h *Handler) requesterOf(r *http.Request, c *caller, f *casefile.File) (*pages.ProofRequester, error) {
	q := f.Case.Verification.Requester
	if q == nil {
		return nil, nil
	}
	out := &pages.ProofRequester{Kind: string(q.Kind), Evidence: q.Evidence, Direct: q.Direct, Allowed: q.Allowed, Basis: q.Basis, Note: q.Note}
	if q.Decision != nil {
		out.Decision = q.Decision.Decision
	}
	shown, err := h.reveal(r.Context(), c, f.Case.ID, true)
	if err != nil || !shown {
		return out, err
	}
	p, err := f.Person()
	if err == nil && p.Agent != nil {
		out.Mandate = p.Agent.Mandate.Reveal() // to somebody who may see it
	}
	return out, err
}

// proofActs says what the caller can do now.
func (h *Handler) proofActs(c *caller, f *casefile.File, m *pages.ConsoleProof) error {
	one, v := &f.Case, &f.Case.Verification
	m.MayMandate = slices.ContainsFunc(v.Asked, func(a verification.Asked) bool { return a.What == verification.Mandate && a.Open() })
	m.MayVouch = one.Law.Pack != "" && v.Staff == nil && one.Package == nil && (v.VerifiedAt.IsZero() || v.Need != nil && (v.Verdict != verification.Reached || v.Need.Short))
	if d := v.Document; d != nil {
		mine := d.AskedBy == c.actor() && d.Object != "" && d.DecidedAt.IsZero()
		m.MayLook, m.LookURL, m.MayDecide = mine, c.caseURL(one.ID, "/identity-document"), mine && !d.LookedAt.IsZero()
		return nil
	}
	if one.Law.Pack == "" || v.AddressAt.IsZero() && v.VerifiedAt.IsZero() {
		return nil
	}
	may, _, err := h.mayAskDocument(one)
	m.MayAsk, m.Forbidden = may, !may
	return err
}

func (h *Handler) takeProof(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	rename := map[string]string{}
	switch r.PostFormValue("act") {
	case "vouch":
		_, err = h.vouchFor(r.Context(), c, id, vouching{r.PostFormValue("method"), r.PostFormValue("reason")})
	case "mandate":
		rename["reason"] = "looked"
		_, err = h.decideMandate(r.Context(), c, id, mandating{r.PostFormValue("decision"), r.PostFormValue("looked")})
	case "ask":
		rename["reason"] = "doubt"
		_, err = h.askDocument(r.Context(), c, id, r.PostFormValue("doubt"))
	case "document":
		rename["reason"] = "showed"
		_, err = h.decideDocument(r.Context(), c, id, documenting{r.PostFormValue("accepted") == "yes", r.PostFormValue("method"), r.PostFormValue("showed")})
	default:
		err = fault.New(fault.Invalid, "there is no such act")
	}
	if errs, ok := formErrors(err, rename); ok {
		for n := range errs {
			if slices.Contains([]string{"doubt", "looked", "showed"}, errs[n].Field) && errs[n].Problem == pages.NotAllowed {
				errs[n].Problem = pages.Missing
			}
		}
		return h.showProof(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id+"/proof", pages.NoticeSaved)
	return nil
}
