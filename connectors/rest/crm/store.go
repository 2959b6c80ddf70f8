package crm

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// store holds the records of every object, with an index over every field.
type store struct {
	mu      sync.RWMutex
	objects map[string]*table
}

type table struct {
	object Object
	next   int64
	rows   map[int64]*row            // by number, which is the order in which they came
	keys   map[string]int64          // by id
	fields map[string]map[string]set // by field and searched form
}

type row struct {
	record Record
	id     string
}

// set is a sorted list of row numbers.
type set []int64

func newStore(objects []Object) *store {
	s := &store{}
	s.configure(objects)
	return s
}

func (s *store) configure(objects []Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = map[string]*table{}
	for _, o := range objects {
		t := &table{object: o, rows: map[int64]*row{}, keys: map[string]int64{}, fields: map[string]map[string]set{}}
		for _, f := range o.Fields {
			t.fields[f] = map[string]set{}
		}
		s.objects[o.Name] = t
	}
}

func (s *store) object(name string) (Object, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.objects[name]
	if t == nil {
		return Object{}, false
	}
	return t.object, true
}

func (s *store) put(object string, records ...Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.objects[object]
	if t == nil {
		return errors.New("the CRM has no such object")
	}
	for _, r := range records {
		plain, err := normal(r)
		if err != nil {
			return err
		}
		for f := range plain {
			if t.fields[f] == nil {
				return errors.New("the object has no field " + f)
			}
		}
		for _, k := range t.object.Key {
			if _, ok := plain[k]; !ok {
				return errors.New("a record has no " + k + ", which is part of its key")
			}
		}
		t.store(plain)
	}
	return nil
}

// normal gives a record the types that encoding/json gives, with exact numbers.
func normal(r Record) (Record, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var out Record
	return out, d.Decode(&out)
}

func (t *table) store(r Record) {
	id := t.object.id(r)
	n, known := t.keys[id]
	if known {
		t.unindex(n)
	} else {
		t.next++
		n = t.next
		t.keys[id] = n
	}
	t.rows[n] = &row{record: r, id: id}
	for f, index := range t.fields {
		for _, form := range t.object.forms(f, r[f]) {
			list := index[form]
			if at, found := slices.BinarySearch(list, n); !found {
				index[form] = slices.Insert(list, at, n)
			}
		}
	}
}

func (t *table) unindex(n int64) {
	for f, index := range t.fields {
		for _, form := range t.object.forms(f, t.rows[n].record[f]) {
			if at, found := slices.BinarySearch(index[form], n); found {
				index[form] = slices.Delete(index[form], at, at+1)
			}
		}
	}
}

// id returns the id of a record: its key fields, escaped, with commas between them.
func (o Object) id(r Record) string {
	var parts []string
	for _, k := range o.Key {
		parts = append(parts, url.QueryEscape(text(r[k])))
	}
	return strings.Join(parts, ",")
}

// text writes a JSON value as a query has it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	raw, _ := json.Marshal(v) // what was decoded can be encoded
	return string(raw)
}

// forms returns the forms under which a value is found: one, or one for each element of a list. Null is not found.
func (o Object) forms(field string, v any) []string {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var forms []string
	for _, e := range list {
		forms = append(forms, o.form(field, text(e)))
	}
	return forms
}

func (o Object) form(field, s string) string {
	switch {
	case slices.Contains(o.Fold, field):
		return strings.ToLower(strings.ToUpper(s))
	case slices.Contains(o.Phone, field):
		digits := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
		return strings.TrimPrefix(digits, "00")
	}
	return s
}

// find returns the numbers of the rows that have one of the values in each of the fields; without fields, of all rows. ok is
// false when the object or a field is not there.
func (s *store) find(object string, by map[string][]string) (found set, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.objects[object]
	if t == nil {
		return nil, false
	}
	first := true
	for f, values := range by {
		index := t.fields[f]
		if index == nil {
			return nil, false
		}
		var some set
		for _, v := range values {
			some = append(some, index[t.object.form(f, v)]...)
		}
		slices.Sort(some)
		some = slices.Compact(some)
		if !first {
			some = slices.DeleteFunc(some, func(n int64) bool { _, both := slices.BinarySearch(found, n); return !both })
		}
		found, first = some, false
	}
	if first {
		found = slices.Sorted(maps.Keys(t.rows))
	}
	return found, true
}

// get returns copies of rows by number; those that have gone meanwhile are left out.
func (s *store) get(object string, numbers set) []Record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []Record
	if t := s.objects[object]; t != nil {
		for _, n := range numbers {
			if r := t.rows[n]; r != nil {
				list = append(list, maps.Clone(r.record))
			}
		}
	}
	return list
}

func (s *store) all(object string) []Record {
	numbers, _ := s.find(object, nil)
	return s.get(object, numbers)
}

// one returns a record by id.
func (s *store) one(object, id string) (Record, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.objects[object]
	if t == nil {
		return nil, false
	}
	n, ok := t.keys[id]
	if !ok {
		return nil, false
	}
	return maps.Clone(t.rows[n].record), true
}

var (
	errNoRecord = errors.New("there is no such record")
	errField    = errors.New("the object has no such field, or it is part of the key")
)

// patch sets fields of a record and returns it.
func (s *store) patch(object, id string, fields Record) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.objects[object]
	if t == nil {
		return nil, errNoRecord
	}
	n, ok := t.keys[id]
	if !ok {
		return nil, errNoRecord
	}
	for f := range fields {
		if t.fields[f] == nil || slices.Contains(t.object.Key, f) {
			return nil, errField
		}
	}
	r := maps.Clone(t.rows[n].record)
	maps.Copy(r, fields)
	t.store(r)
	return maps.Clone(r), nil
}

// remove deletes a record and reports whether it was there.
func (s *store) remove(object, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.objects[object]
	if t == nil {
		return false
	}
	n, ok := t.keys[id]
	if !ok {
		return false
	}
	t.unindex(n)
	delete(t.rows, n)
	delete(t.keys, id)
	return true
}
