package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/console"
	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/consent"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// The tenants of the tests; home is the first.
const (
	home  = "alder"
	other = "birch"
)

const password = "correct horse battery"

// rig is the console over real stores in a temporary directory, with a clock that stands still.
type rig struct {
	t     testing.TB
	h     *console.Handler
	mux   *http.ServeMux
	now   time.Time
	specs *document
}

// fakeSystems registers what it is given and finds what it is told to.
type fakeSystems struct {
	reg      *registry.Store
	problems []connector.Problem
	applyErr error
	health   connector.Health
	checkErr error
}

func (s *fakeSystems) Apply(ctx context.Context, sys registry.System) (registry.System, []connector.Problem, error) {
	if s.applyErr != nil || len(s.problems) > 0 {
		return sys, s.problems, s.applyErr
	}
	sys.Collections, sys.Identifiers = []string{"customers"}, []subject.Kind{subject.Email, subject.CustomerID}
	return sys, nil, s.reg.PutSystem(ctx, sys)
}

func (s *fakeSystems) Probe(_ context.Context, sys registry.System) (registry.System, []connector.Problem, error) {
	if len(sys.Rights) == 0 {
		sys.Rights = []dsar.Right{dsar.Access}
	}
	return sys, s.problems, s.applyErr
}

func (s *fakeSystems) Sketch(_ context.Context, sys registry.System) (*connector.Graph, []connector.Problem, error) {
	if sys.Dataset == "" {
		return nil, nil, nil
	}
	warnings := []connector.Problem{{Line: 3, Text: "is not searched by"}}
	l, err := datamap.Load([]byte(sys.Dataset))
	if err != nil {
		l = datamap.Loaded{} // a map that cannot be read has no sketch
	}
	for _, d := range l.Datasets {
		return connector.Sketch(d), warnings, nil
	}
	return nil, warnings, nil
}

func (s *fakeSystems) Check(context.Context, string, string) (connector.Health, error) {
	return s.health, s.checkErr
}

func (s *fakeSystems) Kinds(context.Context) ([]systems.Kind, error) {
	return []systems.Kind{{Name: "postgres", Settings: json.RawMessage(`{"type":"object"}`)}}, nil
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), specs: readDocument(t)}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	store := must[*sqlitetable.Store](t)(sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now}))
	t.Cleanup(func() { _ = store.Close() })
	if err := filekeys.Create(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	keeper := must[*filekeys.Keeper](t)(filekeys.Open(filepath.Join(dir, "key")))
	objects := must[*dirblobs.Store](t)(dirblobs.Open(filepath.Join(dir, "objects")))
	packs := must[*policy.Set](t)(policy.Load())
	catalogue := must[*letters.Catalogue](t)(letters.New())
	cases := casefile.NewStore(store, keys.NewVault(store, keeper), now, "example.com", func([]casefile.OutboxRow) {})
	reg := registry.NewStore(store, now)
	writer := &correspondence.Writer{Registry: reg, Packs: packs, Catalogue: catalogue, BaseURL: "https://privacy.example.com"}
	r.h = &console.Handler{
		Cases: cases, Registry: reg, Sessions: session.NewStore(store, now), Blobs: objects, Packs: packs,
		Pages:   must[*pages.Renderer](t)(pages.New()),
		Letters: writer, Desk: &identity.Desk{Cases: cases, Letters: writer, Rules: verification.DefaultRules()},
		Systems: &fakeSystems{reg: reg, health: connector.Health{Reachable: true, Rights: []connector.Right{"access"}}}, Passwords: passwords.New(2),
		Log: slog.New(slog.DiscardHandler), BaseURL: "https://privacy.example.com", Now: now,
		Consents: &consents.Desk{Ledger: consent.New(store, cases.Vault(), now), Packs: packs},
		Restores: fakeRestores{}, Holds: hold.NewStore(store, cases.Vault(), now), Authorities: authority.New(store, cases.Vault(), now), Lists: fakeLists{},
	}
	for _, name := range []string{home, other} {
		if err := reg.PutTenant(t.Context(), registry.Tenant{Name: name, Title: "The " + name + " shop", Controller: "Shop Ltd, 1 Example Street", Contact: "privacy@example.com", Zone: "Europe/Berlin", Locale: "en"}); err != nil {
			t.Fatal(err)
		}
		r.system(name, "shop")
		if err := reg.PutRecipient(t.Context(), registry.Recipient{Tenant: name, Name: "parcels", Title: "Parcels Ltd", Country: "DE", Purpose: "Delivery"}); err != nil {
			t.Fatal(err)
		}
	}
	r.mux = http.NewServeMux()
	r.h.Register(r.mux)
	return r
}

func (r *rig) system(tenant, name string) {
	r.t.Helper()
	old, err := r.h.Registry.System(r.t.Context(), tenant, name)
	if err != nil && !fault.Has(err, fault.NotFound) {
		r.t.Fatal(err)
	}
	err = r.h.Registry.PutSystem(r.t.Context(), registry.System{
		Tenant: tenant, Name: name, Title: "Web shop", Kind: "sqlite", Owner: "web@example.com", Settings: json.RawMessage(`{"path":"shop.db"}`),
		Secrets: map[string]string{"password": "env:SHOP_PASSWORD"}, Dataset: dataset, Rights: []dsar.Right{dsar.Access}, Recipients: []string{"parcels"},
		Identifiers: []subject.Kind{subject.Email, subject.CustomerID}, Collections: []string{"customers", "orders"}, CheckedAt: r.now.Add(-time.Hour),
		Facts: registry.SystemFacts{Purposes: []string{"Selling"}, Retention: "ten years"}, Version: old.Version,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

const dataset = `dataset:
  - fides_key: shop
    name: Shop
    collections:
      - name: customers
        fields:
          - name: id
            fides_meta: {primary_key: true, data_type: integer}
          - name: email
            data_categories: [user.contact.email]
            fides_meta: {identity: email, data_type: string}
`

// staff adds a member of staff with the roles and returns her id, a session and an API token. An empty tenant is every
// tenant.
func (r *rig) staff(tenant string, roles ...registry.Role) (id, cookie, token string) {
	r.t.Helper()
	id = dsar.NewID()
	hash := must[string](r.t)(r.h.Passwords.Hash(r.t.Context(), redact.NewText(password)))
	m := registry.Staff{ID: id, Tenant: tenant, Email: id[24:] + "@staff.example.com", Roles: roles, Password: hash, AddedAt: r.now}
	if err := r.h.Registry.AddStaff(r.t.Context(), m); err != nil {
		r.t.Fatal(err)
	}
	cookie = must[string](r.t)(r.h.Sessions.New(r.t.Context(), session.Grant{Kind: session.Staff, StaffID: id, ExpiresAt: r.now.Add(session.StaffLife)}))
	token = must[string](r.t)(r.h.Sessions.NewAPI(r.t.Context(), id, tenant, "test"))
	return id, cookie, token
}

const canary = "ada.canary@example.com"

func (r *rig) open(tenant string, edit func(o *casefile.Opening)) casefile.Case {
	r.t.Helper()
	o := casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", ReceivedAt: r.now, Actor: evidence.Subject, Country: "DE",
		Person: casefile.Person{Email: must[subject.Identifier](r.t)(subject.New(subject.Email, canary)), Name: redact.NewText("Ada Canary"), Details: redact.NewText("Canary details.")},
	}
	if edit != nil {
		edit(&o)
	}
	return must[casefile.Case](r.t)(r.h.Cases.Create(r.t.Context(), o))
}

// edit changes a case as a step of the workflow would.
func (r *rig) edit(c casefile.Case, do func(f *casefile.File)) {
	r.t.Helper()
	err := step.Change(r.t.Context(), r.h.Cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error {
		do(f)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) one(c casefile.Case) casefile.Case {
	r.t.Helper()
	return must[casefile.Case](r.t)(r.h.Cases.Case(r.t.Context(), c.Tenant, c.ID))
}

// triaged gives the case its law and date, as triage does.
func (r *rig) triaged(c casefile.Case) casefile.Case {
	r.t.Helper()
	r.edit(c, func(f *casefile.File) {
		person, err := f.Person()
		if err != nil {
			r.t.Fatal(err)
		}
		tenant := must[registry.Tenant](r.t)(r.h.Registry.Tenant(r.t.Context(), f.Case.Tenant))
		allowed := must[func(policy.Pack) bool](r.t)(r.h.Registry.Allowed(r.t.Context(), tenant))
		choice := must[policy.Choice](r.t)(statute.Choose(r.h.Packs, &f.Case, person.Region, tenant, allowed))
		statute.Pin(&f.Case, choice)
		if err := statute.Set(&f.Case, r.h.Packs, tenant); err != nil {
			r.t.Fatal(err)
		}
		f.Case.Status, f.Case.Phase = dsar.Verifying, dsar.PhaseVerify
	})
	return r.one(c)
}

// verified also proves the address.
func (r *rig) verified(c casefile.Case) casefile.Case {
	r.t.Helper()
	r.triaged(c)
	r.edit(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Phase, f.Case.Verification.VerifiedAt = dsar.InProgress, dsar.PhaseRun, f.Now()
		p := must[*casefile.Person](r.t)(f.Person())
		p.Proven = subject.Add(p.Proven, p.Email)
	})
	return r.one(c)
}

const packageBytes = "PK the package of the canary"

// busy is a case in which everything waits at once: a response for review, a task and the whole case for a person.
func (r *rig) busy(tenant string) (c casefile.Case, taskID string) {
	r.t.Helper()
	c = r.verified(r.open(tenant, nil))
	r.edit(c, func(f *casefile.File) {
		p := plan.Plan{PreparedBy: evidence.System, GrowthLimit: plan.DefaultGrowthLimit, Systems: []plan.System{{Name: "shop", Action: dsar.ReadOut, By: plan.Machine, Collections: []plan.Collection{{Name: "customers", Action: "access", Records: 3}}}}}
		if err := p.Seal(); err != nil {
			r.t.Fatal(err)
		}
		f.Case.Plan = &p
		done := f.AddTask("shop", dsar.ReadOut)
		done.Collections = []casefile.Collection{{Name: "customers", Outcome: dsar.Found, Records: 3}, {Name: "orders", Outcome: dsar.NothingHeld}}
		done.Done(dsar.Found, f.Now())
		ask := f.AddTask("archive", dsar.Locate)
		ask.Ask("ambiguous", "Two accounts share one telephone number.", f.Now(), casefile.AnswersForAmbiguity)
		taskID = ask.ID
		r.assemble(f)
		f.Case.Status, f.Case.Phase = dsar.AwaitingReview, dsar.PhaseReviewResponse
		f.Case.Operator = &casefile.Operator{Fault: "internal", Phase: string(dsar.PhaseAssemble), Since: f.Now()}
	})
	return r.one(c), taskID
}

// lose queues a letter to the person, the first of the case, and has it come back.
func (r *rig) lose(f *casefile.File) {
	r.t.Helper()
	l := casefile.Letter{Kind: "message", To: redact.NewText("ann@example.com"), Subject: "A message about your request", Text: redact.NewText("Hello.")}
	if err := f.Send(l); err != nil {
		r.t.Fatal(err)
	}
	u := casefile.Undelivered{N: f.Case.LettersNo, Kind: l.Kind, State: mail.Bounced, Why: casefile.ReportBounce, Since: f.Now()}
	f.Case.Undelivered = append(f.Case.Undelivered, u)
}

// untold gives up telling a recipient that data was erased.
func (r *rig) untold(f *casefile.File) {
	r.t.Helper()
	if _, err := f.Inform(r.t.Context(), []string{"parcels"}, "shop", dsar.Erased); err != nil {
		r.t.Fatal(err)
	}
	n := must[*casefile.Notice](r.t)(f.NoticeTo(r.t.Context(), "parcels"))
	if err := f.GiveUpNotice(n, fault.Unavailable); err != nil {
		r.t.Fatal(err)
	}
}

// assemble stores a sealed package.
func (r *rig) assemble(f *casefile.File) {
	r.t.Helper()
	name := "package/" + f.Case.Tenant + "/" + f.Case.ID + "/g1-1"
	var b bytes.Buffer
	sealed := must[io.WriteCloser](r.t)(f.Keys.SealResults(&b))
	if _, err := io.WriteString(sealed, packageBytes); err != nil {
		r.t.Fatal(err)
	}
	if err := sealed.Close(); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.h.Blobs.Put(r.t.Context(), name, &b); err != nil {
		r.t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(packageBytes))
	f.Case.Package = &casefile.Package{
		Volumes: []casefile.Volume{{Object: name, Bytes: int64(len(packageBytes)), SHA256: hex.EncodeToString(sum[:]), Name: "data.zip"}},
		Records: 3, Bytes: int64(len(packageBytes)), BuiltAt: f.Now(), ExpiresAt: f.Now().AddDate(0, 0, 30),
	}
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	body string
}

func (p reply) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(p.body), &v); err != nil {
		t.Fatalf("the answer is not a JSON object: %v", err)
	}
	return v
}

func (r *rig) do(req *http.Request) reply {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	p := reply{w.Result(), w.Body.String()}
	if strings.HasPrefix(req.URL.Path, "/api/") {
		r.specs.check(r.t, req, p)
	}
	return p
}

// call makes an API call; headers are names and values in turn. Every answer is held to the OpenAPI document.
func (r *rig) call(token, method, path, body string, headers ...string) reply {
	r.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, in)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.do(req)
}

// page asks for a page, or sends a form when there is one.
func (r *rig) page(cookie, method, path string, form url.Values) reply {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if cookie != "" {
		req.AddCookie(&http.Cookie{Name: "habeas_staff", Value: cookie})
	}
	return r.do(req)
}

// want fails unless the answer has the status.
func (r *rig) want(p reply, status int) reply {
	r.t.Helper()
	if p.StatusCode != status {
		r.t.Fatalf("got %d, want %d: %.600s", p.StatusCode, status, p.body)
	}
	return p
}
