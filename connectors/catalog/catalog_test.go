package catalog_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/shared/connector"
)

func TestEveryKindIsComplete(t *testing.T) {
	list := catalog.Factories()
	if len(list) == 0 || !slices.IsSortedFunc(list, func(a, b connector.Factory) int { return bytes.Compare([]byte(a.Kind), []byte(b.Kind)) }) {
		t.Fatalf("%d kinds, want some, sorted", len(list))
	}
	for i, f := range list {
		if f.Kind == "" || f.Open == nil || i > 0 && list[i-1].Kind == f.Kind {
			t.Errorf("kind %q is empty, listed twice or cannot be opened", f.Kind)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.SettingsSchema))
		if err != nil {
			t.Fatalf("%s: the schema of the settings is not JSON: %v", f.Kind, err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("s.json", doc); err != nil {
			t.Fatalf("%s: %v", f.Kind, err)
		}
		if _, err := c.Compile("s.json"); err != nil {
			t.Errorf("%s: the schema of the settings: %v", f.Kind, err)
		}
		if got, ok := catalog.Find(f.Kind); !ok || got.Kind != f.Kind {
			t.Errorf("%s is not found by its name", f.Kind)
		}
	}
	if _, ok := catalog.Find("nonsense"); ok {
		t.Error("a kind that does not exist is found")
	}
}
