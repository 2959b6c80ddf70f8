package connector

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the record as it is disclosed, one JSON object without line breaks: field names and values in order.
// Integers and decimals keep every digit, bytes are base64 text, instants RFC 3339, nested values stand as they are, and a
// withheld value is {"$withheld":"<reason>"}. It reveals the record: the result goes into a sealed object, nowhere else.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range r.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, r.Fields[i].Name)
		dst = append(dst, ':')
		dst = r.Fields[i].Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// AppendJSON appends the value in the form that Record.AppendJSON describes. Numbers that JSON lacks (NaN, infinities) are
// texts.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.typ {
	case TypeBool:
		return strconv.AppendBool(dst, v.n == 1)
	case TypeInt:
		return strconv.AppendInt(dst, v.n, 10)
	case TypeFloat:
		f := math.Float64frombits(uint64(v.n))
		if !isFinite(f) {
			return appendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case TypeDecimal:
		return append(dst, v.s...)
	case TypeText:
		return appendString(dst, v.s)
	case TypeBytes:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.s))
		return append(dst, '"')
	case TypeTime:
		dst = append(dst, '"')
		dst = v.time().AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	case TypeJSON:
		return appendCompact(dst, v.s)
	case TypeWithheld:
		dst = append(dst, `{"$withheld":`...)
		dst = appendString(dst, v.s)
		return append(dst, '}')
	default:
		return append(dst, "null"...)
	}
}

// appendCompact drops white space between the tokens of valid JSON, so that a record stays on one line.
func appendCompact(dst []byte, s string) []byte {
	inText, escaped := false, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case inText:
			switch {
			case escaped:
				escaped = false
			case c == '\\':
				escaped = true
			case c == '"':
				inText = false
			}
		case c == '"':
			inText = true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON text. Invalid UTF-8 becomes U+FFFD; U+2028 and U+2029 are escaped, so that the text is also
// safe inside a script.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(append(dst, s[start:i]...), escape(c)...)
			if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
				dst = append(dst, hexDigits[c>>4], hexDigits[c&0xf])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || r == 0x2028 || r == 0x2029 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u`...)
			dst = append(dst, hexDigits[r>>12&0xf], hexDigits[r>>8&0xf], hexDigits[r>>4&0xf], hexDigits[r&0xf])
			i += size
			start = i
			continue
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

func escape(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	return `\u00`
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
