package sql

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// setNested sets what stands at the dotted path of a field, inside the nested value of a column, wherever it is there: in
// objects and in every object of an array. It reports whether it was anywhere.
func setNested(rec *connector.Record, columnName string, f connector.Field) bool {
	held, ok := rec.Get(columnName)
	if !ok || held.Type() != connector.TypeJSON {
		return false
	}
	d := json.NewDecoder(strings.NewReader(held.RevealText()))
	d.UseNumber() // every digit stays
	var node any
	if d.Decode(&node) != nil {
		return false
	}
	if !setAt(node, strings.TrimPrefix(f.Name, columnName+"."), json.RawMessage(f.Value.AppendJSON(nil))) {
		return false
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(node) != nil {
		return false
	}
	for i := range rec.Fields {
		if rec.Fields[i].Name == columnName {
			rec.Fields[i].Value = connector.JSON(bytes.TrimSpace(out.Bytes()))
		}
	}
	return true
}

func setAt(node any, path string, value json.RawMessage) bool {
	done := false
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			done = setAt(e, path, value) || done
		}
	case map[string]any:
		if _, ok := n[path]; ok {
			n[path] = value
			return true
		}
		if head, rest, nested := strings.Cut(path, "."); nested {
			return setAt(n[head], rest, value)
		}
	}
	return done
}
