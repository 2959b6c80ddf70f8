package portal_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
)

const (
	home  = "alder"
	other = "birch"
	base  = "https://privacy.example.com"
	ada   = "ada@example.com"
)

// rig serves the portal over real stores in a temporary directory; the workflow does not run.
type rig struct {
	t     testing.TB
	now   time.Time
	table *sqlitetable.Store
	set   *functions.Set
	site  http.Handler
	blobs *dirblobs.Store
}

func newRig(t testing.TB, edit ...func(*functions.Ports)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	t.Cleanup(func() { _ = r.table.Close() })
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	r.blobs, err = dirblobs.Open(filepath.Join(dir, "objects"))
	r.ok(err)
	box, err := fileoutbox.Open(filepath.Join(dir, "outbox"))
	r.ok(err)
	p := functions.Ports{
		Table: r.table, Keeper: keeper, Blobs: r.blobs, Mail: box, Now: now, Sleep: func(context.Context, time.Duration) error { return nil }, Poke: func([]casefile.OutboxRow) {}, Publish: func(context.Context, events.Event) error { return nil },
		Log: slog.New(slog.DiscardHandler), BaseURL: base, MailDomain: "privacy.example.com", TempDir: dir, Rules: verification.DefaultRules(),
	}
	for _, e := range edit {
		e(&p)
	}
	r.set, err = functions.New(p)
	r.ok(err)
	for _, name := range []string{home, other} {
		r.ok(r.set.Registry.PutTenant(t.Context(), registry.Tenant{
			Name: name, Title: "The " + name + " shop", Controller: "Shop Ltd, 1 Example Street", Contact: "privacy@example.com",
			From: "Shop <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en",
		}))
	}
	mux := http.NewServeMux()
	r.set.Register(mux)
	r.site = functions.Protect(mux)
	return r
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// answer is what the site answered.
type answer struct {
	*http.Response
	body string
}

// call is one request. A body that begins with { is JSON, any other one a form.
type call struct {
	method, path, body string
	bearer, cookie     string
	header             http.Header
}

func (r *rig) send(c call) answer {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), c.method, base+c.path, strings.NewReader(c.body))
	req.RemoteAddr = "198.51.100.7:4711"
	maps.Copy(req.Header, c.header)
	switch {
	case c.body == "":
	case strings.HasPrefix(c.body, "{"):
		req.Header.Set("Content-Type", "application/json")
	default:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if c.cookie != "" {
		req.AddCookie(&http.Cookie{Name: "habeas_request", Value: c.cookie})
	}
	w := httptest.NewRecorder()
	r.site.ServeHTTP(w, req)
	res := w.Result()
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	r.ok(err)
	return answer{res, string(raw)}
}

func (r *rig) want(a answer, status int) answer {
	r.t.Helper()
	if a.StatusCode != status {
		r.t.Fatalf("answered %d, want %d: %.300s", a.StatusCode, status, a.body)
	}
	return a
}

// form joins names and values.
func form(pairs ...string) string {
	v := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		v.Add(pairs[n], pairs[n+1])
	}
	return v.Encode()
}

// open records a request and takes it to its mailed code.
func (r *rig) open(tenant, address string) casefile.Case {
	r.t.Helper()
	who, err := subject.New(subject.Email, address)
	r.ok(err)
	c, err := r.set.Cases.Create(r.t.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Country: "DE", ReceivedAt: r.now, Actor: evidence.Subject,
		Person: casefile.Person{Email: who, Name: redact.NewText("Ada Lovelace")},
	})
	r.ok(err)
	r.step("Triage", c)
	r.step("Acknowledge", c)
	return c
}

func (r *rig) step(name string, c casefile.Case) {
	r.t.Helper()
	raw, err := json.Marshal(map[string]any{"tenant": c.Tenant, "caseId": c.ID, "generation": 1, "schemaVersion": 1})
	r.ok(err)
	_, err = r.set.Steps[name](r.t.Context(), raw)
	r.ok(err)
}

var (
	codePattern = regexp.MustCompile(`(?m)^\s+(\d{4}) ?(\d{4})\s*$`)
	linkPattern = regexp.MustCompile(`/requests/[0-9A-Z-]+/confirm\?s=([A-Z0-9]+)`)
)

// mailed returns the newest code and link secret that were mailed.
func (r *rig) mailed(c casefile.Case) (code, link string) {
	r.t.Helper()
	_, ls, err := r.set.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
	r.ok(err)
	for _, l := range ls {
		if m := codePattern.FindStringSubmatch(l.Text.Reveal()); m != nil {
			code = m[1] + m[2]
		}
		if m := linkPattern.FindStringSubmatch(l.Text.Reveal()); m != nil {
			link = m[1]
		}
	}
	return code, link
}

func (r *rig) letters(c casefile.Case) int {
	r.t.Helper()
	ms, _, err := r.set.Cases.Letters(r.t.Context(), c.Tenant, c.ID, 100)
	r.ok(err)
	return len(ms)
}

func (r *rig) one(c casefile.Case) casefile.Case {
	r.t.Helper()
	c, err := r.set.Cases.Case(r.t.Context(), c.Tenant, c.ID)
	r.ok(err)
	return c
}

func (r *rig) change(c casefile.Case, do func(f *casefile.File) error) {
	r.t.Helper()
	r.ok(step.Change(r.t.Context(), r.set.Cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error { return do(f) }))
}

// signIn proves the address and returns the session.
func (r *rig) signIn(c casefile.Case) string {
	r.t.Helper()
	code, _ := r.mailed(c)
	a := r.want(r.send(call{method: "POST", path: api(c) + "/verification", body: `{"code":"` + code + `"}`}), 200)
	var v struct{ Session string }
	r.ok(json.Unmarshal([]byte(a.body), &v))
	return v.Session
}

func api(c casefile.Case) string { return "/t/" + c.Tenant + "/api/v1/requests/" + c.Reference }

func page(c casefile.Case) string { return "/t/" + c.Tenant + "/requests/" + c.Reference }

// answered gives the case a package of volumes that hold their number.
func (r *rig) answered(c casefile.Case, volumes int) {
	r.t.Helper()
	f, err := r.set.Cases.Load(r.t.Context(), c.Tenant, c.ID)
	r.ok(err)
	var p casefile.Package
	for n := range volumes {
		name := "package/" + c.Tenant + "/" + c.ID + "/g1-" + string(rune('1'+n))
		pr, pw := io.Pipe()
		go func() {
			w, err := f.Keys.SealResults(pw)
			if err == nil {
				_, err = io.WriteString(w, "volume "+string(rune('1'+n)))
			}
			if err == nil {
				err = w.Close()
			}
			_ = pw.CloseWithError(err)
		}()
		_, err := r.blobs.Put(r.t.Context(), name, pr)
		r.ok(err)
		p.Volumes = append(p.Volumes, casefile.Volume{Object: name, Bytes: 8, SHA256: "00", Name: "answer.zip"})
	}
	p.BuiltAt, p.ExpiresAt = r.now, r.now.AddDate(0, 0, 30)
	r.change(c, func(f *casefile.File) error {
		f.Case.Status, f.Case.Package, f.Case.Answered, f.Case.ClosedAt = dsar.Fulfilled, &p, true, r.now
		return nil
	})
}

// download makes a link by the API and returns its path.
func (r *rig) download(c casefile.Case, token string) string {
	r.t.Helper()
	a := r.want(r.send(call{method: "POST", path: api(c) + "/package", bearer: token}), 200)
	var v struct{ URL string }
	r.ok(json.Unmarshal([]byte(a.body), &v))
	return strings.TrimPrefix(v.URL, base)
}

// stored prints every row of the tables that a request may change, to see whether it did.
func (r *rig) stored(c casefile.Case) string {
	r.t.Helper()
	var b strings.Builder
	for _, q := range []table.Query{
		{Table: table.Cases, PK: "T#" + c.Tenant + "#C#" + c.ID}, {Table: table.Ledger, PK: "T#" + c.Tenant + "#E#" + c.ID},
	} {
		page, err := r.table.Query(r.t.Context(), q)
		r.ok(err)
		for _, it := range page.Items {
			b.WriteString(it.SK + " " + string(rune('0'+it.Version)) + "\n")
		}
	}
	return b.String()
}

// session makes a session of a data subject as it would stand in the table.
func (r *rig) session(c casefile.Case, life time.Duration) string {
	r.t.Helper()
	token, err := r.set.Sessions.New(r.t.Context(), session.Grant{Kind: session.Subject, Tenant: c.Tenant, CaseID: c.ID, ExpiresAt: r.now.Add(life)})
	r.ok(err)
	return token
}
