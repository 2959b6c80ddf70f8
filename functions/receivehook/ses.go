package receivehook

import (
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/mail"
)

// sesEvent is what is read of an event that Amazon SES puts on the default bus of EventBridge; addresses, headers and the words of
// mail servers stay unread. The envelope is that of EventBridge (User Guide, "Event structure"), the detail is what SES publishes
// elsewhere too (SES Developer Guide, "Contents of event data that Amazon SES publishes to Amazon SNS"). The tags are those that
// package sesmail sends along; SES gives each a list of values.
type sesEvent struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Detail struct {
		EventType string `json:"eventType"`
		Bounce    struct {
			Type    string `json:"bounceType"`
			SubType string `json:"bounceSubType"`
		} `json:"bounce"`
		Complaint struct {
			SubType string `json:"complaintSubType"`
		} `json:"complaint"`
		Mail struct {
			Tags struct {
				Tenant  []string `json:"habeas_tenant"`
				Message []string `json:"habeas_message"`
			} `json:"tags"`
		} `json:"mail"`
	} `json:"detail"`
}

// SES takes one event that SES put on the bus, as a queue hands it over: a letter whose fate was not known is sent when SES says
// that it has it, and any that came back is bounced. An event that names no letter of ours, or says nothing new, changes nothing;
// one that comes twice is counted once. Nobody but a rule of the installation writes to that queue, so the event is not signed.
// fault.Invalid for what is no event; any other error asks for the event again.
func (h *Handler) SES(ctx context.Context, body []byte) error {
	var e sesEvent
	if len(body) > maxBody || json.Unmarshal(body, &e) != nil || e.ID == "" || e.Source != "aws.ses" {
		return fault.New(fault.Invalid, "the report is no event of SES")
	}
	tags := e.Detail.Mail.Tags
	if len(tags.Tenant) != 1 || len(tags.Message) != 1 {
		return nil // mail of somebody else under the same configuration set
	}
	r := report{Caller: callerSES, ID: e.ID, Tenant: tags.Tenant[0], Message: decoded(tags.Message[0])}
	if r.State, r.Why = e.says(); r.State == "" {
		return nil
	}
	return h.settle(ctx, r)
}

// decoded returns the Message-ID that a tag stands for; what stands for none is the name of no letter.
func decoded(tag string) string {
	raw, err := base64.RawURLEncoding.DecodeString(tag)
	if err != nil {
		return ""
	}
	return string(raw)
}

// suppressed is what SES calls a mail that it took and did not send because of the account's list.
const suppressed = "OnAccountSuppressionList"

// says returns what the event means for its letter; an empty state when that is nothing.
//
// A bounce that SES calls transient is one that it gave up on. It is also how SES reports the answer of an out-of-office assistant,
// and nothing tells the two apart: a person looks at a letter that may have arrived, rather than at none that did not. A complaint
// comes from somebody who has the letter.
func (e *sesEvent) says() (state mail.State, why string) {
	switch d := &e.Detail; d.EventType {
	case "Send", "Delivery":
		return mail.Sent, ""
	case "Complaint":
		if d.Complaint.SubType == suppressed {
			return mail.Bounced, casefile.ReportDropped
		}
		return mail.Sent, ""
	case "Reject": // SES took it, found a virus and did not try
		return mail.Bounced, casefile.ReportDropped
	case "Bounce":
		switch {
		case d.Bounce.SubType == suppressed, d.Bounce.SubType == "Suppressed":
			return mail.Bounced, casefile.ReportDropped
		case d.Bounce.Type == "Permanent":
			return mail.Bounced, casefile.ReportBounce
		}
		return mail.Bounced, casefile.ReportBlocked
	}
	return "", "" // DeliveryDelay: SES goes on trying; the others are about readers and templates
}
