package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

var secret = []byte("0123456789abcdef0123456789abcdef")

func key(t *testing.T) Key {
	t.Helper()
	k, err := NewKey(redact.NewText("whsec_" + base64.StdEncoding.EncodeToString(secret)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "whsec_", "secret!", "whsec_" + base64.StdEncoding.EncodeToString([]byte("too short"))} {
		if _, err := NewKey(redact.NewText(s)); !fault.Has(err, fault.Misconfigured) || (len(s) > 7 && strings.Contains(err.Error(), s[6:])) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// The signature is that of the specification, computed here by hand.
func TestSignatureIsThatOfTheScheme(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	h, err := key(t).Sign("n-1", at, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, `n-1.1800000000.{"a":1}`)
	if got, want := h.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if h.Get("webhook-id") != "n-1" || h.Get("webhook-timestamp") != "1800000000" {
		t.Errorf("%v", h)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	k, at, body := key(t), time.Unix(1_800_000_000, 0), []byte(`{}`)
	good := func() http.Header {
		h, err := k.Sign("id", at, body)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	for name, tc := range map[string]struct {
		edit func(h http.Header)
		now  time.Time
		body string
		ok   bool
	}{
		"as signed":         {func(http.Header) {}, at, `{}`, true},
		"five minutes ago":  {func(http.Header) {}, at.Add(Tolerance), `{}`, true},
		"older":             {func(http.Header) {}, at.Add(Tolerance + time.Second), `{}`, false},
		"from the future":   {func(http.Header) {}, at.Add(-Tolerance - time.Second), `{}`, false},
		"another body":      {func(http.Header) {}, at, `{"a":1}`, false},
		"another id":        {func(h http.Header) { h.Set("webhook-id", "other") }, at, `{}`, false},
		"another time":      {func(h http.Header) { h.Set("webhook-timestamp", "1800000001") }, at, `{}`, false},
		"no time":           {func(h http.Header) { h.Del("webhook-timestamp") }, at, `{}`, false},
		"no signature":      {func(h http.Header) { h.Del("webhook-signature") }, at, `{}`, false},
		"one of several":    {func(h http.Header) { h.Set("webhook-signature", "v1,AAAA v2,x "+h.Get("webhook-signature")) }, at, `{}`, true},
		"version only":      {func(h http.Header) { h.Set("webhook-signature", "v1") }, at, `{}`, false},
		"unknown version":   {func(h http.Header) { h.Set("webhook-signature", "v2"+h.Get("webhook-signature")[2:]) }, at, `{}`, false},
		"nothing whatever":  {func(h http.Header) { clear(h) }, at, ``, false},
		"a time of letters": {func(h http.Header) { h.Set("webhook-timestamp", "soon") }, at, `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := good()
			tc.edit(h)
			id, err := k.Verify(h, tc.now, []byte(tc.body))
			if tc.ok != (err == nil) || (tc.ok && id != "id") || (!tc.ok && !fault.Has(err, fault.Unauthenticated)) {
				t.Errorf("%q, %v", id, err)
			}
		})
	}
	if _, err := (Key{}).Verify(good(), at, body); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("no key at all: %v", err)
	}
}

func TestPostTakesAny2xxAndNothingElse(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Class{
		200: "", 202: "", 204: "", 301: fault.Misconfigured, 302: fault.Misconfigured, 307: fault.Misconfigured, 400: fault.Misconfigured,
		401: fault.Misconfigured, 404: fault.Misconfigured, 410: fault.Misconfigured, 408: fault.Unavailable, 429: fault.Throttled,
		500: fault.Unavailable, 503: fault.Unavailable,
	} {
		followed := false
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				followed = true
				return
			}
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(status)
		}))
		err := Post(t.Context(), Call{URL: s.URL + "/secret-path", AllowPrivate: true})
		s.Close()
		if fault.ClassOf(err) != want || followed {
			t.Errorf("%d: %v, followed %t", status, err, followed)
		}
		if (status == 429 || status >= 500) && fault.WaitOf(err) != 2*time.Minute {
			t.Errorf("%d: waits %s", status, fault.WaitOf(err))
		}
		if err != nil && strings.Contains(err.Error(), "secret-path") {
			t.Errorf("%d: the error quotes the address", status)
		}
	}
}

func TestPostSendsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	var got http.Header
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	if err := Post(t.Context(), Call{URL: s.URL, Header: http.Header{"Webhook-Id": {"x"}}, Body: []byte(`{"a":1}`), AllowPrivate: true}); err != nil {
		t.Fatal(err)
	}
	if got.Get("webhook-id") != "x" || got.Get("Content-Type") != "application/json" || string(body) != `{"a":1}` {
		t.Errorf("%v %s", got, body)
	}
}

func TestPostKeepsOutOfPrivateNetworks(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was called") }))
	defer s.Close()
	for _, c := range []Call{
		{URL: s.URL},
		{URL: strings.Replace(s.URL, "127.0.0.1", "localhost", 1)},
		{URL: strings.Replace(s.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1)},
		{URL: "http://10.1.2.3/", AllowPrivate: true},
		{URL: "ftp://example.com/"},
		{URL: "https:///"},
		{URL: "::"},
	} {
		if err := Post(t.Context(), c); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v", c.URL, err)
		}
	}
	for _, s := range []string{"10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::a00:1", "2002:a00:1::"} {
		if public(netip.MustParseAddr(s)) {
			t.Errorf("%s counts as public", s)
		}
	}
	for _, s := range []string{"93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"} {
		if !public(netip.MustParseAddr(s)) {
			t.Errorf("%s counts as private", s)
		}
	}
}

func TestPostEnds(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := Post(ctx, Call{URL: s.URL, AllowPrivate: true}); !fault.Has(err, fault.Unavailable) {
		t.Error(err)
	}
	s2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 10 {
			if _, err := w.Write(make([]byte, 4<<10)); err != nil {
				return
			}
		}
	}))
	defer s2.Close()
	if err := Post(t.Context(), Call{URL: s2.URL, AllowPrivate: true}); err != nil {
		t.Errorf("a long answer: %v", err)
	}
}
