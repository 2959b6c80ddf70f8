package local_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// The machines of the product load here with a value for each of their substitutions, and not without.
func TestAdoptedMachinesLoad(t *testing.T) {
	files, err := filepath.Glob("../../../infra/workflow/*.asl.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d definitions: %v", len(files), err)
	}
	for _, f := range files {
		definition, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]string{}
		for _, m := range regexp.MustCompile(`\$\{([A-Za-z]+)\}`).FindAllStringSubmatch(string(definition), -1) {
			names[m[1]] = strings.ToLower(m[1])
		}
		if _, err := asl.Load(definition, names); err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
		}
		if _, err := asl.Load(definition, map[string]string{}); len(names) == 0 || err == nil {
			t.Errorf("%s loads without its substitutions", filepath.Base(f))
		}
	}
}
