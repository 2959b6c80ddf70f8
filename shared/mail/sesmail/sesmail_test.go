package sesmail_test

import (
	"context"
	"encoding/base64"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/mailtest"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func open(t testing.TB, client sesmail.Client, opts sesmail.Options) *sesmail.Sender {
	t.Helper()
	s, err := sesmail.New(client, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	mailtest.Run(t, func(t testing.TB) mailtest.Harness {
		s := newService(t)
		return mailtest.Harness{Sender: open(t, s.client(), sesmail.Options{}), Delivered: s.delivered}
	})
}

func TestWhatGoesAlong(t *testing.T) {
	s := newService(t)
	m := mailtest.Message(1)
	m.Tenant = "acme"
	if state, err := open(t, s.client(), sesmail.Options{ConfigurationSet: "habeas-test"}).Send(t.Context(), m); state != mail.Sent || err != nil {
		t.Fatalf("%s, %v", state, err)
	}
	want := call{FromEmailAddress: "privacy@acme.example.com", ConfigurationSetName: "habeas-test"}
	want.Content.Raw.Data = s.delivered()[0]
	want.Destination.ToAddresses = []string{"ann@example.com"}
	want.EmailTags = []struct{ Name, Value string }{
		{"habeas_message", base64.RawURLEncoding.EncodeToString([]byte(m.MessageID))}, {"habeas_tenant", "acme"},
	}
	want.ConfigurationOverrides.Tracking.ClickTrackingEnabled = "DISABLED"
	want.ConfigurationOverrides.Tracking.OpenTrackingEnabled = "DISABLED"
	if diff := cmp.Diff(want, s.last); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(s.delivered()[0]), "habeas_") {
		t.Error("a tag is written into the mail")
	}
}

func TestWhatSESCannotCarry(t *testing.T) {
	for name, change := range map[string]func(*mail.Message){
		"an address outside ASCII": func(m *mail.Message) { m.To = redact.NewText("jürgen@example.com") },
		"a domain outside ASCII":   func(m *mail.Message) { m.To = redact.NewText("ann@bücher.example") },
		"a tenant with a space":    func(m *mail.Message) { m.Tenant = "acme ltd" },
		"a message id too long":    func(m *mail.Message) { m.MessageID = strings.Repeat("a", 150) + "@" + strings.Repeat("b", 49) },
	} {
		s := newService(t)
		m := mailtest.Message(1)
		change(&m)
		state, err := open(t, s.client(), sesmail.Options{}).Send(t.Context(), m)
		if state != mail.Failed || !fault.Has(err, fault.Invalid) || s.calls != 0 {
			t.Errorf("%s: %s, %v after %d calls", name, state, err, s.calls)
		}
	}
}

func TestOutcomes(t *testing.T) {
	const canary = "ann@example.com"
	for _, tt := range []struct {
		status int
		code   string
		text   string
		state  mail.State
		class  fault.Class
		wait   time.Duration
	}{
		{429, "TooManyRequestsException", "Too many requests", mail.Claimed, fault.Throttled, 0},
		{400, "ThrottlingException", "Maximum sending rate exceeded.", mail.Claimed, fault.Throttled, 0},
		{400, "ThrottlingException", "Daily message quota exceeded.", mail.Claimed, fault.Throttled, 10 * time.Minute},
		{400, "LimitExceededException", "Daily message quota exceeded.", mail.Claimed, fault.Throttled, 10 * time.Minute},
		{400, "MessageRejected", "Email address is not verified. The following identities failed the check in region EU-WEST-1: " + canary, mail.Claimed, fault.Misconfigured, 0},
		{400, "MessageRejected", "The message contains invalid content.", mail.Failed, fault.Misconfigured, 0},
		{400, "SendingPausedException", "Sending is paused for " + canary, mail.Claimed, fault.Misconfigured, 0},
		{400, "AccountSuspendedException", "Account is suspended", mail.Claimed, fault.Misconfigured, 0},
		{400, "MailFromDomainNotVerifiedException", "MAIL FROM is not verified", mail.Claimed, fault.Misconfigured, 0},
		{404, "NotFoundException", "Configuration set <habeas-test> does not exist.", mail.Claimed, fault.Misconfigured, 0},
		{403, "AccessDeniedException", "User is not authorized to perform ses:SendRawEmail", mail.Claimed, fault.Misconfigured, 0},
		{403, "ExpiredTokenException", "The security token is expired", mail.Claimed, fault.Misconfigured, 0},
		{400, "BadRequestException", "Local address contains control or whitespace", mail.Failed, fault.Invalid, 0},
		{400, "BadRequestException", "Missing final '@domain'", mail.Failed, fault.Invalid, 0},
		{400, "BadRequestException", "Duplicate header 'Subject'.", mail.Failed, fault.Misconfigured, 0},
		{400, "UnheardOfException", canary, mail.Failed, fault.Misconfigured, 0},
		{503, "ServiceUnavailable", "", mail.Claimed, fault.Unavailable, 0},
		{500, "InternalFailure", "", mail.Unknown, fault.Unavailable, 0},
		{502, "", "", mail.Unknown, fault.Unavailable, 0},
		{504, "", "", mail.Unknown, fault.Unavailable, 0},
		{409, "ConflictException", "", mail.Claimed, fault.Unavailable, 0},
		{307, "", "", mail.Claimed, fault.Internal, 0},
	} {
		s := newService(t)
		s.answer(tt.status, tt.code, tt.text)
		state, err := open(t, s.client(), sesmail.Options{}).Send(t.Context(), mailtest.Message(1))
		if state != tt.state || !fault.Has(err, tt.class) || fault.WaitOf(err) != tt.wait {
			t.Errorf("%d %s %q: %s, %v (%s), wait %s", tt.status, tt.code, tt.text, state, err, fault.ClassOf(err), fault.WaitOf(err))
		}
		if err != nil && (strings.Contains(err.Error(), canary) || tt.text != "" && strings.Contains(err.Error(), tt.text)) {
			t.Errorf("%s: the error quotes SES: %v", tt.code, err)
		}
		if s.calls != 1 {
			t.Errorf("%d %s: called %d times", tt.status, tt.code, s.calls)
		}
	}
}

// Once a mail may have been taken nothing repeats it, neither the SDK nor a class that asks for it.
func TestAConnectionThatBreaks(t *testing.T) {
	for name, change := range map[string]func(*service){
		"before the request is read":  func(s *service) { s.drop = "before" },
		"after the mail was taken":    func(s *service) { s.drop = "after" },
		"an answer that is cut off":   func(s *service) { s.broken = true },
		"no answer within the limits": func(s *service) { s.hang = make(chan struct{}); s.t.Cleanup(func() { close(s.hang) }) },
	} {
		s := newService(t)
		change(s)
		start := time.Now()
		state, err := open(t, s.client(), sesmail.Options{Timeout: 300 * time.Millisecond}).Send(t.Context(), mailtest.Message(1))
		if state != mail.Unknown || !fault.Has(err, fault.Unavailable) || strings.Contains(err.Error(), s.Listener.Addr().String()) {
			t.Errorf("%s: %s, %v", name, state, err)
		}
		if s.mu.Lock(); s.calls != 1 || time.Since(start) > 5*time.Second {
			t.Errorf("%s: called %d times in %s", name, s.calls, time.Since(start))
		}
		s.mu.Unlock()
	}
}

// A connection that lay idle may be dead without anybody knowing, and would take the letter along.
func TestEveryLetterHasAConnectionOfItsOwn(t *testing.T) {
	s := newService(t)
	sender := open(t, s.client(), sesmail.Options{})
	for n := range 3 {
		if state, err := sender.Send(t.Context(), mailtest.Message(n)); state != mail.Sent || err != nil {
			t.Fatalf("%s, %v", state, err)
		}
	}
	if len(s.peers) != 3 {
		t.Errorf("three letters went over %d connections", len(s.peers))
	}
}

func TestAServiceThatCannotBeReached(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	client := sesv2.New(sesv2.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://" + l.Addr().String()), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if state, err := open(t, client, sesmail.Options{}).Send(t.Context(), mailtest.Message(1)); state != mail.Claimed || !fault.Has(err, fault.Unavailable) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%s, %v", state, err)
	}
}

type odd struct{}

func (odd) SendEmail(context.Context, *sesv2.SendEmailInput, ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error) {
	return &sesv2.SendEmailOutput{}, nil
}

func TestAnAnswerWithoutAnId(t *testing.T) {
	if state, err := open(t, odd{}, sesmail.Options{}).Send(t.Context(), mailtest.Message(1)); state != mail.Unknown || !fault.Has(err, fault.Internal) {
		t.Errorf("%s, %v", state, err)
	}
}

func TestSettings(t *testing.T) {
	for name, opts := range map[string]sesmail.Options{
		"a timeout below zero": {Timeout: -1}, "a configuration set with a line break": {ConfigurationSet: "a\nb"},
	} {
		if _, err := sesmail.New(odd{}, opts); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
