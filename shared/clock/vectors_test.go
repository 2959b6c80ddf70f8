package clock_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// published is the files of vectors, in the order of their names.
func published(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.yaml")
	if err != nil || len(files) < 7 {
		t.Fatalf("got %d files of vectors, %v", len(files), err)
	}
	return append(files, "testdata/vectors.yaml")
}

// TestPublishedVectors: every vector of every file agrees with the clock.
func TestPublishedVectors(t *testing.T) {
	laws, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, name := range published(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := clock.Check(bytes.NewReader(content), laws)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, f := range got.Faults {
			t.Errorf("%s:%d: %s: %s", name, f.Line, f.ID, f.Text)
		}
		for _, m := range got.Mismatches {
			t.Errorf("%s:%d: %s: %s is %s, and the file says %s", name, m.Line, m.ID, m.Field, m.Got, m.Want)
		}
		total += got.Passed
	}
	if total < 250 {
		t.Errorf("only %d vectors", total)
	}
}

// vectorFile is what this test looks at of a file of vectors.
type vectorFile struct {
	Dates    []vectorKeys `yaml:"date_vectors"`
	Requests []vectorKeys `yaml:"law_vectors"`
}

type vectorKeys struct {
	ID           string `yaml:"id"`
	Jurisdiction string `yaml:"jurisdiction"`
	Pack         string `yaml:"pack"`
	Reasoning    string `yaml:"reasoning"`
	Source       string `yaml:"source"`
}

// TestEveryLawHasAVector: no law is without a date that somebody computed from its source, and every vector says how.
func TestEveryLawHasAVector(t *testing.T) {
	laws, err := policy.Load()
	if err != nil {
		t.Fatal(err)
	}
	count, owner := map[policy.ID]int{}, map[string]string{}
	for _, name := range published(t) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file vectorFile
		if err := yaml.Unmarshal(content, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, v := range slices.Concat(file.Dates, file.Requests) {
			if other, twice := owner[v.ID]; twice {
				t.Errorf("%s: %s is in %s too", name, v.ID, other)
			}
			owner[v.ID] = name
			law := policy.ID(strings.ToLower(v.Jurisdiction + v.Pack))
			if _, err := laws.Pack(law); err != nil {
				t.Errorf("%s: %s: there is no law %s", name, v.ID, law)
			}
			count[law]++
			// The first 25 were published without the two keys.
			if name != "testdata/vectors.yaml" && (v.Reasoning == "" || !strings.HasPrefix(v.Source, "http")) {
				t.Errorf("%s: %s: reasoning or source is missing", name, v.ID)
			}
		}
	}
	for _, p := range laws.Packs() {
		if count[p.ID] == 0 {
			t.Errorf("the law %s has no vector", p.ID)
		}
	}
}
