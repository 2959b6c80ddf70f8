package local_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// provider takes mails, knows what it took, and counts how often it was handed each.
type provider struct {
	mu     sync.Mutex
	down   bool
	handed map[string]int
	texts  map[string]string // newest, by address
}

func (p *provider) Send(_ context.Context, m mail.Message) (mail.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return mail.Claimed, fault.New(fault.Unavailable, "the provider is down")
	}
	p.handed[m.MessageID]++
	p.texts[m.To.Reveal()] = m.Text.Reveal()
	return mail.Sent, nil
}

func (p *provider) Lookup(_ context.Context, id string) (mail.State, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handed[id] > 0 {
		return mail.Sent, nil
	}
	return mail.Claimed, nil
}

func (p *provider) set(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *provider) code(t *testing.T, to string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := codePattern.FindStringSubmatch(p.texts[to])
	if c == nil {
		t.Fatalf("no code was mailed to %s", to)
	}
	return c[1] + c[2]
}

// run starts an installation on a directory; stop ends it.
func run(t *testing.T, dir string, p *provider) (s *site, stop func()) {
	t.Helper()
	clock, err := local.OpenManualClock(filepath.Join(dir, "clock"), start)
	if err != nil {
		t.Fatal(err)
	}
	app, err := local.Open(t.Context(), local.Config{
		Dir: dir, BaseURL: "http://habeas.test", MailDomain: "habeas.test", Demo: true, Clock: clock, NoLimits: true, Mail: p,
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
	stop = sync.OnceFunc(func() {
		srv.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := app.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return &site{t, app, srv}, stop
}

const requests = "/t/lumen/api/v1/requests"

// ask opens a request of access and returns its reference.
func (s *site) ask(email string) string {
	s.t.Helper()
	ref := s.call("POST", requests, "", map[string]any{"right": "access", "email": email, "country": "DE"}, 202)["reference"].(string)
	s.idle()
	return ref
}

// finish proves who asks and waits for the answer.
func (s *site) finish(ref, code string) {
	s.t.Helper()
	session := s.call("POST", requests+"/"+ref+"/verification", "", map[string]string{"code": code}, 200)["session"].(string)
	s.idle()
	if st := s.call("GET", requests+"/"+ref, session, nil, 200); st["status"] != "fulfilled" {
		s.t.Fatalf("the request is %v", st["status"])
	}
}

// id returns the case behind a reference.
func (s *site) id(ref string) string {
	s.t.Helper()
	id, err := s.app.Cases.ByReference(s.t.Context(), "lumen", strings.ReplaceAll(ref, "-", ""))
	if err != nil {
		id, err = s.app.Cases.ByReference(s.t.Context(), "lumen", ref)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *site) kinds(id string) map[string]int {
	s.t.Helper()
	out := map[string]int{}
	for e, err := range evidence.Read(s.t.Context(), s.app.Cases.Table(), "lumen", id) {
		if err != nil {
			s.t.Fatal(err)
		}
		out[e.Kind]++
	}
	return out
}

// proves checks the evidence of a case as an auditor does.
func (s *site) proves(id string) {
	s.t.Helper()
	var b bytes.Buffer
	if err := s.app.Cases.WriteBundle(s.t.Context(), &b, "lumen", id); err != nil {
		s.t.Fatal(err)
	}
	rep, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{})
	if err != nil || len(rep.Findings) > 0 {
		s.t.Fatalf("the evidence does not verify: %v %+v", err, rep.Findings)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func restore(t *testing.T, o local.RestoreOptions) (local.Restored, error) {
	t.Helper()
	o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return local.Restore(t.Context(), o)
}

// TestBackupOfARunningCase: a backup is taken while one request waits for its code and the mail of another is on its way. The
// first is answered; then everything is lost. What is restored answers it again, and mails nothing twice.
func TestBackupOfARunningCase(t *testing.T) {
	old, p := t.TempDir(), &provider{handed: map[string]int{}, texts: map[string]string{}}
	s, stop := run(t, old, p)
	ref := s.ask(demo.TypicalEmail)
	code := p.code(t, demo.TypicalEmail)
	p.set(true)
	late := s.ask("late@example.com")
	file := filepath.Join(t.TempDir(), "habeas.backup")
	b, err := local.TakeBackup(t.Context(), old, file, "")
	if err != nil {
		t.Fatal(err)
	}
	if !b.KeysExpire.Equal(b.TakenAt.AddDate(0, 0, 30)) || b.Records["cases"] == 0 || b.Records["casekeys"] != 2 {
		t.Fatalf("the backup says %+v", b)
	}
	if _, err := local.TakeBackup(t.Context(), old, file, ""); !fault.Has(err, fault.Conflict) {
		t.Fatalf("a backup that exists was replaced: %v", err)
	}
	keepsToItself(t, file)
	p.set(false)
	s.finish(ref, code)
	id, lateID := s.id(ref), s.id(late)
	stop()

	fresh := t.TempDir()
	if _, err := restore(t, local.RestoreOptions{Dir: fresh, From: file}); !fault.Has(err, fault.NotFound) {
		t.Fatalf("without the key file: %v", err)
	}
	if err := filekeys.Create(filepath.Join(fresh, "master.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, local.RestoreOptions{Dir: fresh, From: file}); !fault.Has(err, fault.Misconfigured) {
		t.Fatalf("with the key file of another installation: %v", err)
	}
	copyFile(t, filepath.Join(old, "master.key"), filepath.Join(fresh, "master.key"))
	r, err := restore(t, local.RestoreOptions{Dir: fresh, From: file})
	if err != nil {
		t.Fatal(err)
	}
	if r.TakenOver != 2 || r.Mails != 1 || r.ListFound {
		t.Fatalf("the restore says %+v", r)
	}
	if _, err := restore(t, local.RestoreOptions{Dir: fresh, From: file}); !fault.Has(err, fault.Conflict) {
		t.Fatalf("an installation was restored over: %v", err)
	}

	s, _ = run(t, fresh, p)
	s.idle()
	if m, _, err := s.app.Cases.Mail(t.Context(), "lumen", lateID, 1); err != nil || m.State != mail.Unknown {
		t.Errorf("the mail that was on its way is %s, %v", m.State, err)
	}
	s.finish(ref, code)
	if got, _ := s.app.Cases.Case(t.Context(), "lumen", id); got.Generation != 2 {
		t.Errorf("the case goes on in generation %d", got.Generation)
	}
	if k := s.kinds(id); k["restored"] != 1 || k["taken_over"] != 1 || k["case_closed"] != 1 {
		t.Errorf("the evidence has %v", k)
	}
	s.proves(id)
	s.proves(lateID)
	for _, name := range slices.Sorted(maps.Keys(p.handed)) {
		if p.handed[name] != 1 {
			t.Errorf("%s was mailed %d times", name, p.handed[name])
		}
	}
	journal := s.kinds(evidence.Backups)
	if journal["installation_restored"] != 1 {
		t.Errorf("the journal has %v", journal)
	}
}

// keepsToItself looks into a backup for what must not be there.
func keepsToItself(t *testing.T, file string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(f.Name, "tokens") || bytes.Contains(raw, []byte("TOK#")) {
			t.Errorf("%s holds sessions or codes", f.Name)
		}
		if bytes.Contains(raw, []byte("late@example.com")) || bytes.Contains(raw, []byte(demo.TypicalEmail)) {
			t.Errorf("%s holds somebody in the open", f.Name)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
}

// TestWhatWasDestroyedStaysDestroyed: one case is closed when the backup is taken and another is open. Years later both are
// disposed of; then the backup is restored.
func TestWhatWasDestroyedStaysDestroyed(t *testing.T) {
	old, p := t.TempDir(), &provider{handed: map[string]int{}, texts: map[string]string{}}
	s, stop := run(t, old, p)
	closed := s.ask(demo.TypicalEmail)
	s.finish(closed, p.code(t, demo.TypicalEmail))
	open := s.ask("open@example.com")
	code := p.code(t, "open@example.com")
	dir := t.TempDir()
	file, apart := filepath.Join(dir, "habeas.backup"), filepath.Join(dir, "habeas.keys")
	if _, err := local.TakeBackup(t.Context(), old, file, apart); err != nil {
		t.Fatal(err)
	}
	s.finish(open, code)
	ids := []string{s.id(closed), s.id(open)}
	if err := s.app.Advance(t.Context(), start.AddDate(3, 0, 10)); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if k := s.kinds(id); k["case_disposed"] != 1 {
			t.Fatalf("the case was not disposed of: %v", k)
		}
		s.proves(id)
	}
	stop()

	fresh := t.TempDir()
	for _, name := range []string{"master.key", "shredded", "clock"} {
		copyFile(t, filepath.Join(old, name), filepath.Join(fresh, name))
	}
	if _, err := restore(t, local.RestoreOptions{Dir: fresh, From: file}); !fault.Has(err, fault.Invalid) {
		t.Fatalf("without the keys: %v", err)
	}
	if _, err := restore(t, local.RestoreOptions{Dir: fresh, From: file, Keys: apart}); !fault.Has(err, fault.Conflict) {
		t.Fatalf("keys that have outlived their time: %v", err)
	}
	r, err := restore(t, local.RestoreOptions{Dir: fresh, From: file, Keys: apart, ExpiredKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	if r.Shredded != 2 || !r.ListFound || r.TakenOver != 0 {
		t.Fatalf("the restore says %+v", r)
	}
	s, _ = run(t, fresh, p)
	s.idle()
	for _, id := range ids {
		if _, err := s.app.Cases.Load(t.Context(), "lumen", id); !fault.Has(err, fault.NotFound) {
			t.Errorf("a destroyed case can be read: %v", err)
		}
		if c, err := s.app.Cases.Case(t.Context(), "lumen", id); err != nil || c.Disposal.At.IsZero() || c.Open() {
			t.Errorf("its open part: %v", err)
		}
		if k := s.kinds(id); k["case_disposed"] != 1 {
			t.Errorf("its evidence has %v", k)
		}
		s.proves(id)
	}
	names, err := filepath.Glob(filepath.Join(fresh, "objects", "objects", "*", "lumen", "*"))
	if err != nil || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(ids, filepath.Base(n)) }) {
		t.Errorf("objects of destroyed cases came back: %v, %v", names, err)
	}
	if due, err := s.app.Cases.NextDisposal(t.Context(), time.Time{}); err != nil || !due.IsZero() {
		t.Errorf("something is left to dispose of at %s, %v", due, err)
	}
}
