package duties

import (
	"context"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Codes lists the reasons for which a question of the kind may be asked.
func Codes(kind string) []string {
	switch kind {
	case casefile.AskIdentity:
		return letters.IdentityReasons()
	case casefile.AskClarification:
		return letters.ClarifyReasons()
	}
	return nil
}

// example is how many days a preview lets the person take to answer.
const example = 7

// Preview is what a question would do, said before it is sent.
type Preview struct {
	Effect   policy.Effect
	Citation string
	Late     bool // asked too long after receipt: what would pause does not
	Prompt   int  // days after receipt within which it would have
	Blocks   bool
	Due      casefile.Due // as it stands
	Then     casefile.Due // if the answer comes after Days days
	Days     int
}

// Preview says what a question of the kind, asked at the instant, would do to the case. Errors are those of Ask.
func (d *Desk) Preview(ctx context.Context, c casefile.Case, kind string, at time.Time) (Preview, error) {
	l, err := d.law(ctx, &c)
	if err != nil {
		return Preview{}, err
	}
	if err := mayAsk(&c, l, kind); err != nil {
		return Preview{}, err
	}
	return d.preview(c, l, kind, at)
}

func (d *Desk) preview(c casefile.Case, l law, kind string, at time.Time) (Preview, error) {
	stop := l.rule.Stop(policy.StopEvent(kind))
	p := Preview{Effect: stop.Effect, Citation: stop.Basis, Prompt: l.tenant.Policy.Effective().PromptDays, Due: c.Due, Days: example}
	// What only guidance allows to pause, it ties to a prompt question (EDPB Guidelines 01/2022, 5.3).
	p.Late = stop.Effect == policy.Pause && stop.Kind == policy.Guidance && civil.In(at, l.zone).Sub(civil.In(c.ReceivedAt, l.zone)) > p.Prompt
	if p.Late {
		p.Effect = policy.NoEffect
	}
	p.Blocks = kind == casefile.AskIdentity || kind == casefile.AskFee && p.Effect != policy.NoEffect
	q := casefile.Question{Kind: kind, At: at, Answered: at.AddDate(0, 0, example)}
	if p.Late {
		q.NotPause = casefile.AskedLate
	}
	c.Questions = append(slices.Clone(c.Questions), q)
	if err := statute.Set(&c, d.Packs, l.tenant); err != nil {
		return Preview{}, err
	}
	p.Then = c.Due
	return p, nil
}

// mayAsk adds what the law forbids to what the case does.
func mayAsk(c *casefile.Case, l law, kind string) error {
	if err := c.MayAsk(kind); err != nil {
		return err
	}
	switch kind {
	case casefile.AskIdentity:
		if slices.Contains(l.pack.Verification.NoneFor, c.Right) {
			return fault.New(fault.Conflict, "for this right the law lets nobody ask for proof of identity ("+l.pack.Verification.Basis+")")
		}
	case casefile.AskClarification:
		for _, s := range l.pack.Stops {
			if s.Event == policy.ClarificationRequested && len(s.Rights) > 0 && !slices.Contains(s.Rights, c.Right) {
				return fault.New(fault.Conflict, "the law knows this question for other rights only ("+s.Basis+")")
			}
		}
	case casefile.AskFee:
		if slices.Contains(l.pack.Fees.NeverFor, c.Right) {
			return fault.New(fault.Conflict, "this right is free under the law, whatever happens ("+l.pack.Fees.Basis+")")
		}
	default:
		return fault.InvalidField("/kind", "ask for identity, clarification or fee")
	}
	return nil
}

// Ask puts a question about identity or scope to the person: into the conversation, onto the clock, and as a letter. fault.Invalid
// for a code that is none; fault.Conflict where the case or the law does not allow it.
func (d *Desk) Ask(ctx context.Context, f *casefile.File, actor, kind, code string, text redact.Text) (*casefile.Question, error) {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return nil, err
	}
	if err := mayAsk(&f.Case, l, kind); err != nil {
		return nil, err
	}
	if !slices.Contains(Codes(kind), code) {
		return nil, fault.InvalidField("/code", "name the reason of the question")
	}
	return d.ask(ctx, f, l, actor, casefile.Asking{Kind: kind, Code: code}, text)
}

// ask is Ask for every kind: what may be asked was checked.
func (d *Desk) ask(ctx context.Context, f *casefile.File, l law, actor string, a casefile.Asking, text redact.Text) (*casefile.Question, error) {
	p, err := d.preview(f.Case, l, a.Kind, f.Now())
	if err != nil {
		return nil, err
	}
	a.Blocks = p.Blocks
	if p.Late {
		a.NotPause = casefile.AskedLate
	}
	q, err := f.Ask(actor, a, text)
	if err != nil {
		return nil, err
	}
	if err := d.recount(&f.Case, l); err != nil {
		return nil, err
	}
	kinds := map[string]letters.Kind{casefile.AskIdentity: letters.QuestionIdentity, casefile.AskClarification: letters.QuestionClarification, casefile.AskFee: letters.FeeNotice}
	return q, d.Letters.Send(ctx, f, kinds[a.Kind], func(lf correspondence.Facts) {
		lf.Act = letters.Act{Code: a.Code, Effect: p.Effect, Blocks: p.Blocks, Amount: a.Amount}
		lf.Message = text
		lf.Until = civil.Date{}
		if !a.Until.IsZero() {
			lf.Until = lf.Day(a.Until)
		}
	})
}

// Answer records the answer to a question about identity or scope, and counts the date anew. actor is the person, or whoever records
// what came another way; at is when it came.
func (d *Desk) Answer(ctx context.Context, f *casefile.File, id, actor string, at time.Time, text redact.Text) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	if actor == evidence.Subject && text.IsZero() {
		return fault.InvalidField("/text", "the answer is empty")
	}
	if err := f.AnswerQuestion(id, actor, at, text); err != nil {
		return err
	}
	return d.recount(&f.Case, l)
}

// Drop lets a question go, and counts the date anew.
func (d *Desk) Drop(ctx context.Context, f *casefile.File, id, actor string, reason redact.Text) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	if err := f.DropQuestion(id, actor, reason); err != nil {
		return err
	}
	return d.recount(&f.Case, l)
}

// AcceptFee records that the person agrees to pay. Where the law has the estimate accepted first, its time runs from then.
func (d *Desk) AcceptFee(ctx context.Context, f *casefile.File, id, actor string) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	if err := f.AcceptFee(id, actor, l.pack.Fees.Accept); err != nil {
		return err
	}
	return d.recount(&f.Case, l)
}

// PayFee records a payment.
func (d *Desk) PayFee(ctx context.Context, f *casefile.File, id, actor string, at time.Time) error {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return err
	}
	if err := f.PayFee(id, actor, at); err != nil {
		return err
	}
	return d.recount(&f.Case, l)
}

// Lapse withdraws a request whose fee was not accepted within the law's time; lapsed is false when there is nothing to do.
func Lapse(f *casefile.File) (lapsed bool, err error) {
	if !f.Case.Open() || f.Case.Stopping() || f.Case.Answered || f.Case.LapsedFee(f.Now()) == nil {
		return false, nil
	}
	return true, f.Withdraw(evidence.System, redact.NewText("The fee was not accepted within the time of the law."))
}

// May lists the kinds of questions that the person can be asked now.
func (d *Desk) May(ctx context.Context, c *casefile.Case) []string {
	l, err := d.law(ctx, c)
	if err != nil {
		return nil
	}
	var out []string
	for _, kind := range []string{casefile.AskIdentity, casefile.AskClarification} {
		if mayAsk(c, l, kind) == nil {
			out = append(out, kind)
		}
	}
	return out
}

// maxCounted bounds how many earlier requests of one person are looked at.
const maxCounted = 100

// Quota is how many requests of the person the controller answered for free within the law's period before this one.
type Quota struct {
	Free    int // of the law; 0: every request is free
	Count   int // answered free ones in the period
	Earlier int // of any time, answered or not, under the law
	Per     policy.Amount
}

// Used reports whether the free requests are used up.
func (q Quota) Used() bool { return q.Free > 0 && q.Count >= q.Free }

// Quota counts the earlier requests of the same person under the same law. It reads the keyed index of the address and of every
// identifier that was proven, so that a second address of the same person counts where it was proven.
func (d *Desk) Quota(ctx context.Context, f *casefile.File) (Quota, error) {
	l, err := d.law(ctx, &f.Case)
	if err != nil {
		return Quota{}, err
	}
	p, err := f.Person()
	if err != nil {
		return Quota{}, err
	}
	q := Quota{Free: l.pack.Fees.FreeRequests, Per: policy.Amount{Value: 12, Unit: policy.CalendarMonths}}
	if l.pack.Fees.Per != nil {
		q.Per = *l.pack.Fees.Per
	}
	seen := map[string]bool{f.Case.ID: true}
	for _, i := range append(slices.Clone(p.Proven), p.Email) {
		ids, err := d.Cases.ByIdentifier(ctx, f.Case.Tenant, i, maxCounted)
		if err != nil {
			return Quota{}, err
		}
		for _, id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			if err := d.tally(ctx, f, l, id, &q); err != nil {
				return Quota{}, err
			}
		}
	}
	return q, nil
}

func (d *Desk) tally(ctx context.Context, f *casefile.File, l law, id string, q *Quota) error {
	o, err := d.Cases.Case(ctx, f.Case.Tenant, id)
	if fault.Has(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.Law.Pack != f.Case.Law.Pack || o.Right != f.Case.Right || o.MergedInto != "" || !o.ReceivedAt.Before(f.Case.ReceivedAt) {
		return nil
	}
	q.Earlier++
	answered := o.Status == dsar.Fulfilled || o.Status == dsar.PartlyFulfilled || o.Answered
	paid := slices.ContainsFunc(o.Questions, func(x casefile.Question) bool { return x.Kind == casefile.AskFee && !x.Paid.IsZero() })
	if answered && !paid && o.ReceivedAt.After(since(f.Case.ReceivedAt.In(l.zone), q.Per)) {
		q.Count++
	}
	return nil
}

// since is the beginning of the period that ends at the instant.
func since(at time.Time, per policy.Amount) time.Time {
	switch per.Unit {
	case policy.CalendarMonths:
		return at.AddDate(0, -per.Value, 0)
	case policy.Hours:
		return at.Add(-time.Duration(per.Value) * time.Hour)
	default:
		return at.AddDate(0, 0, -per.Value)
	}
}

// Effect says what waiting for the answer to a question does to the date under the law of the case.
func (d *Desk) Effect(ctx context.Context, c *casefile.Case, q *casefile.Question) (policy.Effect, error) {
	l, err := d.law(ctx, c)
	if err != nil || q.NotPause != "" {
		return policy.NoEffect, err
	}
	return l.rule.Stop(policy.StopEvent(q.Kind)).Effect, nil
}
