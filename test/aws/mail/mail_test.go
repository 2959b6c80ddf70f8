// Package mail holds the driver of Amazon SES to the contract of mail senders, on an emulator and with faults in front of it.
package mail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/mailtest"
	"github.com/habeas-dsar/habeas/shared/mail/sesmail"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// office is an account of SES of its own, with a verified sender.
type office struct {
	t       testing.TB
	cloud   *emulator.Cloud
	account string
	client  *sesv2.Client

	mu    sync.Mutex
	taken [][]byte // messages of calls that were answered with 200: the emulator keeps their parts only
}

func newOffice(t testing.TB, options ...func(*sesv2.Options)) *office {
	t.Helper()
	o := &office{t: t, cloud: emulator.Ministack(t), account: fmt.Sprintf("%012d", rand.Int64N(1e12))}
	config := o.cloud.Config(t, o.account)
	config.HTTPClient = o
	o.client = sesv2.NewFromConfig(config, options...)
	if _, err := o.client.CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("acme.example.com")}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.client.PutAccountDetails(t.Context(), &sesv2.PutAccountDetailsInput{
		MailType: "TRANSACTIONAL", WebsiteURL: aws.String("https://acme.example.com"), ProductionAccessEnabled: aws.Bool(true),
	}); err != nil {
		t.Fatal(err)
	}
	return o
}

// Do implements aws.HTTPClient: it keeps what the emulator took.
func (o *office) Do(r *http.Request) (*http.Response, error) {
	var sent struct {
		Content struct{ Raw struct{ Data []byte } }
	}
	if strings.HasSuffix(r.URL.Path, "/outbound-emails") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := json.Unmarshal(body, &sent); err != nil {
			return nil, err
		}
	}
	res, err := http.DefaultClient.Do(r)
	if err == nil && res.StatusCode == http.StatusOK && sent.Content.Raw.Data != nil {
		o.mu.Lock()
		o.taken = append(o.taken, sent.Content.Raw.Data)
		o.mu.Unlock()
	}
	return res, err
}

// kept is what the emulator says of a mail.
type kept struct {
	Source, Subject, BodyText string
	To                        []string
}

// messages asks the emulator what it took.
func (o *office) messages() []kept {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, o.cloud.Endpoint+"/_ministack/ses/messages?account="+o.account, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var doc struct{ Messages map[string][]kept }
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		o.t.Fatal(err)
	}
	return doc.Messages[o.account]
}

// delivered returns the mails that were taken, and checks that the emulator knows of as many.
func (o *office) delivered() [][]byte {
	o.t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.messages()); n != len(o.taken) {
		o.t.Errorf("the emulator knows of %d mails, and took %d", n, len(o.taken))
	}
	return slices.Clone(o.taken)
}

func (o *office) sender() *sesmail.Sender {
	o.t.Helper()
	s, err := sesmail.New(o.client, sesmail.Options{})
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	mailtest.Run(t, func(t testing.TB) mailtest.Harness {
		o := newOffice(t)
		return mailtest.Harness{Sender: o.sender(), Delivered: o.delivered}
	})
}

func TestWhatTheEmulatorReads(t *testing.T) {
	o := newOffice(t)
	m := mailtest.Message(1)
	if state, err := o.sender().Send(t.Context(), m); state != mail.Sent || err != nil {
		t.Fatalf("%s, %v", state, err)
	}
	got := o.messages()
	if len(got) != 1 || got[0].Source != "privacy@acme.example.com" || !slices.Equal(got[0].To, []string{"ann@example.com"}) ||
		got[0].Subject != m.Subject || strings.TrimSpace(strings.ReplaceAll(got[0].BodyText, "\r\n", "\n")) != strings.TrimSpace(m.Text.Reveal()) {
		t.Errorf("%+v", got)
	}
}

// What an account in the sandbox, or without the sender's domain, refuses was not taken: it leaves once that is mended.
func TestASenderThatIsNotVerified(t *testing.T) {
	o := newOffice(t)
	m := mailtest.Message(1)
	m.From = "Other <privacy@other.example.com>"
	state, err := o.sender().Send(t.Context(), m)
	if state != mail.Claimed || !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), "@") {
		t.Errorf("%s, %v", state, err)
	}
	if _, err := o.client.CreateEmailIdentity(t.Context(), &sesv2.CreateEmailIdentityInput{EmailIdentity: aws.String("other.example.com")}); err != nil {
		t.Fatal(err)
	}
	if state, err := o.sender().Send(t.Context(), m); state != mail.Sent || err != nil || len(o.delivered()) != 1 {
		t.Errorf("afterwards: %s, %v", state, err)
	}
}

// A fault in front of the service, at the place where the SDK meets it.
func TestInjectedFaults(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault error
		after bool // the call was made, and its answer is lost
		state mail.State
		class fault.Class
		taken int
	}{
		{"throttled before the call", &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Maximum sending rate exceeded."}, false, mail.Claimed, fault.Throttled, 0},
		{"sending paused", &smithy.GenericAPIError{Code: "SendingPausedException", Message: "paused"}, false, mail.Claimed, fault.Misconfigured, 0},
		{"the answer is lost", io.ErrUnexpectedEOF, true, mail.Unknown, fault.Unavailable, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			broken := true
			inject := middleware.DeserializeMiddlewareFunc("Fault", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				if !broken || middleware.GetOperationName(ctx) != "SendEmail" {
					return next.HandleDeserialize(ctx, in)
				}
				if !tt.after {
					return middleware.DeserializeOutput{}, middleware.Metadata{}, tt.fault
				}
				out, meta, err := next.HandleDeserialize(ctx, in)
				if err != nil {
					t.Errorf("the call itself: %v", err)
				}
				return out, meta, tt.fault
			})
			o := newOffice(t, func(o *sesv2.Options) {
				o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Deserialize.Add(inject, middleware.Before) })
			})
			state, err := o.sender().Send(t.Context(), mailtest.Message(1))
			if state != tt.state || !fault.Has(err, tt.class) || len(o.delivered()) != tt.taken {
				t.Errorf("%s, %v, %d taken", state, err, len(o.delivered()))
			}
			broken = false
			if state, err := o.sender().Send(t.Context(), mailtest.Message(2)); state != mail.Sent || err != nil {
				t.Errorf("afterwards: %s, %v", state, err)
			}
		})
	}
}
