// Package audit reads templates of CloudFormation as they are deployed: resources by type, values with their intrinsic functions
// written out, and what each function of the inventory is granted. Tests of the stacks stand on it, and so does the audit that compares
// grants with the calls that functions make.
package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Resource is one resource of a template. Its properties are as in the template, intrinsic functions and all.
type Resource struct {
	ID                  string `json:"-"`
	Type                string
	Properties          map[string]any
	DeletionPolicy      string
	UpdateReplacePolicy string
}

// Template is a stack.
type Template struct {
	Resources map[string]Resource
	Outputs   map[string]any
}

// Read reads a template.
func Read(raw []byte) (Template, error) {
	var t Template
	if err := json.Unmarshal(raw, &t); err != nil {
		return Template{}, fmt.Errorf("decoding a template: %w", err)
	}
	for id, r := range t.Resources {
		r.ID = id
		t.Resources[id] = r
	}
	return t, nil
}

// OfType returns the resources of a type, in order of their names.
func (t Template) OfType(kind string) []Resource {
	var all []Resource
	for _, r := range t.Resources {
		if r.Type == kind {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Resource) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// At returns a value within the properties by its path; nil where there is none. A list on the way is entered by number: "Rules.0.Id".
func (r Resource) At(path string) any {
	var v any = r.Properties
	for step := range strings.SplitSeq(path, ".") {
		switch of := v.(type) {
		case map[string]any:
			v = of[step]
		case []any:
			n := 0
			if _, err := fmt.Sscanf(step, "%d", &n); err != nil || n >= len(of) {
				return nil
			}
			v = of[n]
		default:
			return nil
		}
	}
	return v
}

// Text returns the text of a value within the properties; see the function Text.
func (r Resource) Text(path string) string { return Text(r.At(path)) }

// Text writes a value as a text: strings as they are, joins joined, and what only a deployment knows as ${...}: "${AWS::AccountId}",
// "${Bucket}" for a Ref, "${Key.Arn}" for an attribute, "${import stack:name}" for a value of another stack. nil is empty.
func Text(v any) string {
	switch of := v.(type) {
	case nil:
		return ""
	case string:
		return of
	case map[string]any:
		return intrinsic(of)
	case []any:
		var parts []string
		for _, e := range of {
			parts = append(parts, Text(e))
		}
		return strings.Join(parts, ",")
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func intrinsic(of map[string]any) string {
	if len(of) == 1 {
		for name, arg := range of {
			list, _ := arg.([]any)
			switch {
			case name == "Ref":
				return "${" + Text(arg) + "}"
			case name == "Fn::GetAtt" && len(list) == 2:
				return "${" + Text(list[0]) + "." + Text(list[1]) + "}"
			case name == "Fn::ImportValue":
				return "${import " + Text(arg) + "}"
			case name == "Fn::Sub" && list == nil:
				return Text(arg)
			case name == "Fn::Join" && len(list) == 2:
				return join(Text(list[0]), list[1])
			}
		}
	}
	raw, err := json.Marshal(of)
	if err != nil {
		return fmt.Sprint(of)
	}
	return string(raw)
}

func join(with string, list any) string {
	parts, _ := list.([]any)
	var all []string
	for _, p := range parts {
		all = append(all, Text(p))
	}
	return strings.Join(all, with)
}

// Statement is a statement of a policy, with its values written out.
type Statement struct {
	Sid       string
	Effect    string
	Principal string // as JSON; empty in the policy of a role
	Actions   []string
	Resources []string
	Condition map[string]map[string][]string // operator -> key -> values
}

// Statements returns the statements of a policy document.
func Statements(document any) []Statement {
	d, _ := document.(map[string]any)
	list, _ := d["Statement"].([]any)
	var all []Statement
	for _, e := range list {
		s, _ := e.(map[string]any)
		out := Statement{
			Sid: Text(s["Sid"]), Effect: Text(s["Effect"]), Actions: texts(s["Action"]), Resources: texts(s["Resource"]),
			Condition: map[string]map[string][]string{},
		}
		if s["Principal"] != nil {
			out.Principal = Text(s["Principal"])
		}
		conditions, _ := s["Condition"].(map[string]any)
		for operator, keys := range conditions {
			out.Condition[operator] = map[string][]string{}
			byKey, _ := keys.(map[string]any)
			for key, value := range byKey {
				out.Condition[operator][key] = texts(value)
			}
		}
		all = append(all, out)
	}
	return all
}

func texts(v any) []string {
	if v == nil {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return []string{Text(v)}
	}
	var all []string
	for _, e := range list {
		all = append(all, Text(e))
	}
	return all
}

// Granted returns what the role of each function may do, by the function's name in the inventory. A function whose role is not in the
// template, or has policies besides the one in it, is an error.
func Granted(t Template) (map[string][]Statement, error) {
	all := map[string][]Statement{}
	for _, f := range t.OfType("AWS::Lambda::Function") {
		name := strings.TrimPrefix(f.Text("FunctionName"), f.Text("Environment.Variables."+inventory.EnvPrefix)+"-")
		role, ok := t.Resources[strings.TrimSuffix(strings.TrimPrefix(f.Text("Role"), "${"), ".Arn}")]
		if !ok || role.Type != "AWS::IAM::Role" {
			return nil, fmt.Errorf("reading grants of %s: its role is not in the template", name)
		}
		policies, _ := role.At("Policies").([]any)
		if len(policies) != 1 || role.At("ManagedPolicyArns") != nil {
			return nil, fmt.Errorf("reading grants of %s: its role has not one policy, written in it", name)
		}
		all[name] = Statements(role.At("Policies.0.PolicyDocument"))
	}
	return all, nil
}
