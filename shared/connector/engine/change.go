package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// change carries out an approved plan: it plans again, compares, seals the list it is going to act on, and walks that list in
// batches. Drift stops this system and asks a person.
func (t *task) change(ctx context.Context) (Turn, error) {
	s, ok := t.stepsFor()
	if !ok {
		return t.unsupported()
	}
	if t.ins.Plan.Name == "" {
		return Turn{}, fault.New(fault.Invalid, "a change needs an approved plan")
	}
	if t.st.Phase == phaseBegin {
		turn, done, err := t.prepare(ctx, s)
		if !done || err != nil {
			return turn, err
		}
	}
	return t.apply(ctx, s)
}

// prepare makes the list. done is false when turn is the answer.
func (t *task) prepare(ctx context.Context, s steps) (turn Turn, done bool, err error) {
	sp, err := t.spoolFor(ctx)
	if err != nil {
		return Turn{}, false, err
	}
	if turn, done, err = t.planStep(ctx, s, sp); !done || err != nil {
		return turn, false, err
	}
	drift, err := t.compare(ctx, sp)
	if err != nil {
		return Turn{}, false, err
	}
	if drift != "" {
		t.leaveSpool(sp)
		t.reset()
		return t.drifted(drift), false, nil
	}
	list, err := t.writeList(ctx, t.object("plan")+"/act", sp.Scan(ctx, acting, nil))
	if err != nil {
		return Turn{}, false, err
	}
	t.leaveSpool(sp)
	t.st.Phase, t.st.Cursor, t.st.List = phaseApply, "", list
	t.st.Turn++
	return Turn{}, true, nil
}

// drifted ends a turn because the system is not as it was when the plan was approved.
func (t *task) drifted(reason string) Turn {
	return Turn{Status: Person, Outcome: dsar.NotDone, Reason: reason, FaultClass: string(fault.Conflict), State: t.st.write(), Collections: t.st.Collections, Leftover: t.st.Leftover}
}

// Spool sets of a comparison.
const (
	acting   = "acting"   // lines to act on: the approved ones, and new ones within the limit
	approved = "approved" // identities of approved lines
	records  = "records"  // records of approved lines
)

// compare holds the fresh plan against the approved one and returns why a person must look, or "". Approved rows that are
// gone are no drift.
func (t *task) compare(ctx context.Context, sp *spool.Spool) (drift string, err error) {
	sp.Drop(acting)
	var a, b []byte
	for line, err := range t.readList(ctx, t.ins.Plan) {
		if err != nil {
			return "", err
		}
		c, err := readLine(line)
		if err != nil {
			return "", err
		}
		a, b = lineID(a[:0], &c), recordID(b[:0], &c)
		for set, key := range map[string][]byte{acting: line, approved: a, records: b} {
			if _, err := sp.Add(ctx, set, key); err != nil {
				return "", err
			}
		}
	}
	grown := 0
	for line, err := range sp.Scan(ctx, planned, nil) {
		if err != nil {
			return "", err
		}
		c, err := readLine(line)
		if err != nil {
			return "", err
		}
		fresh, why, err := t.isNew(ctx, sp, &c)
		if err != nil || why != "" {
			return why, err
		}
		if !fresh {
			continue
		}
		if c.Action != connector.ActKeep {
			grown++
		}
		if _, err := sp.Add(ctx, acting, line); err != nil {
			return "", err
		}
	}
	if limit := t.growthLimit(); grown > limit {
		return fmt.Sprintf("%d records came on top since the plan was approved, more than %d", grown, limit), nil
	}
	return "", nil
}

// isNew says whether a fresh line is one that was not approved, and whether it is one that must not be.
func (t *task) isNew(ctx context.Context, sp *spool.Spool, c *connector.Change) (fresh bool, drift string, err error) {
	if known, err := sp.Has(ctx, approved, lineID(nil, c)); known || err != nil {
		return false, "", err
	}
	known, err := sp.Has(ctx, records, recordID(nil, c))
	switch {
	case err != nil:
		return false, "", err
	case c.Because == connector.BecauseHold:
		return false, "a legal hold was placed on records of " + c.Collection, nil
	case known:
		return false, "something else than approved would happen to records of " + c.Collection, nil
	case c.Action == connector.ActKeep:
		return true, "", nil
	}
	for _, n := range t.ins.Plan.Counts {
		if n.Collection == c.Collection && n.Action == c.Action {
			return true, "", nil
		}
	}
	return false, "records appeared in " + c.Collection + ", for which nothing like it was approved", nil
}

// growthLimit is how many records may come on top of the approved ones.
func (t *task) growthLimit() int {
	percent := t.ins.GrowthLimit
	if percent <= 0 {
		percent = t.e.cfg.GrowthLimit
	}
	return max(20, t.ins.Plan.lines()*percent/100)
}

// apply walks the list from the first line that is not settled.
func (t *task) apply(ctx context.Context, s steps) (Turn, error) {
	b := batcher{limit: t.limits.BatchChange, first: t.st.JobLines, do: func(batch []connector.Change) (string, error) { return t.applyBatch(ctx, s, batch) }}
	stopped, err := t.walkList(ctx, t.st.List, &b)
	if err != nil {
		return Turn{}, err
	}
	switch {
	case stopped == budgetUsed:
		return t.paused(ctx, nil, nil)
	case stopped == gateClosed:
		return t.partial(ctx, s)
	case stopped != "":
		return t.drifted(stopped), nil
	}
	if err := t.settle(s); err != nil {
		return Turn{}, err
	}
	turn, err := t.finished(t.ins.Plan)
	turn.Plan = t.st.List
	return turn, err
}

// applyBatch carries out one batch and settles its lines in the state. A reason stops the walk.
func (t *task) applyBatch(ctx context.Context, s steps, batch []connector.Change) (string, error) {
	if batch[0].Action != connector.ActKeep {
		gate, err := t.gate(ctx)
		switch {
		case err != nil:
			return "", err
		case gate.Stop:
			return gateClosed, nil
		case slices.ContainsFunc(batch, func(c connector.Change) bool { return held(gate.Holds, &c) }):
			return "a legal hold was placed after the plan was approved", nil
		}
		effects, err := t.act(ctx, s, batch)
		if len(effects) > len(batch) || (err == nil && len(effects) != len(batch)) {
			return "", bySystem(fault.New(fault.Internal, "the connector did not say what became of every change"))
		}
		for _, e := range effects {
			switch e {
			case connector.EffectDone:
			case connector.EffectAlready:
				t.st.Recovered++
			case connector.EffectOwner:
				return "records of " + batch[0].Collection + " belong to somebody else than when the plan was approved", nil
			default:
				return "", bySystem(fault.New(fault.Internal, "the connector did not carry out a change of "+batch[0].Collection))
			}
		}
		t.st.Line += len(effects)
		if err != nil {
			return "", bySystem(err)
		}
	} else {
		t.st.Line += len(batch)
	}
	t.st.Waits = 0
	if t.late() {
		return budgetUsed, nil
	}
	return "", nil
}

// maxJob bounds what a connector may remember of a job.
const maxJob = 1024

// act carries out a batch, or asks what became of the job that does.
func (t *task) act(ctx context.Context, s steps, batch []connector.Change) (effects []connector.Effect, err error) {
	resumer, _ := t.ins.Connector.(connector.Resumer)
	err = t.request(ctx, func(ctx context.Context) (err error) {
		if t.st.Job != "" && resumer != nil {
			if effects, err = resumer.Resume(ctx, s.right, t.st.Job, batch); !fault.Has(err, fault.NotFound) {
				return err
			}
		}
		effects, err = s.apply(ctx, batch)
		return err
	})
	pending, ok := errors.AsType[*connector.Pending](err)
	switch {
	case ok && (resumer == nil || pending.Job == "" || len(pending.Job) > maxJob || len(effects) >= len(batch)):
		return nil, fault.New(fault.Internal, "the connector cannot say what became of a change that it left to the system")
	case ok:
		t.st.Job, t.st.JobLines = pending.Job, len(batch)-len(effects)
	case err == nil:
		t.st.Job, t.st.JobLines = "", 0
	}
	return effects, err
}

// settle writes the results of a change that is through: what the list did, and what planning said of the collections that
// are not in the list.
func (t *task) settle(s steps) error {
	var list []connector.CollectionResult
	for _, n := range t.st.List.Counts {
		r := connector.CollectionResult{Collection: n.Collection, Outcome: s.done, Records: n.Records}
		if n.Action == connector.ActKeep {
			r.Outcome, r.Because, r.Note = dsar.Retained, n.Because, n.Reason
		}
		list = merge(list, []connector.CollectionResult{r})
	}
	if t.st.Recovered > 0 {
		if i := slices.IndexFunc(list, func(r connector.CollectionResult) bool { return r.Outcome == s.done }); i >= 0 {
			list[i].Note = fmt.Sprintf("recovered: %d records of the system were in their end state before", t.st.Recovered)
		}
	}
	concerned, err := t.concerned(s)
	if err != nil {
		return err
	}
	for _, r := range t.st.Collections {
		if slices.ContainsFunc(list, func(l connector.CollectionResult) bool { return l.Collection == r.Collection }) || !concerned(r.Collection) {
			continue
		}
		if r.Outcome == dsar.Found {
			r.Outcome, r.Note = s.done, "recovered: everything was in its end state before"
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		list = []connector.CollectionResult{{Collection: t.ins.System, Outcome: dsar.Unsupported, Note: nothingNamed}}
	}
	t.stamp(list)
	t.st.Collections = list
	return nil
}

// nothingNamed is the note of a system in which nothing is what the request is about.
const nothingNamed = "nothing here is what the request names"

// concerned says which collections a right is about: a correction those with the fields it names, the others all.
func (t *task) concerned(s steps) (func(collection string) bool, error) {
	if s.right != dsar.Correction || t.ins.Dataset == nil {
		return func(string) bool { return true }, nil
	}
	list, err := t.corrections()
	if err != nil {
		return nil, err
	}
	return func(collection string) bool {
		return slices.ContainsFunc(list, func(c connector.FieldCorrection) bool { return c.Collection == collection })
	}, nil
}

// What stops a walk without being a drift: the next turn goes on; or no turn does.
const (
	budgetUsed = "budget"
	gateClosed = "stop"
)

// partial settles a change that was stopped between two batches: it says what was done and what was not. The same state can
// be gone on with later.
func (t *task) partial(ctx context.Context, s steps) (Turn, error) {
	at := 0
	var list []connector.CollectionResult
	for line, err := range t.readList(ctx, t.st.List) {
		if err != nil {
			return Turn{}, err
		}
		c, err := readLine(line)
		if err != nil {
			return Turn{}, err
		}
		r := connector.CollectionResult{Collection: c.Collection, Outcome: s.done, Records: 1}
		switch at++; {
		case c.Action == connector.ActKeep:
			r.Outcome, r.Because, r.Note = dsar.Retained, c.Because, c.Reason
		case at > t.st.Line:
			r.Outcome = dsar.NotDone
		}
		list = merge(list, []connector.CollectionResult{r})
	}
	t.stamp(list)
	turn, err := t.finishedAs(dsar.NotDone, t.ins.Plan)
	turn.Collections, turn.Plan, turn.Reason = list, t.st.List, "stopped between two batches"
	return turn, err
}

// batcher collects lines of one collection and action.
type batcher struct {
	limit   int
	first   int // size of the first batch, when a job is under way for it; otherwise 0
	pending []connector.Change
	do      func([]connector.Change) (string, error)
}

func (b *batcher) put(c connector.Change) (string, error) {
	if n := len(b.pending); n > 0 && (n == b.limit || n == b.first || b.pending[0].Collection != c.Collection || b.pending[0].Action != c.Action) {
		if stop, err := b.flush(); stop != "" || err != nil {
			return stop, err
		}
	}
	b.pending = append(b.pending, c)
	return "", nil
}

func (b *batcher) flush() (string, error) {
	if len(b.pending) == 0 {
		return "", nil
	}
	stop, err := b.do(b.pending)
	b.pending, b.first = b.pending[:0], 0
	return stop, err
}

// walkList feeds the unsettled lines of a list to a batcher.
func (t *task) walkList(ctx context.Context, ref PlanRef, b *batcher) (stop string, err error) {
	at, settled := 0, t.st.Line
	for line, err := range t.readList(ctx, ref) {
		if err != nil {
			return "", err
		}
		if at++; at <= settled {
			continue
		}
		c, err := readLine(line)
		if err != nil {
			return "", err
		}
		if stop, err := b.put(c); stop != "" || err != nil {
			return stop, err
		}
	}
	return b.flush()
}
