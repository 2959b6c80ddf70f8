package functions_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/duties"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func (r *rig) duty(c casefile.Case, do func(ctx context.Context, d *duties.Desk, f *casefile.File) error) error {
	r.t.Helper()
	d := &duties.Desk{Cases: r.set.Cases, Registry: r.set.Registry, Packs: r.set.Packs, Letters: r.set.Portal.Desk.Letters}
	return step.Change(r.t.Context(), r.set.Cases, c.Tenant, c.ID, func(ctx context.Context, f *casefile.File) error { return do(ctx, d, f) })
}

func lives(country, region string) func(*casefile.Opening) {
	return func(o *casefile.Opening) { o.Country, o.Person.Region = country, redact.NewText(region) }
}

// TestTheAnswerWaitsForThePerson: the search goes on while a question about identity is open, and the answer leaves when it is settled.
func TestTheAnswerWaitsForThePerson(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.person("1", ada, "Ada")
	c := r.create()
	r.verify(c)
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		_, err := d.Ask(ctx, f, evidence.Staff("01"), casefile.AskIdentity, "sensitive_data", redact.NewText("Which order was your last one?"))
		return err
	}))
	r.locate(c)
	r.next("PlanCase", c, step.Proceed)
	for {
		a := r.step("OpenTasks", c, with("phase", "run"))
		if a.Next == step.Proceed {
			break
		}
		r.run(c, a.Items)
	}
	a := r.step("AssembleResponse", c)
	for a.Next == step.More {
		a = r.step("AssembleResponse", c)
	}
	if a.Next != step.Review {
		t.Fatalf("the assembled response goes to %q", a.Next)
	}
	token, given := r.token()
	r.next("ReviewResponse", c, step.Again, given)
	r.drain()
	if got := r.engine.tokens[token]; got != "" || r.one(c).Status != dsar.InProgress {
		t.Fatalf("answered with %q while the person is asked; the case is %s", got, r.one(c).Status)
	}
	r.next("DeliverResponse", c, step.Supplement) // whatever led here: not before the answer
	r.now = r.now.AddDate(0, 0, 2)
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		return d.Answer(ctx, f, "q1", evidence.Subject, f.Now(), redact.NewText("The one of May."))
	}))
	r.drain()
	if got := r.engine.tokens[token]; got == "" {
		t.Fatal("nobody wakes the response after the answer")
	}
	r.next("DeliverResponse", c, step.Proceed)
	r.next("CloseCase", c, step.Proceed)
	if !slices.Contains(r.letters(c), "question_identity") || !slices.Contains(r.letters(c), "response_ready") {
		t.Errorf("letters %q", r.letters(c))
	}
	r.verified(c)
}

// TestAFeeThatIsNotAcceptedEndsTheRequest: DPO Switzerland Art. 19(3) gives ten days, after which the request counts as withdrawn.
func TestAFeeThatIsNotAcceptedEndsTheRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create(lives("CH", ""))
	r.verify(c)
	if law := r.one(c).Law.Pack; law != "ch" {
		t.Fatalf("law %s", law)
	}
	words := redact.NewText("We have to read 4,000 paper files by hand.")
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		all, err := d.Grounds(ctx, &f.Case)
		r.ok(err)
		i := slices.IndexFunc(all, func(g duties.Ground) bool { return g.For(casefile.ClaimFee) })
		in := duties.Claiming{Kind: casefile.ClaimFee, Ground: all[i].Code, Amount: "CHF 301.00", Text: words, Objective: words}
		if _, err := d.Claim(ctx, f, evidence.Staff("01"), in); !fault.Has(err, fault.Invalid) {
			t.Errorf("more than the law allows: %v", err)
		}
		in.Amount = "CHF 300.00"
		_, err = d.Claim(ctx, f, evidence.Staff("01"), in)
		return err
	}))
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		return d.Decide(ctx, f, "c1", evidence.Staff("02"), casefile.Approve, redact.Text{})
	}))
	q := r.one(c).Questions[0]
	if q.Until.IsZero() || q.Until.Sub(q.At) < 9*24*time.Hour || q.Until.Sub(q.At) > 16*24*time.Hour {
		t.Fatalf("to be accepted within %s", q.Until.Sub(q.At))
	}
	r.now = q.Until.Add(time.Minute)
	_, err := r.set.Sweep(t.Context())
	r.ok(err)
	one := r.one(c)
	if one.Withdrawal == nil || one.Withdrawal.By != evidence.System {
		t.Fatalf("withdrawal: %+v", one.Withdrawal)
	}
	r.next("CloseCase", c, step.Proceed)
	if got := r.one(c).Status; got != dsar.Withdrawn {
		t.Errorf("the case is %s", got)
	}
}

// TestAnAppealHasItsOwnClock: it comes near and is late without anything of the case running; a granted one opens the case anew.
func TestAnAppealHasItsOwnClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create(lives("US", "VA"))
	r.verify(c)
	r.change(c, func(f *casefile.File) error {
		f.Case.Status, f.Case.Phase, f.Case.Package = dsar.AwaitingReview, dsar.PhaseReviewResponse, &casefile.Package{}
		for _, who := range []string{"01", "02"} {
			if err := f.DecideResponse(evidence.Staff(who), casefile.Refuse, f.Case.ResponseHash(), redact.NewText("It would harm somebody else.")); err != nil {
				return err
			}
		}
		return nil
	})
	r.next("CloseCase", c, step.Proceed)
	if text := r.text(c, "refused"); !strings.Contains(text, "appeal") {
		t.Errorf("the refusal does not say how to appeal:\n%s", text)
	}
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		_, err := d.Bring(ctx, f, casefile.Appeal, evidence.Subject, f.Now(), redact.NewText("It would harm nobody."))
		return err
	}))
	start := r.now
	for _, want := range []struct {
		days int
		kind string
	}{{55, "appeal_near"}, {62, "appeal_late"}} {
		r.now = start.AddDate(0, 0, want.days)
		_, err := r.set.Sweep(t.Context())
		r.ok(err)
		if r.count(c, want.kind) != 1 {
			t.Errorf("after %d days: %q", want.days, r.kinds(c))
		}
	}
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		v := duties.Verdict{Outcome: casefile.SubGranted, Reason: redact.NewText("You are right."), Todo: redact.NewText("Answer it.")}
		if err := d.DecideSub(ctx, f, "s01", evidence.Staff("02"), v); !fault.Has(err, fault.Forbidden) {
			t.Errorf("decided by whoever refused: %v", err)
		}
		return nil
	}))
	r.ok(r.duty(c, func(ctx context.Context, d *duties.Desk, f *casefile.File) error {
		return d.DecideSub(ctx, f, "s01", evidence.Staff("03"), duties.Verdict{Outcome: casefile.SubGranted, Reason: redact.NewText("You are right."), Todo: redact.NewText("Answer it.")})
	}))
	one := r.one(c)
	if one.Status != dsar.InProgress || one.Generation < 2 || one.Late != nil {
		t.Errorf("the case is %s in generation %d, late %v", one.Status, one.Generation, one.Late)
	}
	r.locate(c)
	r.verified(c)
}
