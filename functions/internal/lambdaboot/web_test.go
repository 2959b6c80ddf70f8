package lambdaboot

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// Only CloudFront gets in where there is one, and only its word for who calls is believed.
func TestTheDoor(t *testing.T) {
	var from string
	var headers http.Header
	next := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { from, headers = r.RemoteAddr, r.Header })
	closed, open := &door{secret: redact.NewText("origin-secret")}, &door{}
	for _, c := range []struct {
		name           string
		door           *door
		origin, viewer string
		status         int
		want           string
	}{
		{"through CloudFront", closed, "origin-secret", "198.51.100.7:4711", 200, "198.51.100.7:0"},
		{"through CloudFront by IPv6", closed, "origin-secret", "2001:db8::1:4711", 200, "[2001:db8::1]:0"},
		{"through CloudFront without a viewer", closed, "origin-secret", "", 200, "192.0.2.1:1234"},
		{"past CloudFront", closed, "", "198.51.100.7:4711", 403, ""},
		{"with a wrong secret", closed, "origin-secret2", "198.51.100.7:4711", 403, ""},
		{"where there is none", open, "", "198.51.100.7:4711", 200, "192.0.2.1:1234"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, headers = "", nil
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("X-Forwarded-For", "203.0.113.9")
			if c.origin != "" {
				r.Header.Set(originHeader, c.origin)
			}
			if c.viewer != "" {
				r.Header.Set(viewerHeader, c.viewer)
			}
			w := httptest.NewRecorder()
			c.door.guard(next).ServeHTTP(w, r)
			if w.Code != c.status || from != c.want {
				t.Errorf("%d from %q, want %d from %q", w.Code, from, c.status, c.want)
			}
			if headers.Get("X-Forwarded-For") != "" || c.door == closed && headers.Get(originHeader) != "" {
				t.Errorf("the handler sees %v", headers)
			}
		})
	}
}

func TestAnAnswerTooLargeIsAProblem(t *testing.T) {
	var out struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := json.Unmarshal(tooLarge(), &out); err != nil {
		t.Fatal(err)
	}
	var p struct{ Type, Title, Class string }
	if err := json.Unmarshal([]byte(out.Body), &p); err != nil || out.StatusCode != http.StatusInternalServerError || out.Headers["Content-Type"] != "application/problem+json" || p.Class != "internal" || p.Title == "" {
		t.Errorf("%+v, %v", out, err)
	}
}

// A page that is told after its status has the media type that it would have from a server.
func TestMediaTypesAreThoseOfAServer(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html><p>x")) },
		"a page after a status": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte("<!doctype html><p>x"))
		},
		"a status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"two statuses": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK)
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"a problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte("{}"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(h)
			defer server.Close()
			want, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			_ = want.Body.Close()
			w := httptest.NewRecorder()
			sniff(h).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			got := w.Result()
			if got.StatusCode != want.StatusCode || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
				t.Errorf("%d %q, a server answers %d %q", got.StatusCode, got.Header.Get("Content-Type"), want.StatusCode, want.Header.Get("Content-Type"))
			}
		})
	}
}
