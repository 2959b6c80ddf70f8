package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
)

// SubKind is what a person turns against. Wire values.
type SubKind string

// The kinds.
const (
	Appeal    SubKind = "appeal"    // against a refusal, to the controller (US state laws)
	Complaint SubKind = "complaint" // about how the controller handles data or the request (DPA 2018 s. 164A)
)

// SubKinds lists them.
func SubKinds() []SubKind { return []SubKind{Appeal, Complaint} }

// SubOutcome is what becomes of an appeal or complaint. Wire values.
type SubOutcome string

// The outcomes, from the side of the person who turns against something.
const (
	SubGranted SubOutcome = "granted" // the person is right
	SubPartly  SubOutcome = "partly"
	SubUpheld  SubOutcome = "upheld" // what the controller did stands
)

// SubOutcomes lists them.
func SubOutcomes() []SubOutcome { return []SubOutcome{SubGranted, SubPartly, SubUpheld} }

// Sub is an appeal or a complaint: a case below the case, with its own clock. It is a row of the case's partition and no execution
// of its own. Nothing in the open part is personal.
type Sub struct {
	ID         string     `json:"id"`
	Kind       SubKind    `json:"kind"`
	By         string     `json:"by"` // evidence actor who brought it, or recorded it
	ReceivedAt time.Time  `json:"receivedAt"`
	OpenedAt   time.Time  `json:"openedAt"`
	AckBy      time.Time  `json:"ackBy,omitzero"` // zero: the law does not ask for it
	AckAt      time.Time  `json:"ackAt,omitzero"`
	Due        Due        `json:"due,omitzero"` // zero date: without undue delay
	Extension  *Decision  `json:"extension,omitempty"`
	Decision   *Decision  `json:"decision,omitempty"` // by somebody who decided nothing in the case
	Outcome    SubOutcome `json:"outcome,omitempty"`
	Text       []byte     `json:"text"`           // sealed: what the person wrote
	Todo       []byte     `json:"todo,omitempty"` // sealed: what must be done when it is granted
	Late       []string   `json:"late,omitempty"` // what was not done in time: acknowledgement, decision
	NextLook   time.Time  `json:"nextLook,omitzero"`
}

// Open reports whether it waits for its decision.
func (s *Sub) Open() bool { return s.Decision == nil }

// What may be late about a sub-case.
const (
	LateAck      = "acknowledgement"
	LateDecision = "decision"
)

// RemindBefore is how long before its date the sweeper looks at a sub-case that is not decided.
const RemindBefore = 7 * 24 * time.Hour

const (
	skSub     = "S#"
	skSubDue  = "P#DUE#S#"
	labelSub  = "sub#"
	labelTodo = "subtodo#"
	maxSubs   = 20 // of a case
)

func ipkSubs(tenant string) string { return "T#" + tenant + "#SUBS" }

// Subs reads the appeals and complaints of the case, oldest first. What is changed in them is part of the commit.
func (f *File) Subs(ctx context.Context) ([]*Sub, error) {
	if f.subsRead || f.Case.Subs == 0 {
		return f.subs, nil
	}
	all, err := rows[Sub](ctx, f, skSub, "appeal or complaint")
	if err != nil {
		return nil, err
	}
	f.subs, f.subsRead = all, true
	return f.subs, nil
}

// Sub returns the appeal or complaint with the id; fault.NotFound when there is none.
func (f *File) Sub(ctx context.Context, id string) (*Sub, error) {
	all, err := f.Subs(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.ID == id {
			return s, nil
		}
	}
	return nil, fault.New(fault.NotFound, "there is no such appeal or complaint")
}

// SubOpening is what is known of an appeal or complaint when it arrives. Zero instants: the law sets none.
type SubOpening struct {
	Kind       SubKind
	ReceivedAt time.Time
	AckBy      time.Time
	Due        Due
}

// OpenSub records an appeal or complaint. fault.Conflict when one of the kind is open, or there are too many.
func (f *File) OpenSub(ctx context.Context, actor string, o SubOpening, text redact.Text) (*Sub, error) {
	all, err := f.Subs(ctx)
	switch {
	case err != nil:
		return nil, err
	case text.IsZero():
		return nil, fault.InvalidField("/text", "say what you are not content with")
	case slices.ContainsFunc(all, func(s *Sub) bool { return s.Open() && s.Kind == o.Kind }):
		return nil, fault.New(fault.Conflict, "there is one already that is not decided yet; add to it with a message")
	case len(all) >= maxSubs:
		return nil, fault.New(fault.Conflict, "this request has had too many of them; write a message")
	case o.ReceivedAt.After(f.now):
		return nil, fault.InvalidField("/receivedAt", "it cannot have arrived in the future")
	}
	c := &f.Case
	c.Subs++
	c.OpenSubs++
	s := &Sub{ID: fmt.Sprintf("s%02d", c.Subs), Kind: o.Kind, By: actor, ReceivedAt: o.ReceivedAt, OpenedAt: f.now, AckBy: o.AckBy, Due: o.Due}
	s.Text = f.Keys.SealDoc(labelSub+s.ID, []byte(text.Reveal()))
	s.plan(f.now)
	f.subs, f.subsRead = append(all, s), true
	return s, f.Entry(string(s.Kind)+"_received", actor, map[string]any{"sub": s.ID, "receivedAt": s.ReceivedAt, "dueAt": s.Due.At})
}

// SubWords opens what the person wrote, and what must be done when it is granted.
func (f *File) SubWords(s *Sub) (text, todo redact.Text, err error) {
	plain, err := f.Keys.OpenDoc(labelSub+s.ID, s.Text)
	if err != nil {
		return text, todo, fmt.Errorf("opening an appeal or complaint: %w", err)
	}
	text = redact.NewText(string(plain.Reveal()))
	if len(s.Todo) == 0 {
		return text, todo, nil
	}
	if plain, err = f.Keys.OpenDoc(labelTodo+s.ID, s.Todo); err != nil {
		return text, todo, fmt.Errorf("opening what must be done: %w", err)
	}
	return text, redact.NewText(string(plain.Reveal())), nil
}

// AcknowledgeSub records that the person was told that it arrived. Repeating it is harmless.
func (f *File) AcknowledgeSub(s *Sub, actor string) error {
	if !s.AckAt.IsZero() {
		return nil
	}
	s.AckAt = f.now
	s.plan(f.now)
	return f.Entry(string(s.Kind)+"_acknowledged", actor, map[string]any{"sub": s.ID})
}

// ExtendSub gives the decision more time, once, before its date. The letter, and what the law allows, are the caller's.
func (f *File) ExtendSub(s *Sub, actor string, due Due, reason redact.Text) error {
	switch {
	case !s.Open() || s.Extension != nil:
		return fault.New(fault.Conflict, "it is decided, or was extended before")
	case s.Due.At.IsZero() || f.now.After(s.Due.At):
		return fault.New(fault.Conflict, "the time for the decision is over, or the law sets none: it is too late for an extension")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say why; the person reads it")
	}
	from := s.Due.Date
	s.Extension, s.Due = f.decide("extend", actor, "", reason), due
	s.plan(f.now)
	return f.Entry(string(s.Kind)+"_extended", actor, s.Extension.facts(map[string]any{"sub": s.ID, "from": from, "to": due.Date}))
}

// DecideSub decides an appeal or complaint. An appeal that is granted, in whole or in part, says what must be done, which stays
// with the case. fault.Forbidden for whoever decided anything in the case before (see Deciders): the law wants a fresh pair of eyes
// for an appeal, and a complaint about a decision is not decided by who made it.
func (f *File) DecideSub(ctx context.Context, s *Sub, actor string, outcome SubOutcome, reason, todo redact.Text) error {
	switch {
	case !s.Open():
		return fault.New(fault.Conflict, "it is decided")
	case !slices.Contains(SubOutcomes(), outcome):
		return fault.InvalidField("/outcome", "decide granted, partly or upheld")
	case reason.IsZero():
		return fault.InvalidField("/reason", "say why; the person reads it")
	case s.Kind == Appeal && outcome != SubUpheld && todo.IsZero():
		return fault.InvalidField("/todo", "say what must be done now; the case is opened anew for it")
	}
	before, err := f.Deciders(ctx)
	if err != nil {
		return err
	}
	if slices.Contains(before, actor) {
		return fault.New(fault.Forbidden, "you decided something in this case; somebody else has to decide on this")
	}
	s.Decision, s.Outcome, s.NextLook = f.decide(string(outcome), actor, "", reason), outcome, time.Time{}
	if !todo.IsZero() {
		s.Todo = f.Keys.SealDoc(labelTodo+s.ID, []byte(todo.Reveal()))
	}
	f.Case.OpenSubs--
	return f.Entry(string(s.Kind)+"_decided", actor, s.Decision.facts(map[string]any{"sub": s.ID, "outcome": outcome}))
}

// decisive are the entries whose actor decided something about the request, and so does not decide what is brought against it.
var decisive = []string{
	"plan_decided", "plan_edited", "response_decided", "task_decided", "claim_made", "claim_decided", "deadline_extended", "proceeded_without",
	"withdrawn", "notice_waived", "operator_decided", "question_asked",
}

// Deciders lists the members of staff who decided something in the case, as evidence actors.
func (f *File) Deciders(ctx context.Context) ([]string, error) {
	var out []string
	for e, err := range evidence.Read(ctx, f.store.table, f.Case.Tenant, f.Case.ID) {
		if err != nil {
			return nil, fmt.Errorf("reading who decided: %w", err)
		}
		if slices.Contains(decisive, e.Kind) && strings.HasPrefix(e.Actor, "staff:") && !slices.Contains(out, e.Actor) {
			out = append(out, e.Actor)
		}
	}
	return out, nil
}

// LookAtSub notes what is late about a sub-case and when to look next. It returns what became late now, and whether it is a reminder
// that the date is near.
func (f *File) LookAtSub(s *Sub) (late []string, near bool, err error) {
	if !s.Open() || s.NextLook.IsZero() || s.NextLook.After(f.now) {
		return nil, false, nil
	}
	for what, by := range map[string]time.Time{LateAck: s.ackDue(), LateDecision: s.Due.At} {
		if !by.IsZero() && f.now.After(by) && !slices.Contains(s.Late, what) {
			late = append(late, what)
		}
	}
	slices.Sort(late)
	s.Late = append(s.Late, late...)
	for _, what := range late {
		if err := f.Entry(string(s.Kind)+"_late", evidence.System, map[string]any{"sub": s.ID, "what": what}); err != nil {
			return nil, false, err
		}
	}
	near = len(late) == 0
	if near {
		if err := f.Entry(string(s.Kind)+"_near", evidence.System, map[string]any{"sub": s.ID, "dueAt": s.Due.At}); err != nil {
			return nil, false, err
		}
	}
	s.plan(f.now)
	return late, near, nil
}

func (s *Sub) ackDue() time.Time {
	if !s.AckAt.IsZero() {
		return time.Time{}
	}
	return s.AckBy
}

// plan sets when the sweeper looks next: shortly before a date, and right after it.
func (s *Sub) plan(now time.Time) {
	s.NextLook = time.Time{}
	for _, by := range []time.Time{s.ackDue(), s.Due.At} {
		for _, at := range []time.Time{by.Add(-RemindBefore), by.Add(time.Millisecond)} {
			if !by.IsZero() && at.After(now) && (s.NextLook.IsZero() || at.Before(s.NextLook)) {
				s.NextLook = at
			}
		}
	}
}

// putSubs writes the sub-cases that changed, their due rows and their places in the list of what waits for a decision.
func (f *File) putSubs(ws *[]table.Write) error {
	for _, s := range f.subs {
		sk := skSub + s.ID
		old, existed := f.read[sk]
		var was Sub
		if existed && json.Unmarshal(old.Body, &was) != nil {
			return errDecode("appeal or complaint")
		}
		if err := f.put(ws, sk, s, f.indexOfSub(s)); err != nil {
			return err
		}
		due := table.Item{Key: f.key(skSubDue + s.ID)}
		switch {
		case s.NextLook.Equal(was.NextLook):
		case s.NextLook.IsZero():
			*ws = append(*ws, table.Write{Op: table.Delete, Item: due, If: table.AnyVersion})
		default:
			due.IPK = ipkDue(shard(f.Case.ID, DueShards))
			due.ISK = strings.Join([]string{stamp(s.NextLook), f.Case.Tenant, f.Case.ID, "", s.ID}, "#")
			due.Body = []byte(`{}`)
			*ws = append(*ws, table.Write{Op: table.Put, Item: due, If: table.AnyVersion})
		}
	}
	return nil
}

// indexOfSub lists a sub-case among those that wait, by date; what has no date comes by its receipt.
func (f *File) indexOfSub(s *Sub) [2]string {
	if !s.Open() {
		return [2]string{}
	}
	at := s.Due.At
	if at.IsZero() {
		at = s.ReceivedAt
	}
	return [2]string{ipkSubs(f.Case.Tenant), stamp(at) + "#" + f.Case.ID + "#" + s.ID}
}

// SubRef names a sub-case for a list.
type SubRef struct{ CaseID, ID string }

// OpenSubs returns a page of the tenant's appeals and complaints that are not decided, those due first at the front. The index may lag.
func (s *Store) OpenSubs(ctx context.Context, tenant string, limit int, cursor string) ([]SubRef, string, error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkSubs(tenant), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("listing appeals and complaints: %w", err)
	}
	var out []SubRef
	for _, it := range page.Items {
		out = append(out, SubRef{caseOf(it.PK), strings.TrimPrefix(it.SK, skSub)})
	}
	return out, page.Next, nil
}

// MayAppeal reports whether there is something to appeal against: the request was refused, or not answered in full.
func (c *Case) MayAppeal() bool {
	return slices.Contains([]dsar.Status{dsar.Refused, dsar.PartlyFulfilled, dsar.NotIdentifiable}, c.Status)
}
