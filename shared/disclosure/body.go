package disclosure

import (
	"html/template"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

const longText = 48 // bytes of a value from which on it may be broken into lines

// body renders the records that index.html shows. It does by hand what the template would do value by value, because there
// are thousands of values on a page: every name and value is escaped as text of an element, and nothing of them stands
// anywhere else.
func (m *view) body(p *preview) template.HTML {
	var b []byte
	if len(p.rows) == 1 {
		for i, name := range p.columns {
			b = append(b, "\n<div><dt>"...)
			b = appendEscaped(b, name)
			b = append(b, "</dt>"...)
			b = m.value(b, "dd", at(p.rows[0], i, name))
			b = append(b, "</div>"...)
		}
		return template.HTML(b) //nolint:gosec // escaped above
	}
	for _, row := range p.rows {
		b = append(b, "\n<tr>"...)
		for i, name := range p.columns {
			b = m.value(b, "td", at(row, i, name))
		}
		b = append(b, "</tr>"...)
	}
	return template.HTML(b) //nolint:gosec // escaped above
}

// at returns the value of a field whose place is probably i.
func at(row []connector.Field, i int, name string) connector.Value {
	if i >= len(row) || row[i].Name != name {
		i = slices.IndexFunc(row, func(f connector.Field) bool { return f.Name == name })
	}
	if i < 0 {
		return connector.Null()
	}
	return row[i].Value
}

// value appends an element with the value in it. What stands in for a value has a class of its own, so that it cannot be
// taken for a text that happens to read alike.
func (m *view) value(b []byte, element string, v connector.Value) []byte {
	class, text := "", ""
	switch v.Type() {
	case connector.TypeNull:
		class, text = "none", "–"
	case connector.TypeInt, connector.TypeFloat, connector.TypeDecimal:
		class, text = "number", v.RevealText()
	case connector.TypeJSON:
		class, text = "nested", v.RevealText()
	case connector.TypeWithheld:
		reason, _ := v.Reveal().(string)
		class, text = "withheld", m.words.withheld(reason)
	default:
		text = v.RevealText()
	}
	if len(text) > longText || strings.Contains(text, "\n") {
		class = strings.TrimPrefix(class+" long", " ")
	}
	b = append(append(b, '<'), element...)
	if class != "" {
		b = append(append(append(b, ` class="`...), class...), '"')
	}
	b = append(b, '>')
	b = appendEscaped(b, text)
	b = append(append(b, "</"...), element...)
	return append(b, '>')
}

// appendEscaped appends s as the text of an HTML element.
func appendEscaped(b []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); i++ {
		var e string
		switch s[i] {
		case '&':
			e = "&amp;"
		case '<':
			e = "&lt;"
		case '>':
			e = "&gt;"
		case '"':
			e = "&#34;"
		case '\'':
			e = "&#39;"
		case 0:
			e = "\uFFFD" // HTML has no NUL
		default:
			continue
		}
		b = append(append(b, s[start:i]...), e...)
		start = i + 1
	}
	return append(b, s[start:]...)
}
