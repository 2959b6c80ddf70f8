package receivehook

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"

	"github.com/habeas-dsar/habeas/functions/internal/step"
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
		if err := h.settle(r.Context(), e); err != nil {
			return err
		}
	}
	return nil
}

// report returns what an event says about its letter; ok is false when that is nothing.
func (e event) report() (state mail.State, why string, ok bool) {
	switch e.Event {
	case "processed", "delivered":
		return mail.Sent, "", true
	case "bounce":
		if e.Type == "blocked" {
			return mail.Bounced, casefile.ReportBlocked, true
		}
		return mail.Bounced, casefile.ReportBounce, true
	case "blocked":
		return mail.Bounced, casefile.ReportBlocked, true
	case "dropped":
		return mail.Bounced, casefile.ReportDropped, true
	}
	return "", "", false // deferred: SendGrid goes on trying; the others are about readers
}

// letter returns which letter an event is about; ok is false when it names none that could be ours.
func (e event) letter() (caseID string, n int, ok bool) {
	caseID, n, ok = casefile.MessageOf(e.Message)
	return caseID, n, ok && e.ID != "" && uuid.Validate(caseID) == nil && tenantName.MatchString(e.Tenant)
}

// tenantName is what can be the name of a tenant, as part of a key.
var tenantName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// caller names the events of SendGrid among the things that are counted once.
const caller = "sendgrid"

func (h *Handler) settle(ctx context.Context, e event) error {
	state, why, ok := e.report()
	caseID, n, ours := e.letter()
	if !ok || !ours {
		return nil
	}
	err := step.Change(ctx, h.Cases, e.Tenant, caseID, func(ctx context.Context, f *casefile.File) error {
		if _, counted, err := h.Sessions.Recall(ctx, caller, e.ID); err != nil || counted {
			return err
		}
		m, _, err := h.Cases.Mail(ctx, e.Tenant, caseID, n)
		if err != nil || m.MessageID != e.Message {
			return err
		}
		changed, err := f.MailReported(m, state, why)
		if !changed || err != nil {
			return err
		}
		f.With(h.Sessions.Remember(caller, e.ID, nil))
		if m.Party == casefile.ToRecipient && state == mail.Bounced {
			return reopen(ctx, f, m)
		}
		return nil
	})
	if err != nil && !fault.Has(err, fault.NotFound) {
		return err
	}
	return nil // no letter of ours, or disposed of: nobody learns which
}

// reopen leaves a notice to a person whose last letter came back after everything was done for it by machine. One that is still
// under way looks for itself.
func reopen(ctx context.Context, f *casefile.File, m casefile.Mail) error {
	n, err := f.Notice(ctx, m.TaskID)
	if err != nil {
		return err
	}
	told := n.Status == casefile.NoticeSent || n.Status == casefile.NoticeUnknown
	if n.Mail != m.N || !n.Settled() || !told {
		return nil
	}
	return f.GiveUpNotice(n, fault.Invalid)
}
