package asl

import (
	"encoding/json"
	"strings"
)

// Choice is a Choice state's rules in order, and the state to go to when none matches.
type Choice struct {
	rules    []rule
	fallback string // "" = none
}

// rule is a boolean expression or a data test.
type rule struct {
	next string // of a top-level rule

	and, or []rule
	not     *rule

	variable *Path
	operator string // without "Path"
	against  any
	path     *Path // of a ...Path operator
	pattern  []patternPart
}

// Next returns the state to go to. The scope's input is the effective input. No match and no default is
// States.NoChoiceMatched; a path that names nothing is States.Runtime, except under IsPresent.
func (c *Choice) Next(s *Scope) (string, error) {
	for i := range c.rules {
		ok, err := c.rules[i].match(s)
		if err != nil {
			return "", err
		}
		if ok {
			return c.rules[i].next, nil
		}
	}
	if c.fallback == "" {
		return "", &Failure{Name: ErrorNoChoiceMatched, Cause: "No rule matched and there is no Default"}
	}
	return c.fallback, nil
}

func (r *rule) match(s *Scope) (bool, error) {
	switch {
	case r.and != nil:
		for i := range r.and {
			if ok, err := r.and[i].match(s); !ok || err != nil {
				return false, err
			}
		}
		return true, nil
	case r.or != nil:
		for i := range r.or {
			if ok, err := r.or[i].match(s); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	case r.not != nil:
		ok, err := r.not.match(s)
		return !ok, err
	}
	return r.test(s)
}

func (r *rule) test(s *Scope) (bool, error) {
	v, err := r.variable.Get(s)
	if r.operator == "IsPresent" {
		return (err == nil) == (r.against == true), nil
	}
	if err != nil {
		return false, Runtime("Invalid path '%s': The choice state's condition path references an invalid value", r.variable.text)
	}
	against := r.against
	if r.path != nil {
		if against, err = r.path.Get(s); err != nil {
			return false, Runtime("Invalid path '%s': The choice state's condition path references an invalid value", r.path.text)
		}
	}
	switch r.operator {
	case "StringMatches":
		text, ok := v.(string)
		return ok && matchPattern(r.pattern, text), nil
	case "BooleanEquals":
		x, ok1 := v.(bool)
		y, ok2 := against.(bool)
		return ok1 && ok2 && x == y, nil
	}
	if strings.HasPrefix(r.operator, "Is") {
		return isType(r.operator, v) == (against == true), nil
	}
	return r.compare(v, against), nil
}

func isType(operator string, v any) bool {
	switch operator {
	case "IsNull":
		return v == nil
	case "IsNumeric":
		_, ok := v.(json.Number)
		return ok
	case "IsString":
		_, ok := v.(string)
		return ok
	case "IsBoolean":
		_, ok := v.(bool)
		return ok
	case "IsTimestamp":
		_, ok := timestamp(v)
		return ok
	}
	return false
}

// compare orders two values of the operator's kind; a value of another kind does not match.
func (r *rule) compare(v, against any) bool {
	var order int
	var relation string
	switch {
	case strings.HasPrefix(r.operator, "String"):
		x, ok1 := v.(string)
		y, ok2 := against.(string)
		if !ok1 || !ok2 {
			return false
		}
		order, relation = strings.Compare(x, y), r.operator[len("String"):]
	case strings.HasPrefix(r.operator, "Numeric"):
		x, ok1 := v.(json.Number)
		y, ok2 := against.(json.Number)
		if !ok1 || !ok2 {
			return false
		}
		order, relation = compareNumbers(x, y), r.operator[len("Numeric"):]
	default:
		x, ok1 := timestamp(v)
		y, ok2 := timestamp(against)
		if !ok1 || !ok2 {
			return false
		}
		order, relation = x.Compare(y), r.operator[len("Timestamp"):]
	}
	switch relation {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "GreaterThan":
		return order > 0
	case "LessThanEquals":
		return order <= 0
	}
	return order >= 0
}

// patternPart is a run of literal text or, when star, any text.
type patternPart struct {
	literal string
	star    bool
}

// parsePattern reads a StringMatches pattern: * stands for any text, \* and \\ for themselves.
func parsePattern(s string) ([]patternPart, bool) {
	out := []patternPart{}
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, patternPart{literal: b.String()})
			b.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
			if i == len(s) || (s[i] != '*' && s[i] != '\\') {
				return nil, false
			}
			b.WriteByte(s[i])
		case '*':
			flush()
			out = append(out, patternPart{star: true})
		default:
			b.WriteByte(s[i])
		}
	}
	flush()
	return out, true
}

// matchPattern takes the leftmost place for every literal between stars, which is enough when only stars are wild.
func matchPattern(parts []patternPart, s string) bool {
	star := false
	for i, p := range parts {
		switch {
		case p.star:
			star = true
			continue
		case star && i == len(parts)-1:
			return strings.HasSuffix(s, p.literal)
		case star:
			at := strings.Index(s, p.literal)
			if at < 0 {
				return false
			}
			s = s[at+len(p.literal):]
		default:
			rest, ok := strings.CutPrefix(s, p.literal)
			if !ok {
				return false
			}
			s = rest
		}
		star = false
	}
	return star || s == ""
}

func (d *loader) choice(f *fields) *Choice {
	c := &Choice{fallback: f.text("Default")}
	nodes := d.list(f, "Choices")
	if len(nodes) == 0 {
		d.problem(f.node, "Choices is missing or empty")
	}
	for _, n := range nodes {
		c.rules = append(c.rules, d.rule(n, true, 0))
	}
	return c
}

func (d *loader) rule(n *node, top bool, depth int) rule {
	f := d.fields(n)
	r := rule{}
	f.text("Comment")
	if top {
		r.next = f.required("Next")
	}
	switch {
	case f.rest["And"] != nil:
		r.and = d.rules(f, "And", depth)
	case f.rest["Or"] != nil:
		r.or = d.rules(f, "Or", depth)
	case f.rest["Not"] != nil:
		inner := d.rule(f.take("Not"), false, depth+1)
		r.not = &inner
	default:
		d.dataTest(f, &r)
	}
	f.done()
	return r
}

func (d *loader) rules(f *fields, name string, depth int) []rule {
	out := []rule{}
	n := f.take(name)
	if len(n.array) == 0 {
		d.problem(n, "want an array that is not empty")
	}
	for _, e := range n.array {
		out = append(out, d.rule(e, false, depth+1))
	}
	return out
}

// dataTest reads Variable and exactly one operator; what else there is stays for done to refuse.
func (d *loader) dataTest(f *fields, r *rule) {
	if f.rest["Variable"] == nil {
		d.problem(f.node, "Variable is missing")
	}
	r.variable = f.path("Variable")
	for _, m := range f.node.object {
		if f.rest[m.name] == nil {
			continue
		}
		operator, byPath := strings.CutSuffix(m.name, "Path")
		check, known := operators()[operator]
		if !known || byPath && (operator == "StringMatches" || strings.HasPrefix(operator, "Is")) {
			continue
		}
		if r.operator != "" {
			d.problem(m.value, "a rule has one operator")
		}
		r.operator = operator
		if byPath {
			r.path = f.path(m.name)
			continue
		}
		f.take(m.name)
		r.against = m.value.scalar
		if m.value.object != nil || m.value.array != nil || !check(r.against) {
			d.problem(m.value, "the value is not of the operator's kind")
		}
		if operator == "StringMatches" {
			text, _ := r.against.(string)
			pattern, ok := parsePattern(text)
			if !ok {
				d.problem(m.value, `a pattern knows the escapes \* and \\ only`)
			}
			r.pattern = pattern
		}
	}
	if r.operator == "" {
		d.problem(f.node, "a rule needs an operator")
	}
}

// operators maps every comparison operator to the check of its constant.
func operators() map[string]func(any) bool {
	isText := func(v any) bool { _, ok := v.(string); return ok }
	isNumber := func(v any) bool { _, ok := v.(json.Number); return ok }
	isBool := func(v any) bool { _, ok := v.(bool); return ok }
	isTime := func(v any) bool { _, ok := timestamp(v); return ok }
	out := map[string]func(any) bool{"StringMatches": isText, "BooleanEquals": isBool}
	for _, relation := range []string{"Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"} {
		out["String"+relation], out["Numeric"+relation], out["Timestamp"+relation] = isText, isNumber, isTime
	}
	for _, kind := range []string{"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"} {
		out[kind] = isBool
	}
	return out
}
