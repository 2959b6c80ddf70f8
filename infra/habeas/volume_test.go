package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// TestVolume: the command asks again while a volume is prepared, and follows to where it lies without showing its session there.
func TestVolume(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "" {
			http.Error(w, "only one auth mechanism allowed", http.StatusBadRequest)
			return
		}
		_, _ = io.WriteString(w, "the zip")
	}))
	t.Cleanup(elsewhere.Close)
	answers := []int{http.StatusAccepted, http.StatusAccepted, http.StatusSeeOther}
	asked, retry := 0, "1"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if raw, err := io.ReadAll(r.Body); err != nil || string(raw) != `{"volume":2}` || r.Header.Get("Authorization") != "Bearer session" {
			t.Errorf("asked for %s with %q: %v", raw, r.Header.Get("Authorization"), err)
		}
		w.Header().Set("Retry-After", retry)
		w.Header().Set("Location", elsewhere.URL+"/delivery/1")
		w.WriteHeader(answers[min(asked, len(answers)-1)])
		asked++
	}))
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{base: base, http: &http.Client{CheckRedirect: keepBearer}}
	body, err := c.volume(t.Context(), base.JoinPath("t/default/download/x"), "session", 2)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(body)
	if err := body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil || string(raw) != "the zip" || asked != 3 {
		t.Errorf("fetched %q after %d calls: %v", raw, asked, err)
	}
	for _, retry = range []string{"", "0", "61", "soon"} {
		asked = 0
		if _, err := c.volume(t.Context(), base.JoinPath("t/default/download/x"), "session", 2); !fault.Has(err, fault.Unavailable) || !strings.Contains(err.Error(), "ready") {
			t.Errorf("told to come back after %q: %v", retry, err)
		}
	}
}
