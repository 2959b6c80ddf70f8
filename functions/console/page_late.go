package console

import (
	"context"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// lateRoutes are the register of late answers.
func (h *Handler) lateRoutes() []Route {
	const one, api = " /console/cases/{id}/late", " /api/v1/cases/{id}/nonconformity"
	return []Route{
		h.page("GET /console/late", registry.ReadCases, h.pageLate),
		h.page("GET"+one, registry.ReadCases, h.askLate),
		h.page("POST"+one, registry.HandleCases, h.takeLate),
		h.callRoute("GET /api/v1/nonconformities", registry.ReadCases, h.apiLate),
		h.callRoute("POST"+api, registry.HandleCases, h.apiSettleLate),
	}
}

// lateView is one late answer. Its words are in the open only in the answer to whoever may see them, one case at a time.
type lateView struct {
	caseRow
	Since     time.Time      `json:"since"` // the due instant that passed
	Cause     casefile.Cause `json:"cause"` // what the case waited for then
	Of        string         `json:"of,omitempty"`
	SettledAt time.Time      `json:"settledAt,omitzero"`
	SettledBy string         `json:"settledBy,omitempty"`
}

func lateOf(c casefile.Case) lateView {
	v := lateView{caseRow: rowOf(c), Since: c.Late.Since, Cause: c.Late.Cause, Of: c.Late.Of}
	if d := c.Late.Settled; d != nil {
		v.SettledAt, v.SettledBy = d.At, d.By
	}
	return v
}

// apiLate lists the register; settled=true asks for the half that the team accounted for.
func (h *Handler) apiLate(w http.ResponseWriter, r *http.Request, c *caller) error {
	var bad web.Fields
	limit := readLimit(r.URL.Query(), &bad)
	if err := bad.Err(); err != nil {
		return err
	}
	list, next, err := h.Cases.LateCases(r.Context(), c.tenant.Name, r.URL.Query().Get("settled") == "true", limit, r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := []lateView{}
	for _, one := range list {
		out = append(out, lateOf(one))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"nonconformities": out, "next": next})
	return nil
}

func (h *Handler) apiSettleLate(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in struct {
		Cause  string `json:"cause"`
		Action string `json:"action"`
	}
	return h.onCase(w, r, &in, func(id string) (reply, error) { return h.settleLate(r.Context(), c, id, in.Cause, in.Action) })
}

// settleLate records the team's account of a late answer.
func (h *Handler) settleLate(ctx context.Context, c *caller, id, cause, action string) (reply, error) {
	cause, err := reason("/cause", cause)
	if err != nil {
		return reply{}, err
	}
	if action, err = reason("/action", action); err != nil {
		return reply{}, err
	}
	ans, err := newReply(http.StatusOK, map[string]string{"settled": id})
	if err != nil {
		return ans, err
	}
	return ans, h.change(ctx, c, id, ans, act{Kind: lateSettled}, func(_ context.Context, f *casefile.File) error {
		return f.SettleLate(c.actor(), redact.NewText(cause), redact.NewText(action))
	})
}

func (h *Handler) pageLate(w http.ResponseWriter, r *http.Request, c *caller) error {
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	settled, cursor := r.URL.Query().Get("settled") == "true", r.URL.Query().Get("cursor")
	list, next, err := h.Cases.LateCases(r.Context(), c.tenant.Name, settled, maxLimit, cursor)
	if err != nil {
		return err
	}
	m := pages.ConsoleLate{ConsoleFrame: fr, Settled: settled, OtherURL: c.url("/console/late", "settled", "true")}
	if settled {
		m.OtherURL = c.url("/console/late")
	}
	for _, one := range list {
		m.Rows = append(m.Rows, h.lateRow(r, c, one))
	}
	half := map[bool]string{true: "true"}[settled]
	if next != "" {
		m.Paging.Next = c.url("/console/late", "settled", half, "cursor", next)
	}
	if cursor != "" {
		m.Paging.First = c.url("/console/late", "settled", half)
	}
	return h.Pages.ConsoleLate(w, m)
}

// lateRow is a late answer as a page shows it.
func (h *Handler) lateRow(r *http.Request, c *caller, one casefile.Case) pages.LateRow {
	l := one.Late
	row := pages.LateRow{
		Reference: one.Reference, CaseURL: c.caseURL(one.ID, ""), Right: one.Right, Status: one.Status, DueAt: c.shown(l.Since), Cause: string(l.Cause),
		Open: one.Open() && !one.Answered,
	}
	switch l.Cause {
	case casefile.CauseOwner, casefile.CauseTeam, casefile.CauseSystem:
		row.Of = h.titleOfSystem(r, c, l.Of)
	default: // the others name a phase, and the words of the cause say enough
	}
	if l.Settled != nil {
		row.SettledAt = c.shown(l.Settled.At)
	}
	if l.Settled != nil || (!row.Open && c.may(registry.HandleCases) && one.Disposal.At.IsZero()) {
		row.URL = c.caseURL(one.ID, "/late")
	}
	return row
}

// titleOfSystem is what people call a system; one that is no longer registered keeps its name.
func (h *Handler) titleOfSystem(r *http.Request, c *caller, name string) string {
	if sys, err := h.Registry.System(r.Context(), c.tenant.Name, name); err == nil {
		return titleOf(sys)
	}
	return name
}

func (h *Handler) askLate(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showLate(w, r, c, nil)
}

func (h *Handler) showLate(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := f.Case
	if one.Late == nil {
		return fault.New(fault.NotFound, "the answer to this request was not late")
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleLateAnswer{
		ConsoleFrame: fr, Row: h.lateRow(r, c, one), Why: r.PostFormValue("cause"), Action: r.PostFormValue("action"), Errors: errs,
		BackURL: c.url("/console/late"),
	}
	shown, err := h.reveal(r.Context(), c, one.ID, one.Late.Settled != nil)
	if err != nil {
		return err
	}
	if shown {
		why, action, err := f.LateWords()
		if err != nil {
			return err
		}
		m.Why, m.Action = why.Reveal(), action.Reveal()
	}
	if one.Late.Settled == nil && !m.Row.Open && c.may(registry.HandleCases) {
		m.Form = pages.Form{Action: c.caseURL(one.ID, "/late")}
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleLateAnswer(w, m)
}

func (h *Handler) takeLate(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.settleLate(r.Context(), c, id, r.PostFormValue("cause"), r.PostFormValue("action"))
	if errs, ok := formErrors(err, nil); ok {
		for i := range errs {
			if r.PostFormValue(errs[i].Field) == "" {
				errs[i].Problem = pages.Missing
			}
		}
		return h.showLate(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/late", pages.NoticeLate)
	return nil
}

// unaccounted reports whether there is a late answer that nobody accounted for.
func (h *Handler) unaccounted(r *http.Request, c *caller) (bool, error) {
	list, _, err := h.Cases.LateCases(r.Context(), c.tenant.Name, false, 1, "")
	return len(list) > 0, err
}
