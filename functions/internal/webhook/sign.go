// Package webhook sends and receives signed webhooks by the Standard Webhooks scheme (standardwebhooks.com): headers webhook-id,
// webhook-timestamp and webhook-signature, HMAC-SHA256 over "id.timestamp.body".
//
// The time is the caller's: a clock set by hand signs and checks by itself. Nothing of a body, an address or a secret reaches an
// error.
package webhook

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Tolerance is how far the signed time of a callback may be from ours, either way.
const Tolerance = 5 * time.Minute

// minKey is the least length of a secret in bytes; the scheme wants 24 to 64.
const minKey = 24

// Key signs and verifies.
type Key struct{ hook *standardwebhooks.Webhook }

// NewKey reads a secret: base64 of at least 24 bytes, with or without the prefix "whsec_". fault.Misconfigured for anything else.
func NewKey(secret redact.Text) (Key, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.TrimSpace(secret.Reveal()), "whsec_"))
	if err != nil || len(raw) < minKey {
		return Key{}, fault.New(fault.Misconfigured, "the secret of a webhook is base64 of at least 24 bytes, such as whsec_...")
	}
	hook, err := standardwebhooks.NewWebhookRaw(raw)
	if err != nil {
		return Key{}, fault.New(fault.Misconfigured, "the secret of a webhook cannot be used")
	}
	return Key{hook}, nil
}

// Sign returns the headers of a message. The id is the same however often the message is sent, so that the other side can tell
// repeats.
func (k Key) Sign(id string, at time.Time, body []byte) (http.Header, error) {
	signature, err := k.hook.Sign(id, at, body)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "signing a webhook")
	}
	h := http.Header{}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, signature)
	return h, nil
}

// Verify returns the id of a signed message. fault.Unauthenticated, always the same, when it is unsigned, signed by another key,
// or older or newer than Tolerance.
func (k Key) Verify(h http.Header, now time.Time, body []byte) (id string, err error) {
	seconds, err := strconv.ParseInt(h.Get(standardwebhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil || k.hook == nil || k.hook.VerifyIgnoringTimestamp(body, h) != nil {
		return "", Refused()
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Tolerance || age < -Tolerance {
		return "", Refused()
	}
	id = h.Get(standardwebhooks.HeaderWebhookID)
	if len(id) > 200 {
		return "", Refused()
	}
	return id, nil
}

// Refused is what a caller learns that proves nothing.
func Refused() error {
	return fault.New(fault.Unauthenticated, "the callback is not signed, not with our key, or too old")
}
