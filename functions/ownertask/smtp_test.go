package ownertask_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/jhillyerd/enmime/v2"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
)

// sink is a mail server in this process that takes everything.
type sink struct {
	mu    sync.Mutex
	to    []string
	mails [][]byte
}

func (s *sink) Reset()                                 {}
func (s *sink) Logout() error                          { return nil }
func (s *sink) Mail(string, *gosmtp.MailOptions) error { return nil }
func (s *sink) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

func (s *sink) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, raw)
	return err
}

func newSink(t *testing.T) (*sink, *smtpmail.Sender) {
	t.Helper()
	s := &sink{}
	g := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return s, nil }))
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() {
		for _, err := range []error{g.Close(), l.Close(), <-done} {
			if err != nil && !errors.Is(err, gosmtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	})
	sender, err := smtpmail.New(smtpmail.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Security: smtpmail.None, Hello: "habeas.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return s, sender
}

// A vendor's mail server gets the letter once; the link in it works, as text and as HTML, and an answer by mail goes to people.
func TestTheLetterArrivesOverSMTP(t *testing.T) {
	inbox, sender := newSink(t)
	r := newRig(t, func(p *functions.Ports) { p.Mail = sender })
	k := r.open(dsar.Erasure, "recipientmail")
	sent := 0
	for _, row := range r.rows {
		if row.Kind == casefile.OutMail {
			sent++
			r.ok(r.set.Outbox(t.Context(), row))
			r.ok(r.set.Outbox(t.Context(), row)) // promises are kept at least once, and the mail goes out once
		}
	}
	if sent != 1 || len(inbox.mails) != 1 || len(inbox.to) != 1 || inbox.to[0] != keeper {
		t.Fatalf("%d mails to %d addresses for %d promises", len(inbox.mails), len(inbox.to), sent)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(inbox.mails[0]))
	r.ok(err)
	if e.GetHeader("Reply-To") != "<privacy@example.com>" && e.GetHeader("Reply-To") != "privacy@example.com" || !strings.Contains(e.GetHeader("Subject"), k.c.Reference) {
		t.Errorf("answers go to %q, the subject is %q", e.GetHeader("Reply-To"), e.GetHeader("Subject"))
	}
	if bytes.Contains(bytes.ToLower(bytes.ReplaceAll(inbox.mails[0], []byte(keeper), nil)), []byte(canary)) {
		t.Error("the mail names the person")
	}
	found := linkPattern.FindStringSubmatch(e.Text)
	if found == nil || !strings.Contains(e.HTML, found[0]) {
		t.Fatal("the link is not in both writings of the letter")
	}
	r.want(r.get(found[1]), http.StatusOK, adaName)
	ms, _, err := r.set.Cases.Letters(t.Context(), tenant, k.c.ID, 10)
	r.ok(err)
	if ms[0].State != mail.Sent || ms[0].Party != casefile.ToOwner {
		t.Errorf("the mail is %s, to %q", ms[0].State, ms[0].Party)
	}
}
