// Package authority is the gate that a request of an authority for somebody's data passes (ISO/IEC 27701 8.5.4 and 8.5.5): the police, a
// tax office, a court or a regulator asks, a member of staff takes it in, another one reviews it, and only what was approved may be
// disclosed. The package keeps the register of these requests. It discloses nothing and tells nobody: people do, and record it here.
//
//	received -> approved -> disclosed -> closed
//	            approved --------------> closed
//	         -> rejected --------------> closed
//
// A request that binds nobody, or names no legal basis, is rejected unless the reviewer says why the law allows to answer it all the same.
// Who asks, for whose data, on what basis and what was answered is personal and sealed under the tenant's keys. Every step is an entry of
// the tenant's journal evidence.Authorities, in one transaction with the register; it holds codes and hashes of what is sealed.
package authority

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// Kind says whether a request has to be answered. Wire values.
type Kind string

// The kinds.
const (
	Binding   Kind = "binding"   // an order that the controller must obey: of a court, or under a power that the law gives
	Voluntary Kind = "voluntary" // the authority asks, and the controller may say no
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{Binding, Voluntary} }

// State is how far a request is. Wire values.
type State string

// The states.
const (
	Received  State = "received"  // waits for a review by somebody else than who took it in
	Approved  State = "approved"  // may be answered, in whole or narrowed
	Rejected  State = "rejected"  // nothing may be disclosed
	Disclosed State = "disclosed" // data was handed over
	Closed    State = "closed"    // it is on record who was told, or why nobody was
)

// States lists every state, in their order.
func States() []State { return []State{Received, Approved, Rejected, Disclosed, Closed} }

// Decision is what a review comes to. Wire values.
type Decision string

// The decisions.
const (
	Approve Decision = "approve"
	Reject  Decision = "reject"
	Narrow  Decision = "narrow" // a part may be disclosed; the reason says which
)

// Decisions lists every decision.
func Decisions() []Decision { return []Decision{Approve, Reject, Narrow} }

// Whom says who was told of a request. Wire values.
type Whom string

// Who may be told.
const (
	Subject    Whom = "subject"    // the person the data is about
	Controller Whom = "controller" // for whom the tenant processes the data (ISO/IEC 27701 8.5.4)
)

// Whoms lists who may be told.
func Whoms() []Whom { return []Whom{Subject, Controller} }

// Limits in characters.
const (
	MaxName     = 200  // of an authority
	MaxCitation = 500  // of a law
	MaxText     = 2000 // of everything else
)

// Request is one request as stored. Nothing in it is personal but what the fields named Sealed hold.
type Request struct {
	Tenant     string      `json:"tenant"`
	ID         string      `json:"id"` // UUIDv7; given by the caller, so that what is written with it can name it
	State      State       `json:"state"`
	Kind       Kind        `json:"kind"`
	Country    string      `json:"country"` // of the authority, ISO 3166-1 alpha-2
	Based      bool        `json:"based"`   // it names a legal basis
	Gag        bool        `json:"gag"`     // the law forbids to tell the person, or the controller, that it came
	ReceivedAt time.Time   `json:"receivedAt"`
	DueOn      string      `json:"dueOn,omitempty"` // YYYY-MM-DD that the authority set; empty = none
	ReceivedBy string      `json:"receivedBy"`      // evidence actor
	Review     *Review     `json:"review,omitempty"`
	Disclosed  *Disclosure `json:"disclosed,omitempty"`
	Ending     *Ending     `json:"ending,omitempty"`
	Sealed     []byte      `json:"sealed"` // Words

	Version int64 `json:"-"`
}

// Doubtful reports whether the request is rejected unless a reviewer says, with a citation, why it may be answered.
func (r Request) Doubtful() bool { return r.Kind != Binding || !r.Based }

// Review is the decision of a second member of staff.
type Review struct {
	Decision Decision  `json:"decision"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Sealed   []byte    `json:"sealed"` // reason and citation
}

// Disclosure is the record of what a person handed over.
type Disclosure struct {
	Records int       `json:"records"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Sealed  []byte    `json:"sealed"` // what, in words
}

// Ending closes a request: who was told of it and when. Without Whom nobody was: the gag, or the sealed note, says why.
type Ending struct {
	Whom   Whom      `json:"whom,omitempty"`
	ToldAt time.Time `json:"toldAt,omitzero"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Sealed []byte    `json:"sealed"` // the note
}

// Words are the personal half of a request as it was taken in.
type Words struct {
	Authority  redact.Text // its name
	LegalBasis redact.Text // the law or order it cites; empty = none
	Scope      redact.Text // whose data it wants, and which
	GagBasis   redact.Text // what forbids to tell; with Gag only
}

// Verdict is what a reviewer decides. By is an evidence actor.
type Verdict struct {
	Decision Decision
	By       string
	Reason   redact.Text
	Citation redact.Text // what allows to answer a doubtful request; optional otherwise
}

// Handover is what a member of staff disclosed.
type Handover struct {
	By      string
	What    redact.Text
	Records int // how many records, as far as they can be counted
}

// Closing is how a request ends. By is an evidence actor.
type Closing struct {
	By     string
	Whom   Whom      // empty = nobody was told
	ToldAt time.Time // with Whom
	Note   redact.Text
}

// Details are everything that is sealed of a request; what did not happen yet is empty.
type Details struct {
	Words
	Reason, Citation, What, Note redact.Text
}
