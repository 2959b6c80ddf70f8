// Package dsar owns the vocabulary of a data subject request: rights, statuses, outcomes, actions, phases, references, and
// which status may follow which. It is data and pure functions; it stores nothing and knows no transport.
package dsar

import (
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Right is what a person may ask for. Wire values.
type Right string

// The rights of contract and law.
const (
	Access                  Right = "access"                    // GDPR Art. 15; CCPA right to know
	Portability             Right = "portability"               // GDPR Art. 20
	Correction              Right = "correction"                // GDPR Art. 16
	Erasure                 Right = "erasure"                   // GDPR Art. 17
	Restriction             Right = "restriction"               // GDPR Art. 18
	Objection               Right = "objection"                 // GDPR Art. 21
	WithdrawConsent         Right = "withdraw_consent"          // GDPR Art. 7(3)
	OptOut                  Right = "opt_out"                   // CCPA 1798.120
	LimitSensitive          Right = "limit_sensitive"           // CCPA 1798.121
	AutomatedDecisionReview Right = "automated_decision_review" // GDPR Art. 22(3)
)

// Rights lists every right in the order the portal shows them.
func Rights() []Right {
	return []Right{Access, Portability, Correction, Erasure, Restriction, Objection, WithdrawConsent, OptOut, LimitSensitive, AutomatedDecisionReview}
}

// Valid reports whether r is one of Rights.
func (r Right) Valid() bool { return slices.Contains(Rights(), r) }

// Discloses reports whether the answer to the right is a copy of data.
func (r Right) Discloses() bool { return r == Access || r == Portability }

// Outcome is what became of one collection or task. The zero value is invalid: "nothing held", "could not", "not allowed"
// and "done" are different values, never a zero. Wire values.
type Outcome string

// The outcomes.
const (
	Found       Outcome = "found"
	NothingHeld Outcome = "nothing_held"
	Erased      Outcome = "erased"
	Corrected   Outcome = "corrected"
	Restricted  Outcome = "restricted"
	Retained    Outcome = "retained" // with a RetainedBecause
	Unsupported Outcome = "unsupported"
	Ambiguous   Outcome = "ambiguous" // several people may be meant: no data, no change, a person decides
	NotDone     Outcome = "not_done"
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{Found, NothingHeld, Erased, Corrected, Restricted, Retained, Unsupported, Ambiguous, NotDone}
}

// Valid reports whether o is one of Outcomes.
func (o Outcome) Valid() bool { return slices.Contains(Outcomes(), o) }

// Complete reports whether the outcome leaves nothing open for this task.
func (o Outcome) Complete() bool {
	return o == Found || o == NothingHeld || o == Erased || o == Corrected || o == Restricted || o == Retained
}

// RetainedBecause says why something was kept.
type RetainedBecause string

// The reasons of Retained.
const (
	Hold      RetainedBecause = "hold"
	Exemption RetainedBecause = "exemption"
	Keep      RetainedBecause = "keep"
)

// Action is what a task does to one system. Wire values.
type Action string

// The actions of the task machine.
const (
	Locate      Action = "locate"
	DryRun      Action = "dry_run"
	ReadOut     Action = "access"
	Correct     Action = "correct"
	Erase       Action = "erase"
	Restrict    Action = "restrict"
	VerifyAfter Action = "verify"
)

// Actions lists every action.
func Actions() []Action {
	return []Action{Locate, DryRun, ReadOut, Correct, Erase, Restrict, VerifyAfter}
}

// Done is the outcome of an action that was carried out.
func (a Action) Done() Outcome {
	switch a {
	case Correct:
		return Corrected
	case Erase:
		return Erased
	case Restrict:
		return Restricted
	default:
		return Found
	}
}

// Phase is where a case stands in the workflow; the value is the resumeAt of case.asl.json.
type Phase string

// The phases, in order.
const (
	PhaseTriage         Phase = "triage"
	PhaseVerify         Phase = "verify_identity"
	PhaseLocate         Phase = "locate"
	PhasePlan           Phase = "plan"
	PhaseReviewPlan     Phase = "review_plan"
	PhaseRun            Phase = "run"
	PhaseAssemble       Phase = "assemble"
	PhaseReviewResponse Phase = "review_response"
	PhaseDeliver        Phase = "deliver"
	PhaseClose          Phase = "close"
)

// Phases lists the phases in order.
func Phases() []Phase {
	return []Phase{PhaseTriage, PhaseVerify, PhaseLocate, PhasePlan, PhaseReviewPlan, PhaseRun, PhaseAssemble, PhaseReviewResponse, PhaseDeliver, PhaseClose}
}

// Status is what a case is, seen from outside. Wire values of the contract.
type Status string

// The statuses.
const (
	Received        Status = "received"
	Verifying       Status = "verifying"
	InProgress      Status = "in_progress"
	AwaitingReview  Status = "awaiting_review"
	AwaitingPerson  Status = "awaiting_person"
	Fulfilled       Status = "fulfilled"
	PartlyFulfilled Status = "partly_fulfilled"
	Refused         Status = "refused"
	Withdrawn       Status = "withdrawn"
	Expired         Status = "expired"
	NotIdentifiable Status = "not_identifiable"
)

// transitions is the whole of which status may follow which. A final status has only reopening after it (a supplement or
// an appeal starts a new generation of the same case, it never restarts a clock).
var transitions = map[Status][]Status{
	Received:        {Verifying, InProgress, AwaitingPerson, Refused, Withdrawn, Expired},
	Verifying:       {InProgress, AwaitingPerson, NotIdentifiable, Refused, Withdrawn, Expired},
	InProgress:      {AwaitingReview, AwaitingPerson, Fulfilled, PartlyFulfilled, Refused, Withdrawn, NotIdentifiable},
	AwaitingReview:  {InProgress, AwaitingPerson, Fulfilled, PartlyFulfilled, Refused, Withdrawn, NotIdentifiable},
	AwaitingPerson:  {Verifying, InProgress, AwaitingReview, Fulfilled, PartlyFulfilled, Refused, Withdrawn, Expired, NotIdentifiable},
	Fulfilled:       {InProgress},
	PartlyFulfilled: {InProgress},
	Refused:         {InProgress},
	Withdrawn:       {},
	Expired:         {Verifying},
	NotIdentifiable: {InProgress},
}

// Statuses lists every status, open ones first.
func Statuses() []Status {
	return []Status{Received, Verifying, InProgress, AwaitingReview, AwaitingPerson, Fulfilled, PartlyFulfilled, Refused, Withdrawn, Expired, NotIdentifiable}
}

// Valid reports whether s is one of Statuses.
func (s Status) Valid() bool { _, ok := transitions[s]; return ok }

// Final reports whether a case with the status is closed.
func (s Status) Final() bool {
	switch s {
	case Fulfilled, PartlyFulfilled, Refused, Withdrawn, Expired, NotIdentifiable:
		return true
	default:
		return false
	}
}

// Next returns the statuses that may follow s, in a fresh slice.
func (s Status) Next() []Status { return slices.Clone(transitions[s]) }

// MayBecome reports whether n may follow s. A status may always stay what it is.
func (s Status) MayBecome(n Status) bool {
	return s.Valid() && n.Valid() && (s == n || slices.Contains(transitions[s], n))
}

// NewID returns a fresh case or task id: a UUID of version 7 (RFC 9562), ordered by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewReference returns what people quote: 10 characters of Crockford's base32 in two groups ("7K3QX-9M2DA"), 50 random
// bits. It is no secret and no credential.
func NewReference() string {
	var b [7]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	s := alphabet.EncodeToString(b[:])
	return s[:5] + "-" + s[5:10]
}

// CleanReference brings a reference typed by a person into its stored form; ok is false when it cannot be one.
func CleanReference(s string) (ref string, ok bool) {
	s = strings.NewReplacer("O", "0", "I", "1", "L", "1", "U", "V", "-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(s)))
	if len(s) != 10 {
		return "", false
	}
	if strings.Trim(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
		return "", false
	}
	return s[:5] + "-" + s[5:], true
}
