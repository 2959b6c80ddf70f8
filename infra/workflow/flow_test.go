package workflow_test

import (
	"fmt"
	"go/ast"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// flow follows paths of a scope of states back to where they were written.
type flow struct {
	states   object
	start    string
	input    []string // members of the scope's input
	problems []string
}

// edge is a transition; caught says that it is that of a catcher, whose ResultPath is place.
type edge struct {
	from   string
	caught bool
	place  any // nil for null
}

func (f *flow) edgesTo(name string) []edge {
	var out []edge
	for from, v := range f.states {
		s := v.(object)
		if s["Next"] == name {
			out = append(out, edge{from: from})
		}
		if s["Default"] == name || slices.ContainsFunc(list(s["Choices"]), func(c object) bool { return c["Next"] == name }) {
			out = append(out, edge{from: from})
		}
		for _, c := range list(s["Catch"]) {
			if c["Next"] == name {
				place, given := c["ResultPath"]
				if !given {
					place = "$"
				}
				out = append(out, edge{from, true, place})
			}
		}
	}
	return out
}

// check adds the problems of the scope and of the Maps in it, and returns how many paths it followed.
func (f *flow) check() int {
	n := 0
	for name, v := range f.states {
		s := v.(object)
		for _, path := range reads(s) {
			n++
			if !f.atEntry(name, path, map[string]bool{}) {
				f.problems = append(f.problems, name+" reads "+path+", which may not have been written")
			}
		}
		if p, ok := s["ItemProcessor"].(object); ok {
			inner := &flow{states: p["States"].(object), start: p["StartAt"].(string)}
			for k := range s["ItemSelector"].(object) {
				inner.input = append(inner.input, strings.TrimSuffix(k, ".$"))
			}
			n += inner.check()
			f.problems = append(f.problems, inner.problems...)
		}
	}
	return n
}

// reads lists the paths into its input that a state reads without a guard.
func reads(s object) []string {
	var out []string
	for _, field := range []string{"ItemsPath", "SecondsPath", "InputPath"} {
		if p, ok := s[field].(string); ok {
			out = append(out, p)
		}
	}
	for _, field := range []string{"Parameters", "ItemSelector"} {
		out = append(out, inTemplate(s[field])...)
	}
	for _, c := range list(s["Choices"]) {
		rules := list(c["And"])
		if rules == nil {
			rules = []object{c}
		}
		present := map[any]bool{}
		for _, r := range rules {
			if r["IsPresent"] == true {
				present[r["Variable"]] = true
			} else if !present[r["Variable"]] {
				out = append(out, r["Variable"].(string))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// inTemplate lists the paths of a payload template.
func inTemplate(v any) []string {
	var out []string
	template, _ := v.(object)
	for k, v := range template {
		text, ok := v.(string)
		if !ok || !strings.HasSuffix(k, ".$") {
			out = append(out, inTemplate(v)...)
			continue
		}
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("(), '", r) }) {
			if strings.HasPrefix(word, "$.") {
				out = append(out, word)
			}
		}
	}
	return out
}

// atEntry reports whether a path has been written on every way into a state.
func (f *flow) atEntry(name, path string, seen map[string]bool) bool {
	if seen[name+path] {
		return true // a loop adds no way in
	}
	seen[name+path] = true
	if name == f.start && !slices.Contains(f.input, strings.Split(path, ".")[1]) {
		return false
	}
	for _, e := range f.edgesTo(name) {
		if !f.afterEdge(e, path, seen) {
			return false
		}
	}
	return true
}

func (f *flow) afterEdge(e edge, path string, seen map[string]bool) bool {
	s := f.states[e.from].(object)
	place, given := s["ResultPath"]
	if !given {
		place = "$"
	}
	if e.caught {
		place = e.place
	}
	switch {
	case s["Type"] == "Choice" || s["Type"] == "Wait" || place == nil:
		return f.atEntry(e.from, path, seen)
	case e.caught: // an error has these two members
		return within(path, place, object{"Error": 1, "Cause": 1}, func() bool { return f.atEntry(e.from, path, seen) })
	case s["Type"] == "Pass" && s["Parameters"] != nil:
		return f.afterTemplate(e.from, s["Parameters"].(object), path, seen)
	case s["Type"] == "Pass":
		return within(path, place, s["Result"], func() bool { return f.atEntry(e.from, path, seen) })
	}
	return within(path, place, s["ResultSelector"], func() bool { return f.atEntry(e.from, path, seen) })
}

// afterTemplate follows a path through a Pass whose Parameters are its whole output.
func (f *flow) afterTemplate(name string, template object, path string, seen map[string]bool) bool {
	first, rest, deeper := strings.Cut(strings.TrimPrefix(path, "$."), ".")
	if source, ok := template[first+".$"].(string); ok {
		return !deeper || f.atEntry(name, source+"."+rest, seen)
	}
	_, ok := template[first]
	return ok && !deeper
}

// within reports whether a path is among what was written at a place, or else what elsewhere says of it.
func within(path string, place, written any, elsewhere func() bool) bool {
	if path == place {
		return true
	}
	rest, below := strings.CutPrefix(path, fmt.Sprint(place)+".")
	if !below {
		return elsewhere()
	}
	members, _ := written.(object)
	_, one := members[rest]
	_, other := members[rest+".$"]
	return one || other
}

// fields lists the members that answers always have (no omitempty), and those of items as "item <name>", from the types of
// package step.
func fields(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, file := range parse(t, "internal/step") {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !slices.Contains([]string{"Answer", "TaskAnswer", "Item"}, spec.Name.Name) {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				tag, err := strconv.Unquote(field.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				name := reflect.StructTag(tag).Get("json")
				if spec.Name.Name == "Item" {
					name = "item " + name
				}
				out[name] = true // "next,omitempty" is no name of a member
			}
			return false
		})
	}
	if len(out) != 7 {
		t.Fatalf("package step has the members %v", out)
	}
	return out
}
