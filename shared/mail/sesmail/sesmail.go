// Package sesmail hands mail to Amazon SES: a mail.Sender over SendEmail of its API v2, with the message as package mail
// composes it (Content.Raw), so that it looks as it does over SMTP.
//
// SES keeps every header but two: Date becomes the instant at which it took the mail, and Message-ID a value of its own
// (Developer Guide, "Amazon SES header fields"). A reply or a bounce to such a mail therefore names an id that we never saw.
// What SES reports finds its letter by the tags of the call instead, which are no part of the mail: the tenant's name, and the
// Message-ID in base64url, because the value of a tag holds letters, digits, '_' and '-' only (API reference, MessageTag).
// See functions/receivehook.
//
// Opens and clicks are not tracked, whatever the configuration set says: the links of letters are secrets for one person. SES
// keeps no copy of a mail that it delivered, so there is nothing to be erased with it; addresses on the account's suppression
// list are the account's own and are managed there.
//
// What SES answers is never quoted: its messages name addresses.
package sesmail

import (
	"context"
	"encoding/base64"
	"net/http/httptrace"
	netmail "net/mail"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// The tags of every mail, which come back with what SES reports about it.
const (
	TagTenant  = "habeas_tenant"
	TagMessage = "habeas_message" // the Message-ID without angle brackets, in base64url without padding
)

// Client is what is used of *sesv2.Client.
type Client interface {
	SendEmail(ctx context.Context, in *sesv2.SendEmailInput, options ...func(*sesv2.Options)) (*sesv2.SendEmailOutput, error)
}

// Options are the settings of a sender.
type Options struct {
	// ConfigurationSet is the configuration set under which mail is sent; "" = none, and SES reports nothing. Its suppression list
	// should be off: a letter is sent once, and what becomes of it is reported.
	ConfigurationSet string
	Timeout          time.Duration // for one mail; 0 = 15 s
}

const (
	defaultTimeout = 15 * time.Second
	quotaWait      = 10 * time.Minute // Developer Guide, "Errors related to the sending quotas"
	maxTag         = 256              // characters of the value of a tag
)

// Sender is a mail.Sender over SES. Make one with New; safe for use by several goroutines.
type Sender struct {
	client Client
	opts   Options
}

var _ mail.Sender = (*Sender)(nil)

// New checks the settings; what cannot work is fault.Misconfigured. It does not connect.
func New(client Client, opts Options) (*Sender, error) {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	switch {
	case opts.Timeout < 0:
		return nil, fault.New(fault.Misconfigured, "the timeout of SES is below zero")
	case opts.ConfigurationSet != "" && !isTag(opts.ConfigurationSet):
		return nil, fault.New(fault.Misconfigured, "the name of the configuration set of SES holds a character that no such name has")
	}
	return &Sender{client, opts}, nil
}

// Send implements mail.Sender: in one call, over a connection of its own. See settle for the outcomes.
func (s *Sender) Send(ctx context.Context, m mail.Message) (mail.State, error) {
	in, err := s.request(m)
	if err != nil {
		return mail.Failed, err
	}
	if err := ctx.Err(); err != nil {
		return mail.Claimed, fault.Wrap(fault.Unavailable, err, "sending mail")
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	var underWay atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { underWay.Store(true) }})
	out, err := s.client.SendEmail(ctx, in, once)
	switch {
	case err != nil:
		return settle(err, underWay.Load())
	case aws.ToString(out.MessageId) == "":
		return mail.Unknown, fault.New(fault.Internal, "SES answered what its documentation does not know")
	}
	return mail.Sent, nil
}

// once keeps the SDK from repeating the call, whatever its client is set up for: SES takes the same mail as often as it is handed
// over. Nor does the call use a connection that lay idle: what was frozen between two invocations is told of no closed connection,
// finds out with the mail in hand, and could not say what became of it.
func once(o *sesv2.Options) {
	o.Retryer = aws.NopRetryer{}
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Build.Add(middleware.BuildMiddlewareFunc("OwnConnection", func(
			ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler,
		) (middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.Close = true
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	})
}

// Lookup implements mail.Sender: always Unknown. SES reports by events, see functions/receivehook.
func (s *Sender) Lookup(_ context.Context, messageID string) (mail.State, error) {
	return mail.Unknown, mail.CheckMessageID(messageID)
}

// request is the call for a message, or fault.Invalid.
func (s *Sender) request(m mail.Message) (*sesv2.SendEmailInput, error) {
	raw, err := mail.Render(m)
	if err != nil {
		return nil, err
	}
	from, err := netmail.ParseAddress(m.From)
	if err != nil {
		return nil, fault.InvalidField("/from", "the sender is not an e-mail address") // mail.Check lets no such address pass
	}
	message := base64.RawURLEncoding.EncodeToString([]byte(m.MessageID))
	switch {
	case !isASCII(m.To.Reveal()):
		// It offers no SMTPUTF8 (Developer Guide, "Amazon SES API", addresses outside 7-bit ASCII).
		return nil, fault.InvalidField("/to", "SES takes no address with characters outside ASCII")
	case len(message) > maxTag:
		return nil, fault.InvalidField("/messageId", "the message id is too long for a tag of SES")
	case m.Tenant != "" && !isTag(m.Tenant):
		return nil, fault.InvalidField("/tenant", "the tenant's name does not fit a tag of SES")
	}
	in := &sesv2.SendEmailInput{
		Content:          &types.EmailContent{Raw: &types.RawMessage{Data: raw}},
		Destination:      &types.Destination{ToAddresses: []string{m.To.Reveal()}},
		FromEmailAddress: aws.String(from.Address),
		EmailTags:        []types.MessageTag{{Name: aws.String(TagMessage), Value: aws.String(message)}},
		ConfigurationOverrides: &types.ConfigurationOverrides{Tracking: &types.TrackingConfigurationOverrides{
			ClickTrackingEnabled: types.FeatureStatusDisabled, OpenTrackingEnabled: types.FeatureStatusDisabled,
		}},
	}
	if m.Tenant != "" {
		in.EmailTags = append(in.EmailTags, types.MessageTag{Name: aws.String(TagTenant), Value: aws.String(m.Tenant)})
	}
	if s.opts.ConfigurationSet != "" {
		in.ConfigurationSetName = aws.String(s.opts.ConfigurationSet)
	}
	return in, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

func isTag(s string) bool {
	return len(s) <= maxTag && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// settle says where the mail stands after a failed call; see the errors of SendEmail in the API reference and "Amazon SES email
// sending errors" in the Developer Guide.
//
//   - A rate or a quota is used up: Claimed, throttled, with the wait that SES asks for when it is the day's quota.
//   - Sender not verified, account in the sandbox, sending paused or suspended, configuration set not there, call not allowed:
//     Claimed, misconfigured. The mail itself was not refused and leaves once somebody mended it.
//   - An address is not one: Failed, invalid. Any other fault in the message: Failed, misconfigured.
//   - SES is not ready (503): Claimed, unavailable. Another 5xx, or no whole answer although the request was under way: Unknown,
//     unavailable; events settle it. No answer before that: Claimed.
func settle(err error, underWay bool) (mail.State, error) {
	status, text := answer(err)
	switch class := awsfault.Class(err); {
	case underWay && status < 300:
		return mail.Unknown, wrap(fault.Unavailable, err, "waiting for SES with the content handed over")
	case class == fault.Throttled && strings.Contains(text, "quota"):
		return mail.Claimed, throttled(err).After(quotaWait)
	case class == fault.Throttled:
		return mail.Claimed, throttled(err)
	case awsfault.Code(err) == "MessageRejected" && strings.Contains(text, "not verified"), class == fault.Misconfigured, class == fault.NotFound:
		return mail.Claimed, wrap(fault.Misconfigured, err, "sending by SES as it is set up")
	case class == fault.Invalid && (strings.Contains(text, "address") || strings.Contains(text, "domain")):
		return mail.Failed, wrap(fault.Invalid, err, "having SES take the recipient")
	case class == fault.Invalid:
		return mail.Failed, wrap(fault.Misconfigured, err, "having SES take the message")
	case status >= 500 && status != 503:
		// It does not say that nothing was taken.
		return mail.Unknown, wrap(fault.Unavailable, err, "waiting for SES with the content handed over")
	case class == fault.Internal:
		return mail.Claimed, wrap(fault.Internal, err, "calling SES")
	}
	return mail.Claimed, wrap(fault.Unavailable, err, "calling SES")
}
