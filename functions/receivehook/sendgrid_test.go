package receivehook_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/receivehook"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const (
	tenant = "alder"
	ann    = "ann.canary@example.com"
)

// rig is the handler over real records, with a key of its own in SendGrid's place.
type rig struct {
	t     testing.TB
	now   time.Time
	table *failing
	cases *casefile.Store
	hooks *receivehook.Handler
	mux   *http.ServeMux
	key   *ecdsa.PrivateKey
	log   bytes.Buffer
	c     casefile.Case
}

// failing refuses every commit while err is set.
type failing struct {
	table.Store
	err     error
	commits int
}

func (f *failing) Transact(ctx context.Context, writes ...table.Write) error {
	if f.err != nil {
		return f.err
	}
	f.commits++
	return f.Store.Transact(ctx, writes...)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC), mux: http.NewServeMux()}
	now := func() time.Time { return r.now }
	dir := t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: now})
	r.ok(err)
	t.Cleanup(func() { _ = store.Close() })
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	r.table = &failing{Store: store}
	r.cases = casefile.NewStore(r.table, keys.NewVault(r.table, keeper), now, "mail.example.com", func([]casefile.OutboxRow) {})
	r.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.ok(err)
	pub, err := receivehook.SendGridKey(public(t, r.key.Public()))
	r.ok(err)
	h := &receivehook.Handler{
		Cases: r.cases, Sessions: session.NewStore(r.table, now), Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{Level: slog.LevelDebug})), SendGrid: pub,
	}
	r.hooks = h
	h.Register(r.mux)
	who, err := subject.New(subject.Email, ann)
	r.ok(err)
	r.c, err = r.cases.Create(t.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "staff", ReceivedAt: r.now, Actor: evidence.Subject, Person: casefile.Person{Email: who},
	})
	r.ok(err)
	return r
}

func public(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) load() *casefile.File {
	r.t.Helper()
	f, err := r.cases.Load(r.t.Context(), tenant, r.c.ID)
	r.ok(err)
	return f
}

// letter queues a letter and hands it over with the state; it returns its number.
func (r *rig) letter(state mail.State) int {
	r.t.Helper()
	f := r.load()
	r.ok(f.Send(casefile.Letter{Kind: "message", To: redact.NewText(ann), Subject: "A message", Text: redact.NewText("Hello.")}))
	r.ok(r.cases.Commit(r.t.Context(), f))
	n := f.Case.LettersNo
	m, _, err := r.cases.Mail(r.t.Context(), tenant, r.c.ID, n)
	r.ok(err)
	m, err = r.cases.MarkAttempted(r.t.Context(), tenant, r.c.ID, m)
	r.ok(err)
	if state == mail.Claimed {
		return n // the process died with the letter in hand
	}
	f = r.load()
	r.ok(f.SettleMail(m, state, "", casefile.OutboxRow{Tenant: tenant, CaseID: r.c.ID, N: f.Case.RowsNo, Kind: casefile.OutMail, Mail: n}))
	r.ok(r.cases.Commit(r.t.Context(), f))
	return n
}

func (r *rig) state(n int) mail.State {
	r.t.Helper()
	m, _, err := r.cases.Mail(r.t.Context(), tenant, r.c.ID, n)
	r.ok(err)
	return m.State
}

func (r *rig) kinds() (out []string) {
	r.t.Helper()
	for e, err := range evidence.Read(r.t.Context(), r.table, tenant, r.c.ID) {
		r.ok(err)
		out = append(out, e.Kind)
	}
	return out
}

// told is one event as SendGrid tells it.
func (r *rig) told(n int, id, what string, more ...string) map[string]any {
	e := map[string]any{
		"email": ann, "event": what, "sg_event_id": id, "sg_message_id": "canary.filter", "smtp-id": "<x@example.com>", "timestamp": r.now.Unix(),
		"reason": "550 no such mailbox " + ann, "habeas_tenant": tenant, "habeas_message": r.c.ID + ".message." + strconv.Itoa(n) + "@mail.example.com",
	}
	for i := 0; i+1 < len(more); i += 2 {
		e[more[i]] = more[i+1]
	}
	return e
}

func (r *rig) body(events ...map[string]any) []byte {
	r.t.Helper()
	raw, err := json.Marshal(events)
	r.ok(err)
	return append(raw, '\r', '\n') // SendGrid ends its documents so, and signs that too
}

func (r *rig) sign(key *ecdsa.PrivateKey, stamp string, body []byte) string {
	r.t.Helper()
	sum := sha256.Sum256(append([]byte(stamp), body...))
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	r.ok(err)
	return base64.StdEncoding.EncodeToString(sig)
}

func (r *rig) post(body []byte, stamp, signature string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, "/hooks/sendgrid", bytes.NewReader(body))
	req.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", stamp)
	req.Header.Set("X-Twilio-Email-Event-Webhook-Signature", signature)
	w := httptest.NewRecorder()
	r.mux.ServeHTTP(w, req)
	if all := w.Body.String() + r.log.String(); strings.Contains(all, "canary") || strings.Contains(all, r.c.ID) {
		r.t.Errorf("answer or log tell too much: %s", all)
	}
	return w
}

// tell posts events properly signed.
func (r *rig) tell(events ...map[string]any) int {
	r.t.Helper()
	stamp, body := strconv.FormatInt(r.now.Unix(), 10), r.body(events...)
	return r.post(body, stamp, r.sign(r.key, stamp, body)).Code
}

func TestWhatIsReported(t *testing.T) {
	for _, tt := range []struct {
		from  mail.State
		event string
		kind  string
		want  mail.State
		why   string // of a letter that is then undelivered
	}{
		{mail.Unknown, "processed", "", mail.Sent, ""},
		{mail.Unknown, "delivered", "", mail.Sent, ""},
		{mail.Claimed, "delivered", "", mail.Sent, ""},
		{mail.Sent, "delivered", "", mail.Sent, ""},
		{mail.Sent, "bounce", "bounce", mail.Bounced, casefile.ReportBounce},
		{mail.Sent, "bounce", "", mail.Bounced, casefile.ReportBounce},
		{mail.Sent, "bounce", "blocked", mail.Bounced, casefile.ReportBlocked},
		{mail.Sent, "blocked", "", mail.Bounced, casefile.ReportBlocked},
		{mail.Sent, "dropped", "", mail.Bounced, casefile.ReportDropped},
		{mail.Unknown, "dropped", "", mail.Bounced, casefile.ReportDropped},
		{mail.Claimed, "bounce", "bounce", mail.Bounced, casefile.ReportBounce},
		{mail.Failed, "delivered", "", mail.Failed, "-"},
		{mail.Failed, "bounce", "bounce", mail.Failed, "-"},
		{mail.Unknown, "deferred", "", mail.Unknown, "-"},
		{mail.Sent, "open", "", mail.Sent, ""},
		{mail.Sent, "spamreport", "", mail.Sent, ""},
		{mail.Sent, "unheard_of", "", mail.Sent, ""},
	} {
		t.Run(string(tt.from)+" "+tt.event+" "+tt.kind, func(t *testing.T) {
			r := newRig(t)
			n := r.letter(tt.from)
			if code := r.tell(r.told(n, "e1", tt.event, "type", tt.kind)); code != 204 {
				t.Fatalf("answered %d", code)
			}
			if got := r.state(n); got != tt.want {
				t.Errorf("the letter is %s, want %s", got, tt.want)
			}
			list := r.load().Case.Undelivered
			switch {
			case tt.why == "" && len(list) != 0:
				t.Errorf("undelivered: %+v", list)
			case tt.why != "" && (len(list) != 1 || list[0].N != n || list[0].State != tt.want || (tt.why != "-" && list[0].Why != tt.why)):
				t.Errorf("undelivered: %+v", list)
			}
		})
	}
}

// Events come late, twice and in any order: a bounce stays one, and nothing is counted twice.
func TestOrderAndRepetition(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Sent)
	bounce, late := r.told(n, "e1", "bounce"), r.told(n, "e0", "delivered")
	if code := r.tell(bounce, bounce, late); code != 204 || r.state(n) != mail.Bounced {
		t.Fatalf("answered %d, the letter is %s", code, r.state(n))
	}
	before := fmt.Sprint(r.kinds())
	if strings.Count(before, "letter_bounced") != 1 {
		t.Errorf("evidence: %s", before)
	}
	f := r.load()
	r.ok(f.SettleLetter(n, "staff:1", redact.NewText("told by phone")))
	r.ok(r.cases.Commit(t.Context(), f))
	commits := r.table.commits
	for _, e := range []map[string]any{bounce, r.told(n, "e2", "bounce"), r.told(n, "e3", "processed")} {
		if code := r.tell(e); code != 204 {
			t.Errorf("answered %d", code)
		}
	}
	if list := r.load().Case.Undelivered; len(list) != 0 || r.table.commits != commits {
		t.Errorf("a repetition opens what was settled: %+v", list)
	}
}

// TestReplay: the very same call is taken again and changes nothing, even where the state alone would let it.
func TestReplay(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Unknown)
	stamp, body := strconv.FormatInt(r.now.Unix(), 10), r.body(r.told(n, "e1", "processed"))
	signature := r.sign(r.key, stamp, body)
	if w := r.post(body, stamp, signature); w.Code != 204 || r.state(n) != mail.Sent {
		t.Fatalf("answered %d, the letter is %s", w.Code, r.state(n))
	}
	f := r.load()
	m, _, err := r.cases.Mail(t.Context(), tenant, r.c.ID, n)
	r.ok(err)
	m.State = mail.Unknown
	w, err := r.cases.MailWrite(tenant, r.c.ID, m)
	r.ok(err)
	f.With(w)
	r.ok(f.Entry("test", "system", nil))
	r.ok(r.cases.Commit(t.Context(), f))
	if w := r.post(body, stamp, signature); w.Code != 204 || r.state(n) != mail.Unknown {
		t.Errorf("answered %d, the letter is %s: the event was counted twice", w.Code, r.state(n))
	}
}

func TestNothingIsBelievedUnsigned(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Sent)
	body := r.body(r.told(n, "e1", "bounce"))
	stamp := strconv.FormatInt(r.now.Unix(), 10)
	good := r.sign(r.key, stamp, body)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.ok(err)
	at := func(d time.Duration) (string, string) {
		s := strconv.FormatInt(r.now.Add(d).Unix(), 10)
		return s, r.sign(r.key, s, body)
	}
	old, oldSigned := at(-5*time.Minute - time.Second)
	ahead, aheadSigned := at(5*time.Minute + time.Second)
	for name, tt := range map[string]struct {
		body      []byte
		stamp     string
		signature string
	}{
		"no signature":        {body, stamp, ""},
		"no timestamp":        {body, "", good},
		"timestamp unsigned":  {body, "", r.sign(r.key, "", body)},
		"timestamp in words":  {body, "today", r.sign(r.key, "today", body)},
		"another timestamp":   {body, strconv.FormatInt(r.now.Unix()+1, 10), good},
		"another key":         {body, stamp, r.sign(other, stamp, body)},
		"not base64":          {body, stamp, "%%%"},
		"not a signature":     {body, stamp, base64.StdEncoding.EncodeToString([]byte("signature"))},
		"signature of zeroes": {body, stamp, base64.StdEncoding.EncodeToString([]byte{0x30, 6, 2, 1, 0, 2, 1, 0})},
		"body changed":        {bytes.Replace(body, []byte("bounce"), []byte("Bounce"), 1), stamp, good},
		"body trimmed":        {bytes.TrimSpace(body), stamp, good},
		"body longer":         {append(bytes.Clone(body), ' '), stamp, good},
		"too old":             {body, old, oldSigned},
		"too far ahead":       {body, ahead, aheadSigned},
	} {
		t.Run(name, func(t *testing.T) {
			w := r.post(tt.body, tt.stamp, tt.signature)
			if w.Code != 401 || r.state(n) != mail.Sent {
				t.Errorf("answered %d, the letter is %s", w.Code, r.state(n))
			}
			if !strings.Contains(w.Body.String(), "not signed, not with our key, or too old") {
				t.Errorf("the answer tells what is wrong: %s", w.Body)
			}
		})
	}
	for _, d := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		s, signature := at(d)
		if w := r.post(body, s, signature); w.Code != 204 {
			t.Errorf("%s away: answered %d", d, w.Code)
		}
	}
	if r.state(n) != mail.Bounced {
		t.Error("a proper call changed nothing")
	}
}

// TestOthersAreIgnored: what names no letter of ours is answered like everything else, and holds up nothing.
func TestOthersAreIgnored(t *testing.T) {
	r := newRig(t)
	n := r.letter(mail.Sent)
	strange := []map[string]any{
		{"event": "bounce", "sg_event_id": "a", "email": ann},
		{"event": "bounce", "sg_event_id": "b", "habeas_tenant": 5, "habeas_message": []int{1}},
		r.told(n, "", "bounce"),
		r.told(n+1, "c", "bounce"),
		r.told(n, "d", "bounce", "habeas_tenant", "birch"),
		r.told(n, "e", "bounce", "habeas_tenant", "alder#C"),
		r.told(n, "f", "bounce", "habeas_tenant", ""),
		r.told(n, "g", "bounce", "habeas_message", r.c.ID+".message.1@elsewhere.example.com"),
		r.told(n, "h", "bounce", "habeas_message", r.c.ID+".refused.1@mail.example.com"),
		r.told(n, "i", "bounce", "habeas_message", r.c.ID+".message.-1@mail.example.com"),
		r.told(n, "j", "bounce", "habeas_message", dsar.NewID()+".message.1@mail.example.com"),
		r.told(n, "k", "bounce", "habeas_message", strings.Repeat("#", 36)+".message.1@mail.example.com"),
	}
	if code := r.tell(strange...); code != 204 || r.state(n) != mail.Sent || len(r.load().Case.Undelivered) != 0 {
		t.Errorf("answered %d, the letter is %s", code, r.state(n))
	}
	if code := r.tell(append(strange, r.told(n, "z", "bounce"))...); code != 204 || r.state(n) != mail.Bounced {
		t.Errorf("answered %d, the letter is %s", code, r.state(n))
	}
	if code := r.tell(); code != 204 {
		t.Errorf("no events: answered %d", code)
	}
}

// TestRecordedOrRepeated: what could not be recorded is not acknowledged, and what was is not recorded again with the repetition.
func TestRecordedOrRepeated(t *testing.T) {
	r := newRig(t)
	first, second := r.letter(mail.Sent), r.letter(mail.Sent)
	r.table.err = fault.New(fault.Unavailable, "the disk is gone")
	if code := r.tell(r.told(first, "e1", "bounce"), r.told(second, "e2", "bounce")); code != 503 {
		t.Errorf("answered %d, want 503", code)
	}
	r.table.err = nil
	if r.state(first) != mail.Sent {
		t.Error("the letter changed without a commit")
	}
	if code := r.tell(r.told(first, "e1", "bounce")); code != 204 {
		t.Errorf("answered %d", code)
	}
	if code := r.tell(r.told(first, "e1", "bounce"), r.told(second, "e2", "bounce")); code != 204 || len(r.load().Case.Undelivered) != 2 {
		t.Errorf("answered %d, undelivered %+v", code, r.load().Case.Undelivered)
	}
}

func TestBodies(t *testing.T) {
	r := newRig(t)
	stamp := strconv.FormatInt(r.now.Unix(), 10)
	for body, want := range map[string]int{
		"": 400, "{}": 400, "no JSON": 400, `[1, "x", null, {}]`: 204, "[" + strings.Repeat(" ", 1<<20) + "]": 413,
	} {
		if w := r.post([]byte(body), stamp, r.sign(r.key, stamp, []byte(body))); w.Code != want {
			t.Errorf("%.20q: answered %d, want %d", body, w.Code, want)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		w := httptest.NewRecorder()
		r.mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/hooks/sendgrid", nil))
		if w.Code != 405 {
			t.Errorf("%s: answered %d", method, w.Code)
		}
	}
}

func TestWithoutAKeyThereIsNoRoute(t *testing.T) {
	mux := http.NewServeMux()
	(&receivehook.Handler{}).Register(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hooks/sendgrid", strings.NewReader("[]")))
	if w.Code != 404 {
		t.Errorf("answered %d", w.Code)
	}
	wrongCurve, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"nothing": "", "no base64": "-----BEGIN PUBLIC KEY-----", "no key": base64.StdEncoding.EncodeToString([]byte("key")), "another curve": public(t, wrongCurve.Public()),
		"another kind": "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
	} {
		if _, err := receivehook.SendGridKey(s); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v, want misconfigured", name, err)
		}
	}
}
