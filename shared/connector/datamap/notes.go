package datamap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// place is a mapping of the format, and what is to be said of the keys in it that are not read.
type place struct {
	name  string
	notes map[string]string // keys that change nothing: what a person should know about them
	never map[string]string // keys whose effect Habeas does not have and that must not be passed over: what to do
}

// What catalogue entries lead to. They describe a company's processing and steer no request, in Fides as here.
const (
	noteCatalogue = "is part of a catalogue: it changes no request and is not shown to people"
	notePurpose   = "is not shown to people; say why the data is held with habeas_meta: {purpose: ...}"
	noteRetention = "is not shown to people; say how long the data is held with habeas_meta: {retention: ...}"
	neverRedact   = "is not carried out: the name would be shown to the person. Remove the line if that may be; else leave the data out with skip_processing or third_party"
)

var catalogue = map[string]string{
	"organization_fides_key": noteCatalogue, "tags": noteCatalogue, "meta": noteCatalogue, "data_subjects": noteCatalogue,
	"data_qualifier": noteCatalogue, "joint_controller": noteCatalogue, "third_country_transfers": noteCatalogue,
	"data_uses": notePurpose, "data_purposes": notePurpose, "retention": noteRetention,
}

// The keys of fides_meta and habeas_meta; one level up they would be passed over, and people's data with them.
var (
	metaKeys   = strings.Fields("primary_key identity references data_type length return_all_elements read_only masking_strategy_override custom_request_field redact after erase_after skip_processing partitioning namespace")
	habeasKeys = strings.Fields("legal_basis subject_type inferred match where on_erase on_restrict third_party hold_key self_reference reference_group purpose")
)

var (
	fileTop       = place{name: "file"}
	datasetTop    = place{name: "dataset", notes: catalogue}
	collectionTop = place{name: "collection", notes: catalogue}
	fieldTop      = place{name: "field", notes: catalogue}
	referenceTop  = place{name: "reference"}
	maskTop       = place{name: "masking strategy"}
	datasetMeta   = place{name: "fides_meta", never: map[string]string{"redact": neverRedact}, notes: map[string]string{
		"resource_id": noteCatalogue,
		"after":       "is not needed: systems are searched again while others find new values for them",
		"namespace":   "is not read: the tables are those that the settings of the system lead to; see that they agree",
	}}
	collectionMeta = place{name: "fides_meta", never: map[string]string{"redact": neverRedact}, notes: map[string]string{
		"data_categories": "has no effect below fides_meta; it belongs beside it",
	}}
	fieldMetaPlace = place{name: "fides_meta", never: map[string]string{"redact": neverRedact}, notes: map[string]string{
		"data_categories":      "has no effect below fides_meta; it belongs beside it",
		"custom_request_field": "is not searched by: only what a person has proven is. Say identity instead when the value says who somebody is",
	}}
	habeasMeta = place{name: "habeas_meta"}
)

// unread deals with a key that nothing reads.
func (l *loader) unread(p pair, in place) {
	top := in.name == "dataset" || in.name == "collection" || in.name == "field"
	switch {
	case in.never[p.key] != "":
		l.problem(p.line, "%q %s", p.key, in.never[p.key])
	case in.notes[p.key] != "":
		l.note(p.line, p.key, in.notes[p.key])
	case in.name == habeasMeta.name:
		l.problem(p.line, "habeas_meta has no %q here", p.key)
	case top && slices.Contains(metaKeys, p.key):
		l.problem(p.line, "%q belongs below fides_meta; here it would have no effect", p.key)
	case in.name != fileTop.name && slices.Contains(habeasKeys, p.key):
		l.problem(p.line, "%q belongs below habeas_meta; here it would have no effect", p.key)
	default:
		l.warn(p.line, "%q means nothing to Habeas", p.key)
	}
}

// note warns once per file of what a key does not do, at its first place.
func (l *loader) note(line int, key, text string) {
	text = fmt.Sprintf("%q %s", key, text)
	if l.noted[text]++; l.noted[text] == 1 {
		l.out.Warnings = append(l.out.Warnings, connector.Problem{Collection: l.collection, Field: l.field, Line: line, Text: text})
	}
}

// countNotes says of each note how often it holds.
func (l *loader) countNotes() {
	for i, w := range l.out.Warnings {
		if n := l.noted[w.Text]; n > 1 {
			l.out.Warnings[i].Text += fmt.Sprintf(" (%d places, this is the first)", n)
		}
	}
}
