package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gowebpki/jcs"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// precedence orders outcomes: the first that any collection has is the outcome of the task.
var precedence = [...]dsar.Outcome{
	dsar.Ambiguous, dsar.NotDone, dsar.Unsupported, dsar.Erased, dsar.Corrected, dsar.Restricted, dsar.Found, dsar.Retained, dsar.NothingHeld,
}

// Overall returns the outcome of a task from those of its collections: what is open wins over what is done, what is done
// over what was kept, and nothing_held stands only when every collection says so. No collections are not_done.
func Overall(collections []connector.CollectionResult) dsar.Outcome {
	for _, o := range precedence {
		if slices.ContainsFunc(collections, func(c connector.CollectionResult) bool { return c.Outcome == o }) {
			return o
		}
	}
	return dsar.NotDone
}

// merge adds the results of one call to those of the task. Counts add up; nothing_held gives way to anything else.
func merge(all, more []connector.CollectionResult) []connector.CollectionResult {
	for _, m := range more {
		i := slices.IndexFunc(all, func(a connector.CollectionResult) bool {
			return a.Collection == m.Collection && (a.Outcome == m.Outcome && a.Because == m.Because || a.Outcome == dsar.NothingHeld || m.Outcome == dsar.NothingHeld)
		})
		if i < 0 {
			all = append(all, m)
			continue
		}
		a := &all[i]
		a.Records += m.Records
		if a.Outcome == dsar.NothingHeld {
			a.Outcome, a.Because, a.Note = m.Outcome, m.Because, m.Note
		}
	}
	return all
}

// checkResults refuses answers that claim more than they show: unknown outcomes, a finished call that leaves a collection of
// the data map out, counts that differ from what arrived.
func checkResults(p connector.Progress, ds *connector.Dataset, so []connector.CollectionResult, arrived map[string]int) error {
	for _, c := range p.Collections {
		if !c.Outcome.Valid() || c.Records < 0 {
			return fault.New(fault.Internal, "the connector gave no valid outcome for "+c.Collection)
		}
		if arrived != nil && c.Records != arrived[c.Collection] {
			return fault.New(fault.Internal, "the connector counted otherwise than it delivered for "+c.Collection)
		}
	}
	for name, n := range arrived {
		if n > 0 && !slices.ContainsFunc(p.Collections, func(c connector.CollectionResult) bool { return c.Collection == name }) {
			return fault.New(fault.Internal, "the connector delivered records of "+name+" and did not report them")
		}
	}
	if !p.Finished || ds == nil {
		return nil
	}
	for _, c := range ds.Collections {
		if c.Skip || !c.Disclosed() {
			continue
		}
		if !slices.ContainsFunc(so, func(r connector.CollectionResult) bool { return r.Collection == c.Name }) {
			return fault.New(fault.Internal, "the connector said finished and nothing about "+c.Name)
		}
	}
	return nil
}

// ambiguousIn returns the result that makes a task ambiguous, if there is one.
func ambiguousIn(list []connector.CollectionResult) (connector.CollectionResult, bool) {
	for _, c := range list {
		if c.Outcome == dsar.Ambiguous {
			return c, true
		}
	}
	return connector.CollectionResult{}, false
}

// facts are what a receipt is over. Times, notes and the difference between done now and done before are left out, so that
// a repeated change has the same receipt.
type facts struct {
	Version     int          `json:"v"`
	Tenant      string       `json:"tenant"`
	CaseID      string       `json:"caseId"`
	System      string       `json:"system"`
	Action      dsar.Action  `json:"action"`
	Right       dsar.Right   `json:"right,omitempty"`
	Outcome     dsar.Outcome `json:"outcome"`
	Plan        string       `json:"plan,omitempty"`
	Parts       string       `json:"parts,omitempty"`
	Collections []factOf     `json:"collections"`
}

type factOf struct {
	Name    string                    `json:"name"`
	Outcome dsar.Outcome              `json:"outcome"`
	Because connector.RetainedBecause `json:"because,omitempty"`
	Records int                       `json:"records"`
}

// finished settles the task with the outcome of its collections and a receipt.
func (t *task) finished(plan PlanRef) (Turn, error) {
	return t.finishedAs(Overall(t.st.Collections), plan)
}

func (t *task) finishedAs(outcome dsar.Outcome, plan PlanRef) (Turn, error) {
	f := facts{
		Version: 1, Tenant: t.ins.Tenant, CaseID: t.ins.CaseID, System: t.ins.System, Action: t.ins.Action, Right: t.ins.Right,
		Outcome: outcome, Plan: plan.Hash, Parts: t.st.PartHashes,
	}
	for _, c := range t.st.Collections {
		f.Collections = append(f.Collections, factOf{c.Collection, c.Outcome, c.Because, c.Records})
	}
	b, err := json.Marshal(f)
	if err == nil {
		b, err = jcs.Transform(b)
	}
	if err != nil {
		return Turn{}, fmt.Errorf("writing the receipt: %w", err)
	}
	sum := sha256.Sum256(b)
	return Turn{Status: Finished, Outcome: f.Outcome, Collections: t.st.Collections, State: t.st.write(), Leftover: t.st.Leftover, Receipt: hex.EncodeToString(sum[:])}, nil
}
