package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/local"
)

// BenchmarkAccessCase is one access case in process, from the form to the mailed answer: machine time and allocations of
// everything, HTTP included.
func BenchmarkAccessCase(b *testing.B) {
	dir := b.TempDir()
	if err := prepare(b.Context(), dir, options{people: 5000, large: 10}); err != nil {
		b.Fatal(err)
	}
	clock, err := local.OpenManualClock(dir+"/clock", time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC))
	if err != nil {
		b.Fatal(err)
	}
	app, err := local.Open(b.Context(), local.Config{
		Dir: dir + "/data", BaseURL: "http://habeas.test", MailDomain: "bench.test", Clock: clock, NoLimits: true, Workers: 16,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := app.Start(context.WithoutCancel(b.Context())); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := app.Close(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	h := app.Handler()
	call := func(method, path string, in, out any) {
		b.Helper()
		raw, err := json.Marshal(in)
		if err != nil {
			b.Fatal(err)
		}
		r := httptest.NewRequest(method, path, bytes.NewReader(raw))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			b.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if out == nil {
			return
		}
		body, err := io.ReadAll(w.Body)
		if err != nil {
			b.Fatal(err)
		}
		if raw, ok := out.(*[]byte); ok {
			*raw = body
		} else if err := json.Unmarshal(body, out); err != nil {
			b.Fatal(err)
		}
	}
	const together = 32
	b.ReportAllocs()
	mails := 0
	for n := 0; b.Loop(); n++ {
		if n%together != 0 {
			continue // cases run together, as they do in life; see the metric per case
		}
		for i := range together {
			call("POST", "/t/bench/api/v1/requests", map[string]string{"right": "access", "email": fmt.Sprintf("customer-%d@example.com", (n+i)%5000+1)}, nil)
		}
		if err := app.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
		var list struct{ Messages []struct{ ID string } }
		call("GET", fmt.Sprintf("/dev/mail?from=%d", mails), nil, &list)
		mails += len(list.Messages)
		for _, m := range list.Messages {
			var raw []byte
			call("GET", "/dev/mail/"+m.ID, nil, &raw)
			ref, code := refPattern.FindSubmatch(raw), codePattern.FindSubmatch(raw)
			if ref != nil && code != nil {
				call("POST", "/t/bench/api/v1/requests/"+string(ref[1])+"/verification", map[string]string{"code": string(code[1]) + string(code[2])}, nil)
			}
		}
		if err := app.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
