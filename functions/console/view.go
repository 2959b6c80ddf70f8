package console

import (
	"context"
	"encoding/json"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/progress"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// maxMessages bounds the conversation and the notes shown with a case.
const maxMessages = 500

// caseRow is one case in a list. Nothing in it is personal.
type caseRow struct {
	ID         string      `json:"id"`
	Reference  string      `json:"reference"`
	Right      dsar.Right  `json:"right"`
	Status     dsar.Status `json:"status"`
	Phase      dsar.Phase  `json:"phase"`
	Channel    string      `json:"channel"`
	ReceivedAt time.Time   `json:"receivedAt"`
	DueAt      time.Time   `json:"dueAt,omitzero"`
	DueDate    string      `json:"dueDate,omitempty"`
	ClosedAt   time.Time   `json:"closedAt,omitzero"`
	Operator   bool        `json:"operator,omitempty"` // waits for somebody who runs Habeas
	Paused     bool        `json:"paused,omitempty"`
	DisposedAt time.Time   `json:"disposedAt,omitzero"` // its keys were destroyed then; nothing personal is left
}

func rowOf(c casefile.Case) caseRow {
	return caseRow{
		ID: c.ID, Reference: c.Reference, Right: c.Right, Status: c.Status, Phase: c.Phase, Channel: c.Channel, ReceivedAt: c.ReceivedAt,
		DueAt: c.Due.At, DueDate: c.Due.Date, ClosedAt: c.ClosedAt, Operator: c.Operator != nil && c.Operator.Next == "",
		Paused: c.Paused != nil, DisposedAt: c.Disposal.At,
	}
}

// caseView is the answer to GET /cases/{id}.
type caseView struct {
	caseRow
	Locale       string            `json:"locale,omitempty"`
	OpenedAt     time.Time         `json:"openedAt"`
	Law          lawView           `json:"law"`
	Due          dueView           `json:"due"`
	Verification verificationView  `json:"verification"`
	Systems      []progress.System `json:"systems"`
	Tasks        []taskView        `json:"tasks"`
	Recipients   []recipientView   `json:"recipients"`
	Messages     []messageView     `json:"messages"`
	Notes        []messageView     `json:"notes"`
	Decisions    []decisionView    `json:"decisions"`
	Questions    []questionView    `json:"questions"` // to the person, that may move the date
	Claims       []claimView       `json:"claims"`
	Appeals      []subView         `json:"appeals"` // and complaints
	Operator     *operatorView     `json:"operatorFault,omitempty"`
	Response     *responseView     `json:"response,omitempty"`
	DuplicateOf  string            `json:"duplicateOf,omitempty"`
	MergedInto   string            `json:"mergedInto,omitempty"`
	Merged       []string          `json:"merged,omitempty"`
	Answer       dsar.Outcome      `json:"answer,omitempty"`
	Undelivered  []undeliveredView `json:"undelivered"`
	MailCopies   *copiesView       `json:"mailCopies,omitempty"` // of an erasure's letters, at the provider of our mail
	Personal     *personalView     `json:"personal,omitempty"`   // with reveal_data only
}

type lawView struct {
	Pack       string `json:"pack"`
	Version    string `json:"version"`
	Title      string `json:"title,omitempty"`
	Country    string `json:"country,omitempty"`
	Region     string `json:"region,omitempty"`
	Assumption string `json:"assumption,omitempty"`
	Granted    string `json:"granted,omitempty"`
}

type dueView struct {
	At       time.Time          `json:"at,omitzero"`
	Date     string             `json:"date,omitempty"`
	NoticeBy time.Time          `json:"extensionNoticeBy,omitzero"`
	AckBy    time.Time          `json:"acknowledgeBy,omitzero"`
	SimpleBy time.Time          `json:"simpleBy,omitzero"` // for a first, short answer
	RefuseBy time.Time          `json:"refuseBy,omitzero"`
	DoneBy   time.Time          `json:"executeBy,omitzero"` // for carrying out what was granted
	Extended bool               `json:"extended"`
	Steps    []casefile.DueStep `json:"steps"`
}

type verificationView struct {
	Level      string               `json:"level,omitempty"`
	Asked      []verification.Asked `json:"asked"`
	VerifiedAt time.Time            `json:"verifiedAt,omitzero"`
	ExpiresAt  time.Time            `json:"expiresAt,omitzero"`
	Expired    bool                 `json:"expired,omitempty"`
	proofView
}

type taskView struct {
	ID          string                `json:"id"`
	CaseID      string                `json:"caseId"`
	Reference   string                `json:"reference"`
	Right       dsar.Right            `json:"right"`
	System      string                `json:"system"`
	Action      dsar.Action           `json:"action"`
	By          string                `json:"by"`
	Status      casefile.TaskStatus   `json:"status"`
	Outcome     dsar.Outcome          `json:"outcome,omitempty"`
	Because     string                `json:"because,omitempty"`
	Fault       string                `json:"fault,omitempty"`
	Turns       int                   `json:"turns"`
	StartedAt   time.Time             `json:"startedAt,omitzero"`
	EndedAt     time.Time             `json:"endedAt,omitzero"`
	Asked       *askedView            `json:"asked,omitempty"`
	Decision    *decisionView         `json:"decision,omitempty"`
	Owner       *ownerView            `json:"owner,omitempty"` // for a system that its owner acts on
	Collections []casefile.Collection `json:"collections"`
}

type askedView struct {
	Why     string    `json:"why"`
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	DueAt   time.Time `json:"dueAt,omitzero"`
	Answers []string  `json:"answers"`
}

func taskOf(c *casefile.Case, t *casefile.Task) taskView {
	v := taskView{
		ID: t.ID, CaseID: c.ID, Reference: c.Reference, Right: c.Right, System: t.System, Action: t.Action, By: string(t.By), Status: t.Status,
		Outcome: t.Outcome, Because: t.Because, Fault: t.Fault, Turns: t.Turns, StartedAt: t.StartedAt, EndedAt: t.EndedAt,
		Decision: decisionOf("task", t.Decision), Owner: ownerOf(t), Collections: t.Collections,
	}
	if v.Collections == nil {
		v.Collections = []casefile.Collection{}
	}
	if a := t.Asked; a != nil {
		due := a.DueAt
		if due.IsZero() {
			due = c.Due.At
		}
		v.Asked = &askedView{a.Why, a.Text, a.Since, due, a.Answers}
	}
	return v
}

type messageView struct {
	From string    `json:"from"` // subject or staff:<id>
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"` // with reveal_data only

	Statement bool `json:"statement,omitempty"` // of disagreement with what was not corrected
}

type decisionView struct {
	On       string    `json:"on"` // plan, response, withdrawal, refusal, extension, task
	Decision string    `json:"decision"`
	By       string    `json:"by"`
	Reason   string    `json:"reason,omitempty"` // with reveal_data only
	At       time.Time `json:"at"`
	Hash     string    `json:"hash,omitempty"`

	of *casefile.Decision
}

func decisionOf(on string, d *casefile.Decision) *decisionView {
	if d == nil {
		return nil
	}
	return &decisionView{On: on, Decision: d.Decision, By: d.By, At: d.At, Hash: d.Hash, of: d}
}

// explain opens the reasons of every decision; they are in somebody's own words.
func (v *caseView) explain(f *casefile.File) error {
	open := func(d *decisionView) error {
		words, err := f.Reason(d.of)
		d.Reason = words.Reveal()
		return err
	}
	for n := range v.Decisions {
		if err := open(&v.Decisions[n]); err != nil {
			return err
		}
	}
	for _, t := range v.Tasks {
		if t.Owner != nil {
			if err := t.Owner.reveal(f, f.Task(t.ID)); err != nil {
				return err
			}
		}
		if t.Decision == nil {
			continue
		}
		if err := open(t.Decision); err != nil {
			return err
		}
	}
	return progress.Explain(f, v.Systems)
}

type operatorView struct {
	Fault string    `json:"fault"`
	Phase string    `json:"phase"`
	Since time.Time `json:"since"`
	Next  string    `json:"next,omitempty"`
}

type responseView struct {
	Hash      string       `json:"hash"`
	Records   int64        `json:"records"`
	Bytes     int64        `json:"bytes"`
	BuiltAt   time.Time    `json:"builtAt"`
	ExpiresAt time.Time    `json:"expiresAt"`
	Downloads int          `json:"downloads"`
	Volumes   []volumeView `json:"volumes"`
}

type volumeView struct {
	Volume int    `json:"volume"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// personalView is the personal part of a case in the open, for callers with reveal_data.
type personalView struct {
	Email       string             `json:"email"`
	Name        string             `json:"name,omitempty"`
	Details     string             `json:"details,omitempty"`
	Claimed     []subject.Revealed `json:"claimed"`
	Proven      []subject.Revealed `json:"proven"`
	Located     []subject.Revealed `json:"located"`
	Corrections []correctionView   `json:"corrections"`
	Agent       *agentView         `json:"agent,omitempty"`
}

type correctionView struct {
	System string `json:"system,omitempty"`
	Field  string `json:"field"`
	Value  string `json:"value"`
}

type agentView struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Mandate string `json:"mandate,omitempty"`
}

func personalOf(p *casefile.Person) *personalView {
	open := func(list []subject.Identifier) []subject.Revealed {
		out := make([]subject.Revealed, 0, len(list))
		for _, i := range list {
			out = append(out, i.Reveal())
		}
		return out
	}
	v := &personalView{
		Email: p.Email.Value.Reveal(), Name: p.Name.Reveal(), Details: p.Details.Reveal(), Claimed: open(p.Claimed), Proven: open(p.Proven),
		Located: open(p.Located), Corrections: []correctionView{},
	}
	for _, c := range p.Corrections {
		v.Corrections = append(v.Corrections, correctionView{c.System, c.Field, c.Value.Reveal()})
	}
	if a := p.Agent; a != nil {
		v.Agent = &agentView{a.Name.Reveal(), a.Email.Reveal(), a.Mandate.Reveal()}
	}
	return v
}

// view collects everything a caller may see of a case. With reveal the personal part is in it; the caller of view has
// recorded that before.
func (h *Handler) view(ctx context.Context, f *casefile.File, reveal bool) (*caseView, error) {
	c := &f.Case
	v := &caseView{
		caseRow: rowOf(*c), Locale: c.Locale, OpenedAt: c.OpenedAt, Answer: c.Answer,
		Law:          lawView{c.Law.Pack, c.Law.Version, h.lawTitle(c), c.Law.Country, c.Law.Region, c.Law.Assumption, c.Due.Granted},
		Due:          dueView{c.Due.At, c.Due.Date, c.Due.Notice, c.Due.Ack, c.Due.Simple, c.Due.RefuseBy, c.Due.Execute, c.Extension != nil, steps(c)},
		Verification: verificationView{c.Verification.Level, c.Verification.Asked, c.Verification.VerifiedAt, c.Verification.ExpiresAt, c.Verification.Expired, proofOf(&c.Verification)},
		Tasks:        []taskView{}, Recipients: []recipientView{}, Decisions: decisions(c), Response: responseOf(c),
		DuplicateOf: c.DuplicateOf, MergedInto: c.MergedInto, Merged: c.Merged, Undelivered: undeliveredOf(c), MailCopies: copiesOf(c),
	}
	if v.Verification.Asked == nil {
		v.Verification.Asked = []verification.Asked{}
	}
	if o := c.Operator; o != nil {
		v.Operator = &operatorView{o.Fault, o.Phase, o.Since, o.Next}
	}
	for _, t := range f.Tasks {
		v.Tasks = append(v.Tasks, taskOf(c, t))
	}
	systems, err := h.Registry.Systems(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	v.Systems = progress.Systems(f, systems)
	if err := h.dutiesOf(ctx, v, f, reveal); err != nil {
		return nil, err
	}
	if v.Recipients, err = h.recipientsOf(ctx, f, reveal); err != nil {
		return nil, err
	}
	if v.Messages, v.Notes, err = h.words(ctx, c, reveal); err != nil || !reveal {
		return v, err
	}
	p, err := f.Person()
	if err != nil {
		return nil, err
	}
	v.Personal = personalOf(p)
	return v, v.explain(f)
}

// words returns the conversation and the notes; their text is personal.
func (h *Handler) words(ctx context.Context, c *casefile.Case, reveal bool) (messages, notes []messageView, err error) {
	open := func(list []casefile.ReadMessage, err error) ([]messageView, error) {
		out := make([]messageView, 0, len(list))
		for _, m := range list {
			v := messageView{From: m.From, At: m.At, Statement: m.Statement}
			if reveal {
				v.Text = m.Text.Reveal()
			}
			out = append(out, v)
		}
		return out, err
	}
	if messages, err = open(h.Cases.Messages(ctx, c.Tenant, c.ID, maxMessages)); err != nil {
		return nil, nil, err
	}
	notes, err = open(h.Cases.Notes(ctx, c.Tenant, c.ID, maxMessages))
	return messages, notes, err
}

func steps(c *casefile.Case) []casefile.DueStep {
	if c.Due.Steps == nil {
		return []casefile.DueStep{}
	}
	return c.Due.Steps
}

func decisions(c *casefile.Case) []decisionView {
	out := []decisionView{}
	for _, d := range []*decisionView{
		decisionOf("extension", c.Extension), decisionOf("plan", c.PlanDecision), decisionOf("response", c.Review),
		decisionOf("withdrawal", c.Withdrawal), decisionOf("refusal", c.Refusal), decisionOf("pause", c.Paused),
	} {
		if d != nil {
			out = append(out, *d)
		}
	}
	return out
}

func responseOf(c *casefile.Case) *responseView {
	p := c.Package
	if p == nil {
		return nil
	}
	v := &responseView{c.ResponseHash(), p.Records, p.Bytes, p.BuiltAt, p.ExpiresAt, p.Downloads, []volumeView{}}
	for n, vol := range p.Volumes {
		v.Volumes = append(v.Volumes, volumeView{n + 1, vol.Bytes, vol.SHA256})
	}
	return v
}

func (h *Handler) lawTitle(c *casefile.Case) string {
	pack, err := h.Packs.At(policy.ID(c.Law.Pack), policy.Version(c.Law.Version))
	if err != nil {
		return "" // not triaged yet
	}
	return pack.Law
}

// entryView is one line of a timeline: an entry of the evidence. Facts hold no personal data.
type entryView struct {
	At    time.Time       `json:"at"`
	Kind  string          `json:"kind"`
	Actor string          `json:"actor"`
	Chain string          `json:"chain"`
	Seq   int64           `json:"seq"`
	Hash  string          `json:"hash"`
	Facts json.RawMessage `json:"facts"`
}

// entries returns the evidence of a case over all its chains, oldest first.
func (h *Handler) entries(ctx context.Context, tenant, id string) ([]entryView, error) {
	out := []entryView{}
	for e, err := range evidence.Read(ctx, h.Cases.Table(), tenant, id) {
		if err != nil {
			return nil, err
		}
		out = append(out, entryView{e.At, e.Kind, e.Actor, e.Chain, e.Seq, e.Hash, e.Facts})
	}
	sortEntries(out)
	return out, nil
}

// reveal reports whether the caller asks for and may see the personal part; each look is recorded before it happens.
func (h *Handler) reveal(ctx context.Context, c *caller, id string, wanted bool) (bool, error) {
	if !wanted || !c.may(registry.RevealData) {
		return false, nil
	}
	return true, h.record(ctx, c, act{Kind: revealed, CaseID: id})
}
