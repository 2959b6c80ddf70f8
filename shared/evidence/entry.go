package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Limits of an entry.
const (
	MaxFactsBytes = 16 << 10        // canonical JSON of the facts
	MaxSeq        = 999_999_999_999 // twelve digits, as in the ledger's keys
	maxLineBytes  = MaxFactsBytes + 4<<10
	maxInteger    = 1<<53 - 1 // RFC 8785 writes numbers as IEEE 754 doubles; beyond, integers lose digits
)

// CaseChain is the chain of the case itself; TaskChain names that of a task.
const CaseChain = "case"

// TaskChain returns the name of a task's chain.
func TaskChain(taskID string) string { return "task/" + taskID }

// Actors that need no id; Staff and Owner name the others.
const (
	System  = "system"
	Subject = "subject"
)

// Staff returns the actor for a member of staff.
func Staff(id string) string { return "staff:" + id }

// Recipient returns the actor for a recipient of data, by its name in the registry.
func Recipient(name string) string { return "recipient:" + name }

// Owner returns the actor for the owner of a system, who answers through a task link.
func Owner(id string) string { return "owner:" + id }

// Entry is one link of a chain, immutable once written.
type Entry struct {
	Tenant string          `json:"tenant"`
	Case   string          `json:"case"`
	Chain  string          `json:"chain"`
	Seq    int64           `json:"seq"`  // from 1, without gaps
	At     time.Time       `json:"at"`   // UTC, to the millisecond
	Kind   string          `json:"kind"` // [a-z][a-z0-9_]*, at most 64 characters
	Actor  string          `json:"actor"`
	Facts  json.RawMessage `json:"facts"` // a JSON object in canonical form
	Prev   string          `json:"prev"`  // hash of the entry before; of the first: over tenant, case and chain
	Hash   string          `json:"hash,omitempty"`
}

// Draft is what the caller says about an entry; the chain adds the rest. Facts is marshalled with encoding/json and must come
// out as an object of at most MaxFactsBytes; nil stands for {}. Guarded values (package redact) refuse to be marshalled.
type Draft struct {
	Tenant, Case, Chain string
	At                  time.Time
	Kind                string
	Actor               string
	Facts               any
}

// Head is where a chain ends: the sequence number and hash of its last entry. The zero value is the head of an empty chain.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

// Append returns the entry that follows h, and the new head. It is pure; fault.Invalid when the draft breaks a rule.
func (h Head) Append(d Draft) (Entry, Head, error) {
	facts, err := canonicalFacts(d.Facts)
	if err != nil {
		return Entry{}, Head{}, err
	}
	e := Entry{
		Tenant: d.Tenant, Case: d.Case, Chain: d.Chain, Seq: h.Seq + 1, At: d.At.UTC().Truncate(time.Millisecond),
		Kind: d.Kind, Actor: d.Actor, Facts: facts, Prev: h.Hash,
	}
	switch {
	case h.Seq < 0, (h.Seq == 0) != (h.Hash == ""), h.Seq >= MaxSeq, h.Seq > 0 && !isHash(h.Hash):
		return Entry{}, Head{}, fault.New(fault.Invalid, "this is not the head of a chain")
	case h.Seq == 0:
		e.Prev = origin(d.Tenant, d.Case, d.Chain)
	}
	if err := e.check(); err != nil {
		return Entry{}, Head{}, err
	}
	if e.Hash, err = e.digest(); err != nil {
		return Entry{}, Head{}, err
	}
	return e, Head{Seq: e.Seq, Hash: e.Hash}, nil
}

// kindTaskEnded is the entry of the case's chain that carries the head of a task's chain.
const kindTaskEnded = "task_ended"

type taskEnded struct {
	Task string `json:"task"`
	Head Head   `json:"head"`
}

// TaskEnded returns the draft that carries the head of a task's chain into the chain of its case. A task that goes on later
// (a part reopened) gets another one.
func TaskEnded(tenant, caseID, taskID string, head Head, at time.Time) Draft {
	return Draft{
		Tenant: tenant, Case: caseID, Chain: CaseChain, At: at, Kind: kindTaskEnded, Actor: System,
		Facts: taskEnded{Task: taskID, Head: head},
	}
}

// endedTask returns the head of a task that an entry of the case's chain names; false for every other entry.
func (e Entry) endedTask() (taskEnded, bool) {
	var t taskEnded
	if e.Chain != CaseChain || e.Kind != kindTaskEnded {
		return t, false
	}
	err := json.Unmarshal(e.Facts, &t)
	return t, err == nil && isName(t.Task) && t.Head.Seq >= 1 && isHash(t.Head.Hash)
}

// encode returns the canonical JSON of the entry, as stored and exported.
func (e Entry) encode() ([]byte, error) { return canonical(e) }

// digest returns the hash that the entry should have.
func (e Entry) digest() (string, error) {
	e.Hash = ""
	raw, err := canonical(e)
	if err != nil {
		return "", err
	}
	return hash(raw), nil
}

// decode reads an entry that encode wrote; every other form of the same JSON is refused.
func decode(raw []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(raw, &e); err != nil {
		return Entry{}, fault.New(fault.Invalid, "this is not an entry")
	}
	again, err := e.encode()
	if err != nil || !bytes.Equal(again, raw) {
		return e, fault.New(fault.Invalid, "the entry is not in canonical form")
	}
	return e, e.check()
}

// check holds an entry to the rules that do not depend on its neighbours.
func (e Entry) check() error {
	task, isTask := strings.CutPrefix(e.Chain, "task/")
	switch {
	case !isName(e.Tenant) || !isName(e.Case):
		return fault.New(fault.Invalid, "an entry names a tenant and a case, each 1 to 64 letters, digits, dots, underscores or hyphens")
	case e.Chain != CaseChain && (!isTask || !isName(task)):
		return fault.New(fault.Invalid, `a chain is "case" or "task/" with the id of a task`)
	case e.Seq < 1 || e.Seq > MaxSeq:
		return fault.New(fault.Invalid, "the number of an entry is out of range")
	case !isKind(e.Kind):
		return fault.New(fault.Invalid, "the kind of an entry is 1 to 64 lower-case letters, digits and underscores")
	case !isActor(e.Actor):
		return fault.New(fault.Invalid, `an actor is "system", "subject", "staff:", "owner:" or "recipient:" with an id`)
	case e.At.IsZero() || e.At.Year() > 9999:
		return fault.New(fault.Invalid, "an entry has a time")
	case len(e.Facts) > MaxFactsBytes || len(e.Facts) == 0 || e.Facts[0] != '{':
		return fault.New(fault.Invalid, "facts are a JSON object of at most 16 KiB")
	}
	return nil
}

func canonicalFacts(facts any) (json.RawMessage, error) {
	if facts == nil {
		return json.RawMessage(`{}`), nil
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		// encoding/json may quote what it could not write.
		return nil, fault.New(fault.Invalid, "facts cannot be written as JSON; guarded values never can")
	}
	if err := checkNumbers(raw); err != nil {
		return nil, err
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "facts have no canonical JSON: a name twice, or text that is not UTF-8")
	}
	return out, nil
}

func checkNumbers(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "facts are not JSON")
		}
		n, ok := token.(json.Number)
		if !ok || strings.ContainsAny(n.String(), ".eE") {
			continue
		}
		if i, err := n.Int64(); err != nil || i > maxInteger || i < -maxInteger {
			return fault.New(fault.Invalid, "an integer in facts is beyond 2^53: write it as text")
		}
	}
}

// canonical returns the JSON of v in the canonical form of RFC 8785.
func canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the entry cannot be written as JSON")
	}
	out, err := jcs.Transform(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the entry has no canonical JSON")
	}
	return out, nil
}

// origin returns the Prev of the first entry of a chain. The names are checked before they are stored, so canonical JSON
// always exists for those that matter.
func origin(tenant, caseID, chain string) string {
	raw, err := canonical(struct {
		Format string `json:"format"`
		Tenant string `json:"tenant"`
		Case   string `json:"case"`
		Chain  string `json:"chain"`
	}{"habeas/evidence/chain/v1", tenant, caseID, chain})
	if err != nil {
		return ""
	}
	return hash(raw)
}

func hash(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func isHash(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// isName keeps separators out of the ledger's keys and out of the bundle's file names.
func isName(s string) bool {
	if len(s) == 0 || len(s) > 64 || s == "." || s == ".." {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

func isKind(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func isActor(s string) bool {
	if s == System || s == Subject {
		return true
	}
	who, id, _ := strings.Cut(s, ":")
	return (who == "staff" || who == "owner" || who == "recipient") && isName(id)
}
