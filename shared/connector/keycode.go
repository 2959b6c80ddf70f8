package connector

import (
	"encoding/binary"
	"errors"
)

var errKey = errors.New("reading a stored key: it is not one")

// AppendKey appends the binary form of values to dst. Different values have different forms (null, the empty text, the
// integer 0 and the text "0" are four keys), and within one type forms sort as values do: integers by number, texts and
// bytes bytewise.
func AppendKey(dst []byte, values []Value) []byte {
	for _, v := range values {
		dst = append(dst, byte(v.typ)+1)
		switch v.typ {
		case TypeBool, TypeInt:
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.n)^(1<<63))
		case TypeFloat:
			bits := uint64(v.n)
			if bits>>63 == 1 {
				bits = ^bits
			} else {
				bits |= 1 << 63
			}
			dst = binary.BigEndian.AppendUint64(dst, bits)
		case TypeTime:
			dst = binary.BigEndian.AppendUint64(dst, uint64(v.n)^(1<<63))
			dst = binary.BigEndian.AppendUint32(dst, v.nanos)
			dst = binary.BigEndian.AppendUint32(dst, uint32(v.offset)^(1<<31))
		case TypeDecimal, TypeText, TypeBytes, TypeJSON, TypeWithheld:
			dst = appendEscaped(dst, v.s)
		case TypeNull: // its type says everything
		}
	}
	return dst
}

// appendEscaped ends a text with 0x00 0x01 and writes a zero byte inside it as 0x00 0xff, so that order is kept.
func appendEscaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		dst = append(dst, s[i])
		if s[i] == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 1)
}

// DecodeKey returns the values that AppendKey wrote.
func DecodeKey(b []byte) ([]Value, error) {
	var values []Value
	for len(b) > 0 {
		v, rest, err := decodeValue(b)
		if err != nil {
			return nil, err
		}
		values, b = append(values, v), rest
	}
	return values, nil
}

func decodeValue(b []byte) (Value, []byte, error) {
	v := Value{typ: Type(b[0] - 1)}
	b = b[1:]
	switch v.typ {
	case TypeNull:
	case TypeBool, TypeInt, TypeFloat:
		if len(b) < 8 {
			return v, nil, errKey
		}
		n := binary.BigEndian.Uint64(b)
		if v.typ != TypeFloat {
			n ^= 1 << 63
		} else if n>>63 == 1 {
			n &^= 1 << 63
		} else {
			n = ^n
		}
		v.n, b = int64(n), b[8:]
	case TypeTime:
		if len(b) < 16 {
			return v, nil, errKey
		}
		v.n = int64(binary.BigEndian.Uint64(b) ^ (1 << 63))
		v.nanos = binary.BigEndian.Uint32(b[8:])
		v.offset = int32(binary.BigEndian.Uint32(b[12:]) ^ (1 << 31))
		b = b[16:]
	case TypeDecimal, TypeText, TypeBytes, TypeJSON, TypeWithheld:
		s, rest, ok := cutEscaped(b)
		if !ok {
			return v, nil, errKey
		}
		v.s, b = s, rest
	default:
		return v, nil, errKey
	}
	return v, b, nil
}

func cutEscaped(b []byte) (s string, rest []byte, ok bool) {
	var out []byte
	for i := 0; i+1 < len(b); i++ {
		if b[i] != 0 {
			continue
		}
		switch b[i+1] {
		case 1:
			if out == nil {
				return string(b[:i]), b[i+2:], true
			}
			return string(append(out, b[:i]...)), b[i+2:], true
		case 0xff:
			out = append(append(out, b[:i]...), 0)
			b, i = b[i+2:], -1
		default:
			return "", nil, false
		}
	}
	return "", nil, false
}
