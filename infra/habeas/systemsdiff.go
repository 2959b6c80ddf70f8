package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
)

// What happens to a system or to a part of it. Words of the output with --json.
const (
	created   = "created"
	changed   = "changed"
	unchanged = "unchanged"
	added     = "added"
	removed   = "removed"
)

// difference is one part of a system that applying adds, changes or removes. Part is a path: settings.path, secrets.password,
// rights.erasure, dataset.orders.email. Values of settings are never among it: people write secrets there by mistake.
type difference struct {
	Part   string `json:"part"`
	Change string `json:"change"`
	Text   string `json:"text,omitempty"`
}

// differences compares a registered system with a wanted one.
func differences(old, fresh systemBody) ([]difference, error) {
	var d differ
	d.value("kind", old.Kind, fresh.Kind)
	d.value("title", old.Title, fresh.Title)
	d.value("owner", old.Owner, fresh.Owner)
	d.keys("settings", old.Settings, fresh.Settings)
	for name, ref := range union(old.Secrets, fresh.Secrets) {
		d.entry("secrets."+name, ref[0], ref[1], ref[1])
	}
	d.names("rights", texts(old.Rights), texts(fresh.Rights))
	d.names("recipients", old.Recipients, fresh.Recipients)
	d.value("autopilot", map[bool]string{true: "on"}[old.Autopilot], map[bool]string{true: "on"}[fresh.Autopilot])
	d.value("backupHorizon", old.Horizon, fresh.Horizon)
	d.any("facts", old.Facts, fresh.Facts)
	d.any("exemptions", old.Exemptions, fresh.Exemptions)
	slices.SortStableFunc(d.list, func(a, b difference) int { return cmp.Compare(section(a.Part), section(b.Part)) })
	d.dataset(old.Dataset, fresh.Dataset)
	return d.list, d.err
}

// section keeps the parts of maps, which come in any order, in a fixed one.
func section(part string) string {
	order := []string{"kind", "title", "owner", "settings", "secrets", "rights", "recipients", "autopilot", "backupHorizon", "facts", "exemptions"}
	head, _, _ := strings.Cut(part, ".")
	return fmt.Sprintf("%02d %s", slices.Index(order, head), part)
}

type differ struct {
	list []difference
	err  error
}

func (d *differ) add(part, change, text string) {
	d.list = append(d.list, difference{part, change, text})
}

// entry notes a part that is there where its text is not empty; text is what people read.
func (d *differ) entry(part, old, fresh, text string) {
	switch {
	case old == fresh:
	case old == "":
		d.add(part, added, text)
	case fresh == "":
		d.add(part, removed, "")
	default:
		d.add(part, changed, text)
	}
}

func (d *differ) value(part, old, fresh string) { d.entry(part, old, fresh, fresh) }

func (d *differ) names(part string, old, fresh []string) {
	for _, n := range fresh {
		if !slices.Contains(old, n) {
			d.add(part+"."+n, added, "")
		}
	}
	for _, n := range old {
		if !slices.Contains(fresh, n) {
			d.add(part+"."+n, removed, "")
		}
	}
}

// keys compares mappings by their first level.
func (d *differ) keys(part string, old, fresh map[string]any) {
	for name, pair := range union(old, fresh) {
		d.entry(part+"."+name, d.json(pair[0]), d.json(pair[1]), "")
	}
}

func (d *differ) any(part string, old, fresh any) {
	if a, b := d.json(old), d.json(fresh); a != b {
		d.add(part, changed, "")
	}
}

func (d *differ) json(v any) string {
	if v == nil {
		return ""
	}
	raw, err := json.Marshal(v)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("comparing systems: %w", err)
	}
	return string(raw)
}

// union pairs the values of two maps by key; what one does not have is the zero value there.
func union[V any](old, fresh map[string]V) map[string][2]V {
	out := map[string][2]V{}
	for k, v := range old {
		out[k] = [2]V{v, fresh[k]}
	}
	for k, v := range fresh {
		out[k] = [2]V{old[k], v}
	}
	return out
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

// dataset compares data maps by collection and field. One that changes in words alone is said to change in words.
func (d *differ) dataset(old, fresh string) {
	if old == fresh {
		return
	}
	from, to := collections(old), collections(fresh)
	before := len(d.list)
	for _, c := range to {
		if was := find(from, c.Name); was != nil {
			d.collection(was, c)
		} else {
			d.add("dataset."+c.Name, added, "collection")
		}
	}
	for _, c := range from {
		if find(to, c.Name) == nil {
			d.add("dataset."+c.Name, removed, "collection")
		}
	}
	if len(d.list) == before {
		d.add("dataset", changed, "words and layout only")
	}
}

// collections reads a data map; one that is registered and cannot be read any more counts as empty.
func collections(text string) []*connector.Collection {
	l, err := datamap.Load([]byte(text))
	if err != nil || len(l.Datasets) == 0 {
		return nil
	}
	return l.Datasets[0].Collections
}

func find(list []*connector.Collection, name string) *connector.Collection {
	i := slices.IndexFunc(list, func(c *connector.Collection) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return list[i]
}

func (d *differ) collection(old, fresh *connector.Collection) {
	at := "dataset." + fresh.Name
	a, b := *old, *fresh
	for _, c := range []*connector.Collection{&a, &b} {
		c.Fields, c.Line = nil, 0
	}
	if keys := changedKeys(a, b); keys != "" {
		d.add(at, changed, keys)
	}
	from, to := fieldsOf(old), fieldsOf(fresh)
	for f := range fresh.All {
		if was, ok := from[f.Path]; !ok {
			d.add(at+"."+f.Path, added, "field")
		} else if keys := changedKeys(was, to[f.Path]); keys != "" {
			d.add(at+"."+f.Path, changed, keys)
		}
	}
	for f := range old.All {
		if _, ok := to[f.Path]; !ok {
			d.add(at+"."+f.Path, removed, "field")
		}
	}
}

// fieldsOf returns the fields by path, without what only says where they stand.
func fieldsOf(c *connector.Collection) map[string]connector.DataField {
	out := map[string]connector.DataField{}
	for f := range c.All {
		plain := *f
		plain.Fields, plain.Line, plain.References = nil, 0, slices.Clone(f.References)
		for i := range plain.References {
			plain.References[i].Line = 0
		}
		out[f.Path] = plain
	}
	return out
}

// declared names what two declarations differ in, in the words of a data map.
var declared = map[string]string{
	"Categories": "data_categories", "Type": "data_type", "Array": "data_type", "Length": "length", "PrimaryKey": "primary_key",
	"Identity": "identity", "Match": "match", "References": "references", "ReadOnly": "read_only", "ReturnAll": "return_all_elements",
	"ThirdParty": "third_party", "HoldKey": "hold_key", "OnErase": "on_erase", "Mask": "masking_strategy_override",
	"OnRestrict": "on_restrict", "After": "after", "EraseAfter": "erase_after", "Skip": "skip_processing", "Where": "where",
	"Purpose": "purpose", "Retention": "retention", "Partition": "partitioning", "Description": "description",
}

// changedKeys names the keys that differ between two collections or two fields, sorted.
func changedKeys[T any](old, fresh T) string {
	from, to := reflect.ValueOf(old), reflect.ValueOf(fresh)
	var keys []string
	for i := range from.NumField() {
		key := declared[from.Type().Field(i).Name]
		if key != "" && !slices.Contains(keys, key) && !reflect.DeepEqual(from.Field(i).Interface(), to.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}

// showChanges writes what applying does, system by system.
func showChanges(w io.Writer, changes []change) {
	for _, ch := range changes {
		what := map[string]string{created: "new", changed: "changed", unchanged: "unchanged"}[ch.Change]
		_, _ = fmt.Fprintf(w, "%s: %s\n", ch.Name, what)
		for _, x := range ch.Differences {
			sign := map[string]string{added: "+", changed: "~", removed: "-"}[x.Change]
			_, _ = fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s %s  %s", sign, x.Part, x.Text), " "))
		}
		for _, p := range ch.Warnings {
			_, _ = fmt.Fprintln(w, "  note: "+finding(p))
		}
	}
}

// finding writes a problem or a warning of a data map on one line.
func finding(p connector.Problem) string {
	text := p.Text
	if at := strings.Trim(p.Collection+"."+p.Field, "."); at != "" {
		text = at + ": " + text
	}
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, text)
	}
	return text
}
