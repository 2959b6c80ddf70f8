package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

const planned = "plan" // spool set of the lines a planning step gave

// steps are the three steps of one changing right.
type steps struct {
	right  dsar.Right
	done   dsar.Outcome
	plan   func(context.Context, connector.Call) (connector.Progress, error)
	apply  func(context.Context, []connector.Change) ([]connector.Effect, error)
	verify func(context.Context, []connector.Change) ([]connector.Effect, error)
}

// stepsFor returns the steps of the right that the task is about; ok is false when the connector lacks it.
func (t *task) stepsFor() (s steps, ok bool) {
	right := t.ins.Right
	switch t.ins.Action {
	case dsar.Erase:
		right = dsar.Erasure
	case dsar.Correct:
		right = dsar.Correction
	case dsar.Restrict:
		right = dsar.Restriction
	default: // a dry run and a verification name their right
	}
	if !t.desc.Supports(right) {
		return steps{right: right}, false
	}
	switch right {
	case dsar.Erasure:
		if c, ok := t.ins.Connector.(connector.Eraser); ok {
			return steps{right, dsar.Erased, c.PlanErasure, c.ApplyErasure, c.VerifyErasure}, true
		}
	case dsar.Correction:
		if c, ok := t.ins.Connector.(connector.Corrector); ok {
			return steps{right, dsar.Corrected, c.PlanCorrection, c.ApplyCorrection, c.VerifyCorrection}, true
		}
	case dsar.Restriction:
		if c, ok := t.ins.Connector.(connector.Restrictor); ok {
			return steps{right, dsar.Restricted, c.PlanRestriction, c.ApplyRestriction, c.VerifyRestriction}, true
		}
	default: // every other right is served through one of these
	}
	return steps{right: right}, false
}

// dryRun writes the list of what would change and changes nothing.
func (t *task) dryRun(ctx context.Context) (Turn, error) {
	s, ok := t.stepsFor()
	if !ok {
		return t.unsupported()
	}
	sp, err := t.spoolFor(ctx)
	if err != nil {
		return Turn{}, err
	}
	turn, done, err := t.planStep(ctx, s, sp)
	if !done || err != nil {
		return turn, err
	}
	ref, err := t.writeList(ctx, t.object("plan")+"/dry", sp.Scan(ctx, planned, nil))
	if err != nil {
		return Turn{}, err
	}
	t.leaveSpool(sp)
	t.retainedOf(ref)
	if err := t.unconcerned(s); err != nil {
		return Turn{}, err
	}
	if Overall(t.st.Collections) == dsar.NotDone {
		return t.incomplete()
	}
	if turn, err = t.finished(ref); err != nil {
		return Turn{}, err
	}
	turn.Plan = ref
	return turn, nil
}

// retainedOf adds what the plan keeps to the results of the collections, and takes it off what was found.
func (t *task) retainedOf(ref PlanRef) {
	for _, n := range ref.Counts {
		if n.Action == connector.ActKeep {
			for i := range t.st.Collections {
				if c := &t.st.Collections[i]; c.Collection == n.Collection && c.Outcome == dsar.Found {
					// A record of which a field is kept is kept and changed.
					c.Records = max(c.Records-n.Records, min(c.Records, changedOf(ref, n.Collection)), 0)
				}
			}
			t.st.Collections = merge(t.st.Collections, []connector.CollectionResult{
				{Collection: n.Collection, Outcome: dsar.Retained, Because: n.Because, Records: n.Records, Note: n.Reason},
			})
		}
	}
	t.st.Collections = slices.DeleteFunc(t.st.Collections, func(c connector.CollectionResult) bool { return c.Outcome == dsar.Found && c.Records == 0 })
}

// changedOf returns how many records of the collection the plan changes at least: one record may have a line for each action.
func changedOf(ref PlanRef, collection string) (most int) {
	for _, n := range ref.Counts {
		if n.Collection == collection && n.Action != connector.ActKeep {
			most = max(most, n.Records)
		}
	}
	return most
}

// incomplete asks a person about a system of which a part could not be read. Its plan would not be whole: what hangs on the rest
// might never be found again, so nothing is changed before the data map or the system was put right, or the system is left out.
func (t *task) incomplete() (Turn, error) {
	var parts []string
	for _, c := range t.st.Collections {
		if c.Outcome == dsar.NotDone && !slices.Contains(parts, c.Collection) {
			parts = append(parts, c.Collection)
		}
	}
	t.reset(t.st.Collections...)
	turn, err := t.failed(fault.New(fault.Misconfigured, "the system could not be read in full"))
	turn.Reason = "These collections could not be read: " + strings.Join(parts, ", ") + ". Nothing is changed in the system before they can."
	return turn, err
}

// unconcerned takes out the collections that a correction is not about. A system that is left with none is unsupported: the plan
// decides whether that is well, because others hold what the request names, or whether a person is asked.
func (t *task) unconcerned(s steps) error {
	if s.right != dsar.Correction {
		return nil
	}
	concerned, err := t.concerned(s)
	if err != nil {
		return err
	}
	t.st.Collections = slices.DeleteFunc(t.st.Collections, func(c connector.CollectionResult) bool { return !concerned(c.Collection) })
	if len(t.st.Collections) == 0 {
		t.st.Collections = []connector.CollectionResult{{Collection: t.ins.System, Outcome: dsar.Unsupported, Note: nothingNamed}}
	}
	return nil
}

// planStep runs one call of the planning step into the set planned. done is false when turn is the answer.
func (t *task) planStep(ctx context.Context, s steps, sp *spool.Spool) (turn Turn, done bool, err error) {
	gate, err := t.gate(ctx)
	if err != nil {
		return Turn{}, false, err
	}
	sink := &changeSink{t: t, sp: sp, holds: gate.Holds}
	call := t.call(sp, nil, sink)
	if s.right == dsar.Correction {
		if call.Corrections, err = t.corrections(); err != nil {
			return Turn{}, false, err
		}
	}
	progress, err := s.plan(ctx, call)
	if sink.err != nil {
		return Turn{}, false, sink.err
	}
	if err := t.took(progress, err, nil); err != nil {
		return Turn{}, false, err
	}
	if c, found := ambiguousIn(progress.Collections); found {
		t.reset(c)
		return t.ambiguous("Several people may be meant in " + c.Collection + ": " + c.Note + "."), false, nil
	}
	if !progress.Finished {
		turn, err = t.paused(ctx, sp, err)
		return turn, false, err
	}
	return Turn{}, true, nil
}

// changeSink takes changes into the spool, where they are sorted and deduplicated, and turns those under a hold into keep.
type changeSink struct {
	t     *task
	sp    connector.Spool
	holds []Hold
	taken int
	buf   []byte
	err   error
}

// Put implements connector.Sink.
func (s *changeSink) Put(ctx context.Context, c connector.Change) error {
	if err := complete(&c); err != nil {
		return err
	}
	if c.Action != connector.ActKeep {
		if held(s.holds, &c) {
			retain(&c, connector.BecauseHold, "a legal hold")
		} else if x, ok := s.t.exempt(c.Collection); ok {
			retain(&c, connector.BecauseExemption, x.Reason)
		} else if kept, ok := s.t.exemptFields(&c); ok {
			if err := s.add(ctx, &kept); err != nil {
				return err
			}
		}
	}
	s.taken++
	return s.add(ctx, &c)
}

func (s *changeSink) add(ctx context.Context, c *connector.Change) error {
	s.buf = appendLine(s.buf[:0], c)
	_, s.err = s.sp.Add(ctx, planned, s.buf)
	return s.err
}

// complete refuses changes that say too little to be carried out safely.
func complete(c *connector.Change) error {
	if c.Collection == "" || len(c.Key) == 0 {
		return fault.New(fault.Internal, "the connector planned a change without a record")
	}
	if !slices.Contains(connector.ChangeActions(), c.Action) {
		return fault.New(fault.Internal, "the connector planned an unknown action for "+c.Collection)
	}
	return nil
}

// retain turns a change into a record that stays.
func retain(c *connector.Change, because connector.RetainedBecause, reason string) {
	c.Action, c.Fields, c.Before, c.Because, c.Reason = connector.ActKeep, nil, nil, because, reason
}

// exempt returns the exemption that covers whole records of a collection.
func (t *task) exempt(collection string) (Exemption, bool) {
	for _, x := range t.ins.Exempt {
		if x.Field == "" && (x.Collection == "" || x.Collection == collection) {
			return x, true
		}
	}
	return Exemption{}, false
}

// exemptFields takes the fields out of a change that an exemption keeps. ok is true when the change goes on without them: kept is
// then the line that says so, beside it. A change of which nothing is left, and a deletion, become a record that stays.
func (t *task) exemptFields(c *connector.Change) (kept connector.Change, ok bool) {
	var reasons []string
	left := slices.Clone(c.Fields)
	for _, x := range t.ins.Exempt {
		if x.Field == "" || x.Collection != c.Collection {
			continue
		}
		of := func(f connector.Field) bool { return f.Name == x.Field || strings.HasPrefix(f.Name, x.Field+".") }
		if (c.Action == connector.ActDelete || slices.ContainsFunc(left, of)) && !slices.Contains(reasons, x.Reason) {
			reasons = append(reasons, x.Reason)
		}
		left = slices.DeleteFunc(left, of)
	}
	if len(reasons) == 0 {
		return connector.Change{}, false
	}
	kept = *c
	retain(&kept, connector.BecauseExemption, strings.Join(reasons, "; "))
	if len(left) == 0 {
		*c = kept
		return connector.Change{}, false
	}
	goes := func(f connector.Field) bool {
		return !slices.ContainsFunc(left, func(l connector.Field) bool { return l.Name == f.Name })
	}
	c.Fields, c.Before = left, slices.DeleteFunc(slices.Clone(c.Before), goes)
	return kept, true
}

// Full implements connector.Sink.
func (s *changeSink) Full() bool { return s.taken >= s.t.e.cfg.TurnRecords || s.t.late() }

// gate asks what holds right now.
func (t *task) gate(ctx context.Context) (Gate, error) {
	if t.ins.Gate == nil {
		return Gate{}, nil
	}
	g, err := t.ins.Gate(ctx)
	if err != nil {
		return Gate{}, fmt.Errorf("asking whether a change may go on: %w", err)
	}
	return g, nil
}

// held reports whether one of the holds covers the record of a change.
func held(holds []Hold, c *connector.Change) bool {
	for _, h := range holds {
		if h.Collection != "" && h.Collection != c.Collection {
			continue
		}
		if len(h.Keys) == 0 {
			return true
		}
		by := c.HoldKey
		if by.IsEmpty() && len(c.Key) == 1 {
			by = c.Key[0]
		}
		text := redact.NewText(by.RevealText())
		if slices.Contains(h.Keys, text) {
			return true
		}
	}
	return false
}

// corrections says which fields the words of the request mean.
func (t *task) corrections() ([]connector.FieldCorrection, error) {
	var list []connector.FieldCorrection
	for _, c := range t.ins.Corrections {
		if t.ins.Dataset == nil {
			list = append(list, connector.FieldCorrection{Field: c.Field, Value: connector.Text(c.Value.Reveal())})
			continue
		}
		for _, col := range t.ins.Dataset.Collections {
			if col.Skip || !col.Disclosed() {
				continue
			}
			for f := range col.All {
				if !means(c.Field, col, f) || f.PrimaryKey || f.ReadOnly || f.ThirdParty || len(f.Fields) > 0 || len(f.References) > 0 {
					continue
				}
				v, err := typed(f, c.Value.Reveal())
				if err != nil {
					return nil, err
				}
				list = append(list, connector.FieldCorrection{Collection: col.Name, Field: f.Path, Value: v})
			}
		}
	}
	return list, nil
}

// means reports whether the name of a correction is this field: "collection.field", a data category, or the bare name.
func means(name string, c *connector.Collection, f *connector.DataField) bool {
	if name == c.Name+"."+f.Path || name == f.Name {
		return true
	}
	for _, cat := range f.Categories {
		if strings.HasPrefix(cat, "user") && cat == name {
			return true
		}
	}
	return false
}

func typed(f *connector.DataField, text string) (connector.Value, error) {
	v := connector.Text(text)
	switch f.Type {
	case connector.DataInteger, connector.DataFloat, connector.DataBoolean:
		decoded, err := connector.DecodeValue([]byte(text))
		if err != nil || decoded.Type() == connector.TypeText || (f.Type == connector.DataBoolean) != (decoded.Type() == connector.TypeBool) {
			return v, fault.New(fault.Invalid, "the corrected value of "+f.Name+" is not of the type that the data map says")
		}
		return decoded, nil
	default:
		return v, nil
	}
}
