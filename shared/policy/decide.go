package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Situation is one request for one kind of data, as far as a law looks at it.
type Situation struct {
	Right     dsar.Right
	Basis     LegalBasis  // of the data; NoBasis: nobody recorded it
	Subject   SubjectType // empty: a customer
	Inferred  bool        // the data was worked out by the controller and not provided by the person
	Age       *int        // of the person, in years; nil: not known, or of age
	Identity  Identity    // empty: proved
	Requester Requester   // empty: the person
	Mandate   bool        // evidence of a representative's authority was shown
	Purpose   Purpose     // of the processing that is objected to
	Claims    []Claim     // of the controller, and of where the case stands
	Exempt    []string    // ids of exemptions that the controller claims
	On        civil.Date  // day of receipt; zero: every law is in force
}

// Identity is how far it is known that the request comes from the person. Stable codes.
type Identity string

// The identities.
const (
	Proved         Identity = "proved"
	Unproved       Identity = "unproved"
	InDoubt        Identity = "in_doubt"         // there is a reason to doubt what was shown
	CannotBeProved Identity = "cannot_be_proved" // the person was asked, and there is nothing more to ask for
)

// Identities lists every identity.
func Identities() []Identity { return []Identity{Proved, Unproved, InDoubt, CannotBeProved} }

// Requester is who sent the request. Stable codes.
type Requester string

// The requesters.
const (
	ByPerson   Requester = "subject"
	ByAgent    Requester = "agent"
	ByGuardian Requester = "guardian"
	ByHeir     Requester = "heir"
	ByNominee  Requester = "nominee"
)

// Requesters lists every requester.
func Requesters() []Requester { return []Requester{ByPerson, ByAgent, ByGuardian, ByHeir, ByNominee} }

// Purpose is what data is processed for, where a law makes a difference. Stable codes.
type Purpose string

// The purposes.
const (
	AnyPurpose      Purpose = ""
	DirectMarketing Purpose = "direct_marketing"
)

// Claim is something that the controller claims about a request, or that is open in its case. Stable codes: those that may cost
// something are the codes of fees.charge_when.
type Claim string

// The claims.
const (
	ManifestlyUnfounded Claim = "manifestly_unfounded"
	Excessive           Claim = "excessive"
	Repetitive          Claim = "repetitive"
	FurtherCopies       Claim = "further_copies"
	BeyondQuota         Claim = "beyond_free_quota"
	Disproportionate    Claim = "disproportionate_effort"
	FeeUnpaid           Claim = "fee_unpaid"
	ClarificationOpen   Claim = "clarification_open"
)

// Claims lists every claim.
func Claims() []Claim {
	return []Claim{ManifestlyUnfounded, Excessive, Repetitive, FurtherCopies, BeyondQuota, Disproportionate, FeeUnpaid, ClarificationOpen}
}

// Verdict is what a law makes of a situation. Stable codes.
type Verdict string

// The verdicts. Refuse is about the data of the situation: other data of the same request is decided for itself. Nothing is refused
// or weighed without a person.
const (
	ToGrant  Verdict = "grant"
	ToRefuse Verdict = "refuse"
	ToAsk    Verdict = "ask"   // something must be known first: Decision.Ask
	ToWait   Verdict = "wait"  // for an answer or a payment
	ToWeigh  Verdict = "weigh" // a person decides on grounds that the law names
	InPart   Verdict = "partial"
)

// Verdicts lists every verdict.
func Verdicts() []Verdict { return []Verdict{ToGrant, ToRefuse, ToAsk, ToWait, ToWeigh, InPart} }

// The grounds of decisions, beside the claims and, after "exemption:", the ids of exemptions. Stable codes.
const (
	GroundNotInForce   = "not_in_force"
	GroundNotGranted   = "not_granted_by_law"
	GroundLimits       = "limits_of_the_law"
	GroundRequester    = "requester"
	GroundMandate      = "mandate"
	GroundAge          = "age"
	GroundIdentity     = "identity"
	GroundMarketing    = "direct_marketing"
	GroundNotEligible  = "not_eligible"
	GroundBalance      = "balance_of_interests"
	GroundBasisUnknown = "basis_not_recorded"
	exemptionPrefix    = "exemption:"
)

// The questions of decisions. Stable codes.
const (
	AskIdentity  = "identity"
	AskMandate   = "mandate"
	AskGuardian  = "guardian"
	AskRequester = "requester"
	AskBasis     = "legal_basis" // of the controller: its data map does not say
)

// Decision is what a law makes of a situation, and why.
type Decision struct {
	Verdict  Verdict `json:"verdict"`
	Ground   string  `json:"ground,omitempty"`
	Citation string  `json:"citation,omitempty"` // where the law says so; empty only when Silent
	Silent   bool    `json:"silent,omitempty"`   // the law does not say: the verdict is the careful one
	Ask      string  `json:"ask,omitempty"`      // of ToAsk: which question
	Why      string  `json:"why"`                // one sentence for the privacy team
}

// Exemption returns the id of the exemption that the decision rests on, if it does.
func (d Decision) Exemption() (id string, ok bool) {
	return strings.CutPrefix(d.Ground, exemptionPrefix)
}

// Decide says what the law makes of the situation. It is total: every situation has a decision, with a citation or the word that
// the law is silent. The first of these that speaks decides: whether the law is in force and grants the right; who asks; whether
// she is who she says; the absolute objection to marketing; what is open or claimed; exemptions; eligibility; the level of the
// right. A decision is about what the law says and no more: whether the facts are so, a person judges.
func (p Pack) Decide(s Situation) Decision {
	s.Subject, s.Identity, s.Requester = cmp.Or(s.Subject, Customer), cmp.Or(s.Identity, Proved), cmp.Or(s.Requester, ByPerson)
	for _, rule := range []func(Situation) (Decision, bool){
		p.decideRight, p.decideRequester, p.decideAge, p.decideIdentity, p.decideMarketing, p.decideOpen, p.decideClaims, p.decideExemption, p.decideEligibility,
	} {
		if d, decided := rule(s); decided {
			return d
		}
	}
	return p.byLevel(s, p.Rule(s.Right).Response.Basis)
}

// byLevel grants as far as the law grants the right.
func (p Pack) byLevel(s Situation, basis string) Decision {
	if p.RightLevel(s.Right) == Partial {
		return cite(Decision{Verdict: InPart, Ground: GroundLimits, Why: p.Short + " grants this right with limits; the notes of its pack name them."}, basis)
	}
	return cite(Decision{Verdict: ToGrant, Why: p.Short + " grants this right."}, basis)
}

func (p Pack) decideRight(s Situation) (Decision, bool) {
	switch {
	case !s.On.IsZero() && !p.InForce(s.On):
		return Decision{Verdict: ToRefuse, Ground: GroundNotInForce, Citation: p.Law, Why: p.Short + " is not in force on that day."}, true
	case p.levelOn(s.Right, s.On) == None:
		return Decision{Verdict: ToRefuse, Ground: GroundNotGranted, Citation: p.Law, Why: p.Short + " does not know this right."}, true
	}
	return Decision{}, false
}

// decideRequester looks at who asks for somebody else.
func (p Pack) decideRequester(s Situation) (Decision, bool) {
	if s.Requester == ByPerson {
		if s.Subject == Deceased {
			return Decision{Verdict: ToAsk, Ground: GroundRequester, Ask: AskRequester, Silent: true, Why: "The data is about somebody who has died, so somebody else is asking."}, true
		}
		return Decision{}, false
	}
	rule := p.representative(s.Requester)
	inherits := s.Requester == ByHeir || s.Requester == ByNominee
	switch {
	case rule == nil && inherits:
		return Decision{Verdict: ToRefuse, Ground: GroundRequester, Silent: true, Why: p.Short + " says nothing about heirs and nominees, so nobody takes over the right."}, true
	case rule == nil && !s.Mandate:
		return Decision{Verdict: ToAsk, Ground: GroundMandate, Ask: AskMandate, Silent: true, Why: p.Short + " says nothing about representatives; general law asks for proof of authority."}, true
	case rule == nil:
		return Decision{}, false
	case !rule.Allowed:
		return cite(Decision{Verdict: ToRefuse, Ground: GroundRequester, Why: "The law does not let this representative ask."}, rule.Basis), true
	case len(rule.Rights) > 0 && !slices.Contains(rule.Rights, s.Right):
		return cite(Decision{Verdict: ToRefuse, Ground: GroundRequester, Why: "The law lets this representative ask for other rights, not for this one."}, rule.Basis), true
	case !s.Mandate && len(rule.Evidence) > 0:
		return cite(Decision{Verdict: ToAsk, Ground: GroundMandate, Ask: AskMandate, Why: "A representative shows: " + strings.Join(rule.Evidence, ", ") + "."}, rule.Basis), true
	}
	return Decision{}, false
}

// representative returns the rule on the requester; nil when the law has none.
func (p Pack) representative(r Requester) *Representative {
	switch r {
	case ByAgent:
		return p.Representation.Agents
	case ByGuardian:
		return p.Representation.Guardians
	case ByHeir:
		return p.Representation.Heirs
	case ByNominee:
		return p.Representation.Nominees
	default:
		return nil
	}
}

// decideAge looks at a child who asks for itself.
func (p Pack) decideAge(s Situation) (Decision, bool) {
	if s.Age == nil || s.Requester != ByPerson {
		return Decision{}, false
	}
	for _, band := range p.Representation.AgeBands {
		if *s.Age >= band.Under || len(band.Rights) > 0 && !slices.Contains(band.Rights, s.Right) {
			continue
		}
		if band.Who != guardian {
			return Decision{}, false
		}
		return cite(Decision{Verdict: ToAsk, Ground: GroundAge, Ask: AskGuardian, Why: "A parent or guardian decides for a child of this age."}, band.Basis), true
	}
	return Decision{}, false
}

// guardian is AgeBand.Who of a band in which the child does not ask for itself.
const guardian = "guardian"

func (p Pack) decideIdentity(s Situation) (Decision, bool) {
	if s.Identity == Proved || slices.Contains(p.Verification.NoneFor, s.Right) {
		return Decision{}, false
	}
	if s.Identity != CannotBeProved {
		return cite(Decision{Verdict: ToAsk, Ground: GroundIdentity, Ask: AskIdentity, Why: "It is not yet known that the request comes from the person: " + p.Verification.Standard}, p.Verification.Basis), true
	}
	if t, ok := p.fallsBack(s.Right); ok {
		s.Identity = Proved
		if d := p.Decide(s); d.Verdict != ToGrant && d.Verdict != InPart {
			return d, true
		}
		return cite(Decision{Verdict: InPart, Ground: GroundIdentity, Why: "Who asks was not proved as far as the data itself needs it: the request is answered with categories."}, t.Basis), true
	}
	return cite(Decision{Verdict: ToRefuse, Ground: GroundIdentity, Why: "It cannot be established that the request comes from the person."}, p.Verification.Basis), true
}

// fallsBack returns the tier of categories that a request for specific pieces comes down to (11 CCR 7024(a)).
func (p Pack) fallsBack(r dsar.Right) (Tier, bool) {
	for _, t := range p.Verification.Tiers {
		if t.FallsBackTo == "" || len(t.Rights) > 0 && !slices.Contains(t.Rights, r) {
			continue
		}
		at := slices.IndexFunc(p.Verification.Tiers, func(below Tier) bool { return below.ID == t.FallsBackTo && below.Scope == Categories })
		if at >= 0 {
			return t, true
		}
	}
	return Tier{}, false
}

// marketingDuty is the id of the duty to stop marketing without weighing anything (GDPR Art. 21(3)).
const marketingDuty = "direct_marketing_objection"

func (p Pack) decideMarketing(s Situation) (Decision, bool) {
	if s.Right != dsar.Objection || s.Purpose != DirectMarketing {
		return Decision{}, false
	}
	for _, d := range p.Duties {
		if d.ID == marketingDuty {
			return cite(Decision{Verdict: ToGrant, Ground: GroundMarketing, Why: "An objection to direct marketing is followed without weighing interests."}, d.Period.Basis), true
		}
	}
	return Decision{}, false
}

// decideOpen looks at what the person was asked and has not answered.
func (p Pack) decideOpen(s Situation) (Decision, bool) {
	rule := p.Rule(s.Right)
	if slices.Contains(s.Claims, ClarificationOpen) {
		if stop := rule.Stop(ClarificationRequested); stop.Effect != NoEffect {
			return cite(Decision{Verdict: ToWait, Ground: string(ClarificationOpen), Why: "The person was asked which data she means, and the date waits for her answer."}, stop.Basis), true
		}
	}
	charges := (p.Fees.Always || len(p.Fees.ChargeWhen) > 0) && !slices.Contains(p.Fees.NeverFor, s.Right)
	if slices.Contains(s.Claims, FeeUnpaid) && charges {
		basis, why := p.Fees.Basis, "A fee that may be asked is not paid yet; the date stays."
		if stop := rule.Stop(FeeRequested); stop.Effect != NoEffect {
			basis, why = stop.Basis, "A fee that may be asked is not paid yet."
		}
		return cite(Decision{Verdict: ToWait, Ground: string(FeeUnpaid), Why: why}, basis), true
	}
	return Decision{}, false
}

// decideClaims looks at grounds to charge or refuse; one that the law does not name changes nothing.
func (p Pack) decideClaims(s Situation) (Decision, bool) {
	for _, c := range s.Claims {
		if c == FurtherCopies && s.Right != dsar.Access && s.Right != dsar.Portability {
			continue // there is nothing to copy
		}
		if slices.Contains(p.Fees.ChargeWhen, string(c)) && !slices.Contains(p.Fees.NeverFor, s.Right) {
			return cite(Decision{Verdict: ToWeigh, Ground: string(c), Why: "A second person decides on recorded facts whether this ground holds; the controller must prove it."}, p.Fees.Basis), true
		}
	}
	return Decision{}, false
}

func (p Pack) decideExemption(s Situation) (Decision, bool) {
	for _, x := range p.Exemptions {
		own := s.Basis != NoBasis && slices.Contains(x.Bases, s.Basis)
		if x.Covers(s.Right) && (own || slices.Contains(s.Exempt, x.ID)) {
			text, _ := x.Text.In("en")
			return cite(Decision{Verdict: ToRefuse, Ground: exemptionPrefix + x.ID, Why: text}, x.Basis), true
		}
	}
	return Decision{}, false
}

// Covers reports whether the exemption is from the right.
func (x Exemption) Covers(r dsar.Right) bool {
	return len(x.Rights) == 0 || slices.Contains(x.Rights, r)
}

// ReviewBy is the day on which an exemption that begins to hold must be looked at again.
func (x Exemption) ReviewBy(from civil.Date) civil.Date {
	return from.AddMonths(max(x.ReviewMonths, 1))
}

// Exemption returns the exemption of the id.
func (p Pack) Exemption(id string) (Exemption, bool) {
	for _, x := range p.Exemptions {
		if x.ID == id {
			return x, true
		}
	}
	return Exemption{}, false
}

// decideEligibility takes the first row that fits. A row that asks for the legal basis of data whose basis nobody recorded can
// neither fit nor be passed over. Juristic persons have rights only under a law that names them in a row.
func (p Pack) decideEligibility(s Situation) (Decision, bool) {
	names := func(e Eligibility) bool { return slices.Contains(e.Subjects, Juristic) }
	if s.Subject == Juristic && !slices.ContainsFunc(p.Eligibility, names) {
		return Decision{Verdict: ToRefuse, Ground: GroundNotEligible, Silent: true, Why: "The law names no juristic persons; what is about a company is no personal data."}, true
	}
	for _, row := range p.Eligibility {
		switch {
		case row.Right != s.Right, row.Inferred && !s.Inferred, len(row.Subjects) > 0 && !slices.Contains(row.Subjects, s.Subject):
			continue
		case len(row.Bases) > 0 && s.Basis == NoBasis:
			return cite(Decision{Verdict: ToAsk, Ground: GroundBasisUnknown, Ask: AskBasis, Why: "Whether the right is there depends on why the data is processed, which the data map does not say."}, row.Basis), true
		case len(row.Bases) > 0 && !slices.Contains(row.Bases, s.Basis):
			continue
		}
		switch row.Grant {
		case NotGranted:
			return cite(Decision{Verdict: ToRefuse, Ground: GroundNotEligible, Why: row.Why}, row.Basis), true
		case Weigh:
			return cite(Decision{Verdict: ToWeigh, Ground: GroundBalance, Why: row.Why}, row.Basis), true
		default:
			return p.byLevel(s, row.Basis), true
		}
	}
	return Decision{}, false
}

// cite gives the decision its citation; without one the law is silent.
func cite(d Decision, basis string) Decision {
	d.Citation, d.Silent = basis, basis == ""
	return d
}
