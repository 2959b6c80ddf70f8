package rest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// position is where a lookup stands: in which batch of its values, and where in the list that the batch gives.
type position struct {
	batch int
	place place
	skip  int // records of the page at hand that were given already
}

// page is one answer: its records, and what comes behind it.
type page struct {
	records []*connector.Record
	next    *place // nil: nothing
}

// Rows implements walk.Source. A call gives the first records it comes upon and the rest of their page; several values are
// asked for at the same time. Cursors of an API are not made of keys, so where a lookup stands is remembered by the last key
// given; when that is forgotten, the list is read again up to that key.
func (s *System) Rows(ctx context.Context, l walk.Lookup, yield func(*connector.Record) error) (more bool, err error) {
	if err := s.ready(ctx); err != nil {
		return false, err
	}
	r, err := s.newReading(l)
	if err != nil {
		return false, err
	}
	if l.After == nil {
		more, _, err = r.run(ctx, position{}, yield)
		return more, err
	}
	at, known := s.places.get(r.id(l.After))
	if known {
		more, started, err := r.run(ctx, at, yield)
		if err == nil || started || !stale(err) {
			return more, err
		}
		s.places.drop(r.id(l.After)) // a cursor does not live for ever
	}
	at, found, err := r.behind(ctx, l.After)
	if err != nil {
		return false, err
	}
	if !found {
		// The record is gone. The walk knows what it has seen: beginning anew repeats some and loses none.
		at = position{}
	}
	more, _, err = r.run(ctx, at, yield)
	return more, err
}

// stale reports whether an error may come from a cursor that the system has forgotten.
func stale(err error) bool {
	c := fault.ClassOf(err)
	return c == fault.Invalid || c == fault.Misconfigured || c == fault.Conflict
}

// reading is one lookup.
type reading struct {
	s       *System
	c       *collection
	r       *read
	l       walk.Lookup
	order   []int // of the lookup's fields, for each field of the read
	kind    subject.Kind
	batches [][][]connector.Value // tuples in the order of the read
	base    []byte                // identifies the lookup, without its position
}

func (s *System) newReading(l walk.Lookup) (*reading, error) {
	c := s.api.collections[l.Collection.Name]
	if c == nil || c.readBy(l.Fields) == nil {
		return nil, fault.New(fault.Internal, "a lookup asks for what the connector file has no read for")
	}
	r := &reading{s: s, c: c, r: c.readBy(l.Fields), l: l}
	fields := make([]*connector.DataField, len(r.r.by))
	for i, path := range r.r.by {
		fields[i] = c.data.Field(path)
		r.order = append(r.order, slices.Index(l.Fields, path))
	}
	r.kind = fields[0].Identity
	var tuples [][]connector.Value
	for _, v := range l.Values {
		if t, ok := r.ask(fields, v); ok && !slices.ContainsFunc(tuples, func(o []connector.Value) bool { return slices.Equal(o, t) }) {
			tuples = append(tuples, t)
		}
	}
	for b := range slices.Chunk(tuples, r.r.batch) {
		r.batches = append(r.batches, b)
	}
	h := connector.AppendKey([]byte(l.Collection.Name+"\x00"+strconv.Itoa(r.r.index)+"\x00"+string(l.Match)+"\x00"+strconv.Itoa(len(l.Values))), slices.Concat(l.Values...))
	sum := sha256.Sum256(h)
	r.base = sum[:]
	return r, nil
}

// ask returns the tuple in the form in which it is asked for; ok is false when no record can have it.
func (r *reading) ask(fields []*connector.DataField, v []connector.Value) (t []connector.Value, ok bool) {
	for i, f := range fields {
		x := v[r.order[i]]
		if r.l.Match == connector.MatchNormalised {
			x = connector.Text(subject.Identifier{Kind: r.kind, Value: redact.NewText(x.RevealText())}.Normalise().Value.Reveal())
		}
		if x, ok = typed(f, x); !ok {
			return nil, false
		}
		t = append(t, x)
	}
	return t, true
}

// typed gives a value the type that the data map declares; ok is false when it cannot have it.
func typed(f *connector.DataField, v connector.Value) (connector.Value, bool) {
	if v.IsNull() {
		return v, false // what is null refers to nothing
	}
	switch f.Type {
	case connector.DataInteger:
		n, err := strconv.ParseInt(v.RevealText(), 10, 64)
		if err != nil && v.Type() == connector.TypeDecimal {
			return v, true // too large for 64 bits, and still a number
		}
		return connector.Int(n), err == nil
	case connector.DataString:
		return connector.Text(v.RevealText()), true
	default:
		return v, true
	}
}

// id identifies the place behind a key of this lookup.
func (r *reading) id(after connector.Key) digest {
	return sha256.Sum256(connector.AppendKey(slices.Clone(r.base), after))
}

func (r *reading) batchID(i int) digest {
	return sha256.Sum256(append(slices.Clone(r.base), "\x00"+strconv.Itoa(i)...))
}

// run gives records from a position on. started says that some were given.
func (r *reading) run(ctx context.Context, at position, yield func(*connector.Record) error) (more, started bool, err error) {
	limit := max(r.l.Limit, 1)
	given := map[string]bool{}
	if r.l.After != nil {
		given[string(connector.AppendKey(nil, r.l.After))] = true
	}
	first := len(given)
	var last connector.Key
	ahead := map[int]*page{}
	for at.batch < len(r.batches) {
		p, err := r.pageAt(ctx, at, ahead)
		if err != nil {
			return false, len(given) > first, err
		}
		for i, rec := range p.records[min(at.skip, len(p.records)):] {
			// Two values may find one record; it is given once.
			key := string(connector.AppendKey(nil, rec.Key))
			if given[key] {
				continue
			}
			if len(given)-first == limit {
				at.skip += i
				r.s.places.put(r.id(last), at)
				return true, true, nil
			}
			given[key], last = true, rec.Key
			if err := yield(rec); err != nil {
				return false, true, err
			}
		}
		if at = at.behind(p); len(given) > first && (at.place.number > 0 || ahead[at.batch] == nil) {
			break
		}
	}
	if at.batch >= len(r.batches) {
		return false, len(given) > first, nil
	}
	r.s.places.put(r.id(last), at)
	return true, true, nil
}

// behind returns the position behind a page.
func (at position) behind(p *page) position {
	if p.next != nil {
		return position{batch: at.batch, place: *p.next}
	}
	return position{batch: at.batch + 1}
}

// behind finds the position behind a key by reading the list again. found is false when no record has the key.
func (r *reading) behind(ctx context.Context, after connector.Key) (at position, found bool, err error) {
	ahead := map[int]*page{}
	for at.batch < len(r.batches) {
		p, err := r.pageAt(ctx, at, ahead)
		if err != nil {
			return at, false, err
		}
		for i, rec := range p.records {
			if !rec.Key.Equal(after) {
				continue
			}
			if at.skip = i + 1; at.skip == len(p.records) {
				at = at.behind(p)
			}
			return at, true, nil
		}
		at = at.behind(p)
	}
	return at, false, nil
}

// pageAt reads one page. At the beginning of a batch the first pages of the next ones are read at the same time.
func (r *reading) pageAt(ctx context.Context, at position, ahead map[int]*page) (*page, error) {
	if at.place.number > 0 {
		return r.fetch(ctx, at.batch, at.place)
	}
	if p := ahead[at.batch]; p != nil {
		delete(ahead, at.batch)
		return p, nil
	}
	n := min(r.s.api.parallel, len(r.batches)-at.batch)
	pages, errs := make([]*page, n), make([]error, n)
	inParallel(n, func(i int) { pages[i], errs[i] = r.fetch(ctx, at.batch+i, place{}) })
	if err := firstFailure(errs); err != nil {
		return nil, err
	}
	for i, p := range pages[1:] {
		ahead[at.batch+1+i] = p
	}
	return pages[0], nil
}

// inParallel runs do for 0 to n-1 at the same time.
func inParallel(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// fetch reads the page of a batch at a place.
func (r *reading) fetch(ctx context.Context, batch int, at place) (*page, error) {
	v := values{fields: map[string][]connector.Value{}}
	for _, tuple := range r.batches[batch] {
		for i, field := range r.r.by {
			v.fields[field] = append(v.fields[field], tuple[i])
		}
	}
	a, err := r.answer(ctx, batch, v, at)
	if err != nil {
		return nil, err
	}
	what := r.c.data.Name
	if r.r.none && at.number == 0 && gone(a.status) {
		return &page{}, nil
	}
	if a.status != http.StatusOK {
		return nil, r.s.client.failure(a, "reading "+what)
	}
	root, err := parse(a, what)
	if err != nil {
		return nil, err
	}
	items, err := r.r.items(root, what)
	if err != nil {
		return nil, err
	}
	p, keys := &page{}, sha256.New()
	for _, item := range items {
		rec, err := r.c.record(item)
		if err != nil {
			return nil, err
		}
		keys.Write(connector.AppendKey(nil, rec.Key))
		if keep, err := r.fits(rec); err != nil {
			return nil, err
		} else if keep {
			p.records = append(p.records, rec)
		}
	}
	if p.next, err = r.r.after(at, a, root, len(items), digest(keys.Sum(nil)), what); err == nil && p.next == nil {
		r.s.jobs.drop(r.batchID(batch))
	}
	return p, err
}

// fits reports whether a record is one that was asked for and that the fixed filter of its collection lets through.
func (r *reading) fits(rec *connector.Record) (bool, error) {
	if r.matches(rec) {
		return r.c.data.Meets(rec), nil
	}
	if r.r.wider {
		return false, nil
	}
	return false, fault.New(fault.Invalid, "reading "+r.c.data.Name+": the system gave a record that was not asked for; a search that is wider than asked is declared (wider)")
}

func (r *reading) matches(rec *connector.Record) bool {
	held := make([][]connector.Value, len(r.l.Fields))
	for i, path := range r.l.Fields {
		held[i] = rec.AppendValues(nil, path)
	}
	return slices.ContainsFunc(r.l.Values, func(want []connector.Value) bool {
		for i, list := range held {
			if !slices.ContainsFunc(list, func(v connector.Value) bool { return r.same(v, want[i]) }) {
				return false
			}
		}
		return true
	})
}

func (r *reading) same(found, sought connector.Value) bool {
	if len(r.l.Fields) > 1 {
		return connector.SameValue(found, sought)
	}
	return r.l.Match.Same(r.kind, found, sought)
}
