package stacks_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the snapshots in testdata")

// Hashes of code and of configurations that hold them change with every build; everything else is the snapshot's business.
var hashes = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\.(zip|json)\b`), "HASH.$1"},
	{regexp.MustCompile(`(Version)[0-9a-f]{12}`), "${1}HASH"},
	{regexp.MustCompile(`"/[0-9a-f]{64}\b`), `"/HASH`},
}

// TestSnapshot shows every change of a template in review, of a stage for production.
func TestSnapshot(t *testing.T) {
	s := of(t, "prod")
	for name, raw := range s.raw {
		var indented bytes.Buffer
		if err := json.Indent(&indented, raw, "", " "); err != nil {
			t.Fatal(err)
		}
		got := indented.Bytes()
		for _, h := range hashes {
			got = h.of.ReplaceAll(got, []byte(h.by))
		}
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.MkdirAll("testdata", 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(bytes.TrimSpace(got), '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("reading the snapshot (-update writes it): %v", err)
		}
		if diff := cmp.Diff(string(bytes.TrimSpace(want)), string(bytes.TrimSpace(got))); diff != "" {
			t.Errorf("%s has changed; -update writes it (-snapshot +template):\n%s", name, diff)
		}
	}
}
