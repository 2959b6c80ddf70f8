package connector

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/fault"
)

var errRecord = fault.New(fault.Internal, "reading a stored record: it is not one")

// DecodeRecord reads the object that Record.AppendJSON wrote into r, replacing its fields and leaving collection and key as
// they are. Fields keep their order. JSON does not tell bytes and instants from texts: both come back as TypeText; whole
// numbers that fit come back as TypeInt, every other number as TypeDecimal.
func DecodeRecord(line []byte, r *Record) error {
	r.Fields = r.Fields[:0]
	p := parser{b: line}
	p.space()
	if !p.take('{') {
		return errRecord
	}
	p.space()
	if p.take('}') {
		return p.end()
	}
	for {
		p.space()
		name, ok := p.text()
		if p.space(); !ok || !p.take(':') {
			return errRecord
		}
		v, err := p.value()
		if err != nil {
			return err
		}
		r.Fields = append(r.Fields, Field{name, v})
		p.space()
		if p.take('}') {
			return p.end()
		}
		if !p.take(',') {
			return errRecord
		}
	}
}

// DecodeValue reads one value that Value.AppendJSON wrote, with the types of DecodeRecord.
func DecodeValue(b []byte) (Value, error) {
	p := parser{b: b}
	v, err := p.value()
	if err != nil {
		return Value{}, err
	}
	return v, p.end()
}

type parser struct {
	b []byte
	i int
}

func (p *parser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *parser) take(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) end() error {
	if p.space(); p.i != len(p.b) {
		return errRecord
	}
	return nil
}

// text reads a JSON text. The common one has no escapes and is cut out as it is.
func (p *parser) text() (string, bool) {
	start := p.i
	if !p.take('"') {
		return "", false
	}
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '"':
			p.i++
			return string(p.b[start+1 : p.i-1]), true
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", false
		}
		p.i++
	}
	return "", false
}

func (p *parser) escaped(start int) (string, bool) {
	for p.i < len(p.b) && p.b[p.i] != '"' {
		if p.b[p.i] == '\\' {
			p.i++
		}
		p.i++
	}
	if p.i >= len(p.b) {
		return "", false
	}
	p.i++
	var s string
	if err := json.Unmarshal(p.b[start:p.i], &s); err != nil {
		return "", false
	}
	return s, true
}

func (p *parser) value() (Value, error) {
	p.space()
	if p.i >= len(p.b) {
		return Value{}, errRecord
	}
	switch c := p.b[p.i]; c {
	case '"':
		s, ok := p.text()
		if !ok {
			return Value{}, errRecord
		}
		return Text(s), nil
	case '{', '[':
		return p.nested()
	case 'n':
		return Null(), p.word("null")
	case 't':
		return Bool(true), p.word("true")
	case 'f':
		return Bool(false), p.word("false")
	default:
		return p.number()
	}
}

func (p *parser) word(w string) error {
	if !bytes.HasPrefix(p.b[p.i:], []byte(w)) {
		return errRecord
	}
	p.i += len(w)
	return nil
}

func (p *parser) number() (Value, error) {
	start := p.i
	for p.i < len(p.b) && (p.b[p.i] >= '0' && p.b[p.i] <= '9' || p.b[p.i] == '-' || p.b[p.i] == '+' || p.b[p.i] == '.' || p.b[p.i] == 'e' || p.b[p.i] == 'E') {
		p.i++
	}
	digits := string(p.b[start:p.i])
	if !isNumber(digits) {
		return Value{}, errRecord
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil && digits != "-0" {
		return Int(n), nil
	}
	return Value{typ: TypeDecimal, s: digits}, nil
}

func (p *parser) nested() (Value, error) {
	start, depth := p.i, 0
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case '"':
			if _, ok := p.text(); !ok {
				return Value{}, errRecord
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		p.i++
		if depth == 0 {
			return nestedValue(p.b[start:p.i])
		}
	}
	return Value{}, errRecord
}

func nestedValue(raw []byte) (Value, error) {
	if !json.Valid(raw) {
		return Value{}, errRecord
	}
	if bytes.HasPrefix(raw, []byte(`{"$withheld":"`)) {
		var w map[string]string
		if err := json.Unmarshal(raw, &w); err == nil && len(w) == 1 {
			return Withheld(w["$withheld"]), nil
		}
	}
	return Value{typ: TypeJSON, s: string(raw)}, nil
}

// isNumber reports whether s is a JSON number (RFC 8259, section 6).
func isNumber(s string) bool {
	s, _ = cutByte(s, '-')
	digits, rest := cutDigits(s)
	if digits == 0 || (digits > 1 && s[0] == '0') {
		return false
	}
	if r, ok := cutByte(rest, '.'); ok {
		if digits, rest = cutDigits(r); digits == 0 {
			return false
		}
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	digits, rest = cutDigits(rest)
	return digits > 0 && rest == ""
}

func cutByte(s string, c byte) (string, bool) {
	if s != "" && s[0] == c {
		return s[1:], true
	}
	return s, false
}

func cutDigits(s string) (n int, rest string) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n, s[n:]
}
