// Package mail is the contract for sending mail. Nothing is sent before the record says so: a caller first commits the
// message as claimed, then calls Send, then records sent or unknown. Drivers: fileoutbox (development), smtpmail,
// sendgridmail, sesmail. All pass mailtest.
package mail

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// State is where one mail stands. Wire values.
type State string

// The states. The zero value is invalid.
const (
	Claimed State = "claimed" // about to be sent; the process may have died since
	Sent    State = "sent"    // the next hop took it
	Unknown State = "unknown" // it may or may not have been taken: never sent again by itself, a person or an event settles it
	Failed  State = "failed"  // the next hop refused it for good
	Bounced State = "bounced" // the next hop took it, and reported later that it could not be delivered; no driver returns it
)

// Message is one mail to one person. MessageID is deterministic: the same mail has the same id however often it is tried
// ("<caseId>.<kind>.<n>@<domain>", no personal data). Subject and Text are required; HTML is optional. Personal parts are
// guarded types.
type Message struct {
	MessageID string // without angle brackets
	Tenant    string // whose mail it is; a driver whose next hop reports back gives it along, no other shows it
	From      string // the tenant's address, with or without a name
	To        redact.Text
	ReplyTo   string
	Subject   string // never personal
	Text      redact.Text
	HTML      redact.Text
	Date      time.Time
	Headers   map[string]string // extra headers such as Auto-Submitted; no line breaks
}

// Sender hands mail to the next hop.
type Sender interface {
	// Send returns Sent, or Failed with the reason as an error of class invalid (bad recipient) or misconfigured, or Unknown
	// with an error when the connection broke after the content was handed over. Any other error (throttled, unavailable)
	// comes with Claimed: it was certainly not taken and may be repeated. Sending the same MessageID twice is the caller's
	// fault, except for a driver that can tell (see Lookup).
	Send(ctx context.Context, m Message) (State, error)
	// Lookup settles a mail that was claimed by a process that died: Sent or Claimed (certainly not sent) when the driver can
	// tell, Unknown when it cannot.
	Lookup(ctx context.Context, messageID string) (State, error)
}

// Eraser is a Sender whose next hop keeps copies of what it carried and can be asked to erase them (GDPR Art. 17, 19 and 28).
type Eraser interface {
	// EraseRecipient asks for the erasure of everything kept about mail to the address. nil: the next hop took the order;
	// repeating it is harmless. Errors: invalid (it refuses this address for good), misconfigured, throttled, unavailable.
	EraseRecipient(ctx context.Context, address redact.Text) error
}

// Received is a mail as kept by a driver that keeps what it sent.
type Received struct {
	ID      string // MessageID
	To      redact.Text
	Subject string
	Date    time.Time
}

// Mailbox lists what a driver sent; only development drivers have it (/dev/mail).
type Mailbox interface {
	// Messages returns what was sent, oldest first, from the n-th (0 = first); at most 1000.
	Messages(ctx context.Context, from int) ([]Received, error)
	// Message returns one mail as sent (message/rfc822), or fault.NotFound.
	Message(ctx context.Context, id string) ([]byte, error)
}
