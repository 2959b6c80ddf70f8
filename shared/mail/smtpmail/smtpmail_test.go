package smtpmail_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/mailtest"
	"github.com/habeas-dsar/habeas/shared/mail/smtpmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func (s *server) options() smtpmail.Options {
	return smtpmail.Options{
		Host: "127.0.0.1", Port: s.addr.Port, Security: smtpmail.StartTLS, Hello: "habeas.example.com", RootCAs: s.roots, Timeout: 10 * time.Second,
	}
}

func sender(t testing.TB, opts smtpmail.Options) *smtpmail.Sender {
	t.Helper()
	s, err := smtpmail.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	for _, security := range []smtpmail.Security{smtpmail.StartTLS, smtpmail.Implicit, smtpmail.None} {
		t.Run(string(security), func(t *testing.T) {
			mailtest.Run(t, func(t testing.TB) mailtest.Harness {
				s := newServer(t, security == smtpmail.Implicit)
				opts := s.options()
				opts.Security = security
				return mailtest.Harness{Sender: sender(t, opts), Delivered: s.delivered}
			})
		})
	}
}

func TestGoesOverTLSToTheRecipientOnly(t *testing.T) {
	for _, security := range []smtpmail.Security{"", smtpmail.Implicit} {
		s := newServer(t, security == smtpmail.Implicit)
		opts := s.options()
		opts.Security = security
		if state, err := sender(t, opts).Send(t.Context(), mailtest.Message(1)); state != mail.Sent {
			t.Fatal(err)
		}
		if !s.secure || !slices.Equal(s.rcpts, []string{"ann@example.com"}) {
			t.Errorf("%q: secure %v, recipients %q", security, s.secure, s.rcpts)
		}
	}
}

func reply(code int, enhanced ...int) *gosmtp.SMTPError {
	e := &gosmtp.SMTPError{Code: code, Message: "no thanks, ann@example.com"}
	if len(enhanced) == 3 {
		e.EnhancedCode = gosmtp.EnhancedCode{enhanced[0], enhanced[1], enhanced[2]}
	}
	return e
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		at    stage
		reply *gosmtp.SMTPError
		state mail.State
		class fault.Class
	}{
		{atMail, reply(421, 4, 3, 2), mail.Claimed, fault.Throttled},
		{atMail, reply(451, 4, 3, 0), mail.Claimed, fault.Unavailable},
		{atMail, reply(550, 5, 1, 8), mail.Failed, fault.Misconfigured},
		{atRcpt, reply(450, 4, 2, 0), mail.Claimed, fault.Unavailable},
		{atRcpt, reply(451, 4, 7, 1), mail.Claimed, fault.Throttled},
		{atRcpt, reply(452, 4, 5, 3), mail.Claimed, fault.Throttled},
		{atRcpt, reply(550, 5, 1, 1), mail.Failed, fault.Invalid},
		{atRcpt, reply(553), mail.Failed, fault.Invalid},
		{atRcpt, reply(554, 5, 7, 1), mail.Failed, fault.Misconfigured},
		{atData, reply(451, 4, 3, 0), mail.Claimed, fault.Unavailable},
		{atData, reply(552, 5, 3, 4), mail.Failed, fault.Misconfigured},
		{atData, reply(554, 5, 6, 0), mail.Failed, fault.Misconfigured},
	} {
		t.Run(fmt.Sprintf("%s %d %v", tt.at, tt.reply.Code, tt.reply.EnhancedCode), func(t *testing.T) {
			s := newServer(t, false)
			s.refuse[tt.at] = tt.reply
			state, err := sender(t, s.options()).Send(t.Context(), mailtest.Message(1))
			if state != tt.state || !fault.Has(err, tt.class) {
				t.Errorf("%s, %v (%s), want %s and %s", state, err, fault.ClassOf(err), tt.state, tt.class)
			}
			if err == nil || strings.Contains(err.Error(), "ann@") || !strings.Contains(err.Error(), fmt.Sprint(tt.reply.Code)) {
				t.Errorf("the error names the reply and quotes nothing: %v", err)
			}
			if len(s.delivered()) != 0 {
				t.Error("the server took the mail")
			}
		})
	}
}

func TestLostConnections(t *testing.T) {
	for _, tt := range []struct {
		at    stage
		state mail.State
		taken int
	}{
		{atGreeting, mail.Claimed, 0},
		{atMail, mail.Claimed, 0},
		{atRcpt, mail.Claimed, 0},
		{inData, mail.Unknown, 0},
		{afterTaken, mail.Unknown, 1}, // the reply was lost
	} {
		t.Run(string(tt.at), func(t *testing.T) {
			s := newServer(t, false)
			s.drop[tt.at] = true
			m := mailtest.Message(1)
			m.Text = redact.NewText(strings.Repeat("long text ", 50_000))
			state, err := sender(t, s.options()).Send(t.Context(), m)
			if state != tt.state || !fault.Has(err, fault.Unavailable) {
				t.Errorf("%s, %v, want %s and unavailable", state, err, tt.state)
			}
			if got := len(s.delivered()); got != tt.taken {
				t.Errorf("the server took %d mails, want %d", got, tt.taken)
			}
		})
	}
}

func TestHangingServer(t *testing.T) {
	for at, want := range map[stage]mail.State{atGreeting: mail.Claimed, atRcpt: mail.Claimed, atData: mail.Unknown} {
		for _, how := range []string{"timeout", "context"} {
			t.Run(string(at)+" "+how, func(t *testing.T) {
				s := newServer(t, false)
				release := make(chan struct{})
				t.Cleanup(func() { close(release) }) // before the server's own cleanup
				s.hang[at] = release
				opts, ctx := s.options(), t.Context()
				if how == "timeout" {
					opts.Timeout = 300 * time.Millisecond
				} else {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
					defer cancel()
				}
				start := time.Now()
				state, err := sender(t, opts).Send(ctx, mailtest.Message(1))
				if state != want || !fault.Has(err, fault.Unavailable) {
					t.Errorf("%s, %v, want %s and unavailable", state, err, want)
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		}
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	state, err := sender(t, smtpmail.Options{Host: "127.0.0.1", Port: port}).Send(t.Context(), mailtest.Message(1))
	if state != mail.Claimed || !fault.Has(err, fault.Unavailable) {
		t.Errorf("%s, %v, want claimed and unavailable", state, err)
	}
}

// TestWrongSetUp: what a person must change is misconfigured, and the mail may be sent once it is changed.
func TestWrongSetUp(t *testing.T) {
	for name, change := range map[string]func(*server, *smtpmail.Options){
		"certificate of an unknown authority": func(_ *server, o *smtpmail.Options) { o.RootCAs = nil },
		"wrong password": func(s *server, o *smtpmail.Options) {
			s.user, s.pass = "habeas", "right"
			o.Username, o.Password = "habeas", redact.NewText("wrong")
		},
		"way of signing in not offered": func(s *server, o *smtpmail.Options) {
			s.user, s.pass = "habeas", "right"
			o.Username, o.Password, o.Auth = "habeas", redact.NewText("right"), smtpmail.Login
		},
		"connection refused by policy": func(s *server, _ *smtpmail.Options) { s.refuse[atGreeting] = reply(554, 5, 7, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, false)
			opts := s.options()
			change(s, &opts)
			state, err := sender(t, opts).Send(t.Context(), mailtest.Message(1))
			if state != mail.Claimed || !fault.Has(err, fault.Misconfigured) {
				t.Errorf("%s, %v (%s), want claimed and misconfigured", state, err, fault.ClassOf(err))
			}
			if len(s.delivered()) != 0 {
				t.Error("the server took the mail")
			}
		})
	}
}

func TestSignsIn(t *testing.T) {
	for _, security := range []smtpmail.Security{smtpmail.StartTLS, smtpmail.Implicit} {
		s := newServer(t, security == smtpmail.Implicit)
		s.user, s.pass = "habeas", "right"
		opts := s.options()
		opts.Security, opts.Username, opts.Password = security, "habeas", redact.NewText("right")
		if state, err := sender(t, opts).Send(t.Context(), mailtest.Message(1)); state != mail.Sent {
			t.Errorf("%s: %v", security, err)
		}
	}
}

// TestNeverFallsBackToClearText: a server (or somebody in between) that hides STARTTLS gets nothing.
func TestNeverFallsBackToClearText(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		_, _ = conn.Write([]byte("220 mx.example.com\r\n"))
		buf := make([]byte, 1000)
		n, _ := conn.Read(buf)
		_, _ = conn.Write([]byte("250 mx.example.com\r\n"))
		said := string(buf[:n])
		n, _ = conn.Read(buf)
		got <- said + string(buf[:n])
		_ = conn.Close()
	}()
	port := l.Addr().(*net.TCPAddr).Port
	state, err := sender(t, smtpmail.Options{Host: "127.0.0.1", Port: port, Hello: "habeas.example.com", Timeout: 5 * time.Second}).
		Send(t.Context(), mailtest.Message(1))
	if state != mail.Claimed || !fault.Has(err, fault.Misconfigured) {
		t.Errorf("%s, %v, want claimed and misconfigured", state, err)
	}
	if said := <-got; strings.Contains(said, "MAIL") || strings.Contains(said, "ann@") || !strings.HasPrefix(said, "EHLO habeas.example.com") {
		t.Errorf("the client said %q", said)
	}
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, opts := range map[string]smtpmail.Options{
		"nothing":              {},
		"no host":              {Port: 25},
		"no port":              {Host: "mx.example.com"},
		"port out of range":    {Host: "mx.example.com", Port: 65536},
		"unknown security":     {Host: "mx.example.com", Port: 25, Security: "tls"},
		"unknown sign-in":      {Host: "mx.example.com", Port: 25, Auth: "ntlm"},
		"clear text elsewhere": {Host: "mx.example.com", Port: 25, Security: smtpmail.None},
		"clear text to an IP":  {Host: "192.0.2.1", Port: 25, Security: smtpmail.None},
		"negative timeout":     {Host: "mx.example.com", Port: 25, Timeout: -1},
	} {
		if _, err := smtpmail.New(opts); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v, want misconfigured", name, err)
		}
	}
	s := sender(t, smtpmail.Options{Host: "mx.example.com", Port: 25, Username: "u", Password: redact.NewText("canary")})
	for _, v := range []any{s, *s} {
		if got := fmt.Sprintf("%+v", v); got != redact.Mask {
			t.Error("a sender prints more than the mask")
		}
	}
}
