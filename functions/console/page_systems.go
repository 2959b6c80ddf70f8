package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func systemState(s registry.System) pages.SystemState {
	switch {
	case s.CheckedAt.IsZero():
		return pages.SystemNotChecked
	case s.Problem == "":
		return pages.SystemWell
	case s.Problem == string(fault.Unavailable) || s.Problem == string(fault.Throttled):
		return pages.SystemDown
	}
	return pages.SystemRefusing
}

// openTasks counts the tasks that wait for a person by system, up to maxLimit of them.
func (h *Handler) openTasks(r *http.Request, c *caller) (map[string]int, error) {
	list, _, err := h.tasks(r, c, maxLimit)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, t := range list {
		out[t.System]++
	}
	return out, nil
}

func titleOf(s registry.System) string {
	if s.Title != "" {
		return s.Title
	}
	return s.Name
}

func (h *Handler) systemRows(r *http.Request, c *caller) ([]pages.SystemRow, error) {
	all, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return nil, err
	}
	tasks, err := h.openTasks(r, c)
	if err != nil {
		return nil, err
	}
	var out []pages.SystemRow
	for _, s := range all {
		out = append(out, pages.SystemRow{
			Name: titleOf(s), URL: c.url("/console/systems/" + url.PathEscape(s.Name)), Kind: s.Kind, Owner: s.Owner, State: systemState(s),
			CheckedAt: c.shown(s.CheckedAt), Rights: s.Rights, Collections: len(s.Collections), OpenTasks: tasks[s.Name],
		})
	}
	return out, nil
}

func (h *Handler) pageSystems(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionSystems)
	if err != nil {
		return err
	}
	rows, err := h.systemRows(r, c)
	if err != nil {
		return err
	}
	return h.Pages.ConsoleSystems(w, pages.ConsoleSystems{ConsoleFrame: f, Rows: rows})
}

func (h *Handler) pageSystem(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showSystem(w, r, c, nil)
}

func (h *Handler) showSystem(w http.ResponseWriter, r *http.Request, c *caller, checked *healthView) error {
	s, err := h.Registry.System(r.Context(), c.tenant.Name, r.PathValue("name"))
	if err != nil {
		return err
	}
	f, err := h.frame(r, c, pages.SectionSystems)
	if err != nil {
		return err
	}
	tasks, err := h.openTasks(r, c)
	if err != nil {
		return err
	}
	m := pages.ConsoleSystem{
		ConsoleFrame: f, Name: titleOf(s), Kind: s.Kind, Owner: s.Owner, Autopilot: s.Autopilot, State: systemState(s), CheckedAt: c.shown(s.CheckedAt),
		OpenTasks: tasks[s.Name], TasksURL: c.url("/console/tasks"),
	}
	if m.State == pages.SystemRefusing && !fault.Class(s.Problem).Valid() {
		m.Why = s.Problem
	}
	if c.may(registry.ChangeSystems) {
		m.CheckForm = pages.Form{Action: c.url("/console/systems/" + url.PathEscape(s.Name) + "/check")}
	}
	for _, right := range dsar.Rights() {
		m.Rights = append(m.Rights, pages.RightCover{Right: right, Covered: s.Serves(right)})
	}
	today := h.Now().In(c.zone).Format(time.DateOnly)
	for _, x := range s.Exemptions {
		m.Exemptions = append(m.Exemptions, pages.SystemExemption{Collection: x.Collection, Citation: x.Citation, Reason: x.Reason, Rights: x.Rights, ReviewBy: x.ReviewBy, Overdue: overdue(x.ReviewBy, today)})
	}
	m.Collections = collections(s)
	g, known, err := h.Systems.Sketch(r.Context(), s)
	if err != nil {
		return err
	}
	m.Map, m.Warnings = dataMap(g), warnings(known)
	if checked != nil {
		m.Notice = pages.NoticeChecked
		m.Check = findings(*checked)
	}
	recipients, err := h.Registry.Recipients(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	for _, name := range s.Recipients {
		rec := pages.Recipient{Name: name, State: pages.TellNotNeeded}
		for _, known := range recipients {
			if known.Name == name {
				rec.Name, rec.Purpose = known.Title, known.Purpose
			}
		}
		m.Recipients = append(m.Recipients, rec)
	}
	return h.Pages.ConsoleSystem(w, m)
}

// collections shows the data map. A map that no longer reads, which registration would have refused, shows names only.
func collections(s registry.System) []pages.SystemCollection {
	var out []pages.SystemCollection
	l, err := datamap.Load([]byte(s.Dataset))
	if err != nil || len(l.Datasets) == 0 {
		for _, name := range s.Collections {
			out = append(out, pages.SystemCollection{Name: name})
		}
		return out
	}
	for _, c := range l.Datasets[0].Collections {
		v := pages.SystemCollection{Name: c.Name, Description: c.Description, FoundBy: foundBy(c), Retention: cmp.Or(c.Retention, s.Facts.Retention)}
		for range c.All {
			v.Fields++
		}
		out = append(out, v)
	}
	return out
}

// foundBy names how rows of a collection are reached: by identifiers, or from other collections.
func foundBy(c *connector.Collection) string {
	var by []string
	add := func(s string) {
		if !slices.Contains(by, s) {
			by = append(by, s)
		}
	}
	for _, f := range c.IdentityFields() {
		add(string(f.Identity))
	}
	for f := range c.All {
		for _, r := range f.References {
			if r.Direction != connector.DirectionTo {
				add(r.Collection + "." + r.Field)
			}
		}
	}
	return strings.Join(by, ", ")
}

// findings are the lines of a test.
func findings(v healthView) []pages.CheckStep {
	out := []pages.CheckStep{{Name: "Connection", OK: v.Reachable}}
	for _, p := range v.Problems {
		name := "Data map"
		if v.Class != "" {
			name = "Registration"
		}
		if p.Collection != "" {
			name = p.Collection
			if p.Field != "" {
				name += "." + p.Field
			}
		}
		out = append(out, pages.CheckStep{Name: name, Text: p.Text})
	}
	return out
}

// takeCheck tests the system and shows what it found. The test changes nothing but what is known of the system, so showing
// it without another request does no harm when the page is loaded again.
func (h *Handler) takeCheck(w http.ResponseWriter, r *http.Request, c *caller) error {
	name := r.PathValue("name")
	v, err := h.checkSystem(r, c, name)
	if err != nil {
		return err
	}
	if err := h.record(r.Context(), c, act{Kind: systemChecked, Target: name}); err != nil {
		return err
	}
	return h.showSystem(w, r, c, &v)
}
