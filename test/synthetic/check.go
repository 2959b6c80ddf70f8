package synthetic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Check searches every system for the first person, by everything the person can prove and what the systems lead to, and then
// erases. It fails when a row is missing, when one of the second person is found or changed, or when a row goes before the
// rows that refer to it.
func (w *World) Check(t *testing.T) {
	t.Helper()
	ids := w.locate(t)
	for _, s := range w.systems {
		want := w.expected(s)
		if len(want) == 0 {
			t.Errorf("%s: no row is expected: the data map reaches nobody", s.data.Key)
		}
		if d := cmp.Diff(want, s.access(t, ids)); d != "" {
			t.Errorf("%s: rows of the person (-want +got):\n%s", s.data.Key, d)
		}
		s.checkOrder(t)
	}
	for _, s := range w.systems {
		w.erase(t, s, ids)
	}
}

// locate asks the systems in rounds until none knows a new identifier.
func (w *World) locate(t *testing.T) []subject.Identifier {
	t.Helper()
	q := connector.Query{Proven: w.identifiers(sought)}
	for {
		known := len(q.Known())
		for _, s := range w.systems {
			l, err := s.opened.Locate(t.Context(), q)
			if err != nil || l.Ambiguity != nil {
				t.Fatalf("searching %s: %v, %+v", s.data.Key, err, l.Ambiguity)
			}
			q.Found = subject.Add(q.Found, l.Identifiers...)
		}
		if len(q.Known()) == known {
			return q.Known()
		}
	}
}

// expected lists the rows of the person in collections that the data map leads to and that are disclosed.
func (w *World) expected(s *system) []string {
	var list []string
	for _, c := range s.whole.Collections {
		if c.Skip || !s.graph.Reached(c) || !c.Disclosed() {
			continue
		}
		for _, row := range w.rows(s, c, sought) {
			var key []string
			for i, f := range c.Fields {
				if f.PrimaryKey {
					key = append(key, fmt.Sprint(row[i]))
				}
			}
			list = append(list, c.Name+" "+strings.Join(key, ","))
		}
	}
	slices.Sort(list)
	return list
}

func label(collection string, key connector.Key) string {
	parts := make([]string, len(key))
	for i, v := range key {
		parts[i] = v.RevealText()
	}
	return collection + " " + strings.Join(parts, ",")
}

func (s *system) access(t *testing.T, ids []subject.Identifier) []string {
	t.Helper()
	sink := &sink[*connector.Record]{}
	var got []string
	sink.put = func(r *connector.Record) { got = append(got, label(r.Collection, r.Key)) }
	p, err := s.opened.(connector.Accessor).Access(t.Context(), connector.Call{Identifiers: ids, Spool: newSpool(t), Records: sink, Request: once})
	if err != nil || !p.Finished {
		t.Fatalf("reading %s: finished %v, %v", s.data.Key, p.Finished, err)
	}
	slices.Sort(got)
	return got
}

// checkOrder holds the order of erasure to the references: rows with a foreign key go before the rows it names.
func (s *system) checkOrder(t *testing.T) {
	t.Helper()
	for _, c := range s.whole.Collections {
		for _, e := range s.graph.Edges(c) {
			to := e.To.Collection
			if e.Lookup && to != c && !slices.Contains(c.EraseAfter, s.data.Key+"."+to.Name) && !s.circle(c, to) && s.graph.EraseRank(c) > s.graph.EraseRank(to) {
				t.Errorf("%s: %s is erased after %s, which its rows refer to", s.data.Key, c.Name, to.Name)
			}
		}
	}
}

// circle reports whether the collections name each other's keys, so that no order suits both.
func (s *system) circle(a, b *connector.Collection) bool {
	return slices.ContainsFunc(s.graph.Edges(b), func(e *connector.Edge) bool { return e.Lookup && e.To.Collection == a })
}

// erase plans and carries out the erasure of the person, and compares what is left.
func (w *World) erase(t *testing.T, s *system, ids []subject.Identifier) {
	t.Helper()
	var plan []connector.Change
	sink := &sink[connector.Change]{put: func(c connector.Change) {
		c.Key, c.Fields, c.Via = slices.Clone(c.Key), slices.Clone(c.Fields), slices.Clone(c.Via)
		plan = append(plan, c)
	}}
	eraser := s.opened.(connector.Eraser)
	p, err := eraser.PlanErasure(t.Context(), connector.Call{Identifiers: ids, Spool: newSpool(t), Changes: sink, Request: once})
	if err != nil || !p.Finished {
		t.Fatalf("planning the erasure of %s: finished %v, %v", s.data.Key, p.Finished, err)
	}
	slices.SortStableFunc(plan, func(a, b connector.Change) int { return a.Rank - b.Rank })
	var planned []string
	for _, c := range plan {
		planned = append(planned, label(c.Collection, c.Key))
	}
	slices.Sort(planned)
	if d := cmp.Diff(w.expected(s), planned); d != "" {
		t.Fatalf("%s: planned rows (-want +got):\n%s", s.data.Key, d)
	}
	before := s.dump(t, w, stranger)
	for _, c := range plan {
		want := connector.EffectDone
		if c.Action == connector.ActKeep {
			want = connector.EffectAlready
		}
		effects, err := eraser.ApplyErasure(t.Context(), []connector.Change{c})
		if err != nil || !slices.Equal(effects, []connector.Effect{want}) {
			t.Fatalf("%s: erasing a row of %s: %v, %v", s.data.Key, c.Collection, effects, err)
		}
		if effects, err = eraser.VerifyErasure(t.Context(), []connector.Change{c}); err != nil || !slices.Equal(effects, []connector.Effect{connector.EffectDone}) {
			t.Fatalf("%s: a row of %s is not in its end state: %v, %v", s.data.Key, c.Collection, effects, err)
		}
	}
	if d := cmp.Diff(before, s.dump(t, w, stranger)); d != "" {
		t.Errorf("%s: rows of another person changed:\n%s", s.data.Key, d)
	}
	for _, row := range s.dump(t, w, sought) {
		if collection, _, _ := strings.Cut(row, " "); s.deletes(collection) {
			t.Errorf("%s: a row of %s is left", s.data.Key, collection)
		}
	}
}

// deletes reports whether erasure takes the rows of the collection away.
func (s *system) deletes(name string) bool {
	c := s.whole.Collection(name)
	for f := range c.All {
		if f.OnErase.Action != "" {
			return false
		}
	}
	return s.graph.Reached(c) && c.Disclosed() && (c.OnErase.Action == "" || c.OnErase.Action == connector.ActDelete)
}

// dump lists the rows whose key is that of a row of the person, with everything they hold.
func (s *system) dump(t *testing.T, w *World, person int) []string {
	t.Helper()
	var list []string
	for _, c := range s.whole.Collections {
		if c.Skip {
			continue
		}
		for _, row := range w.rows(s, c, person) {
			var where []string
			var args []any
			for i, f := range c.Fields {
				if f.PrimaryKey {
					where, args = append(where, quote(f.Name)+" = ?"), append(args, row[i])
				}
			}
			held := make([]any, len(c.Fields))
			into := make([]any, len(held))
			for i := range held {
				into[i] = &held[i]
			}
			rows, err := s.db.QueryContext(t.Context(), "SELECT * FROM "+quote(c.Name)+" WHERE "+strings.Join(where, " AND "), args...)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				if err := rows.Scan(into...); err != nil {
					t.Fatal(err)
				}
				list = append(list, c.Name+" "+fmt.Sprint(held...))
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(list)
	return list
}

type sink[T any] struct{ put func(T) }

func (s *sink[T]) Put(_ context.Context, item T) error {
	s.put(item)
	return nil
}

func (*sink[T]) Full() bool { return false }

func once(ctx context.Context, request func(context.Context) error) error { return request(ctx) }

func newSpool(t *testing.T) connector.Spool {
	t.Helper()
	return spool.New(enginetest.NewStore(), enginetest.NewKeys(t), "spool", 1, 8<<20)
}
