package sendgridmail_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/mailtest"
	"github.com/habeas-dsar/habeas/shared/mail/sendgridmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func (s *service) sender(t testing.TB, edit ...func(*sendgridmail.Options)) *sendgridmail.Sender {
	t.Helper()
	opts := sendgridmail.Options{Key: redact.NewText(key), BaseURL: s.URL, RootCAs: s.roots, Timeout: 10 * time.Second}
	for _, e := range edit {
		e(&opts)
	}
	out, err := sendgridmail.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return out
}

func TestSuite(t *testing.T) {
	mailtest.Run(t, func(t testing.TB) mailtest.Harness {
		s := newService(t)
		return mailtest.Harness{Sender: s.sender(t), Delivered: s.delivered}
	})
}

// A connection that lay idle may be dead without anybody knowing, and would take the letter along.
func TestEveryLetterHasAConnectionOfItsOwn(t *testing.T) {
	s := newService(t)
	sender := s.sender(t)
	for n := range 3 {
		if state, err := sender.Send(t.Context(), mailtest.Message(n)); state != mail.Sent || err != nil {
			t.Fatalf("%s, %v", state, err)
		}
	}
	if len(s.peers) != 3 {
		t.Errorf("three letters went over %d connections", len(s.peers))
	}
}

// TestWhatSendGridGets: what its events are matched by, nothing that watches the reader, nothing that holds the letter back.
func TestWhatSendGridGets(t *testing.T) {
	s := newService(t)
	m := mailtest.Message(1)
	m.Tenant, m.ReplyTo, m.HTML = "acme", "Acme <privacy@acme.example.com>", redact.NewText("<p>x</p>")
	if state, err := s.sender(t).Send(t.Context(), m); state != mail.Sent {
		t.Fatal(err)
	}
	q := s.last
	if diff := cmp.Diff(map[string]string{"habeas_tenant": "acme", "habeas_message": m.MessageID}, q.CustomArgs); diff != "" {
		t.Error(diff)
	}
	off, on := map[string]bool{"enable": false}, map[string]bool{"enable": true}
	for name, got := range map[string]map[string]bool{
		"open": q.Tracking.Open, "subscription": q.Tracking.Subscription, "analytics": q.Tracking.GoogleAnalytics, "footer": q.MailSettings["footer"],
		"sandbox": q.MailSettings["sandbox_mode"],
	} {
		if diff := cmp.Diff(off, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff(map[string]bool{"enable": false, "enable_text": false}, q.Tracking.Click); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"bypass_unsubscribe_management", "bypass_spam_management", "bypass_bounce_management"} {
		if diff := cmp.Diff(on, q.MailSettings[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	want := map[string]string{"Message-ID": "<" + m.MessageID + ">", "Date": "Sun, 31 Jan 2027 09:00:00 +0000", "Auto-Submitted": "auto-generated"}
	if diff := cmp.Diff(want, q.Headers); diff != "" {
		t.Error(diff)
	}
	if q.From != (address{"Acme Privacy", "privacy@acme.example.com"}) || *q.ReplyTo != (address{"Acme", "privacy@acme.example.com"}) {
		t.Errorf("from %s, replies to %s", q.From, q.ReplyTo)
	}
}

func TestAnswers(t *testing.T) {
	to := `{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email","help":"ann@example.com"}]}`
	from := `{"errors":[{"message":"ann@example.com","field":"from.email"}]}`
	both := `{"errors":[{"field":"personalizations.0.to.0.email"},{"field":"from.email"}]}`
	for _, tt := range []struct {
		status int
		body   string
		state  mail.State
		class  fault.Class
	}{
		{200, "", mail.Unknown, fault.Internal},
		{302, "", mail.Claimed, fault.Misconfigured},
		{307, "", mail.Claimed, fault.Misconfigured},
		{400, to, mail.Failed, fault.Invalid},
		{400, from, mail.Failed, fault.Misconfigured},
		{400, both, mail.Failed, fault.Misconfigured},
		{400, "ann@example.com is not JSON", mail.Failed, fault.Misconfigured},
		{401, "", mail.Claimed, fault.Misconfigured},
		{403, from, mail.Claimed, fault.Misconfigured},
		{404, "", mail.Claimed, fault.Misconfigured},
		{405, "", mail.Claimed, fault.Misconfigured},
		{413, "", mail.Failed, fault.Misconfigured},
		{418, "", mail.Failed, fault.Misconfigured},
		{429, "", mail.Claimed, fault.Throttled},
		{500, "", mail.Unknown, fault.Unavailable},
		{502, "", mail.Unknown, fault.Unavailable},
		{503, "", mail.Claimed, fault.Unavailable},
		{504, strings.Repeat("ann@example.com ", 1<<16), mail.Unknown, fault.Unavailable},
	} {
		t.Run(fmt.Sprint(tt.status, tt.class), func(t *testing.T) {
			s := newService(t)
			s.status, s.body, s.header = tt.status, tt.body, http.Header{"Location": {s.URL + "/v3/mail/send"}}
			state, err := s.sender(t).Send(t.Context(), mailtest.Message(1))
			if state != tt.state || !fault.Has(err, tt.class) {
				t.Errorf("%s, %v (%s), want %s and %s", state, err, fault.ClassOf(err), tt.state, tt.class)
			}
			if err == nil || strings.Contains(err.Error(), "@") || !strings.Contains(err.Error(), fmt.Sprint(tt.status)) {
				t.Errorf("the error names the status and quotes nothing: %v", err)
			}
		})
	}
}

func TestWaitsAsLongAsItIsTold(t *testing.T) {
	const date = "Sun, 31 Jan 2027 09:00:00 GMT"
	at := time.Date(2027, 1, 31, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		reset, date string
		want        time.Duration
	}{
		{"", date, 0},
		{"soon", date, 0},
		{"-5", date, 0},
		{"20", date, 20 * time.Second},
		{"999999999", date, time.Hour},
		{"1000000000", date, 0},
		{fmt.Sprint(at.Add(90 * time.Second).Unix()), date, 90 * time.Second},
		{fmt.Sprint(at.Add(48 * time.Hour).Unix()), date, time.Hour},
		{fmt.Sprint(at.Add(-time.Minute).Unix()), date, 0},
		{fmt.Sprint(at.Unix()), "yesterday", 0},
		{"9223372036854775807", date, time.Hour},
	} {
		s := newService(t)
		s.status, s.header = 429, http.Header{"X-Ratelimit-Reset": {tt.reset}, "Date": {tt.date}}
		_, err := s.sender(t).Send(t.Context(), mailtest.Message(1))
		if got := fault.WaitOf(err); !fault.Has(err, fault.Throttled) || got != tt.want {
			t.Errorf("reset %q at %q: wait %s, want %s (%v)", tt.reset, tt.date, got, tt.want, err)
		}
	}
}

// TestLostConnections: once the request is under way nobody can say what became of it, and it is never repeated here.
func TestLostConnections(t *testing.T) {
	for _, tt := range []struct {
		drop  string
		taken int
	}{{"before", 0}, {"after", 1}} {
		s := newService(t)
		s.drop = tt.drop
		m := mailtest.Message(1)
		m.Text = redact.NewText(strings.Repeat("long text ", 50_000))
		state, err := s.sender(t).Send(t.Context(), m)
		if state != mail.Unknown || !fault.Has(err, fault.Unavailable) || strings.Contains(err.Error(), "@") {
			t.Errorf("%s: %s, %v, want unknown and unavailable", tt.drop, state, err)
		}
		if got := len(s.delivered()); got != tt.taken {
			t.Errorf("%s: %d mails were taken, want %d", tt.drop, got, tt.taken)
		}
	}
}

func TestHangingService(t *testing.T) {
	for _, how := range []string{"timeout", "context"} {
		s := newService(t)
		s.hang = make(chan struct{})
		ctx := t.Context()
		var edit []func(*sendgridmail.Options)
		if how == "timeout" {
			edit = append(edit, func(o *sendgridmail.Options) { o.Timeout = 300 * time.Millisecond })
		} else {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
			defer cancel()
		}
		state, err := s.sender(t, edit...).Send(ctx, mailtest.Message(1))
		close(s.hang)
		if state != mail.Unknown || !fault.Has(err, fault.Unavailable) {
			t.Errorf("%s: %s, %v, want unknown and unavailable", how, state, err)
		}
	}
}

func TestUnreachableOrImpostor(t *testing.T) {
	s := newService(t)
	stranger := s.sender(t, func(o *sendgridmail.Options) { o.RootCAs = x509.NewCertPool() })
	if state, err := stranger.Send(t.Context(), mailtest.Message(1)); state != mail.Claimed || !fault.Has(err, fault.Misconfigured) {
		t.Errorf("unknown authority: %s, %v, want claimed and misconfigured", state, err)
	}
	if err := stranger.EraseRecipient(t.Context(), redact.NewText("ann@example.com")); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("unknown authority: %v, want misconfigured", err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	nobody := s.sender(t, func(o *sendgridmail.Options) { o.BaseURL = gone })
	if state, err := nobody.Send(t.Context(), mailtest.Message(1)); state != mail.Claimed || !fault.Has(err, fault.Unavailable) {
		t.Errorf("unreachable: %s, %v, want claimed and unavailable", state, err)
	}
	if len(s.delivered()) != 0 {
		t.Error("a mail was taken")
	}
}

func TestErases(t *testing.T) {
	s := newService(t)
	ann := redact.NewText("ann@example.com")
	if err := s.sender(t).EraseRecipient(t.Context(), ann); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ann@example.com"}, s.erased); diff != "" {
		t.Error(diff)
	}
	for status, want := range map[int]fault.Class{
		200: fault.Misconfigured, 307: fault.Misconfigured, 400: fault.Invalid, 401: fault.Misconfigured, 403: fault.Misconfigured,
		404: fault.Misconfigured, 429: fault.Throttled, 500: fault.Unavailable, 503: fault.Unavailable,
	} {
		s.status, s.body = status, `{"errors":[{"message":"ann@example.com is not valid","field":"email_addresses"}]}`
		err := s.sender(t).EraseRecipient(t.Context(), ann)
		if !fault.Has(err, want) || strings.Contains(err.Error(), "@") {
			t.Errorf("status %d: %v (%s), want %s and no address", status, err, fault.ClassOf(err), want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	k := redact.NewText(key)
	for name, opts := range map[string]sendgridmail.Options{
		"nothing":               {},
		"key of two lines":      {Key: redact.NewText("SG.a\nX-Other: b")},
		"unknown region":        {Key: k, Region: "mars"},
		"clear text elsewhere":  {Key: k, BaseURL: "http://sendgrid.example.com"},
		"path":                  {Key: k, BaseURL: "https://sendgrid.example.com/v3"},
		"password in the place": {Key: k, BaseURL: "https://u:p@sendgrid.example.com"},
		"negative timeout":      {Key: k, Timeout: -1},
	} {
		if _, err := sendgridmail.New(opts); !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "SG.") {
			t.Errorf("%s: %v, want misconfigured", name, err)
		}
	}
	for _, region := range []sendgridmail.Region{"", sendgridmail.Global, sendgridmail.EU} {
		s, err := sendgridmail.New(sendgridmail.Options{Key: k, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{s, *s} {
			if got := fmt.Sprintf("%+v", v); got != redact.Mask {
				t.Error("a sender prints more than the mask")
			}
		}
	}
}
