package console

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/grounds"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// exemptionRoutes are what is kept on exemptions, and the law of a case, which decides on them.
func (h *Handler) exemptionRoutes() []Route {
	const one, api = " /console/cases/{id}", " /api/v1/cases/{id}"
	return []Route{
		h.page("GET /console/exemptions", registry.ReadCases, h.pageExemptions),
		h.page("GET"+one+"/exemptions", registry.ReadCases, h.askExemption),
		h.page("POST"+one+"/exemptions", registry.DecideCases, h.takeExemption),
		h.page("GET"+one+"/law", registry.HandleCases, h.askLaw),
		h.page("POST"+one+"/law", registry.HandleCases, h.takeLaw),
		h.callRoute("GET /api/v1/exemptions", registry.ReadCases, h.apiExemptions),
		h.callRoute("GET"+api+"/exemptions", registry.ReadCases, h.apiCaseExemptions),
		h.callRoute("POST"+api+"/exemptions/review", registry.DecideCases, h.apiReviewExemption),
	}
}

func (h *Handler) today(c *caller) string { return h.Now().In(c.zone).Format(time.DateOnly) }

// exempted is a closed case of which something is kept on an exemption.
type exempted struct {
	caseRow
	ReviewBy string `json:"reviewBy"`
}

// apiExemptions lists what is due for review; all=true asks for everything that is kept on exemptions.
func (h *Handler) apiExemptions(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.exemptedCases(r, c, r.URL.Query().Get("all") == "true", limit)
	if err != nil {
		return err
	}
	out := []exempted{}
	for _, one := range list {
		out = append(out, exempted{rowOf(one), one.ReviewBy})
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"exemptions": out, "next": next})
	return nil
}

func (h *Handler) exemptedCases(r *http.Request, c *caller, all bool, limit int) ([]casefile.Case, string, error) {
	until := h.today(c)
	if all {
		until = ""
	}
	return h.Cases.ExemptedCases(r.Context(), c.tenant.Name, until, limit, r.URL.Query().Get("cursor"))
}

// apiCaseExemptions lists on which exemptions something of a closed case is kept.
func (h *Handler) apiCaseExemptions(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	list := f.Retaining()
	if list == nil {
		list = []casefile.Exemption{}
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"exemptions": list})
	return nil
}

// exemptionReview is the body of a review.
type exemptionReview struct {
	System     string `json:"system"`
	Collection string `json:"collection"`
	Field      string `json:"field"`
	Decision   string `json:"decision"` // keep or lift
	ReviewBy   string `json:"reviewBy"` // YYYY-MM-DD, of keep
	Reason     string `json:"reason"`
}

func (h *Handler) apiReviewExemption(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in exemptionReview
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.reviewExemption(r.Context(), c, id, in) })
}

// reviewExemption keeps something longer, or takes the case up again.
func (h *Handler) reviewExemption(ctx context.Context, c *caller, id string, in exemptionReview) (reply, error) {
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return reply{}, err
	}
	if in.Decision != "keep" && in.Decision != "lift" {
		return reply{}, web.Fields{{Pointer: "/decision", Detail: "say keep or lift"}}
	}
	r, err := newReply(http.StatusOK, map[string]string{"status": in.Decision})
	if err != nil {
		return r, err
	}
	return r, h.change(ctx, c, id, r, act{Kind: exemptionSeen, Detail: in.Decision}, func(_ context.Context, f *casefile.File) error {
		return f.ReviewExemption(c.actor(), casefile.Review{
			System: in.System, Collection: in.Collection, Field: in.Field, Keep: in.Decision == "keep", Until: in.ReviewBy, Reason: redact.NewText(why),
		})
	})
}

func (h *Handler) pageExemptions(w http.ResponseWriter, r *http.Request, c *caller) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	all, cursor := r.URL.Query().Get("all") == "true", r.URL.Query().Get("cursor")
	list, next, err := h.exemptedCases(r, c, all, maxLimit)
	if err != nil {
		return err
	}
	half := map[bool]string{true: "true"}
	m := pages.ConsoleExemptions{ConsoleFrame: fr, All: all, OtherURL: c.url("/console/exemptions", "all", half[!all])}
	for _, one := range list {
		m.Rows = append(m.Rows, pages.ExemptionsRow{
			Reference: one.Reference, URL: c.caseURL(one.ID, "/exemptions"), Right: one.Right, ReviewBy: one.ReviewBy, Overdue: one.ReviewBy <= h.today(c),
		})
	}
	if next != "" {
		m.Paging.Next = c.url("/console/exemptions", "all", half[all], "cursor", next)
	}
	if cursor != "" {
		m.Paging.First = c.url("/console/exemptions", "all", half[all])
	}
	return h.Pages.ConsoleExemptions(w, m)
}

func (h *Handler) askExemption(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showExemption(w, r, c, nil)
}

func (h *Handler) showExemption(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	m := pages.ConsoleCaseExemptions{
		ConsoleFrame: fr, Reference: f.Case.Reference, CaseURL: c.caseURL(f.Case.ID, ""), Target: r.PostFormValue("target"), Lift: r.PostFormValue("decision") == "lift",
		ReviewBy: r.PostFormValue("reviewBy"), Reason: r.PostFormValue("reason"), Errors: errs, BackURL: c.url("/console/exemptions"),
	}
	pack, err := statute.Law(&f.Case, h.Packs)
	if err != nil && !fault.Has(err, fault.Conflict) {
		return err
	}
	for _, x := range f.Retaining() {
		row := pages.CaseExemption{
			Value: strings.Join([]string{x.System, x.Collection, x.Field}, "\x1f"), Name: strings.TrimRight(h.titleOfSystem(r, c, x.System)+", "+x.Collection+", "+x.Field, ", "),
			Citation: x.Citation, ReviewBy: x.ReviewBy, Overdue: x.ReviewBy <= h.today(c),
		}
		if row.Why = grounds.Words(pack, x, "en"); row.Why == row.Citation {
			row.Why = ""
		}
		m.Rows = append(m.Rows, row)
	}
	if len(m.Rows) > 0 && c.may(registry.DecideCases) {
		m.Form = pages.Form{Action: c.caseURL(f.Case.ID, "/exemptions")}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleCaseExemptions(w, m)
}

func (h *Handler) takeExemption(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	at := strings.Split(r.PostFormValue("target")+"\x1f\x1f", "\x1f")
	_, err = h.reviewExemption(r.Context(), c, id, exemptionReview{
		System: at[0], Collection: at[1], Field: at[2], Decision: r.PostFormValue("decision"), ReviewBy: r.PostFormValue("reviewBy"), Reason: r.PostFormValue("reason"),
	})
	if errs, ok := formErrors(err, nil); ok {
		for i := range errs {
			switch {
			case r.PostFormValue(errs[i].Field) == "":
				errs[i].Problem = pages.Missing
			case errs[i].Field == "reviewBy":
				errs[i].Problem = pages.NotADate
			}
		}
		return h.showExemption(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeExemption)
	return nil
}

func (h *Handler) askLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showLaw(w, r, c, nil)
}

func (h *Handler) showLaw(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := f.Case
	if one.Law.Pack == "" || !one.Open() || one.Answered || one.Stopping() {
		return fault.New(fault.Conflict, "the law of the case is not settled yet, or the request is answered or closed")
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleCaseLaw{
		ConsoleFrame: fr, Reference: one.Reference, Law: strings.TrimSpace(h.lawTitle(&one) + " " + one.Law.Assumption), Pack: cmp.Or(r.PostFormValue("pack"), one.Law.Pack),
		Reason: r.PostFormValue("reason"), Form: pages.Form{Action: c.caseURL(one.ID, "/law")}, Errors: errs, BackURL: c.caseURL(one.ID, ""),
	}
	for _, p := range h.Packs.Packs() {
		m.Choices = append(m.Choices, pages.LawChoice{ID: string(p.ID), Name: p.Name + " (" + p.Short + ")"})
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleCaseLaw(w, m)
}
