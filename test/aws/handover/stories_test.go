package handover

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/habeas-dsar/habeas/connectors/person"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/blobs/s3blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

const tenant = "alder"

// site is portal, console and the page of owners over objects in S3; records are on disk.
type site struct {
	testing.TB
	base  string
	now   time.Time
	store *s3blobs.Store
	set   *functions.Set
	http  http.Handler
}

func newSite(t testing.TB, cfg aws.Config) *site {
	t.Helper()
	s := &site{TB: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), store: open(t, cfg)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.base = server.URL
	now := func() time.Time { return s.now }
	dir := t.TempDir()
	records, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	s.ok(err)
	t.Cleanup(func() { _ = records.Close() })
	s.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	s.ok(err)
	box, err := fileoutbox.Open(filepath.Join(dir, "outbox"))
	s.ok(err)
	s.set, err = functions.New(functions.Ports{
		Table: records, Keeper: keeper, Blobs: s.store, HandOver: s.store, Mail: box, Now: now, Connectors: []connector.Factory{person.Factory()},
		Sleep: func(context.Context, time.Duration) error { return nil }, Poke: func([]casefile.OutboxRow) {},
		Publish: func(context.Context, events.Event) error { return nil }, Log: slog.New(slog.DiscardHandler),
		Secret:  func(string) (redact.Text, error) { return redact.Text{}, nil },
		BaseURL: s.base, MailDomain: "privacy.example.com", TempDir: dir, Rules: verification.DefaultRules(),
	})
	s.ok(err)
	t.Cleanup(s.set.Systems.Close)
	s.ok(s.set.Registry.PutTenant(t.Context(), registry.Tenant{
		Name: tenant, Title: "Alder", Controller: "Alder Ltd, 1 Example Street", Contact: "privacy@example.com",
		From: "Alder <privacy@example.com>", Zone: "Europe/Berlin", Locale: "en",
	}))
	mux := http.NewServeMux()
	s.set.Register(mux)
	s.http = functions.Protect(mux)
	return s
}

func (s *site) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *site) request() casefile.Case {
	s.Helper()
	who, err := subject.New(subject.Email, "ada@example.com")
	s.ok(err)
	c, err := s.set.Cases.Create(s.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Country: "DE", ReceivedAt: s.now, Actor: evidence.Subject,
		Person: casefile.Person{Email: who, Proven: []subject.Identifier{who}},
	})
	s.ok(err)
	for _, step := range []string{"Triage", "Acknowledge"} {
		raw, err := json.Marshal(map[string]any{"tenant": tenant, "caseId": c.ID, "generation": 1, "schemaVersion": 1, "state": step})
		s.ok(err)
		_, err = s.set.Steps[step](s.Context(), raw)
		s.ok(err)
	}
	return c
}

// change changes a case that nobody else changes.
func (s *site) change(c casefile.Case, do func(f *casefile.File)) {
	s.Helper()
	f, err := s.set.Cases.Load(s.Context(), tenant, c.ID)
	s.ok(err)
	do(f)
	s.ok(s.set.Cases.Commit(s.Context(), f))
}

// packed gives a request its answer: one volume of so many random bytes.
func (s *site) packed(c casefile.Case, size int) []byte {
	s.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails (crypto/rand)
	f, err := s.set.Cases.Load(s.Context(), tenant, c.ID)
	s.ok(err)
	var sealed bytes.Buffer
	w, err := f.Keys.SealResults(&sealed)
	s.ok(err)
	_, err = w.Write(content)
	s.ok(err)
	s.ok(w.Close())
	name := "package/" + tenant + "/" + c.ID + "/g1-1"
	_, err = s.store.Put(s.Context(), name, &sealed)
	s.ok(err)
	sum := sha256.Sum256(content)
	s.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Answered, f.Case.ClosedAt = dsar.Fulfilled, true, s.now
		f.Case.Package = &casefile.Package{
			Volumes: []casefile.Volume{{Object: name, Bytes: int64(size), SHA256: hex.EncodeToString(sum[:]), Name: c.Reference + ".zip"}},
			BuiltAt: s.now, ExpiresAt: s.now.AddDate(0, 0, 30),
		}
	})
	return content
}

func (s *site) send(method, path, contentType, bearer, body string) *http.Response {
	s.Helper()
	req := httptest.NewRequestWithContext(s.Context(), method, s.base+path, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	w := httptest.NewRecorder()
	s.http.ServeHTTP(w, req)
	return w.Result()
}

func (s *site) text(r *http.Response, want int) string {
	s.Helper()
	raw, err := io.ReadAll(r.Body)
	s.ok(err)
	if r.StatusCode != want {
		s.Fatalf("answered %d, want %d: %.300s", r.StatusCode, want, raw)
	}
	return string(raw)
}

// fetch gets what lies behind an address of S3.
func (s *site) fetch(address string) (int, []byte) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodGet, address, nil)
	s.ok(err)
	res, err := http.DefaultClient.Do(req)
	s.ok(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	s.ok(err)
	return res.StatusCode, raw
}

func (s *site) lying(prefix string) (names []string) {
	s.Helper()
	page, err := s.store.List(s.Context(), prefix, "", 0)
	s.ok(err)
	for _, o := range page.Objects {
		names = append(names, o.Name)
	}
	return names
}

func (s *site) clockwork(d time.Duration) {
	s.Helper()
	s.now = s.now.Add(d)
	_, err := s.set.Dispose(s.Context())
	s.ok(err)
}

// hand asks for the one volume of a request and returns the address of S3.
func (s *site) hand(c casefile.Case) string {
	s.Helper()
	token, err := s.set.Sessions.New(s.Context(), session.Grant{Kind: session.Subject, Tenant: tenant, CaseID: c.ID, ExpiresAt: s.now.Add(time.Hour)})
	s.ok(err)
	var link struct{ URL string }
	s.ok(json.Unmarshal([]byte(s.text(s.send("POST", "/t/"+tenant+"/api/v1/requests/"+c.Reference+"/package", "application/json", token, "{}"), 200)), &link))
	r := s.send("POST", strings.TrimPrefix(link.URL, s.base), "application/json", token, `{"volume":1}`)
	s.text(r, http.StatusSeeOther)
	return r.Header.Get("Location")
}

func TestAPackageLiesInTheOpenForMinutes(t *testing.T) {
	clouds(t, func(t *testing.T, cfg aws.Config) {
		s := newSite(t, cfg)
		c := s.request()
		want := s.packed(c, 9<<20) // more than one part of an upload, and than any answer of a function
		address := s.hand(c)
		for range 2 {
			if status, got := s.fetch(address); status != 200 || !bytes.Equal(got, want) {
				t.Fatalf("the address answers %d with %d bytes", status, len(got))
			}
		}
		if len(s.lying("delivery/")) != 1 {
			t.Errorf("there lies %v", s.lying("delivery/"))
		}
		s.clockwork(handover.OpenLife)
		if status, _ := s.fetch(address); status != 404 || len(s.lying("delivery/")) != 0 {
			t.Errorf("after its time the address answers %d, and there lies %v", status, s.lying("delivery/"))
		}
		s.clockwork(handover.AfterDelivery)
	})
}

var (
	action = regexp.MustCompile(`<form method="post" action="(http://127[^"]*)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

func TestAnOwnerPutsALargeFileIntoTheInbox(t *testing.T) {
	clouds(t, func(t *testing.T, cfg aws.Config) {
		s := newSite(t, cfg)
		c, link := s.ownersTask()
		content := "%PDF-1.4 " + strings.Repeat("x", 9<<20)
		for body, want := range map[string]string{content: "a large file.pdf", "MZ": "was not added"} {
			page := html.UnescapeString(s.text(s.send("POST", link+"/file", "application/x-www-form-urlencoded", "", url.Values{"filename": {"a large file.pdf"}}.Encode()), 200))
			f := blobs.Form{URL: redact.NewText(action.FindStringSubmatch(page)[1])}
			for _, m := range hidden.FindAllStringSubmatch(page, -1) {
				f.Fields = append(f.Fields, blobs.FormField{Name: m[1], Value: redact.NewText(m[2])})
			}
			status, location := blobstest.Post(t, f, "scan.pdf", body)
			if status != http.StatusSeeOther || len(s.lying("inbox/")) != 1 {
				t.Fatalf("the store answers %d, and there lies %v", status, s.lying("inbox/"))
			}
			s.text(s.send("GET", strings.TrimPrefix(location, s.base), "", "", ""), http.StatusSeeOther)
			if left := s.lying("inbox/"); len(left) != 0 {
				t.Errorf("in the open: %v", left)
			}
			if page := s.text(s.send("GET", link, "", "", ""), 200); !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		f, err := s.set.Cases.Load(t.Context(), tenant, c.ID)
		s.ok(err)
		up := f.Tasks[0].Owner.Uploads
		if sum := sha256.Sum256([]byte(content)); len(up) != 1 || up[0].SHA256 != hex.EncodeToString(sum[:]) || len(s.lying("raw/")) != 1 {
			t.Errorf("the task has %d files, the store %v", len(up), s.lying("raw/"))
		}
		s.clockwork(handover.UploadLife)
		s.clockwork(handover.AfterUpload)
	})
}

var ownerLink = regexp.MustCompile(`http://127\.0\.0\.1:\d+(/owner/[A-Za-z0-9_-]{43})\b`)

// ownersTask puts a task to the owner of a system and returns the path of their page.
func (s *site) ownersTask() (casefile.Case, string) {
	s.Helper()
	_, problems, err := s.set.Systems.Apply(s.Context(), registry.System{
		Tenant: tenant, Name: "archive", Title: "Paper archive", Kind: "person", Settings: json.RawMessage(`{"email":"keeper@example.com"}`),
	})
	if err != nil || len(problems) > 0 {
		s.Fatalf("registering: %v %v", err, problems)
	}
	c := s.request()
	s.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Phase, f.Case.Verification.VerifiedAt = dsar.InProgress, dsar.PhaseRun, f.Now()
		s.ok(s.set.Owners.Ask(s.Context(), f, f.AddTask("archive", dsar.ReadOut)))
	})
	return c, s.ownerLink(c)
}

func (s *site) ownerLink(c casefile.Case) string {
	s.Helper()
	_, letters, err := s.set.Cases.Letters(s.Context(), tenant, c.ID, 100)
	s.ok(err)
	for _, l := range letters {
		if m := ownerLink.FindStringSubmatch(l.Text.Reveal()); m != nil {
			return m[1]
		}
	}
	s.Fatal("the owner got no link")
	return ""
}

// TestSmallIsSmallEnough measures what is prepared within a call: the largest such volume must take a quarter of the time that a
// function behind an HTTP API has (Amazon API Gateway Developer Guide, "Quotas for HTTP APIs": 30 s), even where it has a third of
// a core (AWS Lambda Developer Guide, "Configure Lambda function memory": one vCPU at 1,769 MB).
func TestSmallIsSmallEnough(t *testing.T) {
	s := newSite(t, emulator.Ministack(t).Config(t, ""))
	c := s.request()
	size := int(s.set.HandOvers.Small)
	s.packed(c, size)
	before, start := cpu(t), time.Now()
	s.hand(c)
	took, used := time.Since(start), cpu(t)-before
	t.Logf("%d MiB: %s, %s of a core; on 512 MB about %s", size>>20, took.Round(time.Millisecond), used.Round(time.Millisecond), (used * 1769 / 512).Round(time.Millisecond))
	if used*1769/512 > 29*time.Second/4 {
		t.Errorf("preparing %d MiB needs %s of a core", size>>20, used)
	}
}

// cpu is what this process has used of cores so far.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
