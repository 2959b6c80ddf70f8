package rest

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func mustTemplate(t testing.TB, s string) template {
	t.Helper()
	out, err := parseTemplate(s)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return out
}

func having(fields map[string]connector.Value) values {
	v := values{fields: map[string][]connector.Value{}}
	for name, x := range fields {
		v.fields[name] = []connector.Value{x}
	}
	return v
}

func TestParseTemplate(t *testing.T) {
	for s, want := range map[string]template{
		"":                     {{}},
		"plain":                {{text: "plain"}},
		"{a}":                  {{name: "a"}},
		"x{a.b}y{c...}{d,...}": {{text: "x"}, {name: "a.b"}, {text: "y"}, {name: "c", mode: each}, {name: "d", mode: joined}},
		"{{{a}}}":              {{text: "{"}, {name: "a"}, {text: "}"}},
		"{{a}}":                {{text: "{a}"}},
	} {
		if d := cmp.Diff(want, mustTemplate(t, s), cmp.AllowUnexported(part{})); d != "" {
			t.Errorf("%q: %s", s, d)
		}
	}
	for _, s := range []string{"{", "}", "{a", "a}", "{}", "{a b}", "{a{b}}", "{a}}"} {
		if got, err := parseTemplate(s); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestPathsEscapeValues(t *testing.T) {
	path := mustTemplate(t, "/a/{v}/b")
	for value, want := range map[string]string{
		"plain": "/a/plain/b", "x/y": "/a/x%2Fy/b", "../../etc": "/a/..%2F..%2Fetc/b", "a?b=c#d": "/a/a%3Fb%3Dc%23d/b",
		"ü ": "/a/%C3%BC%20/b", "%2e": "/a/%252e/b", "//evil.test": "/a/%2F%2Fevil.test/b", "@evil.test": "/a/%40evil.test/b", "a\r\nb": "/a/a%0D%0Ab/b", "...": "/a/.../b",
	} {
		got, err := path.renderPath(having(map[string]connector.Value{"v": connector.Text(value)}))
		if err != nil || got != want {
			t.Errorf("%q gives %q, %v; want %q", value, got, err, want)
		}
	}
	for _, value := range []connector.Value{connector.Text(""), connector.Text("."), connector.Text(".."), connector.Null(), connector.JSON([]byte(`{"a":1}`)), connector.Bytes([]byte("x"))} {
		if got, err := path.renderPath(having(map[string]connector.Value{"v": value})); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("a value that cannot stand in a path gives %q, %v", got, err)
		}
	}
	if got, err := path.renderPath(values{}); !fault.Has(err, fault.Misconfigured) {
		// {v} without a value leaves an empty segment
		t.Errorf("a path without its value gives %q, %v", got, err)
	}
	// Part of a key may be empty where something else stands in the segment.
	if got, err := mustTemplate(t, "/p/{a},{b}").renderPath(having(map[string]connector.Value{"a": connector.Text("x,y"), "b": connector.Text("")})); err != nil || got != "/p/x%2Cy," {
		t.Errorf("a key with an empty part gives %q, %v", got, err)
	}
}

// TestNoValueLeavesItsPlace: whatever a value is, the request goes to the same host, with the same number of segments and the
// value whole in its place.
func TestNoValueLeavesItsPlace(t *testing.T) {
	base, err := url.Parse("https://api.example.com/v1")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{base: base}
	req := request{method: "GET", path: mustTemplate(t, "/things/{v}/parts"), query: []pair{{"q", mustTemplate(t, "pre {v}")}}}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./%@#?&=:\\]{1,8}`)).Draw(t, "value")
		out, err := c.build(req, having(map[string]connector.Value{"v": connector.Text(value)}))
		if value == "" || value == "." || value == ".." {
			if err == nil {
				t.Fatal("a value that cannot stand in a path was taken")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := url.Parse(out.url.String())
		if err != nil {
			t.Fatal(err)
		}
		segments := strings.Split(again.EscapedPath(), "/")
		if again.Host != "api.example.com" || again.Scheme != "https" || again.User != nil || len(segments) != 5 || again.Fragment != "" {
			t.Fatalf("the address is %q", again)
		}
		if got, err := url.PathUnescape(segments[3]); err != nil || got != value {
			t.Fatalf("the segment says %q", got)
		}
		if q := again.Query(); len(q) != 1 || q.Get("q") != "pre "+value {
			t.Fatalf("the query says %q", again.RawQuery)
		}
	})
}

func TestBodies(t *testing.T) {
	v := having(map[string]connector.Value{"id": connector.Int(7), "name": connector.Text("a\"b\n"), "none": connector.Null(), "yes": connector.Bool(true)})
	v.fields["list"] = []connector.Value{connector.Int(1), connector.Text("x")}
	v.changes = []connector.Field{{Name: "address.city", Value: connector.Text("Town")}, {Name: "address.zip", Value: connector.Null()}, {Name: "n", Value: connector.Int(3)}}
	v = v.with(varLimit, "20")
	for name, tc := range map[string]struct {
		body any
		want string
	}{
		"types":    {map[string]any{"id": "{id}", "text": "no {id}", "name": "{name}", "none": "{none}", "yes": "{yes}", "fixed": true, "n": 1.5}, `{"fixed":true,"id":7,"n":1.5,"name":"a\"b\n","none":null,"text":"no 7","yes":true}`},
		"lists":    {map[string]any{"all": "{list...}", "joined": "{list,...}", "in": []any{"{id}", "x"}}, `{"all":[1,"x"],"in":[7,"x"],"joined":"1,x"}`},
		"absent":   {map[string]any{"cursor": "{$cursor}", "limit": "{$limit}", "in": []any{"{$cursor}"}}, `{"in":[],"limit":20}`},
		"changes":  {map[string]any{"data": "{$changes}"}, `{"data":{"address":{"city":"Town","zip":null},"n":3}}`},
		"top":      {"{$changes}", `{"address":{"city":"Town","zip":null},"n":3}`},
		"braces":   {"{{id}}", `"{id}"`},
		"no value": {[]any{nil, false}, `[null,false]`},
	} {
		b, err := parseBody(tc.body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		raw, _, err := b.render(v)
		if err != nil || string(raw) != tc.want {
			t.Errorf("%s: got %s, %v; want %s", name, raw, err, tc.want)
		}
	}
	if _, _, err := (body{kind: bodyText, text: mustTemplate(t, "x {none}")}).render(v); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a null inside a text gives %v", err)
	}
	v.fields["commas"] = []connector.Value{connector.Text("a,b"), connector.Text("c")}
	if _, err := mustTemplate(t, "{commas,...}").texts(v, asItIs); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a value with a comma among values with commas between them gives %v", err)
	}
}

func TestFormsAndHeaders(t *testing.T) {
	base, err := url.Parse("https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{base: base}
	v := having(map[string]connector.Value{"id": connector.Text("a&b=c d")})
	v.changes = []connector.Field{{Name: "name", Value: connector.Text("x&y")}, {Name: "gone", Value: connector.Null()}}
	out, err := c.build(request{
		method: "POST", path: mustTemplate(t, "/x"), form: []pair{{"id", mustTemplate(t, "{id}")}, {"all", mustTemplate(t, "{$changes}")}},
		headers: []pair{{"X-Id", mustTemplate(t, "{id}")}},
	}, v)
	if err != nil {
		t.Fatal(err)
	}
	if string(out.body) != "gone=&id=a%26b%3Dc+d&name=x%26y" || out.kind != "application/x-www-form-urlencoded" || out.header.Get("X-Id") != "a&b=c d" {
		t.Errorf("the form is %s, the header %q", out.body, out.header)
	}
	v.fields["id"] = []connector.Value{connector.Text("a\r\nX-Evil: 1")}
	if _, err := c.build(request{method: "GET", path: mustTemplate(t, "/x"), headers: []pair{{"X-Id", mustTemplate(t, "{id}")}}}, v); !fault.Has(err, fault.Invalid) {
		t.Errorf("a line break in a header gives %v", err)
	}
}
