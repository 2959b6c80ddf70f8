// Package sendgridmail hands mail to Twilio SendGrid: a mail.Sender over its v3 Mail Send operation, and a mail.Eraser over its
// Recipients' Data Erasure API.
//
// Wire facts: twilio.com/docs/sendgrid/api-reference/mail-send/mail-send and .../recipients-data-erasure-api, whose OpenAPI
// documents are spec/json/tsg_mail_v3.json and tsg_recipients_data_erasure_v3.json in github.com/twilio/sendgrid-oai.
//
// SendGrid keeps what it carries, so it gets what a mail needs and nothing else: no category, no tracking of clicks or opens (the
// links of letters are secrets for one person), no footer. Custom arguments are kept for ever and shown to its staff; they are
// the tenant's name and the Message-ID, by which the events of the webhook find their letter (functions/receivehook). What it
// answers is never quoted: its messages name addresses.
package sendgridmail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go"
	sgmail "github.com/sendgrid/sendgrid-go/helpers/mail"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// The custom arguments of every mail, which come back as fields of its events.
const (
	ArgTenant  = "habeas_tenant"
	ArgMessage = "habeas_message" // the Message-ID, without angle brackets
)

// Region is where an account lives. Setting values.
type Region string

// The regions.
const (
	Global Region = "global"
	EU     Region = "eu" // for subusers with EU residency
)

// Options are the settings of a sender. Key is required.
type Options struct {
	Key     redact.Text // API key with mail.send; recipients.erasejob.create for EraseRecipient
	Region  Region      // "" = global
	BaseURL string      // instead of the region's, such as that of a proxy: https, or http to this machine
	Timeout time.Duration
	RootCAs *x509.CertPool // nil = those of the system
}

// Limits of the dialogue.
const (
	defaultTimeout = 30 * time.Second
	maxAnswer      = 64 << 10
	maxWait        = time.Hour // longest pause believed
)

// Sender is a mail.Sender and mail.Eraser over SendGrid. Make one with New; safe for use by several goroutines.
type Sender struct {
	opts Options
	http *rest.Client
}

var (
	_ mail.Sender = (*Sender)(nil)
	_ mail.Eraser = (*Sender)(nil)
)

// New checks the settings; what cannot work is fault.Misconfigured. It does not connect.
func New(opts Options) (*Sender, error) {
	hosts := map[Region]string{"": "https://api.sendgrid.com", Global: "https://api.sendgrid.com", EU: "https://api.eu.sendgrid.com"}
	host, known := hosts[opts.Region]
	if opts.BaseURL == "" {
		opts.BaseURL = host
	}
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	switch {
	case opts.Key.IsZero() || strings.ContainsFunc(opts.Key.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, fault.New(fault.Misconfigured, "the API key of SendGrid is missing or holds a character that no key has")
	case !known:
		return nil, fault.New(fault.Misconfigured, "the region of SendGrid is global or eu")
	case !isBase(opts.BaseURL):
		return nil, fault.New(fault.Misconfigured, "SendGrid is reached by https, or by http on this machine, without a path")
	case opts.Timeout < 0:
		return nil, fault.New(fault.Misconfigured, "the timeout of SendGrid is below zero")
	}
	// A connection that lay idle may have been closed without our knowing, above all where processes are frozen between letters; it
	// would take one along whose fate nobody could tell.
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{RootCAs: opts.RootCAs, MinVersion: tls.VersionTLS12},
	}
	// A redirect would take key and letter to somebody else.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Sender{opts, &rest.Client{HTTPClient: &http.Client{Transport: bounded{t}, CheckRedirect: stay}}}, nil
}

func isBase(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || (u.Scheme == "http" && ip != nil && ip.IsLoopback())
}

// bounded cuts answers off: rest reads them whole.
type bounded struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.Transport.RoundTrip(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // classified by connecting
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxAnswer), res.Body}
	return res, nil
}

// Close drops idle connections.
func (s *Sender) Close() { s.http.HTTPClient.CloseIdleConnections() }

// Format implements fmt.Formatter: it holds a key.
func (Sender) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redact.Mask) }

// Send implements mail.Sender. 202 is Sent. 429 and 503 are Claimed with throttled and unavailable; 401, 403, 404, 405 and
// redirects are Claimed with misconfigured, because key, sender identity or address of the service is wrong and not the mail.
// 400 is Failed, with invalid for the recipient and misconfigured otherwise, as are 413 and every other 4xx. Another 5xx, and a
// connection lost once the request was under way, is Unknown with unavailable: events settle it.
func (s *Sender) Send(ctx context.Context, m mail.Message) (mail.State, error) {
	if err := m.Check(); err != nil {
		return mail.Failed, err
	}
	if err := ctx.Err(); err != nil {
		return mail.Claimed, fault.Wrap(fault.Unavailable, err, "sending mail")
	}
	var underWay atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { underWay.Store(true) }})
	res, err := s.call(ctx, "/v3/mail/send", sgmail.GetRequestBody(letter(m)))
	switch {
	case res != nil:
		return settle(res)
	case underWay.Load():
		return mail.Unknown, fault.New(fault.Unavailable, "the connection broke after the content was handed over")
	}
	return mail.Claimed, connecting(err)
}

// Lookup implements mail.Sender: always Unknown. SendGrid reports by events, see functions/receivehook.
func (s *Sender) Lookup(_ context.Context, messageID string) (mail.State, error) {
	return mail.Unknown, mail.CheckMessageID(messageID)
}

// EraseRecipient implements mail.Eraser. SendGrid answers that it took the job; it has no call that tells when the job is done.
func (s *Sender) EraseRecipient(ctx context.Context, address redact.Text) error {
	body, err := json.Marshal(map[string][]string{"email_addresses": {address.Reveal()}})
	if err != nil {
		return fault.New(fault.Internal, "encoding an erase job")
	}
	res, err := s.call(ctx, "/v3/recipients/erasejob", body)
	switch {
	case res == nil:
		return connecting(err)
	case res.StatusCode == http.StatusAccepted:
		return nil
	case res.StatusCode == http.StatusBadRequest:
		return fault.New(fault.Invalid, "SendGrid refuses to erase this address (status 400)")
	case res.StatusCode == http.StatusTooManyRequests:
		return throttled(res)
	case res.StatusCode >= http.StatusInternalServerError:
		return refused(fault.Unavailable, "cannot take an erase job now", res)
	}
	return refused(fault.Misconfigured, "does not take erase jobs with this key", res)
}

// call posts a document. The response is nil exactly when no status arrived.
func (s *Sender) call(ctx context.Context, path string, body []byte) (*rest.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	request := sendgrid.GetRequest(s.opts.Key.Reveal(), path, s.opts.BaseURL)
	request.Method, request.Body = rest.Post, body
	return s.http.SendWithContext(ctx, request) //nolint:wrapcheck // classified by the callers
}

// letter translates a checked message.
func letter(m mail.Message) *sgmail.SGMailV3 {
	off, on := false, true
	p := sgmail.NewPersonalization()
	p.AddTos(sgmail.NewEmail("", m.To.Reveal()))
	out := sgmail.NewV3Mail().SetFrom(email(m.From)).AddPersonalizations(p).AddContent(sgmail.NewContent("text/plain", m.Text.Reveal()))
	out.Subject = m.Subject
	if !m.HTML.IsZero() {
		out.AddContent(sgmail.NewContent("text/html", m.HTML.Reveal()))
	}
	if m.ReplyTo != "" {
		out.SetReplyTo(email(m.ReplyTo))
	}
	// RFC 3834: other machines do not answer a mail that a machine sent.
	out.SetHeader("Auto-Submitted", "auto-generated")
	for name, value := range m.Headers {
		out.SetHeader(textproto.CanonicalMIMEHeaderKey(name), value)
	}
	out.SetHeader("Message-ID", "<"+m.MessageID+">").SetHeader("Date", m.Date.UTC().Format(time.RFC1123Z))
	out.SetCustomArg(ArgMessage, m.MessageID)
	if m.Tenant != "" {
		out.SetCustomArg(ArgTenant, m.Tenant)
	}
	out.TrackingSettings = &sgmail.TrackingSettings{
		ClickTracking: &sgmail.ClickTrackingSetting{Enable: &off, EnableText: &off}, OpenTracking: &sgmail.OpenTrackingSetting{Enable: &off},
		SubscriptionTracking: &sgmail.SubscriptionTrackingSetting{Enable: &off}, GoogleAnalytics: &sgmail.GaSetting{Enable: &off},
	}
	// Who left a newsletter, or called one spam, still gets the answer to their own request. A list of old bounces is passed over
	// too: a letter is sent once, and what becomes of it is reported.
	out.MailSettings = &sgmail.MailSettings{
		BypassUnsubscribeManagement: &sgmail.Setting{Enable: &on}, BypassSpamManagement: &sgmail.Setting{Enable: &on},
		BypassBounceManagement: &sgmail.Setting{Enable: &on}, Footer: &sgmail.FooterSetting{Enable: &off}, SandboxMode: &sgmail.Setting{Enable: &off},
	}
	return out
}

func email(s string) *sgmail.Email {
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return sgmail.NewEmail("", s) // mail.Check lets no such address pass
	}
	return sgmail.NewEmail(a.Name, a.Address)
}

// settle says where the mail stands after an answer.
func settle(res *rest.Response) (mail.State, error) {
	switch code := res.StatusCode; {
	case code == http.StatusAccepted:
		return mail.Sent, nil
	case code < 300:
		return mail.Unknown, refused(fault.Internal, "answered what its documentation does not know", res)
	case code < 400, code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		return mail.Claimed, refused(fault.Misconfigured, "does not take mail with this key and sender", res)
	case code == http.StatusTooManyRequests:
		return mail.Claimed, throttled(res)
	case code == http.StatusBadRequest && blamesRecipient(res.Body):
		return mail.Failed, refused(fault.Invalid, "refuses the recipient", res)
	case code < 500:
		return mail.Failed, refused(fault.Misconfigured, "refuses the message", res)
	case code == http.StatusServiceUnavailable:
		return mail.Claimed, refused(fault.Unavailable, "is not ready", res)
	}
	// A gateway's timeout or an error half-way does not say that nothing was taken.
	return mail.Unknown, refused(fault.Unavailable, "failed with the message in hand", res)
}

func refused(c fault.Class, what string, res *rest.Response) *fault.Error {
	return fault.New(c, fmt.Sprintf("SendGrid %s (status %d)", what, res.StatusCode))
}

// blamesRecipient reports whether the fields that an error document names are those of the recipient.
func blamesRecipient(body string) bool {
	var doc struct {
		Errors []struct {
			Field string `json:"field"`
		} `json:"errors"`
	}
	if json.Unmarshal([]byte(body), &doc) != nil || len(doc.Errors) == 0 {
		return false
	}
	for _, e := range doc.Errors {
		if !strings.HasPrefix(e.Field, "personalizations.") || !strings.Contains(e.Field, ".to") {
			return false
		}
	}
	return true
}

// throttled reads how long to wait: X-RateLimit-Reset is an instant in Unix seconds or, for newer calls, a number of seconds. The
// instant is held against the Date of the answer, so that no clock of ours is asked.
func throttled(res *rest.Response) *fault.Error {
	e := refused(fault.Throttled, "takes no more for now", res)
	h := http.Header(res.Headers)
	n, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || n <= 0 {
		return e
	}
	const instant, farAway = 1_000_000_000, 100_000_000_000 // from instant on it is no number of seconds to wait
	n = min(n, farAway)
	wait := time.Duration(min(n, instant)) * time.Second
	if n >= instant {
		date, err := http.ParseTime(h.Get("Date"))
		if err != nil {
			return e
		}
		wait = time.Unix(n, 0).Sub(date)
	}
	return e.After(max(0, min(wait, maxWait)))
}

// connecting classifies what went wrong before the request was under way. Texts of the network are dropped.
func connecting(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert x509.CertificateInvalidError
	if errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &cert) {
		return fault.New(fault.Misconfigured, "the certificate of SendGrid is not valid")
	}
	return fault.New(fault.Unavailable, "SendGrid cannot be reached")
}
