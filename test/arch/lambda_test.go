package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// linked returns what each main package of a Lambda is linked with, by its folder: packages of the module, relative to it.
func linked(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Name,Deps", "./functions/...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("listing what the functions are linked with: %v", err)
	}
	all := map[string][]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Name string
			Deps             []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Name != "main" {
			continue
		}
		var ours []string
		for _, d := range p.Deps {
			if to, ok := own(d); ok {
				ours = append(ours, to)
			}
		}
		at, _ := own(p.ImportPath)
		all[at] = ours
	}
}

// TestOnlyWorkersLinkConnectors: a function without Systems has neither the secrets of systems nor a way into a private network, so
// that a connector in it is dead weight at best. Each worker links one part of the catalogue, and no two the same.
func TestOnlyWorkersLinkConnectors(t *testing.T) {
	mains, workers := linked(t), map[string]string{}
	for _, f := range inventory.Functions() {
		deps, ok := mains[f.Main]
		if !ok {
			t.Errorf("%s: there is no main package in %s", f.Name, f.Main)
			continue
		}
		var kinds []string
		for _, d := range deps {
			if in(d, "connectors") && !f.Has(inventory.Systems) {
				t.Errorf("%s opens no systems and is linked with %s", f.Name, d)
			}
			if in(d, "connectors/catalog") {
				kinds = append(kinds, d)
			}
		}
		if f.Has(inventory.Systems) {
			if len(kinds) != 1 || !in(kinds[0], "connectors/catalog/*") {
				t.Errorf("%s opens systems and is linked with %v, want one part of connectors/catalog", f.Name, kinds)
				continue
			}
			if other := workers[kinds[0]]; other != "" {
				t.Errorf("%s and %s open the same kinds of systems", f.Name, other)
			}
			workers[kinds[0]] = f.Name
		}
		if asks := slices.Contains(deps, "infra/cloud/workers"); asks != f.Has(inventory.Workers) {
			t.Errorf("%s: calls workers %t, may call them %t", f.Name, asks, f.Has(inventory.Workers))
		}
	}
	if len(workers) < 2 {
		t.Errorf("%d workers: the rules would prove nothing", len(workers))
	}
	for main := range mains {
		if !slices.ContainsFunc(inventory.Functions(), func(f inventory.Function) bool { return f.Main == main }) {
			t.Errorf("%s is the main package of no function of the inventory", main)
		}
	}
}
