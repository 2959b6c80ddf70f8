package datamap

import (
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func (l *loader) fields(n *node, parent string) []*connector.DataField {
	var list []*connector.DataField
	seen := map[string]bool{}
	for _, item := range l.list(n) {
		f := l.fieldOf(item, parent)
		if f == nil {
			continue
		}
		if seen[f.Name] {
			l.problem(f.Line, "the field %q stands here twice", f.Name)
		}
		seen[f.Name] = true
		list = append(list, f)
	}
	return list
}

func (l *loader) fieldOf(n *node, parent string) *connector.DataField {
	f := &connector.DataField{Line: n.line}
	name := n.get("name")
	if name == nil {
		l.problem(n.line, "a field needs a name")
		return nil
	}
	f.Name = l.name(name)
	f.Path = strings.TrimPrefix(parent+"."+f.Name, ".")
	l.field = f.Path
	var nested *node
	var declared fieldMeta
	meta := func(v *node) { l.fieldMeta(f, &declared, v) }
	l.keys(n, fieldTop, map[string]func(*node){
		"name":            func(*node) {},
		"description":     func(*node) {}, // for people who read the file
		"data_categories": func(v *node) { f.Categories = l.texts(v) },
		"fides_meta":      meta,
		"fidesops_meta":   meta,
		"habeas_meta":     func(v *node) { l.fieldHabeas(f, &declared, v) },
		"fields":          func(v *node) { nested = v },
	})
	l.checkField(f, &declared, nested != nil)
	if nested != nil {
		f.Fields = l.fields(nested, f.Path)
	}
	return f
}

// fieldMeta is what must be looked at when both meta mappings have been read.
type fieldMeta struct {
	returnAll bool
	self      bool
	group     string
	matchLine int
}

func (l *loader) fieldMeta(f *connector.DataField, d *fieldMeta, n *node) {
	l.keys(n, fieldMetaPlace, map[string]func(*node){
		"primary_key": func(v *node) { f.PrimaryKey = l.truth(v) },
		"identity": func(v *node) {
			if f.Identity = identityKind(l.text(v)); !f.Identity.Valid() || connector.IsReference(f.Identity) {
				l.problem(v.line, "the identity %q is not a name: letters, digits and _", l.text(v))
			}
		},
		"references": func(v *node) {
			for _, r := range l.list(v) {
				f.References = append(f.References, l.reference(r))
			}
		},
		"data_type": func(v *node) { l.dataType(f, v) },
		"length": func(v *node) {
			length, ok := v.value.Reveal().(int64)
			if !ok || length < 1 || length > 1<<30 {
				l.problem(v.line, "a length is a whole number above 0")
			}
			f.Length = int(length)
		},
		"return_all_elements":       func(v *node) { f.ReturnAll, d.returnAll = l.truth(v), true },
		"read_only":                 func(v *node) { f.ReadOnly = l.truth(v) },
		"masking_strategy_override": func(v *node) { f.Mask = l.mask(v, "") },
	})
}

func (l *loader) fieldHabeas(f *connector.DataField, d *fieldMeta, n *node) {
	l.keys(n, habeasMeta, map[string]func(*node){
		"match": func(v *node) {
			d.matchLine = v.line
			switch f.Match = connector.Match(l.text(v)); f.Match {
			case connector.MatchExact, connector.MatchCasefold, connector.MatchNormalised:
			default:
				l.problem(v.line, "match is one of exact, casefold, normalised")
			}
		},
		"on_erase": func(v *node) { f.OnErase = l.onErase(v, connector.ActNull, connector.ActMask, connector.ActKeep) },
		"on_restrict": func(v *node) {
			if v.kind != scalar || v.value.IsNull() {
				l.problem(v.line, "on_restrict is the value that marks a restriction")
			}
			f.OnRestrict = &v.value
		},
		"third_party": func(v *node) { f.ThirdParty = l.truth(v) },
		"proof": func(v *node) {
			if f.Proof = subject.Kind(l.text(v)); !f.Proof.Valid() || connector.IsReference(f.Proof) {
				l.problem(v.line, "the kind of detail %q is not a name: letters, digits and _", l.text(v))
			}
		},
		"hold_key":        func(v *node) { f.HoldKey = l.truth(v) },
		"legal_basis":     func(v *node) { f.LegalBasis = l.oneOf(v, "a legal basis", connector.LegalBases()) },
		"inferred":        func(v *node) { f.Inferred = l.truth(v) },
		"self_reference":  func(v *node) { d.self = l.truth(v) },
		"reference_group": func(v *node) { d.group = l.text(v) },
	})
}

func (l *loader) checkField(f *connector.DataField, d *fieldMeta, nested bool) {
	for i := range f.References {
		f.References[i].Self, f.References[i].Group = d.self, d.group
	}
	switch {
	case nested && f.Type != "" && f.Type != connector.DataObject:
		l.problem(f.Line, "a field with nested fields is an object, not %q", f.Type)
	case d.returnAll && !f.Array:
		l.problem(f.Line, "return_all_elements is for arrays (data_type string[] and the like)")
	case d.matchLine > 0 && f.Identity == "":
		l.problem(d.matchLine, "match says how an identity is compared; the field has none")
	case (d.self || d.group != "") && len(f.References) == 0:
		l.problem(f.Line, "self_reference and reference_group speak of references; the field has none")
	case f.PrimaryKey && f.Array:
		l.problem(f.Line, "an array cannot be a primary key")
	}
}

func (l *loader) dataType(f *connector.DataField, n *node) {
	name, array := strings.CutSuffix(l.text(n), "[]")
	f.Type, f.Array = connector.DataType(name), array
	switch f.Type {
	case connector.DataString, connector.DataInteger, connector.DataFloat, connector.DataBoolean, connector.DataObjectID, connector.DataObject:
	default:
		l.problem(n.line, "the data type %q is not one of string, integer, float, boolean, object_id, object, or one of them with []", l.text(n))
	}
}

func (l *loader) reference(n *node) connector.Reference {
	r := connector.Reference{Line: n.line}
	l.keys(n, referenceTop, map[string]func(*node){
		"dataset": func(v *node) { r.Dataset = l.key(v) },
		"field": func(v *node) {
			var ok bool
			if r.Collection, r.Field, ok = strings.Cut(l.text(v), "."); !ok || r.Collection == "" || r.Field == "" {
				l.problem(v.line, "a reference names collection.field")
			}
		},
		"direction": func(v *node) {
			switch r.Direction = connector.Direction(l.text(v)); r.Direction {
			case connector.DirectionBoth, connector.DirectionFrom, connector.DirectionTo:
			default:
				l.problem(v.line, "a direction is from or to")
			}
		},
	})
	if r.Dataset == "" || r.Collection == "" {
		l.problem(n.line, "a reference needs dataset and field")
	}
	return r
}

// toJSON keeps an open-ended declaration as it is.
func toJSON(n *node) []byte {
	switch n.kind {
	case sequence:
		out := []byte{'['}
		for i, item := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, toJSON(item)...)
		}
		return append(out, ']')
	case mapping:
		out := []byte{'{'}
		for i, p := range n.pairs {
			if i > 0 {
				out = append(out, ',')
			}
			out = connector.Text(p.key).AppendJSON(out)
			out = append(out, ':')
			out = append(out, toJSON(p.value)...)
		}
		return append(out, '}')
	default:
		return n.value.AppendJSON(nil)
	}
}
