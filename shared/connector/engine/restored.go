package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Remains is what became, in one collection, of records that were erased. It is no personal data.
type Remains struct {
	Collection string `json:"name"`
	Erased     int    `json:"erased"`            // changes that the list says were made
	Back       int    `json:"back"`              // of them, undone since: the system was restored from a backup
	Outside    int    `json:"outside,omitempty"` // the person's records that are not on the list: new, or never erased
	Replayed   int    `json:"replayed,omitempty"`
	Held       int    `json:"held,omitempty"`    // back and left, because of a legal hold
	Foreign    int    `json:"foreign,omitempty"` // back and left, because they are somebody else's now
}

// Recheck reads every record of a list again (Instruction.Plan, the list of a finished erasure) and counts those that are not
// in their planned end state any more; then it searches by the identifiers and counts what is not on the list. It changes
// nothing. Records that were kept do not count: nothing was promised about how long they stay. It runs until ctx ends; an
// error has the class of what the system did wrong, and repeating it is fine.
func (e *Engine) Recheck(ctx context.Context, ins Instruction) ([]Remains, error) {
	t, s, err := e.restored(ctx, ins)
	if err != nil {
		return nil, err
	}
	var all remains
	b := batcher{limit: t.limits.BatchChange, do: func(batch []connector.Change) (string, error) {
		back, err := t.back(ctx, s, batch)
		if err == nil && batch[0].Action != connector.ActKeep {
			r := all.of(batch[0].Collection)
			r.Erased += len(batch)
			r.Back += len(back)
		}
		return "", err
	}}
	if _, err := t.walkList(ctx, t.ins.Plan, &b); err != nil {
		return nil, fmt.Errorf("checking what was erased: %w", err)
	}
	if err := t.unlisted(ctx, s, &all); err != nil {
		return nil, fmt.Errorf("searching for what is not on the list: %w", err)
	}
	return all.list, nil
}

// Replay erases again what came back, and nothing else: records on the list that are not in their planned end state, unless a
// legal hold covers them (Instruction.Gate) or they are somebody else's now. Nothing is added to the list, so what the person
// gave the controller since stays. Call it after Recheck, which reads the list to its end once. Repeating it is fine.
func (e *Engine) Replay(ctx context.Context, ins Instruction) ([]Remains, error) {
	t, s, err := e.restored(ctx, ins)
	if err != nil {
		return nil, err
	}
	var all remains
	b := batcher{limit: t.limits.BatchChange, do: func(batch []connector.Change) (string, error) {
		if batch[0].Action == connector.ActKeep {
			return "", nil
		}
		return "", t.replay(ctx, s, batch, all.of(batch[0].Collection))
	}}
	if _, err := t.walkList(ctx, t.ins.Plan, &b); err != nil {
		return nil, fmt.Errorf("erasing again: %w", err)
	}
	return all.list, nil
}

// restored begins a task that works through the list of an earlier erasure.
func (e *Engine) restored(ctx context.Context, ins Instruction) (*task, steps, error) {
	ins.Right, ins.State = connector.Erasure, nil
	t, err := e.begin(ctx, ins)
	if err != nil {
		return nil, steps{}, err
	}
	if ins.Plan.Name == "" {
		return nil, steps{}, fault.New(fault.Invalid, "what was erased is known by a list")
	}
	s, ok := t.stepsFor()
	if !ok {
		return nil, steps{}, fault.New(fault.Misconfigured, "the system does not erase by machine any more")
	}
	return t, s, nil
}

// back returns the changes of a batch that are not in their end state.
func (t *task) back(ctx context.Context, s steps, batch []connector.Change) ([]connector.Change, error) {
	if batch[0].Action == connector.ActKeep {
		return nil, nil
	}
	var effects []connector.Effect
	err := t.request(ctx, func(ctx context.Context) (err error) {
		effects, err = s.verify(ctx, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(effects) != len(batch) {
		return nil, fault.New(fault.Internal, "the connector did not verify every change")
	}
	var out []connector.Change
	for i, e := range effects {
		if e != connector.EffectDone && e != connector.EffectAlready {
			out = append(out, batch[i])
		}
	}
	return out, nil
}

func (t *task) replay(ctx context.Context, s steps, batch []connector.Change, r *Remains) error {
	r.Erased += len(batch)
	back, err := t.back(ctx, s, batch)
	if err != nil || len(back) == 0 {
		return err
	}
	r.Back += len(back)
	gate, err := t.gate(ctx)
	if err != nil {
		return err
	}
	n := len(back)
	back = slices.DeleteFunc(back, func(c connector.Change) bool { return held(gate.Holds, &c) })
	r.Held += n - len(back)
	if gate.Stop || len(back) == 0 {
		return nil
	}
	effects, err := t.actToEnd(ctx, s, back)
	for _, e := range effects {
		switch e {
		case connector.EffectDone, connector.EffectAlready:
			r.Replayed++
		case connector.EffectOwner:
			r.Foreign++
		default:
			return fault.New(fault.Internal, "the connector did not carry out a change of "+back[0].Collection)
		}
	}
	return err
}

// actToEnd carries out a batch and waits for a system that does it later.
func (t *task) actToEnd(ctx context.Context, s steps, batch []connector.Change) ([]connector.Effect, error) {
	var all []connector.Effect
	for {
		effects, err := t.act(ctx, s, batch[len(all):])
		all = append(all, effects...)
		pending, ok := errors.AsType[*connector.Pending](err)
		if !ok && err == nil && len(all) != len(batch) {
			err = fault.New(fault.Internal, "the connector did not say what became of every change")
		}
		if !ok {
			return all, err
		}
		if err := t.e.cfg.Sleep(ctx, pending.Wait); err != nil {
			return all, err
		}
	}
}

// unlisted counts what the identifiers find beyond the list.
func (t *task) unlisted(ctx context.Context, s steps, all *remains) error {
	if len(t.ins.Proven)+len(t.ins.Found) == 0 {
		return nil
	}
	sp, err := t.planToEnd(ctx, s)
	if err != nil {
		return err
	}
	for line, err := range t.readList(ctx, t.ins.Plan) {
		if err != nil {
			return err
		}
		c, err := readLine(line)
		if err != nil {
			return err
		}
		if _, err := sp.Add(ctx, records, recordID(nil, &c)); err != nil {
			return err
		}
	}
	for line, err := range sp.Scan(ctx, planned, nil) {
		if err != nil {
			return err
		}
		c, err := readLine(line)
		if err != nil {
			return err
		}
		known, err := sp.Has(ctx, records, recordID(nil, &c))
		if err != nil {
			return err
		}
		if !known && c.Action != connector.ActKeep {
			all.of(c.Collection).Outside++
		}
	}
	t.leaveSpool(sp)
	return t.e.Forget(ctx, t.ins.Tenant, t.ins.CaseID, t.ins.TaskID)
}

// planToEnd runs the planning step, turn by turn, until it is through.
func (t *task) planToEnd(ctx context.Context, s steps) (*spool.Spool, error) {
	for {
		sp, err := t.spoolFor(ctx)
		if err != nil {
			return nil, err
		}
		t.begins(ctx)
		turn, done, err := t.planStep(ctx, s, sp)
		switch {
		case err != nil:
			return nil, err
		case done:
			return sp, nil
		case turn.Status == Person:
			// What stands for several people is no record of this one; the list is what counts.
			return spool.New(t.e.cfg.Blobs, t.ins.Keys, t.object("spool"), t.st.Turn, t.e.cfg.SpoolBytes), nil
		case turn.FaultClass != "":
			return nil, fault.New(fault.Class(turn.FaultClass), turn.Reason)
		case turn.WaitSeconds > 0:
			return nil, fault.New(fault.Unavailable, "the system is still working on the search")
		}
	}
}

// remains are the counts of all collections, in the order of the list.
type remains struct{ list []Remains }

func (r *remains) of(collection string) *Remains {
	i := slices.IndexFunc(r.list, func(x Remains) bool { return x.Collection == collection })
	if i < 0 {
		r.list = append(r.list, Remains{Collection: collection})
		i = len(r.list) - 1
	}
	return &r.list[i]
}
