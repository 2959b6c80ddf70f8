package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// verify reads every planned key again and compares it with its planned end state, then plans once more: what that finds was
// left out, or came after.
func (t *task) verify(ctx context.Context) (Turn, error) {
	s, ok := t.stepsFor()
	if !ok {
		return t.unsupported()
	}
	if t.ins.Plan.Name == "" {
		return Turn{}, fault.New(fault.Invalid, "a verification needs the list of what was done")
	}
	if t.st.Phase == phaseBegin {
		if wait := t.consistency(); wait > 0 {
			return Turn{Status: Waiting, WaitSeconds: wait, State: t.st.write(), Reason: "the system needs time until it shows the change"}, nil
		}
		t.st.Phase = phaseCheck
	}
	if t.st.Phase == phaseCheck {
		b := batcher{limit: t.limits.BatchChange, do: func(batch []connector.Change) (string, error) { return t.checkBatch(ctx, s, batch) }}
		stop, err := t.walkList(ctx, t.ins.Plan, &b)
		if err != nil {
			return Turn{}, err
		}
		if stop == budgetUsed {
			return t.paused(ctx, nil, nil)
		}
		t.st.Phase = phaseSearch
	}
	return t.search(ctx, s)
}

// consistency returns the seconds to wait until a read shows the change, at most maxWait at a time.
func (t *task) consistency() int {
	if t.st.Due.IsZero() {
		t.st.Due = t.start.Add(t.desc.ConsistencyDelay)
	}
	left := int((t.st.Due.Sub(t.start) + time.Second - 1) / time.Second)
	return min(left, maxWait)
}

func (t *task) checkBatch(ctx context.Context, s steps, batch []connector.Change) (string, error) {
	var effects []connector.Effect
	err := t.request(ctx, func(ctx context.Context) (err error) {
		effects, err = s.verify(ctx, batch)
		return err
	})
	if err == nil && len(effects) != len(batch) {
		err = fault.New(fault.Internal, "the connector did not verify every change")
	}
	if err != nil {
		return "", bySystem(err)
	}
	for _, e := range effects {
		switch e {
		case connector.EffectDone, connector.EffectAlready:
		case connector.EffectNot, connector.EffectOwner:
			t.st.Open++
		default:
			return "", bySystem(fault.New(fault.Internal, "the connector gave no valid answer to a verification"))
		}
	}
	t.st.Line += len(batch)
	t.st.Waits = 0
	if t.late() {
		return budgetUsed, nil
	}
	return "", nil
}

// unplanned counts what a fresh plan would change, without the records that the list keeps: a hold may be released meanwhile.
func (t *task) unplanned(ctx context.Context, sp *spool.Spool) (n int, err error) {
	for line, err := range t.readList(ctx, t.ins.Plan) {
		if err != nil {
			return 0, err
		}
		c, err := readLine(line)
		if err == nil && c.Action == connector.ActKeep {
			_, err = sp.Add(ctx, records, recordID(nil, &c))
		}
		if err != nil {
			return 0, err
		}
	}
	for line, err := range sp.Scan(ctx, planned, nil) {
		if err != nil {
			return 0, err
		}
		c, err := readLine(line)
		if err != nil {
			return 0, err
		}
		kept, err := sp.Has(ctx, records, recordID(nil, &c))
		if err != nil {
			return 0, err
		}
		if c.Action != connector.ActKeep && !kept {
			n++
		}
	}
	return n, nil
}

// search plans once more and counts what is not in its end state.
func (t *task) search(ctx context.Context, s steps) (Turn, error) {
	outside := 0
	if len(t.ins.Proven)+len(t.ins.Found) > 0 {
		sp, err := t.spoolFor(ctx)
		if err != nil {
			return Turn{}, err
		}
		turn, done, err := t.planStep(ctx, s, sp)
		if !done || err != nil {
			return turn, err
		}
		if outside, err = t.unplanned(ctx, sp); err != nil {
			return Turn{}, err
		}
		t.leaveSpool(sp)
	}
	t.st.List, t.st.Cursor = t.ins.Plan, ""
	if err := t.settle(s); err != nil {
		return Turn{}, err
	}
	if t.st.Open == 0 && outside == 0 {
		return t.finished(t.ins.Plan)
	}
	turn := Turn{Status: Person, Outcome: dsar.NotDone, Collections: t.st.Collections, FaultClass: string(fault.Conflict), Leftover: t.st.Leftover}
	turn.Reason = fmt.Sprintf("%d records are not in the state that was approved, %d more were found", t.st.Open, outside)
	for i := range turn.Collections {
		if turn.Collections[i].Outcome == s.done {
			turn.Collections[i].Outcome = dsar.NotDone
		}
	}
	turn.State = t.st.write()
	return turn, nil
}
