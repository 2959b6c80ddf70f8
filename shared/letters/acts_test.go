package letters_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// TestEveryCodeOfAnActHasWords: no reason, ground, effect or outcome that a case may have leaves a letter without its sentence.
func TestEveryCodeOfAnActHasWords(t *testing.T) {
	c := catalogue(t)
	render := func(k letters.Kind, edit func(a *letters.Act)) string {
		t.Helper()
		f := factsFor(t, k, "eu", dsar.Access)
		edit(&f.Act)
		got, err := c.Render(k, "en", f)
		if err != nil {
			t.Errorf("%s with %+v: %v", k, f.Act, err)
		}
		return words(got.Text.Reveal())
	}
	without := render(letters.QuestionIdentity, func(a *letters.Act) { a.Code = "of its own" })
	for kind, codes := range map[letters.Kind][]string{letters.QuestionIdentity: letters.IdentityReasons(), letters.QuestionClarification: letters.ClarifyReasons()} {
		for _, code := range codes {
			if len(render(kind, func(a *letters.Act) { a.Code = code })) <= len(without) && kind == letters.QuestionIdentity {
				t.Errorf("%s says no reason %s", kind, code)
			}
		}
	}
	for _, ground := range append(letters.GroundCodes(), "of_its_own") {
		render(letters.FeeNotice, func(a *letters.Act) { a.Code = ground })
		for _, kind := range letters.ClaimKinds() {
			render(letters.ClaimWarning, func(a *letters.Act) { a.Code, a.Kind = ground, kind })
		}
	}
	said := map[string]bool{}
	for _, e := range []policy.Effect{policy.Pause, policy.RestartAtReceipt, policy.RefuseUntilPaid, policy.NoEffect} {
		said[render(letters.QuestionIdentity, func(a *letters.Act) { a.Effect = e })] = true
	}
	for _, o := range letters.SubOutcomes() {
		render(letters.ComplaintDecided, func(a *letters.Act) { a.Outcome = o })
		said[render(letters.AppealDecided, func(a *letters.Act) { a.Outcome = o })] = true
	}
	if len(said) != 7 {
		t.Error("two effects or outcomes read alike")
	}
}

func TestLettersOfActsRefuseToBeIncomplete(t *testing.T) {
	c := catalogue(t)
	for _, x := range []struct {
		name  string
		kind  letters.Kind
		spoil func(*letters.Facts)
		want  fault.Class
	}{
		{"a question without its reason", letters.QuestionIdentity, func(f *letters.Facts) { f.Act.Code = "" }, fault.Invalid},
		{"a question that is silent on the date", letters.QuestionIdentity, func(f *letters.Facts) { f.Act.Effect = "" }, fault.Invalid},
		{"a question without words", letters.QuestionClarification, func(f *letters.Facts) { f.Message = redact.NewText(" ") }, fault.Invalid},
		{"a fee of nothing", letters.FeeNotice, func(f *letters.Facts) { f.Act.Amount = "" }, fault.Invalid},
		{"a fee without a way to complain", letters.FeeNotice, func(f *letters.Facts) { f.Pack.Complaint = policy.Complaint{} }, fault.Misconfigured},
		{"a warning without time to react", letters.ClaimWarning, func(f *letters.Facts) { f.Until = civil.Date{} }, fault.Invalid},
		{"a warning of nothing", letters.ClaimWarning, func(f *letters.Facts) { f.Act.Kind = "" }, fault.Invalid},
		{"an appeal without a date", letters.AppealReceived, func(f *letters.Facts) { f.Due = civil.Date{} }, fault.Invalid},
		{"an appeal decided without reasons", letters.AppealDecided, func(f *letters.Facts) { f.Reasons = nil }, fault.Invalid},
		{"an appeal decided to no end", letters.AppealDecided, func(f *letters.Facts) { f.Act.Outcome = "" }, fault.Invalid},
		{"a refused appeal without an authority", letters.AppealDecided, func(f *letters.Facts) { f.Pack.Complaint = policy.Complaint{} }, fault.Misconfigured},
		{"an appeal extended backwards", letters.AppealExtended, func(f *letters.Facts) { f.FirstDue = f.Due }, fault.Invalid},
		{"a complaint with a date and no reason for it", letters.ComplaintReceived, func(f *letters.Facts) { f.DueSteps = nil }, fault.Invalid},
		{"a short answer that says nothing", letters.ShortAnswer, func(f *letters.Facts) { f.Message = redact.Text{} }, fault.Invalid},
		{"a grant without a date", letters.RequestGranted, func(f *letters.Facts) { f.Due = civil.Date{} }, fault.Invalid},
		{"a statement of no day", letters.StatementKept, func(f *letters.Facts) { f.On = civil.Date{} }, fault.Invalid},
	} {
		f := factsFor(t, x.kind, "eu", dsar.Access)
		if _, err := c.Render(x.kind, "en", f); err != nil {
			t.Errorf("%s: not even the good letter renders: %v", x.name, err)
		}
		x.spoil(&f)
		if _, err := c.Render(x.kind, "en", f); !fault.Has(err, x.want) {
			t.Errorf("%s: got %v, want %s", x.name, err, x.want)
		}
	}
}

// TestAComplaintWithoutADateOfTheLaw promises none.
func TestAComplaintWithoutADateOfTheLaw(t *testing.T) {
	f := factsFor(t, letters.ComplaintReceived, "eu", dsar.Access)
	f.Due, f.DueSteps = civil.Date{}, nil
	got, err := catalogue(t).Render(letters.ComplaintReceived, "en", f)
	if err != nil || !strings.Contains(words(got.Text.Reveal()), "without undue delay") {
		t.Errorf("got %v", err)
	}
}
