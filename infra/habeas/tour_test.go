package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/infra/local/demo"
)

// demonstration serves a demonstration on a directory of its own and returns its address.
func demonstration(t *testing.T) (*local.App, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + ln.Addr().String()
	app, err := local.Open(t.Context(), local.Config{
		Dir: t.TempDir(), BaseURL: base, MailDomain: "habeas.test", Demo: true, NoLimits: true, Workers: 4, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.SetUpDemo(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := app.DemoLine(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: app.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	t.Cleanup(func() {
		_ = srv.Close() // no call is in flight any more
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return app, base
}

// runTour runs the command and returns what it said on stdout and stderr.
func runTour(t *testing.T, args ...string) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := newDemo()
	c.PersistentFlags().Bool("json", false, "")
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetOut(&stdout)
	c.SetErr(&stderr)
	c.SetArgs(append([]string{"tour"}, args...))
	err = c.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// The tour goes all the way, and a second one finds that nothing is left of the person.
func TestTheTourGoesAllTheWay(t *testing.T) {
	app, base := demonstration(t)
	folder := filepath.Join(t.TempDir(), "tour")
	out, said, err := runTour(t, "--server", base, "--out", folder, "--json")
	if err != nil {
		t.Fatalf("%v after\n%s", err, said)
	}
	var result struct {
		Requests []struct{ Right, Reference, Status, Folder string }
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	var rights []string
	for _, r := range result.Requests {
		rights = append(rights, r.Right)
		if r.Status != "fulfilled" {
			t.Errorf("%s ended as %s", r.Right, r.Status)
		}
		if _, err := os.Stat(filepath.Join(r.Folder, "evidence.zip")); err != nil {
			t.Errorf("%s left no evidence: %v", r.Right, err)
		}
		if letters, err := os.ReadDir(filepath.Join(r.Folder, "letters")); err != nil || len(letters) < 4 {
			t.Errorf("%s left %d letters, %v", r.Right, len(letters), err)
		}
	}
	if got := strings.Join(rights, " "); got != "access correction access erasure access" {
		t.Errorf("the tour asked for %s", got)
	}
	for _, want := range []string{
		"set       1 customers", "set       1 contacts", "delete    1 contacts", "mask      1 customers", "Tax law asks", "erase, by its owner",
		"who handles the case may not approve it", "Kite Mail Inc. was told by webhook", "Parcelline Logistics was told by letter", "afterwards none",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the tour does not say %q:\n%s", want, said)
		}
	}
	notices := app.Guide.Notices()
	if len(notices) != 2 || !notices[0].Confirmed || !strings.Contains(notices[0].What, "erased") || !strings.Contains(notices[1].What, "corrected") {
		t.Errorf("Kite Mail was told %+v", notices)
	}
	_, said, err = runTour(t, "--server", base, "--erasure", "--out", folder+"-2")
	if err == nil || !strings.Contains(err.Error(), "nothing is held about "+demo.TypicalEmail) {
		t.Errorf("a second erasure: %v after\n%s", err, said)
	}
}

// A tour of another tenant takes its people and systems as they are.
func TestTheTourOfOneDatabase(t *testing.T) {
	_, base := demonstration(t)
	folder := filepath.Join(t.TempDir(), "tour")
	if _, said, err := runTour(t, "--server", base, "--access", "--tenant", "lumen", "--email", demo.TwoMailsEmail, "--out", folder); err != nil {
		t.Fatalf("%v after\n%s", err, said)
	}
	if files, err := filepath.Glob(filepath.Join(folder, "1-access", "package", "*.zip")); err != nil || len(files) != 1 {
		t.Errorf("the tour left %v, %v", files, err)
	}
	if _, _, err := runTour(t, "--server", base, "--access", "--out", folder); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("into a folder that is there: %v", err)
	}
}

// Where nothing is a demonstration the tour says so.
func TestATourWantsADemonstration(t *testing.T) {
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	defer srv.Close()
	if _, _, err := runTour(t, "--server", "http://"+ln.Addr().String(), "--out", filepath.Join(t.TempDir(), "tour")); err == nil || !strings.Contains(err.Error(), "--demo") {
		t.Errorf("got %v", err)
	}
}
