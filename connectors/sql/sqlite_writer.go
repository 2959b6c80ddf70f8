package sql

import (
	"database/sql/driver"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sqliteWriter spells statements for SQLite.
type sqliteWriter struct{}

// quote doubles quotes inside. SQLite takes an unknown name in double quotes for a text, so statements qualify every column.
func (sqliteWriter) quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// spelling: the sign keeps the driver from guessing at times by the declared type.
func (sqliteWriter) spelling() spelling {
	return spelling{plain: "+", same: " IS ", begin: "BEGIN IMMEDIATE"}
}

// bind puts a sign before the parameter. It changes nothing but this: a plain one makes SQLite plan the statement anew for
// each value, where statistics (sqlite_stat4) exist, and that takes longer than the lookup. No bytes at all are written out,
// because the driver would bind null.
func (sqliteWriter) bind(q *query, v driver.Value) {
	if b, ok := v.([]byte); ok && len(b) == 0 {
		q.add("x''")
		return
	}
	q.arg(v)
	q.add("+?")
}

// among writes equality for one tuple and a list for several, filled up to a power of two with the last one, so that a few
// prepared statements serve every number of keys.
func (sqliteWriter) among(q *query, columns []operand, tuples [][]driver.Value) {
	if len(tuples) == 1 {
		for i, c := range columns {
			if i > 0 {
				q.add(" AND ")
			}
			q.add(c.text, " = ").bind(tuples[0][i])
		}
		return
	}
	n := 2
	for n < len(tuples) {
		n *= 2
	}
	q.list(texts(columns)).add(" IN (")
	if len(columns) > 1 {
		q.add("VALUES ")
	}
	for i := range n {
		t := tuples[min(i, len(tuples)-1)]
		if i > 0 {
			q.add(",")
		}
		if len(t) == 1 {
			q.bind(t[0])
			continue
		}
		for j, v := range t {
			q.add(string("(,"[min(j, 1)])).bind(v)
		}
		q.add(")")
	}
	q.add(")")
}

// beyondASCII matches texts with a character that is not ASCII.
const beyondASCII = "*[^\x01-\x7f]*"

func (w sqliteWriter) roughly(q *query, column operand, texts []string, how comparison, indexed bool) {
	q.add("(")
	switch how {
	case byFolding, byMail:
		if variants, ok := allFoldings(texts); ok && indexed && how == byFolding {
			w.among(q, []operand{{text: column.text + " COLLATE NOCASE"}}, variants)
			break
		}
		w.folded(q, column.text, texts)
	case byPhone:
		w.digits(q, column.text, texts)
	case byElement:
		w.element(q, column.text, texts)
	}
	q.add(")")
}

// folded: NOCASE of SQLite folds ASCII only. Texts with other letters in the column are all candidates, because some of them
// fold to ASCII (the Kelvin sign to k, ß to ss).
func (w sqliteWriter) folded(q *query, column string, texts []string) {
	var ascii [][]driver.Value
	for _, t := range texts {
		if t, ok := foldToASCII(t); ok {
			ascii = append(ascii, []driver.Value{t})
		}
	}
	if len(ascii) > 0 {
		w.among(q, []operand{{text: column + " COLLATE NOCASE"}}, ascii)
		q.add(" OR ")
	}
	q.add(column, " GLOB ").bind(beyondASCII)
}

// foldToASCII replaces letters by the ASCII letter they fold to.
func foldToASCII(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		for i := 0; r >= utf8.RuneSelf && i < 4; i++ {
			r = unicode.SimpleFold(r)
		}
		if r >= utf8.RuneSelf {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), true
}

// digits asks for the digits in their order, whatever stands between them.
func (sqliteWriter) digits(q *query, column string, texts []string) {
	for i, t := range texts {
		pattern := []byte{'*'}
		for _, r := range t {
			if r >= '0' && r <= '9' {
				pattern = append(pattern, byte(r), '*')
			}
		}
		if i > 0 {
			q.add(" OR ")
		}
		q.add(column, " GLOB ").bind(string(pattern))
	}
}

// element looks at every leaf of nested values. Numbers beyond 64 bits are rounded there and all candidates.
func (w sqliteWriter) element(q *query, column string, texts []string) {
	tuples := make([][]driver.Value, len(texts))
	for i, t := range texts {
		tuples[i] = []driver.Value{t}
	}
	q.add("CASE WHEN json_valid(", column, ") THEN EXISTS (SELECT 1 FROM json_tree(", column, ") AS j WHERE typeof(j.atom) = 'real' OR ")
	w.among(q, []operand{{text: "CAST(j.atom AS TEXT)"}}, tuples)
	q.add(") ELSE ")
	w.among(q, []operand{{text: "CAST(" + column + " AS TEXT)"}}, tuples)
	q.add(" END")
}

// maxVariants bounds the spellings of one text that an index is asked for.
const maxVariants = 256

func allFoldings(texts []string) (tuples [][]driver.Value, ok bool) {
	for _, t := range texts {
		variants, ok := foldings(t)
		if !ok || len(tuples)+len(variants) > 2*maxVariants {
			return nil, false
		}
		for _, v := range variants {
			tuples = append(tuples, []driver.Value{v})
		}
	}
	return tuples, true
}

// foldings returns the spellings that NOCASE does not take for the same though simple folding does: a column with an index
// that folds ASCII finds all of them. ok is false when there are too many.
func foldings(s string) (variants []string, ok bool) {
	variants = []string{""}
	for _, r := range s {
		forms := orbit(r)
		if len(variants)*len(forms) > maxVariants {
			return nil, false
		}
		next := make([]string, 0, len(variants)*len(forms))
		for _, v := range variants {
			for _, f := range forms {
				next = append(next, v+string(f))
			}
		}
		variants = next
	}
	return variants, true
}

// orbit returns the letters that fold to the same as r, with one of ASCII's pair.
func orbit(r rune) []rune {
	forms := []rune{r}
	ascii := r < utf8.RuneSelf
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if f < utf8.RuneSelf {
			if ascii {
				continue
			}
			ascii = true
		}
		forms = append(forms, f)
	}
	return forms
}
