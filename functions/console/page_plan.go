package console

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func (h *Handler) pagePlan(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showPlan(w, r, c, pages.PlanForm{}, nil)
}

func (h *Handler) showPlan(w http.ResponseWriter, r *http.Request, c *caller, sent pages.PlanForm, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	one := &f.Case
	if one.Plan == nil {
		return noPlan(one)
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	names, err := h.staffNames(r)
	if err != nil {
		return err
	}
	v := planOf(f)
	m := pages.ConsolePlan{
		ConsoleFrame: fr, Reference: one.Reference, CaseURL: c.caseURL(one.ID, ""), Right: one.Right, Due: h.due(c, one), State: stateOf(one),
		Paused: v.Paused, Hash: v.Hash, GrowthLimit: int(math.Round(v.GrowthLimit * 100)), Number: v.Planning, Act: plan.ActionFor(one.Right), Records: int(v.Changes),
		GraceDays: v.GraceDays, GraceUntil: c.shown(v.GraceUntil), Reason: r.PostFormValue("reason"), Errors: errs,
	}
	if v.PreparedBy != evidence.System {
		m.PreparedBy = cmp.Or(names[v.PreparedBy], v.PreparedBy)
	}
	for _, e := range v.Editors {
		m.Editors = append(m.Editors, cmp.Or(names[e], e))
	}
	if m.Systems, err = h.planSystems(r, c, f); err != nil {
		return err
	}
	for _, s := range m.Systems {
		m.Twice = m.Twice || countsTwice(s)
		if s.By != string(plan.Machine) && s.Outcome == "" {
			m.ByHand++
		}
	}
	if err := h.planWaitsFor(r, c, f, &m, names); err != nil {
		return err
	}
	if err := h.mayDecide(r, c, f, &m, sent); err != nil {
		return err
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsolePlan(w, m)
}

func stateOf(c *casefile.Case) pages.PlanState {
	switch {
	case !c.Stopping() && c.Open() && beingPlanned(c):
		return pages.PlanAgain
	case planWaits(c):
		return pages.PlanWaiting
	case c.PlanApproved():
		return pages.PlanApproved
	}
	return pages.PlanOver
}

// countsTwice reports whether a record of a collection can be counted for several changes.
func countsTwice(s pages.PlanSystem) bool {
	seen := map[string]bool{}
	for _, c := range s.Collections {
		if c.Action == plan.Keep {
			continue
		}
		if seen[c.Name] {
			return true
		}
		seen[c.Name] = true
	}
	return false
}

// planWaitsFor adds what was decided about the plan, and whose answer it waits for.
func (h *Handler) planWaitsFor(r *http.Request, c *caller, f *casefile.File, m *pages.ConsolePlan, names map[string]string) error {
	one := &f.Case
	if d := one.PlanDecision; one.PlanApproved() {
		m.Decided = &pages.PlanDecided{At: c.shown(d.At)}
		if d.By != evidence.System {
			m.Decided.By = cmp.Or(names[d.By], d.By)
		}
		shown, err := h.reveal(r.Context(), c, one.ID, len(d.Reason) > 0)
		if err != nil {
			return err
		}
		if shown {
			words, err := f.Reason(d)
			if err != nil {
				return err
			}
			m.Decided.Reason = words.Reveal()
		}
	}
	if one.After == "" || !one.Open() {
		return nil
	}
	other, err := h.Cases.Case(r.Context(), c.tenant.Name, one.After)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	m.After, m.AfterURL = other.Reference, c.caseURL(one.After, "")
	return err
}

// mayDecide adds the forms that the caller may use: nobody decides on what she prepared.
func (h *Handler) mayDecide(r *http.Request, c *caller, f *casefile.File, m *pages.ConsolePlan, sent pages.PlanForm) error {
	one := &f.Case
	if m.State != pages.PlanWaiting {
		return nil
	}
	switch {
	case one.Plan.PreparedBy == c.actor() || slices.Contains(one.Editors, c.actor()):
		m.Bar = pages.BarYou
	case !c.may(registry.DecideCases):
		m.Bar = pages.BarRole
	default:
		m.Form = pages.Form{Action: c.caseURL(one.ID, "/plan"), Hidden: []pages.Hidden{{Name: "hash", Value: one.Plan.Hash}}}
	}
	if !c.may(registry.HandleCases) {
		return nil
	}
	m.Edit = sent
	m.Edit.Form = pages.Form{Action: c.caseURL(one.ID, "/plan/edit"), Hidden: []pages.Hidden{{Name: "hash", Value: one.Plan.Hash}}}
	for _, s := range m.Systems {
		for _, x := range s.Exemptions {
			if x.OfCase {
				m.Edit.Include = append(m.Edit.Include, pages.PlanTarget{Value: target(x.System, x.Collection), Name: s.Name + strings.TrimSuffix(", "+x.Collection, ", ") + ": " + x.Citation})
			}
		}
	}
	for n, s := range one.Plan.Systems {
		if !s.Machine() {
			continue
		}
		m.Edit.Targets = append(m.Edit.Targets, pages.PlanTarget{Value: target(s.Name, ""), Name: m.Systems[n].Name})
		var last string
		for _, col := range s.Collections {
			if col.Name != last && col.Action != plan.Keep {
				m.Edit.Targets = append(m.Edit.Targets, pages.PlanTarget{Value: target(s.Name, col.Name), Name: m.Systems[n].Name + ", " + col.Name})
			}
			last = col.Name
		}
	}
	return h.fields(r, c, f, &m.Edit)
}

// fields adds what a correction asks for, for those who may see it.
func (h *Handler) fields(r *http.Request, c *caller, f *casefile.File, e *pages.PlanForm) error {
	if f.Case.Right != dsar.Correction || len(e.Fields) > 0 {
		return nil
	}
	shown, err := h.reveal(r.Context(), c, f.Case.ID, true)
	if err != nil || !shown {
		return err
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	for _, x := range p.Corrections {
		e.Fields = append(e.Fields, pages.PlanField{System: x.System, Field: x.Field, Value: x.Value.Reveal()})
	}
	e.Fields = append(e.Fields, pages.PlanField{})
	return nil
}

// target writes what can be exempted as the value of a form; names of systems hold no colon.
func target(system, collection string) string { return system + ":" + collection }

// planSystems lists the systems of the plan, in its order.
func (h *Handler) planSystems(r *http.Request, c *caller, f *casefile.File) ([]pages.PlanSystem, error) {
	one := &f.Case
	registered, err := h.Registry.Systems(r.Context(), c.tenant.Name)
	if err != nil {
		return nil, err
	}
	right, _ := plan.MachineRight(one.Right)
	today := h.Now().In(c.zone).Format("2006-01-02")
	var out []pages.PlanSystem
	for _, s := range one.Plan.Systems {
		p := pages.PlanSystem{Name: s.Name, Action: s.Action, By: string(s.By), Outcome: s.Outcome}
		if t := f.Act(s.Name); t != nil {
			p.Because = retained(s.Outcome, t.Because)
			for _, id := range t.Held {
				one, err := h.Holds.Get(r.Context(), c.tenant.Name, id)
				if err != nil {
					return nil, err
				}
				p.Holds = append(p.Holds, pages.PlanHold{Name: c.shown(one.PlacedAt).Format("2 January 2006"), URL: c.url("/console/holds/" + url.PathEscape(id))})
			}
		}
		if d, ok := driftOf(f, s.Name); ok {
			p.Drift = d.Why
		}
		for _, x := range one.Exemptions {
			if x.System == s.Name {
				p.Exemptions = append(p.Exemptions, pages.PlanExemption{System: s.Name, Collection: x.Collection, Citation: x.Citation, ReviewBy: x.ReviewBy, Overdue: overdue(x.ReviewBy, today), OfCase: true})
			}
		}
		if i := slices.IndexFunc(registered, func(sys registry.System) bool { return sys.Name == s.Name }); i >= 0 {
			p.Name = titleOf(registered[i])
			for _, x := range registered[i].Exemptions {
				if x.Covers(right) {
					p.Exemptions = append(p.Exemptions, pages.PlanExemption{System: s.Name, Collection: x.Collection, Citation: x.Citation, ReviewBy: x.ReviewBy, Overdue: overdue(x.ReviewBy, today)})
				}
			}
		}
		dry := f.Planned(s.Name)
		for _, col := range s.Collections {
			line := pages.PlanCollection{Name: col.Name, Action: pages.WhatHappens(col.Action), Records: int(col.Records), Because: retained(dsar.Retained, col.Because), Why: col.Reason}
			if dry != nil && len(dry.List) > 0 && col.Records > 0 && c.may(registry.RevealData) {
				line.SamplesURL = c.caseURL(one.ID, "/plan/samples", "system", s.Name, "collection", col.Name)
			}
			p.Collections = append(p.Collections, line)
		}
		out = append(out, p)
	}
	return out, nil
}

// retained is the reason code of something that is kept, when it is one.
func retained(o dsar.Outcome, s string) dsar.RetainedBecause {
	b := dsar.RetainedBecause(s)
	if o == dsar.Retained && slices.Contains([]dsar.RetainedBecause{dsar.Hold, dsar.Exemption, dsar.Keep}, b) {
		return b
	}
	return ""
}

// overdue reports whether a day, yyyy-mm-dd, has passed.
func overdue(day, today string) bool { return day != "" && day < today }

func (h *Handler) takePlan(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	d := decision{Decision: r.PostFormValue("decision"), Hash: r.PostFormValue("hash"), Reason: r.PostFormValue("reason")}
	if d.Decision == casefile.Edit {
		return fault.InvalidField("/decision", "a plan is changed with its own form")
	}
	done, err := h.decidePlan(r.Context(), c, id, d)
	if errs, ok := formErrors(err, nil); ok {
		return h.showPlan(w, r, c, pages.PlanForm{}, errs)
	}
	if err != nil {
		return err
	}
	n := pages.NoticePlanApproved
	if d.Decision == casefile.Refuse {
		n = pages.NoticeRefused
	}
	if done.waits() {
		n = pages.NoticeClaimed
	}
	c.then(w, r, "/console/cases/"+id, n)
	return nil
}

func (h *Handler) takeEdit(w http.ResponseWriter, r *http.Request, c *caller) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	d, sent, errs := readEdit(r)
	if len(errs) > 0 {
		return h.showPlan(w, r, c, sent, errs)
	}
	_, err = h.decidePlan(r.Context(), c, id, d)
	if errs, ok := formErrors(err, nil); ok {
		for i, e := range errs {
			switch {
			case strings.HasPrefix(e.Field, "edits/corrections"):
				errs[i].Field = "corrections"
			case strings.HasPrefix(e.Field, "edits/growthLimit"), e.Field == "edits":
				errs[i].Field = "growthLimit"
			case strings.HasPrefix(e.Field, "edits/"):
				errs[i].Field = "exempt"
			case e.Field == "reason":
				errs[i].Field = "why"
			}
		}
		return h.showPlan(w, r, c, sent, errs)
	}
	if err != nil {
		return err
	}
	c.then(w, r, "/console/cases/"+id+"/plan", pages.NoticePlanEdited)
	return nil
}

// readEdit reads the form that changes a plan. A correction that was not touched is not changed.
func readEdit(r *http.Request) (d decision, sent pages.PlanForm, errs pages.Errors) {
	v := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	d = decision{Decision: casefile.Edit, Hash: v("hash"), Reason: v("why")}
	sent = pages.PlanForm{Exempt: v("exempt"), Citation: v("citation"), ReviewBy: v("reviewBy"), GrowthLimit: v("growthLimit"), Why: v("why"), Open: true}
	if sent.Exempt != "" {
		system, collection, _ := strings.Cut(sent.Exempt, ":")
		d.Edits.Exempt = []casefile.Exemption{{System: system, Collection: collection, Citation: sent.Citation, ReviewBy: sent.ReviewBy}}
		if sent.Citation == "" {
			errs = append(errs, pages.FieldError{Field: "citation", Problem: pages.Missing})
		}
	} else if sent.Citation != "" {
		errs = append(errs, pages.FieldError{Field: "exempt", Problem: pages.Missing})
	}
	for _, x := range r.PostForm["include"] {
		system, collection, _ := strings.Cut(x, ":")
		d.Edits.Include = append(d.Edits.Include, casefile.Exemption{System: system, Collection: collection})
	}
	if sent.GrowthLimit != "" {
		n, err := strconv.Atoi(sent.GrowthLimit)
		if err != nil || n < 1 || n > 100 {
			errs = append(errs, pages.FieldError{Field: "growthLimit", Problem: pages.NotAllowed})
		}
		d.Edits.GrowthLimit = n
	}
	systems, fields, values := r.PostForm["system"], r.PostForm["field"], r.PostForm["value"]
	for n := range min(len(systems), len(fields), len(values), maxCorrections+1) {
		x := pages.PlanField{System: strings.TrimSpace(systems[n]), Field: strings.TrimSpace(fields[n]), Value: values[n]}
		sent.Fields = append(sent.Fields, x)
		if x.Field != "" {
			d.Edits.Corrections = append(d.Edits.Corrections, correctionBody(x))
		}
	}
	if sent.Why == "" {
		errs = append(errs, pages.FieldError{Field: "why", Problem: pages.Missing})
	}
	return d, sent, errs
}

func (h *Handler) askSamples(w http.ResponseWriter, r *http.Request, c *caller) error {
	return h.showSamples(w, r, c, samplesBody{System: r.URL.Query().Get("system"), Collection: r.URL.Query().Get("collection")}, nil, false, nil)
}

func (h *Handler) showSamples(w http.ResponseWriter, r *http.Request, c *caller, in samplesBody, list []sampleView, more bool, errs pages.Errors) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if _, err := listOf(f, in.System, in.Collection); err != nil {
		return err
	}
	fr, err := h.frame(r, c, pages.SectionCases)
	if err != nil {
		return err
	}
	m := pages.ConsoleSamples{
		ConsoleFrame: fr, Reference: f.Case.Reference, BackURL: c.caseURL(f.Case.ID, "/plan"), System: in.System, Collection: in.Collection, Max: maxSamples,
		Shown: list != nil, More: more, Reason: in.Reason, Errors: errs,
		Form: pages.Form{Action: c.caseURL(f.Case.ID, "/plan/samples"), Hidden: []pages.Hidden{{Name: "system", Value: in.System}, {Name: "collection", Value: in.Collection}}},
	}
	for _, s := range list {
		line := pages.Sample{Key: s.key, Action: pages.WhatHappens(s.Action), Because: s.Reason}
		for _, x := range s.Fields {
			line.Fields = append(line.Fields, pages.SampleField{Name: x.Name, Before: x.before, After: x.after, Null: x.null})
		}
		m.Lines = append(m.Lines, line)
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	return h.Pages.ConsoleSamples(w, m)
}

func (h *Handler) takeSamples(w http.ResponseWriter, r *http.Request, c *caller) error {
	in := samplesBody{System: r.PostFormValue("system"), Collection: r.PostFormValue("collection"), Reason: r.PostFormValue("reason")}
	list, more, err := h.samples(r, c, in)
	if errs, ok := formErrors(err, nil); ok {
		return h.showSamples(w, r, c, in, nil, false, errs)
	}
	if err != nil {
		return fmt.Errorf("showing samples: %w", err)
	}
	return h.showSamples(w, r, c, in, list, more, nil)
}
