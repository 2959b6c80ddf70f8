package console

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// lawRoutes are the pages about the laws.
func (h *Handler) lawRoutes() []Route {
	const one = " /console/law/{law}"
	return []Route{
		h.page("GET /console/law", registry.ReadCases, h.pageLaws),
		h.page("GET"+one, registry.ReadCases, h.pageLaw),
		h.page("GET"+one+"/confirm", registry.ConfirmLaws, h.askConfirmLaw),
		h.page("POST"+one+"/confirm", registry.ConfirmLaws, h.takeConfirmLaw),
	}
}

// lawURL is the page of a law.
func (c *caller) lawURL(id policy.ID, more ...string) string {
	return c.url("/console/law/"+url.PathEscape(string(id)), more...)
}

// midnight is the beginning of a date as pages show it, in the zone of the tenant; the zero date gives the zero time.
func (c *caller) midnight(d civil.Date) time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, c.zone)
}

// lawRow is a law as a list shows it.
func (h *Handler) lawRow(c *caller, p policy.Pack, confirmed map[policy.Version]registry.Confirmation) pages.LawRow {
	today := civil.In(h.Now(), c.zone)
	row := pages.LawRow{
		Name: p.Name, Short: p.Short, URL: c.lawURL(p.ID), State: pages.LawInForce, From: c.midnight(p.Valid.From), Until: c.midnight(p.Valid.Until), Trust: pages.LawChecked,
		Scope: len(c.tenant.Laws) == 0 || slices.Contains(c.tenant.Laws, p.ID), Answer: lawPeriod(p.Response.Default),
	}
	switch {
	case today.Before(p.Valid.From):
		row.State = pages.LawLater
	case !p.InForce(today):
		row.State = pages.LawEnded
	}
	if p.Draft() {
		row.Trust = pages.LawDraft
		if _, ok := confirmed[p.Version]; ok {
			row.Trust = pages.LawConfirmed
		}
	}
	return row
}

// pageLaws lists the laws that fit a search.
func (h *Handler) pageLaws(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.frame(r, c, pages.SectionLaw)
	if err != nil {
		return err
	}
	confirmed, err := h.Registry.Confirmed(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	m := pages.ConsoleLaws{ConsoleFrame: f, Filter: pages.LawFilter{
		Action: c.url("/console/law"), Q: strings.TrimSpace(q.Get("q")), Scope: q.Get("scope") == "ours",
		State: known(pages.LawStates(), pages.LawState(q.Get("state"))), Trust: known(pages.LawTrusts(), pages.LawTrust(q.Get("trust"))),
	}}
	if m.Filter.Q != "" || m.Filter.Scope || m.Filter.State != "" || m.Filter.Trust != "" {
		m.Filter.ClearURL = c.url("/console/law")
	}
	for _, p := range h.Packs.Packs() {
		m.Of++
		row := h.lawRow(c, p, confirmed)
		words := strings.ToLower(strings.Join([]string{string(p.ID), p.Name, p.Short, p.Law}, " "))
		if strings.Contains(words, strings.ToLower(m.Filter.Q)) && (!m.Filter.Scope || row.Scope) &&
			(m.Filter.State == "" || row.State == m.Filter.State) && (m.Filter.Trust == "" || row.Trust == m.Filter.Trust) {
			m.Rows = append(m.Rows, row)
		}
	}
	slices.SortStableFunc(m.Rows, func(a, b pages.LawRow) int { return cmp.Compare(a.Name, b.Name) })
	return h.Pages.ConsoleLaws(w, m)
}

// known returns v when it is one of the list, else nothing.
func known[T comparable](list []T, v T) T {
	if slices.Contains(list, v) {
		return v
	}
	var none T
	return none
}

// pageLaw shows one law, and answers what-if questions about it.
func (h *Handler) pageLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	p, err := h.Packs.Pack(policy.ID(r.PathValue("law")))
	if err != nil {
		return err
	}
	f, err := h.frame(r, c, pages.SectionLaw)
	if err != nil {
		return err
	}
	confirmed, err := h.Registry.Confirmed(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	m := pages.ConsoleLaw{
		ConsoleFrame: f, Law: h.lawRow(c, p, confirmed), Title: p.Law, Regulator: p.Regulator, Confidence: p.Confidence, ConfidenceNote: p.ConfidenceNote, Conflicts: p.Conflicts,
		Rights: lawRights(c, p), Sections: lawSections(p), Version: string(p.Version), BackURL: c.url("/console/law"),
	}
	for _, s := range p.Sources {
		m.Sources = append(m.Sources, pages.LawSource{Cite: s.Cite, URL: s.URL, Read: s.Read})
	}
	given := confirmed[p.Version]
	m.ConfirmedBy, m.ConfirmedAt = given.Name, c.shown(given.At)
	if m.Law.Trust == pages.LawDraft && c.may(registry.ConfirmLaws) {
		m.ConfirmURL = c.url("/console/law/" + url.PathEscape(string(p.ID)) + "/confirm")
	}
	q := r.URL.Query()
	var seat policy.Place
	m.WhatIf, seat = lawQuestion(c, p, q, h.Now())
	m.Calendar = lawCalendar(c, p.CalendarAt(seat), lawYear(q, h.Now().In(c.zone)), func(year int) string {
		return c.lawURL(p.ID, "year", strconv.Itoa(year), "place", q.Get("place"))
	})
	if m.WhatIf.Asked {
		m.Errors = answerLaw(c, p, seat, &m.WhatIf)
	}
	return h.Pages.ConsoleLaw(w, m)
}

// lawPlaces lists the places whose calendars a law may be counted by: an unknown one, those of the law, and that of the tenant.
func lawPlaces(c *caller, p policy.Pack) []pages.LawPlace {
	out := []pages.LawPlace{{}}
	add := func(country, region string) {
		one := pages.LawPlace{Value: strings.Trim(country+"-"+region, "-"), Country: country, Region: region}
		if country != "" && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	add(c.tenant.Country, c.tenant.Region)
	for _, in := range p.Calendars {
		add(in.Country, in.Region)
	}
	return out
}

// lawQuestion reads the what-if form; without one it is filled with what is likely: a request of today, at the seat of the tenant.
func lawQuestion(c *caller, p policy.Pack, q url.Values, now time.Time) (pages.LawWhatIf, policy.Place) {
	m := pages.LawWhatIf{
		Action: c.lawURL(p.ID), Year: q.Get("year"), Right: dsar.Right(q.Get("right")), Received: q.Get("received"), Places: lawPlaces(c, p), Place: q.Get("place"),
		Extended: q.Get("extended") == "yes", Open: p.Extension != nil && p.Extension.Open, Until: q.Get("until"), Asked: q.Has("received"),
	}
	if !m.Right.Valid() {
		m.Right = dsar.Access
	}
	if !m.Asked {
		m.Received = civil.In(now, c.zone).String()
	}
	if !q.Has("place") {
		m.Place = strings.Trim(c.tenant.Country+"-"+c.tenant.Region, "-")
	}
	var seat policy.Place
	for _, place := range m.Places {
		if place.Value == m.Place {
			seat = policy.Place{Country: place.Country, Region: place.Region}
		}
	}
	return m, seat
}

// answerLaw computes the dates of a what-if question, or says what is wrong with it.
func answerLaw(c *caller, p policy.Pack, seat policy.Place, m *pages.LawWhatIf) pages.Errors {
	received, err := civil.Parse(m.Received)
	if err != nil {
		return pages.Errors{{Field: "received", Problem: pages.NotADate}}
	}
	ask := clock.Question{
		Laws: []policy.Pack{p}, Right: m.Right, In: policy.Circumstances{Seat: seat}, Extended: m.Extended,
		Input: clock.Input{ReceivedAt: c.midnight(received).Add(12 * time.Hour), Zone: c.zone}, // noon is on the date in every zone that changes its clocks
	}
	if m.Until != "" {
		if ask.Until, err = civil.Parse(m.Until); err != nil {
			return pages.Errors{{Field: "until", Problem: pages.NotADate}}
		}
	}
	answer, err := clock.WhatIf(ask)
	if err != nil {
		if m.Open && m.Extended {
			return pages.Errors{{Field: "until", Problem: pages.NotADate}}
		}
		return pages.Errors{{Field: "extended", Problem: pages.Refused}}
	}
	m.Due, m.Level = c.shown(answer.DueAt), answer.Level
	for _, s := range answer.Steps {
		m.Steps = append(m.Steps, pages.Step{Text: s.Text, Citation: s.Citation})
	}
	for _, what := range pages.LawDates() {
		if d, ok := answer.Deadlines[what]; ok {
			m.Dates = append(m.Dates, pages.LawDate{What: what, At: c.shown(d.DueAt)})
		}
	}
	return nil
}

// lawYear is the year whose calendar is shown: this one unless another is asked for.
func lawYear(q url.Values, now time.Time) int {
	year, err := strconv.Atoi(q.Get("year"))
	if err != nil || year < 1900 || year > 2200 {
		return now.Year()
	}
	return year
}

// lawCalendar is the days of a year on which people work, and the years that can be looked at.
func lawCalendar(c *caller, cal policy.Calendar, year int, address func(year int) string) pages.LawCalendar {
	m := pages.LawCalendar{Title: cal.Title, Year: year, Note: strings.TrimSuffix(cal.Note, "."), Known: true}
	for _, s := range cal.Sources {
		m.Sources = append(m.Sources, pages.LawSource{Cite: s.Cite, URL: s.URL, Read: s.Read})
	}
	if to := cal.Covers.To.Year; to > 0 {
		for y := cal.Covers.From.Year; y <= to; y++ {
			m.Years = append(m.Years, pages.LawYear{Year: y, URL: address(y)})
		}
	}
	first, last := civil.Date{Year: year, Month: time.January, Day: 1}, civil.Date{Year: year, Month: time.December, Day: 31}
	m.Known = cal.Knows(first) && cal.Knows(last)
	for d := first; !d.After(last); d = d.AddDays(1) {
		weekend := slices.Contains(cal.Weekend, d.Weekday())
		name := cal.Holiday(d)
		switch {
		case cal.Working(d) && weekend:
			m.Workdays = append(m.Workdays, pages.LawHoliday{At: c.midnight(d)})
		case cal.Working(d):
		case name != "" || (cal.Knows(d) && cal.Holidays[d]):
			m.Holidays = append(m.Holidays, pages.LawHoliday{At: c.midnight(d), Name: name})
			m.Free = append(m.Free, pages.LawFreeDay{Month: int(d.Month), Day: d.Day, Kind: "holiday"})
		case weekend:
			m.Free = append(m.Free, pages.LawFreeDay{Month: int(d.Month), Day: d.Day, Kind: "weekend"})
		default:
			m.Free = append(m.Free, pages.LawFreeDay{Month: int(d.Month), Day: d.Day, Kind: "closed"})
		}
	}
	for _, r := range cal.Closed {
		if !r.To.Before(first) && !r.From.After(last) {
			m.Closed = append(m.Closed, pages.LawRange{From: c.midnight(r.From), To: c.midnight(r.To)})
		}
	}
	return m
}

// askConfirmLaw asks a named person to answer for a draft.
func (h *Handler) askConfirmLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	p, err := h.draft(r)
	if err != nil {
		return err
	}
	return h.showConfirmLaw(w, r, c, p, pages.ConsoleLawConfirm{}, http.StatusOK)
}

// draft returns the law in the address; fault.Conflict when it is no draft, because then there is nothing to confirm.
func (h *Handler) draft(r *http.Request) (policy.Pack, error) {
	p, err := h.Packs.Pack(policy.ID(r.PathValue("law")))
	if err == nil && !p.Draft() {
		err = fault.New(fault.Conflict, "this law is no draft: it needs no confirmation")
	}
	return p, err
}

func (h *Handler) showConfirmLaw(w http.ResponseWriter, r *http.Request, c *caller, p policy.Pack, m pages.ConsoleLawConfirm, status int) error {
	confirmed, err := h.Registry.Confirmed(r.Context(), c.tenant.Name)
	if err != nil {
		return err
	}
	m.ConsoleFrame, m.Law, m.Title = h.bare(r, c, pages.SectionLaw), h.lawRow(c, p, confirmed), p.Law
	m.ConfidenceNote, m.Conflicts, m.BackURL = p.ConfidenceNote, p.Conflicts, c.lawURL(p.ID)
	m.Form = pages.Form{Action: c.url("/console/law/" + url.PathEscape(string(p.ID)) + "/confirm"), Hidden: []pages.Hidden{{Name: "version", Value: string(p.Version)}}}
	for _, s := range p.Sources {
		if !s.Read {
			m.Sources = append(m.Sources, pages.LawSource{Cite: s.Cite, URL: s.URL})
		}
	}
	w.WriteHeader(status)
	return h.Pages.ConsoleLawConfirm(w, m)
}

// takeConfirmLaw takes the confirmation of the version that was read; another one may have come since.
func (h *Handler) takeConfirmLaw(w http.ResponseWriter, r *http.Request, c *caller) error {
	p, err := h.draft(r)
	if err != nil {
		return err
	}
	if policy.Version(r.PostFormValue("version")) != p.Version {
		return fault.New(fault.Conflict, "the law has another version by now: read it, and confirm that one")
	}
	given := registry.Confirmation{Tenant: c.tenant.Name, Pack: p.ID, Version: p.Version, Name: r.PostFormValue("name"), Staff: c.staff.ID, Reason: r.PostFormValue("reason")}
	_, err = h.Registry.Confirm(r.Context(), given, h.by(c, act{Kind: lawConfirmed, Target: string(p.ID)}))
	if errs, wrong := formErrors(err, nil); wrong {
		return h.showConfirmLaw(w, r, c, p, pages.ConsoleLawConfirm{Name: given.Name, Reason: given.Reason, Errors: errs}, http.StatusBadRequest)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/law/"+url.PathEscape(string(p.ID)), pages.NoticeLawConfirmed)
	return nil
}
