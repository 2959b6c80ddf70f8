package datamap

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// TestSchemaAndLoaderAgree: what an editor accepts with the published schema is what the loader accepts.
func TestSchemaAndLoaderAgree(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(connector.MetaSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("meta.json", doc); err != nil {
		t.Fatal(err)
	}
	for where, samples := range map[string]map[string]bool{
		"collection": {
			`{"where":{"a":1,"b":[true,null,"x"]}}`: true, `{"where":{"a":[]}}`: false, `{"where":{"a":{"b":1}}}`: false,
			`{"on_erase":"delete"}`: true, `{"on_erase":null}`: true, `{"on_erase":"keep"}`: false, `{"on_erase":"burn"}`: false,
			`{"on_erase":{"action":"keep"}}`: false, `{"on_erase":{"action":"keep","reason":"law"}}`: true, `{"on_erase":{"reason":"law"}}`: false,
			`{"on_erase":{"action":"mask","why":"x"}}`: false, `{"purpose":"p","retention":"P1Y"}`: true, `{"third_party":true}`: false, `{}`: true,
			`{"legal_basis":"legal_obligation","subject_type":"employee"}`: true, `{"legal_basis":"habit"}`: false, `{"subject_type":"cat"}`: false, `{"inferred":true}`: false,
		},
		"field": {
			`{"third_party":true,"hold_key":false}`: true, `{"third_party":"yes"}`: false, `{"on_erase":"delete"}`: false, `{"on_erase":null}`: true,
			`{"on_erase":{"action":"keep","reason":"law"}}`: true, `{"on_restrict":true}`: true, `{"on_restrict":[1]}`: false, `{"purpose":"p"}`: false,
			`{"legal_basis":"consent","inferred":true}`: true, `{"legal_basis":6}`: false, `{"inferred":"yes"}`: false, `{"subject_type":"employee"}`: false,
			`{"colour":"red"}`: false, `{"match":"fuzzy"}`: false, `{}`: true,
		},
	} {
		schema, err := c.Compile("meta.json#/$defs/" + where)
		if err != nil {
			t.Fatal(err)
		}
		for sample, want := range samples {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(sample)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); (err == nil) != want {
				t.Errorf("the schema of a %s and %s: %v", where, sample, err)
			}
			collection, field := json.RawMessage(`{}`), json.RawMessage(`{}`)
			if where == "field" {
				field = json.RawMessage(sample)
			} else {
				collection = json.RawMessage(sample)
			}
			src := `{"dataset": [{"fides_key": "d", "collections": [{"name": "c", "habeas_meta": ` + string(collection) +
				`, "fields": [{"name": "f", "habeas_meta": ` + string(field) + `}]}]}]}`
			if _, err := Load([]byte(src)); (err == nil) != want {
				t.Errorf("the loader and a %s with %s: %v", where, sample, err)
			}
		}
	}
}
