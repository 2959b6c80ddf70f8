package casefile

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Person is the personal part of a case. It is stored only as a sealed document.
type Person struct {
	Email       subject.Identifier   // the address the requester gave; proven by the code
	Name        redact.Text          // optional
	Region      redact.Text          // where the person lives, as it was written
	Claimed     []subject.Identifier // given by the requester, not proven: never searched by themselves
	Proven      []subject.Identifier // proven, by code or by staff with a reason
	Located     []subject.Identifier // found in rows matched by proven ones, with their round's order
	Shared      []subject.Identifier // found, and then seen to belong to several people: never searched again
	Details     redact.Text
	Corrections []Correction
	Agent       *Agent // authorised agent or guardian

	Typed       []subject.Identifier // details she gave to prove who she is, until they were compared
	Held        []subject.Identifier // details found in rows matched by proven identifiers, to compare with; never searched by
	Declaration *Signed              // under penalty of perjury
	AgeBand     string               // of the person the data is about: AgeBands; empty: not asked
}

// Signed is a declaration as it was shown and signed. It is kept as long as the case (11 CCR 7062(c)(1), 7101: 24 months).
type Signed struct {
	Text redact.Text // as shown
	Name redact.Text // as typed
	At   time.Time
}

// Correction is one field the person asks to have corrected.
type Correction struct {
	System, Field string
	Value         redact.Text
}

// Agent acts for the subject.
type Agent struct {
	Name, Email redact.Text
	Mandate     redact.Text
	Kind        RequesterKind // empty: AuthorisedAgent
}

// Known returns the identifiers that may be searched: proven ones and those found through them.
func (p *Person) Known() []subject.Identifier {
	return subject.Add(append([]subject.Identifier(nil), p.Proven...), p.Located...)
}

// Share takes the found identifiers of a kind out of the search: somebody proved otherwise who is meant, and they fit others
// too. Proven ones stay.
func (p *Person) Share(kind subject.Kind) {
	var rest []subject.Identifier
	for _, i := range p.Located {
		if i.Kind == kind {
			p.Shared = subject.Add(p.Shared, i)
		} else {
			rest = append(rest, i)
		}
	}
	p.Located = rest
}

type sealedPerson struct {
	Email       subject.Revealed   `json:"email"`
	Name        string             `json:"name,omitempty"`
	Region      string             `json:"region,omitempty"`
	Claimed     []subject.Revealed `json:"claimed,omitempty"`
	Proven      []subject.Revealed `json:"proven,omitempty"`
	Located     []subject.Revealed `json:"located,omitempty"`
	Shared      []subject.Revealed `json:"shared,omitempty"`
	Details     string             `json:"details,omitempty"`
	Corrections []sealedCorrection `json:"corrections,omitempty"`
	Agent       *sealedAgent       `json:"agent,omitempty"`
	Typed       []subject.Revealed `json:"typed,omitempty"`
	Held        []subject.Revealed `json:"held,omitempty"`
	Declaration *sealedSigned      `json:"declaration,omitempty"`
	AgeBand     string             `json:"ageBand,omitempty"`
}

type sealedSigned struct {
	Text string    `json:"text"`
	Name string    `json:"name"`
	At   time.Time `json:"at"`
}

type sealedCorrection struct {
	System string `json:"system,omitempty"`
	Field  string `json:"field"`
	Value  string `json:"value"`
}

type sealedAgent struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Mandate string `json:"mandate,omitempty"`
	Kind    string `json:"kind,omitempty"`
}

func revealAll(list []subject.Identifier) []subject.Revealed {
	out := make([]subject.Revealed, 0, len(list))
	for _, i := range list {
		out = append(out, i.Reveal())
	}
	return out
}

func guardAll(list []subject.Revealed) []subject.Identifier {
	out := make([]subject.Identifier, 0, len(list))
	for _, r := range list {
		out = append(out, r.Identifier())
	}
	return out
}

func (p *Person) seal(k *keys.CaseKeys) ([]byte, error) {
	s := sealedPerson{
		Email: p.Email.Reveal(), Name: p.Name.Reveal(), Claimed: revealAll(p.Claimed), Proven: revealAll(p.Proven),
		Located: revealAll(p.Located), Shared: revealAll(p.Shared), Details: p.Details.Reveal(), Region: p.Region.Reveal(),
		Typed: revealAll(p.Typed), Held: revealAll(p.Held), AgeBand: p.AgeBand,
	}
	if d := p.Declaration; d != nil {
		s.Declaration = &sealedSigned{d.Text.Reveal(), d.Name.Reveal(), d.At}
	}
	for _, c := range p.Corrections {
		s.Corrections = append(s.Corrections, sealedCorrection{c.System, c.Field, c.Value.Reveal()})
	}
	if a := p.Agent; a != nil {
		s.Agent = &sealedAgent{a.Name.Reveal(), a.Email.Reveal(), a.Mandate.Reveal(), string(a.Kind)}
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encoding personal document: %w", err)
	}
	return k.SealDoc(labelPerson, plain), nil
}

func openPerson(k *keys.CaseKeys, sealed []byte) (*Person, error) {
	plain, err := k.OpenDoc(labelPerson, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening personal document: %w", err)
	}
	var s sealedPerson
	if err := json.Unmarshal(plain.Reveal(), &s); err != nil {
		return nil, errDecode("personal document")
	}
	p := &Person{
		Email: s.Email.Identifier(), Name: redact.NewText(s.Name), Claimed: guardAll(s.Claimed), Proven: guardAll(s.Proven),
		Located: guardAll(s.Located), Shared: guardAll(s.Shared), Details: redact.NewText(s.Details), Region: redact.NewText(s.Region),
		Typed: guardAll(s.Typed), Held: guardAll(s.Held), AgeBand: s.AgeBand,
	}
	if d := s.Declaration; d != nil {
		p.Declaration = &Signed{redact.NewText(d.Text), redact.NewText(d.Name), d.At}
	}
	for _, c := range s.Corrections {
		p.Corrections = append(p.Corrections, Correction{c.System, c.Field, redact.NewText(c.Value)})
	}
	if a := s.Agent; a != nil {
		p.Agent = &Agent{redact.NewText(a.Name), redact.NewText(a.Email), redact.NewText(a.Mandate), RequesterKind(a.Kind)}
	}
	return p, nil
}

// SealIdentifiers seals identifiers found by a task; OpenIdentifiers is its inverse. The label binds them to the task.
func SealIdentifiers(k *keys.CaseKeys, taskID string, list []subject.Identifier) ([]byte, error) {
	plain, err := json.Marshal(revealAll(list))
	if err != nil {
		return nil, fmt.Errorf("encoding identifiers: %w", err)
	}
	return k.SealDoc(labelFound+taskID, plain), nil
}

// OpenIdentifiers opens what SealIdentifiers sealed; nil gives nil.
func OpenIdentifiers(k *keys.CaseKeys, taskID string, sealed []byte) ([]subject.Identifier, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	plain, err := k.OpenDoc(labelFound+taskID, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening identifiers: %w", err)
	}
	var list []subject.Revealed
	if err := json.Unmarshal(plain.Reveal(), &list); err != nil {
		return nil, errDecode("identifiers")
	}
	return guardAll(list), nil
}

// equal compares every personal field.
func (p *Person) equal(o *Person) bool {
	if p.Email != o.Email || p.Name != o.Name || p.Details != o.Details || p.Region != o.Region || !slices.Equal(p.Claimed, o.Claimed) ||
		!slices.Equal(p.Proven, o.Proven) || !slices.Equal(p.Located, o.Located) ||
		!slices.Equal(p.Shared, o.Shared) || !slices.Equal(p.Corrections, o.Corrections) || !slices.Equal(p.Typed, o.Typed) || !slices.Equal(p.Held, o.Held) || p.AgeBand != o.AgeBand {
		return false
	}
	if p.Declaration == nil || o.Declaration == nil {
		if p.Declaration != o.Declaration {
			return false
		}
	} else if d, e := p.Declaration, o.Declaration; d.Text != e.Text || d.Name != e.Name || !d.At.Equal(e.At) {
		return false
	}
	if p.Agent == nil || o.Agent == nil {
		return p.Agent == o.Agent
	}
	return *p.Agent == *o.Agent
}
