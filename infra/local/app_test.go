package local_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/infra/local/demo"
)

// demoDir is seeded once for the package.
var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

type site struct {
	t   *testing.T
	app *local.App
	srv *httptest.Server
}

func open(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	clock, err := local.OpenManualClock(dir+"/clock", start)
	if err != nil {
		t.Fatal(err)
	}
	app, err := local.Open(t.Context(), local.Config{
		Dir: dir, BaseURL: "http://habeas.test", MailDomain: "habeas.test", Demo: true, Clock: clock, NoLimits: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.SetUpDemo(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := app.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(app.Handler())
	t.Cleanup(func() {
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &site{t, app, srv}
}

func (s *site) call(method, path, token string, body any, want int) map[string]any {
	s.t.Helper()
	var r io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		r = bytes.NewReader(raw)
	}
	req, err := http.NewRequest(method, s.srv.URL+path, r)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.StatusCode != want {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, path, res.StatusCode, want, raw)
	}
	var out map[string]any
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(raw, &out); err != nil {
			s.t.Fatalf("%s %s: %v", method, path, err)
		}
	} else {
		out = map[string]any{"raw": raw}
	}
	return out
}

func (s *site) idle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.app.Idle(ctx); err != nil {
		s.t.Fatal(err)
	}
}

var codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)

// code returns the code of the newest mail to the address.
func (s *site) code(to string) string {
	s.t.Helper()
	list := s.call("GET", "/dev/mail", "", nil, 200)["messages"].([]any)
	for _, l := range slices.Backward(list) {
		m := l.(map[string]any)
		if m["to"] != to {
			continue
		}
		raw := s.call("GET", "/dev/mail/"+m["id"].(string), "", nil, 200)["raw"].([]byte)
		if c := codePattern.FindSubmatch(raw); c != nil {
			return string(c[1]) + string(c[2])
		}
	}
	s.t.Fatal("no mail with a code")
	return ""
}

func TestAccessFromFormToPackage(t *testing.T) {
	s := open(t)
	api := "/t/lumen/api/v1/requests"
	ref := s.call("POST", api, "", map[string]any{"right": "access", "email": demo.TypicalEmail, "country": "DE"}, 202)["reference"].(string)
	s.idle()
	s.call("POST", api+"/"+ref+"/verification", "", map[string]string{"code": "00000000"}, 401)
	session := s.call("POST", api+"/"+ref+"/verification", "", map[string]string{"code": s.code(demo.TypicalEmail)}, 200)["session"].(string)
	s.idle()
	status := s.call("GET", api+"/"+ref, session, nil, 200)
	if status["status"] != "fulfilled" {
		t.Fatalf("status is %v: %v", status["status"], status)
	}
	url := s.call("POST", api+"/"+ref+"/package", session, nil, 200)["url"].(string)
	path := strings.TrimPrefix(url, "http://habeas.test")
	s.call("POST", path, "", map[string]int{"volume": 1}, 401)
	raw := s.call("POST", path, session, map[string]int{"volume": 1}, 200)["raw"].([]byte)
	s.call("POST", path, session, map[string]int{"volume": 1}, 410)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range z.File {
		names[f.Name] = true
	}
	for _, want := range []string{"index.html", "manifest.json", "data/shop/customers.json", "data/shop/customers.csv"} {
		if !names[want] {
			t.Errorf("the package lacks %s: %v", want, names)
		}
	}
}
