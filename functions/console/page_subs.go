package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// lawOfCase returns the pack that governs the case.
func (h *Handler) lawOfCase(one *casefile.Case) (policy.Pack, error) {
	return statute.Law(one, h.Packs)
}

func (h *Handler) subRow(c *caller, one *casefile.Case, s *casefile.Sub) pages.DutyRow {
	row := pages.DutyRow{
		What: "sub", Kind: string(s.Kind), State: pages.DutyOpen, URL: c.caseURL(one.ID, "/appeals/"+url.PathEscape(s.ID)), Case: one.Reference, Right: one.Right,
		At: c.shown(s.ReceivedAt), Due: pages.Due{At: c.shown(s.Due.At), Law: h.lawTitle(one)}, Late: len(s.Late) > 0,
	}
	if !s.Open() {
		row.State, row.Due.SettledAt = pages.DutyState(s.Outcome), c.shown(s.Decision.At)
	}
	return row
}

func (h *Handler) askBring(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showBring(w, r, c, nil)
}

func (h *Handler) showBring(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleBring{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(f.Case.ID, "/bring")}, Reference: f.Case.Reference, BackURL: c.caseURL(f.Case.ID, ""),
		Kind: r.PostFormValue("kind"), Day: r.PostFormValue("day"), Text: r.PostFormValue("text"), Errors: errs,
	}
	if _, open, err := h.duties().AppealUntil(r.Context(), &f.Case, f.Now()); err != nil {
		return err
	} else if open {
		m.Kinds = append(m.Kinds, string(casefile.Appeal))
	}
	m.Kinds = append(m.Kinds, string(casefile.Complaint))
	if m.Kind == "" {
		m.Kind = m.Kinds[0]
	}
	return h.bad(w, errs, func() error { return h.Pages.ConsoleBring(w, m) })
}

func (h *Handler) takeBring(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	_, err = h.bring(r.Context(), c, id, r.PostFormValue("kind"), r.PostFormValue("day"), r.PostFormValue("text"))
	if errs, ok := dutyErrors(err); ok {
		return h.showBring(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeSubOpened)
	return nil
}

// sub returns the case and its appeal or complaint of the path.
func (h *Handler) sub(r *http.Request, c *caller) (*casefile.File, *casefile.Sub, error) {
	f, err := h.load(r, c)
	if err != nil {
		return nil, nil, err
	}
	s, err := f.Sub(r.Context(), r.PathValue("sub"))
	return f, s, err
}

func (h *Handler) pageSub(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showSub(w, r, c, nil)
}

func (h *Handler) showSub(w http.ResponseWriter, r *http.Request, c *caller, errs pages.Errors) error {
	f, s, err := h.sub(r, c)
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	shown, err := h.reveal(r.Context(), c, f.Case.ID, true)
	if err != nil {
		return err
	}
	one := &f.Case
	v := func(name string) string { return r.PostFormValue(name) }
	m := pages.ConsoleSub{
		ConsoleFrame: fr, Form: pages.Form{Action: c.caseURL(one.ID, "/appeals/"+url.PathEscape(s.ID))}, Reference: one.Reference, BackURL: c.caseURL(one.ID, ""),
		Right: one.Right, Status: one.Status, Row: h.subRow(c, one, s), Shown: shown, AckBy: c.shown(s.AckBy), AckAt: c.shown(s.AckAt),
		Outcome: v("outcome"), Reason: v("reason"), TodoTyped: v("todo"), Errors: errs,
	}
	for _, x := range s.Due.Steps {
		m.Steps = append(m.Steps, pages.Step{Text: x.Text, Citation: x.Citation})
	}
	view, err := h.subOf(f, s, shown)
	if err != nil {
		return err
	}
	m.Text, m.Todo = view.Text, view.Todo
	if !s.Open() {
		names, err := h.staffNames(r)
		if err != nil {
			return err
		}
		m.DecidedBy, m.DecidedWhy = names[s.Decision.By], view.Decision.Reason
		return h.bad(w, errs, func() error { return h.Pages.ConsoleSub(w, m) })
	}
	before, err := f.Deciders(r.Context())
	if err != nil {
		return err
	}
	m.Decided = slices.Contains(before, c.actor()) && c.mayDecide()
	m.MayDecide = !m.Decided && c.mayDecide()
	m.MayAcknowledge = s.AckAt.IsZero() && c.may(registry.HandleCases)
	pack, err := h.lawOfCase(one)
	m.MayExtend = err == nil && s.Kind == casefile.Appeal && pack.Appeal != nil && pack.Appeal.Extension != nil && s.Extension == nil && !f.Now().After(s.Due.At) && c.may(registry.HandleCases)
	return h.bad(w, errs, func() error { return h.Pages.ConsoleSub(w, m) })
}

func (h *Handler) takeSub(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, s, err := h.sub(r, c)
	if err != nil {
		return err
	}
	ctx, id := r.Context(), f.Case.ID
	switch r.PostFormValue("decision") {
	case "decide":
		if err := c.allow(registry.DecideCases); err != nil {
			return err
		}
		_, err = h.decideSub(ctx, c, id, s.ID, verdict{Outcome: r.PostFormValue("outcome"), Reason: r.PostFormValue("reason"), Todo: r.PostFormValue("todo")})
	case "extend":
		_, err = h.extendSub(ctx, c, id, s.ID, strings.TrimSpace(r.PostFormValue("why")))
	case "acknowledge":
		_, err = h.acknowledgeSub(ctx, c, id, s.ID)
	default:
		err = fault.InvalidField("/outcome", "decide, extend or confirm it")
	}
	if errs, ok := dutyErrors(err); ok {
		return h.showSub(w, r, c, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id, pages.NoticeSubSettled)
	return nil
}

// pageAppeals lists what needs somebody who has not decided on it so far.
func (h *Handler) pageAppeals(w http.ResponseWriter, r *http.Request, c *caller) error {
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleAppeals{ConsoleFrame: fr}
	if m.Claims, err = h.claimRows(r, c, listed); err != nil {
		return err
	}
	var next string
	if m.Subs, next, err = h.subRows(r, c, listed, r.URL.Query().Get("cursor")); err != nil {
		return err
	}
	if next != "" {
		m.Paging.Next = c.url("/console/appeals", "cursor", next)
	}
	return h.Pages.ConsoleAppeals(w, m)
}

// listed is the length of a list of claims, appeals and complaints on one page.
const listed = 50

// waitingDuties is the short list for the first page: claims, then appeals and complaints.
func (h *Handler) waitingDuties(r *http.Request, c *caller) ([]pages.DutyRow, error) {
	claims, err := h.claimRows(r, c, short)
	if err != nil {
		return nil, err
	}
	subs, _, err := h.subRows(r, c, short, "")
	return append(claims, subs...), err
}

func (h *Handler) claimRows(r *http.Request, c *caller, limit int) ([]pages.DutyRow, error) {
	ids, _, err := h.Cases.ClaimedCases(r.Context(), c.tenant.Name, limit, "")
	if err != nil {
		return nil, err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return nil, err
	}
	var out []pages.DutyRow
	for _, id := range ids {
		one, err := h.Cases.Case(r.Context(), c.tenant.Name, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range one.Claims {
			if k := &one.Claims[i]; k.Open() && one.Open() {
				out = append(out, c.claimRow(&one, k, names, h.Now()))
			}
		}
	}
	return out, nil
}

func (h *Handler) subRows(r *http.Request, c *caller, limit int, cursor string) ([]pages.DutyRow, string, error) {
	refs, next, err := h.Cases.OpenSubs(r.Context(), c.tenant.Name, limit, cursor)
	if err != nil {
		return nil, "", err
	}
	var out []pages.DutyRow
	for _, ref := range refs {
		f, err := h.Cases.Load(r.Context(), c.tenant.Name, ref.CaseID)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		s, err := f.Sub(r.Context(), ref.ID)
		if err != nil {
			return nil, "", err
		}
		if s.Open() {
			out = append(out, h.subRow(c, &f.Case, s))
		}
	}
	return out, next, nil
}
