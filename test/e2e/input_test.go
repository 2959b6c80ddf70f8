package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// What is too large, malformed or hostile gets a 4xx that names the place, and changes nothing.
func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	s := site(t)
	good := func(change map[string]any) []byte {
		body := map[string]any{"right": "access", "email": testkit.Stranger, "country": "DE"}
		for k, v := range change {
			if body[k] = v; v == nil {
				delete(body, k)
			}
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	long := strings.Repeat("x", 5000)
	many := func(n int, v any) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	asJSON := "application/json"
	for _, c := range []struct {
		name, kind string
		body       []byte
		pointer    string
	}{
		{"no right", asJSON, good(map[string]any{"right": nil}), "/right"},
		{"an unknown right", asJSON, good(map[string]any{"right": "everything"}), "/right"},
		{"a right of another type", asJSON, good(map[string]any{"right": 7}), "/right"},
		{"no address", asJSON, good(map[string]any{"email": nil}), "/email"},
		{"an address without a domain", asJSON, good(map[string]any{"email": "nobody"}), "/email"},
		{"two addresses", asJSON, good(map[string]any{"email": "a@example.com, b@example.com"}), "/email"},
		{"an address with a name", asJSON, good(map[string]any{"email": "A <a@example.com>"}), "/email"},
		{"a header in the address", asJSON, good(map[string]any{"email": "a@example.com\r\nBcc: b@example.com"}), "/email"},
		{"a line break in the address", asJSON, good(map[string]any{"email": "a\n@example.com"}), "/email"},
		{"a NUL in the address", asJSON, good(map[string]any{"email": "a\x00@example.com"}), "/email"},
		{"a long address", asJSON, good(map[string]any{"email": long + "@example.com"}), "/email"},
		{"a header in the name", asJSON, good(map[string]any{"name": "A\r\nBcc: b@example.com"}), "/name"},
		{"a long name", asJSON, good(map[string]any{"name": long}), "/name"},
		{"long details", asJSON, good(map[string]any{"details": long}), "/details"},
		{"a country of three letters", asJSON, good(map[string]any{"country": "DEU"}), "/country"},
		{"a path as country", asJSON, good(map[string]any{"country": "../"}), "/country"},
		{"a region with a path", asJSON, good(map[string]any{"region": "../../etc/passwd"}), "/region"},
		{"a locale that is none", asJSON, good(map[string]any{"locale": "not a locale!"}), "/locale"},
		{"eleven identifiers", asJSON, good(map[string]any{"identifiers": many(11, map[string]string{"kind": "phone", "value": "+15550100001"})}), "/identifiers"},
		{"an identifier without a value", asJSON, good(map[string]any{"identifiers": many(1, map[string]string{"kind": "phone"})}), "/identifiers/0"},
		{"a kind that is none", asJSON, good(map[string]any{"identifiers": many(1, map[string]string{"kind": "../x", "value": "1"})}), "/identifiers/0"},
		{"a correction of nothing", asJSON, good(map[string]any{"corrections": many(1, map[string]string{"value": "1"})}), "/corrections/0/field"},
		{"an agent without an address", asJSON, good(map[string]any{"agent": map[string]string{"name": "A"}}), "/agent/email"},
		{"an unknown field", asJSON, good(map[string]any{"admin": true}), ""},
		{"a field twice removed", asJSON, good(map[string]any{"agent": map[string]any{"name": "A", "email": "a@example.com", "role": "admin"}}), ""},
		{"a megabyte", asJSON, good(map[string]any{"details": strings.Repeat("y", 1<<20)}), ""},
		{"deep nesting", asJSON, []byte(strings.Repeat("[", 60_000)), ""},
		{"two documents", asJSON, append(good(nil), good(nil)...), ""},
		{"half a document", asJSON, good(nil)[:20], ""},
		{"nothing", asJSON, nil, ""},
		{"null", asJSON, []byte("null"), "/right"},
		{"a list", asJSON, []byte("[]"), ""},
		{"bytes that are no UTF-8", asJSON, []byte("{\"right\":\"access\",\"email\":\"a\xff\xfe@example.com\",\"country\":\"DE\"}"), ""},
		{notUTF8, asJSON, []byte("{\"right\":\"access\",\"email\":\"nobody@example.com\",\"country\":\"DE\",\"name\":\"\xff\xfe\"}"), ""},
		{"a form", "application/x-www-form-urlencoded", []byte("right=access&email=nobody%40example.com"), ""},
		{"text", "text/plain", good(nil), ""},
		{"no media type", "", good(nil), ""},
		{"a media type that is none", ";;;", good(nil), ""},
	} {
		if c.name == notUTF8 && s.Deployed() {
			continue // the HTTP API hands text on with what is no UTF-8 replaced
		}
		header := http.Header{}
		if c.kind != "" {
			header.Set("Content-Type", c.kind)
		}
		a, err := s.Send("POST", testkit.API("lumen"), "", header, c.body)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if a.Status < 400 || a.Status > 499 || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s: %.300s", c.name, a.Status, a.Header.Get("Content-Type"), a.Body)
			continue
		}
		p := a.WantProblem(a.Status, "invalid")
		if c.pointer != "" && (len(p.Errors) == 0 || p.Errors[0].Pointer != c.pointer) {
			t.Errorf("%s: errors are %+v, want one at %s", c.name, p.Errors, c.pointer)
		}
		if strings.Contains(string(a.Body), "xxxx") || strings.Contains(string(a.Body), "passwd") || strings.Contains(string(a.Body), "Bcc") {
			t.Errorf("%s: the answer repeats the input: %.300s", c.name, a.Body)
		}
	}
	s.Settle()
	var list struct{ Messages []any }
	s.Call("GET", "/dev/mail", "", nil).Want(200).JSON(&list)
	if len(list.Messages) != 0 {
		t.Errorf("%d mails were sent", len(list.Messages))
	}
	var cases struct{ Cases []any }
	s.Staff("lumen", "auditor", "GET", "/cases", nil).Want(200).JSON(&cases)
	if len(cases.Cases) != 0 {
		t.Errorf("%d cases were opened", len(cases.Cases))
	}
	s.Ask("lumen", "access", testkit.Stranger).Verify().WantStatus("fulfilled")
}

const notUTF8 = "a name that is no UTF-8"

// Paths, methods, tokens and volumes that are none.
func TestStrangePathsAndTokens(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	link := r.Link()
	for _, path := range []string{
		"/t/lumen/../../etc/passwd", "/t/lumen/%2e%2e/%2e%2e/etc/passwd", "/t/lumen/requests/..%2f..%2fmaster.key/code", "/t/lumen/requests/" + strings.Repeat("A", 3000),
		"/schemas/../master.key", "/schemas/..%2f..%2fmaster.key", "/assets/..%2f..%2fhabeas.db", "/dev/mail/..%2f..%2fmaster.key", "/dev/mail/..%2fclock",
		"/dev/mail/%00", "/dev/mail/", "/t//api/v1/requests", "/t/lumen/api/v2/requests", "/api/v1/nothing", "/t/lumen/download/", "/t/lumen/download/" + strings.Repeat("a", 5000),
		"/t/lumen/download/..%2f..%2fx", "/dev/mail/" + strings.Repeat("a", 5000), "/dev/mail/.eml",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
			a := s.Call(method, path, "", nil)
			if a.Status < 300 || a.Status > 499 {
				t.Errorf("%s %.60s answers %d: %.200s", method, path, a.Status, a.Body)
			}
		}
	}
	for _, token := range []string{"x", strings.Repeat("a", 10_000), "\" OR 1=1 --", s.Token("admin"), link[strings.LastIndexByte(link, '/')+1:]} {
		s.Call("GET", r.Path(""), token, nil).WantProblem(401, "unauthenticated")
	}
	for _, volume := range []any{0, -1, 2, 1.5, "1; DROP", 1e30, nil, []int{1}} {
		a := s.Call("POST", link, r.Session, map[string]any{"volume": volume})
		if a.Status < 400 || a.Status > 499 {
			if volume != nil || a.Status != 200 && a.Status != 303 {
				t.Errorf("volume %v answers %d", volume, a.Status)
			}
			link = r.Link()
		}
	}
	r.Follow(link, 1).Want(200)
	for _, body := range []string{`{}`, `{"advance":"P1D","set":"2027-01-31T09:00:00Z"}`, `{"advance":"-P1D"}`, `{"advance":"soon"}`, `{"set":"2020-01-01T00:00:00Z"}`, `{"set":"tomorrow"}`, `[]`} {
		a, err := s.Send("POST", "/dev/clock", "", http.Header{"Content-Type": {"application/json"}}, []byte(body))
		if err != nil || a.Status != 400 {
			t.Errorf("moving the clock by %s: %d %v", body, a.Status, err)
		}
	}
	if now := s.Now(); !now.Equal(testkit.Start0) {
		t.Errorf("refused moves moved the clock to %s", now)
	}
	s.Call("POST", r.Path("/verification"), "", map[string]any{"code": 12345678}).WantProblem(400, "invalid")
	s.Call("POST", r.Path("/verification"), "", map[string]any{"code": strings.Repeat("1", 60_000)}).Want(401)
}

// With limits on, an address cannot be bombed, a network cannot guess, and everybody is told how long to wait.
func TestLimits(t *testing.T) {
	t.Run("on codes to one address", func(t *testing.T) {
		s := site(t, testkit.Limits())
		for range 3 {
			s.Ask("lumen", "access", testkit.Stranger)
		}
		body := map[string]any{"right": "access", "email": strings.ToUpper(testkit.Stranger), "country": "DE"}
		wantThrottled(t, s.Call("POST", testkit.API("lumen"), "", body))
		s.Settle()
		if n := len(s.Subjects(testkit.Stranger, "")); n != 3 {
			t.Errorf("%d mails, want 3", n)
		}
		s.Advance("PT10M")
		s.Ask("lumen", "access", testkit.Stranger)
	})
	t.Run("on codes asked for again", func(t *testing.T) {
		s := site(t, testkit.Limits())
		r := s.Ask("lumen", "access", testkit.Stranger)
		r.NewCode()
		r.NewCode()
		wantThrottled(t, s.Call("POST", r.Path("/code"), "", map[string]any{}))
		page := s.Browser().Get(r.Page("/return")).Form("resend").Submit(nil)
		if page.Status != 429 || page.Header.Get("Retry-After") == "" || !strings.Contains(page.Text(), "10 minutes") {
			t.Errorf("the page answers %d, Retry-After %q: %s", page.Status, page.Header.Get("Retry-After"), page.Text())
		}
	})
	t.Run("on codes from one network", func(t *testing.T) {
		s := site(t, testkit.Limits())
		for n := range 20 {
			s.Ask("lumen", "access", fmt.Sprintf("person.%d@example.com", n))
		}
		wantThrottled(t, s.Call("POST", testkit.API("lumen"), "", map[string]any{"right": "access", "email": "one.more@example.com"}))
	})
	t.Run("on tries from one network", func(t *testing.T) {
		s := site(t, testkit.Limits())
		for range 60 {
			s.Call("POST", testkit.API("lumen")+"/AAAAA-AAAAA/verification", "", map[string]string{"code": "12345678"}).Want(401)
		}
		wantThrottled(t, s.Call("POST", testkit.API("lumen")+"/AAAAA-AAAAA/verification", "", map[string]string{"code": "12345678"}))
	})
}

func wantThrottled(t *testing.T, a *testkit.Answer) {
	t.Helper()
	a.WantProblem(429, "throttled")
	var seconds int
	if _, err := fmt.Sscan(a.Header.Get("Retry-After"), &seconds); err != nil || seconds < 1 || seconds > 86_400 {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
}
