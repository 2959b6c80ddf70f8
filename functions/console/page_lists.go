package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// short is the length of the lists on the first page; nearlyLate is how far ahead it looks.
const (
	short      = 10
	nearlyLate = 5 * 24 * time.Hour
)

// openStatuses are those of cases that are not closed.
func openStatuses() []dsar.Status {
	return slices.DeleteFunc(dsar.Statuses(), dsar.Status.Final)
}

func (h *Handler) now(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionNow)
	if err != nil {
		return err
	}
	m := pages.ConsoleNow{
		ConsoleFrame: f, ReviewsURL: c.url("/console/cases", "status", string(dsar.AwaitingReview), "sort", byDue),
		LateURL:  c.url("/console/cases", "sort", byDue, "dueBefore", f.Now.Add(nearlyLate).Format(time.DateOnly), "status", "open"),
		TasksURL: c.url("/console/tasks"), SystemsURL: c.url("/console/systems"),
	}
	if m.Reviews, err = h.rows(r, c, query{statuses: []dsar.Status{dsar.AwaitingReview}, sort: byDue, limit: short}); err != nil {
		return err
	}
	late := query{statuses: openStatuses(), sort: byDue, dueBefore: h.Now().Add(nearlyLate), limit: short}
	if m.Late, err = h.rows(r, c, late); err != nil {
		return err
	}
	if m.Tasks, err = h.taskRows(r, c, short); err != nil {
		return err
	}
	waits, err := h.unaccounted(r, c)
	if err != nil {
		return err
	}
	if !c.tenant.Production && !h.Demo {
		m.TrialURL = c.url("/console/law", "trust", string(pages.LawDraft))
	}
	if waits {
		m.RegisterURL = c.url("/console/late")
	}
	if m.Duties, err = h.waitingDuties(r, c); err != nil {
		return err
	}
	m.AppealsURL = c.url("/console/appeals")
	if m.Open, err = h.countOpen(r, c); err != nil {
		return err
	}
	if c.may(registry.ReadSystems) {
		all, err := h.systemRows(r, c)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.State == pages.SystemDown || s.State == pages.SystemRefusing {
				m.Systems = append(m.Systems, s)
			}
		}
	}
	return h.Pages.ConsoleNow(w, m)
}

// countOpen counts the open cases in the index, up to maxCounted of each status.
func (h *Handler) countOpen(r *http.Request, c *caller) (int, error) {
	n := 0
	for _, s := range openStatuses() {
		lines, err := h.Cases.Seek(r.Context(), casefile.Seek{Tenant: c.tenant.Name, Status: s, Limit: maxCounted})
		if err != nil {
			return 0, err
		}
		n += len(lines)
	}
	return n, nil
}

// rows returns one page of a list as rows.
func (h *Handler) rows(r *http.Request, c *caller, q query) ([]pages.CaseRow, error) {
	list, _, err := h.cases(r.Context(), c, q)
	if err != nil {
		return nil, err
	}
	return h.caseRows(r, c, list)
}

func (h *Handler) caseRows(r *http.Request, c *caller, list []casefile.Case) ([]pages.CaseRow, error) {
	systems, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return nil, err
	}
	out := make([]pages.CaseRow, 0, len(list))
	for _, one := range list {
		row := pages.CaseRow{
			Reference: one.Reference, URL: c.caseURL(one.ID, ""), Right: one.Right, Status: one.Status,
			ReceivedAt: c.shown(one.ReceivedAt), Due: h.due(c, &one), Paused: one.Paused != nil,
		}
		f, err := h.Cases.Load(r.Context(), c.tenant.Name, one.ID)
		if err != nil && !fault.Has(err, fault.NotFound) {
			return nil, err
		}
		if err == nil {
			for _, s := range progress.Systems(f, systems) {
				row.Systems++
				if s.Outcome != "" {
					row.SystemsDone++
				}
			}
		}
		out = append(out, row)
	}
	return out, nil
}

func (h *Handler) pageCases(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	v := r.URL.Query()
	m := pages.ConsoleCases{ConsoleFrame: f, Filter: pages.CaseFilter{
		Action: "/console/cases", Q: v.Get("q"), Right: dsar.Right(v.Get("right")), DueBefore: v.Get("dueBefore"), Sort: v.Get("sort"),
	}}
	if s := dsar.Status(v.Get("status")); s.Valid() {
		m.Filter.Status = s
	}
	if v.Get("sort") == "" {
		v.Set("sort", byDue)
	}
	for _, name := range []string{"q", "status", "right", "dueBefore"} {
		if v.Get(name) != "" {
			m.Filter.ClearURL = c.url("/console/cases")
		}
	}
	if s := v.Get("status"); s == "open" || (s == "" && m.Filter.ClearURL == "") {
		v.Del("status")
		for _, s := range openStatuses() {
			v.Add("status", string(s)) // closed cases are found by asking for them
		}
	}
	m.Sorts = c.sorts(r.URL.Query(), v.Get("sort"))
	q, err := readQuery(v, c.zone)
	if err != nil {
		if m.Errors = filterErrors(err); m.Errors == nil {
			return err
		}
		if !m.Filter.Right.Valid() {
			m.Filter.Right = ""
		}
		w.WriteHeader(http.StatusBadRequest)
		return h.Pages.ConsoleCases(w, m)
	}
	list, next, err := h.cases(r.Context(), c, q)
	if err != nil {
		return err
	}
	if m.Rows, err = h.caseRows(r, c, list); err != nil {
		return err
	}
	if q.after != "" {
		m.Paging.First = c.again(r.URL.Query(), "cursor", "")
	}
	if next != "" {
		m.Paging.Next = c.again(r.URL.Query(), "cursor", next)
	}
	return h.Pages.ConsoleCases(w, m)
}

// filterErrors turns what is wrong with the filter into errors of its fields; nil when something else is wrong.
func filterErrors(err error) pages.Errors {
	fields, ok := err.(web.Fields) //nolint:errorlint // readQuery returns it unwrapped
	if !ok {
		return nil
	}
	var out pages.Errors
	for _, f := range fields {
		switch name := strings.TrimPrefix(f.Pointer, "/"); name {
		case "dueBefore":
			out = append(out, pages.FieldError{Field: name, Problem: pages.NotADate})
		case "status", "right":
			out = append(out, pages.FieldError{Field: name, Problem: pages.NotAChoice})
		case "q":
			out = append(out, pages.FieldError{Field: name, Problem: pages.TooLong})
		default:
			return nil // an address that no form or link makes
		}
	}
	return out
}

// again is the address of the list with one parameter set anew.
func (c *caller) again(v url.Values, name, value string) string {
	q := url.Values{}
	for k, list := range v {
		if k != "done" && k != "cursor" && len(list) > 0 && list[0] != "" {
			q[k] = list
		}
	}
	if q.Del(name); value != "" {
		q.Set(name, value)
	}
	if len(q) == 0 {
		return "/console/cases"
	}
	return "/console/cases?" + q.Encode()
}

// sorts makes the heads of the sortable columns links that turn their order around.
func (c *caller) sorts(v url.Values, current string) []pages.SortLink {
	var out []pages.SortLink
	for _, column := range []string{byDue, byReceived} {
		l := pages.SortLink{Column: column, URL: c.again(v, "sort", column)}
		switch current {
		case column:
			l.Direction, l.URL = "ascending", c.again(v, "sort", "-"+column)
		case "-" + column:
			l.Direction = "descending"
		}
		out = append(out, l)
	}
	return out
}

func (h *Handler) pageTasks(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionTasks)
	if err != nil {
		return err
	}
	m := pages.ConsoleTasks{ConsoleFrame: f}
	list, next, err := h.tasks(r, c, defaultLimit)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("cursor") == "" {
		if m.Rows, err = h.stuck(r, c, defaultLimit); err != nil {
			return err
		}
		lost, err := h.lost(r, c, defaultLimit)
		if err != nil {
			return err
		}
		untold, err := h.untoldRows(r, c, defaultLimit)
		if err != nil {
			return err
		}
		m.Rows = append(append(m.Rows, lost...), untold...)
	} else {
		m.Paging.First = c.url("/console/tasks")
	}
	for _, t := range list {
		m.Rows = append(m.Rows, h.taskRow(c, t))
	}
	if next != "" {
		m.Paging.Next = c.url("/console/tasks", "cursor", next)
	}
	return h.Pages.ConsoleTasks(w, m)
}

// taskRows are the most urgent tasks, failures of whole cases first.
func (h *Handler) taskRows(r *http.Request, c *caller, limit int) ([]pages.TaskRow, error) {
	rows, err := h.stuck(r, c, limit)
	if err != nil {
		return nil, err
	}
	lost, err := h.lost(r, c, limit)
	if err != nil {
		return nil, err
	}
	untold, err := h.untoldRows(r, c, limit)
	if err != nil {
		return nil, err
	}
	rows = append(append(rows, lost...), untold...)
	list, _, err := h.tasks(r, c, limit)
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		rows = append(rows, h.taskRow(c, t))
	}
	return rows[:min(len(rows), limit)], nil
}

// stuck lists the cases that wait for somebody who runs Habeas.
func (h *Handler) stuck(r *http.Request, c *caller, limit int) ([]pages.TaskRow, error) {
	list, _, err := h.cases(r.Context(), c, query{statuses: []dsar.Status{dsar.AwaitingPerson}, sort: byDue, limit: maxLimit})
	if err != nil {
		return nil, err
	}
	var out []pages.TaskRow
	for _, one := range list {
		if o := one.Operator; o != nil && o.Next == "" && len(out) < limit {
			out = append(out, pages.TaskRow{
				URL: c.caseURL(one.ID, "/operator"), Kind: pages.TaskOperator, Case: one.Reference, CaseURL: c.caseURL(one.ID, ""),
				Due: h.due(c, &one), Since: c.shown(o.Since),
			})
		}
	}
	return out, nil
}

func (h *Handler) taskRow(c *caller, t taskView) pages.TaskRow {
	return pages.TaskRow{
		URL:  c.url("/console/tasks/" + url.PathEscape(t.CaseID) + "/" + url.PathEscape(t.ID)),
		Kind: taskKind(t.Asked.Why, t.Action), System: t.System, Case: t.Reference, CaseURL: c.caseURL(t.CaseID, ""),
		Due: pages.Due{At: c.shown(t.Asked.DueAt)}, Since: c.shown(t.Asked.Since),
	}
}

// taskKind turns the reason why a person is asked, and about which action, into the kind that has words.
func taskKind(why string, a dsar.Action) pages.TaskKind {
	switch why {
	case "ambiguous":
		return pages.TaskAmbiguous
	case "manual":
		switch a {
		case dsar.Restrict:
			return pages.TaskRestrict
		case dsar.Erase, dsar.Correct:
			return pages.TaskByHand
		default:
			return pages.TaskSearch
		}
	case "verify":
		return pages.TaskVerify
	case "conflict":
		return pages.TaskConflict
	case "unsupported":
		return pages.TaskUnsupported
	case casefile.WhyOwner:
		return pages.TaskOwner
	case casefile.WhyOwnerLate:
		return pages.TaskOwnerLate
	case casefile.WhyOwnerCannot:
		return pages.TaskOwnerCannot
	case "late":
		return pages.TaskStillWaiting
	}
	return pages.TaskOperator
}
