package asl

import (
	"crypto/md5"  //nolint:gosec // States.Hash offers it
	"crypto/sha1" //nolint:gosec // States.Hash offers it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"maps"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Limits of the intrinsic functions (Developer Guide, "Intrinsic functions").
const (
	maxEncodable   = 10_000 // characters for States.Base64Encode, States.Base64Decode and States.Hash
	maxRange       = 1_000  // elements of States.ArrayRange
	minMathOperand = -1 << 31
	maxMathOperand = 1<<31 - 1
)

type function struct {
	min, max int // number of arguments; max -1 = any
	eval     func(*Scope, *Call, []any) (any, error)
}

func (f function) check(c *Call) error {
	if len(c.args) < f.min || (f.max >= 0 && len(c.args) > f.max) {
		return fmt.Errorf("%s has the wrong number of arguments", c.name)
	}
	if c.name == "States.Format" && c.args[0].path == nil && c.args[0].call == nil {
		if c.args[0].parts == nil {
			return fmt.Errorf("%s wants a string first", c.name)
		}
		if len(c.args[0].parts) != len(c.args) {
			return fmt.Errorf("%s has as many {} as arguments after the first", c.name)
		}
	}
	return nil
}

func functionNamed(name string) (function, bool) {
	switch name {
	case "States.Format":
		return function{1, -1, format}, true
	case "States.StringToJson":
		return function{1, 1, stringToJSON}, true
	case "States.JsonToString":
		return function{1, 1, jsonToString}, true
	case "States.Array":
		return function{0, -1, func(_ *Scope, _ *Call, a []any) (any, error) { return a, nil }}, true
	case "States.ArrayPartition":
		return function{2, 2, arrayPartition}, true
	case "States.ArrayContains":
		return function{2, 2, arrayContains}, true
	case "States.ArrayRange":
		return function{3, 3, arrayRange}, true
	case "States.ArrayGetItem":
		return function{2, 2, arrayGetItem}, true
	case "States.ArrayLength":
		return function{1, 1, arrayLength}, true
	case "States.ArrayUnique":
		return function{1, 1, arrayUnique}, true
	case "States.Base64Encode":
		return function{1, 1, base64Encode}, true
	case "States.Base64Decode":
		return function{1, 1, base64Decode}, true
	case "States.Hash":
		return function{2, 2, hashOf}, true
	case "States.JsonMerge":
		return function{3, 3, jsonMerge}, true
	case "States.MathRandom":
		return function{2, 3, mathRandom}, true
	case "States.MathAdd":
		return function{2, 2, mathAdd}, true
	case "States.StringSplit":
		return function{2, 2, stringSplit}, true
	case "States.UUID":
		return function{0, 0, func(s *Scope, _ *Call, _ []any) (any, error) { return s.NewUUID(), nil }}, true
	}
	return function{}, false
}

func format(_ *Scope, c *Call, a []any) (any, error) {
	parts := c.args[0].parts
	if parts == nil {
		template, ok := a[0].(string)
		if !ok {
			return nil, intrinsicFailure("States.Format wants a string first")
		}
		parts = strings.Split(template, "{}")
	}
	if len(parts) != len(a) {
		return nil, intrinsicFailure("States.Format has as many {} as arguments after the first")
	}
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			switch v := a[i].(type) {
			case string:
				b.WriteString(v)
			default:
				printed, err := Encode(v)
				if err != nil {
					return nil, intrinsicFailure("States.Format cannot print an argument")
				}
				b.Write(printed)
			}
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

func stringToJSON(_ *Scope, c *Call, a []any) (any, error) {
	source, err := text(c, a[0])
	if err != nil {
		return nil, err
	}
	v, jsonErr := Decode([]byte(source))
	if jsonErr != nil {
		return nil, intrinsicFailure("%s: the string is not JSON", c.name)
	}
	return v, nil
}

func jsonToString(_ *Scope, c *Call, a []any) (any, error) {
	b, err := Encode(a[0])
	if err != nil {
		return nil, intrinsicFailure("%s cannot write the value", c.name)
	}
	return string(b), nil
}

func list(c *Call, v any) ([]any, error) {
	l, ok := v.([]any)
	if !ok {
		return nil, intrinsicFailure("%s wants an array", c.name)
	}
	return l, nil
}

func text(c *Call, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", intrinsicFailure("%s wants a string", c.name)
	}
	return s, nil
}

func arrayPartition(_ *Scope, c *Call, a []any) (any, error) {
	l, err := list(c, a[0])
	if err != nil {
		return nil, err
	}
	n, ok := rounded(a[1])
	if !ok || n < 1 {
		return nil, intrinsicFailure("%s wants a positive chunk size", c.name)
	}
	out := []any{}
	for len(l) > 0 {
		k := min(int64(len(l)), n)
		out = append(out, l[:k:k])
		l = l[k:]
	}
	return out, nil
}

func arrayContains(_ *Scope, c *Call, a []any) (any, error) {
	l, err := list(c, a[0])
	if err != nil {
		return nil, err
	}
	for _, v := range l {
		if equal(v, a[1]) {
			return true, nil
		}
	}
	return false, nil
}

func arrayRange(_ *Scope, c *Call, a []any) (any, error) {
	from, ok1 := rounded(a[0])
	to, ok2 := rounded(a[1])
	by, ok3 := rounded(a[2])
	if !ok1 || !ok2 || !ok3 || by == 0 {
		return nil, intrinsicFailure("%s wants three numbers and a step other than 0", c.name)
	}
	out := []any{}
	for v := from; (by > 0 && v <= to) || (by < 0 && v >= to); v += by {
		if len(out) == maxRange {
			return nil, intrinsicFailure("%s makes at most %d elements", c.name, maxRange)
		}
		out = append(out, number(v))
	}
	return out, nil
}

func arrayGetItem(_ *Scope, c *Call, a []any) (any, error) {
	l, err := list(c, a[0])
	if err != nil {
		return nil, err
	}
	i, ok := integer(a[1])
	if !ok || i < 0 || i >= int64(len(l)) {
		return nil, intrinsicFailure("%s: no element at that index", c.name)
	}
	return l[i], nil
}

func arrayLength(_ *Scope, c *Call, a []any) (any, error) {
	l, err := list(c, a[0])
	if err != nil {
		return nil, err
	}
	return number(int64(len(l))), nil
}

func arrayUnique(_ *Scope, c *Call, a []any) (any, error) {
	l, err := list(c, a[0])
	if err != nil {
		return nil, err
	}
	out, seen := []any{}, map[string]bool{}
	for _, v := range l {
		key, err := Encode(canonical(v))
		if err != nil {
			return nil, intrinsicFailure("%s cannot compare an element", c.name)
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, v)
		}
	}
	return out, nil
}

// canonical gives equal numbers one text, so that 1 and 1.0 are the same element.
func canonical(v any) any {
	switch x := v.(type) {
	case json.Number:
		if i, ok := integer(x); ok {
			return number(i)
		}
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = canonical(x[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(x))
		for k := range x {
			out[k] = canonical(x[k])
		}
		return out
	}
	return v
}

func encodable(c *Call, v any) (string, error) {
	s, err := text(c, v)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(s) > maxEncodable {
		return "", intrinsicFailure("%s takes at most %d characters", c.name, maxEncodable)
	}
	return s, nil
}

func base64Encode(_ *Scope, c *Call, a []any) (any, error) {
	s, err := encodable(c, a[0])
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.EncodeToString([]byte(s)), nil
}

func base64Decode(_ *Scope, c *Call, a []any) (any, error) {
	s, err := encodable(c, a[0])
	if err != nil {
		return nil, err
	}
	b, decodeErr := base64.StdEncoding.DecodeString(s)
	if decodeErr != nil || !utf8.Valid(b) {
		return nil, intrinsicFailure("%s: the string is not Base64 of UTF-8", c.name)
	}
	return string(b), nil
}

func hashOf(_ *Scope, c *Call, a []any) (any, error) {
	s, err := encodable(c, a[0])
	if err != nil {
		return nil, err
	}
	var h hash.Hash
	switch a[1] {
	case "MD5":
		h = md5.New() //nolint:gosec // States.Hash offers it
	case "SHA-1":
		h = sha1.New() //nolint:gosec // States.Hash offers it
	case "SHA-256":
		h = sha256.New()
	case "SHA-384":
		h = sha512.New384()
	case "SHA-512":
		h = sha512.New()
	default:
		return nil, intrinsicFailure("%s knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512", c.name)
	}
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)), nil
}

func jsonMerge(_ *Scope, c *Call, a []any) (any, error) {
	x, ok1 := a[0].(map[string]any)
	y, ok2 := a[1].(map[string]any)
	if !ok1 || !ok2 {
		return nil, intrinsicFailure("%s wants two objects", c.name)
	}
	// The service merges shallowly only and takes nothing but false here.
	if deep, ok := a[2].(bool); !ok || deep {
		return nil, intrinsicFailure("%s merges shallowly only: the third argument is false", c.name)
	}
	out := maps.Clone(x)
	maps.Copy(out, y)
	return out, nil
}

func mathRandom(s *Scope, c *Call, a []any) (any, error) {
	from, ok1 := rounded(a[0])
	to, ok2 := rounded(a[1])
	if !ok1 || !ok2 || from >= to || from < minMathOperand || to > maxMathOperand {
		return nil, intrinsicFailure("%s wants a start below its end", c.name)
	}
	if len(a) == 2 {
		return number(from + int64(s.Random()*float64(to-from))), nil
	}
	seed, ok := rounded(a[2])
	if !ok {
		return nil, intrinsicFailure("%s wants a number as seed", c.name)
	}
	// The same seed gives the same number; which one is the engine's affair.
	r := rand.New(rand.NewPCG(uint64(seed), 0))
	return number(from + r.Int64N(to-from)), nil
}

func mathAdd(_ *Scope, c *Call, a []any) (any, error) {
	x, ok1 := rounded(a[0])
	y, ok2 := rounded(a[1])
	if !ok1 || !ok2 || min(x, y) < minMathOperand || max(x, y) > maxMathOperand {
		return nil, intrinsicFailure("%s wants two numbers between %d and %d", c.name, minMathOperand, maxMathOperand)
	}
	return number(x + y), nil
}

func stringSplit(_ *Scope, c *Call, a []any) (any, error) {
	s, err := text(c, a[0])
	if err != nil {
		return nil, err
	}
	delimiters, err := text(c, a[1])
	if err != nil {
		return nil, err
	}
	out := []any{}
	if delimiters == "" {
		return append(out, s), nil
	}
	for field := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(delimiters, r) }) {
		out = append(out, field)
	}
	return out, nil
}
