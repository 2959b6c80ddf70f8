package verification

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Level is how sure we must be, or are, who asks. Wire values, in rising order.
type Level string

// The levels. Reasonable and High are the two degrees of certainty of 11 CCR 7062(b) and (c).
const (
	Nothing    Level = "none"       // nothing may be asked
	Address    Level = "address"    // the requester reads mail at the address of the request
	Reasonable Level = "reasonable" // and knows something else that is held
	High       Level = "high"       // and more than that, or declares under penalty of perjury, or a person looked
)

// Levels lists the levels, the lowest first.
func Levels() []Level { return []Level{Nothing, Address, Reasonable, High} }

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

// The items.
const (
	MailedCode  Item = "mailed_code"       // the code that was mailed to the address of the request
	DataPoint   Item = "data_point"        // a detail of the kind Asked.Of, compared with what is held
	Declaration Item = "declaration"       // that she is who she says, under penalty of perjury
	Mandate     Item = "mandate"           // proof that a representative may ask; a person looks at it
	Document    Item = "identity_document" // only where the law allows it and a person says why
)

// Items lists every item.
func Items() []Item { return []Item{MailedCode, DataPoint, Declaration, Mandate, Document} }

// Asked is one thing that is asked for, and why. It is kept with the case and shown to the person. Nothing in it is personal.
type Asked struct {
	What   Item         `json:"what"`
	Of     subject.Kind `json:"of,omitempty"`     // of a data point
	Needs  []string     `json:"needs,omitempty"`  // of a mandate: codes of policy.Representative.Evidence
	Why    string       `json:"why"`              // a sentence without personal data
	Basis  string       `json:"basis"`            // the law behind asking
	Result Finding      `json:"result,omitempty"` // empty: still open
}

// Requirement is what a request needs: a level, and the least that reaches it. No items means that nothing is asked. It is kept with
// the case; nothing in it is personal.
type Requirement struct {
	Level       Level          `json:"level"`
	Tier        string         `json:"tier,omitempty"`   // of the pack; empty: control of the address
	Scope       policy.Scope   `json:"scope,omitempty"`  // of an answer that discloses: how much it may show
	Points      int            `json:"points,omitempty"` // data points that must match, the address among them
	Declaration bool           `json:"declaration,omitempty"`
	Items       []Asked        `json:"-"`
	Details     []subject.Kind `json:"details,omitempty"`     // kinds that the systems can compare
	FallsBackTo string         `json:"fallsBackTo,omitempty"` // tier under which the request is looked at when this one is not reached; empty: it is refused
	Basis       string         `json:"basis,omitempty"`
	// Short: the systems hold fewer kinds of details than the tier wants, and there is no lower one. What can be asked is asked,
	// and a person decides (11 CCR 7062(g): no reasonable method).
	Short bool `json:"short,omitempty"`
	// From is the tier that was not reached, or that nothing held here can reach; the requirement is that of its fall-back.
	From string `json:"from,omitempty"`
}

// Situation is what the least that must be proved depends on beside right and law.
type Situation struct {
	Channel   Channel
	Scope     policy.Scope   // of an access; empty: specific pieces
	Sensitive bool           // the systems hold data of a sensitive kind (Sensitive)
	Details   []subject.Kind // kinds of details that the systems can compare, those that are best known first
}

// maxTiers bounds a chain of fall-backs.
const maxTiers = 4

// Need returns the least that must be proved for the right under the pack. It asks for nothing that Habeas would have to
// collect first: no identity document, no new account.
//
// An opt-out or a limit in California needs nothing (11 CCR 7026(d), 7027(e)): the pack says so. Everything else needs
// control of the address, whatever the channel, because the answer goes there and the systems are searched for it; this
// moves no clock. Where the pack has tiers, the first that fits says how many further details must match what is held. A person who
// stands in front of staff is verified by staff, who record it; that is a decision of the case and not a lower need.
func Need(right dsar.Right, pack policy.Pack, in Situation) Requirement {
	if slices.Contains(pack.Verification.NoneFor, right) {
		return Requirement{Level: Nothing, Scope: scopeOf(right, in)}
	}
	tier, ok := tierFor(right, pack, in)
	from := ""
	for range maxTiers {
		if !ok || reachable(tier, in.Details) || tier.FallsBackTo == "" {
			break
		}
		if from == "" {
			from = tier.ID
		}
		tier, ok = tierOf(pack, tier.FallsBackTo)
	}
	r := Requirement{Level: Address, Scope: scopeOf(right, in), Points: 1, From: from, Basis: pack.Verification.Basis, Details: in.Details}
	r.Items = append(r.Items, Asked{What: MailedCode, Why: why(right), Basis: pack.Verification.Basis})
	if ok {
		r.apply(right, pack, tier)
	}
	return r
}

// apply adds what the tier asks for.
func (r *Requirement) apply(right dsar.Right, pack policy.Pack, t policy.Tier) {
	r.Tier, r.Points, r.Declaration, r.FallsBackTo, r.Basis = t.ID, max(1, t.Points), t.Declaration, t.FallsBackTo, t.Basis
	if right.Discloses() && t.Scope != "" {
		r.Scope = t.Scope
	}
	r.Level = levelOf(t)
	want := r.Points - 1
	if !MayAsk(pack, DataPoint, right) {
		want = 0
	}
	if r.Short = len(r.Details) < r.Points-1; r.Short {
		want = min(want, len(r.Details))
	}
	for _, kind := range r.Details[:want] {
		r.Items = append(r.Items, Asked{What: DataPoint, Of: kind, Why: whyPoint(right), Basis: t.Basis})
	}
	if t.Declaration && MayAsk(pack, Declaration, right) {
		r.Items = append(r.Items, Asked{What: Declaration, Why: "Because you asked for the data itself and not only for its categories, the law wants you to declare that it is yours.", Basis: t.Basis})
	}
}

// MayAsk reports whether the law lets anybody be asked for the item.
func MayAsk(pack policy.Pack, item Item, right dsar.Right) bool {
	return !slices.ContainsFunc(pack.Verification.NeverAsk, func(n policy.NeverAsk) bool {
		// Packs speak of data points in the plural.
		return strings.TrimSuffix(n.Item, "s") == string(item) && (len(n.For) == 0 || slices.Contains(n.For, right))
	})
}

func levelOf(t policy.Tier) Level {
	switch {
	case t.Points >= 3 || t.Declaration:
		return High
	case t.Points == 2:
		return Reasonable
	}
	return Address
}

func scopeOf(right dsar.Right, in Situation) policy.Scope {
	switch {
	case !right.Discloses():
		return ""
	case in.Scope == policy.Categories:
		return policy.Categories
	}
	return policy.SpecificPieces
}

func tierFor(right dsar.Right, pack policy.Pack, in Situation) (policy.Tier, bool) {
	for _, t := range pack.Verification.Tiers {
		if len(t.Rights) > 0 && !slices.Contains(t.Rights, right) {
			continue
		}
		if t.Sensitive && !in.Sensitive || t.Scope != "" && t.Scope != scopeOf(right, in) {
			continue
		}
		return t, true
	}
	return policy.Tier{}, false
}

func tierOf(pack policy.Pack, id string) (policy.Tier, bool) {
	for _, t := range pack.Verification.Tiers {
		if t.ID == id {
			return t, true
		}
	}
	return policy.Tier{}, false
}

// reachable reports whether the systems could compare as many details as the tier wants; the address is one.
func reachable(t policy.Tier, details []subject.Kind) bool { return t.Points-1 <= len(details) }

func why(right dsar.Right) string {
	if right.Discloses() {
		return "So that nobody but you gets a copy of your data."
	}
	return "So that nobody but you can change, stop or erase what is done with your data."
}

func whyPoint(right dsar.Right) string {
	if right.Discloses() {
		return "Somebody else could read your mail. A detail that we hold about you makes us surer that the copy goes to you."
	}
	return "Somebody else could read your mail. A detail that we hold about you makes us surer that it is you who asks."
}
