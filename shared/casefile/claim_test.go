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

func excessive() (casefile.Claim, casefile.ClaimFacts) {
	return casefile.Claim{Kind: casefile.ClaimRefuse, Ground: "excessive", Citation: "GDPR Art. 12(5)", Warns: true},
		casefile.ClaimFacts{Text: redact.NewText(canaryReason), Objective: redact.NewText(canaryMessage), Subjective: redact.NewText(canaryDetails)}
}

func TestAClaimNeedsAWarningTimeAndSomebodyElse(t *testing.T) {
	r := newRig(t)
	c := r.proven()
	r.change(c, func(f *casefile.File) {
		k, facts := excessive()
		_, err := f.Propose(staff, k, casefile.ClaimFacts{})
		r.want(err, fault.Invalid)
		_, err = f.Propose(staff, casefile.Claim{Kind: casefile.ClaimRefuse, Ground: "excessive"}, facts)
		r.want(err, fault.Invalid) // no rule behind it
		_, err = f.Propose(staff, k, facts)
		r.ok(err)
		_, err = f.Propose(staff, k, facts)
		r.want(err, fault.Conflict)
		_, err = f.DecideClaim("c1", approver, casefile.Approve, none)
		r.want(err, fault.Conflict) // nobody warned the person
	})
	listed, _, err := r.cases.ClaimedCases(t.Context(), tenant, 10, "")
	r.ok(err)
	if !slices.Equal(listed, []string{c.ID}) {
		t.Errorf("claims listed: %q", listed)
	}
	by := r.now.AddDate(0, 0, 7)
	r.change(c, func(f *casefile.File) {
		_, err := f.WarnOfClaim("c1", staff, by)
		r.ok(err)
		_, err = f.WarnOfClaim("c1", staff, by)
		r.want(err, fault.Conflict)
		_, err = f.DecideClaim("c1", approver, casefile.Approve, none)
		r.want(err, fault.Conflict) // she has time to react
	})
	r.now = by
	r.change(c, func(f *casefile.File) {
		_, err := f.DecideClaim("c1", staff, casefile.Approve, none)
		r.want(err, fault.Forbidden)
		_, err = f.DecideClaim("c1", approver, casefile.Approve, none)
		r.ok(err)
		_, err = f.DecideClaim("c1", approver, casefile.Approve, none)
		r.want(err, fault.Conflict)
		d := f.Case.Refusal
		if d == nil || d.Ground != "excessive" || d.Citation != "GDPR Art. 12(5)" || d.By != approver || !f.Case.Stopping() {
			t.Fatalf("the refusal: %+v", d)
		}
		if words, err := f.Reason(d); err != nil || words.Reveal() != canaryReason {
			t.Errorf("the person does not read why: %v", err)
		}
		if f.Case.Phase != dsar.PhaseClose || f.Case.Generation != 2 {
			t.Error("what runs is not stopped for the closing")
		}
	})
	if listed, _, err = r.cases.ClaimedCases(t.Context(), tenant, 10, ""); err != nil || len(listed) > 0 {
		t.Errorf("still listed: %q, %v", listed, err)
	}
	for _, l := range r.leaks(canaryMessage, canaryReason, canaryDetails) {
		t.Errorf("in the open: %s", l)
	}
	facts, err := r.load(c).ClaimFacts(&r.load(c).Case.Claims[0])
	if err != nil || facts.Objective.Reveal() != canaryMessage || facts.Subjective.Reveal() != canaryDetails {
		t.Errorf("the facts do not open: %v", err)
	}
	r.verify(c)
}

func TestWhoReactsToAWarningIsHeardAtOnce(t *testing.T) {
	r := newRig(t)
	c := r.proven()
	r.change(c, func(f *casefile.File) {
		k, facts := excessive()
		_, err := f.Propose(staff, k, facts)
		r.ok(err)
		r.ok(f.Say(evidence.Subject, reason)) // before the warning: no reaction to it
		_, err = f.WarnOfClaim("c1", staff, f.Now().AddDate(0, 0, 7))
		r.ok(err)
		if f.Case.Claim("c1").Ready(f.Now()) {
			t.Error("ready before anybody reacted")
		}
	})
	r.now = r.now.Add(time.Hour)
	r.change(c, func(f *casefile.File) {
		r.ok(f.Say(staff, reason))
		if f.Case.Claim("c1").Ready(f.Now()) {
			t.Error("a word of the team is no reaction")
		}
		r.ok(f.Say(evidence.Subject, reason))
		if !f.Case.Claim("c1").Ready(f.Now()) {
			t.Error("the person wrote, and the claim is not ready")
		}
		_, err := f.DecideClaim("c1", approver, casefile.Decline, none)
		r.want(err, fault.Invalid)
		_, err = f.DecideClaim("c1", approver, casefile.Decline, reason)
		r.ok(err)
		if f.Case.Refusal != nil || f.Case.Stopping() {
			t.Error("a declined claim has no effect")
		}
	})
}

func TestDisproportionateEffortLeavesOneSystemOut(t *testing.T) {
	r := newRig(t)
	c := r.proven()
	ids := r.tasks(c, 2)
	f := r.load(c)
	k := casefile.Claim{Kind: casefile.ClaimEffort, Ground: "effort", Citation: "11 CCR 7001(h)", System: f.Task(ids[0]).System}
	_, err := f.Propose(staff, k, casefile.ClaimFacts{Text: reason, Objective: reason})
	r.ok(err)
	_, err = f.DecideClaim("c1", staff, casefile.Approve, none)
	r.want(err, fault.Forbidden)
	_, err = f.DecideClaim("c1", approver, casefile.Approve, none)
	r.ok(err)
	if one := f.Task(ids[0]); one.Status != casefile.TaskDone || one.Outcome != dsar.NotDone {
		t.Errorf("the system is %s", one.Status)
	}
	if len(f.Case.Supplement) > 0 || f.Case.Refusal != nil {
		t.Error("nothing is promised for it, and nothing else is refused")
	}
}

// TestARefusalOfAnotherResponseIsNoApproval: what the second person looked at must be what the first one did.
func TestARefusalOfAnotherResponseIsNoApproval(t *testing.T) {
	r := newRig(t)
	c := r.reviewing()
	f := r.load(c)
	r.ok(f.DecideResponse(staff, casefile.Refuse, f.Case.ResponseHash(), reason))
	f.Case.Package.Volumes[0].SHA256 = "cc"
	r.ok(f.DecideResponse(approver, casefile.Refuse, f.Case.ResponseHash(), reason))
	if f.Case.Refusal != nil || len(f.Case.Claims) != 2 || f.Case.Claims[0].Open() {
		t.Errorf("claims: %+v", f.Case.Claims)
	}
	r.ok(f.DecideResponse(staff, casefile.Approve, f.Case.ResponseHash(), none))
	if f.Case.OpenClaim(casefile.ClaimRefuse) != nil || f.Case.Review == nil {
		t.Error("an approval overrules the refusal that nobody approved")
	}
}
