package asl

import (
	"errors"
	"strings"
)

// Template is a payload template: an object whose members with names ending in ".$" are computed, at any depth.
type Template struct{ root templateNode }

// templateNode is one of a constant, an object and an array. An object that computes nothing has members and a constant.
type templateNode struct {
	constant any
	isObject bool
	members  []templateMember
	elements []templateNode // of an array that computes something
}

type templateMember struct {
	name  string // without ".$"
	field string // as written
	path  *Path
	call  *Call
	node  *templateNode
}

// compute returns the value of a computed field: a path or an intrinsic function.
func compute(s *Scope, path *Path, call *Call, field string) (any, error) {
	var v any
	var err error
	var source string
	if path != nil {
		v, err = path.Get(s)
		source = path.text
	} else {
		v, err = call.Eval(s)
		source = call.text
	}
	if errors.Is(err, ErrNoValue) {
		// The documents list States.ParameterPathFailure; the service answers States.Runtime with these words.
		return nil, Runtime("The JSONPath '%s' specified for the field '%s' could not be found in the input", source, field)
	}
	return v, err
}

// Eval computes the template.
func (t *Template) Eval(s *Scope) (any, error) { return t.root.eval(s) }

func (n *templateNode) eval(s *Scope) (any, error) {
	switch {
	case n.isObject && n.constant == nil:
		out := make(map[string]any, len(n.members))
		for i := range n.members {
			m := &n.members[i]
			var v any
			var err error
			if m.node != nil {
				v, err = m.node.eval(s)
			} else {
				v, err = compute(s, m.path, m.call, m.field)
			}
			if err != nil {
				return nil, err
			}
			out[m.name] = v
		}
		return out, nil
	case n.elements != nil:
		out := make([]any, len(n.elements))
		for i := range n.elements {
			var err error
			if out[i], err = n.elements[i].eval(s); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return n.constant, nil
}

// member returns the node of a member: a static one, or a computed one.
func (t *Template) member(name string) (m templateMember, ok bool) {
	for _, m := range t.root.members {
		if m.name == name {
			return m, true
		}
	}
	return templateMember{}, false
}

// static returns the string of a member when it is written out in the definition.
func (t *Template) static(name string) (string, bool) {
	m, ok := t.member(name)
	if !ok || m.node == nil {
		return "", false
	}
	s, ok := m.node.constant.(string)
	return s, ok
}

// paths calls visit with every path in the template.
func (t *Template) paths(visit func(*Path)) { t.root.paths(visit) }

func (n *templateNode) paths(visit func(*Path)) {
	for i := range n.members {
		m := &n.members[i]
		switch {
		case m.path != nil:
			visit(m.path)
		case m.call != nil:
			m.call.paths(visit)
		default:
			m.node.paths(visit)
		}
	}
	for i := range n.elements {
		n.elements[i].paths(visit)
	}
}

func (d *loader) template(n *node) *Template {
	if n.object == nil {
		d.problem(n, "want an object")
		return nil
	}
	return &Template{root: d.templateNode(n)}
}

func (d *loader) templateNode(n *node) templateNode {
	switch {
	case n.object != nil:
		t := templateNode{isObject: true}
		seen := map[string]bool{}
		for _, m := range n.object {
			tm := d.templateMember(m)
			if seen[tm.name] {
				d.problem(m.value, "the field is given twice, with and without .$")
			}
			seen[tm.name] = true
			t.members = append(t.members, tm)
		}
		return t.folded()
	case n.array != nil:
		t := templateNode{elements: make([]templateNode, 0, len(n.array))}
		for _, e := range n.array {
			t.elements = append(t.elements, d.templateNode(e))
		}
		return t.folded()
	}
	return templateNode{constant: n.value()}
}

func (d *loader) templateMember(m member) templateMember {
	name, computed := strings.CutSuffix(m.name, ".$")
	if !computed {
		node := d.templateNode(m.value)
		return templateMember{name: m.name, field: m.name, node: &node}
	}
	tm := templateMember{name: name, field: m.name}
	tm.path, tm.call = d.expression(m.value)
	if tm.path == nil && tm.call == nil {
		tm.node = &templateNode{} // a problem was noted
	}
	return tm
}

// folded notes the value of a node that computes nothing.
func (n templateNode) folded() templateNode {
	if n.isObject {
		out := map[string]any{}
		for _, m := range n.members {
			if m.node == nil || !m.node.isConstant() {
				return n
			}
			out[m.name] = m.node.constant
		}
		n.constant = out
		return n
	}
	out := make([]any, 0, len(n.elements))
	for _, e := range n.elements {
		if !e.isConstant() {
			return n
		}
		out = append(out, e.constant)
	}
	return templateNode{constant: out}
}

func (n *templateNode) isConstant() bool {
	return (!n.isObject && n.elements == nil) || (n.isObject && n.constant != nil)
}
