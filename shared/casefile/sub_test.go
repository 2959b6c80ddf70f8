package casefile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// refused is a closed case that two people refused.
func (r *rig) refused() casefile.Case {
	r.t.Helper()
	c := r.reviewing()
	r.change(c, func(f *casefile.File) {
		r.ok(f.DecideResponse(staff, casefile.Refuse, f.Case.ResponseHash(), reason))
		r.ok(f.DecideResponse(approver, casefile.Refuse, f.Case.ResponseHash(), none))
		f.Case.Status, f.Case.ClosedAt, f.Case.NextDue = dsar.Refused, f.Now(), time.Time{}
	})
	return c
}

func (r *rig) appeal(c casefile.Case, kind casefile.SubKind) {
	r.t.Helper()
	r.change(c, func(f *casefile.File) {
		due := casefile.Due{At: f.Now().AddDate(0, 0, 45), Date: "2027-02-18"}
		_, err := f.OpenSub(r.t.Context(), evidence.Subject, casefile.SubOpening{Kind: kind, ReceivedAt: f.Now(), AckBy: f.Now().AddDate(0, 0, 10), Due: due}, redact.NewText(canaryMessage))
		r.ok(err)
	})
}

func (r *rig) lookAt(until time.Time) (out []casefile.DueRef) {
	r.t.Helper()
	for n := range uint32(casefile.DueShards) {
		refs, _, err := r.cases.DueCases(r.t.Context(), n, until, 100, "")
		r.ok(err)
		out = append(out, refs...)
	}
	return out
}

func TestAnAppealIsDecidedByAFreshPairOfEyes(t *testing.T) {
	r := newRig(t)
	c := r.refused()
	r.appeal(c, casefile.Appeal)
	fresh := evidence.Staff("03-reviewer")
	f := r.load(c)
	s, err := f.Sub(t.Context(), "s01")
	r.ok(err)
	if _, err := f.OpenSub(t.Context(), evidence.Subject, casefile.SubOpening{Kind: casefile.Appeal, ReceivedAt: f.Now()}, reason); !fault.Has(err, fault.Conflict) {
		t.Errorf("a second one while the first is open: %v", err)
	}
	text, _, err := f.SubWords(s)
	r.ok(err)
	if text.Reveal() != canaryMessage {
		t.Error("the words of the person do not open")
	}
	for _, who := range []string{staff, approver} {
		r.want(f.DecideSub(t.Context(), s, who, casefile.SubUpheld, reason, none), fault.Forbidden)
	}
	r.want(f.DecideSub(t.Context(), s, fresh, "maybe", reason, none), fault.Invalid)
	r.want(f.DecideSub(t.Context(), s, fresh, casefile.SubUpheld, none, none), fault.Invalid)
	r.want(f.DecideSub(t.Context(), s, fresh, casefile.SubGranted, reason, none), fault.Invalid) // what must be done?
	r.ok(f.DecideSub(t.Context(), s, fresh, casefile.SubGranted, reason, reason))
	r.want(f.DecideSub(t.Context(), s, fresh, casefile.SubUpheld, reason, none), fault.Conflict)
	r.commit(f)
	if one := r.load(c).Case; one.OpenSubs != 0 || one.Subs != 1 {
		t.Errorf("%d of %d are open", one.OpenSubs, one.Subs)
	}
	refs, _, err := r.cases.OpenSubs(t.Context(), tenant, 10, "")
	r.ok(err)
	if due := r.lookAt(r.now.AddDate(1, 0, 0)); len(refs) > 0 || len(due) > 0 {
		t.Errorf("a decided appeal is listed: %v, due: %v", refs, due)
	}
	for _, l := range r.leaks(canaryMessage, canaryReason) {
		t.Errorf("in the open: %s", l)
	}
	r.verify(c)
}

func TestSubCasesHaveTheirOwnClock(t *testing.T) {
	r := newRig(t)
	c := r.refused()
	r.appeal(c, casefile.Appeal)
	refs, _, err := r.cases.OpenSubs(t.Context(), tenant, 10, "")
	r.ok(err)
	if diff := cmp.Diff([]casefile.SubRef{{CaseID: c.ID, ID: "s01"}}, refs); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	if due := r.lookAt(r.now); len(due) > 0 {
		t.Errorf("due at once: %v", due)
	}
	start := r.now
	// Its acknowledgement comes near, is late; its decision comes near, is late.
	for _, step := range []struct {
		after time.Duration
		late  []string
	}{
		{4 * 24 * time.Hour, nil},
		{11 * 24 * time.Hour, []string{casefile.LateAck}},
		{40 * 24 * time.Hour, nil},
		{46 * 24 * time.Hour, []string{casefile.LateDecision}},
	} {
		r.now = start.Add(step.after)
		if due := r.lookAt(r.now); len(due) != 1 || due[0] != (casefile.DueRef{Tenant: tenant, CaseID: c.ID, Sub: "s01"}) {
			t.Fatalf("after %s: due %v", step.after, due)
		}
		r.change(c, func(f *casefile.File) {
			s, err := f.Sub(t.Context(), "s01")
			r.ok(err)
			late, near, err := f.LookAtSub(s)
			r.ok(err)
			if diff := cmp.Diff(step.late, late); diff != "" || near != (len(step.late) == 0) {
				t.Errorf("after %s: near %t, late (-want +got):\n%s", step.after, near, diff)
			}
		})
		if due := r.lookAt(r.now); len(due) > 0 {
			t.Errorf("after %s and a look: due %v", step.after, due)
		}
	}
}

func TestAnAppealIsExtendedOnceAndInTime(t *testing.T) {
	r := newRig(t)
	c := r.refused()
	r.appeal(c, casefile.Appeal)
	longer := casefile.Due{At: r.now.AddDate(0, 0, 105), Date: "2027-04-19"}
	late := r.load(c)
	s, err := late.Sub(t.Context(), "s01")
	r.ok(err)
	s.Due.At = late.Now().Add(-time.Second)
	r.want(late.ExtendSub(s, staff, longer, reason), fault.Conflict)
	f := r.load(c)
	s, err = f.Sub(t.Context(), "s01")
	r.ok(err)
	r.want(f.ExtendSub(s, staff, longer, none), fault.Invalid)
	r.ok(f.ExtendSub(s, staff, longer, reason))
	r.ok(f.AcknowledgeSub(s, evidence.System))
	r.want(f.ExtendSub(s, staff, longer, reason), fault.Conflict)
	r.commit(f)
	if got, err := r.load(c).Sub(t.Context(), "s01"); err != nil || got.Due.Date != longer.Date || got.AckAt.IsZero() {
		t.Errorf("stored: %+v, %v", got, err)
	}
}

func TestWhatMayBeAppealed(t *testing.T) {
	for _, s := range dsar.Statuses() {
		want := s == dsar.Refused || s == dsar.PartlyFulfilled || s == dsar.NotIdentifiable
		if got := (&casefile.Case{Status: s}).MayAppeal(); got != want {
			t.Errorf("%s: %t", s, got)
		}
	}
}
