package rest

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// What Habeas itself knows, as against fields of the data map.
const (
	varCursor   = "$cursor"   // of the next page; absent on the first
	varPage     = "$page"     // number of the page
	varOffset   = "$offset"   // records before the page
	varLimit    = "$limit"    // records of a page
	varJob      = "$job"      // an asynchronous job
	varCallback = "$callback" // where the system may report; absent when it cannot
	varChanges  = "$changes"  // the fields that change
)

// mode says how many values a placeholder stands for.
type mode uint8

const (
	single mode = iota
	each        // {field...}: one parameter, or one element, for each value
	joined      // {field,...}: all of them, separated by commas
)

// part is a piece of a template: text, or a placeholder.
type part struct {
	text string
	name string // of a placeholder; empty: text
	mode mode
}

// template is a text with placeholders.
type template []part

var errTemplate = errors.New("braces enclose the name of a field; {{ and }} are braces themselves")

// parseTemplate reads a template.
func parseTemplate(s string) (template, error) {
	var t template
	text := ""
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			text += s
			break
		}
		text += s[:i]
		if strings.HasPrefix(s[i:], "{{") || strings.HasPrefix(s[i:], "}}") {
			text, s = text+s[i:i+1], s[i+2:]
			continue
		}
		name, rest, closed := strings.Cut(s[i+1:], "}")
		if s[i] == '}' || !closed || name == "" || strings.ContainsAny(name, "{ \t\n") {
			return nil, errTemplate
		}
		if text != "" {
			t = append(t, part{text: text})
		}
		t, text, s = append(t, placeholder(name)), "", rest
	}
	if text != "" || len(t) == 0 {
		t = append(t, part{text: text})
	}
	return t, nil
}

func placeholder(name string) part {
	if n, ok := strings.CutSuffix(name, ",..."); ok {
		return part{name: n, mode: joined}
	}
	if n, ok := strings.CutSuffix(name, "..."); ok {
		return part{name: n, mode: each}
	}
	return part{name: name}
}

// alone returns the placeholder that is the whole template.
func (t template) alone() (part, bool) {
	if len(t) == 1 && t[0].name != "" {
		return t[0], true
	}
	return part{}, false
}

// names yields the placeholders.
func (t template) names(yield func(part) bool) {
	for _, p := range t {
		if p.name != "" && !yield(p) {
			return
		}
	}
}

// values are what placeholders stand for in one request.
type values struct {
	fields  map[string][]connector.Value
	known   map[string]string // what Habeas knows; a name that is missing here is absent
	changes []connector.Field // already under the names of the API
}

// with returns the values with something more known.
func (v values) with(name, value string) values {
	v.known = maps.Clone(v.known)
	if v.known == nil {
		v.known = map[string]string{}
	}
	v.known[name] = value
	return v
}

// list returns the values of a placeholder; none when it is absent.
func (v values) list(name string) []connector.Value {
	if strings.HasPrefix(name, "$") {
		if s, ok := v.known[name]; ok {
			return []connector.Value{connector.Text(s)}
		}
		return nil
	}
	return v.fields[name]
}

var errNoText = fault.New(fault.Misconfigured, "the connector file puts a value into a text that has none: null, bytes or nested")

func plainText(v connector.Value) (string, error) {
	switch v.Type() {
	case connector.TypeNull, connector.TypeBytes, connector.TypeJSON, connector.TypeWithheld:
		return "", errNoText
	default:
		return v.RevealText(), nil
	}
}

// texts renders a template as text, escape being applied to each value. A placeholder with several values gives one text for
// each; one that is absent and alone gives none.
func (t template) texts(v values, escape func(string) string) ([]string, error) {
	if p, ok := t.alone(); ok && p.mode != joined {
		var list []string
		for _, x := range v.list(p.name) {
			s, err := plainText(x)
			if err != nil {
				return nil, err
			}
			list = append(list, escape(s))
		}
		return list, nil
	}
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.name == "" {
			continue
		}
		for i, x := range v.list(p.name) {
			s, err := plainText(x)
			if err != nil {
				return nil, err
			}
			if p.mode == joined && strings.Contains(s, ",") {
				return nil, fault.New(fault.Misconfigured, "the connector file joins values with commas, and a value has one")
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(escape(s))
		}
	}
	return []string{b.String()}, nil
}

func asItIs(s string) string { return s }

// escapeSegment escapes everything but the unreserved characters of RFC 3986, so that a value is one piece of one segment.
func escapeSegment(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		const hex = "0123456789ABCDEF"
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// renderPath renders an escaped path. Segments that are empty or dots would name another resource than the file means: they
// are refused, because what would answer is unknown.
func (t template) renderPath(v values) (string, error) {
	list, err := t.texts(v, escapeSegment)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fault.New(fault.Misconfigured, "a path of the connector file has a placeholder without exactly one value")
	}
	for segment := range strings.SplitSeq(list[0][1:], "/") {
		if (segment == "" && list[0] != "/") || segment == "." || segment == ".." {
			return "", fault.New(fault.Misconfigured, "the connector file puts a value into a path that cannot stand there: it is empty or made of dots")
		}
	}
	return list[0], nil
}

// pair is a named template: a parameter, a header, a field of a form.
type pair struct {
	name  string
	value template
}

func renderPairs(pairs []pair, v values) (url.Values, error) {
	out := url.Values{}
	for _, p := range pairs {
		if only, ok := p.value.alone(); ok && only.name == varChanges {
			for _, f := range v.changes {
				s, err := plainText(f.Value)
				if f.Value.IsNull() {
					s, err = "", nil // a form has no null: an empty field is how it is said
				}
				if err != nil {
					return nil, err
				}
				out.Set(f.Name, s)
			}
			continue
		}
		list, err := p.value.texts(v, asItIs)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			out.Add(p.name, s)
		}
	}
	return out, nil
}

// body is a JSON body: text is a template, everything else stands as it is.
type body struct {
	text   template
	list   []body
	fields map[string]body
	plain  json.RawMessage
	kind   bodyKind
}

type bodyKind uint8

const (
	bodyPlain bodyKind = iota
	bodyText
	bodyList
	bodyFields
)

func parseBody(v any) (body, error) {
	switch v := v.(type) {
	case string:
		t, err := parseTemplate(v)
		return body{kind: bodyText, text: t}, err
	case []any:
		b := body{kind: bodyList}
		for _, e := range v {
			child, err := parseBody(e)
			if err != nil {
				return body{}, err
			}
			b.list = append(b.list, child)
		}
		return b, nil
	case map[string]any:
		b := body{kind: bodyFields, fields: map[string]body{}}
		for name, e := range v {
			child, err := parseBody(e)
			if err != nil {
				return body{}, err
			}
			b.fields[name] = child
		}
		return b, nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return body{}, errors.New("this has no form in JSON")
	}
	return body{plain: raw}, nil
}

// templates yields every template of the body.
func (b body) templates(yield func(template) bool) { b.each(yield) }

func (b body) each(yield func(template) bool) bool {
	if b.kind == bodyText && !yield(b.text) {
		return false
	}
	for _, e := range b.list {
		if !e.each(yield) {
			return false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.fields)) {
		if !b.fields[name].each(yield) {
			return false
		}
	}
	return true
}

// render writes the body. ok is false when it is a placeholder without a value: its member is then left out.
func (b body) render(v values) (raw json.RawMessage, ok bool, err error) {
	switch b.kind {
	case bodyText:
		return b.renderText(v)
	case bodyList:
		out := []json.RawMessage{}
		for _, e := range b.list {
			raw, ok, err := e.render(v)
			if err != nil {
				return nil, false, err
			}
			if ok {
				out = append(out, raw)
			}
		}
		raw, err = json.Marshal(out)
		return raw, true, err
	case bodyFields:
		out := map[string]json.RawMessage{}
		for name, e := range b.fields {
			raw, ok, err := e.render(v)
			if err != nil {
				return nil, false, err
			}
			if ok {
				out[name] = raw
			}
		}
		raw, err = json.Marshal(out)
		return raw, true, err
	default:
		return b.plain, true, nil
	}
}

func (b body) renderText(v values) (raw json.RawMessage, ok bool, err error) {
	p, alone := b.text.alone()
	if !alone || p.mode == joined {
		list, err := b.text.texts(v, asItIs)
		if err != nil {
			return nil, false, err
		}
		raw, err = json.Marshal(list[0])
		return raw, true, err
	}
	if p.name == varChanges {
		return nestedChanges(v.changes)
	}
	list := v.list(p.name)
	if p.mode == each {
		raw = append(raw, '[')
		for i, x := range list {
			if i > 0 {
				raw = append(raw, ',')
			}
			raw = x.AppendJSON(raw)
		}
		return append(raw, ']'), true, nil
	}
	if len(list) == 0 {
		return nil, false, nil
	}
	if p.name == varLimit || p.name == varOffset || p.name == varPage {
		return json.RawMessage(list[0].RevealText()), true, nil // numbers of ours
	}
	return list[0].AppendJSON(nil), true, nil
}

// nestedChanges writes changes as one object; a dotted name stands for an object inside.
func nestedChanges(changes []connector.Field) (json.RawMessage, bool, error) {
	root := map[string]any{}
	for _, f := range changes {
		at, name := root, f.Name
		for {
			head, rest, nested := strings.Cut(name, ".")
			if !nested {
				break
			}
			child, ok := at[head].(map[string]any)
			if !ok {
				child = map[string]any{}
				at[head] = child
			}
			at, name = child, rest
		}
		at[name] = json.RawMessage(f.Value.AppendJSON(nil))
	}
	raw, err := json.Marshal(root)
	return raw, true, err
}
