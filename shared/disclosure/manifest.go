package disclosure

import (
	_ "embed"
	"encoding/json"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

//go:embed schema/manifest.schema.json
var manifestSchema []byte

// ManifestSchema returns the JSON Schema (2020-12) of manifest.json.
func ManifestSchema() json.RawMessage { return slices.Clone(manifestSchema) }

// Manifest is manifest.json.
type Manifest struct {
	SchemaVersion int              `json:"schemaVersion"`
	Reference     string           `json:"reference"`
	Right         dsar.Right       `json:"right"`
	GeneratedAt   time.Time        `json:"generatedAt"`
	Systems       []ManifestSystem `json:"systems"`
	// Scope is categories when the package says what is held and shows none of it; absent otherwise.
	Scope string `json:"scope,omitempty"`
	Files []File `json:"files"` // every file but manifest.json itself
}

// ManifestSystem is what one system said.
type ManifestSystem struct {
	Name        string               `json:"name"`
	Outcome     dsar.Outcome         `json:"outcome"`
	Because     dsar.RetainedBecause `json:"because,omitempty"`
	Note        string               `json:"note,omitempty"`
	Collections []ManifestCollection `json:"collections"`
	Attachments []string             `json:"attachments,omitempty"` // paths of Manifest.Files
}

// ManifestCollection is what became of one collection. Files are paths of Manifest.Files, JSON and CSV in turn, one pair
// a part; there are none when there are no records.
type ManifestCollection struct {
	Name     string               `json:"name"`
	Outcome  dsar.Outcome         `json:"outcome"`
	Because  dsar.RetainedBecause `json:"because,omitempty"`
	Note     string               `json:"note,omitempty"`
	Records  int64                `json:"records"`
	ReadFrom time.Time            `json:"readFrom,omitzero"`
	ReadTo   time.Time            `json:"readTo,omitzero"`
	Files    []string             `json:"files"`
	// Categories are the data categories of its fields, of a package with a Scope.
	Categories []string `json:"categories,omitempty"`
	// Held are the values that are held and not shown, by kind.
	Held []ManifestHeld `json:"held,omitempty"`
}

// ManifestHeld says how many values of a kind a collection holds that no file of the package shows.
type ManifestHeld struct {
	Kind   policy.SecretKind `json:"kind"`
	Values int64             `json:"values"`
	Basis  []string          `json:"basis"` // provisions; empty: a rule of whoever answers
}

// manifest returns manifest.json; index is the file that is about to be written.
func (v *volume) manifest(index File) ([]byte, error) {
	m := Manifest{
		SchemaVersion: schemaVersion, Reference: v.in.Reference, Right: v.in.Right, GeneratedAt: v.in.GeneratedAt.Truncate(time.Second),
		Systems: make([]ManifestSystem, len(v.in.Systems)), Files: append(slices.Clip(v.state.Files), index),
	}
	if v.in.CategoriesOnly {
		m.Scope = string(policy.Categories)
	}
	zone := v.in.GeneratedAt.Location()
	for i, s := range v.in.Systems {
		out := ManifestSystem{Name: s.Name, Outcome: s.Outcome, Because: s.Because, Note: s.Note, Collections: make([]ManifestCollection, len(s.Collections)), Attachments: v.attachmentPaths(i)}
		for k, c := range s.Collections {
			out.Collections[k] = ManifestCollection{
				Name: c.Name, Outcome: c.Outcome, Because: c.Because, Note: c.Note, Records: v.state.records(i, k),
				ReadFrom: inZone(c.ReadFrom, zone), ReadTo: inZone(c.ReadTo, zone), Files: v.files(i, k),
			}
			if v.in.CategoriesOnly {
				out.Collections[k].Records, out.Collections[k].Categories = c.Records, c.Categories
			}
			for _, h := range v.state.held(i, k) {
				out.Collections[k].Held = append(out.Collections[k].Held, ManifestHeld{h.Kind, h.Values, v.in.basis(h.Kind)})
			}
		}
		m.Systems[i] = out
	}
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing manifest.json")
	}
	return append(body, '\n'), nil
}

// basis returns the provisions that keep a kind out of the package, in order and each once.
func (in *Input) basis(kind policy.SecretKind) []string {
	out := []string{}
	for _, d := range in.Deny {
		if d.Kind == kind && !slices.Contains(out, d.Basis) {
			out = append(out, d.Basis)
		}
	}
	return out
}

// inZone keeps the zero time, which has no zone.
func inZone(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}

// files returns the paths of a collection's files: JSON and CSV of each part.
func (v *volume) files(i, k int) []string {
	out := []string{}
	for part := range v.state.parts(i, k) {
		stem := v.stem(i, k, part+1)
		out = append(out, stem+".json", stem+".csv")
	}
	return out
}

// stem returns the path of a collection's part without its extension.
func (v *volume) stem(i, k, part int) string {
	return "data/" + v.paths[i].folder + "/" + partName(v.paths[i].collections[k], part)
}
