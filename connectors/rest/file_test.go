package rest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// good is a connector file without faults; tests replace parts of it.
const good = `auth: {type: none}
check: {path: /me}
collections:
  things:
    read:
      - {by: [id], path: "/things/{id}", one: true, notFound: none}
      - by: [email]
        path: /things
        query: {email: "{email}", after: "{$cursor}"}
        records: $.items
        paging: {type: cursor, next: $.next}
    fields: {words: $.body.text}
    correct: {method: PATCH, path: "/things/{id}", json: "{$changes}"}
    erase: {method: DELETE, path: "/things/{id}"}
`

func TestFileErrorsHaveLines(t *testing.T) {
	if _, err := openWith(t, good, "https://api.example.com", nil); err != nil {
		t.Fatalf("the good file is refused: %v", err)
	}
	for name, tc := range map[string]struct{ old, put, want string }{
		"unknown key":              {"check:", "chekc: 1\ncheck:", "line 2: chekc: there is no such key here"},
		"unknown key inside":       {"records: $.items", "record: $.items", "line 10: collections.things.read[1].record: there is no such key here"},
		"unknown collection":       {"  things:\n", "  thing:\n", "line 4: collections.thing: the data map has no such collection"},
		"collection is missing":    {"  things:\n", "  thing:\n", "line 3: collections.things: the data map leads to things, and the file does not say how it is read"},
		"no read by the key":       {"      - {by: [id], path: \"/things/{id}\", one: true, notFound: none}\n", "", "line 5: collections.things.read: a record that is changed must be read"},
		"404 after an erasure":     {", notFound: none", "", "line 6: collections.things.read[0]: a record that was erased is not found"},
		"no read by an identity":   {"by: [email]", "by: [words]", "by email, and there is no read by it"},
		"field that is not there":  {"by: [email]", "by: [mail]", "line 7: collections.things.read[1].by[0]: the collection of the data map has no such field"},
		"placeholder of another":   {"{email}", "{id}", "line 9: collections.things.read[1].query.email: a placeholder of a read is one of the fields it is by"},
		"broken template":          {"{email}", "{email", "line 9: collections.things.read[1].query.email: braces enclose"},
		"value never asked for":    {"{email}", "x", "line 7: collections.things.read[1].by: the request does not ask for all the fields it is by"},
		"cursor never asked for":   {"{$cursor}", "x", "line 11: collections.things.read[1].paging: the request never asks for another page"},
		"cursor inside a text":     {"{$cursor}", "x{$cursor}", "line 9: collections.things.read[1].query.after: a placeholder that may have no value"},
		"nothing of this name":     {"{$cursor}", "{$page}", "line 9: collections.things.read[1].query.after: there is nothing of this name here"},
		"cursor without next":      {", next: $.next", "", "line 11: collections.things.read[1].paging: missing property 'next'"},
		"many places":              {"$.next", "\"$.a[*].next\"", "line 11: collections.things.read[1].paging.next: this path leads to more than one place"},
		"no JSONPath":              {"$.items", "$.[[", "line 10: collections.things.read[1].records: this is not a JSONPath"},
		"JSONPath without root":    {"$.items", "items", "line 10: collections.things.read[1].records: this is not a JSONPath"},
		"no records":               {"        records: $.items\n", "", "line 7: collections.things.read[1]: records must say where"},
		"path to another host":     {"path: /me", "path: //evil.test/me", "line 2: check.path: this is not a path"},
		"path with a query":        {"path: /me", "path: /me?x=1", "line 2: check.path: this is not a path"},
		"path that climbs":         {"path: /me", "path: /../me", "line 2: check.path: this is not a path"},
		"path that climbs escaped": {"path: /me", "path: /%2e%2E/me", "line 2: check.path: this is not a path"},
		"path with an address":     {"path: /me", "path: https://evil.test/", "line 2: check.path: this does not fit the pattern"},
		"placeholder in the check": {"path: /me", `path: "/{id}"`, "line 2: check.path: no placeholder can stand here"},
		"batch of single values":   {"        records:", "        batch: 5\n        records:", "line 9: collections.things.read[1].query.email: a read with a batch"},
		"two reads alike":          {"by: [email]", "by: [id]", "line 7: collections.things.read[1].by: there is another read by the same fields"},
		"record field not there":   {"words: $.body", "word: $.body", "line 12: collections.things.fields.word: the collection of the data map has no such field"},
		"change without changes":   {`"{$changes}"`, `"{words}"`, "line 13: collections.things.correct: the call says nowhere what changes"},
		"change with a list":       {"things/{id}\"}", "things/{id...}\"}", "line 14: collections.things.erase.path"},
		"change by a stranger":     {"DELETE, path: \"/things/{id}\"", "DELETE, path: \"/things/{uid}\"", "line 14: collections.things.erase.path: the collection of the data map has no such field"},
		"restriction unmarked":     {"    erase:", "    restrict: {method: PUT, path: \"/things/{id}\"}\n    erase:", "line 14: collections.things.restrict: the data map names no field that marks a restriction"},
		"body of a GET":            {"        records:", "        json: {a: 1}\n        records:", "line 7: collections.things.read[1]: a GET has no body"},
		"two bodies":               {`json: "{$changes}"`, `json: "{$changes}", form: {a: b}`, "line 13: collections.things.correct.form: a request has one body"},
		"header of ours":           {"check:", "headers: {Authorization: x}\ncheck:", "line 2: headers.Authorization: a connector file cannot set this header"},
		"header that is none":      {"check:", "headers: {\"a b\": x}\ncheck:", "line 2: headers.a b: a connector file cannot set this header"},
		"placeholder in a header":  {"check:", "headers: {X-A: \"{id}\"}\ncheck:", "line 2: headers.X-A: no placeholder can stand here"},
		"apiKey nowhere":           {"type: none", "type: apiKey", "line 1: auth: apiKey needs either header or query"},
		"scopes of no one":         {"type: none", "type: none, scopes: [a]", "line 1: auth.scopes: this belongs to oauth2 alone"},
		"oauth2 without endpoint":  {"type: none", "type: oauth2", "line 1: auth: missing property 'tokenUrl'"},
		"job that is not asked":    {`erase: {method: DELETE, path: "/things/{id}"}`, `erase: {method: DELETE, path: "/things/{id}", async: {status: /jobs}}`, "line 14: collections.things.erase.async.status: the path does not name the job"},
		"state without done":       {`erase: {method: DELETE, path: "/things/{id}"}`, `erase: {method: DELETE, path: "/things/{id}", async: {status: "/jobs/{$job}", state: $.s}}`, "line 14: collections.things.erase.async"},
		"result of a change":       {`erase: {method: DELETE, path: "/things/{id}"}`, `erase: {method: DELETE, path: "/things/{id}", async: {status: "/jobs/{$job}", result: "/x/{$job}"}}`, "line 14: collections.things.erase.async.result: a change has no result"},
		"read later, from nowhere": {"        records:", "        async: {status: \"/jobs/{$job}\"}\n        records:", "line 10: collections.things.read[1].async: result must say"},
		"too parallel":             {"check:", "parallel: 99\ncheck:", "line 2: parallel: maximum"},
		"not YAML":                 {"check:", "check: [", "line "},
	} {
		if !strings.Contains(good, tc.old) {
			t.Fatalf("%s: the good file has no %q", name, tc.old)
		}
		_, err := openWith(t, strings.Replace(good, tc.old, tc.put, 1), "https://api.example.com", nil)
		if _, ok := errors.AsType[*strictyaml.Invalid](err); !ok || !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got\n%v\nwant %q", name, err, tc.want)
		}
	}
}

// TestSharedRecordsNeedTheWayBack: an address that orders refer to is only changed when the orders of others can be found.
func TestSharedRecordsNeedTheWayBack(t *testing.T) {
	loaded, err := datamap.Load([]byte(`
dataset:
  - fides_key: d
    collections:
      - name: people
        fields:
          - {name: id, data_categories: [user], fides_meta: {primary_key: true, data_type: integer}}
          - {name: email, data_categories: [user], fides_meta: {identity: email, data_type: string}}
          - {name: address_id, data_categories: [system.operations], fides_meta: {data_type: integer, references: [{dataset: d, field: addresses.id, direction: to}]}}
      - name: addresses
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true, data_type: integer}}
          - {name: street, data_categories: [user], fides_meta: {data_type: string}}
`))
	if err != nil {
		t.Fatal(err)
	}
	yaml := `auth: {type: none}
check: {path: /me}
collections:
  people:
    read:
      - {by: [email], path: "/people", query: {email: "{email}"}, records: $}
  addresses:
    read:
      - {by: [id], path: "/addresses/{id}", one: true}
`
	use := func(in *connector.OpenInput) { in.Dataset = loaded.Datasets[0] }
	if s, err := openWith(t, yaml, "https://api.example.com", use); err != nil || len(s.Describe().Rights) != 1 {
		t.Fatalf("a file that only reads: %v", err)
	}
	_, err = openWith(t, yaml+"    erase: {method: DELETE, path: \"/addresses/{id}\"}\n", "https://api.example.com", use)
	if err == nil || !strings.Contains(err.Error(), "line 5: collections.people.read: whether records of addresses are other people's too is asked by the way back to people by address_id") {
		t.Errorf("an erasure of shared records without the way back gives %v", err)
	}
}

func TestSchemasArePublishable(t *testing.T) {
	for name, schema := range map[string][]byte{"connector": FileSchema(), "settings": settingsSchema} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
		if err != nil {
			t.Fatal(err)
		}
		meta := jsonschema.NewCompiler()
		s, err := meta.Compile("https://json-schema.org/draft/2020-12/schema")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("the schema of the %s is not one: %v", name, err)
		}
	}
}

func TestConnectorFileIsBounded(t *testing.T) {
	if _, err := openWith(t, good+strings.Repeat("#", strictyaml.MaxBytes), "https://api.example.com", nil); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("a large file gives %v", err)
	}
	_, err := openWith(t, good, "https://api.example.com", func(in *connector.OpenInput) { in.BaseDir = filepath.Join(in.BaseDir, "nowhere") })
	if !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a missing file gives %v", err)
	}
}

// FuzzConnectorFile: no file stops the process, and one that is refused says so with a line.
// New inputs are large; run it with -fuzzminimizetime 5x, or minimising takes all the time.
func FuzzConnectorFile(f *testing.F) {
	f.Add(good)
	if example, err := os.ReadFile(filepath.Join("examples", "crm.connector.yml")); err == nil {
		f.Add(string(example))
	}
	f.Add(strings.ReplaceAll(good, "$.next", "$..[?(@.a =~ /x/)]"))
	f.Add(strings.ReplaceAll(good, "$.next", "$['a'][0,-1:2]"))
	f.Add("a: &b [*b]")
	loaded, err := datamap.Load([]byte(things))
	if err != nil {
		f.Fatal(err)
	}
	graph, err := connector.NewGraph(loaded.Datasets[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		parsed, doc, err := parseFile([]byte(content))
		if err == nil {
			_, err = build(parsed, doc, graph)
		}
		if err == nil {
			return
		}
		bad, ok := errors.AsType[*strictyaml.Invalid](err)
		if !ok || len(bad.Faults) == 0 {
			t.Fatalf("a refused file gives %v", err)
		}
		for _, x := range bad.Faults {
			if x.Line < 1 || x.Text == "" {
				t.Fatalf("a fault has no place or no text: %+v", x)
			}
		}
	})
}
