package sql

import (
	"database/sql/driver"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// postgresWriter spells statements for PostgreSQL. Lists of values travel as arrays, so that the text of a statement does not
// depend on their number.
type postgresWriter struct{}

func (postgresWriter) spelling() spelling {
	return spelling{same: " IS NOT DISTINCT FROM ", begin: "BEGIN READ WRITE", locked: " FOR UPDATE", ordered: true}
}

func (postgresWriter) quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func (postgresWriter) bind(q *query, v driver.Value) { q.add("$", strconv.Itoa(q.arg(v))) }

func (w postgresWriter) among(q *query, columns []operand, tuples [][]driver.Value) {
	if len(tuples) == 1 {
		for i, c := range columns {
			if i > 0 {
				q.add(" AND ")
			}
			q.add(c.text, " = ")
			w.bind(q, tuples[0][i])
			q.add("::", c.cast)
		}
		return
	}
	if len(columns) == 1 {
		q.add(columns[0].text, " = ANY(")
		w.column(q, tuples, 0)
		q.add("::", columns[0].cast, "[])")
		return
	}
	q.list(texts(columns)).add(" IN (SELECT * FROM unnest(")
	for i, c := range columns {
		if i > 0 {
			q.add(",")
		}
		w.column(q, tuples, i)
		q.add("::", c.cast, "[]")
	}
	q.add("))")
}

// column binds one column of tuples as an array.
func (w postgresWriter) column(q *query, tuples [][]driver.Value, i int) {
	list := make([]driver.Value, len(tuples))
	for n, t := range tuples {
		list[n] = t[i]
	}
	w.bind(q, arrayText(list))
}

// tuples implements tabler.
func (w postgresWriter) tuples(q *query, width int, tuples [][]driver.Value) {
	q.add("unnest(")
	for i := range width {
		if i > 0 {
			q.add(",")
		}
		w.column(q, tuples, i)
		q.add("::text[]")
	}
	q.add(") AS u(")
	for i := range width {
		if i > 0 {
			q.add(",")
		}
		q.add("column", strconv.Itoa(i+1))
	}
	q.add(")")
}

// arrayText writes an array of texts as PostgreSQL reads it.
func arrayText(list []driver.Value) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		s, ok := v.(string)
		if !ok {
			b.WriteString("NULL")
			continue
		}
		appendElement(&b, s)
	}
	b.WriteByte('}')
	return b.String()
}

func appendElement(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

func textArray(list []string) string {
	values := make([]driver.Value, len(list))
	for i, s := range list {
		values[i] = s
	}
	return arrayText(values)
}

// beyondASCIIPattern matches texts with a character that is not ASCII.
const beyondASCIIPattern = `[^\u0001-\u007f]`

func (w postgresWriter) roughly(q *query, column operand, texts []string, how comparison, _ bool) {
	texts = slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return strings.ContainsRune(s, 0) || !utf8.ValidString(s) })
	q.add("(")
	switch how {
	case byFolding, byMail:
		w.folded(q, column, texts, how)
	case byPhone:
		w.digits(q, column, texts)
	case byElement:
		w.element(q, column, texts)
	}
	q.add(")")
}

// folded goes by lower(), which an index may be over. What it makes of letters beyond ASCII depends on the locale, so that
// either every spelling that simple folding takes for the same is asked for, or all texts with such letters are candidates.
func (w postgresWriter) folded(q *query, column operand, texts []string, how comparison) {
	variants, complete := allFoldings(texts)
	var list []string
	if complete && how == byFolding {
		for _, v := range variants {
			list = append(list, v[0].(string))
		}
	} else {
		complete = false
		for _, t := range texts {
			if t, ok := foldToASCII(t); ok {
				list = append(list, t)
			}
		}
	}
	if column.cast == "text" || column.cast == "bpchar" {
		q.add("lower(", column.text, ") = ANY(ARRAY(SELECT lower(x) FROM unnest(")
		w.bind(q, textArray(list))
		q.add("::text[]) AS x))")
	} else {
		q.add(column.text, " = ANY(") // citext compares like that by itself
		w.bind(q, textArray(list))
		q.add("::", column.cast, "[])")
	}
	if !complete {
		q.add(" OR ", column.text, "::text ~ '", beyondASCIIPattern, "'")
	}
}

// digits asks for the digits in their order, whatever stands between them.
func (w postgresWriter) digits(q *query, column operand, texts []string) {
	patterns := make([]string, len(texts))
	for i, t := range texts {
		p := []byte{'%'}
		for _, r := range t {
			if r >= '0' && r <= '9' {
				p = append(p, byte(r), '%')
			}
		}
		patterns[i] = string(p)
	}
	q.add(column.text, "::text LIKE ANY(")
	w.bind(q, textArray(patterns))
	q.add("::text[])")
}

// element looks at every leaf of nested values; an array of texts has an operator of its own, and perhaps an index for it.
func (w postgresWriter) element(q *query, column operand, texts []string) {
	if column.element != "" {
		q.add(column.text, " && ")
		w.bind(q, textArray(texts))
		q.add("::", column.element, "[]")
		return
	}
	q.add("EXISTS (SELECT 1 FROM jsonb_path_query(to_jsonb(", column.text, "), 'lax $.**') AS e(leaf) WHERE e.leaf #>> '{}' = ANY(")
	w.bind(q, textArray(texts))
	q.add("::text[]))")
}
