package casefile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// proven is a case whose law is settled and whose person proved the address.
func (r *rig) proven() casefile.Case {
	r.t.Helper()
	c := r.create()
	r.change(c, func(f *casefile.File) {
		f.Case.Status, f.Case.Phase, f.Case.Law.Pack = dsar.InProgress, dsar.PhaseLocate, "eu"
		f.Case.Verification.VerifiedAt, f.Case.Due.At = f.Now(), f.Now().AddDate(0, 1, 0)
	})
	return c
}

func (r *rig) ask(f *casefile.File, a casefile.Asking) *casefile.Question {
	r.t.Helper()
	q, err := f.Ask(staff, a, redact.NewText(canaryMessage))
	r.ok(err)
	return q
}

func TestAQuestionHoldsTheAnswerAndNotTheSearch(t *testing.T) {
	r := newRig(t)
	c := r.proven()
	r.change(c, func(f *casefile.File) {
		q := r.ask(f, casefile.Asking{Kind: casefile.AskIdentity, Code: "several_people", Blocks: true})
		if !q.IsOpen() || !f.Case.Awaits() || f.Case.Stopping() {
			t.Error("the answer waits, and nothing else")
		}
		_, err := f.Ask(staff, casefile.Asking{Kind: casefile.AskIdentity}, reason)
		r.want(err, fault.Conflict)
		_, err = f.Ask(staff, casefile.Asking{Kind: casefile.AskClarification}, none)
		r.want(err, fault.Invalid)
	})
	r.now = r.now.Add(48 * time.Hour)
	r.change(c, func(f *casefile.File) {
		r.want(f.AnswerQuestion("q9", evidence.Subject, f.Now(), none), fault.NotFound)
		r.want(f.AnswerQuestion("q1", evidence.Subject, f.Now().Add(time.Second), none), fault.Invalid)
		r.want(f.AnswerQuestion("q1", evidence.Subject, f.Now().AddDate(0, 0, -9), none), fault.Invalid)
		r.ok(f.AnswerQuestion("q1", evidence.Subject, f.Now(), reason))
		r.want(f.AnswerQuestion("q1", evidence.Subject, f.Now(), none), fault.Conflict)
		if f.Case.Awaits() {
			t.Error("it still waits after the answer")
		}
		_, err := f.Ask(staff, casefile.Asking{Kind: casefile.AskIdentity}, reason)
		r.want(err, fault.Conflict) // once
	})
	kinds := r.kinds(c)
	for _, k := range []string{"question_asked", "question_answered", "message_added"} {
		if !slices.Contains(kinds, k) {
			t.Errorf("no entry %s in %q", k, kinds)
		}
	}
	for _, l := range r.leaks(canaryMessage, canaryReason) {
		t.Errorf("in the open: %s", l)
	}
	r.verify(c)
}

func TestADroppedQuestionHoldsNothing(t *testing.T) {
	r := newRig(t)
	f := r.load(r.proven())
	r.ask(f, casefile.Asking{Kind: casefile.AskIdentity, Blocks: true})
	r.want(f.DropQuestion("q1", staff, none), fault.Invalid)
	r.ok(f.DropQuestion("q1", staff, reason))
	if f.Case.Awaits() || f.Case.Question("q1").IsOpen() {
		t.Error("a dropped question is open")
	}
	r.ask(f, casefile.Asking{Kind: casefile.AskIdentity}) // what was dropped was not asked
}

func TestQuestionsGoToConfirmedAddressesOfOpenRequestsOnly(t *testing.T) {
	r := newRig(t)
	for name, edit := range map[string]func(c *casefile.Case){
		"not confirmed": func(c *casefile.Case) { c.Verification.VerifiedAt = time.Time{} },
		"no law":        func(c *casefile.Case) { c.Law.Pack = "" },
		"answered":      func(c *casefile.Case) { c.Answered = true },
		"closed":        func(c *casefile.Case) { c.Status = dsar.Refused },
		"withdrawn":     func(c *casefile.Case) { c.Withdrawal = &casefile.Decision{} },
	} {
		f := r.load(r.proven())
		edit(&f.Case)
		if _, err := f.Ask(staff, casefile.Asking{Kind: casefile.AskClarification}, reason); !fault.Has(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFeeIsAcceptedThenPaid(t *testing.T) {
	r := newRig(t)
	f := r.load(r.proven())
	until := f.Now().AddDate(0, 0, 10)
	r.ask(f, casefile.Asking{Kind: casefile.AskFee, Code: "excessive", Amount: "CHF 40.00", Blocks: true, Until: until})
	if !f.Case.NextDue.Equal(until) && f.Case.NextDue.After(until) {
		t.Error("nobody looks when the time to accept ends")
	}
	r.want(f.AnswerQuestion("q1", evidence.Subject, f.Now(), none), fault.Conflict)
	if f.Case.LapsedFee(until) != nil || f.Case.LapsedFee(until.Add(time.Second)) == nil {
		t.Error("a fee lapses right after its day")
	}
	r.ok(f.AcceptFee("q1", evidence.Subject, false))
	r.ok(f.AcceptFee("q1", evidence.Subject, false))
	q := f.Case.Question("q1")
	if f.Case.LapsedFee(until.AddDate(1, 0, 0)) != nil || !q.Answered.IsZero() || !f.Case.Awaits() {
		t.Error("an accepted fee waits for its payment")
	}
	r.want(f.PayFee("q1", staff, f.Now().Add(time.Hour)), fault.Invalid)
	r.ok(f.PayFee("q1", staff, f.Now()))
	if f.Case.Awaits() || !q.Answered.Equal(f.Now()) {
		t.Error("a paid fee holds nothing, and the law's time runs from the payment")
	}
	early := r.load(r.proven())
	r.ask(early, casefile.Asking{Kind: casefile.AskFee, Amount: "CHF 40.00", Blocks: true})
	r.ok(early.AcceptFee("q1", evidence.Subject, true))
	if early.Case.Question("q1").Answered.IsZero() || !early.Case.Awaits() {
		t.Error("the law's time runs from the agreement here, and the answer waits for the payment")
	}
}
