package rest

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/rest/crm"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func withAuth(auth string) string {
	return strings.Replace(thingsFile(pagedByCursor, ""), "{type: none}", auth, 1)
}

// secureCRM is a CRM that takes every sort of credentials.
func secureCRM(t *testing.T, cfg crm.Config) *crm.Server {
	t.Helper()
	secret := func(name string) string { return testSecrets()[name].Reveal() }
	cfg.Credentials = crm.Credentials{
		Tokens: []string{secret(secretToken)}, Users: map[string]string{secret(secretUsername): secret(secretPassword)},
		Keys: []string{secret(secretAPIKey)}, Clients: map[string]string{secret(secretClientID): secret(secretClientSecret)},
	}
	return startCRM(t, cfg)
}

func tokenURL(s *crm.Server) string { return strings.TrimSuffix(s.URL(), "/api/v1") + "/oauth/token" }

func TestAuthentication(t *testing.T) {
	s := secureCRM(t, crm.Config{})
	for name, tc := range map[string]struct {
		auth, by string
		secrets  []string
	}{
		"bearer":         {"{type: bearer}", "bearer", []string{secretToken}},
		"basic":          {"{type: basic}", "basic", []string{secretUsername, secretPassword}},
		"key in header":  {"{type: apiKey, header: X-Api-Key}", "key", []string{secretAPIKey}},
		"key in query":   {"{type: apiKey, query: api_key}", "key", []string{secretAPIKey}},
		"key as bearer":  {"{type: apiKey, header: X-Api-Key, prefix: ''}", "key", []string{secretAPIKey}},
		"oauth2":         {"{type: oauth2, tokenUrl: '" + tokenURL(s) + "', scopes: [read]}", "token", []string{secretClientID, secretClientSecret}},
		"oauth2 in body": {"{type: oauth2, clientAuth: body, tokenUrl: '" + tokenURL(s) + "'}", "token", []string{secretClientID, secretClientSecret}},
	} {
		c, err := openWith(t, withAuth(tc.auth), s.URL(), nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if a := s.Audit(); len(a) == 0 || a[len(a)-1].By != tc.by {
			t.Errorf("%s: the CRM was asked by %+v", name, a)
		}
		for _, missing := range tc.secrets {
			if _, err := openWith(t, withAuth(tc.auth), s.URL(), func(in *connector.OpenInput) { delete(in.Secrets, missing) }); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), missing) {
				t.Errorf("%s without %s: %v", name, missing, err)
			}
			wrong, err := openWith(t, withAuth(tc.auth), s.URL(), func(in *connector.OpenInput) { in.Secrets[missing] = redact.NewText("Zq7Wrong") })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := wrong.Check(t.Context()); !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "Zq7") {
				t.Errorf("%s with a wrong %s: %v", name, missing, err)
			}
		}
	}
	if _, err := openWith(t, withAuth("{type: bearer}"), s.URL(), func(in *connector.OpenInput) { in.Secrets[secretToken] = redact.NewText("a\nb") }); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a token with a line break: %v", err)
	}
}

func TestTokensAreKeptAndReplaced(t *testing.T) {
	s := secureCRM(t, crm.Config{})
	var given atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oauth/token" {
			given.Add(1)
		}
		s.Handler().ServeHTTP(w, r)
	}))
	defer endpoint.Close()
	c, err := openWith(t, withAuth("{type: oauth2, tokenUrl: "+endpoint.URL+"/oauth/token}"), endpoint.URL+"/api/v1", nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want int64) {
		t.Helper()
		if _, err := c.Check(t.Context()); err != nil || given.Load() != want {
			t.Errorf("Check: %v; %d tokens were asked for, want %d", err, given.Load(), want)
		}
	}
	check(1)
	check(1)
	inParallel(8, func(int) { check(1) })
	s.Revoke()
	check(2) // a refused token is replaced once, and the request repeated
}

func TestTokenEndpointFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		want   fault.Class
	}{
		"refused": {400, `{"error": "invalid_client", "error_description": "Zq7Canary"}`, fault.Misconfigured}, "broken": {503, "Zq7Canary", fault.Unavailable},
		"busy": {429, "", fault.Throttled}, "not JSON": {200, "Zq7Canary", fault.Invalid}, "no token": {200, `{"x": "Zq7Canary"}`, fault.Invalid},
	} {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		})
		s := opened(t, withAuth("{type: oauth2, tokenUrl: /token}"), h)
		if _, err := s.Check(t.Context()); !fault.Has(err, tc.want) || strings.Contains(err.Error(), "Zq7") {
			t.Errorf("%s: %v of class %q, want %q", name, err, fault.ClassOf(err), tc.want)
		}
	}
	for _, at := range []string{"http://evil.test/token", "https://user@evil.test/token"} {
		if _, err := openWith(t, withAuth("{type: oauth2, tokenUrl: '"+at+"'}"), "https://api.example.com", nil); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("the token endpoint %s: %v", at, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	var elsewhere, deleted atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.Handle("GET /me", http.RedirectHandler("/here", http.StatusFound))
	mux.HandleFunc("GET /here", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	mux.Handle("GET /things", http.RedirectHandler(other.URL+"/things", http.StatusFound))
	mux.HandleFunc("GET /things/1", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(thing(1))) })
	mux.Handle("DELETE /things/1", http.RedirectHandler("/gone", http.StatusTemporaryRedirect))
	mux.HandleFunc("DELETE /gone", func(http.ResponseWriter, *http.Request) { deleted.Add(1) })
	s := opened(t, thingsFile(pagedByCursor, "    erase: {method: DELETE, path: '/things/{id}'}\n"), mux)
	if _, err := s.Check(t.Context()); err != nil {
		t.Errorf("a redirect on the same host: %v", err)
	}
	if _, err := readAll(t, s, byEmail(s, 9, "a@example.com"), nil); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), "another host") || strings.Contains(err.Error(), "a%40") {
		t.Errorf("a redirect to another host: %v", err)
	}
	if _, err := s.apply(t.Context(), []connector.Change{{Collection: "things", Key: connector.Key{connector.Int(1)}, Action: connector.ActDelete}}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a redirected change: %v", err)
	}
	if elsewhere.Load()+deleted.Load() != 0 {
		t.Errorf("%d requests reached another host, %d changes were made elsewhere", elsewhere.Load(), deleted.Load())
	}
	loop := opened(t, thingsFile(pagedByCursor, ""), http.RedirectHandler("/me", http.StatusFound))
	if _, err := loop.Check(t.Context()); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), "too often") {
		t.Errorf("a redirect to itself: %v", err)
	}
}

// names is a name server whose every name is this machine.
func names(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			out := append([]byte(nil), buf[:n]...) // the question, made an answer (RFC 1035, section 4.1)
			end := 12
			for out[end] != 0 {
				end += int(out[end]) + 1
			}
			if out = out[:end+5]; binary.BigEndian.Uint16(out[end+1:]) == 1 {
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
				out[7] = 1
			}
			out[2], out[3] = 0x81, 0x80
			clear(out[8:12])
			_, _ = conn.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestPrivateAddressesAreNotReached(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	forbid := func(in *connector.OpenInput) {
		var set settings
		if err := json.Unmarshal(in.Settings, &set); err != nil {
			t.Fatal(err)
		}
		set.AllowPrivate = false
		in.Settings, _ = json.Marshal(set)
	}
	for name, base := range map[string]string{"a loopback address": "https://127.0.0.1" + port, "a name that leads there": "https://crm.example.com" + port, "the address of cloud metadata": "https://169.254.169.254"} {
		s, err := openResolving(t, thingsFile(pagedByCursor, ""), base, names(t), forbid)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := s.Check(t.Context()); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), "not public") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Allowed, it is reached, and its certificate is not trusted.
	s, err := openResolving(t, thingsFile(pagedByCursor, ""), "https://crm.example.com"+port, names(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an untrusted certificate: %v", err)
	}
	// The token endpoint is reached in the same way.
	s, err = openResolving(t, withAuth("{type: oauth2, tokenUrl: 'https://login.example.com"+port+"/token'}"), "https://crm.example.com"+port, names(t), forbid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), "not public") {
		t.Errorf("a private token endpoint: %v", err)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	s := opened(t, thingsFile(pagedByCursor, "")+"maxBytes: 1024\n", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/me" {
			w.Header().Set("X-Long", strings.Repeat("x", 70<<10))
		}
		_, _ = w.Write([]byte(strings.Repeat(" ", 2000)))
	}))
	if _, err := readAll(t, s, byEmail(s, 9, "a@example.com"), nil); !fault.Has(err, fault.Invalid) || !strings.Contains(err.Error(), "larger than 1024 bytes") {
		t.Errorf("a large body: %v", err)
	}
	if _, err := s.Check(t.Context()); err == nil || strings.Contains(err.Error(), "xxx") {
		t.Errorf("a large head: %v", err)
	}
}

func TestStatuses(t *testing.T) {
	date := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		status int
		header map[string]string
		want   fault.Class
		wait   time.Duration
	}{
		"busy":                   {429, nil, fault.Throttled, 0},
		"busy, seconds":          {429, map[string]string{"Retry-After": "7"}, fault.Throttled, 7 * time.Second},
		"busy, a date":           {429, map[string]string{"Retry-After": date.Add(90 * time.Second).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, fault.Throttled, 90 * time.Second},
		"busy, a date gone by":   {429, map[string]string{"Retry-After": date.Add(-time.Second).Format(http.TimeFormat), "Date": date.Format(http.TimeFormat)}, fault.Throttled, 0},
		"busy, nonsense":         {429, map[string]string{"Retry-After": "-3"}, fault.Throttled, 0},
		"down, seconds":          {503, map[string]string{"Retry-After": "60"}, fault.Unavailable, time.Minute},
		"broken":                 {500, nil, fault.Unavailable, 0},
		"gateway":                {504, nil, fault.Unavailable, 0},
		"too slow":               {408, nil, fault.Unavailable, 0},
		"not authenticated":      {401, nil, fault.Misconfigured, 0},
		"not allowed":            {403, nil, fault.Misconfigured, 0},
		"not there":              {404, nil, fault.Misconfigured, 0},
		"another method":         {405, nil, fault.Misconfigured, 0},
		"never made":             {501, nil, fault.Misconfigured, 0},
		"not understood":         {400, nil, fault.Invalid, 0},
		"not understood, either": {422, nil, fault.Invalid, 0},
		"in the way":             {409, nil, fault.Conflict, 0},
		"not modified":           {304, nil, fault.Misconfigured, 0},
	} {
		s := opened(t, thingsFile(pagedByCursor, ""), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range tc.header {
				w.Header().Set(k, v)
			}
			w.WriteHeader(tc.status)
			if tc.status != http.StatusNotModified {
				_, _ = w.Write([]byte(`{"error": "Zq7Canary a@example.com"}`))
			}
		}))
		for what, do := range map[string]func() error{
			"checking": func() error { _, err := s.Check(t.Context()); return err },
			"reading":  func() error { _, err := readAll(t, s, byEmail(s, 9, "a@example.com"), nil); return err },
		} {
			err := do()
			if !fault.Has(err, tc.want) || fault.WaitOf(err) != tc.wait || strings.Contains(err.Error(), "Zq7") || strings.Contains(err.Error(), "example.com") {
				t.Errorf("%s while %s: %v of class %q, wait %v; want %q, %v", name, what, err, fault.ClassOf(err), fault.WaitOf(err), tc.want, tc.wait)
			}
		}
	}
}

func TestUnreachableSystems(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	address := srv.URL
	srv.Close()
	s, err := openWith(t, thingsFile(pagedByCursor, ""), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, s, byEmail(s, 9, "a@example.com"), nil); !fault.Has(err, fault.Unavailable) || strings.ContainsAny(err.Error(), "@?%") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a closed port: %v", err)
	}
}

func TestRateLimitHoldsForEveryRequest(t *testing.T) {
	var n atomic.Int64
	s := opened(t, thingsFile("{by: [email], path: /things, query: {email: '{email}'}, records: $}", "")+"rateLimit: {perSecond: 20}\nparallel: 8\n",
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { n.Add(1); _, _ = w.Write([]byte("[]")) }))
	var values []string
	for i := range 15 {
		values = append(values, fmt.Sprint(i))
	}
	begin := time.Now()
	if _, err := readAll(t, s, byEmail(s, 9, values...), nil); err != nil {
		t.Fatal(err)
	}
	// A burst of five is free; ten more take half a second.
	if took := time.Since(begin); n.Load() != 15 || took < 450*time.Millisecond {
		t.Errorf("%d requests took %v at 20 a second", n.Load(), took)
	}
	if s.Describe().Limits.PerSecond != 20 {
		t.Error("the descriptor does not say the limit")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for range 10 {
		if _, err := s.Check(ctx); err != nil {
			if !fault.Has(err, fault.Unavailable) {
				t.Errorf("a limit that outlasts the caller: %v", err)
			}
			return
		}
	}
	t.Error("the limit lets everything through")
}

func TestConnectionsAreReused(t *testing.T) {
	var conns atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) }))
	srv.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	s, err := openWith(t, thingsFile(pagedByCursor, ""), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := s.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if conns.Load() != 1 {
		t.Errorf("20 requests made %d connections", conns.Load())
	}
}

func TestSystemsDoNotWaitForEachOther(t *testing.T) {
	const systems, latency = 20, 200 * time.Millisecond
	var all []*System
	for range systems {
		all = append(all, opened(t, thingsFile(pagedByCursor, ""), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(latency)
			_, _ = w.Write([]byte(`{"items": [], "next": null}`))
		})))
	}
	begin := time.Now()
	inParallel(systems, func(i int) {
		if _, err := all[i].Locate(t.Context(), connector.Query{Proven: mail(t, "a@example.com")}); err != nil {
			t.Error(err)
		}
	})
	if took := time.Since(begin); took > 10*latency {
		t.Errorf("%d systems that take %v each took %v together", systems, latency, took)
	}
}

func TestFollowStaysWithinTheOrigin(t *testing.T) {
	base, err := url.Parse("https://api.example.com/v1")
	if err != nil {
		t.Fatal(err)
	}
	c := &client{base: base}
	for address, ok := range map[string]bool{
		"https://api.example.com/v1/things?p=2": true, "https://api.example.com:443/other": true,
		"https://api.example.com.evil.test/": false, "http://api.example.com/": false, "https://me@api.example.com/": false, "mailto:x": false, "//evil.test/": false,
	} {
		if _, err := c.follow(address, &call{}); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}
