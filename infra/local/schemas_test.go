package local_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/connectors/catalog"
)

// TestEverySchemaIsServed: what editors and integrators validate against comes from the installation, for every kind that is
// compiled in, and each is a JSON Schema.
func TestEverySchemaIsServed(t *testing.T) {
	_, srv := bare(t, false)
	names := []string{"bundle", "receipt", "manifest", "event", "habeas_meta", "systems", "connector"}
	for _, f := range catalog.Factories() {
		names = append(names, "settings-"+f.Kind)
	}
	for _, name := range names {
		status, text := send(t, srv, "GET", "/schemas/"+name+".schema.json", "", "")
		if status != http.StatusOK {
			t.Errorf("%s: %d", name, status)
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource("https://example.com/"+name, doc); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := c.Compile("https://example.com/" + name); err != nil {
			t.Errorf("%s is no JSON Schema: %v", name, err)
		}
	}
}
