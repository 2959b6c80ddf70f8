package connector

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// ChangeAction is what happens to one record. Wire values.
type ChangeAction string

// The actions of a plan.
const (
	ActDelete ChangeAction = "delete" // the record goes
	ActNull   ChangeAction = "null"   // the fields become null
	ActMask   ChangeAction = "mask"   // the fields get a value that says nothing
	ActKeep   ChangeAction = "keep"   // nothing happens, for a reason
	ActSet    ChangeAction = "set"    // the fields get the corrected values
	ActFlag   ChangeAction = "flag"   // the fields that mark a restriction are set
)

// ChangeActions lists the actions.
func ChangeActions() []ChangeAction {
	return []ChangeAction{ActDelete, ActNull, ActMask, ActKeep, ActSet, ActFlag}
}

// Change is one line of a plan: a record, what happens to it and its planned end state. It is guarded like Record. One
// record may have several changes with distinct actions (some fields null, others masked).
type Change struct {
	Rank       int // children before parents: lower ranks are applied first; see Graph.EraseRank
	Collection string
	Key        Key
	Action     ChangeAction
	// Fields is the planned end state: the named fields have these values. Empty for delete (the record is gone) and keep
	// (the record is there).
	Fields []Field
	// Via is why the record is this person's: fields and the values they had when the plan was made. A record that no longer
	// has them belongs to somebody else and is not touched. A field that stands here twice may hold either value (the plan
	// itself is going to change it). Empty for records that only a key leads to.
	Via []Field
	// Before is what the fields of a set hold now, for the proof of a correction. Nothing acts on it.
	Before  []Field
	HoldKey Value           // value of the collection's hold_key field; null when there is none
	Because RetainedBecause // for keep
	Reason  string          // for keep: the data map's words; no record value
}

// Format implements fmt.Formatter: collection and action, never the key or a value.
func (c Change) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s %s %s", string(c.Action), c.Collection, redact.Mask)
}

// LogValue implements slog.LogValuer.
func (c Change) LogValue() slog.Value {
	return slog.StringValue(string(c.Action) + " " + c.Collection + " " + redact.Mask)
}

// MarshalJSON always fails.
func (Change) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }

// Effect is what became of one change of a batch.
type Effect uint8

// The effects. The zero value is invalid.
const (
	EffectDone    Effect = iota + 1 // it is in its end state now; verify: it is in its end state
	EffectAlready                   // it was gone or in its end state before
	EffectOwner                     // the record is no longer this person's; untouched
	EffectNot                       // verify: it is not in its end state
)

// FieldCorrection asks for one field of the person's records to hold a value. Value has the type the data map declares.
type FieldCorrection struct {
	Collection string // empty for systems without collections
	Field      string
	Value      Value
}

// Reached reports whether a record is in the planned end state of the change; nil means there is no such record.
func (c *Change) Reached(r *Record) bool {
	if c.Action == ActDelete {
		return r == nil
	}
	if r == nil {
		return c.Action != ActKeep // what is gone holds nothing any more; only a record that was to be kept is missed
	}
	for _, f := range c.Fields {
		if v, ok := r.Value(f.Name); !ok || !SameValue(v, f.Value) {
			return false
		}
	}
	return true
}

// Owned reports whether a record is still this person's, by Change.Via.
func (c *Change) Owned(r *Record) bool {
	for _, f := range c.Via {
		v, _ := r.Value(f.Name)
		held := slices.ContainsFunc(c.Via, func(o Field) bool { return o.Name == f.Name && SameValue(o.Value, v) })
		if !held {
			return false
		}
	}
	return true
}

// Settle says what is to be done about a change before it is applied, given the record as it is now (nil: there is none):
// EffectAlready and EffectOwner mean nothing; EffectNot means the change must be made. Connectors that read before they
// write use it; those that write conditionally need it only for rows the condition left out.
func (c *Change) Settle(r *Record) Effect {
	switch {
	case r == nil || c.Action == ActKeep:
		return EffectAlready
	case !c.Owned(r):
		return EffectOwner
	case c.Reached(r):
		return EffectAlready
	}
	return EffectNot
}

// Compare says what verification makes of a change, given the record as it is now (nil: there is none).
func (c *Change) Compare(r *Record) Effect {
	if c.Reached(r) {
		return EffectDone
	}
	return EffectNot
}
