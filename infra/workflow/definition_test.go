package workflow_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

func substitutions(t *testing.T, machine string) map[string]string {
	t.Helper()
	names, err := definitions.Placeholders(machine)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, n := range names {
		out[n] = "habeas-test-" + n + ":live"
	}
	return out
}

func TestDefinition(t *testing.T) {
	seen := map[string]bool{}
	for machine := range definitions.Machines() {
		with := substitutions(t, machine)
		for n := range with {
			seen[n] = true
		}
		text, err := definitions.Definition(machine, with)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "${") {
			t.Errorf("%s: something is left to fill in", machine)
		}
		for _, value := range with {
			if !strings.Contains(string(text), `"`+value+`"`) {
				t.Errorf("%s does not mention %s", machine, value)
			}
		}
		if _, err := asl.Load(text, nil); err != nil {
			t.Errorf("%s: %v", machine, err)
		}
		missing, more, empty := substitutions(t, machine), substitutions(t, machine), substitutions(t, machine)
		for n := range with {
			delete(missing, n)
			empty[n] = ""
			break
		}
		more["Nobody"] = "x"
		for name, with := range map[string]map[string]string{"missing": missing, "more": more, "empty": empty, "none": nil} {
			if _, err := definitions.Definition(machine, with); err == nil {
				t.Errorf("%s: substitutions with one %s are taken", machine, name)
			}
		}
	}
	for _, n := range append(definitions.Functions(), "TaskMachine") {
		if !seen[n] {
			t.Errorf("no machine asks for %s", n)
		}
	}
	for _, f := range []func() error{
		func() error { _, err := definitions.Placeholders("nobody"); return err },
		func() error { _, err := definitions.Definition("nobody", nil); return err },
	} {
		if f() == nil {
			t.Error("an unknown machine has a definition")
		}
	}
}

// A value is data, whatever characters it has.
func TestDefinitionQuotes(t *testing.T) {
	with := substitutions(t, "notify")
	for n := range with {
		with[n] = "a\"b\\c<d"
	}
	text, err := definitions.Definition("notify", with)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		States map[string]struct{ Parameters struct{ FunctionName string } }
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if got := m.States["Notify"].Parameters.FunctionName; got != "a\"b\\c<d" {
		t.Errorf("got %q", got)
	}
}

func TestPlaceholdersAreSortedAndOnce(t *testing.T) {
	names, err := definitions.Placeholders("case")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(names) || len(names) != 12 || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("got %v", names)
	}
}
