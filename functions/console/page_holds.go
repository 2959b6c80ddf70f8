package console

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Bounds of what is shown of holds.
const (
	releasedShown = 50 // released ones on one page
	heldShown     = 50 // cases of one hold
)

// heldCases returns the cases of which a hold kept something and that go on when it is released, with their references; more says
// that there are others.
func (h *Handler) heldCases(ctx context.Context, c *caller, id string) (list []caseRow, more bool, err error) {
	ids, err := h.Holds.Cases(ctx, c.tenant.Name, id, heldShown+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(ids) > heldShown; more {
		ids = ids[:heldShown]
	}
	list = []caseRow{}
	for _, one := range ids {
		found, err := h.Cases.Case(ctx, c.tenant.Name, one)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		list = append(list, rowOf(found))
	}
	return list, more, nil
}

// holdDetails are the personal half of a hold, in the open.
type holdDetails struct {
	Identifier *subject.Revealed `json:"identifier,omitempty"`
	Keys       []string          `json:"keys"`
	Reason     string            `json:"reason"`
}

// openHold shows the personal half of a hold; the look is recorded before.
func (h *Handler) openHold(ctx context.Context, c *caller, one hold.Hold) (*holdDetails, error) {
	if err := h.record(ctx, c, act{Kind: holdRevealed, Target: one.ID}); err != nil {
		return nil, err
	}
	d, err := h.Holds.Details(ctx, one)
	if err != nil {
		return nil, err
	}
	out := &holdDetails{Keys: []string{}, Reason: d.Reason.Reveal()}
	if one.Scope == hold.Subject {
		r := d.Identifier.Reveal()
		out.Identifier = &r
	}
	for _, k := range d.Keys {
		out.Keys = append(out.Keys, k.Reveal())
	}
	return out, nil
}

// apiHold answers with one hold and what it kept. Whom it is about comes with reveal=true, for callers who may see it.
func (h *Handler) apiHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	one, err := h.Holds.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	v := struct {
		holdView
		Cases   []caseRow    `json:"cases"`
		More    bool         `json:"more"` // there are other cases
		Details *holdDetails `json:"details,omitempty"`
	}{holdView: viewOfHold(one)}
	if v.Cases, v.More, err = h.heldCases(r.Context(), c, one.ID); err != nil {
		return err
	}
	if r.URL.Query().Get("reveal") == "true" && c.may(registry.RevealData) {
		if v.Details, err = h.openHold(r.Context(), c, one); err != nil {
			return err
		}
	}
	web.WriteJSON(w, http.StatusOK, v)
	return nil
}

// holdRow is a hold as a page shows it.
func (h *Handler) holdRow(c *caller, one hold.Hold, names map[string]string) pages.HoldRow {
	row := pages.HoldRow{
		URL: c.url("/console/holds/" + url.PathEscape(one.ID)), Scope: string(one.Scope), Kind: string(one.Kind), System: one.System, Collection: one.Collection,
		Records: one.Records, ReviewBy: one.ReviewBy, PlacedAt: c.shown(one.PlacedAt), PlacedBy: cmp.Or(names[one.PlacedBy], one.PlacedBy), ReleasedAt: c.shown(one.ReleasedAt),
	}
	if !one.ReviewBy.IsZero() && one.Live() {
		row.Overdue = overdue(one.ReviewBy.Format(time.DateOnly), h.Now().In(c.zone).Format(time.DateOnly))
	}
	return row
}

func (h *Handler) pageHolds(w http.ResponseWriter, r *http.Request, c *caller) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	all, err := h.Holds.List(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	m := pages.ConsoleHolds{ConsoleFrame: fr, ExemptionsURL: c.url("/console/exemptions"), AuthoritiesURL: c.url(authorities)}
	for _, one := range slices.Backward(all) {
		row := h.holdRow(c, one, names)
		if one.CaseID != "" {
			row.Case = h.referenceOf(r, c, one.CaseID)
		}
		switch {
		case !one.Live():
			m.Released = append(m.Released, row)
		case row.Overdue:
			m.Overdue++
			m.Live = slices.Insert(m.Live, m.Overdue-1, row)
		default:
			m.Live = append(m.Live, row)
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor")) // what is no number shows the first page
	from = min(max(from, 0), len(m.Released))
	to := min(from+releasedShown, len(m.Released))
	if to < len(m.Released) {
		m.Paging.Next = c.url("/console/holds", "cursor", strconv.Itoa(to))
	}
	if m.Released = m.Released[from:to]; from > 0 {
		m.Paging.First = c.url("/console/holds")
	}
	if c.may(registry.PlaceHolds) {
		m.PlaceURL = c.url("/console/place-hold")
	}
	return h.Pages.ConsoleHolds(w, m)
}

// referenceOf names a case; its id when it is no more.
func (h *Handler) referenceOf(r *http.Request, c *caller, id string) string {
	one, err := h.Cases.Case(r.Context(), c.tenant.Name, id)
	if err != nil {
		return id
	}
	return one.Reference
}

func (h *Handler) pageHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showHold(w, r, c, false)
}

func (h *Handler) revealHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showHold(w, r, c, true)
}

func (h *Handler) showHold(w http.ResponseWriter, r *http.Request, c *caller, shown bool) error {
	one, err := h.Holds.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	at := "/console/holds/" + url.PathEscape(one.ID)
	m := pages.ConsoleHold{ConsoleFrame: fr, Hold: h.holdRow(c, one, names), ReleasedBy: cmp.Or(names[one.ReleasedBy], one.ReleasedBy), BackURL: c.url("/console/holds")}
	if one.CaseID != "" {
		m.Hold.Case, m.CaseURL = h.referenceOf(r, c, one.CaseID), c.caseURL(one.CaseID, "")
	}
	list, more, err := h.heldCases(r.Context(), c, one.ID)
	if err != nil {
		return err
	}
	m.More = more
	for _, x := range list {
		m.Cases = append(m.Cases, pages.HeldCase{Reference: x.Reference, URL: c.caseURL(x.ID, ""), Right: x.Right, Status: x.Status})
	}
	switch {
	case shown:
		d, err := h.openHold(r.Context(), c, one)
		if err != nil {
			return err
		}
		m.Details = &pages.HoldDetails{Keys: d.Keys, Reason: d.Reason}
		if d.Identifier != nil {
			m.Details.Identifier = d.Identifier.Value
		}
	case c.may(registry.RevealData):
		m.RevealForm = pages.Form{Action: c.url(at)}
	}
	if one.Live() && c.may(registry.PlaceHolds) {
		m.ReleaseURL = c.url(at + "/release")
	}
	return h.Pages.ConsoleHold(w, m)
}

func (h *Handler) askHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	m := pages.ConsolePlaceHold{Case: r.URL.Query().Get("case")}
	if m.Case != "" {
		m.Scope = string(hold.Case)
	}
	return h.showPlaceHold(w, r, c, m)
}

func (h *Handler) showPlaceHold(w http.ResponseWriter, r *http.Request, c *caller, m pages.ConsolePlaceHold) error {
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	all, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	m.ConsoleFrame, m.Form, m.BackURL = fr, pages.Form{Action: c.url("/console/place-hold")}, c.url("/console/holds")
	for _, k := range []subject.Kind{subject.Email, subject.CustomerID, subject.Phone} {
		m.Kinds = append(m.Kinds, string(k))
	}
	for _, s := range all {
		m.Systems = append(m.Systems, pages.PlanTarget{Value: s.Name, Name: titleOf(s)})
		for _, k := range s.Identifiers {
			if !slices.Contains(m.Kinds, string(k)) {
				m.Kinds = append(m.Kinds, string(k))
			}
		}
	}
	if len(m.Errors) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsolePlaceHold(w, m)
}

func (h *Handler) takeHold(w http.ResponseWriter, r *http.Request, c *caller) error {
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	m := pages.ConsolePlaceHold{
		Scope: v("scope"), Kind: v("kind"), Identifier: v("identifier"), System: v("system"), Collection: v("collection"), Keys: v("keys"), Case: v("case"),
		ReviewBy: v("reviewBy"), Reason: v("reason"),
	}
	in := holdBody{Scope: hold.Scope(m.Scope), System: m.System, Collection: m.Collection, Reason: m.Reason, ReviewBy: m.ReviewBy}
	if in.Scope == hold.Subject && m.Identifier != "" {
		in.Identifier = &subject.Revealed{Kind: subject.Kind(m.Kind), Value: m.Identifier}
	}
	if in.Scope == hold.Case {
		in.Case = m.Case
	}
	for line := range strings.Lines(m.Keys) {
		if line = strings.TrimSpace(line); line != "" {
			in.Keys = append(in.Keys, line)
		}
	}
	one, err := h.placeHold(r.Context(), c, in)
	if fault.Has(err, fault.NotFound) {
		err = fault.InvalidField("/case", "there is no such case")
	}
	if errs, ok := formErrors(err, nil); ok {
		for i, e := range errs {
			if e.Problem == pages.NotAllowed && slices.Contains([]string{"scope", "system"}, e.Field) {
				errs[i].Problem = pages.Missing
			}
			if e.Field == "identifier" && m.Identifier != "" {
				errs[i].Problem = pages.NotAllowed
			}
			if e.Field == "reviewBy" {
				errs[i].Problem = pages.NotADate
			}
		}
		m.Errors = errs
		return h.showPlaceHold(w, r, c, m)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/holds/"+one.ID, pages.NoticeHoldPlaced)
	return nil
}

func (h *Handler) askRelease(w http.ResponseWriter, r *http.Request, c *caller) error {
	one, err := h.Holds.Get(r.Context(), c.tenant.Name, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !one.Live() {
		return fault.New(fault.Conflict, "this hold is released")
	}
	fr, err := h.frame(r, c, pages.SectionHolds)
	if err != nil {
		return err
	}
	list, err := h.Holds.Cases(r.Context(), c.tenant.Name, one.ID, maxCounted)
	if err != nil {
		return err
	}
	at := "/console/holds/" + url.PathEscape(one.ID)
	return h.Pages.ConsoleConfirm(w, pages.ConsoleConfirm{
		ConsoleFrame: fr, Form: pages.Form{Action: c.url(at + "/release")}, Act: pages.ConfirmRelease, Cases: len(list), NoReason: true, BackURL: c.url(at),
	})
}

func (h *Handler) takeRelease(w http.ResponseWriter, r *http.Request, c *caller) error {
	id := r.PathValue("id")
	if _, err := h.Holds.Get(r.Context(), c.tenant.Name, id); err != nil {
		return err
	}
	if err := h.releaseHold(r.Context(), c, id); err != nil {
		return err
	}
	c.then(w, r, "/console/holds/"+id, pages.NoticeHoldReleased)
	return nil
}

// holdable reports whether a hold on a case would keep anything from now on.
func holdable(r dsar.Right) bool { return !r.Discloses() }
