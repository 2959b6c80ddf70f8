package erasureledger

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// CheckInput asks for a part of the comparison of a system with the ledger.
type CheckInput struct {
	Tenant, System string
	Connector      connector.Connector
	Dataset        *connector.Dataset // nil for kinds without collections
	Apply          bool               // erase again what came back
	By             string             // evidence actor who checks or, with Apply, approves
	// Holds returns the legal holds in force on the person of an entry in the system; nil = there are none.
	Holds  func(ctx context.Context, e Entry, ids []subject.Identifier) ([]engine.Hold, error)
	Cursor string        // Report.Next of the part before
	Budget time.Duration // no further entry is begun after so long; 0 = until the end
}

// Report is what a part of the comparison found. It is no personal data.
type Report struct {
	Entries int        `json:"entries"` // compared
	Back    int        `json:"back"`    // changes undone by a restored backup, of all entries
	Left    int        `json:"left"`    // of them, those that are still undone: not applied, held, or somebody else's now
	Cases   []CaseFind `json:"cases"`   // entries with something to say
	Next    string     `json:"next,omitempty"`
}

// CaseFind is what was found of one entry.
type CaseFind struct {
	Reference   string           `json:"reference,omitempty"`
	CaseID      string           `json:"caseId"`
	ErasedAt    time.Time        `json:"erasedAt"`
	Until       time.Time        `json:"until"`
	Collections []engine.Remains `json:"collections"`
}

// page is how many entries are read at a time.
const page = 50

// Check compares the system with the ledger's entries: every record on their lists is read again, and the identifiers are
// searched for. With Apply what came back is erased again, within the list and under the holds of today. Each comparison that found something, and every repeated erasure, becomes an entry of the tenant's journal "restores".
// An error has the class of what the system did wrong; calling again with the same cursor is safe.
func (l *Ledger) Check(ctx context.Context, in CheckInput) (Report, error) {
	out := Report{Cases: []CaseFind{}}
	if in.Connector == nil || in.By == "" {
		return out, fault.New(fault.Invalid, "a comparison needs the system and who asks for it")
	}
	start := l.Now()
	for cursor := in.Cursor; ; {
		limit := page
		if in.Budget > 0 {
			limit = 1
		}
		entries, next, err := l.Entries(ctx, in.Tenant, in.System, limit, cursor)
		if err != nil {
			return out, err
		}
		for _, e := range entries {
			if err := l.compare(ctx, in, e, &out); err != nil {
				return out, err
			}
		}
		if cursor = next; cursor == "" || (in.Budget > 0 && l.Now().Sub(start) >= in.Budget) {
			out.Next = cursor
			return out, nil
		}
	}
}

// compare holds the system against one entry.
func (l *Ledger) compare(ctx context.Context, in CheckInput, e Entry, out *Report) error {
	if !l.Now().Before(e.Until) {
		return nil // no backup can bring it back; Expire has not come round yet
	}
	k, err := l.Vault.Case(ctx, e.Tenant, e.keyID())
	if fault.Has(err, fault.NotFound) {
		return nil // it expired a moment ago
	}
	if err != nil {
		return fmt.Errorf("reading the key of an entry: %w", err)
	}
	ids, err := l.identifiers(ctx, e, k)
	if err != nil {
		return err
	}
	ins := engine.Instruction{
		Tenant: e.Tenant, CaseID: e.CaseID, TaskID: "again-" + e.TaskID, System: e.System, Action: dsar.VerifyAfter, Right: dsar.Erasure,
		Connector: in.Connector, Dataset: in.Dataset, Keys: k, Proven: ids, Plan: e.Plan,
	}
	if in.Holds != nil {
		ins.Gate = func(ctx context.Context) (engine.Gate, error) {
			holds, err := in.Holds(ctx, e, ids)
			return engine.Gate{Holds: holds}, err
		}
	}
	found, err := l.Engine.Recheck(ctx, ins)
	if err != nil {
		return fmt.Errorf("comparing a system with the ledger: %w", err)
	}
	out.Entries++
	back, outside := total(found)
	left := back
	if in.Apply && back > 0 {
		if found, err = l.again(ctx, ins, found); err != nil {
			return err
		}
		left = 0
		for _, r := range found {
			left += r.Back - r.Replayed
		}
	}
	out.Back, out.Left = out.Back+back, out.Left+left
	if back+outside == 0 {
		return nil
	}
	out.Cases = append(out.Cases, CaseFind{e.Reference, e.CaseID, e.ErasedAt, e.Until, found})
	if back == 0 {
		return nil // what the person gave the controller after the erasure is no finding to keep
	}
	return l.prove(ctx, in, e, found)
}

// again erases what came back. Outside is what the comparison before found.
func (l *Ledger) again(ctx context.Context, ins engine.Instruction, before []engine.Remains) ([]engine.Remains, error) {
	ins.Action = dsar.Erase
	done, err := l.Engine.Replay(ctx, ins)
	if err != nil {
		return nil, fmt.Errorf("erasing again what came back: %w", err)
	}
	for _, b := range before {
		for i := range done {
			if done[i].Collection == b.Collection {
				done[i].Outside, b.Outside = b.Outside, 0
			}
		}
		if b.Outside > 0 {
			done = append(done, b)
		}
	}
	return done, nil
}

func (l *Ledger) prove(ctx context.Context, in CheckInput, e Entry, found []engine.Remains) error {
	kind := "erasure_undone"
	if in.Apply {
		kind = "erasure_repeated"
	}
	facts := map[string]any{
		"system": e.System, "caseId": e.CaseID, "taskId": e.TaskID, "reference": e.Reference, "list": e.Plan.Hash, "collections": found,
	}
	if _, err := (evidence.Journal{Store: l.Table}).Append(ctx, e.Tenant, evidence.Restores, kind, in.By, facts, l.Now()); err != nil {
		return fmt.Errorf("proving a comparison: %w", err)
	}
	return nil
}

func total(list []engine.Remains) (back, outside int) {
	for _, r := range list {
		back, outside = back+r.Back, outside+r.Outside
	}
	return back, outside
}
