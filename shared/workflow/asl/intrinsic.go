package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxNesting is how deep intrinsic functions may call one another (Developer Guide, "Intrinsic functions").
const maxNesting = 10

// Call is an intrinsic function with its arguments, such as States.Format('{}-{}', $.a, $.b).
type Call struct {
	text string
	name string
	args []argument
}

// argument is exactly one of a path, a nested call and a constant. For a string constant parts holds the text around each
// unescaped {} as States.Format needs it.
type argument struct {
	path  *Path
	call  *Call
	value any
	parts []string
}

// ParseCall reads an invocation of an intrinsic function. Unknown functions and wrong numbers of arguments are refused.
func ParseCall(text string) (*Call, error) {
	c, rest, err := parseCall(text, 1)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(rest) != "" {
		return nil, errors.New("unexpected text after the intrinsic function")
	}
	c.text = text
	return c, nil
}

func parseCall(text string, depth int) (*Call, string, error) {
	if depth > maxNesting {
		return nil, "", fmt.Errorf("more than %d nested intrinsic functions", maxNesting)
	}
	name, rest, ok := strings.Cut(strings.TrimLeft(text, " "), "(")
	if !ok {
		return nil, "", errors.New("want an intrinsic function")
	}
	c := &Call{name: strings.TrimRight(name, " ")}
	f, known := functionNamed(c.name)
	if !known {
		return nil, "", errors.New("unknown intrinsic function")
	}
	rest = strings.TrimLeft(rest, " ")
	if r, ok := strings.CutPrefix(rest, ")"); ok {
		return c, r, f.check(c)
	}
	for {
		a, r, err := parseArgument(rest, depth)
		if err != nil {
			return nil, "", err
		}
		c.args = append(c.args, a)
		rest = strings.TrimLeft(r, " ")
		switch {
		case strings.HasPrefix(rest, ","):
			rest = strings.TrimLeft(rest[1:], " ")
		case strings.HasPrefix(rest, ")"):
			return c, rest[1:], f.check(c)
		default:
			return nil, "", errors.New("want , or ) after an argument")
		}
	}
}

func parseArgument(text string, depth int) (argument, string, error) {
	switch {
	case strings.HasPrefix(text, "'"):
		return parseLiteral(text[1:])
	case strings.HasPrefix(text, "$"):
		end := pathEnd(text)
		p, err := ParsePath(strings.TrimRight(text[:end], " "))
		if err != nil {
			return argument{}, "", err
		}
		return argument{path: p}, text[end:], nil
	case strings.HasPrefix(text, "States."):
		c, rest, err := parseCall(text, depth+1)
		return argument{call: c}, rest, err
	}
	end := strings.IndexAny(text, ",)")
	if end < 0 {
		return argument{}, "", errors.New("an argument list is not closed")
	}
	v, err := Decode([]byte(text[:end]))
	if err != nil {
		return argument{}, "", errors.New("want a path, a quoted string, a number, true, false, null or a function as argument")
	}
	switch v.(type) {
	case json.Number, bool, nil:
		return argument{value: v}, text[end:], nil
	}
	return argument{}, "", errors.New("strings are written in single quotes")
}

// pathEnd finds the comma or parenthesis that ends a path; those within brackets belong to it.
func pathEnd(s string) int {
	depth := 0
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case depth > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth <= 0 && (c == ',' || c == ')'):
			return i
		}
	}
	return len(s)
}

// parseLiteral reads the rest of a quoted string. The escapes are \' \{ \} and \\ (specification, "Intrinsic Functions").
func parseLiteral(text string) (argument, string, error) {
	var whole, part strings.Builder
	var parts []string
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\'':
			return argument{value: whole.String(), parts: append(parts, part.String())}, text[i+1:], nil
		case c == '\\':
			i++
			if i == len(text) || !strings.ContainsRune(`'{}\`, rune(text[i])) {
				return argument{}, "", errors.New(`a string knows the escapes \' \{ \} and \\ only`)
			}
			whole.WriteByte(text[i])
			part.WriteByte(text[i])
		case c == '{' && i+1 < len(text) && text[i+1] == '}':
			i++
			whole.WriteString("{}")
			parts = append(parts, part.String())
			part.Reset()
		default:
			whole.WriteByte(c)
			part.WriteByte(c)
		}
	}
	return argument{}, "", errors.New("a string is not closed")
}

// String returns the invocation as written.
func (c *Call) String() string { return c.text }

// Eval computes the function. Arguments that the function does not take are States.IntrinsicFailure; a path that names
// nothing is ErrNoValue.
func (c *Call) Eval(s *Scope) (any, error) {
	values := make([]any, len(c.args))
	for i, a := range c.args {
		var err error
		switch {
		case a.path != nil:
			values[i], err = a.path.Get(s)
		case a.call != nil:
			values[i], err = a.call.Eval(s)
		default:
			values[i] = a.value
		}
		if err != nil {
			return nil, err
		}
	}
	f, _ := functionNamed(c.name)
	return f.eval(s, c, values)
}

// paths calls visit with every path among the arguments.
func (c *Call) paths(visit func(*Path)) {
	for _, a := range c.args {
		if a.path != nil {
			visit(a.path)
		}
		if a.call != nil {
			a.call.paths(visit)
		}
	}
}
