package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Start0 is when the clock of every site starts: a Monday morning in winter.
var Start0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// Site is one installation: a process on a data directory of its own. It ends with its test.
type Site struct {
	testing.TB
	Dir     string // the data directory
	URL     string // scheme, host and port; the same after a restart
	LogFile string // the file with everything written to stderr
	First   FirstLine
	HTTP    *http.Client

	kit     *Kit
	args    []string
	env     []string
	process *process
	log     func() []byte // of an installation that is no process of ours
	stage   string        // of such an installation
	keeper  string        // address of who keeps it
}

// Option changes how a site is started.
type Option func(*Site)

// Args adds arguments to serve.
func Args(args ...string) Option { return func(s *Site) { s.args = append(s.args, args...) } }

// Limits leaves the rate limits on.
func Limits() Option { return func(s *Site) { s.env = nil } }

// Start starts a site with the demo's data. Rate limits are off unless Limits is given.
func (k *Kit) Start(t testing.TB, opts ...Option) *Site {
	t.Helper()
	if at := os.Getenv(Installation); at != "" {
		return k.join(t, at, opts)
	}
	demo := k.Demo(t)
	root := t.TempDir()
	s := &Site{
		TB: t, Dir: filepath.Join(root, "data"), LogFile: filepath.Join(root, "stderr.log"), kit: k, env: []string{"HABEAS_RATE_LIMITS=off"},
		HTTP: &http.Client{
			Timeout:       3 * time.Minute,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	for _, o := range opts {
		o(s)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(s.Dir, "demo"), os.DirFS(demo)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "clock"), []byte(Start0.Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	t.Cleanup(func() {
		if s.process != nil {
			s.Stop()
		}
		if t.Failed() {
			said, _ := os.ReadFile(s.LogFile)
			t.Logf("the command said:\n%s", said)
		}
		s.HTTP.CloseIdleConnections()
	})
	return s
}

// Restart starts the process, which must not run, on the same directory and address.
func (s *Site) Restart() {
	s.Helper()
	if s.Deployed() {
		return // the next call starts what it needs
	}
	listen := "127.0.0.1:0"
	if s.URL != "" {
		listen = strings.TrimPrefix(s.URL, "http://")
	}
	p, err := launch(s.kit.Binary(s), s.Dir, listen, s.LogFile, s.args, s.env)
	if err != nil {
		s.Fatal(err)
	}
	s.process, s.First = p, p.first
	if s.URL != "" {
		return
	}
	u, err := url.Parse(p.first.Portal)
	if err != nil {
		s.Fatal(err)
	}
	s.URL = u.Scheme + "://" + u.Host
}

// Stop ends the process with SIGTERM; it must drain and stop in time.
func (s *Site) Stop() {
	s.Helper()
	if s.Deployed() {
		s.forget()
		return
	}
	p := s.process
	s.process = nil
	if err := p.end(syscall.SIGTERM); err != nil {
		s.Errorf("stopping: %v", err)
	}
}

// Kill ends the process with SIGKILL.
func (s *Site) Kill() {
	s.Helper()
	if s.Deployed() {
		s.forget()
		return
	}
	p := s.process
	s.process = nil
	if err := p.end(syscall.SIGKILL); err != nil {
		s.Fatalf("killing: %v", err)
	}
}

// Token returns the demo's API token of the name.
func (s *Site) Token(name string) string {
	s.Helper()
	for _, t := range s.First.Tokens {
		if t.Name == name {
			return t.Token
		}
	}
	s.Fatalf("the first line has no token %s", name)
	return ""
}

// Answer is an HTTP answer, read whole.
type Answer struct {
	Site   *Site
	What   string
	Status int
	Header http.Header
	Body   []byte
}

// Send sends a request and reads the answer. Only a broken connection is an error.
func (s *Site) Send(method, target, token string, header http.Header, body []byte) (*Answer, error) {
	if strings.HasPrefix(target, "/") {
		target = s.URL + target
	}
	req, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return &Answer{s, method + " " + req.URL.Path, res.StatusCode, res.Header, raw}, nil
}

// Call sends JSON (nothing when body is nil).
func (s *Site) Call(method, target, token string, body any) *Answer {
	s.Helper()
	a, err := s.Try(method, target, token, body)
	if err != nil {
		s.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// Try is Call for a process that may be gone.
func (s *Site) Try(method, target, token string, body any) (*Answer, error) {
	header := http.Header{}
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
		header.Set("Content-Type", "application/json")
	}
	return s.Send(method, target, token, header, raw)
}

// Want fails the test unless the answer has the status.
func (a *Answer) Want(status int) *Answer {
	a.Site.Helper()
	if a.Status != status {
		a.Site.Fatalf("%s: %d, want %d: %.600s", a.What, a.Status, status, a.Body)
	}
	return a
}

// Problem is an error of the API.
type Problem struct {
	Type, Title, Detail, Class string
	Status                     int
	Errors                     []struct{ Pointer, Detail string }
}

// WantProblem fails the test unless the answer is a problem document of the class, complete as the contract says.
func (a *Answer) WantProblem(status int, class string) Problem {
	a.Site.Helper()
	a.Want(status)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		a.Site.Fatalf("%s: the error is %q, not application/problem+json", a.What, got)
	}
	var p Problem
	a.JSON(&p)
	if p.Class != class || p.Status != status || p.Type == "" || p.Title == "" {
		a.Site.Fatalf("%s: want a problem of class %s with type and title: %s", a.What, class, a.Body)
	}
	return p
}

// JSON decodes the answer.
func (a *Answer) JSON(into any) {
	a.Site.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		a.Site.Fatalf("%s: %v: %.600s", a.What, err, a.Body)
	}
}

// Advance moves the clock by an ISO 8601 duration and returns after everything due has run.
func (s *Site) Advance(by string) time.Time {
	s.Helper()
	return s.clock(map[string]string{"advance": by})
}

// Set moves the clock to an instant.
func (s *Site) Set(to time.Time) {
	s.Helper()
	s.clock(map[string]string{"set": to.Format(time.RFC3339Nano)})
}

// Settle returns when nothing is left to do at the present time.
func (s *Site) Settle() {
	s.Helper()
	s.Advance("PT0S")
}

func (s *Site) clock(body any) time.Time {
	s.Helper()
	var now struct{ Now time.Time }
	s.Call("POST", "/dev/clock", "", body).Want(200).JSON(&now)
	return now.Now
}

// Now returns the time of the site.
func (s *Site) Now() time.Time {
	s.Helper()
	var now struct{ Now time.Time }
	s.Call("GET", "/dev/clock", "", nil).Want(200).JSON(&now)
	return now.Now
}

// Stderr returns what the process wrote so far, all starts together.
func (s *Site) Stderr() []byte {
	s.Helper()
	if s.log != nil {
		return s.log()
	}
	raw, err := os.ReadFile(s.LogFile)
	if err != nil {
		s.Fatal(err)
	}
	return raw
}

// Reachable reports whether something listens at the site's address.
func (s *Site) Reachable() bool {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.URL, "http://"), time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err == nil
}

// Eventually calls check until it is true; after the limit the test fails with what it waited for.
func (s *Site) Eventually(what string, limit time.Duration, check func() bool) {
	s.Helper()
	for end := time.Now().Add(limit); !check(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("waited %s in vain: %s", limit, what)
		}
	}
}

// Keys returns the keys of a map in order.
func Keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
