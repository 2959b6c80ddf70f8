package casefile

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// OpenItem returns the first item that waits for the person herself, or nil: one question at a time. What a person of the team looks at
// (mandate, identity document) waits beside it.
func (v *Verification) OpenItem() *verification.Asked {
	for n := range v.Asked {
		if a := &v.Asked[n]; a.Open() && (a.What == verification.DataPoint || a.What == verification.Declaration) {
			return a
		}
	}
	return nil
}

// Settled reports whether nothing that was asked is open any more.
func (v *Verification) Settled() bool {
	return !slices.ContainsFunc(v.Asked, verification.Asked.Open)
}

// CategoriesOnly reports whether the answer may name what is held and not show it (11 CCR 7024(a)).
func (v *Verification) CategoriesOnly() bool {
	return v.Need != nil && v.Need.Scope == policy.Categories
}

// ForPerson reports whether a person of the team must look at what happens because the systems hold too little to be sure.
func (v *Verification) ForPerson() bool { return v.Need != nil && v.Need.Short && v.Staff == nil }

// find returns the first item of the sort that satisfies ok.
func (v *Verification) find(what verification.Item, ok func(verification.Asked) bool) *verification.Asked {
	for n := range v.Asked {
		if a := &v.Asked[n]; a.What == what && ok(*a) {
			return a
		}
	}
	return nil
}

// Ask settles what must be proved.
func (v *Verification) Ask(need verification.Requirement) {
	v.Level, v.Asked = string(need.Level), need.Items
	if need.Tier != "" || need.Scope == policy.Categories {
		v.Need = &need
	}
}

// proving refuses what comes too late, or before the address is proved.
func (f *File) proving() error {
	v := &f.Case.Verification
	switch {
	case !f.Case.Open() || f.Case.Stopping():
		return fault.New(fault.Conflict, "the request is closed or about to end")
	case v.AddressAt.IsZero():
		return fault.New(fault.Conflict, "the address is confirmed first")
	case !v.VerifiedAt.IsZero():
		return fault.New(fault.Conflict, "nothing is asked any more")
	}
	return nil
}

// GiveDetail takes the answer to the open question of its kind. It is compared later, with what is found.
func (f *File) GiveDetail(d subject.Identifier) error {
	if err := f.proving(); err != nil {
		return err
	}
	v := &f.Case.Verification
	a := v.find(verification.DataPoint, func(a verification.Asked) bool { return a.Open() && a.Of == d.Kind })
	if a == nil {
		return fault.New(fault.Conflict, "this was answered already, or is not asked")
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Typed = slices.DeleteFunc(p.Typed, func(o subject.Identifier) bool { return o.Kind == d.Kind })
	p.Typed = append(p.Typed, d)
	a.Result = verification.Given
	if err := f.Entry("detail_given", evidence.Subject, map[string]any{"of": d.Kind}); err != nil {
		return err
	}
	return f.proved()
}

// Declare takes the signed declaration: the text as shown, the name as typed.
func (f *File) Declare(text, name redact.Text) error {
	if err := f.proving(); err != nil {
		return err
	}
	a := f.Case.Verification.find(verification.Declaration, verification.Asked.Open)
	if a == nil {
		return fault.New(fault.Conflict, "this was signed already, or is not asked")
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Declaration = &Signed{Text: text, Name: name, At: f.now}
	a.Result = verification.Given
	sum := sha256.Sum256([]byte(text.Reveal()))
	if err := f.Entry("declaration_signed", evidence.Subject, map[string]any{"textSha256": hex.EncodeToString(sum[:])}); err != nil {
		return err
	}
	return f.proved()
}

// DeclineProof settles everything that waits for the person as declined: the request is looked at with what was proved so far.
func (f *File) DeclineProof(actor string) error {
	if err := f.proving(); err != nil {
		return err
	}
	v := &f.Case.Verification
	var declined []verification.Item
	for n := range v.Asked {
		if a := &v.Asked[n]; a.Open() && a.What != verification.Mandate {
			a.Result = verification.Declined
			declined = append(declined, a.What)
		}
	}
	if len(declined) == 0 {
		return fault.New(fault.Conflict, "nothing is asked any more")
	}
	if err := f.Entry("proof_declined", actor, map[string]any{"items": declined}); err != nil {
		return err
	}
	return f.proved()
}

// ConfirmAddress records that the mailed code was given; done says that nothing else is asked.
func (f *File) ConfirmAddress() (done bool, err error) {
	v := &f.Case.Verification
	v.AddressAt = f.now
	if a := v.find(verification.MailedCode, verification.Asked.Open); a != nil {
		a.Result = verification.Given
	}
	if !v.Settled() {
		return false, f.Entry("address_confirmed", evidence.Subject, map[string]any{"open": open(v.Asked)})
	}
	return true, f.proved()
}

func open(list []verification.Asked) []verification.Asked {
	out := []verification.Asked{}
	for _, a := range list {
		if a.Open() {
			out = append(out, a)
		}
	}
	return out
}

// proved lets the case go on once nothing is open. Details are compared when the systems were searched (Judge).
func (f *File) proved() error {
	v := &f.Case.Verification
	if !v.Settled() || v.AddressAt.IsZero() || !v.VerifiedAt.IsZero() {
		return nil
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Proven = subject.Add(p.Proven, p.Email)
	v.VerifiedAt = f.now
	if v.Need == nil || v.Need.Points <= 1 && !v.Need.Declaration {
		v.Reached = verification.Address
		if v.Level == string(verification.Nothing) {
			v.Reached = verification.Nothing
		}
	}
	f.Signal()
	return f.Entry("identity_verified", evidence.Subject, map[string]any{"level": v.Level, "by": verification.MailedCode})
}

// Judge compares what the person gave with what was found, once the systems were searched, and says what follows. It is called as often
// as the step is repeated and judges once per answer. until is by when she may try again.
//
//   - Reached: the case goes on. Also for a request that needs the address alone, or was proved before a person.
//   - TryAgain: the case waits for other details; its execution begins anew and the present step is superseded.
//   - NotReached: what falls back goes on with less (CategoriesOnly); anything else is refused, and why is the reason that the letter
//     gives.
func (f *File) Judge(pack policy.Pack, until time.Time, why redact.Text) (verification.Verdict, error) {
	v := &f.Case.Verification
	if v.Need == nil || v.Staff != nil || !v.JudgedAt.IsZero() {
		return verification.Reached, nil
	}
	p, err := f.Person()
	if err != nil {
		return "", err
	}
	if len(p.Typed) > 0 {
		v.Tries++
	}
	v.Asked = verification.Score(v.Asked, p.Typed, subject.Add(p.Known(), p.Held...))
	p.Typed = nil // whether they match is all that is kept
	verdict := verification.Judge(*v.Need, v.Asked, v.Tries)
	facts := map[string]any{"tier": v.Need.Tier, "wanted": v.Need.Points, "matched": matched(v.Asked), "try": v.Tries, "verdict": verdict}
	switch verdict {
	case verification.TryAgain:
		v.Asked = verification.Again(*v.Need, v.Asked)
		v.VerifiedAt, v.ExpiresAt = time.Time{}, until
		f.Case.Phase = dsar.PhaseVerify
		if f.Case.NextDue.IsZero() || until.Before(f.Case.NextDue) {
			f.Case.NextDue = until
		}
		if err := f.Entry("proof_judged", evidence.System, facts); err != nil {
			return "", err
		}
		return verdict, f.TakeOver(evidence.System, "details")
	case verification.Reached:
		v.Reached = v.Need.Level
	default:
		low, ok := verification.Lower(*v.Need, pack, v.Asked)
		if v.Reached = verification.Address; ok {
			*v.Need, v.Reached = low, low.Level
			facts["fallsBackTo"] = low.Tier
		} else {
			f.Case.Refusal = f.decide(Unverified, evidence.System, "", why)
			facts["refused"] = true
		}
	}
	v.JudgedAt, v.Verdict, p.Held = f.now, verdict, nil
	return verdict, f.Entry("proof_judged", evidence.System, facts)
}

// Unverified is Decision.Decision of a request that was refused because it was not proved who asks.
const Unverified = "unverified"

func matched(list []verification.Asked) (n int) {
	for _, a := range list {
		if a.Result == verification.Matches {
			n++
		}
	}
	return n
}

// VouchAtIntake records with a new request that staff proved who asks before it was noted.
func (f *File) VouchAtIntake(actor string, reason redact.Text) {
	v := &f.Case.Verification
	v.VerifiedAt, v.Staff = f.now, f.decide("in_person", actor, "", reason)
}

// VouchMethods lists how a person of the team may have proved who asks.
func VouchMethods() []string {
	return []string{"in_person", "account", "telephone", "existing_relation", "document"}
}

// Vouch records that a person of the team proved who asks, how, and why she is sure. Everything open is settled by it. fault.Conflict
// when the case is answered, closed, about to end, or was proved in full before.
func (f *File) Vouch(actor, method string, reason redact.Text) error {
	c := &f.Case
	v := &c.Verification
	switch {
	case !c.Open() || c.Answered || c.Stopping():
		return fault.New(fault.Conflict, "the request is answered, closed or about to end")
	case c.Law.Pack == "":
		return fault.New(fault.Conflict, "the request is being taken in; try again in a moment")
	case v.Staff != nil, !v.VerifiedAt.IsZero() && (v.Need == nil || v.Verdict == verification.Reached && !v.Need.Short):
		return fault.New(fault.Conflict, "it is proved already who asks")
	case c.Package != nil || len(c.Assembly.State) > 0:
		return fault.New(fault.Conflict, "the answer is being put together; what it may show is settled")
	case !slices.Contains(VouchMethods(), method):
		return fault.InvalidField("/method", "say how: in_person, account, telephone, existing_relation or document")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say what makes you sure; it is kept with the case")
	}
	v.Staff = f.decide(method, actor, "", reason)
	for n := range v.Asked {
		if a := &v.Asked[n]; a.Open() {
			a.Result = verification.Declined
		}
	}
	p, err := f.Person()
	if err != nil {
		return err
	}
	p.Typed, p.Proven = nil, subject.Add(p.Proven, p.Email)
	if v.VerifiedAt.IsZero() {
		v.VerifiedAt = f.now
		f.Signal()
	}
	v.Reached = verification.High
	if v.Need != nil && v.Need.From != "" && f.Case.Right.Discloses() {
		v.Need.Scope = policy.SpecificPieces // that fell back because nothing else could prove it
	}
	return f.Entry("identity_verified", actor, v.Staff.facts(map[string]any{"level": v.Reached, "by": "staff", "method": method}))
}
