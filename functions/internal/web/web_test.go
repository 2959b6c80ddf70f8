package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func problem(t *testing.T, err error) (web.Problem, *httptest.ResponseRecorder) {
	t.Helper()
	w := httptest.NewRecorder()
	web.WriteProblem(w, err)
	var p web.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	return p, w
}

func TestProblemsFollowTheClassTable(t *testing.T) {
	for _, rule := range fault.Rules() {
		p, w := problem(t, fmt.Errorf("doing something: %w", fault.New(rule.Class, "what happened")))
		if p.Type != "about:blank" || p.Title != rule.Title || p.Status != rule.Status || p.Class != rule.Class || w.Code != rule.Status {
			t.Errorf("%s: %+v", rule.Class, p)
		}
		hidden := rule.Class == fault.Internal || rule.Class == fault.Misconfigured || rule.Class == fault.Unavailable
		if (p.Detail == "") != hidden {
			t.Errorf("%s tells %q", rule.Class, p.Detail)
		}
		if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", rule.Class, w.Header())
		}
	}
}

// Texts of failures of ours are for the log.
func TestProblemsTellNothingOfOurselves(t *testing.T) {
	const secret = "SECRET-PATH"
	deep := fmt.Errorf("opening %s: %w", secret, errors.New(secret))
	for name, err := range map[string]error{
		"unclassified": deep, "internal": fault.Wrap(fault.Internal, deep, secret), "misconfigured": fault.New(fault.Misconfigured, secret),
		"unavailable": fault.Wrap(fault.Unavailable, deep, secret), "ended context": fmt.Errorf("%s: %w", secret, context.Canceled),
		"a cause":               fault.Wrap(fault.NotFound, deep, "there is no such case"),
		"wrapped":               fmt.Errorf("%s: %w", secret, fault.New(fault.Conflict, "changed meanwhile")),
		"fields inside ours":    fault.Wrap(fault.Internal, web.Fields{{Pointer: "/" + secret, Detail: secret}}, secret),
		"a field of ours":       &fault.Error{Class: fault.Misconfigured, Text: secret, Field: "/" + secret},
		"invalid input inside":  fault.Wrap(fault.Internal, fault.InvalidField("/"+secret, secret), secret),
		"an error of a library": &json.SyntaxError{Offset: 3},
	} {
		if _, w := problem(t, err); strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s tells %s", name, w.Body)
		}
	}
}

func TestProblemsNameEveryField(t *testing.T) {
	var bad web.Fields
	if bad.Err() != nil {
		t.Error("nothing wrong is an error")
	}
	bad.Add("/email", "one")
	bad.Add("/corrections/0/field", "two")
	p, w := problem(t, fmt.Errorf("reading: %w", bad.Err()))
	if w.Code != 400 || p.Class != fault.Invalid {
		t.Errorf("%+v", p)
	}
	if d := cmp.Diff([]web.FieldError{{Pointer: "/email", Detail: "one"}, {Pointer: "/corrections/0/field", Detail: "two"}}, p.Errors); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
	p, _ = problem(t, fault.InvalidField("/hash", "no"))
	if d := cmp.Diff([]web.FieldError{{Pointer: "/hash", Detail: "no"}}, p.Errors); d != "" {
		t.Errorf("one field (-want +got):\n%s", d)
	}
}

func TestWhoWaitsIsToldHowLong(t *testing.T) {
	_, w := problem(t, fault.New(fault.Throttled, "slow down").After(90*time.Second))
	if w.Header().Get("Retry-After") != "91" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	if _, w = problem(t, fault.New(fault.Throttled, "slow down")); w.Header().Get("Retry-After") != "" {
		t.Error("Retry-After without a wait")
	}
}

type body struct {
	Email redact.Text `json:"email"`
	Count int         `json:"count"`
	Agent *struct {
		Name redact.Text `json:"name"`
		Age  int         `json:"age"`
	} `json:"agent"`
	List []struct {
		Kind string `json:"kind"`
	} `json:"list"`
}

func TestReadJSON(t *testing.T) {
	const value = "VALUE-OF-A-PERSON"
	for name, tc := range map[string]struct {
		mime, text, pointer string
		ok                  bool
	}{
		"good":                   {"application/json", `{"email":"a@example.com","count":2,"agent":{"name":"x"},"list":[{"kind":"y"}]}`, "", true},
		"with a character set":   {"application/json; charset=utf-8", `{}`, "", true},
		"null":                   {"application/json", `{"email":null}`, "", true},
		"another type":           {"text/plain", `{}`, "", false},
		"a form":                 {"application/x-www-form-urlencoded", `email=` + value, "", false},
		"no type":                {"", `{}`, "", false},
		"a broken type":          {"application/json;=", `{}`, "", false},
		"empty":                  {"application/json", ``, "", false},
		"white space":            {"application/json", "  \n", "", false},
		"cut off":                {"application/json", `{"email":"` + value, "", false},
		"not JSON":               {"application/json", `<` + value + `>`, "", false},
		"an array":               {"application/json", `["` + value + `"]`, "", false},
		"a string":               {"application/json", `"` + value + `"`, "", false},
		"an unknown field":       {"application/json", `{"` + value + `":1}`, "", false},
		"an unknown field below": {"application/json", `{"agent":{"` + value + `":1}}`, "", false},
		"two documents":          {"application/json", `{}{"email":"` + value + `"}`, "", false},
		"no UTF-8":               {"application/json", "{\"email\":\"\xff" + value + "\"}", "", false},
		"too long":               {"application/json", `{"email":"` + strings.Repeat("x", web.MaxBody) + `"}`, "", false},
		"a number for a text":    {"application/json", `{"email":17}`, "/email", false},
		"a text for a number":    {"application/json", `{"count":"` + value + `"}`, "/count", false},
		"a fraction":             {"application/json", `{"count":1.5}`, "/count", false},
		"a number that is huge":  {"application/json", `{"count":1e99}`, "/count", false},
		"below":                  {"application/json", `{"agent":{"age":"` + value + `"}}`, "/agent/age", false},
		"a text below":           {"application/json", `{"agent":{"name":["` + value + `"]}}`, "/agent/name", false},
		"a text for an object":   {"application/json", `{"agent":"` + value + `"}`, "/agent", false},
		"in a list":              {"application/json", `{"list":[{"kind":"a"},{"kind":{"` + value + `":1}}]}`, "/list", false},
		"an object for a list":   {"application/json", `{"list":{"` + value + `":1}}`, "/list", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.text))
			if r.Header.Del("Content-Type"); tc.mime != "" {
				r.Header.Set("Content-Type", tc.mime)
			}
			var v body
			err := web.ReadJSON(httptest.NewRecorder(), r, &v)
			if (err == nil) != tc.ok {
				t.Fatalf("got %v", err)
			}
			if tc.ok {
				return
			}
			p, w := problem(t, err)
			if p.Class != fault.Invalid || p.Detail == "" || strings.Contains(w.Body.String(), value) || strings.Contains(err.Error(), value) {
				t.Errorf("answers %s", w.Body)
			}
			got := ""
			if len(p.Errors) > 0 {
				got = p.Errors[0].Pointer
			}
			if got != tc.pointer {
				t.Errorf("names %q, want %q: %v", got, tc.pointer, err)
			}
		})
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"email":"x","list":[{}]}`, `{"agent":{"age":1e9}}`, `[`, "\xff", `{"list":[[[[`, `{"EMAIL":"x"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(s))
		r.Header.Set("Content-Type", "application/json")
		var v body
		if err := web.ReadJSON(httptest.NewRecorder(), r, &v); err != nil && !fault.Has(err, fault.Invalid) {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func TestClientAddress(t *testing.T) {
	for name, tc := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"direct":                          {"198.51.100.7:4711", nil, "198.51.100.7"},
		"direct, lying":                   {"198.51.100.7:4711", []string{"203.0.113.9"}, "198.51.100.7"},
		"direct over IPv6":                {"[2001:db8:1:2:3:4:5:6]:4711", nil, "2001:db8:1:2::/64"},
		"neighbour in the /64":            {"[2001:db8:1:2:ffff::1]:4711", nil, "2001:db8:1:2::/64"},
		"IPv4 in IPv6":                    {"[::ffff:198.51.100.7]:4711", nil, "198.51.100.7"},
		"with a zone":                     {"[fe80::1%eth0]:4711", nil, "fe80::/64"},
		"private, not a proxy":            {"10.0.0.7:4711", []string{"203.0.113.9"}, "10.0.0.7"},
		"proxy":                           {"127.0.0.1:4711", []string{"203.0.113.9"}, "203.0.113.9"},
		"proxy over IPv6":                 {"[::1]:4711", []string{"2001:db8::1"}, "2001:db8::/64"},
		"proxy, lying client":             {"127.0.0.1:4711", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		"proxy adds a header of its own":  {"127.0.0.1:4711", []string{"198.51.100.1", "203.0.113.9"}, "203.0.113.9"},
		"proxy with spaces":               {"127.0.0.1:4711", []string{"198.51.100.1,  203.0.113.9 "}, "203.0.113.9"},
		"proxy that names nobody":         {"127.0.0.1:4711", nil, "127.0.0.1"},
		"proxy, rubbish":                  {"127.0.0.1:4711", []string{"unknown"}, "127.0.0.1"},
		"proxy, rubbish at the end":       {"127.0.0.1:4711", []string{"203.0.113.9, x"}, "127.0.0.1"},
		"proxy claims to be on this host": {"127.0.0.1:4711", []string{"127.0.0.1"}, "127.0.0.1"},
		"no port":                         {"198.51.100.7", nil, "198.51.100.7"},
		"a socket":                        {"@", nil, "unknown"},
		"nothing":                         {"", nil, "unknown"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		for _, f := range tc.forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		if got := web.ClientAddress(r); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	w := httptest.NewRecorder()
	web.Secure(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "style-src 'self'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %s: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "script") || strings.Contains(csp, "*") {
		t.Errorf("the policy allows too much: %s", csp)
	}
	for k, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := w.Header().Get(k); got != want {
			t.Errorf("%s is %q", k, got)
		}
	}
}

func TestBearer(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer abc": "abc", "bearer abc": "abc", "BEARER  abc ": "abc", "Basic abc": "", "": "", "Bearer": "", "Bearer ": "", "abc": "", "Bearerabc": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		if got := web.Bearer(r); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestPaceWaitsNoLongerThanTheCaller(t *testing.T) {
	start := time.Now()
	web.Pace(t.Context(), start, 30*time.Millisecond)
	if took := time.Since(start); took < 30*time.Millisecond {
		t.Errorf("went on after %s", took)
	}
	web.Pace(t.Context(), start.Add(-time.Hour), time.Minute) // the time is over already
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start = time.Now()
	web.Pace(ctx, start, time.Minute)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("waited %s for a caller who left", took)
	}
}

func TestLogTellsTheClass(t *testing.T) {
	var out strings.Builder
	web.Log(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), "page failed", fault.New(fault.Misconfigured, "no zone"))
	if !strings.Contains(out.String(), "level=ERROR") || !strings.Contains(out.String(), "class=misconfigured") {
		t.Errorf("logged %s", out.String())
	}
}

func TestWriteJSONThatCannotBeWritten(t *testing.T) {
	w := httptest.NewRecorder()
	web.WriteJSON(w, http.StatusOK, map[string]any{"x": redact.NewText("SECRET")})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "SECRET") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	web.WriteJSON(w, http.StatusAccepted, map[string]int{"x": 1})
	if w.Code != http.StatusAccepted || w.Body.String() != `{"x":1}` || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("answered %d %s %v", w.Code, w.Body, w.Header())
	}
}
