package functions_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// provider stands in for SendGrid: it takes mails and erase jobs, and reports with a key of its own.
type provider struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu     sync.Mutex
	args   []map[string]string // custom arguments of each mail
	erased []string
	status int // of what it answers; 0 = 202
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(p.take))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) take(w http.ResponseWriter, r *http.Request) {
	var doc struct {
		CustomArgs     map[string]string `json:"custom_args"`
		EmailAddresses []string          `json:"email_addresses"`
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(raw, &doc) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.status != 0:
		w.WriteHeader(p.status)
		return
	case r.URL.Path == "/v3/recipients/erasejob":
		p.erased = append(p.erased, doc.EmailAddresses...)
	default:
		p.args = append(p.args, doc.CustomArgs)
	}
	w.WriteHeader(http.StatusAccepted)
}

func (p *provider) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

func (p *provider) orders() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.erased)
}

// report tells what became of the n-th mail that was taken, from 0.
func (p *provider) report(r *rig, n int, what string) {
	r.t.Helper()
	p.mu.Lock()
	event := map[string]any{"event": what, "sg_event_id": what + strconv.Itoa(n), "email": ada}
	for k, v := range p.args[n] {
		event[k] = v
	}
	p.mu.Unlock()
	body, err := json.Marshal([]any{event})
	r.ok(err)
	stamp := strconv.FormatInt(r.now.Unix(), 10)
	sum := sha256.Sum256(append([]byte(stamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	r.ok(err)
	req := httptest.NewRequestWithContext(r.t.Context(), http.MethodPost, "/hooks/sendgrid", strings.NewReader(string(body)))
	req.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", stamp)
	req.Header.Set("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
	mux, w := http.NewServeMux(), httptest.NewRecorder()
	r.set.Register(mux)
	functions.Protect(mux).ServeHTTP(w, req)
	if w.Code != http.StatusNoContent {
		r.t.Fatalf("the report was answered with %d: %s", w.Code, w.Body)
	}
}

// newProviderRig is a rig whose mail goes through the provider.
func newProviderRig(t testing.TB) (*rig, *provider) {
	t.Helper()
	p := newProvider(t)
	s, err := sendgridmail.New(sendgridmail.Options{Key: redact.NewText("SG.key"), BaseURL: p.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return newRig(t, func(ports *functions.Ports) { ports.Mail, ports.SendGridEvents = s, &p.key.PublicKey }), p
}

func (r *rig) listed() []string {
	r.t.Helper()
	ids, err := r.set.Cases.Undelivered(r.t.Context(), tenant, 100)
	r.ok(err)
	return ids
}

// An answer that comes back after its case is closed: the person has nothing yet, so somebody is told, sends it anew, and the
// second one arrives.
func TestABounceReopensDelivery(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	r.register("shop")
	r.person("7", ada, "Ada")
	c := r.create()
	r.toRun(c)
	for range 20 { // rounds of assembly
		if r.step("AssembleResponse", c).Next != step.Again {
			break
		}
	}
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	r.drain()
	sent := r.letters(c)
	last := len(sent) - 1
	if sent[last] != string(letters.ResponseReady) || !r.one(c).Status.Final() || len(p.args) != len(sent) {
		t.Fatalf("letters %q, %d taken, the case is %s", sent, len(p.args), r.one(c).Status)
	}
	p.report(r, last, "processed")
	if len(r.listed()) != 0 {
		t.Fatal("nobody has to be told yet")
	}
	p.report(r, last, "bounce")
	missing := r.one(c).Undelivered
	if len(missing) != 1 || missing[0].N != last+1 || missing[0].State != mail.Bounced || !slices.Equal(r.listed(), []string{c.ID}) || r.count(c, "letter_bounced") != 1 {
		t.Fatalf("undelivered %+v, listed %q", missing, r.listed())
	}

	m, l, err := r.set.Cases.Mail(t.Context(), tenant, c.ID, missing[0].N)
	r.ok(err)
	r.change(c, func(f *casefile.File) error { return f.SendAgain(m.N, "staff:1", l) })
	r.drain()
	if got := r.letters(c); len(got) != len(sent)+1 || got[last+1] != sent[last] || len(r.one(c).Undelivered) != 0 || len(r.listed()) != 0 {
		t.Errorf("letters %q, undelivered %+v", got, r.one(c).Undelivered)
	}
	p.report(r, last+1, "delivered")
	p.report(r, last, "bounce") // told once more
	if len(r.listed()) != 0 {
		t.Error("the letter that arrived is listed")
	}
	r.verified(c)
}

// What the connection took along is not sent again: the provider's report settles it, and a person is told only meanwhile.
func TestAReportSettlesALostLetter(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	c := r.create()
	r.verify(c)
	p.answer(http.StatusBadGateway) // of a gateway: behind it the mail may have been taken
	r.drain()
	missing := r.one(c).Undelivered
	if len(missing) == 0 || missing[0].State != mail.Unknown || !slices.Equal(r.listed(), []string{c.ID}) {
		t.Fatalf("undelivered %+v, listed %q", missing, r.listed())
	}
	m, _, err := r.set.Cases.Mail(t.Context(), tenant, c.ID, missing[0].N)
	r.ok(err)
	p.args = append(p.args, map[string]string{sendgridmail.ArgTenant: tenant, sendgridmail.ArgMessage: m.MessageID})
	p.report(r, 0, "delivered")
	if got := r.one(c).Undelivered; len(got) != len(missing)-1 || len(got) > 0 && got[0].N == m.N {
		t.Errorf("undelivered %+v, then %+v", missing, got)
	}
}

// Who gives a wrong address makes no work for anybody: the next code replaces the one that came back. What staff noted, they see.
func TestACodeToAStrangerIsNobodysTask(t *testing.T) {
	t.Parallel()
	for channel, told := range map[string]bool{"portal": false, "api": false, "staff": true} {
		r, p := newProviderRig(t)
		c := r.create(func(o *casefile.Opening) { o.Channel = channel })
		r.next("Triage", c, step.Proceed)
		r.next("Acknowledge", c, step.Proceed)
		r.drain()
		p.report(r, 0, "bounce")
		if len(r.one(c).Undelivered) != 1 || (len(r.listed()) == 1) != told {
			t.Errorf("%s: undelivered %+v, listed %q", channel, r.one(c).Undelivered, r.listed())
		}
		r.change(c, func(f *casefile.File) error { return r.set.Portal.Desk.Issue(t.Context(), f, letters.CodeAgain) })
		if len(r.one(c).Undelivered) != 0 || len(r.listed()) != 0 {
			t.Errorf("%s: undelivered %+v after a new code", channel, r.one(c).Undelivered)
		}
	}
}

// A setting that keeps every letter from leaving is somebody's task at once, whoever asks.
func TestARefusedSenderIsATask(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	p.answer(http.StatusBadRequest)
	r.drain()
	if got := r.one(c).Undelivered; len(got) != 1 || got[0].State != mail.Failed || got[0].Why != string(fault.Misconfigured) || !slices.Equal(r.listed(), []string{c.ID}) {
		t.Errorf("undelivered %+v, listed %q", got, r.listed())
	}
}

// A notice whose reminder comes back when nothing is left to do by machine is a person's.
func TestANoticeThatComesBackInTheEndIsAPersons(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	r.recipient(byMail)
	c := r.erased()
	r.tell(c)
	r.due(c)
	if n := r.status(c, casefile.NoticeSent); n.Reminders != 1 || !n.Settled() {
		t.Fatalf("%+v", n)
	}
	p.report(r, len(p.args)-1, "bounce")
	if n := r.status(c, casefile.NoticeFailed); n.Fault != fault.Invalid || len(r.one(c).Undelivered) != 0 {
		t.Errorf("%+v, undelivered %+v", n, r.one(c).Undelivered)
	}
	r.verified(c)
}

// erasure is a closed erasure whose letters have left.
func (r *rig) erasure() casefile.Case {
	r.t.Helper()
	c := r.create(func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.verify(c)
	r.change(c, func(f *casefile.File) error { f.Case.Status, f.Case.Answered = dsar.InProgress, true; return nil })
	r.next("CloseCase", c, step.Proceed)
	r.drain()
	if got := r.one(c); got.Status != dsar.Fulfilled {
		r.t.Fatalf("the case is %s", got.Status)
	}
	return r.one(c)
}

func (r *rig) copies(c casefile.Case) casefile.CopiesState {
	r.t.Helper()
	if m := r.one(c).MailCopies; m != nil {
		return m.State
	}
	return ""
}

// Our own mail does not remember whom everybody else forgot: a day after the last letter the provider is asked to erase its copies.
func TestCopiesOfLettersAreErasedToo(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	c := r.erasure()
	r.sweep(23 * time.Hour)
	r.drain()
	if got := r.copies(c); got != casefile.CopiesWaiting || len(p.orders()) != 0 {
		t.Fatalf("copies are %s after 23 hours, orders %q", got, p.orders())
	}
	r.sweep(time.Hour)
	r.drain()
	if got := r.copies(c); got != casefile.CopiesAccepted || !slices.Equal(p.orders(), []string{ada}) {
		t.Fatalf("copies are %s after a day, orders %q", got, p.orders())
	}
	if r.count(c, "mail_copies_erasure_asked") != 1 || r.count(c, "mail_copies_erasure_accepted") != 1 || !r.one(c).NextDue.IsZero() {
		t.Errorf("evidence %q, next due %s", r.kinds(c), r.one(c).NextDue)
	}
	// A letter that follows leaves a copy of its own.
	r.change(c, func(f *casefile.File) error {
		return f.Send(casefile.Letter{Kind: "message", To: redact.NewText(ada), Subject: "A message", Text: redact.NewText("Hello.")})
	})
	r.drain()
	r.sweep(25 * time.Hour)
	r.drain()
	if got := r.copies(c); got != casefile.CopiesAccepted || len(p.orders()) != 2 {
		t.Errorf("copies are %s, orders %q", got, p.orders())
	}
	r.verified(c)
}

// While a letter may still be sent anew its copies stay, but not for ever.
func TestCopiesWaitForALetterThatCameBack(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	c := r.erasure()
	p.report(r, len(p.args)-1, "bounce")
	for range 13 {
		r.sweep(24 * time.Hour)
		r.drain()
	}
	if got := r.copies(c); got != casefile.CopiesWaiting {
		t.Fatalf("copies are %s while a letter waits", got)
	}
	r.sweep(24 * time.Hour)
	r.drain()
	if got := r.copies(c); got != casefile.CopiesAccepted || len(p.orders()) != 1 {
		t.Errorf("copies are %s, orders %q", got, p.orders())
	}
}

// What a setting keeps is shown and tried again; what the provider refuses for good is recorded as not done.
func TestCopiesThatCannotBeErased(t *testing.T) {
	t.Parallel()
	r, p := newProviderRig(t)
	c := r.erasure()
	r.sweep(24 * time.Hour)
	row := r.rowOf(c, casefile.OutCopies)
	for status, want := range map[int]fault.Class{http.StatusForbidden: fault.Misconfigured, http.StatusServiceUnavailable: fault.Unavailable, http.StatusTooManyRequests: fault.Throttled} {
		p.answer(status)
		err := r.set.Outbox(t.Context(), row)
		if !fault.Has(err, fault.Unavailable) && !fault.Has(err, fault.Throttled) || strings.Contains(err.Error(), "@") || !r.pends(row) {
			t.Errorf("status %d: %v, the order stands: %t", status, err, r.pends(row))
		}
		if got := r.one(c).MailCopies; got.State != casefile.CopiesAsked || got.Fault != string(want) {
			t.Errorf("status %d: copies %+v", status, got)
		}
	}
	p.answer(http.StatusBadRequest)
	r.ok(r.set.Outbox(t.Context(), row))
	if got := r.one(c).MailCopies; got.State != casefile.CopiesNotDone || r.pends(row) || r.count(c, "mail_copies_not_erased") != 1 {
		t.Errorf("copies %+v, evidence %q", got, r.kinds(c))
	}
	r.ok(r.set.Outbox(t.Context(), row)) // carried out once more
	r.verified(c)
}

// Mail that leaves no copies, and requests that erase nothing, have nothing to erase.
func TestOnlyErasuresThroughAProviderLeaveCopies(t *testing.T) {
	t.Parallel()
	plain := newRig(t)
	if c := plain.erasure(); c.MailCopies != nil || !c.NextDue.IsZero() {
		t.Errorf("copies %+v without a provider", c.MailCopies)
	}
	r, _ := newProviderRig(t)
	c := r.create()
	r.verify(c)
	r.change(c, func(f *casefile.File) error { f.Case.Status = dsar.InProgress; return nil })
	r.next("CloseCase", c, step.Proceed)
	if got := r.one(c); got.MailCopies != nil || !got.Status.Final() {
		t.Errorf("copies %+v of an access request", got.MailCopies)
	}
}
