package workflow_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// validate runs asl-validator over definitions and returns which are valid, and what it said.
func validate(t *testing.T, named map[string][]byte) (valid map[string]bool, said string) {
	t.Helper()
	dir := t.TempDir()
	var args []string
	for name, text := range named {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--json-path", file)
	}
	// It fails when one is invalid; what it says of each is what counts.
	out, _ := exec.CommandContext(t.Context(), filepath.Join(emulator.Tools(), "npm", "node_modules", ".bin", "asl-validator"), args...).CombinedOutput()
	valid = map[string]bool{}
	for name := range named {
		valid[name] = strings.Contains(string(out), filepath.Join(dir, name)+`" is valid`)
	}
	return valid, string(out)
}

// asl-validator finds nothing in the definitions, as they are kept and as AWS gets them.
func TestMachinesAreValid(t *testing.T) {
	all := map[string][]byte{}
	for machine, text := range definitions.Machines() {
		names, err := definitions.Placeholders(machine)
		if err != nil {
			t.Fatal(err)
		}
		with := map[string]string{}
		for _, n := range names {
			with[n] = "arn:aws:lambda:eu-west-1:123456789012:function:habeas-test-" + n + ":live"
		}
		filled, err := definitions.Definition(machine, with)
		if err != nil {
			t.Fatal(err)
		}
		all[machine+".as-kept"], all[machine+".filled-in"] = text, filled
	}
	valid, said := validate(t, all)
	for name, ok := range valid {
		if !ok {
			t.Errorf("%s is not valid", name)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// The validator finds what it is relied on to find.
func TestValidatorBites(t *testing.T) {
	broken := map[string][]byte{}
	for what, plant := range map[string]func(states map[string]map[string]any){
		"a-transition-to-nowhere":   func(s map[string]map[string]any) { s["Triage"]["Next"] = "Nowhere" },
		"a-state-nobody-enters":     func(s map[string]map[string]any) { s["Alone"] = map[string]any{"Type": "Succeed"} },
		"a-task-without-resource":   func(s map[string]map[string]any) { delete(s["Triage"], "Resource") },
		"a-path-that-is-no-path":    func(s map[string]map[string]any) { s["Triage"]["ResultPath"] = "$[" },
		"a-field-that-no-state-has": func(s map[string]map[string]any) { s["Triage"]["Retries"] = 3 },
		"a-state-without-an-end":    func(s map[string]map[string]any) { delete(s["Triage"], "Next") },
	} {
		var m struct {
			StartAt string
			States  map[string]map[string]any
		}
		if err := json.Unmarshal(definitions.Machines()["case"], &m); err != nil {
			t.Fatal(err)
		}
		plant(m.States)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		broken[what] = text
	}
	valid, said := validate(t, broken)
	for what, ok := range valid {
		if ok || !strings.Contains(said, what) {
			t.Errorf("it does not find %s", what)
		}
	}
}
