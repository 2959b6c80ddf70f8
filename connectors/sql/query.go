package sql

import (
	"database/sql/driver"
	"strings"
)

// query is a statement being written, with its parameters.
type query struct {
	w    writer
	text strings.Builder
	args []driver.NamedValue
}

func newQuery(w writer, size int) *query {
	q := &query{w: w}
	q.text.Grow(256 + 2*size)
	q.args = make([]driver.NamedValue, 0, size+4)
	return q
}

// add appends text. It never gets a value.
func (q *query) add(parts ...string) *query {
	for _, p := range parts {
		q.text.WriteString(p)
	}
	return q
}

// bind appends a parameter.
func (q *query) bind(v driver.Value) { q.w.bind(q, v) }

// arg keeps the value of a parameter and returns its number, counted from 1.
func (q *query) arg(v driver.Value) int {
	q.args = append(q.args, driver.NamedValue{Ordinal: len(q.args) + 1, Value: v})
	return len(q.args)
}

// list appends expressions separated by commas, in brackets when there are several: a row value.
func (q *query) list(exprs []string) *query {
	if len(exprs) == 1 {
		return q.add(exprs[0])
	}
	return q.add("(", strings.Join(exprs, ","), ")")
}

// fullName makes the quoted name of a table, with its schema where there is one.
func fullName(w writer, schema, name string) string {
	if schema == "" {
		return w.quote(name)
	}
	return w.quote(schema) + "." + w.quote(name)
}

func texts(columns []operand) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = c.text
	}
	return list
}

// keysAmong adds the condition that the columns equal one of the tuples, null being equal to null.
func (q *query) keysAmong(columns []operand, tuples [][]driver.Value) {
	var whole, partly [][]driver.Value
	for _, t := range tuples {
		if hasNull(t) {
			partly = append(partly, t)
		} else {
			whole = append(whole, t)
		}
	}
	if len(whole)+len(partly) == 0 {
		q.add("1 = 0")
		return
	}
	q.add("(")
	if len(whole) > 0 {
		q.w.among(q, columns, whole)
	}
	for i, t := range partly {
		if i > 0 || len(whole) > 0 {
			q.add(" OR ")
		}
		for j, c := range columns {
			if j > 0 {
				q.add(" AND ")
			}
			q.add(c.text, q.w.spelling().same)
			q.bind(t[j])
		}
	}
	q.add(")")
}

func hasNull(t []driver.Value) bool {
	for _, v := range t {
		if v == nil {
			return true
		}
	}
	return false
}

func equalNames(a, b string) bool { return strings.EqualFold(a, b) }

// sameNames reports whether two lists name the same columns in any order.
func sameNames(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		found := false
		for _, y := range b {
			found = found || equalNames(x, y)
		}
		if !found {
			return false
		}
	}
	return true
}
