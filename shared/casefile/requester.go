package casefile

import (
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// RequesterKind is by what title somebody asks for another person. Wire values.
type RequesterKind string

// The kinds.
const (
	AuthorisedAgent RequesterKind = "agent"    // with her permission
	Guardian        RequesterKind = "guardian" // of a child, or of somebody who cannot act herself
	Heir            RequesterKind = "heir"     // of a person who has died
	Nominee         RequesterKind = "nominee"  // named by her beforehand (DPDP Act s. 14)
)

// RequesterKinds lists every kind.
func RequesterKinds() []RequesterKind {
	return []RequesterKind{AuthorisedAgent, Guardian, Heir, Nominee}
}

// Requester is somebody who asks for the person. Nothing in it is personal; name and address are those of Person.Agent.
type Requester struct {
	Kind     RequesterKind `json:"kind"`
	Evidence []string      `json:"evidence,omitempty"` // codes of what a person of the team looks at
	Direct   bool          `json:"direct,omitempty"`   // the subject confirms herself: the code goes to her address
	Allowed  bool          `json:"allowed"`            // the law lets such a requester use the right
	Basis    string        `json:"basis,omitempty"`
	Note     string        `json:"note,omitempty"`
	Decision *Decision     `json:"decision,omitempty"` // of a person who looked at the mandate: Approve or Refuse
}

// AgeBands lists the bands that a form may ask for, the youngest first. They are the bands that laws draw lines between.
func AgeBands() []string { return []string{"under_13", "13_to_15", "16_to_17", "adult"} }

// Represent settles what the law asks of somebody who asks for the person, or of a child who asks alone, and returns the item to be
// asked. nil when she asks herself.
//
// An agent needs nothing more than her confirmation: the code goes to her own address, and with it she makes the request hers, whatever
// the law says of agents. Whoever stands in her place shows that they may, and a person of the team decides; that is so too where the law
// says no, because national law may say otherwise: nobody is refused by machine.
func Represent(pack policy.Pack, p *Person, c *Case) (*Requester, *verification.Asked) {
	if p.Agent == nil {
		return alone(pack, p.AgeBand, c)
	}
	kind := p.Agent.Kind
	if kind == "" {
		kind = AuthorisedAgent
	}
	rep := pack.Representation
	law := map[RequesterKind]*policy.Representative{AuthorisedAgent: rep.Agents, Guardian: rep.Guardians, Heir: rep.Heirs, Nominee: rep.Nominees}[kind]
	r := &Requester{Kind: kind, Direct: kind == AuthorisedAgent, Allowed: true, Basis: pack.Verification.Basis}
	if law != nil {
		r.Evidence, r.Basis, r.Note = law.Evidence, law.Basis, law.Note
		r.Allowed = law.Allowed && (len(law.Rights) == 0 || slices.Contains(law.Rights, c.Right))
	}
	if len(r.Evidence) == 0 {
		r.Evidence = defaultEvidence(kind)
	}
	if r.Direct {
		return r, nil
	}
	return r, &verification.Asked{
		What: verification.Mandate, Needs: r.Evidence, Basis: r.Basis,
		Why: "You ask for somebody else. We must see that you may, before anything of that person is looked for, shown or changed.",
	}
}

// alone is Represent for a person who asks herself and is too young to under the law.
func alone(pack policy.Pack, band string, c *Case) (*Requester, *verification.Asked) {
	age, asked := map[string]int{"under_13": 12, "13_to_15": 15, "16_to_17": 17}[band]
	if !asked {
		return nil, nil
	}
	for _, b := range pack.Representation.AgeBands {
		if age >= b.Under || len(b.Rights) > 0 && !slices.Contains(b.Rights, c.Right) {
			continue
		}
		if b.Who != "guardian" {
			return nil, nil
		}
		r := &Requester{Kind: Guardian, Evidence: defaultEvidence(Guardian), Allowed: true, Basis: b.Basis}
		return r, &verification.Asked{
			What: verification.Mandate, Needs: r.Evidence, Basis: b.Basis,
			Why: "At your age a parent or guardian must agree. Ask them to write to us, and tell us how they are related to you.",
		}
	}
	return nil, nil
}

// defaultEvidence is what is looked at where the law names nothing.
func defaultEvidence(kind RequesterKind) []string {
	switch kind {
	case Guardian:
		return []string{"proof_of_relation"}
	case Heir:
		return []string{"death_certificate", "proof_of_relation"}
	case Nominee:
		return []string{"nomination"}
	default:
		return []string{"signed_permission"}
	}
}

// To returns the address that letters about the request go to: that of a guardian, heir or nominee, who stands in the person's place,
// else her own. An agent's answer goes to the person.
func (p *Person) To() subject.Identifier {
	if a := p.Agent; a != nil && a.Kind.inPlace() {
		return subject.Revealed{Kind: subject.Email, Value: a.Email.Reveal()}.Identifier()
	}
	return p.Email
}

// inPlace reports whether the requester stands in the person's place.
func (k RequesterKind) inPlace() bool { return k == Guardian || k == Heir || k == Nominee }

// DecideMandate records that a person of the team looked at a representative's proof. Approved: the case goes on once everything else is
// proved. Refused: the request ends, and the reason is what the letter gives.
func (f *File) DecideMandate(actor, decision string, reason redact.Text) error {
	c := &f.Case
	v := &c.Verification
	a := v.find(verification.Mandate, verification.Asked.Open)
	switch {
	case !c.Open() || c.Stopping() || v.Requester == nil || a == nil:
		return fault.New(fault.Conflict, "no mandate waits for a decision")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say what you looked at; it is kept with the case")
	}
	d := f.decide(decision, actor, "", reason)
	switch decision {
	case Approve:
		a.Result = verification.Given
	case Refuse:
		a.Result = verification.Rejected
		c.Refusal = d
	default:
		return fault.InvalidField("/decision", "decide approve or refuse")
	}
	v.Requester.Decision = d
	if err := f.Entry("mandate_decided", actor, d.facts(map[string]any{"decision": decision, "kind": v.Requester.Kind, "evidence": v.Requester.Evidence})); err != nil {
		return err
	}
	if decision == Refuse {
		f.Signal()
		return nil
	}
	return f.proved()
}

// Document is a document of identity that a person of the team asked for. It lies sealed in the object store until it was looked at.
type Document struct {
	AskedBy   string    `json:"askedBy"` // evidence actor; the one person who may look at it
	AskedAt   time.Time `json:"askedAt"`
	Object    string    `json:"object,omitempty"` // sealed; empty: none was sent, or it is gone
	Bytes     int64     `json:"bytes,omitempty"`
	Type      string    `json:"type,omitempty"` // media type
	SentAt    time.Time `json:"sentAt,omitzero"`
	LookedAt  time.Time `json:"lookedAt,omitzero"` // by the checker, for the first time
	Accepted  bool      `json:"accepted,omitempty"`
	Method    string    `json:"method,omitempty"` // how it was checked
	DecidedAt time.Time `json:"decidedAt,omitzero"`
	DeleteBy  time.Time `json:"deleteBy,omitzero"` // gone at the latest then
	GoneAt    time.Time `json:"goneAt,omitzero"`   // the store said that there is no such object
}

// AskDocument asks the person for a document of identity. may is what the law says on it.
func (f *File) AskDocument(actor string, may bool, basis string, reason redact.Text) error {
	c := &f.Case
	v := &c.Verification
	switch {
	case !may:
		return fault.New(fault.Forbidden, "the law of this case does not let anybody ask for a document of identity")
	case !c.Open() || c.Answered || c.Stopping() || v.AddressAt.IsZero() && v.VerifiedAt.IsZero():
		return fault.New(fault.Conflict, "the address is confirmed first, and a request that is answered or closed needs no proof")
	case v.Document != nil:
		return fault.New(fault.Conflict, "a document was asked for before")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say what makes you doubt who asks; the person reads it")
	}
	v.Document = &Document{AskedBy: actor, AskedAt: f.now}
	v.Asked = append(v.Asked, verification.Asked{What: verification.Document, Why: "We have reasonable doubts about who asks.", Basis: basis})
	d := f.decide("ask_document", actor, "", reason)
	if err := f.Entry("document_asked", actor, d.facts(map[string]any{"basis": basis})); err != nil {
		return err
	}
	return f.Say(actor, reason)
}

// DocumentObject names the object that holds the document of identity of a case.
func DocumentObject(tenant, caseID string) string {
	return "raw/" + tenant + "/" + caseID + "/identity"
}

// TakeDocument records the sealed object that holds the document.
func (f *File) TakeDocument(object string, bytes int64, media string, deleteBy time.Time) error {
	v := &f.Case.Verification
	if v.Document == nil || v.Document.Object != "" || !v.Document.DecidedAt.IsZero() || !f.Case.Open() || f.Case.Stopping() {
		return fault.New(fault.Conflict, "no document is asked for")
	}
	d := v.Document
	d.Object, d.Bytes, d.Type, d.SentAt, d.DeleteBy = object, bytes, media, f.now, deleteBy
	if f.Case.NextDue.IsZero() || deleteBy.Before(f.Case.NextDue) {
		f.Case.NextDue = deleteBy
	}
	return f.Entry("document_received", evidence.Subject, map[string]any{"bytes": bytes, "deleteBy": deleteBy})
}

// DocumentDue reports whether a document of identity still lies in the object store though its time is over: it was decided on, its
// time has run out, or the case is closed.
func (c *Case) DocumentDue(now time.Time) bool {
	d := c.Verification.Document
	return d != nil && d.Object != "" && (!c.Open() || !d.DeleteBy.After(now))
}

// LookAtDocument records that the checker opened the document. Nobody else may.
func (f *File) LookAtDocument(actor string) (*Document, error) {
	d := f.Case.Verification.Document
	switch {
	case d == nil || d.Object == "":
		return nil, fault.New(fault.NotFound, "there is no document")
	case d.AskedBy != actor:
		return nil, fault.New(fault.Forbidden, "only the person who asked for the document may look at it")
	}
	if d.LookedAt.IsZero() {
		d.LookedAt = f.now
	}
	return d, f.Entry("document_looked_at", actor, nil)
}

// DecideDocument records what the check showed. The object is deleted next; DocumentGone proves it.
func (f *File) DecideDocument(actor string, accepted bool, method string, reason redact.Text) error {
	v := &f.Case.Verification
	d := v.Document
	switch {
	case d == nil || d.Object == "" || d.LookedAt.IsZero() || !d.DecidedAt.IsZero():
		return fault.New(fault.Conflict, "look at the document first; it is decided once")
	case d.AskedBy != actor:
		return fault.New(fault.Forbidden, "only the person who asked for the document decides on it")
	case method == "" || len(method) > 200:
		return fault.InvalidField("/method", "say in a few words how the document was checked")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say what the check showed; it is kept with the case")
	}
	d.Accepted, d.Method, d.DecidedAt, d.DeleteBy = accepted, method, f.now, f.now
	f.Case.NextDue = f.now // the sweeper deletes it should nobody else get there
	result := verification.Rejected
	if accepted {
		result = verification.Given
	}
	if a := v.find(verification.Document, verification.Asked.Open); a != nil {
		a.Result = result
	}
	if err := f.Entry("document_checked", actor, f.decide("document", actor, "", reason).facts(map[string]any{"accepted": accepted})); err != nil {
		return err
	}
	if !accepted {
		return nil
	}
	if v.VerifiedAt.IsZero() || v.Need != nil && v.Verdict != verification.Reached {
		return f.Vouch(actor, "document", reason)
	}
	return nil
}

// DocumentGone records that the object is deleted and that the store said so.
func (f *File) DocumentGone(actor string) error {
	d := f.Case.Verification.Document
	if d == nil || d.Object == "" {
		return nil
	}
	d.Object, d.GoneAt = "", f.now
	if d.DecidedAt.IsZero() {
		if a := f.Case.Verification.find(verification.Document, verification.Asked.Open); a != nil {
			a.Result = verification.Declined // nobody looked in time: the person is not to wait for it
		}
		if err := f.proved(); err != nil {
			return err
		}
	}
	return f.Entry("document_deleted", actor, map[string]any{"found": false, "looked": !d.LookedAt.IsZero()})
}
