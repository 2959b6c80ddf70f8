package sql

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// postgresCodec reads and writes the texts of one column, in the forms that postgresSession asks for.
type postgresCodec struct {
	postgresDetail
	column *liveColumn
}

func newPostgresCodec(c *liveColumn, f *connector.DataField) (codec, error) {
	detail, ok := c.detail.(postgresDetail)
	if !ok {
		return nil, errors.New("the type of the column is not known")
	}
	k := postgresCodec{postgresDetail: detail, column: c}
	nested := f.Type == connector.DataObject || len(f.Fields) > 0
	holdsObjects := k.kind == pgJSON || k.kind == pgArray && k.typ.element.kind() == pgJSON
	switch {
	case k.kind == pgUnknown:
		return nil, errors.New(k.typ.strange(c.declared))
	case f.Type == connector.DataObjectID:
		return nil, errors.New("the type object_id does not exist in PostgreSQL")
	case nested && !holdsObjects:
		return nil, errors.New("nested values cannot be in a column of the type " + c.declared)
	case f.Array && k.kind != pgArray && k.kind != pgJSON:
		return nil, errors.New("the data map says that the field is an array, and the column is of the type " + c.declared)
	case k.kind == pgArray && !f.Array && f.Type != "":
		return nil, errors.New("the column is an array, and the data map does not say so")
	case f.PrimaryKey && (k.kind == pgJSON || k.kind == pgArray || k.kind == pgMoney):
		return nil, errors.New("a column of the type " + c.declared + " cannot be part of the primary key")
	}
	return k, nil
}

func (k postgresCodec) decode(v driver.Value) connector.Value {
	s, ok := v.(string)
	if !ok {
		return connector.Null()
	}
	return decodePostgres(k.typ, k.kind, s)
}

func decodePostgres(t *postgresType, kind postgresKind, s string) connector.Value {
	switch kind {
	case pgBool:
		return connector.Bool(s == yes)
	case pgInt:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return connector.Int(n)
		}
	case pgFloat:
		if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return connector.Float(f)
		}
	case pgNumeric, pgMoney:
		return connector.Decimal(s)
	case pgBytes:
		if b, err := hex.DecodeString(strings.TrimPrefix(s, `\x`)); err == nil {
			return connector.Bytes(b)
		}
	case pgTimestamptz:
		if at, err := time.Parse("2006-01-02 15:04:05.999999999-07", s); err == nil {
			return connector.Time(at)
		}
	case pgJSON:
		return connector.JSON([]byte(s))
	case pgArray:
		if out, ok := decodeArray(t, s); ok {
			return connector.JSON(out)
		}
	case pgText:
		if t.name == "bpchar" {
			s = strings.TrimRight(s, " ") // what the server fills the column up with means nothing
		}
	default: // the rest goes by its text
	}
	return connector.Text(s)
}

// decodeArray turns the text of an array into a JSON array, elements as they would be in a column of their own.
func decodeArray(t *postgresType, s string) ([]byte, bool) {
	if strings.HasPrefix(s, "[") { // bounds other than 1
		_, s, _ = strings.Cut(s, "=")
	}
	element, _ := t.element.bottom(-1)
	p := arrayParser{text: s, delimiter: ',', element: element, kind: element.kind()}
	if t.element.delimiter != "" {
		p.delimiter = t.element.delimiter[0]
	}
	out, ok := p.array(nil)
	return out, ok && p.text == ""
}

type arrayParser struct {
	text      string
	delimiter byte
	element   *postgresType
	kind      postgresKind
}

func (p *arrayParser) array(out []byte) ([]byte, bool) {
	if p.text == "" || p.text[0] != '{' {
		return nil, false
	}
	p.text = p.text[1:]
	out = append(out, '[')
	for first := true; p.text != ""; first = false {
		if p.text[0] == '}' {
			p.text = p.text[1:]
			return append(out, ']'), true
		}
		if !first {
			if p.text[0] != p.delimiter {
				return nil, false
			}
			p.text = p.text[1:]
			out = append(out, ',')
		}
		var ok bool
		if out, ok = p.item(out); !ok {
			return nil, false
		}
	}
	return nil, false
}

func (p *arrayParser) item(out []byte) ([]byte, bool) {
	if p.text != "" && p.text[0] == '{' {
		return p.array(out)
	}
	var s strings.Builder
	if p.text != "" && p.text[0] == '"' {
		for i := 1; i < len(p.text); i++ {
			switch p.text[i] {
			case '"':
				p.text = p.text[i+1:]
				return decodePostgres(p.element, p.kind, s.String()).AppendJSON(out), true
			case '\\':
				i++
			}
			if i < len(p.text) {
				s.WriteByte(p.text[i])
			}
		}
		return nil, false
	}
	end := strings.IndexAny(p.text, string(p.delimiter)+"}")
	if end < 0 {
		return nil, false
	}
	word := p.text[:end]
	p.text = p.text[end:]
	if word == "NULL" {
		return append(out, "null"...), true
	}
	return decodePostgres(p.element, p.kind, word).AppendJSON(out), true
}

var (
	plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,999})(\.[0-9]{1,999})?$`)
	plainUUID   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// sought keeps to the server values that it can read as the type of the column: any other is in no row.
func (k postgresCodec) sought(v connector.Value) []driver.Value {
	if v.IsNull() {
		return nil
	}
	if k.kind == pgBytes {
		if b, ok := v.Reveal().([]byte); ok {
			return []driver.Value{`\x` + hex.EncodeToString(b)}
		}
		return nil
	}
	s := v.RevealText()
	if !k.readable(s) {
		return nil
	}
	return []driver.Value{s}
}

func (k postgresCodec) readable(s string) bool {
	switch k.kind {
	case pgBool:
		return s == "true" || s == "false"
	case pgInt:
		n, err := strconv.ParseInt(s, 10, map[string]int{"int2": 16, "int4": 32}[k.typ.name])
		return err == nil && strconv.FormatInt(n, 10) == s && (k.typ.name != "oid" || n >= 0 && n <= math.MaxUint32)
	case pgFloat:
		f, err := strconv.ParseFloat(s, map[string]int{"float4": 32, "float8": 64}[k.typ.name])
		return err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && strings.Trim(s, "0123456789+-.eE") == "" && (f != 0 || strings.Trim(s, "-0.") == "")
	case pgNumeric, pgMoney:
		return plainNumber.MatchString(s)
	case pgDate:
		return parses(s, time.DateOnly)
	case pgTimestamp:
		return parses(s, "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999")
	case pgTimestamptz:
		return parses(s, time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07")
	case pgUUID:
		return plainUUID.MatchString(s)
	case pgInet:
		if p, err := netip.ParsePrefix(s); err == nil {
			return k.typ.name == "inet" || p == p.Masked()
		}
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == ""
	case pgJSON, pgArray, pgUnknown, pgBytes:
		return false
	case pgText, pgOther:
	}
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

func parses(s string, layouts ...string) bool {
	for _, l := range layouts {
		if _, err := time.Parse(l, s); err == nil {
			return true
		}
	}
	return s == "infinity" || s == "-infinity"
}

func (k postgresCodec) stored(v connector.Value) (driver.Value, connector.Value) {
	if v.IsNull() {
		return nil, v
	}
	s := v.RevealText()
	switch k.kind {
	case pgBool:
		return s, connector.Bool(s == "true")
	case pgBytes:
		b, _ := v.Reveal().([]byte)
		return `\x` + hex.EncodeToString(b), v
	case pgJSON:
		return string(v.AppendJSON(nil)), v
	case pgArray:
		return arrayOf(v), v
	case pgInt, pgFloat, pgNumeric, pgMoney:
		return k.number(s)
	case pgText:
		if k.typ.name == "bpchar" {
			s = strings.TrimRight(s, " ")
		}
	default: // the rest goes by its text
	}
	return s, k.decode(s)
}

// number gives a numeric its decimals. What is no number can only be the mask of one that the server knows and nobody else
// (NaN, Infinity).
func (k postgresCodec) number(s string) (driver.Value, connector.Value) {
	if !k.readable(s) && k.kind != pgNumeric {
		s = "0"
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		s, r = "0", new(big.Rat)
	}
	if k.scale >= 0 {
		s = r.FloatString(k.scale)
	}
	return s, k.decode(s)
}

// arrayOf writes a JSON array as the text of an array. Nothing but what decode has made comes here.
func arrayOf(v connector.Value) string {
	d := json.NewDecoder(strings.NewReader(v.RevealText()))
	d.UseNumber()
	var list []any
	if d.Decode(&list) != nil {
		return v.RevealText() // as the server wrote it
	}
	var b strings.Builder
	appendArray(&b, list)
	return b.String()
}

func appendArray(b *strings.Builder, list []any) {
	b.WriteByte('{')
	for i, e := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		switch e := e.(type) {
		case nil:
			b.WriteString("NULL")
		case []any:
			appendArray(b, e)
		case string:
			appendElement(b, e)
		default:
			var text bytes.Buffer
			enc := json.NewEncoder(&text)
			enc.SetEscapeHTML(false)
			_ = enc.Encode(e) // came out of a decoder
			appendElement(b, strings.TrimSpace(text.String()))
		}
	}
	b.WriteByte('}')
}

// settle asks the server what it makes of the value. A moment without its offset, or with one where the column has none,
// would be shifted in silence; a text that is too long would be cut.
func (k postgresCodec) settle(ctx context.Context, s *session, v connector.Value) (connector.Value, error) {
	refused := fault.New(fault.Invalid, "a corrected value does not fit the type of its field ("+k.column.declared+")")
	if v.IsNull() {
		return v, nil
	}
	form := v.RevealText()
	switch k.kind {
	case pgBytes, pgJSON, pgArray:
		stored, _ := k.stored(v)
		form, _ = stored.(string)
	case pgNumeric, pgMoney, pgFloat, pgOther:
	default:
		if !k.readable(form) || k.column.length > 0 && utf8.RuneCountInString(form) > k.column.length {
			return connector.Value{}, refused
		}
	}
	settled := connector.Null()
	text := "SELECT " + patterned(k.column.selected, "$1::text::"+k.column.assigned+"::"+k.full)
	err := s.query(ctx, text, []driver.NamedValue{{Ordinal: 1, Value: form}}, func(row []driver.Value) error {
		settled = k.decode(row[0])
		return nil
	})
	if misfit(err) {
		return connector.Value{}, refused
	}
	return settled, err
}
