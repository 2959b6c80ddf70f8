package duties

import (
	"context"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// AppealUntil says whether the person may appeal now, and until when; a zero instant with open set: within a reasonable time.
func (d *Desk) AppealUntil(ctx context.Context, c *casefile.Case, now time.Time) (until time.Time, open bool, err error) {
	l, err := d.law(ctx, c)
	if fault.Has(err, fault.Conflict) {
		return time.Time{}, false, nil
	}
	if err != nil || l.pack.Appeal == nil || !c.MayAppeal() {
		return time.Time{}, false, err
	}
	if l.pack.Appeal.Window == nil {
		return time.Time{}, true, nil
	}
	by, err := statute.After(c, d.Packs, l.tenant, *l.pack.Appeal.Window, c.ClosedAt, clock.AppealWindow)
	return by.At, err == nil && !now.After(by.At), err
}

// Bring records an appeal or a complaint, starts its clock, and confirms it to the person. fault.Conflict when the law knows no appeal,
// there is nothing to appeal against, or the time for it is over.
func (d *Desk) Bring(ctx context.Context, f *casefile.File, kind casefile.SubKind, actor string, receivedAt time.Time, text redact.Text) (*casefile.Sub, error) {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return nil, err
	}
	o, err := d.opening(ctx, f, l, kind, receivedAt)
	if err != nil {
		return nil, err
	}
	s, err := f.OpenSub(ctx, actor, o, text)
	if err != nil || !reachable(&f.Case) {
		return s, err // whoever recorded it confirms it in the way it came
	}
	letter := letters.ComplaintReceived
	if kind == casefile.Appeal {
		letter = letters.AppealReceived
	}
	if err := d.Letters.Send(ctx, f, letter, func(lf correspondence.Facts) {
		lf.On = lf.Day(s.ReceivedAt)
		dated(lf, s.Due)
	}); err != nil {
		return nil, err
	}
	return s, f.AcknowledgeSub(s, evidence.System)
}

func (d *Desk) opening(ctx context.Context, f *casefile.File, l law, kind casefile.SubKind, at time.Time) (casefile.SubOpening, error) {
	o := casefile.SubOpening{Kind: kind, ReceivedAt: at}
	ack, decision := l.pack.Complaint.Acknowledge, l.pack.Complaint.Decide
	ackWhat, what := clock.ComplaintAcknowledge, clock.ComplaintDecision
	if kind == casefile.Appeal {
		if l.pack.Appeal == nil {
			return o, fault.New(fault.Conflict, "the law of this request knows no appeal to the controller; a complaint is possible")
		}
		if !f.Case.MayAppeal() {
			return o, fault.New(fault.Conflict, "there is no refusal to appeal against")
		}
		until, open, err := d.AppealUntil(ctx, &f.Case, at)
		if err != nil {
			return o, err
		}
		if !open {
			return o, fault.New(fault.Conflict, "the time for an appeal ended on "+until.In(l.zone).Format(time.DateOnly))
		}
		ack, decision = l.pack.Appeal.Acknowledge, &l.pack.Appeal.Decision
		ackWhat, what = clock.AppealAcknowledge, clock.AppealDecision
	}
	count := func(p *policy.Period, what string) (clock.Deadline, error) {
		if p == nil {
			return clock.Deadline{}, nil
		}
		return statute.After(&f.Case, d.Packs, l.tenant, *p, at, what)
	}
	by, err := count(ack, ackWhat)
	if err != nil {
		return o, err
	}
	due, err := count(decision, what)
	if err != nil {
		return o, err
	}
	o.AckBy = by.At
	if !due.IsZero() {
		o.Due = statute.DueOf(due)
	}
	return o, nil
}

// Extend gives an appeal more time as far as its law does, and tells the person.
func (d *Desk) Extend(ctx context.Context, f *casefile.File, id, actor string, reason redact.Text) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	s, err := f.Sub(ctx, id)
	if err != nil {
		return err
	}
	a := l.pack.Appeal
	if s.Kind != casefile.Appeal || a == nil || a.Extension == nil {
		return fault.New(fault.Conflict, "the law gives no more time for this")
	}
	longer, err := statute.AfterExtended(&f.Case, d.Packs, l.tenant, a.Decision, a.Extension.Total, s.ReceivedAt, f.Now(), clock.AppealDecision)
	if err != nil {
		return err
	}
	first := s.Due.At
	if err := f.ExtendSub(s, actor, statute.DueOf(longer), reason); err != nil || !reachable(&f.Case) {
		return err
	}
	return d.Letters.Send(ctx, f, letters.AppealExtended, func(lf correspondence.Facts) {
		dated(lf, s.Due)
		lf.FirstDue, lf.Reasons = lf.Day(first), []letters.Reason{{Text: reason, Citation: a.Basis}}
	})
}

// Verdict is the decision on an appeal or complaint.
type Verdict struct {
	Outcome casefile.SubOutcome
	Reason  redact.Text // the person reads it
	Todo    redact.Text // what must be done now, for the team; of a granted appeal
}

// DecideSub decides an appeal or complaint and tells the person, with where to turn next. A granted appeal opens the case anew.
func (d *Desk) DecideSub(ctx context.Context, f *casefile.File, id, actor string, v Verdict) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	s, err := f.Sub(ctx, id)
	if err != nil {
		return err
	}
	if err := f.DecideSub(ctx, s, actor, v.Outcome, v.Reason, v.Todo); err != nil {
		return err
	}
	letter, citation := letters.ComplaintDecided, ""
	if s.Kind == casefile.Appeal {
		letter, citation = letters.AppealDecided, l.pack.Appeal.Basis
		if v.Outcome != casefile.SubUpheld {
			if err := d.takeUp(ctx, f, actor, v.Todo); err != nil {
				return err
			}
		}
	}
	if !reachable(&f.Case) {
		return nil
	}
	return d.Letters.Send(ctx, f, letter, func(lf correspondence.Facts) {
		lf.Act.Outcome, lf.Reasons = string(v.Outcome), []letters.Reason{{Text: v.Reason, Citation: citation}}
	})
}

// takeUp opens the case anew for everything that was asked for. The words say what must be done; they are kept as a note.
func (d *Desk) takeUp(ctx context.Context, f *casefile.File, actor string, todo redact.Text) error {
	if err := f.Note(actor, todo); err != nil || f.Case.Open() {
		return err
	}
	var systems []string
	for _, t := range f.Acts() {
		systems = append(systems, t.System)
	}
	if len(systems) == 0 {
		registered, err := d.Registry.Systems(ctx, f.Case.Tenant)
		if err != nil {
			return err
		}
		for _, s := range registered {
			systems = append(systems, s.Name)
		}
	}
	f.Case.Unidentified = false
	return f.Reopen(actor, "appeal granted", systems)
}

// Acknowledge records that staff confirmed an appeal or complaint to somebody whom no letter of ours reaches.
func (d *Desk) Acknowledge(ctx context.Context, f *casefile.File, id, actor string) error {
	s, err := f.Sub(ctx, id)
	if err != nil {
		return err
	}
	return f.AcknowledgeSub(s, actor)
}

// AnswerShortly gives the first, short answer where the law asks for one.
func (d *Desk) AnswerShortly(ctx context.Context, f *casefile.File, actor string, text redact.Text) error {
	l, err := d.law(ctx, &f.Case)
	switch {
	case err != nil:
		return err
	case l.rule.Simple == nil:
		return fault.New(fault.Conflict, "the law of this request asks for no short answer")
	case !reachable(&f.Case):
		return fault.New(fault.Conflict, "the address is not confirmed yet: the answer could reach a stranger")
	case text.IsZero():
		return fault.InvalidField("/text", "write the short answer; the person reads it")
	}
	if err := f.AnswerShortly(actor); err != nil {
		return err
	}
	if err := f.Say(actor, text); err != nil {
		return err
	}
	return d.Letters.Send(ctx, f, letters.ShortAnswer, func(lf correspondence.Facts) { lf.Message = text })
}

// Grant tells the person that the request is granted where the law has its execution follow by a date of its own.
func (d *Desk) Grant(ctx context.Context, f *casefile.File, actor string) error {
	l, err := d.law(ctx, &f.Case)
	switch {
	case err != nil:
		return err
	case l.rule.Execution == nil:
		return fault.New(fault.Conflict, "the law of this request has one date for decision and execution")
	case !reachable(&f.Case):
		return fault.New(fault.Conflict, "the address is not confirmed yet: the letter could reach a stranger")
	}
	by, err := statute.After(&f.Case, d.Packs, l.tenant, *l.rule.Execution, f.Now(), clock.Execution)
	if err != nil {
		return err
	}
	due := statute.DueOf(by)
	if err := f.GrantRequest(actor, due); err != nil {
		return err
	}
	if err := d.recount(&f.Case, l); err != nil {
		return err
	}
	return d.Letters.Send(ctx, f, letters.RequestGranted, func(lf correspondence.Facts) { dated(lf, due) })
}

// Steps says which answers in two steps the law of the case asks for now.
func (d *Desk) Steps(ctx context.Context, c *casefile.Case) (short, grant bool) {
	l, err := d.law(ctx, c)
	if err != nil || !c.Open() || c.Answered || c.Stopping() || !reachable(c) {
		return false, false
	}
	return l.rule.Simple != nil && c.ShortAt.IsZero(), l.rule.Execution != nil && c.Granted == nil
}
