package memory

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// System is the place that holds data: what a database is for other connectors. Safe for concurrent use.
type System struct {
	mu          sync.RWMutex
	collections map[string]*table
	// intercept, when set, is asked before each request and after each row that leaves; its error is the system's answer.
	intercept func(ctx context.Context, at Point) error
}

// Point is a moment at which a request can fail.
type Point struct {
	Op         string // "check", "rows", "apply"
	Collection string
	Row        int  // "rows": rows already given; 0 = before the first
	Done       bool // "apply": the changes are made, only the answer is missing
}

type table struct {
	rows    []row // ascending by key
	version int
	indexes map[string]*index
	last    lookedUp
}

// lookedUp is what the last lookup matched, for its next page. It holds on to the values, so that other values cannot come
// to lie at their address.
type lookedUp struct {
	values [][]connector.Value
	index  *index
	rows   []int
}

type row struct {
	key []byte // connector.AppendKey
	rec *connector.Record
}

// index finds rows by the text of some fields.
type index struct {
	version int
	rows    map[string][]int
}

// NewSystem returns an empty system.
func NewSystem() *System { return &System{collections: map[string]*table{}} }

// Put stores records, replacing those with the same collection and key.
func (s *System) Put(records ...*connector.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rec := range records {
		t := s.table(rec.Collection)
		key := connector.AppendKey(nil, rec.Key)
		i, found := t.find(key)
		if found {
			t.rows[i].rec = rec.Clone()
		} else {
			t.rows = slices.Insert(t.rows, i, row{key, rec.Clone()})
		}
		t.version++
	}
}

// Reset removes everything.
func (s *System) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collections = map[string]*table{}
}

// Delete removes a record, if it is there.
func (s *System) Delete(collection string, key connector.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table(collection).remove(connector.AppendKey(nil, key))
}

// Records returns copies of all records of all collections, by collection and key.
func (s *System) Records() []*connector.Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for name := range s.collections {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []*connector.Record
	for _, name := range names {
		for _, r := range s.collections[name].rows {
			list = append(list, r.rec.Clone())
		}
	}
	return list
}

// Intercept sets what is asked at each Point; nil lets everything pass.
func (s *System) Intercept(f func(ctx context.Context, at Point) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.intercept = f
}

func (s *System) ask(ctx context.Context, at Point) error {
	s.mu.RLock()
	f := s.intercept
	s.mu.RUnlock()
	if f == nil {
		return nil
	}
	return f(ctx, at)
}

func (s *System) table(name string) *table {
	t := s.collections[name]
	if t == nil {
		t = &table{indexes: map[string]*index{}}
		s.collections[name] = t
	}
	return t
}

func (t *table) find(key []byte) (int, bool) {
	// Seeding comes in order more often than not.
	if n := len(t.rows); n > 0 && bytes.Compare(t.rows[n-1].key, key) < 0 {
		return n, false
	}
	return slices.BinarySearchFunc(t.rows, key, func(r row, key []byte) int { return bytes.Compare(r.key, key) })
}

func (t *table) get(key []byte) *connector.Record {
	if i, found := t.find(key); found {
		return t.rows[i].rec
	}
	return nil
}

func (t *table) remove(key []byte) {
	if i, found := t.find(key); found {
		t.rows = slices.Delete(t.rows, i, i+1)
		t.version++
	}
}

// by returns an index over fields, built on first use after a change. The fold function brings values into the form in which
// they are compared.
func (t *table) by(fields []string, how string, fold func(string) string) *index {
	name := how + "\x00" + strings.Join(fields, "\x00")
	x := t.indexes[name]
	if x != nil && x.version == t.version {
		return x
	}
	x = &index{version: t.version, rows: map[string][]int{}}
	for i, r := range t.rows {
		for _, key := range tuples(r.rec, fields, fold) {
			x.rows[key] = append(x.rows[key], i)
		}
	}
	t.indexes[name] = x
	return x
}

// matching returns the rows that a lookup's values find, ascending.
func (t *table) matching(x *index, values [][]connector.Value, fold func(string) string) []int {
	if t.last.index == x && len(values) > 0 && len(t.last.values) == len(values) && &t.last.values[0] == &values[0] {
		return t.last.rows
	}
	var rows []int
	for _, tuple := range values {
		var key []byte
		for _, v := range tuple {
			key = append(append(key, fold(v.RevealText())...), 0)
		}
		rows = append(rows, x.rows[string(key)]...)
	}
	slices.Sort(rows)
	t.last = lookedUp{values, x, slices.Compact(rows)}
	return t.last.rows
}

// tuples returns the forms under which a record is found by fields: one, or one per element of an array.
func tuples(rec *connector.Record, fields []string, fold func(string) string) []string {
	keys := []string{""}
	for _, f := range fields {
		var next []string
		for _, v := range rec.AppendValues(nil, f) {
			if v.IsNull() {
				continue
			}
			for _, k := range keys {
				next = append(next, k+fold(v.RevealText())+"\x00")
			}
		}
		keys = next
	}
	return keys
}
