package connector

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// AppendValues appends to dst every value the record has at a dotted path. Arrays on the way and at the end count element by
// element; a missing field adds nothing, a null one adds null.
func (r *Record) AppendValues(dst []Value, path string) []Value {
	if v, ok := r.Get(path); ok {
		return appendElements(dst, v)
	}
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		return dst
	}
	v, ok := r.Get(head)
	if !ok || v.typ != TypeJSON {
		return dst
	}
	return appendAt(dst, decodeNested(v.s), rest)
}

// Value returns the single value at a dotted path: the field itself, or the one a nested path leads to. Where a path leads
// to several values (arrays of objects) ok is false.
func (r *Record) Value(path string) (v Value, ok bool) {
	if v, ok := r.Get(path); ok {
		return v, true
	}
	list := r.AppendValues(nil, path)
	if len(list) != 1 {
		return Value{}, false
	}
	return list[0], true
}

func appendElements(dst []Value, v Value) []Value {
	if v.typ != TypeJSON || v.s[0] != '[' {
		return append(dst, v)
	}
	list, _ := decodeNested(v.s).([]any)
	for _, e := range list {
		dst = append(dst, fromNested(e))
	}
	return dst
}

func appendAt(dst []Value, node any, path string) []Value {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			dst = appendAt(dst, e, path)
		}
	case map[string]any:
		if child, ok := n[path]; ok {
			return appendElements(dst, fromNested(child))
		}
		if head, rest, nested := strings.Cut(path, "."); nested {
			return appendAt(dst, n[head], rest)
		}
	}
	return dst
}

func decodeNested(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var node any
	if d.Decode(&node) != nil {
		return nil
	}
	return node
}

func fromNested(node any) Value {
	switch n := node.(type) {
	case nil:
		return Null()
	case bool:
		return Bool(n)
	case string:
		return Text(n)
	case json.Number:
		if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
			return Int(i)
		}
		return Decimal(n.String())
	}
	return Value{typ: TypeJSON, s: string(encodeNested(node))}
}

func encodeNested(node any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(node) // what came out of a decoder goes back in
	return bytes.TrimSpace(b.Bytes())
}

// Withhold replaces what stands at a dotted path by the withheld mark, inside nested values too, and reports whether there
// was anything.
func (r *Record) Withhold(path, reason string) bool {
	for i := range r.Fields {
		if r.Fields[i].Name == path {
			r.Fields[i].Value = Withheld(reason)
			return true
		}
	}
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		return false
	}
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.Name != head || f.Value.typ != TypeJSON {
			continue
		}
		node := decodeNested(f.Value.s)
		if !withholdAt(node, rest, reason) {
			return false
		}
		f.Value = Value{typ: TypeJSON, s: string(encodeNested(node))}
		return true
	}
	return false
}

func withholdAt(node any, path, reason string) bool {
	done := false
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			done = withholdAt(e, path, reason) || done
		}
	case map[string]any:
		if _, ok := n[path]; ok {
			n[path] = map[string]any{"$withheld": reason}
			return true
		}
		if head, rest, nested := strings.Cut(path, "."); nested {
			return withholdAt(n[head], rest, reason)
		}
	}
	return done
}

// Meets reports whether the record passes the fixed filter of its collection.
func (c *Collection) Meets(r *Record) bool {
	for _, w := range c.Where {
		v, _ := r.Value(w.Field)
		if !w.Met(v) {
			return false
		}
	}
	return true
}

// Met reports whether a value is one of those the condition allows.
func (w Condition) Met(v Value) bool {
	for _, want := range w.Values {
		if SameValue(v, want) {
			return true
		}
	}
	return false
}

// SameValue reports whether two values say the same, whatever their types: the integer 42 and the text "42" do, null and the
// empty text do not.
func SameValue(a, b Value) bool {
	if a == b {
		return true
	}
	if a.typ == TypeTime && b.typ == TypeTime {
		return a.n == b.n && a.nanos == b.nanos
	}
	return a.IsNull() == b.IsNull() && a.RevealText() == b.RevealText()
}
