package tabletest

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// model is the contract as a map: what a store must look like after the transactions that were given to it.
type model struct {
	ctx   context.Context
	h     Harness
	part  string // in front of every pk and ipk
	items map[table.Key]table.Item
}

// checkModel runs random transactions, reads and leaps of time against the store and the model, and compares every answer.
func checkModel(t *testing.T, h Harness) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{ctx: t.Context(), h: h, part: "T#" + rand.Text(), items: map[table.Key]table.Item{}}
		t.Repeat(map[string]func(*rapid.T){
			"transact": m.transact,
			"get":      m.get,
			"query":    m.query,
			"advance": func(t *rapid.T) {
				h.Advance(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			},
		})
		m.compareIndex(t)
	})
}

func (m *model) key(t *rapid.T) table.Key {
	return table.Key{
		Table: rapid.SampledFrom([]table.Name{table.Cases, table.CaseKeys}).Draw(t, "table"),
		PK:    m.part + rapid.SampledFrom([]string{"", "x"}).Draw(t, "pk"),
		SK:    rapid.SampledFrom([]string{"a", "a#1", "a#2", "a\x00", "b", "B", "é", "\U0010ffff", "a#10"}).Draw(t, "sk"),
	}
}

// current returns what counts as stored under the key; version 0 = nothing.
func (m *model) current(k table.Key) table.Item {
	it, ok := m.items[k]
	if !ok || it.Expired(m.h.Now()) {
		return table.Item{Key: k}
	}
	return it
}

func (m *model) write(t *rapid.T) table.Write {
	w := table.Write{Op: rapid.SampledFrom([]table.Op{table.Put, table.Put, table.Put, table.Delete, table.Check}).Draw(t, "op")}
	w.Item.Key = m.key(t)
	conditions := []int64{m.current(w.Item.Key).Version, m.current(w.Item.Key).Version, table.Absent, 1, 2}
	if w.Op != table.Check {
		conditions = append(conditions, table.AnyVersion, table.AnyVersion)
	}
	w.If = rapid.SampledFrom(conditions).Draw(t, "if")
	if w.Op != table.Put {
		return w
	}
	w.Item.Body = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "body")
	if rapid.Bool().Draw(t, "indexed") {
		w.Item.IPK = m.part + rapid.SampledFrom([]string{"i", "j"}).Draw(t, "ipk")
		w.Item.ISK = rapid.SampledFrom([]string{"1", "10", "2", "é"}).Draw(t, "isk")
	}
	if rapid.IntRange(0, 3).Draw(t, "expires") == 0 {
		w.Item.ExpiresAt = m.h.Now().Add(time.Duration(rapid.IntRange(-2000, 6000).Draw(t, "ms")) * time.Millisecond)
	}
	return w
}

// transact gives the same random transaction to both and expects the same answer.
func (m *model) transact(t *rapid.T) {
	writes := rapid.SliceOfNDistinct(rapid.Custom(m.write), 1, 6, func(w table.Write) table.Key { return w.Item.Key }).Draw(t, "writes")
	conflict := false
	for _, w := range writes {
		conflict = conflict || w.If != table.AnyVersion && w.If != m.current(w.Item.Key).Version
	}
	err := m.h.Store.Transact(m.ctx, writes...)
	if conflict != fault.Has(err, fault.Conflict) || !conflict && err != nil {
		t.Fatalf("got %v, want conflict=%t", err, conflict)
	}
	if conflict {
		return
	}
	for _, w := range writes {
		m.apply(t, w)
	}
}

func (m *model) apply(t *rapid.T, w table.Write) {
	k := w.Item.Key
	before, was := m.items[k]
	switch w.Op {
	case table.Delete:
		delete(m.items, k)
	case table.Put:
		it := w.Item
		it.ExpiresAt = table.StoredExpiry(it.ExpiresAt)
		it.Version = m.current(k).Version + 1
		if was && w.If == table.AnyVersion && before.Expired(m.h.Now()) && !it.Expired(m.h.Now()) {
			// The expired item may be there still, and an unconditional put may count on from it.
			got, err := m.h.Store.Get(m.ctx, k)
			if err != nil || got.Version < 1 {
				t.Fatalf("version %d after a put over an expired item, %v", got.Version, err)
			}
			it.Version = got.Version
		}
		m.items[k] = it
	}
}

func (m *model) get(t *rapid.T) {
	want := m.current(m.key(t))
	got, err := m.h.Store.Get(m.ctx, want.Key)
	if want.Version == 0 {
		if !fault.Has(err, fault.NotFound) {
			t.Fatalf("got %v, want not_found", err)
		}
		return
	}
	if d := diff(want, got); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
}

func (m *model) query(t *rapid.T) {
	k := m.key(t)
	q := table.Query{Table: k.Table, PK: k.PK, Descending: rapid.Bool().Draw(t, "descending"), Limit: rapid.IntRange(0, 4).Draw(t, "limit")}
	bound := rapid.SampledFrom([]string{"", "a", "a#", "a#1", "a\x00", "b", "z", "é"})
	if rapid.Bool().Draw(t, "prefixed") {
		q.Prefix = bound.Draw(t, "prefix")
	} else {
		q.From, q.To = bound.Draw(t, "from"), bound.Draw(t, "to")
	}
	got, err := drain(m.ctx, m.h.Store, q)
	if d := diff(m.answer(q), got); err != nil || d != "" {
		t.Fatalf("query %+v: %v (-want +got):\n%s", q, err, d)
	}
}

// answer computes what a query finds. Among equal index keys it is ordered by key.
func (m *model) answer(q table.Query) []table.Item {
	var found []table.Item
	for k, it := range m.items {
		pk := k.PK
		if q.Index {
			pk = it.IPK
		}
		if k.Table == q.Table && pk == q.PK && matches(q, order(q, &it)) && !it.Expired(m.h.Now()) {
			found = append(found, it)
		}
	}
	slices.SortFunc(found, func(a, b table.Item) int { return compare(q, a, b) })
	return found
}

func compare(q table.Query, a, b table.Item) int {
	c := cmp.Compare(order(q, &a), order(q, &b))
	if q.Descending {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(a.PK, b.PK), cmp.Compare(a.SK, b.SK))
}

// compareIndex waits until the index says what the model says.
func (m *model) compareIndex(t *rapid.T) {
	for _, q := range []table.Query{{Limit: 1}, {Descending: true, Limit: 2}, {Prefix: "1", Limit: 3}, {From: "10", To: "é"}} {
		q.Index = true
		for _, q.Table = range []table.Name{table.Cases, table.CaseKeys} {
			for _, ipk := range []string{"i", "j"} {
				q.PK = m.part + ipk
				m.h.eventually(t.Fatalf, func() string {
					got, err := drain(m.ctx, m.h.Store, q)
					if err != nil {
						return err.Error()
					}
					slices.SortStableFunc(got, func(a, b table.Item) int { return compare(q, a, b) })
					return diff(m.answer(q), got)
				})
			}
		}
	}
}
