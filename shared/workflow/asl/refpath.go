package asl

import (
	"errors"
	"maps"
	"slices"
)

// ReferencePath names exactly one place in a state's input. ResultPath is one.
type ReferencePath struct{ path *Path }

// ParseReferencePath reads a path that can name one place only: names and indexes from 0, on the input.
func ParseReferencePath(text string) (*ReferencePath, error) {
	p, err := ParsePath(text)
	if err != nil {
		return nil, err
	}
	if p.context || !p.definite {
		return nil, errors.New("want a reference path: one place in the input, no context object, wildcard, slice or descent")
	}
	for _, s := range p.steps {
		if s.kind == byIndex && s.indexes[0] < 0 {
			return nil, errors.New("a reference path has no negative index")
		}
	}
	return &ReferencePath{p}, nil
}

// String returns the path as written.
func (r *ReferencePath) String() string { return r.path.text }

// Set returns input with value in the place, and leaves input as it is. Missing objects on the way are created. A place that
// the input's structure does not have (a member of a string, an element beyond the end) is States.ResultPathMatchFailure.
func (r *ReferencePath) Set(input, value any) (any, error) {
	out, ok := set(r.path.steps, input, true, value)
	if !ok {
		return nil, &Failure{Name: ErrorResultPathMatch, Cause: "Unable to apply ReferencePath " + r.path.text + " to the input"}
	}
	return out, nil
}

func set(steps []step, node any, present bool, value any) (any, bool) {
	if len(steps) == 0 {
		return value, true
	}
	st := steps[0]
	if st.kind == byIndex {
		list, ok := node.([]any)
		if !ok || st.indexes[0] >= len(list) {
			return nil, false
		}
		inner, ok := set(steps[1:], list[st.indexes[0]], true, value)
		if !ok {
			return nil, false
		}
		list = slices.Clone(list)
		list[st.indexes[0]] = inner
		return list, true
	}
	object, ok := node.(map[string]any)
	if !ok && present {
		return nil, false
	}
	member, has := object[st.names[0]]
	inner, ok := set(steps[1:], member, has, value)
	if !ok {
		return nil, false
	}
	out := make(map[string]any, len(object)+1)
	maps.Copy(out, object)
	out[st.names[0]] = inner
	return out, true
}
