package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// longFact is the length beyond which a fact is left to the evidence itself: digests and lists.
const longFact = 40

// plainFacts lists the short facts of an entry in order of their names. Facts of evidence hold no personal data.
func plainFacts(raw json.RawMessage) string {
	var facts map[string]any
	if json.Unmarshal(raw, &facts) != nil {
		return ""
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		var value string
		switch v := facts[name].(type) {
		case string:
			if _, err := time.Parse(time.RFC3339, v); err == nil {
				continue // the entry has its own time; others are for the evidence
			}
			value = strings.ReplaceAll(v, "_", " ")
		case bool:
			if !v {
				continue
			}
			value = "yes"
		case float64:
			value = fmt.Sprint(v)
		}
		if value != "" && !forTheBundle(name) && len(value) <= longFact {
			out = append(out, spaced(name)+" "+value)
		}
	}
	return strings.Join(out, ", ")
}

// forTheBundle reports whether a fact tells a reader nothing: running numbers, ids, and what the page or the kind of the entry
// says already.
func forTheBundle(name string) bool {
	return slices.Contains([]string{"n", "task", "turn", "status", "law", "reference"}, name)
}

// spaced writes a camelCase name as words.
func spaced(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
