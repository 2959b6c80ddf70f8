package functions_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

func TestTriagePinsTheLawOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct{ country, area, pack, region, assumed string }{
		{"DE", "", "eu", "", ""},
		{"GB", "Essex", "uk", "", ""},
		{"US", "California", "us-ca", "", ""},
		{"US", "us-ca", "us-ca", "US-CA", ""},
		{"US", "CA", "us-ca", "CA", ""},
		{"US", "", "us-ca", "", "state or region"},
		{"", "Ada Lovelace lives here", "eu", "", "do not know in which country"},
		{"SR", "", "eu", "", "not yet recorded"},
	} {
		one := r.create(func(o *casefile.Opening) { o.Country, o.Person.Region = c.country, redact.NewText(c.area) })
		r.next("Triage", one, step.Proceed)
		got := r.one(one)
		if got.Law.Pack != c.pack || got.Law.Region != c.region || !strings.Contains(got.Law.Assumption, c.assumed) || (c.assumed == "") != (got.Law.Assumption == "") {
			t.Errorf("%s %q: pinned %+v", c.country, c.area, got.Law)
		}
		if got.Due.At.IsZero() || got.Phase != dsar.PhaseVerify || got.Verification.ExpiresAt.IsZero() {
			t.Errorf("%s: due %s, phase %s, to be verified until %s", c.country, got.Due.At, got.Phase, got.Verification.ExpiresAt)
		}
		r.now = r.now.Add(time.Hour)
		r.next("Triage", one, step.Proceed)
		if again := r.one(one); again.Due.At != got.Due.At || r.count(one, "triaged") != 1 {
			t.Errorf("%s: a repeated triage changed the case", c.country)
		}
	}
}

func TestTriageFindsTheOldestOpenRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	closed, oldest, middle := r.create(), r.create(), r.create()
	erasure := r.create(func(o *casefile.Opening) { o.Right = dsar.Erasure })
	r.change(closed, func(f *casefile.File) error { return f.Case.Become(dsar.Refused) })
	newest := r.create()
	for c, want := range map[string]string{oldest.ID: "", middle.ID: oldest.ID, newest.ID: oldest.ID, erasure.ID: ""} {
		one := casefile.Case{Tenant: tenant, ID: c}
		r.next("Triage", one, step.Proceed)
		if got := r.one(one).DuplicateOf; got != want {
			t.Errorf("duplicate of %q, want %q", got, want)
		}
	}
}

func TestAStaleGenerationIsSuperseded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.register("shop")
	r.change(c, func(f *casefile.File) error { return f.TakeOver(evidence.System, "test") })
	before := r.kinds(c)
	for name := range r.set.Steps {
		if name == "NotifyRecipient" {
			continue // a notice has runs of its own
		}
		a, err := r.try(name, c, with("generation", 1), with("phase", "run"), with("token", "t"), with("taskId", "x"))
		if err != nil || a.Next+a.Status != step.Superseded {
			t.Errorf("%s answers %q, %v", name, a.Next+a.Status, err)
		}
	}
	if f := r.load(c); len(f.Waits) != 0 || !slices.Equal(r.kinds(c), before) {
		t.Error("a stale generation touched the case")
	}
}

func TestAcknowledgementIsSentOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	for range 2 {
		r.next("Acknowledge", c, step.Proceed)
	}
	if got := r.letters(c); !slices.Equal(got, []string{"code"}) {
		t.Errorf("letters are %q", got)
	}
	if got := r.one(c); got.Status != dsar.Verifying || got.Verification.Codes != 1 {
		t.Errorf("status %s after %d codes", got.Status, got.Verification.Codes)
	}
	r.enter(c, "")
	r.next("Acknowledge", c, step.Verified)
	if got := r.letters(c); !slices.Equal(got, []string{"code", "acknowledgement"}) {
		t.Errorf("letters are %q", got)
	}
}

func TestAnOptOutInCaliforniaNeedsNoProof(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create(func(o *casefile.Opening) {
		o.Right, o.Country, o.Person.Region = dsar.OptOut, "US", redact.NewText("California")
	})
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Verified)
	r.next("Acknowledge", c, step.Verified)
	if got := r.letters(c); !slices.Equal(got, []string{"acknowledgement"}) {
		t.Errorf("letters are %q", got)
	}
	p, err := r.load(c).Person()
	r.ok(err)
	if len(p.Proven) != 1 || r.count(c, "verification_not_asked") != 1 {
		t.Error("the address is taken as given")
	}
}

func TestCodesLockAndANewOneHelps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	for n := range 7 {
		want := verification.Wrong
		if n >= 4 {
			want = verification.Locked
		}
		if res := r.enter(c, "00000000"); res.Outcome != want {
			t.Errorf("try %d is %s, want %s", n+1, res.Outcome, want)
		}
	}
	if res := r.enter(c, ""); res.Outcome != verification.Locked {
		t.Errorf("the right code is %s", res.Outcome)
	}
	if got := r.letters(c); !slices.Equal(got, []string{"code", "locked"}) || r.count(c, "code_wrong") != 4 || r.count(c, "code_locked") != 1 {
		t.Errorf("letters are %q, evidence %q", got, r.kinds(c))
	}
	r.change(c, func(f *casefile.File) error { return r.set.Portal.Desk.Issue(t.Context(), f, letters.CodeAgain) })
	if res := r.enter(c, ""); res.Outcome != verification.Accepted || r.one(c).Verification.VerifiedAt.IsZero() {
		t.Errorf("the new code is %s", res.Outcome)
	}
	if res := r.enter(c, ""); res.Outcome != verification.Used {
		t.Errorf("the code a second time is %s", res.Outcome)
	}
	r.verified(c)
}

func TestACodeThatComesAfterTheEndVerifiesNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, stop := range map[string]func(f *casefile.File) error{
		"expired":   func(f *casefile.File) error { f.Case.Verification.Expired = true; return nil },
		"withdrawn": func(f *casefile.File) error { return f.Withdraw("staff:01", redact.Text{}) },
	} {
		c := r.create()
		r.next("Triage", c, step.Proceed)
		r.next("Acknowledge", c, step.Proceed)
		r.change(c, stop)
		r.enter(c, "")
		if got := r.one(c); !got.Verification.VerifiedAt.IsZero() || len(r.letters(c)) != 1 || r.count(c, "identity_verified") != 0 {
			t.Errorf("%s: verified at %s, letters %q", name, got.Verification.VerifiedAt, r.letters(c))
		}
		r.next("CloseCase", c, step.Proceed)
	}
}

// TestRequestsUnderTwoLawsAreAnsweredApart: Brazil wants its answer after 15 days, when that under the GDPR may not be there yet.
func TestRequestsUnderTwoLawsAreAnsweredApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older, younger := r.create(), r.create(lives("BR", ""))
	for _, c := range []casefile.Case{older, younger} {
		r.next("Triage", c, step.Proceed)
		r.next("Acknowledge", c, step.Proceed)
		r.enter(c, "")
	}
	got := r.one(younger)
	if got.DuplicateOf != older.ID || got.MergedInto != "" || len(r.one(older).Merged) != 0 || got.Verification.VerifiedAt.IsZero() {
		t.Errorf("joined to %q", got.MergedInto)
	}
	if !got.Due.At.Before(r.one(older).Due.At) {
		t.Error("the story proves nothing: the older clock is no later")
	}
}

func TestDuplicatesAreJoinedAfterVerificationOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older, younger := r.create(), r.create()
	r.next("Triage", older, step.Proceed)
	r.next("Acknowledge", older, step.Proceed)
	r.next("Triage", younger, step.Proceed)
	r.next("Acknowledge", younger, step.Proceed)
	r.enter(younger, "")
	if r.one(younger).MergedInto != "" {
		t.Fatal("joined to a request that nobody verified")
	}
	third := r.create()
	r.next("Triage", third, step.Proceed)
	r.next("Acknowledge", third, step.Proceed)
	r.enter(older, "")
	r.enter(third, "")
	if got := r.one(third).MergedInto; got != older.ID {
		t.Fatalf("joined to %q, want the oldest", got)
	}
	if got := r.one(older).Merged; !slices.Equal(got, []string{third.ID}) {
		t.Errorf("the older request answers %q too", got)
	}
	r.next("VerifyIdentity", third, step.Again, with("token", r.engine.issue()))
	r.drain()
	for range 2 {
		r.next("CloseCase", third, step.Proceed)
	}
	got := r.one(third)
	if !got.Open() || !got.NextDue.IsZero() || !got.Noticed || r.letters(third)[len(r.letters(third))-1] != "duplicate" {
		t.Errorf("a joined request waits for the other: %+v, letters %q", got.Status, r.letters(third))
	}
	if !strings.Contains(r.text(third, letters.Duplicate), older.Reference) {
		t.Error("the letter does not name the older request")
	}
	r.verified(third)
	r.verified(older)
}

func TestWaitingStepsNeedATokenAndKeepTheNewest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	if _, err := r.try("VerifyIdentity", c); err == nil {
		t.Error("a waiting step without a token succeeds")
	}
	first, one := r.token()
	second, two := r.token()
	r.next("VerifyIdentity", c, step.Again, one)
	r.next("VerifyIdentity", c, step.Again, two)
	r.change(c, func(f *casefile.File) error { return f.Withdraw(evidence.Subject, redact.Text{}) })
	r.drain()
	if r.engine.tokens[first] != "" || !strings.Contains(r.engine.tokens[second], `"close"`) {
		t.Errorf("tokens are %v", r.engine.tokens)
	}
}

func TestOnlyTheGivenAddressIsProven(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other, err := subject.New(subject.CustomerID, "77")
	r.ok(err)
	c := r.create(func(o *casefile.Opening) { o.Person.Claimed = []subject.Identifier{other} })
	r.verify(c)
	p, err := r.load(c).Person()
	r.ok(err)
	if len(p.Proven) != 1 || p.Proven[0].Kind != subject.Email || len(p.Known()) != 1 {
		t.Errorf("%d proven", len(p.Proven))
	}
}
