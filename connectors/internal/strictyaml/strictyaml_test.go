package strictyaml_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/internal/strictyaml"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const schema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false, "required": ["name"],
  "properties": {
    "name": {"type": "string", "pattern": "^[a-z]+$"},
    "list": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {"n": {"type": "integer", "minimum": 1}}}}
  }
}`

type target struct {
	Name string `yaml:"name"`
	List []struct {
		N int `yaml:"n"`
	} `yaml:"list"`
}

func TestReads(t *testing.T) {
	var v target
	doc, err := strictyaml.Read("test file", []byte("# first\nname: abc\nlist:\n  - n: 1\n  - {n: 2}\n"), []byte(schema), &v)
	if err != nil || v.Name != "abc" || len(v.List) != 2 || v.List[1].N != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	if doc.Err() != nil {
		t.Error("a good file has faults")
	}
	doc.Add(strictyaml.Path{"list", "1", "n"}, "later")
	doc.Add(strictyaml.Path{"list", "0"}, "earlier")
	doc.Add(strictyaml.Path{"name", "deeper", "still"}, "nearest")
	want := "the test file is not valid\nline 2: name.deeper.still: nearest\nline 4: list[0]: earlier\nline 5: list[1].n: later"
	if err := doc.Err(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestRefusesWithLines(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"unknown key":     {"name: abc\nlist:\n  - n: 1\n  - m: 2\n", []string{"line 4: list[1].m: there is no such key here"}},
		"missing":         {"list: []\n", []string{"line 1: missing property"}},
		"two things":      {"name: ABC\nlist:\n  - n: 0\n", []string{"line 1: name: this does not fit the pattern", "line 3: list[0].n: minimum"}},
		"wrong type":      {"name: abc\nlist: 3\n", []string{"line 2: list: got number, want array"}},
		"twice":           {"name: abc\nname: abd\n", []string{"line 2: "}},
		"not YAML":        {"name: abc\n  - [\n", []string{"line "}},
		"empty":           {"", []string{"line 1: want one YAML document"}},
		"two documents":   {"name: abc\n---\nname: abd\n", []string{"line 1: want one YAML document"}},
		"anchor":          {"name: &x abc\nlist: []\n", []string{"line 1: anchors"}},
		"tag":             {"name: abc\nlist: !!seq []\n", []string{"line 2: anchors, aliases and tags"}},
		"too large":       {strings.Repeat("#", strictyaml.MaxBytes+1), []string{"line 1: the file is larger"}},
		"too deep":        {"name: abc\nlist: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), []string{"the file is too deep"}},
		"not a mapping":   {"- a\n", []string{"line 1: got array, want object"}},
		"what JSON lacks": {"name: .nan\n", []string{"line 1"}},
	} {
		var v target
		_, err := strictyaml.Read("test file", []byte(tc.text), []byte(schema), &v)
		if _, ok := errors.AsType[*strictyaml.Invalid](err); !ok || !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got\n%v\nwant %q", name, err, want)
			}
		}
		if strings.Contains(err.Error(), "abd") {
			t.Errorf("%s: the error repeats a value: %v", name, err)
		}
	}
}

func TestBrokenSchemaIsOurFault(t *testing.T) {
	var v target
	if _, err := strictyaml.Read("test file", []byte("name: abc\n"), []byte(`{"type": 3}`), &v); !fault.Has(err, fault.Internal) {
		t.Errorf("a broken schema gives %v", err)
	}
}
