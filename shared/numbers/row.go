package numbers

import (
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Row is what is kept of one request beyond the case itself (11 CCR 7101(b)): when it came, what it asked for, how it was made, when and
// how it was answered, and on what grounds it was denied. Nothing in it is personal, so it outlives the content of the case.
type Row struct {
	Case       string      `json:"case"`
	Reference  string      `json:"reference"`
	Law        string      `json:"law,omitempty"` // pack; empty before triage
	Right      dsar.Right  `json:"right"`
	Channel    string      `json:"channel"`
	Status     dsar.Status `json:"status"`
	Result     Result      `json:"result"`
	ReceivedAt time.Time   `json:"receivedAt"`
	DueAt      time.Time   `json:"dueAt,omitzero"`
	AnsweredAt time.Time   `json:"answeredAt,omitzero"` // of the first substantive answer; zero: none yet, or none was owed
	ClosedAt   time.Time   `json:"closedAt,omitzero"`
	Late       bool        `json:"late,omitempty"` // the answer came after its due instant
	Grounds    []Ground    `json:"grounds,omitempty"`
}

// Ground is one reason why a request was denied, in whole or in part.
type Ground struct {
	Code     string `json:"code"`
	Citation string `json:"citation,omitempty"` // of the rule behind it
}

// MaxGrounds bounds the grounds of a row.
const MaxGrounds = 8

// Result is what became of a request. Wire values.
type Result string

// The results. Each request has exactly one.
const (
	Open       Result = "open"
	Complied   Result = "complied"         // in whole; that nothing is held complies too
	InPart     Result = "complied_in_part" // some of it was denied, or could not be done
	Denied     Result = "denied"           // in whole, by a decision
	Withdrawn  Result = "withdrawn"        // by the person, before an answer
	Unverified Result = "unverified"       // ended because nobody proved who asks; 11 CCR 7102 counts it as denied
)

// Results lists every result.
func Results() []Result { return []Result{Open, Complied, InPart, Denied, Withdrawn, Unverified} }

// Parts is what the tasks of a request came to, for ResultOf.
type Parts struct {
	Done bool // something was handed out, erased, corrected or restricted
	Kept bool // something was kept: a hold, an exemption or a rule of the data map
	Left bool // something could not be done
}

// ResultOf returns what became of a request with the status.
//
// A request that was fulfilled is complied with in whole when nothing was kept or left, and in part otherwise; when everything that was
// found was kept, it was denied.
func ResultOf(s dsar.Status, p Parts) Result {
	switch s {
	case dsar.Fulfilled, dsar.PartlyFulfilled:
		switch {
		case p.Kept && !p.Done && !p.Left:
			return Denied
		case p.Kept || p.Left || s == dsar.PartlyFulfilled:
			return InPart
		}
		return Complied
	case dsar.Refused, dsar.NotIdentifiable:
		return Denied
	case dsar.Withdrawn:
		return Withdrawn
	case dsar.Expired:
		return Unverified
	default:
		return Open
	}
}

// Answers reports whether a request that ended with the status was answered in substance: granted, or denied with reasons (11 CCR
// 7102(a): "substantively responded"). A withdrawn or expired request was not.
func Answers(s dsar.Status) bool {
	switch s {
	case dsar.Fulfilled, dsar.PartlyFulfilled, dsar.Refused, dsar.NotIdentifiable:
		return true
	default:
		return false
	}
}

// Basis is why a request was denied in whole or in part, as 11 CCR 7102(b) groups it. Wire values.
type Basis string

// The bases.
const (
	NotVerifiable Basis = "not_verifiable"
	NotTheirs     Basis = "not_made_by_consumer" // by nobody who may ask: no mandate, no such representative
	Exempt        Basis = "exempt"               // the law exempts what was asked for: an exemption, a legal hold, a rule to keep
	OtherBasis    Basis = "other"
)

// Bases lists every basis.
func Bases() []Basis { return []Basis{NotVerifiable, NotTheirs, Exempt, OtherBasis} }

// BasisOf groups the code of a ground. A code that nobody knows is other.
func BasisOf(code string) Basis {
	switch code {
	case policy.GroundIdentity:
		return NotVerifiable
	case policy.GroundRequester, policy.GroundMandate, policy.GroundAge:
		return NotTheirs
	case string(dsar.Hold), string(dsar.Exemption), string(dsar.Keep):
		return Exempt
	}
	if _, ok := (policy.Decision{Ground: code}).Exemption(); ok {
		return Exempt
	}
	return OtherBasis
}

// Bases groups the grounds of the row, each basis once, in the order of Bases.
func (r Row) Bases() []Basis {
	var out []Basis
	for _, b := range Bases() {
		if slices.ContainsFunc(r.Grounds, func(g Ground) bool { return BasisOf(g.Code) == b }) {
			out = append(out, b)
		}
	}
	return out
}

// Cites joins the grounds of the row for a person: "legal_claims (Civ. Code 1798.145(a)); hold".
func (r Row) Cites() string {
	var out []string
	for _, g := range r.Grounds {
		if g.Citation != "" {
			out = append(out, g.Code+" ("+g.Citation+")")
			continue
		}
		out = append(out, g.Code)
	}
	return strings.Join(out, "; ")
}

// Days is the number of days from the day of receipt to the day of the answer, both as a calendar in the zone shows them: 0 when it was
// answered the same day. ok is false for a request without an answer in substance.
func (r Row) Days(zone *time.Location) (n int, ok bool) {
	if r.AnsweredAt.IsZero() || r.Result == Withdrawn || r.Result == Unverified {
		return 0, false
	}
	return max(0, civil.In(r.AnsweredAt, zone).Sub(civil.In(r.ReceivedAt, zone))), true
}

// IsLate reports whether the request was answered after its due instant, or is still not answered at now although it passed.
func (r Row) IsLate(now time.Time) bool {
	return r.Late || r.Result == Open && r.AnsweredAt.IsZero() && !r.DueAt.IsZero() && now.After(r.DueAt)
}
