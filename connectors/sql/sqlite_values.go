package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// affinity is the type a SQLite column leans to (https://www.sqlite.org/datatype3.html, section 3.1).
type affinity uint8

const (
	affinityNone affinity = iota
	affinityText
	affinityNumeric
	affinityReal
)

func affinityOf(declared string) affinity {
	d := strings.ToUpper(declared)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(d, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return affinityNumeric
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case d == "" || has("BLOB"):
		return affinityNone
	case has("REAL", "FLOA", "DOUB"): //nolint:misspell // the manual's own fragment
		return affinityReal
	}
	return affinityNumeric
}

// sqliteCodec reads what is stored, by its storage class, and takes from declared types only what a class cannot say: that
// 0 and 1 are truth values, that a text is JSON or a decimal number.
type sqliteCodec struct {
	affinity           affinity
	bool, json, digits bool
}

func newSQLiteCodec(c *liveColumn, f *connector.DataField) (codec, error) {
	declared := strings.ToUpper(c.declared)
	k := sqliteCodec{
		affinity: affinityOf(c.declared),
		bool:     strings.HasPrefix(declared, "BOOL") || f.Type == connector.DataBoolean,
		json:     strings.Contains(declared, "JSON") || f.Type == connector.DataObject || f.Array || len(f.Fields) > 0,
		digits:   strings.Contains(declared, "DECIMAL") || strings.Contains(declared, "NUMERIC"),
	}
	nested := f.Type == connector.DataObject || f.Array || len(f.Fields) > 0
	binary := strings.Contains(declared, "BLOB")
	switch {
	case f.Type == connector.DataObjectID:
		return nil, errors.New("the type object_id does not exist in SQLite")
	case nested && !strings.Contains(declared, "JSON") && (k.affinity == affinityReal || strings.Contains(declared, "INT")):
		return nil, errors.New("nested values cannot be in a column of numbers")
	case binary && f.Type != "" && f.Type != connector.DataString && !nested:
		return nil, errors.New("the column holds bytes and cannot be of the declared type")
	}
	return k, nil
}

func (k sqliteCodec) decode(v driver.Value) connector.Value {
	switch v := v.(type) {
	case int64:
		if k.bool && (v == 0 || v == 1) {
			return connector.Bool(v == 1)
		}
		return connector.Int(v)
	case float64:
		return connector.Float(v)
	case string:
		return k.text(v)
	case []byte:
		return connector.Bytes(v)
	}
	return connector.Null()
}

// text: SQLite does not check what it is given; a text that is no UTF-8 is bytes.
func (k sqliteCodec) text(s string) connector.Value {
	switch {
	case !utf8.ValidString(s):
		return connector.Bytes([]byte(s))
	case k.json:
		if t := strings.TrimSpace(s); t != "" && (t[0] == '{' || t[0] == '[') {
			return connector.JSON([]byte(t))
		}
	case k.digits:
		return connector.Decimal(s)
	}
	return connector.Text(s)
}

// sought keeps SQLite from converting what it compares: bound to a column of numbers, the text "042" would find 42.
func (k sqliteCodec) sought(v connector.Value) []driver.Value {
	switch v.Type() {
	case connector.TypeNull:
		return nil
	case connector.TypeBytes:
		b, _ := v.Reveal().([]byte)
		return []driver.Value{b, string(b)}
	case connector.TypeBool:
		if v == connector.Bool(true) {
			return []driver.Value{int64(1)}
		}
		return []driver.Value{int64(0)}
	default: // the rest goes by its text
	}
	s := v.RevealText()
	if k.affinity == affinityText {
		return []driver.Value{s}
	}
	n, isNumber := canonicalNumber(s)
	switch {
	case k.affinity == affinityNone && isNumber:
		return []driver.Value{n, s}
	case isNumber:
		return []driver.Value{n}
	case k.affinity != affinityNone && looksNumeric(s):
		return nil
	}
	return []driver.Value{s}
}

// canonicalNumber returns the number whose own text is s.
func canonicalNumber(s string) (driver.Value, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return n, true
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && f != 0 && !math.IsInf(f, 0) && !math.IsNaN(f) && connector.Float(f).RevealText() == s {
		return f, true
	}
	return nil, false
}

// looksNumeric reports whether SQLite might turn the text into a number.
func looksNumeric(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.Trim(s, "0123456789+-.eE \t\n\v\f\r") == ""
}

func (k sqliteCodec) stored(v connector.Value) (driver.Value, connector.Value) {
	var d driver.Value
	switch v.Type() {
	case connector.TypeNull:
		return nil, v
	case connector.TypeBool:
		d = k.sought(v)[0]
	case connector.TypeInt, connector.TypeFloat:
		d = v.Reveal()
	case connector.TypeBytes:
		d, _ = v.Reveal().([]byte)
		return d, v
	default:
		d = v.RevealText()
	}
	return k.convert(d)
}

func (k sqliteCodec) settle(_ context.Context, _ *session, v connector.Value) (connector.Value, error) {
	_, settled := k.stored(v)
	return settled, nil
}

// convert does what the affinity of the column will do to the value.
func (k sqliteCodec) convert(d driver.Value) (driver.Value, connector.Value) {
	switch x := d.(type) {
	case int64:
		if k.affinity == affinityText {
			d = strconv.FormatInt(x, 10)
		} else if k.affinity == affinityReal {
			d = float64(x)
		}
	case float64:
		if k.affinity == affinityText {
			d = connector.Float(x).RevealText()
		}
	case string:
		if (k.affinity == affinityNumeric || k.affinity == affinityReal) && looksNumeric(x) {
			if n, err := strconv.ParseInt(x, 10, 64); err == nil && k.affinity == affinityNumeric {
				d = n
			} else if f, err := strconv.ParseFloat(x, 64); err == nil {
				d = f
				if n := int64(f); k.affinity == affinityNumeric && float64(n) == f && math.Abs(f) < 1<<53 {
					d = n
				}
			}
		}
	}
	return d, k.decode(d)
}
