package asl_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := asl.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func scope(t testing.TB, input string) *asl.Scope {
	return &asl.Scope{
		Input:   decode(t, input),
		Context: func() any { return map[string]any{"State": map[string]any{"Name": "here"}} },
		NewUUID: func() string { return "id" },
		Random:  func() float64 { return 0.5 },
	}
}

const sample = `{"a":{"b":[10,20,30],"c":null,"odd name":{"x.y":1},"quo'te":2},"l":[{"v":1},{"v":2,"l":[{"v":3}]},{}],"e":[],"t":"text"}`

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"$": sample, "$.a.b": "[10,20,30]", "$.a.b[0]": "10", "$.a.b[-1]": "30", "$['a']['b'][1]": "20", `$["a"].b[2]`: "30",
		"$.a.c": "null", "$.a['odd name']['x.y']": "1", `$.a['quo\'te']`: "2", "$.a.b[0,2]": "[10,30]", "$.a.b[0:2]": "[10,20]",
		"$.a.b[1:]": "[20,30]", "$.a.b[:-1]": "[10,20]", "$.a.b[:]": "[10,20,30]", "$.a.b[9:]": "[]", "$.a.b[*]": "[10,20,30]",
		"$.l[*].v": "[1,2]", "$..v": "[1,2,3]", "$.l[1]['v','l']": `[2,[{"v":3}]]`, "$.e[*]": "[]", "$.e[*].x": "[]", "$..nope": "[]",
		"$$.State.Name": `"here"`, "$.l[ 0 ].v": "1", "$.l.*.v": "[1,2]", "$.a.b[0, 9]": "[10]",
	} {
		p, err := asl.ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got, err := p.Get(scope(t, sample))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if d := cmp.Diff(decode(t, want), got); d != "" {
			t.Errorf("%s (-want +got):\n%s", path, d)
		}
		if p.String() != path {
			t.Errorf("%s prints as %s", path, p)
		}
	}
}

func TestPathsThatNameNothing(t *testing.T) {
	for _, path := range []string{"$.x", "$.a.b.c", "$.a.b[3]", "$.a.b[-4]", "$.t.x", "$.t[0]", "$.a.c.d", "$.x[*]", "$.x.y[*]", "$$.Nope", "$.l['v']"} {
		p, err := asl.ParsePath(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if v, err := p.Get(scope(t, sample)); !errors.Is(err, asl.ErrNoValue) {
			t.Errorf("%s gives %v, %v", path, v, err)
		}
	}
}

func TestPathsThatAreNone(t *testing.T) {
	for _, path := range []string{
		"", "a", ".a", "$a", "$.", "$.a.", "$..", "$[", "$[]", "$[a]", "$['a", "$['a'", "$[1", "$[1;2]", "$[::2]", "$[?(@.a)]",
		"$[(1)]", "$.length()", "$.a b", "$ ", "$[99999999999999999999]", "$$$", "$['a',]", "$.a[1,]",
	} {
		if p, err := asl.ParsePath(path); err == nil {
			t.Errorf("%q is taken as %v", path, p)
		}
	}
}

func TestReferencePathSet(t *testing.T) {
	for _, c := range []struct{ path, input, want string }{
		{"$", `{"a":1}`, `9`},
		{"$.b", `{"a":1}`, `{"a":1,"b":9}`},
		{"$.a", `{"a":1}`, `{"a":9}`},
		{"$.b.c.d", `{}`, `{"b":{"c":{"d":9}}}`},
		{"$.l[1].x", `{"l":[1,{}]}`, `{"l":[1,{"x":9}]}`},
		{"$.a.b", `{"a":1}`, ``},
		{"$.a", `[1]`, ``},
		{"$.l[2]", `{"l":[1,2]}`, ``},
		{"$.l[0]", `{}`, ``},
		{"$.a.b", `{"a":null}`, ``},
	} {
		p, err := asl.ParseReferencePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		input := decode(t, c.input)
		got, err := p.Set(input, json.Number("9"))
		if d := cmp.Diff(decode(t, c.input), input); d != "" {
			t.Errorf("%s changed its input: %s", c.path, d)
		}
		if c.want == "" {
			if f := (*asl.Failure)(nil); !errors.As(err, &f) || f.Name != asl.ErrorResultPathMatch {
				t.Errorf("%s in %s: got %v, %v", c.path, c.input, got, err)
			}
			continue
		}
		if d := cmp.Diff(decode(t, c.want), got); d != "" || err != nil {
			t.Errorf("%s in %s: %v %s", c.path, c.input, err, d)
		}
	}
	for _, path := range []string{"$$.a", "$.a[*]", "$.a[-1]", "$..a", "$.a[0:1]", "$.a['b','c']", "x"} {
		if _, err := asl.ParseReferencePath(path); err == nil {
			t.Errorf("%s is taken as a reference path", path)
		}
	}
}

func TestIntrinsicFunctions(t *testing.T) {
	for call, want := range map[string]string{
		`States.Format('{} {}', $.t, 1.50)`:                         `"text 1.50"`,
		`States.Format('no')`:                                       `"no"`,
		`States.Format('{}', States.Format('<{}>', true))`:          `"<true>"`,
		`States.Format('{}{}', null, $.a.b)`:                        `"null[10,20,30]"`,
		`States.Format('\\ \' \{\}')`:                               `"\\ ' {}"`,
		`States.Array()`:                                            `[]`,
		`States.Array('a,b)', $.l[0]['v'])`:                         `["a,b)",1]`,
		`States.ArrayPartition($.a.b, 2)`:                           `[[10,20],[30]]`,
		`States.ArrayPartition($.e, 2)`:                             `[]`,
		`States.ArrayContains($.a.b, 20.0)`:                         `true`,
		`States.ArrayContains($.a.b, '20')`:                         `false`,
		`States.ArrayRange(3, 1, -1)`:                               `[3,2,1]`,
		`States.ArrayRange(1, 2.4, 1)`:                              `[1,2]`,
		`States.ArrayGetItem($.a.b, 2)`:                             `30`,
		`States.ArrayLength($.l)`:                                   `3`,
		`States.ArrayUnique(States.Array(1, 1.0, '1', null, null))`: `[1,"1",null]`,
		`States.Base64Decode(States.Base64Encode('grüß'))`:          `"grüß"`,
		`States.Hash('input data', 'SHA-1')`:                        `"aaff4a450a104cd177d28d18d74485e8cae074b7"`,
		`States.Hash('', 'MD5')`:                                    `"d41d8cd98f00b204e9800998ecf8427e"`,
		`States.MathRandom(10, 20)`:                                 `15`,
		`States.MathAdd(2147483647, -2147483648)`:                   `-1`,
		`States.MathAdd(1.5, 1)`:                                    `3`,
		`States.StringSplit('a,b;;c', ',;')`:                        `["a","b","c"]`,
		`States.StringSplit('abc', '')`:                             `["abc"]`,
		`States.StringToJson('[1]')`:                                `[1]`,
		`States.JsonToString($.l[0])`:                               `"{\"v\":1}"`,
		`States.UUID()`:                                             `"id"`,
		`States.JsonMerge($.a, $.l[0], false)`:                      `{"b":[10,20,30],"c":null,"odd name":{"x.y":1},"quo'te":2,"v":1}`,
	} {
		c, err := asl.ParseCall(call)
		if err != nil {
			t.Errorf("%s: %v", call, err)
			continue
		}
		got, err := c.Eval(scope(t, sample))
		if d := cmp.Diff(decode(t, want), got); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", call, err, d)
		}
	}
}

func TestIntrinsicFailures(t *testing.T) {
	for _, call := range []string{
		`States.Format($.a)`, `States.Format($.t, 1)`, `States.StringToJson('{')`, `States.StringToJson(1)`,
		`States.ArrayPartition($.a.b, 0)`, `States.ArrayPartition($.t, 1)`, `States.ArrayRange(1, 9, 0)`,
		`States.ArrayRange(1, 1001, 1)`, `States.ArrayGetItem($.a.b, 3)`, `States.ArrayGetItem($.a.b, -1)`, `States.ArrayLength($.t)`,
		`States.Base64Decode('%')`, `States.Hash('x', 'SHA-2')`, `States.MathAdd('1', 1)`, `States.MathAdd(2147483648, 0)`,
		`States.MathRandom(2, 1)`, `States.JsonMerge($.a, $.a, true)`, `States.JsonMerge($.a, $.t, false)`,
		`States.StringSplit(1, ',')`, `States.Base64Encode('` + strings.Repeat("x", 10_001) + `')`, `States.ArrayUnique($.t)`,
		`States.ArrayContains($.t, 1)`,
	} {
		c, err := asl.ParseCall(call)
		if err != nil {
			t.Errorf("%.60s: %v", call, err)
			continue
		}
		v, err := c.Eval(scope(t, sample))
		if f := (*asl.Failure)(nil); !errors.As(err, &f) || f.Name != asl.ErrorIntrinsic {
			t.Errorf("%.60s gives %v, %v", call, v, err)
		}
	}
	c, err := asl.ParseCall(`States.Array($.nope)`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Eval(scope(t, sample)); !errors.Is(err, asl.ErrNoValue) {
		t.Errorf("a path that names nothing: %v", err)
	}
}

func TestIntrinsicsThatAreNone(t *testing.T) {
	deep := strings.Repeat("States.Array(", 11) + strings.Repeat(")", 11)
	for _, call := range []string{
		"", "States.UUID", "States.UUID(", "States.UUID(1)", "states.UUID()", "States.Array(1", "States.Array(1,)", "States.Array(,1)",
		"States.Array('x)", `States.Array("x")`, "States.Array(1) x", `States.Array('\x')`, "States.Array($.a[)", "States.Array({})", deep,
	} {
		if c, err := asl.ParseCall(call); err == nil {
			t.Errorf("%q is taken as %v", call, c)
		}
	}
}

// The delays of a retrier with jitter lie between none and all of the delay; without, the delay is exact.
func TestRetryAfter(t *testing.T) {
	m, err := asl.Load([]byte(machine(`{`+invoke+`,"Retry":[
	  {"ErrorEquals":["a"],"IntervalSeconds":2,"BackoffRate":2,"MaxAttempts":6,"MaxDelaySeconds":9,"JitterStrategy":"FULL"},
	  {"ErrorEquals":["b"],"IntervalSeconds":3,"BackoffRate":1.5,"MaxAttempts":99999999}],"Next":"B"}`)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.State("A")
	half := func() float64 { return 0.5 }
	for _, c := range []struct {
		name  string
		used  []int
		delay time.Duration
		ok    bool
	}{
		{"a", nil, time.Second, true},
		{"a", []int{1}, 2 * time.Second, true},
		{"a", []int{2}, 4 * time.Second, true},
		{"a", []int{5, 0}, 4500 * time.Millisecond, true},
		{"a", []int{6, 0}, 0, false},
		{"b", []int{6, 2}, 6750 * time.Millisecond, true},
		{"b", []int{0, 9_999_999}, asl.MaxTimeout * time.Second, true},
		{"c", nil, 0, false},
		{asl.ErrorRuntime, nil, 0, false},
	} {
		if delay, _, ok := s.RetryAfter(c.name, c.used, half); delay != c.delay || ok != c.ok {
			t.Errorf("%s after %v: got %s, %t", c.name, c.used, delay, ok)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, p := range []string{"$.a.b[0]", "$..v", "$['odd name'][*]", "$$.State.Name", "$.l[0:2,1]", `$.a['quo\'te']`} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := asl.ParsePath(text)
		if err != nil {
			return
		}
		if v, err := p.Get(scope(t, sample)); err == nil {
			if _, err := asl.Encode(v); err != nil {
				t.Errorf("%q gives no JSON: %v", text, err)
			}
		} else if !errors.Is(err, asl.ErrNoValue) {
			t.Errorf("%q: %v", text, err)
		}
		if r, err := asl.ParseReferencePath(text); err == nil {
			if v, err := r.Set(decode(t, sample), "x"); err == nil {
				if got, err := p.Get(&asl.Scope{Input: v}); err != nil || got != "x" {
					t.Errorf("%q does not read what it wrote: %v, %v", text, got, err)
				}
			}
		}
	})
}

func FuzzCall(f *testing.F) {
	for _, c := range []string{
		`States.Format('{}-g{}', $.t, 1)`, `States.Array(States.UUID(), null, -1.5e3)`, `States.StringToJson('{"a":1}')`,
		`States.ArrayRange(1, 9, 2)`, `States.Hash($.t, 'SHA-256')`, `States.JsonMerge($.a, $.l[1], false)`, `States.MathRandom(1, 5, 7)`,
	} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := asl.ParseCall(text)
		if err != nil {
			return
		}
		v, err := c.Eval(scope(t, sample))
		if failure := (*asl.Failure)(nil); err != nil {
			if !errors.Is(err, asl.ErrNoValue) && !errors.As(err, &failure) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if _, err := asl.Encode(v); err != nil {
			t.Errorf("%q gives no JSON: %v", text, err)
		}
	})
}
