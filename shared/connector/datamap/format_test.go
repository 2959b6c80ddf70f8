package datamap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
)

const emptyKeys = `dataset:
- fides_key: d
  organization_fides_key: default_organization
  tags: null
  name: null
  meta: null
  data_categories: [user]
  fides_meta: {resource_id: null, after: null, namespace: null}
  collections:
  - name: c
    description: null
    data_categories: null
    fields:
    - name: id
      description: null
      data_categories: null
      fields: null
      fides_meta:
        references: null
        identity: null
        primary_key: true
        data_type: integer
        length: null
        return_all_elements: null
        read_only: null
        custom_request_field: null
        masking_strategy_override: null
    - name: mail
      fides_meta: {identity: email, data_type: null, references: [{dataset: d, field: other.mail, direction: null}]}
    fides_meta: {after: null, erase_after: null, skip_processing: null, masking_strategy_override: null, partitioning: null}
  - name: other
    fides_meta: null
    fields:
    - {name: mail, fides_meta: {primary_key: true}}
`

// Files that Fides writes itself have every key of the format, most of them without a value.
func TestKeysWithoutAValueAreAbsent(t *testing.T) {
	l, err := Load([]byte(emptyKeys))
	if err != nil {
		t.Fatal(err)
	}
	c := l.Datasets[0].Collection("c")
	if d := cmp.Diff([]string{"user"}, c.Categories); d != "" {
		t.Errorf("categories of the dataset are lost (-want +got):\n%s", d)
	}
	if len(c.Partition) != 0 || c.Skip || c.Field("id").Identity != "" || c.Field("id").Type != connector.DataInteger {
		t.Errorf("a key without a value has a meaning: %+v, %+v", c, c.Field("id"))
	}
	if len(l.Warnings) != 1 || l.Warnings[0].Line != 3 {
		t.Errorf("warnings %+v, want one for the organisation in line 3", l.Warnings)
	}
}

const head = "dataset:\n- fides_key: d\n  collections:\n  - name: c\n"

// What Fides has and Habeas does not do is said, with its line, and never passed over.
func TestWhatHasNoEffectIsSaid(t *testing.T) {
	for _, tc := range []struct {
		name, src, want string
		line            int
	}{
		{"custom request field", head + "    fields:\n    - name: id\n      fides_meta: {custom_request_field: site}", "identity instead", 7},
		{"categories below meta", head + "    fields:\n    - name: id\n      fides_meta: {data_categories: [user]}", "beside it", 7},
		{"namespace", "dataset:\n- fides_key: d\n  fides_meta: {namespace: {schema: x}}\n  collections: []", "settings of the system", 3},
		{"datasets in order", "dataset:\n- fides_key: d\n  fides_meta: {after: [e]}\n  collections: []", "searched again", 3},
		{"purposes", head + "    data_purposes: [essential]\n    fields: [{name: id}]", "purpose: ...", 5},
		{"retention", "dataset:\n- fides_key: d\n  retention: two years\n  collections: []", "retention: ...", 3},
		{"partitions", head + "    fides_meta: {partitioning: {field: day}}\n    fields: [{name: id}]", "every partition is searched", 5},
		{"mask of a deleted row", head + "    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: null_rewrite}}", "on_erase: mask", 6},
		{"mask of deleted rows", head + "    fides_meta: {masking_strategy_override: {strategy: null_rewrite}}\n    fields: [{name: id}]", "on_erase: mask", 4},
		{"mask of kept rows", head + "    habeas_meta: {on_erase: {action: keep, reason: r}}\n    fides_meta: {masking_strategy_override: {strategy: null_rewrite}}\n    fields: [{name: id}]", "keeps the rows", 4},
		{"mask of emptied rows", head + "    habeas_meta: {on_erase: null}\n    fides_meta: {masking_strategy_override: {strategy: null_rewrite}}\n    fields: [{name: id}]", "empties the fields", 4},
		{"length of a mask", head + "    habeas_meta: {on_erase: mask}\n    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: random_string_rewrite, configuration: {length: 5}}}", "24 letters", 8},
		{"unknown configuration", head + "    habeas_meta: {on_erase: mask}\n    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: null_rewrite, configuration: {colour: red}}}", `"colour" means nothing`, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := Load([]byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Warnings) != 1 || l.Warnings[0].Line != tc.line || !strings.Contains(l.Warnings[0].Text, tc.want) {
				t.Errorf("warnings %+v, want %q in line %d", l.Warnings, tc.want, tc.line)
			}
		})
	}
}

// What would show or hide data against what the file says is refused, with the line and what to do.
func TestWhatWouldDoHarmIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, src, want string
		line            int
	}{
		{"identity beside meta", head + "    fields:\n    - name: id\n      identity: email", "below fides_meta", 7},
		{"mask beside meta", head + "    fields:\n    - name: id\n      masking_strategy_override: {strategy: null_rewrite}", "below fides_meta", 7},
		{"skipping beside meta", head + "    skip_processing: true\n    fields: [{name: id}]", "below fides_meta", 5},
		{"third party in fides_meta", head + "    fields:\n    - name: id\n      fides_meta: {third_party: true}", "below habeas_meta", 7},
		{"erasure beside meta", head + "    on_erase: mask\n    fields: [{name: id}]", "below habeas_meta", 5},
		{"redacted dataset", "dataset:\n- fides_key: d\n  fides_meta: {redact: name}\n  collections: []", "would be shown to the person", 3},
		{"redacted collection", head + "    fides_meta: {redact: name}\n    fields: [{name: id}]", "would be shown to the person", 5},
		{"redacted field", head + "    fields:\n    - name: id\n      fides_meta: {redact: name}", "would be shown to the person", 7},
		{"placeholder", "dataset:\n- fides_key: <instance_fides_key>\n  collections: []", "placeholder", 2},
		{"placeholder in a reference", head + "    fields:\n    - name: id\n      fides_meta: {references: [{dataset: <instance_fides_key>, field: a.b}]}", "placeholder", 7},
		{"hash", head + "    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: hash, configuration: {algorithm: SHA-256}}}", "traced back", 7},
		{"field deleted", head + "    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: delete}}", "null_rewrite", 7},
		{"text missing", head + "    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: string_rewrite}}", "rewrite_value", 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load([]byte(tc.src))
			invalid, ok := errors.AsType[*connector.InvalidDataset](err)
			if !ok {
				t.Fatalf("error %v, want an InvalidDataset", err)
			}
			for _, p := range invalid.Problems {
				if strings.Contains(p.Text, tc.want) && p.Line == tc.line {
					return
				}
			}
			t.Fatalf("problems %+v, want %q in line %d", invalid.Problems, tc.want, tc.line)
		})
	}
}

func TestMasksOfTheFormat(t *testing.T) {
	l, err := Load([]byte(head + `    habeas_meta: {on_erase: mask}
    fides_meta: {masking_strategy_override: {strategy: delete}}
    fields:
    - name: id
      fides_meta: {masking_strategy_override: {strategy: random_string_rewrite, configuration: {format_preservation: {suffix: "@example.com"}}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	c := l.Datasets[0].Collections[0]
	if c.Mask != (connector.MaskRule{}) {
		t.Errorf("delete is what erasure does anyway, and is read as the mask %+v", c.Mask)
	}
	if want := (connector.MaskRule{Strategy: connector.MaskRandom, Suffix: "@example.com"}); c.Fields[0].Mask != want {
		t.Errorf("mask %+v, want %+v", c.Fields[0].Mask, want)
	}
}

func TestIdentityNames(t *testing.T) {
	for name, want := range map[string]string{
		"email": "email", "phone_number": "phone", "loyalty_id": "loyalty_id", "ljt_readerID": "ljt_readerid", "external-id": "external_id",
	} {
		l, err := Load([]byte(head + "    fields: [{name: id, fides_meta: {identity: " + name + "}}]"))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(l.Datasets[0].Collections[0].Fields[0].Identity); got != want {
			t.Errorf("the identity %s is read as %s, want %s", name, got, want)
		}
	}
}

func TestOneNoteForManyPlaces(t *testing.T) {
	var src strings.Builder
	src.WriteString(head + "    fields:\n")
	for i := range 5 {
		fmt.Fprintf(&src, "    - {name: f%d, data_uses: [essential]}\n", i)
	}
	l, err := Load([]byte(src.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Warnings) != 1 || l.Warnings[0].Line != 6 || !strings.Contains(l.Warnings[0].Text, "5 places") {
		t.Errorf("warnings %+v, want one for 5 places", l.Warnings)
	}
}
