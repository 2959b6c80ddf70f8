package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// node is a JSON value of a definition that knows its place and keeps the order of members.
type node struct {
	pointer string
	object  []member // not nil for an object
	array   []*node  // not nil for an array
	scalar  any
}

type member struct {
	name  string
	value *node
}

// maxDepth bounds the nesting of a definition.
const maxDepth = 200

// loader reads a definition and collects every problem it finds.
type loader struct {
	names    map[string]string // for ${Name}; nil = leave as they are
	problems []error
	states   map[string]*State
}

func (d *loader) problem(n *node, format string, args ...any) {
	d.problemAt(n.pointer, format, args...)
}

func (d *loader) problemAt(pointer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	where := pointer
	if where == "" {
		where = "/"
	}
	d.problems = append(d.problems, fault.InvalidField(pointer, where+": "+text))
}

func pointerTo(parent, token string) string {
	return parent + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// parse reads the definition's JSON. Members given twice are refused: JSON parsers disagree on which one counts.
func (d *loader) parse(definition []byte) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(definition))
	dec.UseNumber()
	n, err := d.parseValue(dec, "", 0)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading definition")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "reading definition: more than one JSON value")
	}
	return n, nil
}

func (d *loader) parseValue(dec *json.Decoder, pointer string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deeply")
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{pointer: pointer}
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return n, d.parseObject(dec, n, depth)
		}
		n.array = []*node{}
		for i := 0; dec.More(); i++ {
			e, err := d.parseValue(dec, pointerTo(pointer, strconv.Itoa(i)), depth+1)
			if err != nil {
				return nil, err
			}
			n.array = append(n.array, e)
		}
		_, err = dec.Token()
		return n, err
	case string:
		n.scalar = d.substitute(n, v)
	default:
		n.scalar = v
	}
	return n, nil
}

func (d *loader) parseObject(dec *json.Decoder, n *node, depth int) error {
	n.object = []member{}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		v, err := d.parseValue(dec, pointerTo(n.pointer, name), depth+1)
		if err != nil {
			return err
		}
		if seen[name] {
			d.problem(v, "the field is given twice")
		}
		seen[name] = true
		n.object = append(n.object, member{name, v})
	}
	_, err := dec.Token()
	return err
}

// substitute replaces every ${Name} in a string of the definition, as CloudFormation's DefinitionSubstitutions do.
func (d *loader) substitute(n *node, s string) string {
	if d.names == nil {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "${")
		name, rest, closed := strings.Cut(after, "}")
		if !found || !closed {
			b.WriteString(s)
			return b.String()
		}
		value, ok := d.names[name]
		if !ok {
			d.problem(n, "no value is given for ${%s}", name)
		}
		b.WriteString(before)
		b.WriteString(value)
		s = rest
	}
}

// value returns the node as a plain JSON value.
func (n *node) value() any {
	switch {
	case n.object != nil:
		out := make(map[string]any, len(n.object))
		for _, m := range n.object {
			out[m.name] = m.value.value()
		}
		return out
	case n.array != nil:
		out := make([]any, len(n.array))
		for i, e := range n.array {
			out[i] = e.value()
		}
		return out
	}
	return n.scalar
}

// fields hands out the members of an object once each, so that what nobody asked for can be refused.
type fields struct {
	d    *loader
	node *node
	rest map[string]*node
}

func (d *loader) fields(n *node) *fields {
	f := &fields{d: d, node: n, rest: map[string]*node{}}
	if n.object == nil {
		d.problem(n, "want an object")
	}
	for _, m := range n.object {
		f.rest[m.name] = m.value
	}
	return f
}

func (f *fields) take(name string) *node {
	n := f.rest[name]
	delete(f.rest, name)
	return n
}

// done refuses what is left.
func (f *fields) done() {
	for _, m := range f.node.object {
		if _, left := f.rest[m.name]; left {
			f.d.problem(m.value, "the field is not supported here")
		}
	}
}

// text returns a string member; "" when absent or wrong.
func (f *fields) text(name string) string {
	n := f.take(name)
	if n == nil {
		return ""
	}
	s, ok := n.scalar.(string)
	if !ok {
		f.d.problem(n, "want a string")
	}
	return s
}

// required returns a string member that may not be absent or empty.
func (f *fields) required(name string) string {
	if f.rest[name] == nil {
		f.d.problem(f.node, "%s is missing", name)
		return ""
	}
	n := f.rest[name]
	s := f.text(name)
	if s == "" {
		f.d.problem(n, "want a string that is not empty")
	}
	return s
}

// whole returns an integer member within bounds, or def when absent.
func (f *fields) whole(name string, def, low, high int64) int64 {
	n := f.take(name)
	if n == nil {
		return def
	}
	i, ok := integer(n.scalar)
	if !ok || i < low || i > high {
		f.d.problem(n, "want an integer from %d to %d", low, high)
		return def
	}
	return i
}

// path returns a member that is a path; nil when absent.
func (f *fields) path(name string) *Path {
	n := f.take(name)
	if n == nil {
		return nil
	}
	s, ok := n.scalar.(string)
	if !ok {
		f.d.problem(n, "want a path")
		return nil
	}
	p, err := ParsePath(s)
	if err != nil {
		f.d.problem(n, "bad path: %v", err)
		return nil
	}
	f.d.checkContext(n, p)
	return p
}

// expression reads the value of a computed field: a path or an intrinsic function.
func (d *loader) expression(n *node) (*Path, *Call) {
	s, ok := n.scalar.(string)
	switch {
	case !ok:
		d.problem(n, "want a path or an intrinsic function")
	case strings.HasPrefix(s, "$"):
		p, err := ParsePath(s)
		if err != nil {
			d.problem(n, "bad path: %v", err)
			return nil, nil
		}
		d.checkContext(n, p)
		return p, nil
	default:
		c, err := ParseCall(s)
		if err != nil {
			d.problem(n, "bad intrinsic function: %v", err)
			return nil, nil
		}
		c.paths(func(p *Path) { d.checkContext(n, p) })
		return nil, c
	}
	return nil, nil
}

// checkContext refuses paths into the context object that name nothing this package's engines provide.
func (d *loader) checkContext(n *node, p *Path) {
	if !p.context || len(p.steps) == 0 {
		return
	}
	allowed := map[string][]string{
		"Execution":    {"Id", "Input", "Name", "StartTime"},
		"State":        {"EnteredTime", "Name", "RetryCount"},
		"StateMachine": {"Id", "Name"},
		"Task":         {"Token"},
		"Map":          {"Item"},
	}
	first, second := p.steps[0], step{}
	if len(p.steps) > 1 {
		second = p.steps[1]
	}
	ok := first.kind == byName && !first.descend && len(first.names) == 1 && allowed[first.names[0]] != nil
	if ok && second.kind != 0 {
		ok = second.kind == byName && !second.descend && len(second.names) == 1
		found := false
		for _, a := range allowed[first.names[0]] {
			found = found || ok && a == second.names[0]
		}
		ok = found
	}
	if !ok {
		d.problem(n, "the context object has no such value here")
	}
}
