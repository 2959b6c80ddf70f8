package clock

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// TestSchemaKnowsEveryKey compares the schema of files of vectors with what the code reads.
func TestSchemaKnowsEveryKey(t *testing.T) {
	content, err := os.ReadFile("vectors.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]node `json:"$defs"`
	}
	if err := json.Unmarshal(content, &schema); err != nil {
		t.Fatal(err)
	}
	law := schema.Defs["lawVector"].Properties
	for name, c := range map[string]struct {
		want reflect.Type
		got  []string
	}{
		"dateVector": {reflect.TypeFor[vectorEntry](), slices.Sorted(maps.Keys(schema.Defs["dateVector"].Properties))},
		"lawVector":  {reflect.TypeFor[lawEntry](), slices.Sorted(maps.Keys(law))},
		"calendar":   {reflect.TypeFor[calendarEntry](), slices.Sorted(maps.Keys(schema.Defs["calendar"].Properties))},
		"events":     {reflect.TypeFor[lawEvent](), slices.Sorted(maps.Keys(law["events"].Items.Properties))},
		"after":      {reflect.TypeFor[lawAfter](), slices.Sorted(maps.Keys(law["after"].Items.Properties))},
		"expect":     {reflect.TypeFor[expectation](), slices.Sorted(maps.Keys(law["expect"].Properties))},
	} {
		var want []string
		for f := range c.want.Fields() {
			want = append(want, f.Tag.Get("yaml"))
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, c.got); diff != "" {
			t.Errorf("%s (-code +schema):\n%s", name, diff)
		}
	}
	var rights []string
	for _, r := range dsar.Rights() {
		rights = append(rights, string(r))
	}
	if diff := cmp.Diff(rights, law["right"].Enum); diff != "" {
		t.Errorf("rights (-code +schema):\n%s", diff)
	}
	if diff := cmp.Diff(Whats(), law["after"].Items.Properties["what"].Enum); diff != "" {
		t.Errorf("periods (-code +schema):\n%s", diff)
	}
}

// node is what these tests look at of a schema.
type node struct {
	Enum       []string        `json:"enum"`
	Items      *node           `json:"items"`
	Properties map[string]node `json:"properties"`
}

// TestPublishedVectorsFitTheSchema holds every file of vectors to the schema, and shows that the schema refuses something.
func TestPublishedVectorsFitTheSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("vectors.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/vectors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	for _, name := range append(files, "testdata/vectors.yaml") {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Unmarshal(content, &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, v := range map[string]any{
		"nothing": map[string]any{}, "a vector without anything": map[string]any{"law_vectors": []any{map[string]any{}}},
		"a calendar of no week": map[string]any{"law_vectors": []any{}, "test_calendars": map[string]any{"x": map[string]any{"weekend": []any{"someday"}}}},
	} {
		if schema.Validate(v) == nil {
			t.Errorf("%s fits", name)
		}
	}
}
