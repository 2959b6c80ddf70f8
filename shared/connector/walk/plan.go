package walk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// PlanErasure is the dry run of erasure: one change, or one per action, for every record of the person, by the rules of the
// data map. A connector's PlanErasure may be this method.
//
// A row that several rows may lead to (an address) is erased only when every row that leads to it is this person's; otherwise
// it is kept. Collections that are not disclosed hold no personal data and are left alone.
func (w *Walker) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return w.plan(ctx, call, eraseChanges)
}

// PlanCorrection is the dry run of correction: one change for every own record of the person in which a field that
// call.Corrections names holds another value.
func (w *Walker) PlanCorrection(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return w.plan(ctx, call, func(c *connector.Collection, rec *connector.Record) []connector.Change {
		var fields []connector.Field
		for _, x := range call.Corrections {
			if x.Collection == c.Name {
				fields = append(fields, connector.Field{Name: x.Field, Value: x.Value})
			}
		}
		return changeOf(connector.ActSet, fields)
	})
}

// PlanRestriction is the dry run of restriction: the fields that mark a restriction are set. A collection with records and
// without such a field is unsupported.
func (w *Walker) PlanRestriction(ctx context.Context, call connector.Call) (connector.Progress, error) {
	p, err := w.plan(ctx, call, func(c *connector.Collection, _ *connector.Record) []connector.Change {
		return changeOf(connector.ActFlag, restrictMarks(c))
	})
	for i, res := range p.Collections {
		if c := w.graph.Dataset().Collection(res.Collection); res.Outcome == connector.Found && len(restrictMarks(c)) == 0 {
			p.Collections[i].Outcome, p.Collections[i].Note = connector.Unsupported, "the data map names no field that marks a restriction"
		}
	}
	return p, err
}

func restrictMarks(c *connector.Collection) []connector.Field {
	var fields []connector.Field
	for f := range c.All {
		if f.OnRestrict != nil {
			fields = append(fields, connector.Field{Name: f.Path, Value: *f.OnRestrict})
		}
	}
	return fields
}

func changeOf(action connector.ChangeAction, fields []connector.Field) []connector.Change {
	if len(fields) == 0 {
		return nil
	}
	return []connector.Change{{Action: action, Fields: fields}}
}

// changesFor says what a right does to one record, without key, rank and owner.
type changesFor func(c *connector.Collection, rec *connector.Record) []connector.Change

func (w *Walker) plan(ctx context.Context, call connector.Call, changes changesFor) (connector.Progress, error) {
	r, err := w.newRun(call)
	if err != nil {
		return connector.Progress{}, err
	}
	r.visit = &planning{w: w, sink: call.Changes, changes: changes}
	if r.pos.Shared == 0 {
		if err := r.walk(ctx); err != nil || r.ambiguous != nil {
			return r.progress(err)
		}
		r.pos = position{Entry: r.pos.Entry, Page: r.pos.Page, Shared: 1}
	}
	return r.progress(r.sharedRows(ctx))
}

type planning struct {
	w       *Walker
	sink    connector.Sink[connector.Change]
	changes changesFor
}

func (p *planning) full() bool { return p.sink.Full() }

func (p *planning) row(ctx context.Context, f *facts, rec *connector.Record, e *connector.Entry, owned bool) error {
	if !f.disclosed || !owned {
		return nil // rows that may be shared are looked at when the walk is over
	}
	return p.put(ctx, f, rec, e)
}

func (p *planning) claim(ctx context.Context, f *facts, rec *connector.Record, e *connector.Entry) error {
	if !f.disclosed {
		return nil
	}
	return p.put(ctx, f, rec, e)
}

func (p *planning) put(ctx context.Context, f *facts, rec *connector.Record, e *connector.Entry) error {
	changes := p.changes(e.Collection, rec)
	p.settle(e.Collection, changes)
	via := viaOf(e, rec, changes)
	for _, ch := range changes {
		if ch.Action != connector.ActKeep && ch.Reached(rec) {
			continue
		}
		ch.Rank, ch.Collection, ch.Key, ch.Via = p.w.graph.EraseRank(e.Collection), f.name, rec.Key, via
		if ch.Action == connector.ActSet {
			ch.Before = heldNow(rec, ch.Fields)
		}
		if f.holdKey != "" {
			ch.HoldKey, _ = rec.Get(f.holdKey)
		}
		if err := p.sink.Put(ctx, ch); err != nil {
			return err
		}
	}
	return nil
}

// heldNow returns what the record holds in the fields.
func heldNow(rec *connector.Record, fields []connector.Field) []connector.Field {
	out := make([]connector.Field, 0, len(fields))
	for _, f := range fields {
		if v, ok := rec.Value(f.Name); ok {
			out = append(out, connector.Field{Name: f.Name, Value: v})
		}
	}
	return out
}

// settle plans values as the system will give them back.
func (p *planning) settle(c *connector.Collection, changes []connector.Change) {
	settler, ok := p.w.source.(Settler)
	if !ok {
		return
	}
	for _, ch := range changes {
		for i, f := range ch.Fields {
			ch.Fields[i].Value = settler.Settle(c, f.Name, f.Value)
		}
	}
}

// viaOf returns what makes the record this person's, with the values that the plan itself is going to put there.
func viaOf(e *connector.Entry, rec *connector.Record, changes []connector.Change) []connector.Field {
	if e.ByKey {
		return nil
	}
	var via []connector.Field
	for _, path := range e.Fields {
		if v, ok := rec.Value(path); ok {
			via = append(via, connector.Field{Name: path, Value: v})
		}
		for _, ch := range changes {
			for _, f := range ch.Fields {
				if f.Name == path {
					via = append(via, f)
				}
			}
		}
	}
	return via
}

// sharedRows decides about rows that only lookups led to: they are this person's when every row that leads to them is.
func (r *run) sharedRows(ctx context.Context) error {
	list := r.w.graph.Dataset().Collections
	for ; r.pos.Shared <= len(list); r.pos.Shared++ {
		c := list[r.pos.Shared-1]
		if f := r.w.facts[c]; f.shareable && f.disclosed && !c.Skip {
			if err := r.sharedIn(ctx, c, f); err != nil {
				return err
			}
		}
		r.pos.Tuples = false
	}
	return nil
}

func (r *run) sharedIn(ctx context.Context, c *connector.Collection, f *facts) error {
	byKey := &connector.Entry{Collection: c, Fields: c.KeyPaths(), ByKey: true}
	for {
		values, last, err := r.nextTuples(ctx, f.visited)
		if err != nil || len(values) == 0 {
			return err
		}
		if values, err = r.withoutOwned(ctx, f, values); err != nil {
			return err
		}
		shared, err := r.sharedKeys(ctx, c, values)
		if err != nil {
			return err
		}
		l := Lookup{Collection: c, Fields: byKey.Fields, Values: values, Match: connector.MatchExact, Limit: r.w.limits.PageRecords}
		err = r.scan(ctx, l, func(rec *connector.Record) error { return r.undecided(ctx, f, byKey, rec, shared) })
		if r.unserved(c, err) {
			return nil
		}
		if err != nil || last == nil {
			return err
		}
		if err := connector.SetNote(ctx, r.call.Spool, "tuple", last); err != nil {
			return r.fails(err)
		}
		r.pos.Page++
		if r.pos.Tuples = true; r.visit.full() {
			return errPaused
		}
	}
}

func (r *run) withoutOwned(ctx context.Context, f *facts, keys [][]connector.Value) ([][]connector.Value, error) {
	var rest [][]connector.Value
	for _, key := range keys {
		owned, err := r.call.Spool.Has(ctx, f.owned, connector.AppendKey(r.buf[:0], key))
		if err != nil {
			return nil, r.fails(err)
		}
		if !owned {
			rest = append(rest, key)
		}
	}
	return rest, nil
}

// sharedKeys returns those keys, in their text form, that rows of other people lead to.
func (r *run) sharedKeys(ctx context.Context, c *connector.Collection, keys [][]connector.Value) (map[string]bool, error) {
	shared := map[string]bool{}
	for _, edge := range r.w.graph.LookupsTo(c) {
		if len(keys) == 0 {
			break
		}
		from := r.w.facts[edge.From]
		l := Lookup{Collection: edge.From, Fields: edge.Fields, Values: keys, Match: connector.MatchExact, Limit: r.w.limits.PageRecords}
		err := r.scan(ctx, l, func(rec *connector.Record) error {
			mine, err := r.call.Spool.Has(ctx, from.visited, connector.AppendKey(r.buf[:0], rec.Key))
			if err != nil || mine || !r.tuples(rec, edge) {
				return err
			}
			for i := 0; i < len(r.tuple); i += len(edge.Fields) {
				shared[textKey(r.tuple[i:i+len(edge.Fields)])] = true
			}
			return nil
		})
		if r.unserved(edge.From, err) {
			for _, key := range keys { // nobody can say whose they are
				shared[textKey(key)] = true
			}
			return shared, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return shared, nil
}

// textKey compares keys across types: a foreign key may be a text where the key is an integer.
func textKey(key []connector.Value) string {
	var texts []connector.Value
	for _, v := range key {
		texts = append(texts, connector.Text(v.RevealText()))
	}
	return string(connector.AppendKey(nil, texts))
}

func (r *run) undecided(ctx context.Context, f *facts, byKey *connector.Entry, rec *connector.Record, shared map[string]bool) error {
	p := r.visit.(*planning)
	if !shared[textKey(rec.Key)] {
		return p.put(ctx, f, rec, byKey)
	}
	if len(p.changes(byKey.Collection, rec)) == 0 {
		return nil
	}
	return p.sink.Put(ctx, connector.Change{
		Rank: p.w.graph.EraseRank(byKey.Collection), Collection: f.name, Key: rec.Key, Action: connector.ActKeep,
		Because: connector.BecauseKeep, Reason: "other people's records refer to it",
	})
}

// scan reads all rows of a lookup. A page that breaks off is read again: do must bear a row twice.
func (r *run) scan(ctx context.Context, l Lookup, do func(*connector.Record) error) error {
	f := r.w.facts[l.Collection]
	for len(l.Values) > 0 {
		var last connector.Key
		var more bool
		err := r.request(ctx, func(ctx context.Context) (err error) {
			more, err = r.w.source.Rows(ctx, l, func(rec *connector.Record) error {
				err := f.checkKey(rec)
				if err == nil {
					last = append(last[:0], rec.Key...)
					err = do(rec)
				}
				if err != nil {
					return r.fails(err)
				}
				return nil
			})
			return err
		})
		switch {
		case r.broken != nil:
			return r.broken
		case err != nil:
			return err
		case more && (last == nil || last.Equal(l.After)):
			return errNoProgress(f.name)
		case !more:
			return nil
		}
		l.After = last
	}
	return nil
}

// eraseChanges applies the rules of erasure: a rule of a field makes the row stay, otherwise the rule of the collection
// counts, and without one the row is deleted.
func eraseChanges(c *connector.Collection, rec *connector.Record) []connector.Change {
	rules := fieldRules(c)
	if len(rules) == 0 {
		if c.OnErase.Action == connector.ActKeep {
			return keep(c.OnErase.Reason)
		}
		return []connector.Change{{Action: connector.ActDelete}}
	}
	var nulls, masks []connector.Field
	reason, changes := "", false
	for _, rule := range rules {
		v, ok := rec.Value(rule.field.Path)
		switch {
		case rule.action == connector.ActKeep:
			reason = rule.field.OnErase.Reason
			continue
		case ok && !v.IsNull() && rule.action == connector.ActNull:
			nulls = append(nulls, connector.Field{Name: rule.field.Path, Value: connector.Null()})
		case ok && !v.IsNull():
			masks = append(masks, connector.Field{Name: rule.field.Path, Value: mask(c, rule.field, rec.Key, v)})
		}
		changes = true
	}
	if !changes {
		return keep(reason)
	}
	return append(changeOf(connector.ActNull, nulls), changeOf(connector.ActMask, masks)...)
}

func keep(reason string) []connector.Change {
	return []connector.Change{{Action: connector.ActKeep, Because: connector.BecauseKeep, Reason: reason}}
}

type fieldRule struct {
	field  *connector.DataField
	action connector.ChangeAction
}

// fieldRules returns what happens field by field when a row stays; none when the whole row goes or is kept.
func fieldRules(c *connector.Collection) []fieldRule {
	var rules []fieldRule
	collectionWide := c.OnErase.Action == connector.ActNull || c.OnErase.Action == connector.ActMask
	for f := range c.All {
		switch {
		case f.OnErase.Action != "":
			rules = append(rules, fieldRule{f, f.OnErase.Action})
		case collectionWide && f.Erasable(c):
			rules = append(rules, fieldRule{f, c.OnErase.Action})
		}
	}
	return rules
}

// erasedText is what a masked text says.
const erasedText = "[erased]"

func mask(c *connector.Collection, f *connector.DataField, key connector.Key, v connector.Value) connector.Value {
	rule := f.Mask
	if rule.Strategy == connector.MaskDefault {
		rule = c.Mask
	}
	cut := func(s string) connector.Value {
		body, room := []rune(s), max(f.Length-len([]rune(rule.Suffix)), 0)
		if f.Length > 0 && len(body) > room {
			body = body[:room]
		}
		return connector.Text(string(body) + rule.Suffix)
	}
	switch rule.Strategy {
	case connector.MaskNull:
		return connector.Null()
	case connector.MaskRewrite:
		return cut(rule.Value)
	case connector.MaskRandom:
		h := sha256.New()
		h.Write([]byte(c.Name + "\x00" + f.Path + "\x00"))
		h.Write(connector.AppendKey(nil, key))
		return cut(hex.EncodeToString(h.Sum(nil))[:24])
	default:
		return defaultMask(v, cut)
	}
}

func defaultMask(v connector.Value, cut func(string) connector.Value) connector.Value {
	switch v.Type() {
	case connector.TypeText:
		return cut(erasedText)
	case connector.TypeInt, connector.TypeFloat, connector.TypeDecimal:
		return connector.Int(0)
	default:
		return connector.Null()
	}
}
