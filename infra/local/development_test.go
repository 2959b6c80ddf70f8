package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/local"
)

// bare is an installation without a demonstration.
func bare(t *testing.T, manual bool) (*local.App, *httptest.Server) {
	t.Helper()
	dir := t.TempDir()
	config := local.Config{Dir: dir, BaseURL: "http://habeas.test", MailDomain: "habeas.test", Log: slog.New(slog.DiscardHandler)}
	if manual {
		clock, err := local.OpenManualClock(dir+"/clock", start)
		if err != nil {
			t.Fatal(err)
		}
		config.Clock = clock
	}
	app, err := local.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.FirstTenant(t.Context()); err != nil {
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
	return app, srv
}

func send(t *testing.T, srv *httptest.Server, method, path, mime, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if mime != "" {
		req.Header.Set("Content-Type", mime)
	}
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func TestRoutesOfDevelopmentAreAbsentOtherwise(t *testing.T) {
	_, srv := bare(t, false)
	for _, path := range []string{"/", "/dev/accounts", "/dev/clock", "/dev/mail", "/dev/mail/x", "/dev/mailbox", "/dev/mailbox/x"} {
		if status, _ := send(t, srv, "GET", path, "", ""); status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	if status, _ := send(t, srv, "POST", "/dev/clock", "application/json", `{"advance":"P1D"}`); status != http.StatusNotFound {
		t.Errorf("moving the clock: %d", status)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/schemas/event.schema.json", "/t/default/"} {
		if status, _ := send(t, srv, "GET", path, "", ""); status != http.StatusOK {
			t.Errorf("GET %s: %d", path, status)
		}
	}
}

func TestMovingTheClock(t *testing.T) {
	app, srv := bare(t, true)
	if status, _ := send(t, srv, "GET", "/dev/accounts", "", ""); status != http.StatusNotFound {
		t.Errorf("accounts without a demonstration: %d", status)
	}
	for body, want := range map[string]int{
		`{}`: 400, ``: 400, `{"advance":"P1D","set":"2027-01-31T09:00:00Z"}`: 400, `{"advance":"tomorrow"}`: 400, `{"advance":"-P1D"}`: 400, `{"advance":1}`: 400,
		`{"set":"2027-01-31"}`: 400, `{"set":"1999-01-01T00:00:00Z"}`: 400, `{"later":"P1D"}`: 400, `{"advance":"P99999Y"}`: 400, `{"set":"`: 400,
		`{"advance":"` + strings.Repeat("P1D", 1000) + `"}`: 400,
	} {
		if status, text := send(t, srv, "POST", "/dev/clock", "application/json", body); status != want {
			t.Errorf("%.40s: %d %s", body, status, text)
		}
	}
	if !app.Now().Equal(start) {
		t.Fatalf("refused moves moved the clock to %s", app.Now())
	}
	for _, tc := range []struct {
		body string
		want time.Time
	}{
		{`{"advance":"PT30M"}`, start.Add(30 * time.Minute)},
		{`{"advance":"P1M"}`, start.Add(30*time.Minute).AddDate(0, 1, 0)},
		{`{"set":"2027-01-31T09:00:00+01:00"}`, time.Date(2027, 1, 31, 8, 0, 0, 0, time.UTC)},
		{`{"advance":"PT0S"}`, time.Date(2027, 1, 31, 8, 0, 0, 0, time.UTC)},
	} {
		status, text := send(t, srv, "POST", "/dev/clock", "application/json", tc.body)
		var v struct{ Now time.Time }
		if err := json.Unmarshal([]byte(text), &v); err != nil || status != http.StatusOK || !v.Now.Equal(tc.want) || !app.Now().Equal(tc.want) {
			t.Errorf("%s: %d %s, want %s", tc.body, status, text, tc.want)
		}
	}
	now := app.Now()
	if status, _ := send(t, srv, "POST", "/dev/clock", "application/x-www-form-urlencoded", "advance=P1D"); status >= 400 || !app.Now().Equal(now.AddDate(0, 0, 1)) {
		t.Errorf("by the form of a page: %d, %s", status, app.Now())
	}
}

func TestSeveralMayMoveTheClockAtOnce(t *testing.T) {
	app, srv := bare(t, true)
	var wg sync.WaitGroup
	status := make([]int, 6)
	for n := range status {
		wg.Go(func() {
			status[n], _ = send(t, srv, "POST", "/dev/clock", "application/json", `{"advance":"PT1H"}`)
		})
	}
	wg.Wait()
	if fmt.Sprint(status) != "[200 200 200 200 200 200]" {
		t.Errorf("answers are %v", status)
	}
	// An advance counts from the time at which it was asked for.
	if moved := app.Now().Sub(start); moved < time.Hour || moved > 6*time.Hour || moved%time.Hour != 0 {
		t.Errorf("six who move it by an hour move it by %s", moved)
	}
}
