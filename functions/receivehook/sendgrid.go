package receivehook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// fresh is how far the signed time of a callback may be from ours, either way.
const fresh = 5 * time.Minute

// SendGridKey reads the verification key of a signed event webhook as SendGrid shows it: base64 of a PKIX public key on P-256.
// fault.Misconfigured for anything else.
func SendGridKey(s string) (*ecdsa.PublicKey, error) {
	wrong := fault.New(fault.Misconfigured, "the verification key of SendGrid's event webhook is not a base64 public key on P-256")
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return nil, wrong
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, wrong
	}
	if p, ok := k.(*ecdsa.PublicKey); ok && p.Curve == elliptic.P256() {
		return p, nil
	}
	return nil, wrong
}

// event is what is read of one event; addresses and the words of mail servers stay unread. Tenant and Message are the custom
// arguments that package sendgridmail sends along. See twilio.com/docs/sendgrid/for-developers/tracking-events/event.
type event struct {
	ID      string `json:"sg_event_id"`
	Event   string `json:"event"`
	Type    string `json:"type"` // of a bounce: bounce or blocked
	Tenant  string `json:"habeas_tenant"`
	Message string `json:"habeas_message"`
}

// sendGrid takes a batch of delivery events (POST /hooks/sendgrid, for every tenant): a letter whose fate was not known is sent
// when SendGrid says that it has it, and any that bounced is bounced. An event that names no letter of ours, or says nothing new,
// changes nothing.
func (h *Handler) sendGrid(r *http.Request, body []byte) error {
	stamp := r.Header.Get(eventwebhook.TimestampHTTPHeader)
	refused := fault.New(fault.Unauthenticated, "the callback is not signed, not with our key, or too old")
	ok, err := eventwebhook.VerifySignature(h.SendGrid, body, r.Header.Get(eventwebhook.VerificationHTTPHeader), stamp)
	if err != nil || !ok {
		return refused
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if age := h.Cases.Now().Sub(time.Unix(seconds, 0)); err != nil || age > fresh || age < -fresh {
		return refused
	}
	var batch []json.RawMessage
	if json.Unmarshal(body, &batch) != nil {
		return fault.New(fault.Invalid, "the callback is no list of events")
	}
	for _, raw := range batch {
		var e event
		if json.Unmarshal(raw, &e) != nil {
			continue // other senders on the account may attach anything under these names
		}
		state, why := e.says()
		if state == "" {
			continue
		}
		if err := h.settle(r.Context(), report{callerSendGrid, e.ID, e.Tenant, e.Message, state, why}); err != nil {
			return err
		}
	}
	return nil
}

// says returns what an event means for its letter; an empty state when that is nothing.
func (e event) says() (state mail.State, why string) {
	switch e.Event {
	case "processed", "delivered":
		return mail.Sent, ""
	case "bounce":
		if e.Type == "blocked" {
			return mail.Bounced, casefile.ReportBlocked
		}
		return mail.Bounced, casefile.ReportBounce
	case "blocked":
		return mail.Bounced, casefile.ReportBlocked
	case "dropped":
		return mail.Bounced, casefile.ReportDropped
	}
	return "", "" // deferred: SendGrid goes on trying; the others are about readers
}
