// Package redact owns the types that keep personal data out of logs, errors, events and workflow payloads.
//
// A Text or Bytes prints as [redacted] under every fmt verb and in slog, and refuses to be marshalled to JSON or text. The
// only way to the value is Reveal, so that every place where personal data leaves the type can be found by searching for
// that word. Decoding into a Text is allowed: input is where personal data enters.
//
// Both types hold a pointer, not the value: package fmt prints unexported struct fields without asking their methods, and a
// pointer inside prints as an address.
package redact

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"unique"
)

// Mask is what a redacted value prints as.
const Mask = "[redacted]"

// ErrMarshal is returned when a redacted value is about to be written by accident.
var ErrMarshal = errors.New("redact: a personal value may be written only through an explicit Reveal")

// Text is a string that will not print. The zero value is the empty text. Texts compare with ==, by value: equal texts share
// one interned string for as long as one of them lives.
type Text struct{ v unique.Handle[string] }

// NewText wraps s.
func NewText(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{unique.Make(s)}
}

// Reveal returns the value. Use it only where the value must leave: sealing, searching, answering its owner.
func (t Text) Reveal() string {
	if t.IsZero() {
		return ""
	}
	return t.v.Value()
}

// IsZero reports whether the text is empty.
func (t Text) IsZero() bool { return t == Text{} }

// Format implements fmt.Formatter for every verb.
func (Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// String returns the mask.
func (Text) String() string { return Mask }

// GoString returns the mask.
func (Text) GoString() string { return Mask }

// LogValue implements slog.LogValuer.
func (Text) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalJSON always fails with ErrMarshal.
func (Text) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalText always fails with ErrMarshal.
func (Text) MarshalText() ([]byte, error) { return nil, ErrMarshal }

// UnmarshalJSON reads a JSON string. Anything else is a *json.UnmarshalTypeError without the value, in which package json names
// the field.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return &json.UnmarshalTypeError{Value: "something else", Type: reflect.TypeFor[string]()}
	}
	*t = NewText(s)
	return nil
}

// UnmarshalText reads plain text.
func (t *Text) UnmarshalText(b []byte) error { *t = NewText(string(b)); return nil }

// Bytes is a byte string that will not print: sealed content in the open, keys, tokens. The zero value is empty.
type Bytes struct{ v **[]byte } // fmt follows one pointer to a slice under verbs it thinks wrong, never two

// NewBytes wraps b without copying it.
func NewBytes(b []byte) Bytes {
	p := &b
	return Bytes{&p}
}

// Reveal returns the value without copying it.
func (b Bytes) Reveal() []byte {
	if b.v == nil {
		return nil
	}
	return **b.v
}

// IsZero reports whether there is nothing in it.
func (b Bytes) IsZero() bool { return len(b.Reveal()) == 0 }

// Format implements fmt.Formatter for every verb.
func (Bytes) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// String returns the mask.
func (Bytes) String() string { return Mask }

// GoString returns the mask.
func (Bytes) GoString() string { return Mask }

// LogValue implements slog.LogValuer.
func (Bytes) LogValue() slog.Value { return slog.StringValue(Mask) }

// MarshalJSON always fails with ErrMarshal.
func (Bytes) MarshalJSON() ([]byte, error) { return nil, ErrMarshal }

// MarshalText always fails with ErrMarshal.
func (Bytes) MarshalText() ([]byte, error) { return nil, ErrMarshal }
