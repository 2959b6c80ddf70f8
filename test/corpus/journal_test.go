package corpus

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/table"
)

// The kinds of calls.
const (
	ofStep      = "step"      // of a machine; Name is the function
	ofOutbox    = "outbox"    // Name is the kind of the promise, Input its row
	ofClock     = "clock"     // Name is the function; schedules send no input
	ofHTTP      = "http"      // Name is method and path, Input the event of API Gateway (payload format 2.0)
	ofQueue     = "queue"     // Name is the function, Input the body of a message
	ofExecution = "execution" // Name is the machine, Input what the execution was started with
	ofEvent     = "event"     // Name is the type, Input what the bus was given
)

// entry is a line of a journal: writes, objects or a call.
type entry struct {
	At      time.Time         `json:"at"`
	Writes  []write           `json:"writes,omitempty"`  // one transaction
	Objects map[string][]byte `json:"objects,omitempty"` // by name; nil = removed
	Kind    string            `json:"kind,omitempty"`
	Name    string            `json:"name,omitempty"`
	Input   json.RawMessage   `json:"input,omitempty"`
	Output  json.RawMessage   `json:"output,omitempty"`
	Held    bool              `json:"held,omitempty"`   // the system still holds the person
	Broken  bool              `json:"broken,omitempty"` // the system refuses whatever it is asked for
}

// write is a table.Write.
type write struct {
	Op      int        `json:"op"`
	If      int64      `json:"if"`
	Table   string     `json:"table"`
	PK      string     `json:"pk"`
	SK      string     `json:"sk"`
	IPK     string     `json:"ipk,omitempty"`
	ISK     string     `json:"isk,omitempty"`
	Body    []byte     `json:"body,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func kept(w table.Write) write {
	out := write{
		Op: int(w.Op), If: w.If, Table: string(w.Item.Table), PK: w.Item.PK, SK: w.Item.SK, IPK: w.Item.IPK, ISK: w.Item.ISK,
		Body: bytes.Clone(w.Item.Body),
	}
	if !w.Item.ExpiresAt.IsZero() {
		out.Expires = &w.Item.ExpiresAt
	}
	return out
}

func (w write) write() table.Write {
	out := table.Write{Op: table.Op(w.Op), If: w.If, Item: table.Item{
		Key: table.Key{Table: table.Name(w.Table), PK: w.PK, SK: w.SK}, IPK: w.IPK, ISK: w.ISK, Body: w.Body,
	}}
	if w.Expires != nil {
		out.Item.ExpiresAt = *w.Expires
	}
	return out
}

func readJournal(t *testing.T, path string) (all []entry) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(bytes.NewReader(raw))
	lines.DisallowUnknownFields()
	for {
		var e entry
		switch err := lines.Decode(&e); err {
		case nil:
			all = append(all, e)
		case io.EOF:
			return all
		default:
			t.Fatalf("reading entry %d of %s: %v", len(all)+1, path, err)
		}
	}
}

func writeJournal(t *testing.T, path string, all []entry) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(file)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	for _, e := range all {
		if err := out.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := buffered.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// shape describes a JSON document without its values: the type of every path, elements of lists under one path. What is a map from
// names of its own to values, and not a struct, shows as such names; the scenario is always the same, and so are they.
func shape(raw []byte) map[string]bool {
	out := map[string]bool{}
	var v any
	if json.Unmarshal(raw, &v) != nil {
		out["bytes"] = true
		return out
	}
	describe(out, "", v)
	return out
}

func describe(out map[string]bool, at string, v any) {
	switch of := v.(type) {
	case map[string]any:
		out[at+" object"] = true
		for name, value := range of {
			describe(out, at+"."+made.ReplaceAllString(name, "*"), value)
		}
	case []any:
		out[at+" list"] = true
		for _, value := range of {
			describe(out, at+"[]", value)
		}
	case string:
		out[at+" string"] = true
	case float64:
		out[at+" number"] = true
	case bool:
		out[at+" boolean"] = true
	default:
		out[at+" null"] = true
	}
}

// made is what is made at run time in a name or a key: identifiers, hashes, instants and numbers.
var made = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9A-Z]{5}-[0-9A-Z]{5}|[0-9a-f]{16,}|\d{4}-\d\d-\d\dT[0-9:.]+Z?|\d+`)

// shapes gathers the shapes of a journal by what has them: calls and answers by kind and name, rows by table and key.
func shapes(all []entry) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	add := func(what string, raw []byte) {
		if len(raw) == 0 {
			return
		}
		if out[what] == nil {
			out[what] = map[string]bool{}
		}
		maps.Copy(out[what], shape(raw))
	}
	for _, e := range all {
		if e.Kind != "" {
			name := made.ReplaceAllString(e.Name, "*")
			add("what is sent to "+e.Kind+" "+name, e.Input)
			add("what is answered by "+e.Kind+" "+name, e.Output)
		}
		for _, w := range e.Writes {
			add(fmt.Sprintf("a row of %s: %s %s", w.Table, made.ReplaceAllString(w.PK, "*"), made.ReplaceAllString(w.SK, "*")), w.Body)
		}
	}
	return out
}

// differences says in words what differs between two descriptions of one thing.
func differences(before, now map[string]bool) string {
	return strings.Trim(lost("-", before, now)+lost("+", now, before), "\n")
}

// lost lists what was there before and is not now, a line each behind the mark.
func lost(mark string, before, now map[string]bool) string {
	var out strings.Builder
	for _, p := range slices.Sorted(maps.Keys(before)) {
		if !now[p] {
			out.WriteString(mark + p + "\n")
		}
	}
	return out.String()
}
