package connector

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// Type is the sort of a Value.
type Type uint8

// The types of values. The zero Type is TypeNull.
const (
	TypeNull Type = iota
	TypeBool
	TypeInt      // 64-bit signed, exact
	TypeFloat    // 64-bit binary
	TypeDecimal  // decimal digits as text, exact, any size
	TypeText     // UTF-8
	TypeBytes    // any bytes; base64 in JSON
	TypeTime     // an instant with its offset; RFC 3339 in JSON
	TypeJSON     // nested object or array
	TypeWithheld // not disclosed; holds the reason
)

// Reasons of a withheld value.
const (
	WithheldThirdParty = "third_party" // other people's data
	WithheldDenied     = "denied"      // named by a decision on the case
)

// Value is one value of a record. It prints as redact.Mask and refuses json.Marshal; AppendJSON and Reveal are the ways out.
// Values compare with ==. The zero Value is null.
type Value struct {
	n      int64
	s      string
	nanos  uint32
	offset int32
	typ    Type
}

// Null is the null value.
func Null() Value { return Value{} }

// Bool returns a truth value.
func Bool(b bool) Value {
	if b {
		return Value{typ: TypeBool, n: 1}
	}
	return Value{typ: TypeBool}
}

// Int returns an integer.
func Int(n int64) Value { return Value{typ: TypeInt, n: n} }

// Float returns a binary floating point number.
func Float(f float64) Value { return Value{typ: TypeFloat, n: int64(math.Float64bits(f))} }

// Decimal returns an exact number from its digits ("-12.50"); digits that are no JSON number become a text.
func Decimal(digits string) Value {
	if !isNumber(digits) {
		return Text(digits)
	}
	return Value{typ: TypeDecimal, s: digits}
}

// Text returns a text.
func Text(s string) Value { return Value{typ: TypeText, s: s} }

// Bytes returns a byte string; b is copied.
func Bytes(b []byte) Value { return Value{typ: TypeBytes, s: string(b)} }

// Time returns an instant. The offset of t is kept to the second, its zone name is not.
func Time(t time.Time) Value {
	_, off := t.Zone()
	return Value{typ: TypeTime, n: t.Unix(), nanos: uint32(t.Nanosecond()), offset: int32(off)}
}

// JSON returns a nested value. Text that is not valid JSON becomes a text value.
func JSON(raw []byte) Value {
	if !json.Valid(raw) {
		return Text(string(raw))
	}
	return Value{typ: TypeJSON, s: string(raw)}
}

// Withheld returns the mark of a value that is not disclosed.
func Withheld(reason string) Value { return Value{typ: TypeWithheld, s: reason} }

// Type returns the sort of the value.
func (v Value) Type() Type { return v.typ }

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.typ == TypeNull }

// IsEmpty reports whether the value is null or the empty text. The integer 0 is not empty.
func (v Value) IsEmpty() bool { return v.typ == TypeNull || (v.typ == TypeText && v.s == "") }

// Reveal returns the value in the open: nil, bool, int64, float64, string (text, decimal, withheld), []byte, time.Time or
// json.RawMessage.
func (v Value) Reveal() any {
	switch v.typ {
	case TypeBool:
		return v.n == 1
	case TypeInt:
		return v.n
	case TypeFloat:
		return math.Float64frombits(uint64(v.n))
	case TypeDecimal, TypeText, TypeWithheld:
		return v.s
	case TypeBytes:
		return []byte(v.s)
	case TypeTime:
		return v.time()
	case TypeJSON:
		return json.RawMessage(v.s)
	default:
		return nil
	}
}

// RevealText returns the value as plain text, as in a table: null is empty, bytes are base64, instants RFC 3339, nested
// values their JSON, withheld values empty.
func (v Value) RevealText() string {
	switch v.typ {
	case TypeText, TypeDecimal, TypeJSON:
		return v.s
	case TypeNull, TypeWithheld:
		return ""
	default:
		return strings.Trim(string(v.AppendJSON(nil)), `"`)
	}
}

func (v Value) time() time.Time {
	t := time.Unix(v.n, int64(v.nanos))
	if v.offset == 0 {
		return t.UTC()
	}
	return t.In(time.FixedZone("", int(v.offset)))
}

// Format implements fmt.Formatter: the mask for every verb.
func (Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact.Mask)) }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// MarshalJSON always fails; see AppendJSON.
func (Value) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }

// Key is the primary key of a record: one value per key field, in the order of Collection.Key. A part may be null or empty.
type Key []Value

// Equal reports whether two keys have the same values.
func (k Key) Equal(o Key) bool {
	if len(k) != len(o) {
		return false
	}
	for i := range k {
		if k[i] != o[i] {
			return false
		}
	}
	return true
}

// Format implements fmt.Formatter: the mask for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact.Mask)) }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue(redact.Mask) }

// MarshalJSON always fails.
func (Key) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }

// Field is one named value. Name is the field's name in the collection; nested fields travel inside a JSON value.
type Field struct {
	Name  string
	Value Value
}

// Record is one item found: a row, a document, an object. It marshals only through AppendJSON.
type Record struct {
	Collection string
	Key        Key
	Fields     []Field // in the order of the collection's fields
}

// Get returns the value of a field; ok is false when the record has no such field.
func (r *Record) Get(name string) (v Value, ok bool) {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value, true
		}
	}
	return Value{}, false
}

// Clone returns a copy that shares nothing with r. Values are immutable.
func (r *Record) Clone() *Record {
	return &Record{Collection: r.Collection, Key: append(Key(nil), r.Key...), Fields: append([]Field(nil), r.Fields...)}
}
