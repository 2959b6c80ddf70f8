package workflow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// placeholder is what an engine substitutes. It has the form that CloudFormation's DefinitionSubstitutions take.
var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// Placeholders returns the names that a machine's definition leaves open, sorted: functions and TaskMachine. A name that is no
// machine's is an error.
func Placeholders(machine string) ([]string, error) {
	text, ok := Machines()[machine]
	if !ok {
		return nil, fmt.Errorf("there is no machine %q", machine)
	}
	var names []string
	for _, m := range placeholder.FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Definition returns a machine's definition with every placeholder filled in, as Step Functions takes it: for a function the
// name or ARN of the function or its alias, for TaskMachine the ARN of the machine's alias. The substitutions are exactly those
// that the definition asks for: one too many or too few, or an empty one, is an error. Workers are not among them: a task
// carries its own as the value of "worker", which FunctionName.$ takes as it is, and so must be what FunctionName takes.
func Definition(machine string, substitutions map[string]string) ([]byte, error) {
	names, err := Placeholders(machine)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if substitutions[n] == "" {
			return nil, fmt.Errorf("machine %s lacks a substitution for %s", machine, n)
		}
	}
	for n := range substitutions {
		if !slices.Contains(names, n) {
			return nil, fmt.Errorf("machine %s does not mention %s", machine, n)
		}
	}
	return placeholder.ReplaceAllFunc(Machines()[machine], func(b []byte) []byte {
		return inString(substitutions[string(b[2:len(b)-1])])
	}), nil
}

// inString returns a text as it stands within a JSON string.
func inString(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always encodes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))[1 : b.Len()-2]
}
