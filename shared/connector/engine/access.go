package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// locate searches by what is known. It is one call: a search is bounded.
func (t *task) locate(ctx context.Context) (Turn, error) {
	q := connector.Query{Proven: t.ins.Proven, Found: t.ins.Found}
	var located connector.Located
	err := t.request(ctx, func(ctx context.Context) (err error) {
		located, err = t.ins.Connector.Locate(ctx, q)
		return err
	})
	if err != nil {
		return Turn{}, bySystem(err)
	}
	for _, c := range located.Collections {
		if !c.Outcome.Valid() || c.Records < 0 {
			return Turn{}, bySystem(fault.New(fault.Internal, "the connector gave no valid outcome for "+c.Collection))
		}
	}
	t.stamp(located.Collections)
	t.st.Collections = located.Collections
	if located.Ambiguity != nil {
		turn := t.ambiguous(located.Ambiguity.Sentence())
		turn.Ambiguity = located.Ambiguity
		return turn, nil
	}
	outcome := Overall(located.Collections)
	switch {
	case len(located.Collections) > 0:
	case len(located.Identifiers) > 0:
		outcome = dsar.Found // systems without collections speak through what they found
	default:
		outcome = dsar.NothingHeld
	}
	turn, err := t.finishedAs(outcome, PlanRef{})
	known := q.Known()
	turn.Identifiers = subject.Add(known, located.Identifiers...)[len(known):]
	return turn, err
}

// ambiguous ends a task without data and without change.
func (t *task) ambiguous(reason string) Turn {
	return Turn{Status: Person, Outcome: dsar.Ambiguous, Reason: reason, Collections: t.st.Collections, State: t.st.write(), Leftover: t.st.Leftover}
}

// reset forgets all progress: whoever goes on begins anew.
func (t *task) reset(collections ...connector.CollectionResult) {
	t.st = state{Version: stateVersion, Action: t.ins.Action, Collections: collections, Leftover: t.st.Spooled || t.st.Leftover}
}

// access reads the person's records into sealed parts.
func (t *task) access(ctx context.Context) (Turn, error) {
	accessor, ok := t.ins.Connector.(connector.Accessor)
	if !ok || !t.desc.Supports(connector.Access) {
		return t.unsupported()
	}
	sp, err := t.spoolFor(ctx)
	if err != nil {
		return Turn{}, err
	}
	sink := t.newPartSink()
	progress, err := accessor.Access(ctx, t.call(sp, sink, nil))
	if sink.err != nil {
		return Turn{}, sink.err
	}
	if err := t.took(progress, err, sink.counts); err != nil {
		return Turn{}, err
	}
	if c, found := ambiguousIn(progress.Collections); found {
		return t.dropParts(ctx, c)
	}
	if err := sink.flush(ctx); err != nil {
		return Turn{}, err
	}
	t.st.NextPart += len(sink.parts)
	t.st.addDigests(sink.parts)
	var turn Turn
	switch {
	case progress.Finished:
		t.leaveSpool(sp)
		turn, err = t.finished(PlanRef{})
	default:
		turn, err = t.paused(ctx, sp, err)
	}
	turn.Parts = sink.parts
	return turn, err
}

// paused ends a turn whose call came back with a cursor, for want of budget or because the system failed.
// sp is nil when the step keeps nothing in a spool.
func (t *task) paused(ctx context.Context, sp spoolSaver, failure error) (Turn, error) {
	if sp != nil {
		if err := sp.Save(ctx); err != nil {
			return Turn{}, err
		}
		t.st.Spooled = true
	}
	t.st.Turn++
	if failure != nil {
		return t.failed(failure)
	}
	if t.pause > 0 {
		return t.later(t.pause, t.callback), nil
	}
	return Turn{Status: More, State: t.st.write(), Collections: t.st.Collections}, nil
}

type spoolSaver interface {
	Save(ctx context.Context) error
}

// call makes the call of a step.
func (t *task) call(sp connector.Spool, records connector.Sink[*connector.Record], changes connector.Sink[connector.Change]) connector.Call {
	q := connector.Query{Proven: t.ins.Proven, Found: t.ins.Found}
	return connector.Call{
		Identifiers: q.Known(), Cursor: t.st.Cursor, Spool: sp, Records: records, Changes: changes, Request: t.request,
	}
}

// took takes the answer of a call into the state, or refuses it. A failure with a cursor is progress; one without is not.
func (t *task) took(p connector.Progress, err error, arrived map[string]int) error {
	if err != nil && p.Cursor == "" {
		return bySystem(err)
	}
	if _, ambiguous := ambiguousIn(p.Collections); ambiguous && p.Finished {
		return nil
	}
	switch {
	case err != nil && p.Finished, p.Finished && p.Cursor != "", err == nil && !p.Finished && p.Cursor == "":
		return bySystem(errors.Join(fault.New(fault.Internal, "the connector answered neither finished nor with a cursor"), err))
	case len(p.Cursor) > 4096:
		return bySystem(fault.New(fault.Internal, "the connector's cursor is too long"))
	case !p.Finished && err == nil && p.Cursor == t.st.Cursor && p.Wait <= 0:
		return bySystem(fault.New(fault.Internal, "the connector's cursor does not move"))
	}
	if t.st.Since.IsZero() {
		t.st.Since = t.start
	}
	all := merge(append([]connector.CollectionResult(nil), t.st.Collections...), p.Collections)
	if checkErr := checkResults(p, t.ins.Dataset, all, arrived); checkErr != nil {
		return bySystem(checkErr)
	}
	t.stamp(all)
	t.st.Collections, t.st.Cursor = all, p.Cursor
	t.pause, t.callback = p.Wait, p.Callback
	if err == nil {
		t.st.Waits = 0
	}
	return nil
}

// stamp writes the read window. No snapshot spans calls, so the window of every collection is that of the task.
func (t *task) stamp(list []connector.CollectionResult) {
	from := t.st.Since
	if from.IsZero() {
		from = t.start
	}
	for i := range list {
		list[i].ReadFrom, list[i].ReadTo = from, t.e.cfg.Now()
	}
}

// dropParts removes what an ambiguous task has read so far: no data.
func (t *task) dropParts(ctx context.Context, c connector.CollectionResult) (Turn, error) {
	if err := t.removeAll(ctx, t.object("raw")); err != nil {
		return Turn{}, err
	}
	t.reset(c)
	return t.ambiguous("Several people may be meant in " + c.Collection + ": " + c.Note + "."), nil
}

func (t *task) removeAll(ctx context.Context, prefix string) error {
	for {
		page, err := t.e.cfg.Blobs.List(ctx, prefix+"/", "", 0)
		if err != nil {
			return fmt.Errorf("listing what to remove: %w", err)
		}
		for _, o := range page.Objects {
			if err := t.e.cfg.Blobs.Delete(ctx, o.Name); err != nil {
				return fmt.Errorf("removing what was read: %w", err)
			}
		}
		if page.Next == "" || len(page.Objects) == 0 {
			return nil
		}
	}
}

// unsupported settles a task that the connector has no way to do.
func (t *task) unsupported() (Turn, error) {
	var list []connector.CollectionResult
	if t.ins.Dataset != nil {
		for _, c := range t.ins.Dataset.Collections {
			if !c.Skip && c.Disclosed() {
				list = append(list, connector.CollectionResult{Collection: c.Name, Outcome: dsar.Unsupported})
			}
		}
	}
	t.st.Collections = list
	return t.finishedAs(dsar.Unsupported, PlanRef{})
}
