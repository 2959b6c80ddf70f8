package asl

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrNoValue says that a path names nothing in the value it was applied to.
var ErrNoValue = errors.New("path names no value")

// Path selects from a state's input ("$...") or from the context object ("$$..."). The syntax is JSONPath as Step Functions
// takes it, without filters and functions: names (.a, ['a']), indexes ([0], [-1]), unions ([0,2], ['a','b']), slices ([1:3]),
// wildcards (.*, [*]) and descent (..a).
type Path struct {
	text     string
	context  bool
	definite bool // selects at most one value
	steps    []step
}

type stepKind uint8

const (
	byName stepKind = iota + 1
	byIndex
	bySlice
	byWildcard
)

type step struct {
	kind     stepKind
	descend  bool // "..": apply to every descendant too
	names    []string
	indexes  []int
	from, to *int
}

// ParsePath reads a path.
func ParsePath(text string) (*Path, error) {
	p := &Path{text: text, definite: true}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, errors.New("a path starts with $")
	}
	if r, ok := strings.CutPrefix(rest, "$"); ok {
		rest, p.context = r, true
	}
	for rest != "" {
		var s step
		var err error
		if s, rest, err = parseStep(rest); err != nil {
			return nil, err
		}
		if s.descend || s.kind == bySlice || s.kind == byWildcard || len(s.names)+len(s.indexes) > 1 {
			p.definite = false
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

func parseStep(rest string) (step, string, error) {
	var s step
	switch {
	case strings.HasPrefix(rest, ".."):
		s.descend = true
		rest = rest[2:]
		if strings.HasPrefix(rest, "[") {
			return parseBracket(s, rest[1:])
		}
	case rest[0] == '[':
		return parseBracket(s, rest[1:])
	case rest[0] == '.':
		rest = rest[1:]
	default:
		return s, "", fmt.Errorf("unexpected %q", rest[:1])
	}
	if r, ok := strings.CutPrefix(rest, "*"); ok {
		s.kind = byWildcard
		return s, r, nil
	}
	end := nameEnd(rest)
	if end == 0 {
		return s, "", errors.New("a name is missing after a dot")
	}
	s.kind, s.names = byName, []string{rest[:end]}
	return s, rest[end:], nil
}

func nameEnd(s string) int {
	for i, r := range s {
		if r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return i
		}
	}
	return len(s)
}

func parseBracket(s step, rest string) (step, string, error) {
	rest = strings.TrimLeft(rest, " ")
	if r, ok := strings.CutPrefix(rest, "*"); ok {
		s.kind = byWildcard
		return closeBracket(s, r)
	}
	if rest == "" {
		return s, "", errors.New("a bracket is not closed")
	}
	if rest[0] == '\'' || rest[0] == '"' {
		return parseQuoted(s, rest)
	}
	if rest[0] == '?' || rest[0] == '(' {
		return s, "", errors.New("filter and script expressions are not supported")
	}
	return parseNumbers(s, rest)
}

func closeBracket(s step, rest string) (step, string, error) {
	r, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), "]")
	if !ok {
		return s, "", errors.New("a bracket is not closed")
	}
	return s, r, nil
}

func parseQuoted(s step, rest string) (step, string, error) {
	s.kind = byName
	for {
		if rest == "" || (rest[0] != '\'' && rest[0] != '"') {
			return s, "", errors.New("want a quoted name in brackets")
		}
		name, r, err := unquote(rest)
		if err != nil {
			return s, "", err
		}
		s.names = append(s.names, name)
		rest = strings.TrimLeft(r, " ")
		if r, ok := strings.CutPrefix(rest, ","); ok {
			rest = strings.TrimLeft(r, " ")
			continue
		}
		return closeBracket(s, rest)
	}
}

func unquote(s string) (name, rest string, err error) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return b.String(), s[i+1:], nil
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errors.New("a quoted name is not closed")
}

func parseNumbers(s step, rest string) (step, string, error) {
	body, after, ok := strings.Cut(rest, "]")
	if !ok {
		return s, "", errors.New("a bracket is not closed")
	}
	if from, to, ok := strings.Cut(body, ":"); ok {
		s.kind = bySlice
		var err error
		if s.from, err = bound(from); err != nil {
			return s, "", err
		}
		if s.to, err = bound(to); err != nil {
			return s, "", err
		}
		return s, after, nil
	}
	s.kind = byIndex
	for part := range strings.SplitSeq(body, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || !utf8.ValidString(part) {
			return s, "", errors.New("want an index, a slice, a quoted name or * in brackets")
		}
		s.indexes = append(s.indexes, n)
	}
	return s, after, nil
}

func bound(text string) (*int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, errors.New("a bound of a slice is not an integer")
	}
	return &n, nil
}

// String returns the path as written.
func (p *Path) String() string { return p.text }

// Get applies the path. A path that can select several values gives an array, which may be empty; any other gives the value
// or ErrNoValue.
func (p *Path) Get(s *Scope) (any, error) {
	root := s.Input
	if p.context {
		root = s.context()
	}
	nodes, strict := []any{root}, true
	for _, st := range p.steps {
		var next []any
		for _, n := range nodes {
			found := st.apply(n, nil)
			// As long as the path is definite a miss is an error; below a wildcard it is one value less.
			if strict && len(found) == 0 && st.kind != bySlice && !st.descend && !emptyContainer(st, n) {
				return nil, ErrNoValue
			}
			next = append(next, found...)
		}
		strict = strict && !st.descend && st.kind != bySlice && st.kind != byWildcard && len(st.names)+len(st.indexes) == 1
		nodes = next
	}
	if p.definite {
		return nodes[0], nil
	}
	if nodes == nil {
		nodes = []any{}
	}
	return nodes, nil
}

func emptyContainer(st step, n any) bool {
	if st.kind != byWildcard {
		return false
	}
	switch v := n.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func (st step) apply(n any, out []any) []any {
	switch v := n.(type) {
	case map[string]any:
		if st.kind == byName {
			for _, name := range st.names {
				if x, ok := v[name]; ok {
					out = append(out, x)
				}
			}
		}
		if st.kind == byWildcard || st.descend {
			for _, k := range slices.Sorted(maps.Keys(v)) {
				out = st.member(v[k], out)
			}
		}
	case []any:
		out = st.elements(v, out)
		if st.kind == byWildcard || st.descend {
			for _, x := range v {
				out = st.member(x, out)
			}
		}
	}
	return out
}

func (st step) member(x any, out []any) []any {
	if st.kind == byWildcard {
		out = append(out, x)
	}
	if st.descend {
		out = st.apply(x, out)
	}
	return out
}

func (st step) elements(v []any, out []any) []any {
	switch st.kind {
	case byIndex:
		for _, i := range st.indexes {
			if i < 0 {
				i += len(v)
			}
			if i >= 0 && i < len(v) {
				out = append(out, v[i])
			}
		}
	case bySlice:
		from, to := clamp(st.from, 0, len(v)), clamp(st.to, len(v), len(v))
		if from < to {
			out = append(out, v[from:to]...)
		}
	case byName, byWildcard:
	}
	return out
}

func clamp(bound *int, def, n int) int {
	if bound == nil {
		return def
	}
	i := *bound
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}
