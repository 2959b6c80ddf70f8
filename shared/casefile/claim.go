package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// ClaimKind is what somebody claims that the law allows. Wire values.
type ClaimKind string

// The kinds.
const (
	ClaimRefuse ClaimKind = "refuse" // the whole request
	ClaimFee    ClaimKind = "fee"
	ClaimEffort ClaimKind = "effort" // a search in one system would be out of proportion
)

// ClaimKinds lists them.
func ClaimKinds() []ClaimKind { return []ClaimKind{ClaimRefuse, ClaimFee, ClaimEffort} }

// Claim is that the request, or part of it, need not be answered, or not for free. The controller bears the burden of proof (GDPR
// Art. 12(5)): the facts are recorded, the person is warned where it matters, and somebody else approves before anything follows.
// What was written is sealed.
type Claim struct {
	ID       string    `json:"id"`
	Kind     ClaimKind `json:"kind"`
	Ground   string    `json:"ground"`           // a code of the law's pack
	Citation string    `json:"citation"`         // of the rule behind it
	System   string    `json:"system,omitempty"` // of effort
	Amount   string    `json:"amount,omitempty"` // of a fee
	On       string    `json:"on,omitempty"`     // of a refusal: the plan or the response, when it was looked at
	Hash     string    `json:"hash,omitempty"`   // what was looked at
	Facts    []byte    `json:"facts,omitempty"`  // sealed ClaimFacts
	By       string    `json:"by"`               // evidence actor
	At       time.Time `json:"at"`

	Warns     bool      `json:"warns,omitempty"` // the person must be warned before it is approved
	WarnedAt  time.Time `json:"warnedAt,omitzero"`
	ReactBy   time.Time `json:"reactBy,omitzero"`   // not approved before, unless the person wrote
	ReactedAt time.Time `json:"reactedAt,omitzero"` // the person wrote after the warning
	Decision  *Decision `json:"decision,omitempty"` // approve or decline, by somebody else
}

// ClaimFacts are what a claim rests on, for whoever approves it and for an authority, and what the person reads.
type ClaimFacts struct {
	Text       redact.Text // to the person
	Objective  redact.Text // what happened
	Subjective redact.Text // what the person is after, and how that is known
}

// Decline is the decision on a claim that is not approved.
const Decline = "decline"

// Where a refusal was looked for.
const (
	OnPlan     = "plan"
	OnResponse = "response"
)

const (
	skClaim    = "P#CLAIM"
	labelClaim = "claim#"
)

type sealedFacts struct {
	Text       string `json:"text"`
	Objective  string `json:"objective,omitempty"`
	Subjective string `json:"subjective,omitempty"`
}

// Open reports whether the claim waits for its approval.
func (c *Claim) Open() bool { return c.Decision == nil }

// Ready reports whether somebody may approve the claim now: the person was warned where that is due, and had her time or has written.
func (c *Claim) Ready(now time.Time) bool {
	return c.Open() && (!c.Warns || !c.WarnedAt.IsZero() && (!now.Before(c.ReactBy) || !c.ReactedAt.IsZero()))
}

// Claim returns the claim with the id, or nil.
func (c *Case) Claim(id string) *Claim {
	for i := range c.Claims {
		if c.Claims[i].ID == id {
			return &c.Claims[i]
		}
	}
	return nil
}

// OpenClaim returns the claim of the kind that waits for approval, or nil.
func (c *Case) OpenClaim(kind ClaimKind) *Claim {
	for i := range c.Claims {
		if c.Claims[i].Kind == kind && c.Claims[i].Open() {
			return &c.Claims[i]
		}
	}
	return nil
}

// claimable reports why nothing can be claimed any more; nil when it can. fault.Conflict.
func (c *Case) claimable() error {
	if !c.Open() || c.Answered || c.Stopping() {
		return fault.New(fault.Conflict, "the request is answered or closed")
	}
	return nil
}

// Propose records a claim that waits for somebody else's approval. ID, By, At and Facts are filled in here. fault.Conflict when the
// case can end no more, or such a claim waits already; fault.Invalid without a ground, its citation, or words.
func (f *File) Propose(actor string, k Claim, facts ClaimFacts) (*Claim, error) {
	c := &f.Case
	if err := c.claimable(); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(ClaimKinds(), k.Kind):
		return nil, fault.InvalidField("/kind", "a claim is refuse, fee or effort")
	case c.OpenClaim(k.Kind) != nil:
		return nil, fault.New(fault.Conflict, "such a claim waits for its approval already")
	case k.Ground == "" || k.Citation == "" && k.Ground != OtherGround:
		return nil, fault.InvalidField("/ground", "name the ground in the law")
	case facts.Text.IsZero():
		return nil, fault.InvalidField("/reason", "say why; the person reads it")
	}
	k.ID, k.By, k.At, k.Decision = fmt.Sprintf("c%d", len(c.Claims)+1), actor, f.now, nil
	plain, err := json.Marshal(sealedFacts{facts.Text.Reveal(), facts.Objective.Reveal(), facts.Subjective.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("encoding the facts of a claim: %w", err)
	}
	k.Facts = f.Keys.SealDoc(labelClaim+k.ID, plain)
	c.Claims = append(c.Claims, k)
	return &c.Claims[len(c.Claims)-1], f.Entry("claim_made", actor, k.entry(map[string]any{}))
}

// entry adds what an entry about the claim says. The facts stay sealed; their digest proves later that they are those of then.
func (c *Claim) entry(more map[string]any) map[string]any {
	more["claim"], more["kind"], more["ground"], more["citation"] = c.ID, c.Kind, c.Ground, c.Citation
	for name, v := range map[string]string{"system": c.System, "amount": c.Amount, "on": c.On, "hash": c.Hash} {
		if v != "" {
			more[name] = v
		}
	}
	if len(c.Facts) > 0 {
		sum := sha256.Sum256(c.Facts)
		more["facts"] = hex.EncodeToString(sum[:])
	}
	return more
}

// ClaimFacts opens the facts of a claim of this case.
func (f *File) ClaimFacts(c *Claim) (ClaimFacts, error) {
	if len(c.Facts) == 0 {
		return ClaimFacts{}, nil
	}
	plain, err := f.Keys.OpenDoc(labelClaim+c.ID, c.Facts)
	if err != nil {
		return ClaimFacts{}, fmt.Errorf("opening the facts of a claim: %w", err)
	}
	var s sealedFacts
	if json.Unmarshal(plain.Reveal(), &s) != nil {
		return ClaimFacts{}, errDecode("facts of a claim")
	}
	return ClaimFacts{redact.NewText(s.Text), redact.NewText(s.Objective), redact.NewText(s.Subjective)}, nil
}

// WarnOfClaim records that the person is told of the claim before it is decided, and until when she may react. The letter is the
// caller's. fault.Conflict when she was told already or the claim is decided.
func (f *File) WarnOfClaim(id, actor string, reactBy time.Time) (*Claim, error) {
	k := f.Case.Claim(id)
	switch {
	case k == nil:
		return nil, fault.New(fault.NotFound, "there is no such claim")
	case !k.Open() || !k.WarnedAt.IsZero():
		return nil, fault.New(fault.Conflict, "the person was warned already, or the claim is decided")
	case f.Case.Verification.VerifiedAt.IsZero():
		return nil, fault.New(fault.Conflict, "the address is not confirmed yet: the warning could reach a stranger")
	}
	k.WarnedAt, k.ReactBy = f.now, reactBy
	return k, f.Entry("claim_warned", actor, map[string]any{"claim": k.ID, "kind": k.Kind, "until": reactBy})
}

// reacted notes with every warned claim that the person wrote.
func (f *File) reacted(from string) {
	if from != evidence.Subject {
		return
	}
	for i := range f.Case.Claims {
		if k := &f.Case.Claims[i]; k.Open() && !k.WarnedAt.IsZero() && k.ReactedAt.IsZero() {
			k.ReactedAt = f.now
		}
	}
}

// DecideClaim approves or declines a claim. A refusal ends the case, effort leaves its system out for good; what follows from a fee
// is the caller's (Ask). fault.Forbidden for whoever made the claim: the second pair of eyes is somebody else's; fault.Conflict when
// it is decided, or the person was not warned or still has time to react.
func (f *File) DecideClaim(id, actor, decision string, reason redact.Text) (*Claim, error) {
	k := f.Case.Claim(id)
	switch {
	case k == nil:
		return nil, fault.New(fault.NotFound, "there is no such claim")
	case !k.Open():
		return nil, fault.New(fault.Conflict, "this claim is decided")
	case decision != Approve && decision != Decline:
		return nil, fault.InvalidField("/decision", "decide approve or decline")
	case decision == Decline:
		if reason.IsZero() {
			return nil, fault.InvalidField("/reason", "say why; it is kept with the case")
		}
		return k, f.settleClaim(k, actor, decision, reason)
	case k.By == actor:
		return nil, fault.New(fault.Forbidden, "whoever made a claim does not approve it; somebody else has to")
	case !k.Ready(f.now):
		return nil, fault.New(fault.Conflict, "the person has to be warned first and have time to react")
	}
	if err := f.Case.claimable(); err != nil {
		return nil, err
	}
	if err := f.settleClaim(k, actor, decision, reason); err != nil {
		return nil, err
	}
	return k, f.follow(k, actor)
}

func (f *File) settleClaim(k *Claim, actor, decision string, reason redact.Text) error {
	k.Decision = f.decide(decision, actor, k.Hash, reason)
	return f.Entry("claim_decided", actor, k.Decision.facts(k.entry(map[string]any{"decision": decision, "claimedBy": k.By})))
}

// follow does what an approved claim allows.
func (f *File) follow(k *Claim, actor string) error {
	facts, err := f.ClaimFacts(k)
	if err != nil {
		return err
	}
	switch k.Kind {
	case ClaimRefuse:
		d := f.decide(Refuse, actor, k.Hash, facts.Text)
		d.Ground, d.Citation = k.Ground, k.Citation
		f.Case.Refusal = d
		f.Signal()
		if k.On == "" {
			return f.refuseEarly(actor)
		}
	case ClaimEffort:
		if err := f.ProceedWithout(actor, k.System, facts.Text); err != nil {
			return err
		}
		f.Case.Supplement = slices.DeleteFunc(f.Case.Supplement, func(s Supplement) bool { return s.System == k.System })
	case ClaimFee: // the caller asks for it
	}
	return nil
}

// refuseEarly ends a case that is refused while nothing waits for a decision on its plan or response: whatever runs stops before its
// next batch, and the closing begins.
func (f *File) refuseEarly(actor string) error {
	c := &f.Case
	if c.Paused != nil {
		c.Paused = nil
	}
	c.Phase = dsar.PhaseClose
	return f.TakeOver(actor, "refused")
}

// OtherGround is the ground of a refusal for which the pack has no code; its reasons are in the words to the person, and its citation
// is the pack's rule on refusals.
const OtherGround = "other"

// Ground is why a request is refused: a code of the law's pack and the citation of the rule behind it.
type Ground struct{ Code, Citation string }

// refuseOn records that somebody who looked at the plan or the response wants the request refused, or approves what somebody else
// wanted on the same: one pair of eyes never refuses a whole request.
func (f *File) refuseOn(on, actor, hash string, g Ground, reason redact.Text) error {
	k := f.Case.OpenClaim(ClaimRefuse)
	if k != nil && k.On == on && k.Hash == hash {
		_, err := f.DecideClaim(k.ID, actor, Approve, reason)
		return err
	}
	if k != nil {
		if err := f.settleClaim(k, evidence.System, Decline, redact.NewText("What it was about has changed since.")); err != nil {
			return err
		}
	}
	if reason.IsZero() {
		return fault.InvalidField("/reason", "a refusal needs its ground (GDPR Art. 12(4))")
	}
	if g.Code == "" {
		g.Code = OtherGround
	}
	_, err := f.Propose(actor, Claim{Kind: ClaimRefuse, Ground: g.Code, Citation: g.Citation, On: on, Hash: hash}, ClaimFacts{Text: reason})
	return err
}

// overrule declines the refusal that somebody proposed on what somebody else now approves.
func (f *File) overrule(on, actor string) error {
	k := f.Case.OpenClaim(ClaimRefuse)
	if k == nil || k.On != on {
		return nil
	}
	return f.settleClaim(k, actor, Decline, redact.Text{})
}

// claimsSince is since when the oldest claim waits for its approval; zero when none does, or the case is closed.
func (c *Case) claimsSince() time.Time {
	if !c.Open() {
		return time.Time{}
	}
	for i := range c.Claims {
		if c.Claims[i].Open() {
			return c.Claims[i].At
		}
	}
	return time.Time{}
}

// putClaims keeps the row by which approvers find the case.
func (f *File) putClaims(ws *[]table.Write, old table.Item) error {
	if len(f.Case.Claims) == 0 {
		return nil
	}
	var was Case
	if old.Version > 0 && json.Unmarshal(old.Body, &was) != nil {
		return errDecode("case")
	}
	row := table.Item{Key: f.key(skClaim)}
	switch since := f.Case.claimsSince(); {
	case since.Equal(was.claimsSince()):
	case since.IsZero():
		*ws = append(*ws, table.Write{Op: table.Delete, Item: row, If: table.AnyVersion})
	default:
		row.IPK, row.ISK, row.Body = ipkClaims(f.Case.Tenant), stamp(since)+"#"+f.Case.ID, []byte(`{}`)
		*ws = append(*ws, table.Write{Op: table.Put, Item: row, If: table.AnyVersion})
	}
	return nil
}

func ipkClaims(tenant string) string { return "T#" + tenant + "#CLAIMS" }

// ClaimedCases returns a page of the ids of the tenant's cases with a claim that waits for approval, longest first. The index may lag.
func (s *Store) ClaimedCases(ctx context.Context, tenant string, limit int, cursor string) ([]string, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkClaims(tenant), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing claims: %w", err)
	}
	var out []string
	for _, it := range page.Items {
		out = append(out, caseOf(it.PK))
	}
	return out, page.Next, nil
}
