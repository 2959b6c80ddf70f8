package verification

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Level is how sure we must be, or are, who asks. Wire values, in rising order.
type Level string

// The levels.
const (
	Nothing Level = "none"    // nothing may be asked
	Address Level = "address" // the requester reads mail at the address of the request
)

// Levels lists the levels, the lowest first.
func Levels() []Level { return []Level{Nothing, Address} }

// Satisfies reports whether l is at least want. A level that is not one of Levels satisfies nothing.
func (l Level) Satisfies(want Level) bool {
	have, need := slices.Index(Levels(), l), slices.Index(Levels(), want)
	return have >= 0 && need >= 0 && have >= need
}

// Channel is how a request came in. Wire values.
type Channel string

// The channels. None of them proves anything by itself: a form and the From line of a mail can be filled in by anybody, and
// staff may have been told a false address.
const (
	Portal Channel = "portal"
	API    Channel = "api"
	Mail   Channel = "mail"
	Staff  Channel = "staff"
)

// Item is something a person is asked for. Wire values.
type Item string

// MailedCode is the code that was mailed to the address of the request.
const MailedCode Item = "mailed_code"

// Asked is one thing that is asked for, and why. It is kept with the case and shown to the person.
type Asked struct {
	What  Item   `json:"what"`
	Why   string `json:"why"`   // a sentence without personal data
	Basis string `json:"basis"` // the law behind asking
}

// Requirement is what a request needs: a level, and the least that reaches it. No items means that nothing is asked.
type Requirement struct {
	Level Level   `json:"level"`
	Items []Asked `json:"items,omitempty"`
}

// Need returns the least that must be proved for the right under the pack. It asks for nothing that Habeas would have to
// collect first: no identity document, no new account.
//
// An opt-out or a limit in California needs nothing (11 CCR 7026(d), 7027(e)): the pack says so. Everything else needs
// control of the address, whatever the channel, because the answer goes there and the systems are searched for it; this
// moves no clock. A person who stands in front of staff is verified by staff, who record it; that is a decision of the case
// and not a lower need.
func Need(right dsar.Right, pack policy.Pack, _ Channel) Requirement {
	if slices.Contains(pack.Verification.NoneFor, right) {
		return Requirement{Level: Nothing}
	}
	why := "So that nobody but you can change, stop or erase what is done with your data."
	if right.Discloses() {
		why = "So that nobody but you gets a copy of your data."
	}
	return Requirement{Level: Address, Items: []Asked{{What: MailedCode, Why: why, Basis: pack.Verification.Basis}}}
}
