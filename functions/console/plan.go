package console

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Lists opens the sealed lists of dry runs; *engine.Engine in the product.
type Lists interface {
	List(ctx context.Context, keys engine.Keys, ref engine.PlanRef) iter.Seq2[connector.Change, error]
}

// planView is the contract's answer to GET /cases/{id}/plan, with what was decided on it and what it waits for.
type planView struct {
	plan.Plan
	Waiting    bool                 `json:"waiting"` // somebody has to decide
	Decision   *decisionView        `json:"decision,omitempty"`
	Planning   int                  `json:"planning"` // number of the plan in this case
	Drafting   bool                 `json:"drafting"` // it is being made anew
	Changes    int64                `json:"changes"`  // records that machines change; one that changes in two ways counts twice
	Editors    []string             `json:"editors"`
	Exemptions []casefile.Exemption `json:"exemptions"` // of this case
	Drifted    []drift              `json:"drifted"`    // systems that had to be planned anew after an approval
	Held       []held               `json:"held"`       // systems in which holds keep records
	GraceDays  int                  `json:"graceDays,omitempty"`
	GraceUntil time.Time            `json:"graceUntil,omitzero"`
	After      string               `json:"after,omitempty"` // case whose answer must leave first
	Paused     bool                 `json:"paused"`
}

type drift struct {
	System string    `json:"system"`
	Why    string    `json:"why"`
	At     time.Time `json:"at,omitzero"`
}

type held struct {
	System string   `json:"system"`
	Holds  []string `json:"holds"`
}

// planOf collects what there is to say about the plan of a case; the case has one.
func planOf(f *casefile.File) planView {
	c := &f.Case
	v := planView{
		Plan: *c.Plan, Decision: decisionOf("plan", c.PlanDecision), Waiting: planWaits(c), Planning: c.Planning, Drafting: beingPlanned(c),
		Editors: c.Editors, Exemptions: c.Exemptions, Drifted: []drift{}, Held: []held{},
		GraceDays: c.GraceDays, GraceUntil: c.GraceUntil, After: c.After, Paused: c.Paused != nil,
	}
	if v.Editors == nil {
		v.Editors = []string{}
	}
	if v.Exemptions == nil {
		v.Exemptions = []casefile.Exemption{}
	}
	for _, s := range c.Plan.Systems {
		v.Changes += changes(s)
		if d, ok := driftOf(f, s.Name); ok {
			v.Drifted = append(v.Drifted, d)
		}
		if t := f.Act(s.Name); t != nil && len(t.Held) > 0 {
			v.Held = append(v.Held, held{s.Name, t.Held})
		}
	}
	return v
}

func planWaits(c *casefile.Case) bool {
	return c.Status == dsar.AwaitingReview && c.Phase == dsar.PhaseReviewPlan && c.Plan != nil && c.PlanDecision == nil && !c.Stopping() && !beingPlanned(c)
}

func beingPlanned(c *casefile.Case) bool { return c.Drafting || len(c.Replan) > 0 }

// driftOf returns why a system had to be planned anew most lately.
func driftOf(f *casefile.File, system string) (drift, bool) {
	for _, t := range slices.Backward(f.Tasks) {
		if t.Acts() && t.System == system && t.Because == casefile.Drifted {
			return drift{system, t.Note, t.EndedAt}, true
		}
	}
	return drift{}, false
}

// changes counts what a machine is going to change in a system.
func changes(s plan.System) (n int64) {
	if !s.Machine() {
		return 0
	}
	for _, c := range s.Collections {
		if c.Action != plan.Keep {
			n += c.Records
		}
	}
	return n
}

func (h *Handler) apiPlan(w http.ResponseWriter, r *http.Request, c *caller) error {
	f, err := h.load(r, c)
	if err != nil {
		return err
	}
	if f.Case.Plan == nil {
		return noPlan(&f.Case)
	}
	web.WriteJSON(w, http.StatusOK, planOf(f))
	return nil
}

// noPlan says why a case has no plan, and when there will be one.
func noPlan(c *casefile.Case) error {
	why := "this case has no plan yet: it is made when every system was searched, and the case is at " + strings.ReplaceAll(string(c.Phase), "_", " ")
	switch {
	case !c.Open():
		why = "this case was closed before there was a plan"
	case c.Paused != nil:
		why = "this case has no plan yet, and it is paused"
	case c.Verification.VerifiedAt.IsZero():
		why = "this case has no plan yet: the person has not confirmed the address"
	}
	return fault.New(fault.NotFound, why)
}

// maxSamples is how many lines of one collection are shown.
const maxSamples = 20

// samplesBody says what somebody wants to see, and why.
type samplesBody struct {
	System     string `json:"system"`
	Collection string `json:"collection"`
	Reason     string `json:"reason"`
}

// sampleView is one line of a dry run in the open.
type sampleView struct {
	Key    []any         `json:"key"`
	Action string        `json:"action"`
	Reason string        `json:"reason,omitempty"` // of keep
	Fields []sampleField `json:"fields"`

	key string
}

type sampleField struct {
	Name   string `json:"name"`
	Before any    `json:"before,omitempty"` // of set
	After  any    `json:"after"`

	before, after string
	null          bool
}

func (h *Handler) apiSamples(w http.ResponseWriter, r *http.Request, c *caller) error {
	var in samplesBody
	if err := web.ReadJSON(w, r, &in); err != nil {
		return err
	}
	c.key = "" // the answer is personal and never remembered
	list, more, err := h.samples(r, c, in)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	web.WriteJSON(w, http.StatusOK, map[string]any{"system": in.System, "collection": in.Collection, "samples": list, "more": more})
	return nil
}

// samples shows the first lines of a collection in the present plan. Who looked and why is recorded before anything is shown:
// the reason, which may name anybody, as a sealed note.
func (h *Handler) samples(r *http.Request, c *caller, in samplesBody) ([]sampleView, bool, error) {
	id, err := caseID(r)
	if err != nil {
		return nil, false, err
	}
	why, err := reason("/reason", in.Reason)
	if err != nil {
		return nil, false, err
	}
	if why == "" {
		return nil, false, web.Fields{{Pointer: "/reason", Detail: "say why you look; it is kept with the case"}}
	}
	f, err := h.load(r, c)
	if err != nil {
		return nil, false, err
	}
	ref, err := listOf(f, in.System, in.Collection)
	if err != nil {
		return nil, false, err
	}
	target := in.System + "/" + in.Collection
	err = h.change(r.Context(), c, id, reply{}, act{Kind: samplesShown, Target: target}, func(_ context.Context, f *casefile.File) error {
		return f.Note(c.actor(), redact.NewText("Looked at samples of "+target+": "+why))
	})
	if err != nil {
		return nil, false, err
	}
	out := []sampleView{}
	for change, err := range h.Lists.List(r.Context(), f.Keys, ref) {
		if err != nil {
			return nil, false, fmt.Errorf("reading samples of a plan: %w", err)
		}
		if change.Collection != in.Collection {
			continue
		}
		if len(out) == maxSamples {
			return out, true, nil
		}
		out = append(out, sampleOf(change))
	}
	return out, false, nil
}

// listOf returns the reference to the list of a system; fault.NotFound when the plan has none of the collection.
func listOf(f *casefile.File, system, collection string) (engine.PlanRef, error) {
	none := fault.New(fault.NotFound, "the plan lists no records of this collection")
	dry := f.Planned(system)
	if dry == nil || f.Case.Plan == nil {
		return engine.PlanRef{}, none
	}
	ref, err := casefile.ListOf[engine.PlanRef](dry)
	if err != nil {
		return ref, err
	}
	if ref.Name == "" || !slices.ContainsFunc(ref.Counts, func(n engine.PlanCount) bool { return n.Collection == collection }) {
		return ref, none
	}
	return ref, nil
}

func sampleOf(c connector.Change) sampleView {
	v := sampleView{Key: []any{}, Action: string(c.Action), Reason: c.Reason, Fields: []sampleField{}}
	var key []string
	for _, k := range c.Key {
		v.Key = append(v.Key, open(k))
		key = append(key, k.RevealText())
	}
	v.key = strings.Join(key, ", ")
	for _, f := range c.Fields {
		one := sampleField{Name: f.Name, After: open(f.Value), after: f.Value.RevealText(), null: f.Value.IsNull()}
		for _, b := range c.Before {
			if b.Name == f.Name {
				one.Before, one.before = open(b.Value), b.Value.RevealText()
			}
		}
		v.Fields = append(v.Fields, one)
	}
	return v
}

// open returns a value as JSON has it.
func open(v connector.Value) json.RawMessage { return v.AppendJSON(nil) }
