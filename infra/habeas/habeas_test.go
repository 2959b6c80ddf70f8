package main

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the shop of the scripts

	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"habeas": main})
}

// commands are what scripts know besides habeas.
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"capture": capture, "exits": exits, "sqlite": runSQL, "spoil": spoil, "mailcode": mailCode, "unzip": unzip, "awaits": awaits, "retry": retry, "advance": advance,
	}
}

// TestOffline runs the commands that need no server.
func TestOffline(t *testing.T) {
	vectors, err := filepath.Abs("../../shared/clock/testdata/vectors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/offline", Cmds: commands(),
		Setup: func(e *testscript.Env) error {
			e.Setenv("VECTORS", vectors)
			return nil
		},
	})
}

// TestClient runs the commands that talk to a server against a whole installation, one per script.
func TestClient(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/client", Cmds: commands(),
		Setup: func(e *testscript.Env) error {
			e.Setenv("HABEAS_TOKEN", "")
			return install(e)
		},
	})
}

// install starts an installation for a script and sets HABEAS_SERVER, ADMIN and APPROVER (tokens). Its clock stands still:
// it is set by hand, so that mails can be read.
func install(e *testscript.Env) error {
	ctx := context.Background()
	dir := filepath.Join(e.WorkDir, ".data")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	base := "http://" + ln.Addr().String()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	clock, err := local.OpenManualClock(filepath.Join(dir, "clock"), time.Date(2027, 2, 1, 9, 0, 0, 0, time.UTC))
	if err != nil {
		return err
	}
	app, err := local.Open(ctx, local.Config{
		Dir: dir, BaseURL: base, MailDomain: "habeas.test", Clock: clock, NoLimits: true, Workers: 4, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if _, err := app.FirstTenant(ctx); err != nil {
		return err
	}
	e.Setenv("HABEAS_SERVER", base)
	accounts := local.Accounts{Registry: app.Registry, Sessions: app.Sessions, Now: app.Now}
	for name, roles := range map[string][]registry.Role{"ADMIN": {registry.Admin}, "APPROVER": {registry.Handler, registry.Approver}} {
		_, token, err := accounts.Add(ctx, "", strings.ToLower(name)+"@staff.test", roles, name)
		if err != nil {
			return err
		}
		e.Setenv(name, token.Token)
	}
	if err := app.Start(ctx); err != nil {
		return err
	}
	srv := &http.Server{Handler: handler(app), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	e.Defer(func() {
		_ = srv.Close() // no call is in flight any more
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := app.Close(ctx); err != nil {
			e.T().Fatal("closing the installation: ", err)
		}
	})
	return nil
}

// handler serves the installation with the staff API.
func handler(app *local.App) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", app.Handler())
	staff := &console.Handler{
		Cases: app.Cases, Registry: app.Registry, Sessions: app.Sessions, Blobs: app.Portal.Blobs, Packs: app.Packs, Pages: app.Pages,
		Letters: app.Portal.Desk.Letters, Systems: app.Systems, Passwords: passwords.New(1), Log: app.Log, BaseURL: app.BaseURL, Now: app.Now,
	}
	staff.Register(mux)
	return mux
}

// capture NAME REGEXP sets a variable to the first group of a match in stdout.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) < 2 {
		ts.Fatalf("no match for %s in stdout", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// exits CODE COMMAND... runs a command and compares its exit code; exec itself only tells zero from the rest.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		e, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("running: %v", err)
		}
		code = e.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%v: exit code %d, want %s", args[1:], code, args[0])
	}
}

// retry COMMAND... runs a command until it succeeds.
func retry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: retry COMMAND ARG...")
	}
	for range 100 {
		if ts.Exec(args[0], args[1:]...) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%v did not succeed", args)
}

// advance DURATION moves the clock of the installation and returns when everything due has run.
func advance(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: advance ISO8601-DURATION")
	}
	res, err := http.Post(ts.Getenv("HABEAS_SERVER")+"/dev/clock", "application/json", strings.NewReader(`{"advance":"`+args[0]+`"}`))
	ts.Check(err)
	ts.Check(res.Body.Close())
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("moving the clock: %s", res.Status)
	}
}

// runSQL DATABASE FILE runs the statements of a file.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite DATABASE FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(ts.ReadFile(args[1]))
	ts.Check(err)
}

// spoil ZIP OLD NEW replaces a text in every file of an archive.
func spoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: spoil ZIP OLD NEW")
	}
	hits := 0
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	eachFile(ts, args[0], func(name string, content []byte) {
		hits += bytes.Count(content, []byte(args[1]))
		f, err := w.Create(name)
		ts.Check(err)
		_, err = f.Write(bytes.ReplaceAll(content, []byte(args[1]), []byte(args[2])))
		ts.Check(err)
	})
	ts.Check(w.Close())
	if hits == 0 {
		ts.Fatalf("%s is not in %s", args[1], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// unzip ZIP DIR extracts an archive of a package or a bundle.
func unzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unzip ZIP DIR")
	}
	eachFile(ts, args[0], func(name string, content []byte) {
		to := filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(name))
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o700))
		ts.Check(os.WriteFile(to, content, 0o600))
	})
}

func eachFile(ts *testscript.TestScript, name string, do func(name string, content []byte)) {
	r, err := zip.OpenReader(ts.MkAbs(name))
	ts.Check(err)
	defer r.Close()
	for _, f := range r.File {
		in, err := f.Open()
		ts.Check(err)
		content, err := io.ReadAll(in)
		ts.Check(err)
		do(f.Name, content)
	}
}

var codeLine = regexp.MustCompile(`(?m)^ {2,}(\d{4}) (\d{4})\r?$`)

// mailCode REFERENCE sets CODE to the newest code that was mailed for a request, and waits for it.
func mailCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mailcode REFERENCE")
	}
	for range 200 {
		var box struct {
			Messages []struct{ ID, Subject string }
		}
		ts.Check(json.Unmarshal(fetch(ts, "/dev/mail"), &box))
		newest := ""
		for _, m := range box.Messages {
			if !strings.Contains(m.Subject, args[0]) {
				continue
			}
			if code := codeLine.FindSubmatch(fetch(ts, "/dev/mail/"+m.ID)); code != nil {
				newest = string(code[1]) + string(code[2])
			}
		}
		if newest != "" && newest != ts.Getenv("CODE") {
			ts.Setenv("CODE", newest)
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("no code was mailed for %s", args[0])
}

// awaits REFERENCE STATUS waits until a case has the status.
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: awaits REFERENCE STATUS")
	}
	query := "/api/v1/cases?q=" + args[0]
	var list struct{ Cases []struct{ Status string } }
	for range 400 {
		ts.Check(json.Unmarshal(fetch(ts, query), &list))
		if len(list.Cases) == 1 && list.Cases[0].Status == args[1] {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("%s did not become %s: %+v", args[0], args[1], list)
}

// fetch asks the server in the name of the approver.
func fetch(ts *testscript.TestScript, path string) []byte {
	req, err := http.NewRequest(http.MethodGet, ts.Getenv("HABEAS_SERVER")+path, nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("APPROVER"))
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if res.StatusCode != http.StatusOK {
		ts.Fatalf("GET %s: %s", path, res.Status)
	}
	return body
}
