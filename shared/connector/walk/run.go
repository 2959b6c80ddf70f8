package walk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// visitor gets every row once. owned is false for rows that only a lookup led to, which may be other people's too; claim is
// called when such a row turns out to be the person's own after all.
type visitor interface {
	row(ctx context.Context, f *facts, rec *connector.Record, e *connector.Entry, owned bool) error
	claim(ctx context.Context, f *facts, rec *connector.Record, e *connector.Entry) error
	full() bool
}

// position is where a walk stopped. It is the content of the cursor and holds nothing personal: the values in hand lie in
// the spool as notes.
type position struct {
	Pass   int  `json:"pass"`
	Entry  int  `json:"entry"`
	Lookup int  `json:"lookup,omitempty"` // identity lookups of the entry that are finished
	Tuples bool `json:"tuples,omitempty"` // the note "tuple" says which values are finished
	Rows   bool `json:"rows,omitempty"`   // the note "row" says which rows of the current lookup are finished
	Page   int  `json:"page,omitempty"`   // pages and batches finished in all: no two cursors of a walk are the same
	Shared int  `json:"shared,omitempty"` // second part of a dry run: 1 + the collection at hand
}

// errPaused ends a walk whose sink is full; the position is saved.
var errPaused = errors.New("walk paused")

// run is one call of a walk.
type run struct {
	w       *Walker
	call    connector.Call
	known   []subject.Identifier
	pos     position
	visit   visitor
	matcher *connector.Matcher
	checked map[string]bool // identity values already found free of contradiction

	counts    map[string]int
	undone    map[*connector.Collection]string // collections that could not be read, and why
	ambiguous *connector.Ambiguity
	broken    error // a failure of the visitor or the spool: repeating the request cannot help

	after    connector.Key // last row of the lookup at hand
	lookedUp *Lookup
	// narrow, when set, takes the elements out of arrays that nobody asked for.
	narrow  func(e *connector.Entry, rec *connector.Record, l *Lookup) *connector.Record
	scratch []connector.Value
	tuple   []connector.Value
	buf     []byte
}

func (w *Walker) newRun(call connector.Call) (*run, error) {
	r := &run{w: w, call: call, known: call.Identifiers, counts: map[string]int{}, undone: map[*connector.Collection]string{}, checked: map[string]bool{}}
	r.matcher = connector.NewMatcher(r.known)
	if call.Cursor != "" {
		if err := json.Unmarshal([]byte(call.Cursor), &r.pos); err != nil {
			return nil, fault.New(fault.Invalid, "the cursor is not one of a walk")
		}
		if r.pos.Pass < 0 || r.pos.Entry < 0 || r.pos.Entry > len(w.graph.Entries()) || r.pos.Lookup < 0 || r.pos.Shared < 0 {
			return nil, fault.New(fault.Invalid, "the cursor does not fit the data map")
		}
	}
	return r, nil
}

// walk goes on from the position until nothing is left, the sink is full (errPaused) or something fails.
func (r *run) walk(ctx context.Context) error {
	entries := r.w.graph.Entries()
	for {
		for ; r.pos.Entry < len(entries); r.pos.Entry++ {
			if err := r.entry(ctx, entries[r.pos.Entry]); err != nil {
				return err
			}
			r.pos = position{Pass: r.pos.Pass, Entry: r.pos.Entry, Page: r.pos.Page}
		}
		r.pos = position{Pass: r.pos.Pass + 1, Page: r.pos.Page}
		if !slices.ContainsFunc(entries, func(e *connector.Entry) bool { return r.call.Spool.Len(frontier(e, r.pos.Pass)) > 0 }) {
			r.pos.Entry = len(entries)
			return nil
		}
	}
}

func frontier(e *connector.Entry, pass int) string {
	return "next/" + strconv.Itoa(e.Index) + "/" + strconv.Itoa(pass)
}

// entry looks up everything that leads into one collection one way: in the first pass by identifiers, then by values that
// other rows held.
func (r *run) entry(ctx context.Context, e *connector.Entry) error {
	if r.pos.Pass == 0 && !r.pos.Tuples {
		var lookups []Lookup
		err := r.request(ctx, func(ctx context.Context) (err error) {
			lookups, err = r.w.identityLookups(ctx, e, r.known)
			return err
		})
		if err != nil {
			return err
		}
		for r.pos.Lookup < len(lookups) {
			if err := r.lookup(ctx, e, lookups[r.pos.Lookup], true); err != nil {
				return err
			}
			r.pos.Lookup++
		}
	}
	set := frontier(e, r.pos.Pass)
	for r.call.Spool.Len(set) > 0 {
		values, last, err := r.nextTuples(ctx, set)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			break
		}
		lookup := Lookup{Collection: e.Collection, Fields: e.Fields, Values: values, Match: connector.MatchExact, Limit: r.w.limits.PageRecords}
		if err := r.lookup(ctx, e, lookup, false); err != nil {
			return err
		}
		if len(values) < r.w.limits.BatchKeys {
			break
		}
		if err := connector.SetNote(ctx, r.call.Spool, "tuple", last); err != nil {
			return r.fails(err)
		}
		r.pos.Tuples = true
		r.pos.Page++
		if r.visit.full() {
			return errPaused
		}
	}
	r.call.Spool.Drop(set)
	return nil
}

// nextTuples returns the next batch of values to look up and the spool's form of the last.
func (r *run) nextTuples(ctx context.Context, set string) (values [][]connector.Value, last []byte, err error) {
	var after []byte
	if r.pos.Tuples {
		if after, _, err = connector.Note(ctx, r.call.Spool, "tuple"); err != nil {
			return nil, nil, r.fails(err)
		}
	}
	for key, err := range r.call.Spool.Scan(ctx, set, after) {
		if err != nil {
			return nil, nil, r.fails(err)
		}
		tuple, err := connector.DecodeKey(key)
		if err != nil {
			return nil, nil, r.fails(err)
		}
		if values = append(values, tuple); len(values) == r.w.limits.BatchKeys {
			return values, slices.Clone(key), nil
		}
	}
	return values, nil, nil
}

// lookup pages through the rows of one lookup.
func (r *run) lookup(ctx context.Context, e *connector.Entry, l Lookup, byIdentity bool) error {
	if r.pos.Rows {
		note, ok, err := connector.Note(ctx, r.call.Spool, "row")
		if err == nil && !ok {
			err = fault.New(fault.Invalid, "the cursor refers to a row that the spool does not have")
		}
		if err != nil {
			return r.fails(err)
		}
		if l.After, err = connector.DecodeKey(note); err != nil {
			return r.fails(err)
		}
	}
	for {
		more, err := r.page(ctx, e, &l, byIdentity)
		if err != nil || r.ambiguous != nil {
			return err
		}
		if !more {
			r.pos.Rows = false
			return nil
		}
		if err := connector.SetNote(ctx, r.call.Spool, "row", connector.AppendKey(nil, l.After)); err != nil {
			return r.fails(err)
		}
		r.pos.Rows = true
		r.pos.Page++
		if r.visit.full() {
			return errPaused
		}
	}
}

// page reads one page and moves l.After behind it. A page that breaks off is read again from its beginning: rows it had
// already given are in the spool and not given twice.
func (r *run) page(ctx context.Context, e *connector.Entry, l *Lookup, byIdentity bool) (more bool, err error) {
	f := r.w.facts[e.Collection]
	rows := 0
	r.lookedUp = l
	err = r.request(ctx, func(ctx context.Context) (err error) {
		rows = 0
		r.after = append(r.after[:0], l.After...)
		more, err = r.w.source.Rows(ctx, *l, func(rec *connector.Record) error {
			rows++
			return r.row(ctx, f, e, rec, byIdentity)
		})
		return err
	})
	switch {
	case r.broken != nil:
		return false, r.broken
	case r.unserved(e.Collection, err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading %s: %w", f.name, err)
	case r.ambiguous != nil:
		return false, nil
	case rows > l.Limit:
		return false, fault.New(fault.Invalid, "a page of "+f.name+" holds more rows than were asked for")
	case more && (rows == 0 || l.After.Equal(r.after)):
		return false, errNoProgress(f.name)
	}
	l.After = append(connector.Key(nil), r.after...)
	return more, nil
}

// unserved takes note of a collection that the system does not have as declared.
func (r *run) unserved(c *connector.Collection, err error) bool {
	u, ok := errors.AsType[*Unserved](err)
	if ok {
		r.undone[c] = u.Note
	}
	return ok
}

// request runs one lookup. One that the walk itself stopped has not failed: repeating it would find rows already seen, and
// lose them.
func (r *run) request(ctx context.Context, lookup func(ctx context.Context) error) error {
	return r.call.Request(ctx, func(ctx context.Context) error {
		if err := lookup(ctx); r.broken == nil && r.ambiguous == nil {
			return err
		}
		return nil
	})
}

var errStop = errors.New("walk stopped")

// row handles one row of a page.
func (r *run) row(ctx context.Context, f *facts, e *connector.Entry, rec *connector.Record, byIdentity bool) error {
	if r.broken != nil || r.ambiguous != nil {
		return errStop
	}
	if err := f.checkKey(rec); err != nil {
		return r.fails(err)
	}
	r.after = append(r.after[:0], rec.Key...)
	if byIdentity && r.contradicts(f, e, rec) {
		return errStop
	}
	r.buf = connector.AppendKey(r.buf[:0], rec.Key)
	fresh, err := r.call.Spool.Add(ctx, f.visited, r.buf)
	if err != nil {
		return r.fails(err)
	}
	owned := byIdentity || !e.ByKey || !f.shareable
	if f.shareable && !owned {
		owned, err = r.call.Spool.Has(ctx, f.owned, r.buf)
	} else if f.shareable {
		var first bool
		first, err = r.call.Spool.Add(ctx, f.owned, r.buf)
		if err == nil && first && !fresh {
			err = r.visit.claim(ctx, f, rec, e)
		}
	}
	if err != nil {
		return r.fails(err)
	}
	if !fresh {
		return nil
	}
	r.counts[f.name]++
	if narrow := r.narrow; narrow != nil {
		rec = narrow(e, rec, r.lookedUp)
	}
	if err := r.visit.row(ctx, f, rec, e, owned); err != nil {
		return r.fails(err)
	}
	return r.follow(ctx, f, e, rec)
}

// contradicts applies the rules of ambiguity to a row that an identifier matched. A collection with one identity field
// cannot contradict, and rows that say the same are asked once.
func (r *run) contradicts(f *facts, e *connector.Entry, rec *connector.Record) bool {
	if len(f.identities) < 2 {
		return false
	}
	ids := f.identifiersOf(rec, r.scratch)
	r.buf = r.buf[:0]
	for _, id := range ids {
		r.buf = append(append(append(r.buf, id.Kind...), 0), id.Value.Reveal()...)
		r.buf = append(r.buf, 0)
	}
	if r.checked[string(r.buf)] {
		return false
	}
	if r.ambiguous = r.matcher.Row(f.name, matchedBy(e, r.known, ids), ids); r.ambiguous != nil {
		return true
	}
	if len(r.checked) < 1024 {
		r.checked[string(r.buf)] = true
	}
	return false
}

// follow puts the values that lead on from a row into the frontiers. A tuple with a null in it leads nowhere, and one that
// names a row already seen need not be looked up.
func (r *run) follow(ctx context.Context, f *facts, from *connector.Entry, rec *connector.Record) error {
	for _, edge := range f.edges {
		if !r.tuples(rec, edge) {
			continue
		}
		pass := r.pos.Pass
		if edge.To.Index <= from.Index {
			pass++
		}
		set := frontier(edge.To, pass)
		for i := 0; i < len(r.tuple); i += len(edge.Fields) {
			r.buf = connector.AppendKey(r.buf[:0], r.tuple[i:i+len(edge.Fields)])
			if edge.To.ByKey {
				seen, err := r.call.Spool.Has(ctx, r.w.facts[edge.To.Collection].visited, r.buf)
				if err != nil {
					return r.fails(err)
				}
				if seen {
					continue
				}
			}
			if _, err := r.call.Spool.Add(ctx, set, r.buf); err != nil {
				return r.fails(err)
			}
		}
	}
	return nil
}

// tuples collects the values of an edge in a row, one after another in r.tuple, and reports whether there are any. An array
// gives one tuple per element; two arrays in one composite reference give none but the pairs of their positions.
func (r *run) tuples(rec *connector.Record, edge *connector.Edge) bool {
	r.tuple = r.tuple[:0]
	if len(edge.Fields) == 1 {
		r.tuple = rec.AppendValues(r.tuple, edge.Fields[0])
		r.tuple = slices.DeleteFunc(r.tuple, connector.Value.IsNull)
		return len(r.tuple) > 0
	}
	columns := make([][]connector.Value, len(edge.Fields))
	for i, path := range edge.Fields {
		columns[i] = rec.AppendValues(nil, path)
		if len(columns[i]) != len(columns[0]) {
			return false
		}
	}
	for row := range columns[0] {
		if slices.ContainsFunc(columns, func(c []connector.Value) bool { return c[row].IsNull() }) {
			continue
		}
		for _, c := range columns {
			r.tuple = append(r.tuple, c[row])
		}
	}
	return len(r.tuple) > 0
}

// fails remembers a failure that is not the system's: repeating the request cannot help.
func (r *run) fails(err error) error {
	if r.broken == nil && !errors.Is(err, errStop) {
		r.broken = err
	}
	return errStop
}

// progress turns the state of the walk into the answer of the call.
func (r *run) progress(err error) (connector.Progress, error) {
	if r.ambiguous != nil {
		return connector.Progress{Finished: true, Collections: []connector.CollectionResult{{
			Collection: r.ambiguous.Collection, Outcome: connector.Ambiguous, Note: "matched by " + string(r.ambiguous.By) + ", " + string(r.ambiguous.Differing) + " differs",
		}}}, nil
	}
	if r.broken != nil {
		return connector.Progress{}, r.broken
	}
	p := connector.Progress{Finished: err == nil, Collections: r.collections(err == nil)}
	if err == nil {
		return p, nil
	}
	cursor, jsonErr := json.Marshal(r.pos)
	if jsonErr != nil {
		return connector.Progress{}, fmt.Errorf("writing cursor: %w", jsonErr)
	}
	p.Cursor = connector.Cursor(cursor)
	if errors.Is(err, errPaused) {
		err = nil
	}
	return p, err
}

func (r *run) collections(finished bool) []connector.CollectionResult {
	var list []connector.CollectionResult
	open := r.open()
	for _, c := range r.w.graph.Dataset().Collections {
		f := r.w.facts[c]
		why, undone := r.undone[c]
		if c.Skip || !f.disclosed && !undone {
			continue
		}
		n := r.counts[c.Name]
		res := connector.CollectionResult{Collection: c.Name, Outcome: connector.Found, Records: n}
		switch {
		case undone && f.disclosed:
			res.Outcome, res.Note = connector.NotDone, why
		case undone:
			res.Outcome, res.Note, res.Records = connector.NotDone, why, 0 // its rows are not disclosed
		case n == 0 && !finished:
			continue
		case n == 0 && !r.w.graph.Reached(c):
			res.Outcome, res.Note = connector.Unsupported, "no identity and no reference leads to it"
		case n == 0 && open[c] != "":
			res.Outcome, res.Note = connector.NotDone, open[c]
		case n == 0:
			res.Outcome, res.Note = connector.NothingHeld, r.unsearched(f)
		}
		list = append(list, res)
	}
	return list
}

// open returns the collections that rows of an unread one may have led to, directly or not, and says so: finding nothing
// there proves nothing.
func (r *run) open() map[*connector.Collection]string {
	open := map[*connector.Collection]string{}
	var follow func(c *connector.Collection, note string)
	follow = func(c *connector.Collection, note string) {
		for _, e := range r.w.facts[c].edges {
			if to := e.To.Collection; open[to] == "" {
				open[to] = note
				follow(to, note)
			}
		}
	}
	for _, c := range r.w.graph.Dataset().Collections {
		if _, undone := r.undone[c]; undone {
			follow(c, "not known: "+c.Name+", which leads here, could not be read")
		}
	}
	return open
}

// unsearched says why a collection that only identifiers lead to was not looked into.
func (r *run) unsearched(f *facts) string {
	for _, e := range f.entries {
		kinds := e.Kinds()
		if len(kinds) == 0 || slices.ContainsFunc(r.known, func(id subject.Identifier) bool { return slices.Contains(kinds, id.Kind) }) {
			return ""
		}
	}
	return "no identifier is known that could find records here"
}
