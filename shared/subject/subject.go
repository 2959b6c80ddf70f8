// Package subject owns the data subject (GDPR Art. 4(1)): identifiers, how they are normalised, and the keyed pseudonym that
// is safe to log. It never stores anything and knows no case.
//
// Identifiers are built on redact.Text: printing, logging or marshalling one by accident is impossible.
package subject

import (
	"fmt"
	"log/slog"
	"net/mail"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Kind names what sort of value an identifier is: email, phone, customer_id, or any kind a data map declares.
// It is lower case, [a-z][a-z0-9_]*, at most 40 characters, and never personal.
type Kind string

// Kinds every installation knows. Data maps may add others.
const (
	Email      Kind = "email"
	Phone      Kind = "phone"
	CustomerID Kind = "customer_id"
)

// Valid reports whether the kind is well formed.
func (k Kind) Valid() bool {
	if len(k) == 0 || len(k) > 40 || k[0] < 'a' || k[0] > 'z' {
		return false
	}
	for _, r := range k {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return true
}

// ManyPerPerson reports whether one person may well have several values of the kind. Other kinds are taken to be one per
// person and system: two values found for one person are ambiguous.
func (k Kind) ManyPerPerson() bool { return k == Email || k == Phone }

// Identifier is a value that finds the subject. Values compare after Normalise. The zero value is invalid.
type Identifier struct {
	Kind  Kind
	Value redact.Text
}

// New returns an identifier, validated and in the form it was given (outer white space removed). The error is
// fault.Invalid and does not quote the value.
func New(kind Kind, value string) (Identifier, error) {
	value = strings.TrimSpace(norm.NFC.String(value))
	switch {
	case !kind.Valid():
		return Identifier{}, fault.New(fault.Invalid, "the kind of identifier is not well formed")
	case value == "":
		return Identifier{}, fault.New(fault.Invalid, "the identifier is empty")
	case len(value) > 320:
		return Identifier{}, fault.New(fault.Invalid, "the identifier is longer than 320 bytes")
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }):
		return Identifier{}, fault.New(fault.Invalid, "the identifier contains a control character")
	}
	if kind == Email {
		a, err := mail.ParseAddress(value)
		if err != nil || a.Name != "" || a.Address != value || !strings.Contains(value[strings.LastIndexByte(value, '@')+1:], ".") {
			return Identifier{}, fault.New(fault.Invalid, "this is not an e-mail address like name@example.com")
		}
	}
	return Identifier{Kind: kind, Value: redact.NewText(value)}, nil
}

// IsZero reports whether the identifier is empty.
func (i Identifier) IsZero() bool { return i.Kind == "" && i.Value.IsZero() }

// Normalise returns the form used for comparing, keyed index rows and suppression: e-mail is case-folded as a whole
// (RFC 5321 allows case-sensitive local parts; no mail provider in use distinguishes them), phone keeps "+" and digits with
// a leading 00 turned into +, everything else is kept as it is. Plus-addressing is kept: a+x@example.com is not a@example.com.
func (i Identifier) Normalise() Identifier {
	v := i.Value.Reveal()
	switch i.Kind {
	case Email:
		v = cases.Fold().String(v)
	case Phone:
		var b strings.Builder
		for _, r := range v {
			if (r >= '0' && r <= '9') || (r == '+' && b.Len() == 0) {
				b.WriteRune(r)
			}
		}
		v = b.String()
		if rest, ok := strings.CutPrefix(v, "00"); ok {
			v = "+" + rest
		}
	default: // every other kind is compared as it is
	}
	return Identifier{Kind: i.Kind, Value: redact.NewText(v)}
}

// Same reports whether two identifiers have the same kind and normal form.
func (i Identifier) Same(o Identifier) bool { return i.Normalise() == o.Normalise() }

// Format implements fmt.Formatter: the kind and a mask, never the value.
func (i Identifier) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "%s:%s", string(i.Kind), redact.Mask)
}

// LogValue implements slog.LogValuer: the kind and a mask.
func (i Identifier) LogValue() slog.Value {
	return slog.StringValue(string(i.Kind) + ":" + redact.Mask)
}

// MarshalJSON always fails; see Reveal.
func (Identifier) MarshalJSON() ([]byte, error) { return nil, redact.ErrMarshal }

// Revealed is an identifier in the open, for sealed documents and for answers to its owner. It marshals.
type Revealed struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// Reveal returns the identifier in the open.
func (i Identifier) Reveal() Revealed { return Revealed{i.Kind, i.Value.Reveal()} }

// Identifier returns the guarded form, without validation: the value came out of a sealed document.
func (r Revealed) Identifier() Identifier { return Identifier{r.Kind, redact.NewText(r.Value)} }

// Ref is a keyed pseudonym of an identifier (hex of an HMAC under the tenant's index key): safe to log and to index.
type Ref string

// Add returns the identifiers in list followed by those of more that are not yet in it, compared in normal form.
func Add(list []Identifier, more ...Identifier) []Identifier {
	for _, m := range more {
		if !slices.ContainsFunc(list, m.Same) {
			list = append(list, m)
		}
	}
	return list
}
