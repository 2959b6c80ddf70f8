package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

func TestARecipientIsToldByMailAndConfirms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	c := r.erased("crm")
	if got := r.tell(c); got != "waits" {
		t.Fatal(got)
	}
	n := r.status(c, casefile.NoticeSent)
	if len(n.Changes) != 2 || n.Revision != 1 || n.SentAt != r.now || n.DueAt != r.now.Add(casefile.RemindAfter) {
		t.Errorf("%+v", n)
	}
	letter := r.text(c, letters.RecipientNotice)
	if strings.Contains(letter, ada) || !strings.Contains(letter, "erased") {
		t.Error("the letter names the person, or not what happened")
	}
	path := r.link(c, letters.RecipientNotice)
	for range 2 { // looking at it confirms nothing
		w := r.serve(http.MethodGet, path, nil, nil)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), ada) || !strings.Contains(w.Body.String(), "crm") || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	r.status(c, casefile.NoticeSent)
	if w := r.confirm(path, 1); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "confirmed") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	r.drain()
	n = r.status(c, casefile.NoticeAcknowledged)
	if n.AcknowledgedAt != r.now || !n.Settled() || r.tell(c) != step.TaskFinished {
		t.Errorf("%+v", n)
	}
	for _, w := range []*httptest.ResponseRecorder{r.confirm(path, 1), r.serve(http.MethodGet, path, nil, nil)} {
		if w.Code != http.StatusGone || strings.Contains(w.Body.String(), ada) {
			t.Errorf("the link is used up: %d", w.Code)
		}
	}
	if r.mail.seen[r.messageID(c, n.Mail)] != 1 {
		t.Error("the letter left more or less than once")
	}
	if r.count(c, "notice_acknowledged") != 1 || r.count(c, "notice_claimed") != 1 || r.count(c, "notice_opened") != 1 {
		t.Errorf("%q", r.kinds(c))
	}
	r.verified(c)
}

func (r *rig) messageID(c casefile.Case, n int) string {
	r.t.Helper()
	m, _, err := r.set.Cases.Mail(r.t.Context(), c.Tenant, c.ID, n)
	r.ok(err)
	return m.MessageID
}

func TestARecipientThatConfirmsNothingIsRemindedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	c := r.erased()
	r.tell(c)
	r.sweep(casefile.RemindAfter - time.Minute)
	r.drain()
	r.tell(c)
	if got := r.noticeLetters(c); !slices.Equal(got, []string{"recipient_notice"}) {
		t.Fatalf("before it is time: %q", got)
	}
	if got := r.due(c); got != step.TaskFinished {
		t.Fatal(got)
	}
	if got := r.noticeLetters(c); !slices.Equal(got, []string{"recipient_notice", "recipient_reminder"}) {
		t.Fatalf("%q", got)
	}
	if n := r.status(c, casefile.NoticeSent); !n.Settled() || n.Reminders != 1 {
		t.Errorf("%+v", n)
	}
	r.sweep(60 * 24 * time.Hour)
	r.drain()
	if len(r.noticeLetters(c)) != 2 {
		t.Error("reminded twice")
	}
	// The first link still works, until its time is over.
	r.now = r.notice(c).OpenedAt.Add(59 * 24 * time.Hour)
	if w := r.confirm(r.link(c, letters.RecipientNotice), 1); w.Code != http.StatusOK {
		t.Fatalf("%d", w.Code)
	}
	r.status(c, casefile.NoticeAcknowledged)
	r.verified(c)
}

func (r *rig) noticeLetters(c casefile.Case) []string {
	r.t.Helper()
	return slices.DeleteFunc(r.letters(c), func(k string) bool { return !strings.HasPrefix(k, "recipient_") })
}

func TestAWebhookIsCalledAgainUntilItTakesTheNotice(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t, 500, 503)
	r.recipient(l.register)
	c := r.erased()
	pauses := casefile.NoticePauses()
	for n := range 2 {
		if got := map[bool]string{true: r.tell(c), false: ""}[n == 0]; n == 0 && got != "waits" {
			t.Fatal(got)
		}
		x := r.status(c, casefile.NoticeOpen)
		if x.DueAt != r.now.Add(pauses[n]) || x.Fault != fault.Unavailable || x.Attempts != n+1 {
			t.Fatalf("attempt %d: %+v", n+1, x)
		}
		r.due(c)
	}
	if n := r.status(c, casefile.NoticeSent); !n.Settled() || n.Payload != nil {
		t.Errorf("%+v", n)
	}
	if len(l.calls) != 3 {
		t.Fatalf("%d calls", len(l.calls))
	}
	n := r.notice(c)
	for i, x := range l.calls {
		if x.signature != signature(x.id, x.timestamp, x.body) {
			t.Errorf("call %d is not signed by the scheme", i)
		}
		if x.id != n.ID+"-1" {
			t.Errorf("call %d has id %s", i, x.id)
		}
	}
	var got struct {
		Type string `json:"type"`
		Data struct {
			Notice, Reference, Callback string
			Revision                    int
			Identifiers                 []subject.Revealed
			Changes                     []struct{ System, What string }
		} `json:"data"`
	}
	r.ok(json.Unmarshal(l.calls[2].body, &got))
	d := got.Data
	if got.Type != "recipient.notice" || d.Notice != n.ID || d.Reference != c.Reference || d.Revision != 1 || d.Callback != "https://privacy.example.com/hooks/recipients/alder/"+n.ID ||
		!slices.Equal(d.Identifiers, []subject.Revealed{{Kind: subject.Email, Value: ada}}) || len(d.Changes) != 1 || d.Changes[0].System != "shop" || d.Changes[0].What != "erased" {
		t.Errorf("%s", l.calls[2].body)
	}
	if r.count(c, "notice_refused") != 2 || r.count(c, "notice_claimed") != 3 || r.count(c, "notice_sent") != 1 {
		t.Errorf("%q", r.kinds(c))
	}
	r.verified(c)
}

func TestADeadLetterWaitsForAPerson(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t, slices.Repeat([]int{500}, 8)...)
	r.recipient(l.register)
	c := r.erased()
	r.tell(c)
	began := r.now
	for range casefile.NoticePauses() {
		r.due(c)
	}
	n := r.status(c, casefile.NoticeFailed)
	if len(l.calls) != 8 || !n.Settled() || r.now.Sub(began) < 6*24*time.Hour {
		t.Errorf("%d calls in %s: %+v", len(l.calls), r.now.Sub(began), n)
	}
	stuck := func() []casefile.NoticeRef {
		refs, _, err := r.set.Cases.StuckNotices(t.Context(), tenant, 10, "")
		r.ok(err)
		return refs
	}
	if got := stuck(); !slices.Equal(got, []casefile.NoticeRef{{CaseID: c.ID, Recipient: parcels}}) {
		t.Errorf("%v", got)
	}
	r.change(c, func(f *casefile.File) error {
		n, err := f.NoticeTo(t.Context(), parcels)
		r.ok(err)
		return f.DecideNotice(n, "staff:jo", casefile.Retry, redact.Text{})
	})
	r.drain()
	if got := r.tell(c); got != step.TaskFinished || len(stuck()) != 0 {
		t.Errorf("%s, %v", got, stuck())
	}
	r.status(c, casefile.NoticeSent)
	if len(l.calls) != 9 || l.calls[8].id != l.calls[0].id {
		t.Error("a notice that was tried again must be recognisable as the same")
	}
	r.verified(c)
}

func TestAPersonExcusesANotice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(func(*registry.Recipient) {}) // no address whatever
	c := r.erased()
	if got := r.tell(c); got != step.TaskFinished {
		t.Fatal(got)
	}
	if n := r.status(c, casefile.NoticeFailed); n.Fault != fault.Misconfigured {
		t.Errorf("%+v", n)
	}
	decide := func(decision, reason string) error {
		return step.Change(t.Context(), r.set.Cases, tenant, c.ID, func(ctx context.Context, f *casefile.File) error {
			n, err := f.NoticeTo(ctx, parcels)
			r.ok(err)
			return f.DecideNotice(n, "staff:jo", decision, redact.NewText(reason))
		})
	}
	if err := decide(casefile.Impossible, ""); !fault.Has(err, fault.Invalid) {
		t.Errorf("without a reason: %v", err)
	}
	if err := decide("forget", "why not"); !fault.Has(err, fault.Invalid) {
		t.Errorf("another decision: %v", err)
	}
	r.ok(decide(casefile.Impossible, "The company was dissolved."))
	if err := decide(casefile.Retry, ""); !fault.Has(err, fault.Conflict) {
		t.Errorf("after the decision: %v", err)
	}
	n := r.status(c, casefile.NoticeWaived)
	why, err := r.load(c).Reason(n.Waiver)
	r.ok(err)
	if why.Reveal() != "The company was dissolved." || n.Waiver.Decision != casefile.Impossible {
		t.Errorf("%+v", n.Waiver)
	}
	r.verified(c)
}

func TestWhatChangesLaterGoesOutAsTheNextRevision(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t)
	r.recipient(l.register)
	c := r.erased()
	r.tell(c)
	first := r.notice(c)
	r.inform(c, dsar.Erased, "shop") // nothing new
	if r.notice(c).Run != 1 {
		t.Fatal("the same change is told twice")
	}
	r.inform(c, dsar.Restricted, "archive")
	r.tell(c)
	n := r.status(c, casefile.NoticeSent)
	if n.ID != first.ID || n.Revision != 2 || n.Run != 2 || len(l.calls) != 2 || l.calls[1].id != n.ID+"-2" || !bytes.Contains(l.calls[1].body, []byte("restricted")) {
		t.Errorf("%+v, %d calls", n, len(l.calls))
	}
	if got := r.step("NotifyRecipient", c, with("taskId", n.ID), with("generation", 1)); got.Status != step.TaskSuperseded {
		t.Errorf("the first run goes on: %s", got.Status)
	}
	r.verified(c)
}

// A notice waits for the other systems of its recipient that the case is still changing, so that one letter tells all.
func TestSystemsOfOneRecipientAreOneNotice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	for _, name := range []string{"shop", "crm"} {
		r.register(name, func(s *registry.System) { s.Recipients = []string{parcels} })
	}
	c := r.create(func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.verify(c)
	r.change(c, func(f *casefile.File) error {
		f.AddTask("crm", dsar.Erase)
		_, err := f.Inform(t.Context(), []string{parcels}, "shop", dsar.Erased)
		return err
	})
	r.drain()
	if got := r.tell(c); got != "waits" || len(r.noticeLetters(c)) != 0 {
		t.Fatalf("%s with %q", got, r.noticeLetters(c))
	}
	r.change(c, func(f *casefile.File) error {
		f.TaskFor("crm", dsar.Erase).Done(dsar.Erased, f.Now())
		_, err := f.Inform(t.Context(), []string{parcels}, "crm", dsar.Erased)
		return err
	})
	r.drain()
	r.tell(c)
	if n := r.status(c, casefile.NoticeSent); n.Revision != 1 || len(n.Changes) != 2 || len(r.noticeLetters(c)) != 1 {
		t.Errorf("%+v", n)
	}
	// A system that takes long holds up the others for an hour at most.
	d := r.create(func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.verify(d)
	r.change(d, func(f *casefile.File) error {
		f.AddTask("crm", dsar.Erase)
		_, err := f.Inform(t.Context(), []string{parcels}, "shop", dsar.Erased)
		return err
	})
	r.drain()
	for range 13 {
		r.tell(d)
		if r.notice(d).Status != casefile.NoticeOpen {
			break
		}
		r.due(d)
	}
	if n := r.status(d, casefile.NoticeSent); n.SentAt.Sub(n.OpenedAt) < time.Hour || n.SentAt.Sub(n.OpenedAt) > 70*time.Minute {
		t.Errorf("told after %s", n.SentAt.Sub(n.OpenedAt))
	}
}

func TestARecipientLearnsNoMoreThanItKnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t)
	r.recipient(func(v *registry.Recipient) { l.register(v); v.Identifiers = []subject.Kind{subject.CustomerID} })
	id := func(k subject.Kind, v string) subject.Identifier {
		i, err := subject.New(k, v)
		r.ok(err)
		return i
	}
	c := r.create(func(o *casefile.Opening) {
		o.Right = dsar.Correction
		o.Person.Name = redact.NewText("Ada Example")
		o.Person.Corrections = []casefile.Correction{{System: "shop", Field: "street", Value: redact.NewText("5 New Road")}, {System: "crm", Field: "phone", Value: redact.NewText("+15550101234")}}
	})
	r.verify(c)
	r.change(c, func(f *casefile.File) error {
		p, err := f.Person()
		r.ok(err)
		p.Located = []subject.Identifier{id(subject.CustomerID, "K-4711"), id(subject.Phone, "+15550101111")}
		return nil
	})
	r.inform(c, dsar.Corrected, "shop")
	r.tell(c)
	r.status(c, casefile.NoticeSent)
	body := string(l.calls[0].body)
	for _, want := range []string{"K-4711", "street", "5 New Road"} {
		if !strings.Contains(body, want) {
			t.Errorf("it is not told %s", want)
		}
	}
	for _, not := range []string{ada, "Ada Example", "+15550101111", "+15550101234", "phone"} {
		if strings.Contains(body, not) {
			t.Errorf("it is told %s", not)
		}
	}
	// Without anything by which the recipient knows the person, a person has to find a way.
	d := r.erased()
	r.tell(d)
	r.status(d, casefile.NoticeFailed)
	if len(l.calls) != 1 {
		t.Error("something was sent that finds nobody")
	}
}

// The process dies between the claim and the end of the call: the webhook is called again with the same id and the same bytes.
func TestAWebhookThatWasClaimedIsRepeatedByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t)
	r.recipient(l.register)
	c := r.erased()
	n := r.notice(c)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		l.calls = append(l.calls, call{q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp"), q.Header.Get("webhook-signature"), body})
		cancel()
		<-q.Context().Done()
	}))
	defer stopped.Close()
	r.recipient(func(v *registry.Recipient) { l.register(v); v.Webhook = stopped.URL })
	payload, err := json.Marshal(map[string]any{"tenant": tenant, "caseId": c.ID, "taskId": n.ID, "generation": 1, "schemaVersion": 1})
	r.ok(err)
	if _, err := r.set.Steps["NotifyRecipient"](ctx, payload); !fault.Has(err, fault.Unavailable) {
		t.Fatalf("%v", err)
	}
	if n := r.status(c, casefile.NoticeClaimed); n.Attempts != 1 || r.count(c, "notice_claimed") != 1 {
		t.Fatalf("%+v", n)
	}
	r.recipient(l.register)
	r.now = r.now.Add(time.Minute)
	r.tell(c)
	if n := r.status(c, casefile.NoticeSent); n.Attempts != 1 {
		t.Errorf("%+v", n)
	}
	if len(l.calls) != 2 || l.calls[0].id != l.calls[1].id || !bytes.Equal(l.calls[0].body, l.calls[1].body) || l.calls[0].timestamp == l.calls[1].timestamp {
		t.Errorf("%d calls", len(l.calls))
	}
	if r.count(c, "notice_claimed") != 1 {
		t.Error("claimed twice")
	}
	r.verified(c)
}

// The process dies after a letter was handed over and before that was recorded: it is unknown, and never sent twice by itself.
func TestALetterOfWhichNobodyKnowsIsNotSentTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	c := r.erased()
	died := false
	r.mail.look = func(context.Context, string) (mail.State, error) { return mail.Unknown, nil }
	r.mail.send = func(ctx context.Context, m mail.Message) (mail.State, error) {
		if !strings.Contains(m.MessageID, "recipient-notice") {
			return r.mail.Sender.Send(ctx, m)
		}
		died = true
		return mail.Unknown, fault.New(fault.Unavailable, "the connection broke")
	}
	if got := r.tell(c); got != "waits" || !died {
		t.Fatal(got)
	}
	n := r.status(c, casefile.NoticeUnknown)
	r.tell(c)
	if r.mail.seen[r.messageID(c, n.Mail)] != 1 || len(r.noticeLetters(c)) != 1 {
		t.Error("it was sent again")
	}
	r.mail.send, r.mail.look = nil, nil
	r.due(c) // the reminder says it once more
	if n := r.status(c, casefile.NoticeSent); n.Reminders != 1 {
		t.Errorf("%+v", n)
	}
	r.verified(c)
}

func TestALetterThatBouncesIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	c := r.erased()
	r.tell(c)
	n := r.status(c, casefile.NoticeSent)
	r.change(c, func(f *casefile.File) error {
		m, _, err := r.set.Cases.Mail(t.Context(), c.Tenant, c.ID, n.Mail)
		r.ok(err)
		_, err = f.MailReported(m, mail.Bounced, casefile.ReportBounce)
		return err
	})
	r.drain()
	if got := r.tell(c); got != "waits" {
		t.Fatal(got)
	}
	if n := r.status(c, casefile.NoticeOpen); n.Attempts != 1 || n.Fault != fault.Invalid || !n.SentAt.IsZero() {
		t.Errorf("%+v", n)
	}
	r.due(c)
	r.status(c, casefile.NoticeSent)
	if len(r.noticeLetters(c)) != 2 {
		t.Errorf("%q", r.noticeLetters(c))
	}
	r.verified(c)
}

func TestSignedCallbacksConfirm(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t)
	r.recipient(l.register)
	c := r.erased()
	r.tell(c)
	n := r.notice(c)
	path := "/hooks/recipients/alder/" + n.ID
	body := []byte(`{"type":"recipient.acknowledged","data":{"revision":1}}`)
	signed := func(id string, at time.Time, body []byte) http.Header {
		stamp := fmt.Sprint(at.Unix())
		return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature(id, stamp, body)}}
	}
	forged := signed("m1", r.now, []byte("something else"))
	for name, w := range map[string]*httptest.ResponseRecorder{
		"unsigned":             r.serve(http.MethodPost, path, nil, body),
		"signed for another":   r.serve(http.MethodPost, path, forged, body),
		"old":                  r.serve(http.MethodPost, path, signed("m1", r.now.Add(-6*time.Minute), body), body),
		"no such notice":       r.serve(http.MethodPost, "/hooks/recipients/alder/"+dsar.NewID(), signed("m1", r.now, body), body),
		"of another tenant":    r.serve(http.MethodPost, "/hooks/recipients/other/"+n.ID, signed("m1", r.now, body), body),
		"an id that is no id":  r.serve(http.MethodPost, "/hooks/recipients/alder/x", signed("m1", r.now, body), body),
		"a tenant that is one": r.serve(http.MethodPost, "/hooks/recipients/%23/"+n.ID, signed("m1", r.now, body), body),
	} {
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := r.serve(http.MethodPost, path, signed("m2", r.now, []byte(`{}`)), []byte(`{}`)); w.Code != http.StatusBadRequest {
		t.Errorf("another message: %d", w.Code)
	}
	r.status(c, casefile.NoticeSent)
	for range 2 {
		if w := r.serve(http.MethodPost, path, signed("m1", r.now, body), body); w.Code != http.StatusNoContent {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	r.status(c, casefile.NoticeAcknowledged)
	if r.count(c, "notice_acknowledged") != 1 {
		t.Error("counted twice")
	}
	// A replay of the first confirmation does not confirm what came later, and nor does a new one that names the old revision.
	r.inform(c, dsar.Restricted, "archive")
	r.tell(c)
	if w := r.serve(http.MethodPost, path, signed("m1", r.now, body), body); w.Code != http.StatusNoContent {
		t.Errorf("a replay: %d", w.Code)
	}
	if w := r.serve(http.MethodPost, path, signed("m3", r.now, body), body); w.Code != http.StatusConflict {
		t.Errorf("of the old revision: %d", w.Code)
	}
	r.status(c, casefile.NoticeSent)
	r.drain()
	r.verified(c)
}

// A lost execution is started again; one that is lost again and again goes to a person.
func TestALostNoticeIsStartedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t, 500)
	r.recipient(l.register)
	c := r.erased()
	r.tell(c)
	id := r.notice(c).ID
	end := func() {
		r.engine.mu.Lock()
		defer r.engine.mu.Unlock()
		for name, x := range r.engine.runs {
			if strings.HasPrefix(name, "notify/"+id) {
				x.Status = workflow.Failed
			}
		}
	}
	end()
	r.now = r.notice(c).DueAt
	r.sweep(0)
	r.drain()
	if n := r.notice(c); n.Run != 2 || n.Lost != 1 || r.engine.names()[id+"-g2"] != workflow.Running {
		t.Fatalf("%+v", n)
	}
	for range casefile.MaxLost {
		end()
		r.sweep(time.Hour)
		r.drain()
	}
	if n := r.status(c, casefile.NoticeFailed); n.Fault != fault.Internal {
		t.Errorf("%+v", n)
	}
	r.verified(c)
}

func TestAFailureNobodyForesawIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.recipient(byMail)
	c := r.erased()
	n := r.notice(c)
	r.next("NotifyRecipient", c, step.TaskMore, with("taskId", n.ID), with("generation", 1), with("fault", "States.Runtime"))
	if n := r.status(c, casefile.NoticeOpen); n.Attempts != 1 || n.Fault != fault.Internal || n.DueAt != r.now.Add(time.Minute) {
		t.Errorf("%+v", n)
	}
	r.due(c)
	r.status(c, casefile.NoticeSent)
}

// Nobody's answer waits for a notice, and a closed case still tells.
func TestAClosedCaseStillTells(t *testing.T) {
	t.Parallel()
	r := newRig(t, withSecret)
	l := listen(t, 500)
	r.recipient(l.register)
	c := r.erased()
	r.tell(c)
	r.change(c, func(f *casefile.File) error { return f.Withdraw("subject", redact.Text{}) })
	r.drain()
	r.next("CloseCase", c, step.Proceed)
	if one := r.one(c); one.Open() {
		t.Fatal("the case waits")
	}
	r.due(c)
	r.status(c, casefile.NoticeSent)
	r.drain()
	r.verified(c)
}

// Canary: what a notice tells appears in no payload, history, log, error, answer of a step, evidence or name of an object.
func TestANoticeTellsTheRecipientAlone(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	r := newRig(t, withSecret, func(p *functions.Ports) {
		p.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	l := listen(t, 500)
	r.recipient(l.register)
	const canary, value = "canary.quill@example.com", "Quillfeather Road 7"
	who, err := subject.New(subject.Email, canary)
	r.ok(err)
	c := r.create(func(o *casefile.Opening) {
		o.Right, o.Person.Email = dsar.Correction, who
		o.Person.Corrections = []casefile.Correction{{Field: "street", Value: redact.NewText(value)}}
	})
	r.verify(c)
	r.inform(c, dsar.Corrected, "shop")
	r.tell(c)
	r.due(c)
	r.status(c, casefile.NoticeSent)
	if !bytes.Contains(l.calls[1].body, []byte(canary)) || !bytes.Contains(l.calls[1].body, []byte(value)) {
		t.Fatal("the recipient was not told")
	}
	var seen strings.Builder
	r.engine.mu.Lock()
	for name, x := range r.engine.runs {
		_, _ = fmt.Fprintln(&seen, name, string(x.Input), x.Cause, x.Error)
	}
	for token, answer := range r.engine.tokens {
		_, _ = fmt.Fprintln(&seen, token, answer)
	}
	r.engine.mu.Unlock()
	seen.Write(logged.Bytes())
	var bundle bytes.Buffer
	r.ok(r.set.Cases.WriteBundle(t.Context(), &bundle, c.Tenant, c.ID))
	files := map[string][]byte{"seen": []byte(seen.String()), "bundle": bundle.Bytes()}
	r.ok(filepath.WalkDir(r.ports.TempDir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "/outbox/") { // the letters themselves
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	}))
	for name, body := range files {
		for _, s := range []string{"canary.quill", "Quillfeather"} {
			if bytes.Contains(body, []byte(s)) || strings.Contains(name, s) {
				t.Errorf("%s shows %s", name, s)
			}
		}
	}
	if len(files) < 4 {
		t.Errorf("only %d files were searched", len(files))
	}
}
