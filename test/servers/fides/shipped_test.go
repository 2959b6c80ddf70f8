package fides

import (
	"archive/zip"
	"errors"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/test/synthetic"
)

const wheel = "../../../.tools/corpora/ethyca_fides-2.78.2-py2.py3-none-any.whl"

// shipped returns the data maps of the package by file name.
func shipped(t *testing.T) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(filepath.FromSlash(wheel))
	if err != nil {
		t.Fatalf("%v; `make corpora` fetches it", err)
	}
	defer func() { _ = z.Close() }()
	files := map[string][]byte{}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "_dataset.yml") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[path.Base(f.Name)], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
	}
	return files
}

// The maps that cannot be served, and why that is right.
var refused = map[string]string{
	// It holds the addresses of shops, found by a field of the request form; nothing in it says who somebody is.
	"postgres_example_custom_request_field_dataset.yml": "no field has an identity",
}

// What Fides has in these maps and Habeas does not do. Everything else has its effect.
var noted = map[string][]string{
	"mongo_example_test_dataset.yml":                    {`"data_categories" has no effect below fides_meta`},
	"postgres_example_custom_request_field_dataset.yml": {`"custom_request_field" is not searched by`},
}

// What a live schema must add: these collections have no primary key in the map.
var keyless = map[string][]string{
	"postgres_example_test_dataset.yml":          {"order_item", "visit"},
	"postgres_example_test_extended_dataset.yml": {"loyalty"},
}

func TestEveryShippedMapIsReadOrRefusedByName(t *testing.T) {
	files := shipped(t)
	want := []string{
		"mongo_example_test_dataset.yml", "postgres_example_custom_request_field_dataset.yml",
		"postgres_example_test_dataset.yml", "postgres_example_test_extended_dataset.yml",
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(files))); d != "" {
		t.Fatalf("files of the package (-want +got):\n%s", d)
	}
	for name, src := range files {
		t.Run(name, func(t *testing.T) {
			l := load(t, src)
			var texts []string
			for _, w := range l.Warnings {
				if w.Line == 0 {
					t.Errorf("a warning without a line: %s", w.Text)
				}
				texts = append(texts, w.Text)
			}
			if !slices.EqualFunc(texts, noted[name], strings.HasPrefix) {
				t.Errorf("warnings %q, want %q", texts, noted[name])
			}
			checkGraph(t, name, l)
		})
	}
}

func load(t *testing.T, src []byte) datamap.Loaded {
	t.Helper()
	l, err := datamap.Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// checkGraph builds the graph of the map alone: it must fail exactly where it should.
func checkGraph(t *testing.T, name string, l datamap.Loaded) {
	t.Helper()
	_, err := connector.NewGraph(l.Datasets[0])
	switch {
	case refused[name] != "":
		if err == nil || !strings.Contains(err.Error(), refused[name]) {
			t.Errorf("error %v, want %q", err, refused[name])
		}
	case keyless[name] != nil:
		invalid, ok := errors.AsType[*connector.InvalidDataset](err)
		if !ok {
			t.Fatalf("error %v, want the collections without a key", err)
		}
		var got []string
		for _, p := range invalid.Problems {
			if !strings.Contains(p.Text, "primary_key") || p.Line == 0 {
				t.Errorf("problem %+v", p)
			}
			got = append(got, p.Collection)
		}
		if d := cmp.Diff(keyless[name], got); d != "" {
			t.Errorf("collections without a key (-want +got):\n%s", d)
		}
	case err != nil:
		t.Error(err)
	}
}

// TestShippedMapsFindOnePerson walks and erases on databases made from the maps. The one of MongoDB refers to the one of
// PostgreSQL, so they are systems of one company.
func TestShippedMapsFindOnePerson(t *testing.T) {
	files := shipped(t)
	for _, group := range [][]string{
		{"postgres_example_test_dataset.yml", "mongo_example_test_dataset.yml"},
		{"postgres_example_test_dataset.yml"},
		{"postgres_example_test_extended_dataset.yml"},
	} {
		t.Run(strings.Join(group, "+"), func(t *testing.T) {
			var all []*connector.Dataset
			for _, name := range group {
				all = append(all, load(t, files[name]).Datasets...)
			}
			synthetic.New(t, all...).Check(t)
		})
	}
}
