package ownertask_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/connectors/person"
	"github.com/habeas-dsar/habeas/connectors/recipientmail"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

const (
	tenant = "alder"
	base   = "https://privacy.example.com"
	// Values that must never be found in the open.
	ada      = "ada.zq7canary@example.com"
	adaName  = "Ada Zq7canary"
	phone    = "+447700900123"
	keeper   = "olga.zq7canary@example.com"
	heir     = "henry.zq7canary@example.com"
	fileName = "Zq7canary letters.pdf"
	canary   = "zq7canary"
)

// rig serves the page of owners over real stores in a temporary directory; the workflow does not run.
type rig struct {
	t     testing.TB
	now   time.Time
	dir   string
	log   bytes.Buffer
	table *sqlitetable.Store
	blobs *hooked
	set   *functions.Set
	site  http.Handler

	mu   sync.Mutex
	rows []casefile.OutboxRow
}

// hooked is an object store that lets a test act while a file is being stored.
type hooked struct {
	blobs.Store
	stored func()
}

func (h *hooked) Put(ctx context.Context, name string, r io.Reader) (blobs.Info, error) {
	info, err := h.Store.Put(ctx, name, r)
	if do := h.stored; do != nil && err == nil {
		h.stored = nil
		do()
	}
	return info, err
}

// still is an engine that runs every case and nothing in it.
type still struct{ workflow.Engine }

func (still) Describe(context.Context, string, string) (workflow.Execution, error) {
	return workflow.Execution{Status: workflow.Running}, nil
}

func newRig(t testing.TB, edit ...func(*functions.Ports)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), dir: t.TempDir()}
	now := func() time.Time { return r.now }
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(r.dir, "records.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	t.Cleanup(func() { _ = r.table.Close() })
	r.ok(filekeys.Create(filepath.Join(r.dir, "key")))
	k, err := filekeys.Open(filepath.Join(r.dir, "key"))
	r.ok(err)
	objects, err := dirblobs.Open(filepath.Join(r.dir, "objects"))
	r.ok(err)
	box, err := fileoutbox.Open(t.TempDir())
	r.ok(err)
	r.blobs = &hooked{Store: objects}
	p := functions.Ports{
		Table: r.table, Keeper: k, Blobs: r.blobs, Mail: box, Workflow: still{}, Connectors: []connector.Factory{person.Factory(), recipientmail.Factory()},
		Secret: func(string) (redact.Text, error) { return redact.Text{}, nil }, Now: now, Sleep: func(context.Context, time.Duration) error { return nil },
		Poke: r.poke, Publish: func(context.Context, events.Event) error { return nil }, Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		BaseURL: base, MailDomain: "privacy.example.com", TempDir: r.dir, Rules: verification.DefaultRules(),
	}
	for _, e := range edit {
		e(&p)
	}
	r.set, err = functions.New(p)
	r.ok(err)
	t.Cleanup(r.set.Systems.Close)
	r.set.Task.Limits = uploads.Limits{File: 64 << 10, Task: 150 << 10, Files: 5}
	r.ok(r.set.Registry.PutTenant(t.Context(), registry.Tenant{
		Name: tenant, Title: "Alder", Controller: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com",
		From: "Alder <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en",
	}))
	mux := http.NewServeMux()
	r.set.Register(mux)
	r.site = functions.Protect(mux)
	return r
}

func (r *rig) poke(rows []casefile.OutboxRow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, rows...)
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func identifier(t testing.TB, k subject.Kind, v string) subject.Identifier {
	t.Helper()
	i, err := subject.New(k, v)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// task is one task of an owner, with the newest link to it.
type task struct {
	*rig
	c  casefile.Case
	id string
}

// open opens a request whose person is verified, and puts one task to the owner of a system of the kind.
func (r *rig) open(right dsar.Right, kind string) *task {
	r.t.Helper()
	_, problems, err := r.set.Systems.Apply(r.t.Context(), registry.System{
		Tenant: tenant, Name: "archive", Title: "Paper archive", Kind: kind, Settings: json.RawMessage(`{"email":"` + keeper + `"}`),
	})
	if err != nil || len(problems) > 0 {
		r.t.Fatalf("registering: %v %v", err, problems)
	}
	c, err := r.set.Cases.Create(r.t.Context(), casefile.Opening{
		Tenant: tenant, Right: right, Channel: "portal", Country: "DE", ReceivedAt: r.now, Actor: evidence.Subject,
		Person: casefile.Person{
			Email: identifier(r.t, subject.Email, ada), Name: redact.NewText(adaName), Details: redact.NewText("my secret zq7canary details"),
			Proven:      []subject.Identifier{identifier(r.t, subject.Email, ada), identifier(r.t, subject.Phone, phone)},
			Corrections: []casefile.Correction{{Field: "surname", Value: redact.NewText("Zq7canary-Ross")}, {System: "shop", Field: "city", Value: redact.NewText("Bremen")}},
		},
	})
	r.ok(err)
	raw, err := json.Marshal(map[string]any{"tenant": tenant, "caseId": c.ID, "generation": 1, "schemaVersion": 1, "state": "Triage"})
	r.ok(err)
	_, err = r.set.Steps["Triage"](r.t.Context(), raw)
	r.ok(err)
	k := &task{rig: r, c: c}
	k.change(func(ctx context.Context, f *casefile.File) error {
		f.Case.Status, f.Case.Phase, f.Case.Verification.VerifiedAt = dsar.InProgress, dsar.PhaseRun, f.Now()
		t := f.AddTask("archive", plan.ActionFor(right))
		t.By, k.id = plan.Owner, t.ID
		return r.set.Owners.Ask(ctx, f, t)
	})
	return k
}

func (k *task) change(do func(ctx context.Context, f *casefile.File) error) {
	k.t.Helper()
	k.ok(step.Change(k.t.Context(), k.set.Cases, tenant, k.c.ID, do))
}

func (k *task) load() (*casefile.File, *casefile.Task) {
	k.t.Helper()
	f, err := k.set.Cases.Load(k.t.Context(), tenant, k.c.ID)
	k.ok(err)
	return f, f.Task(k.id)
}

var linkPattern = regexp.MustCompile(regexp.QuoteMeta(base) + `(/owner/[A-Za-z0-9_-]{43})\b`)

// letter is one mail to an owner.
type letter struct {
	kind, to, text, link string
}

// letters are the mails to owners so far.
func (k *task) letters() []letter {
	k.t.Helper()
	ms, ls, err := k.set.Cases.Letters(k.t.Context(), tenant, k.c.ID, 100)
	k.ok(err)
	var out []letter
	for n, m := range ms {
		if m.Party != casefile.ToOwner || m.TaskID != k.id {
			k.t.Errorf("letter %s is marked %q, task %q", m.Kind, m.Party, m.TaskID)
		}
		one := letter{kind: m.Kind, to: ls[n].To.Reveal(), text: ls[n].Text.Reveal()}
		if found := linkPattern.FindStringSubmatch(one.text); found != nil {
			one.link = found[1]
		}
		out = append(out, one)
	}
	return out
}

// link is the newest link.
func (k *task) link() string {
	k.t.Helper()
	for _, l := range slices.Backward(k.letters()) {
		if l.link != "" {
			return l.link
		}
	}
	k.t.Fatal("nobody got a link")
	return ""
}

// answer is what the site answered.
type answer struct {
	status   int
	location string
	body     string
}

func (r *rig) do(method, path, contentType string, body io.Reader) answer {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, base+path, body)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	r.site.ServeHTTP(w, req)
	if strings.HasPrefix(path, "/owner/") && w.Header().Get("Cache-Control") != "no-store" {
		r.t.Errorf("%s may be kept: %q", method, w.Header().Get("Cache-Control"))
	}
	return answer{w.Code, w.Header().Get("Location"), w.Body.String()}
}

func (r *rig) get(path string) answer { return r.do(http.MethodGet, path, "", nil) }

func (r *rig) form(path string, values url.Values) answer {
	return r.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// file is one file of a form.
type file struct{ name, body string }

// post sends the main form: fields in turn, files first.
func (r *rig) post(path string, files []file, fields ...string) answer {
	r.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range files {
		part, err := w.CreateFormFile("file", f.name)
		r.ok(err)
		_, err = part.Write([]byte(f.body))
		r.ok(err)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		r.ok(w.WriteField(fields[i], fields[i+1]))
	}
	r.ok(w.Close())
	return r.do(http.MethodPost, path, w.FormDataContentType(), &b)
}

func (r *rig) want(a answer, status int, words ...string) answer {
	r.t.Helper()
	if a.status != status {
		r.t.Fatalf("status %d, want %d: %s", a.status, status, text(a.body))
	}
	for _, w := range words {
		if !strings.Contains(a.body, w) {
			r.t.Errorf("the page lacks %q: %s", w, text(a.body))
		}
	}
	return a
}

var tags = regexp.MustCompile(`<[^>]*>`)

func text(body string) string {
	return strings.Join(strings.Fields(tags.ReplaceAllString(body, " ")), " ")
}

// objects lists what lies in the object store.
func (r *rig) objects() []string {
	r.t.Helper()
	page, err := r.blobs.List(r.t.Context(), "", "", 1000)
	r.ok(err)
	var out []string
	for _, o := range page.Objects {
		out = append(out, o.Name)
	}
	return out
}

// leaks looks for the canary in every file below the installation's directory, its names, and the log.
func (r *rig) leaks() {
	r.t.Helper()
	if strings.Contains(strings.ToLower(r.log.String()), canary) {
		r.t.Error("the log holds personal data")
	}
	r.ok(filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		low := bytes.ToLower(raw)
		// The settings of a system name whom to write to; they are no data of the person, and are kept as they were given.
		low = bytes.ReplaceAll(low, []byte(keeper), nil)
		for _, needle := range []string{canary, "7700900123", "letters 1998"} {
			if bytes.Contains(low, []byte(needle)) {
				r.t.Errorf("%s holds %q in the open", filepath.Base(path), needle)
			}
		}
		return nil
	}))
}

// verified exports the evidence and has it verified.
func (k *task) verified() {
	k.t.Helper()
	var b bytes.Buffer
	k.ok(k.set.Cases.WriteBundle(k.t.Context(), &b, tenant, k.c.ID))
	rep, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), evidence.VerifyOptions{})
	k.ok(err)
	if !rep.OK() {
		k.t.Errorf("evidence: %+v", rep.Findings)
	}
}
