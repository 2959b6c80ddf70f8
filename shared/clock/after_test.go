package clock_test

import (
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// TestPeriodOf finds each period where a pack has it, and none in a pack that has none.
func TestPeriodOf(t *testing.T) {
	p := func(value int) *policy.Period { return &policy.Period{Value: value, Unit: policy.CalendarDays} }
	full := policy.Pack{
		Appeal:    &policy.Appeal{Window: p(1), Acknowledge: p(2), Decision: *p(3)},
		Complaint: policy.Complaint{Authority: &policy.Route{Window: p(4)}, Acknowledge: p(5), Decide: p(6)},
		Consent:   &policy.ConsentRules{StopWithin: p(7)},
		Duties:    []policy.Duty{{ID: "execution", Right: dsar.Erasure, Period: *p(8)}, {ID: "recipient_notice", Period: *p(9)}, {ID: "complaint_acknowledgement", Period: *p(10)}},
	}
	want := map[string]int{
		clock.AppealWindow: 1, clock.AppealAcknowledge: 2, clock.AppealDecision: 3, clock.ComplaintWindow: 4, clock.ComplaintAcknowledge: 5,
		clock.ComplaintDecision: 6, clock.ConsentStop: 7, clock.Execution: 8, clock.RecipientNotice: 9,
	}
	for _, what := range clock.Whats() {
		if got, known := clock.PeriodOf(full, dsar.Erasure, what); !known || got.Value != want[what] {
			t.Errorf("%s: got %+v, want %d days", what, got, want[what])
		}
		if got, known := clock.PeriodOf(policy.Pack{}, dsar.Erasure, what); !known || got.Unit != "" {
			t.Errorf("%s: a law without it has %+v", what, got)
		}
	}
	if got, _ := clock.PeriodOf(full, dsar.Access, clock.Execution); got.Unit != "" {
		t.Errorf("a duty of another right: got %+v", got)
	}
	full.Complaint.Acknowledge = nil
	if got, _ := clock.PeriodOf(full, dsar.Access, clock.ComplaintAcknowledge); got.Value != 10 {
		t.Errorf("of a pack from before complaints had clocks: got %+v", got)
	}
	if _, known := clock.PeriodOf(full, dsar.Access, "lunch"); known {
		t.Error("any text is a period")
	}
	if got := clock.After(policy.Period{}, time.Now(), clock.Setting{Zone: time.UTC}, clock.AppealWindow); !got.IsZero() || got.Steps != nil {
		t.Errorf("no period: got %+v", got)
	}
}

// TestTarget is as many days before the date as the tenant wants, and never more than half of the time there is.
func TestTarget(t *testing.T) {
	in := clock.Input{Rule: rule(t, "us-ca", dsar.Access), ReceivedAt: noon(t, "2026-11-21"), Zone: time.UTC}
	for lead, want := range map[int]string{0: "", 1: "2027-01-04", 22: "2026-12-14", 23: "2026-12-14", 400: "2026-12-14"} {
		in.Lead = lead
		if got := compute(t, in).Target; got.Date.String() != want || (want != "" && !got.At.Equal(noon(t, want).Add(12*time.Hour-time.Millisecond))) {
			t.Errorf("%d days before 2027-01-05: got %s at %s, want %q", lead, got.Date, got.At, want)
		}
	}
	// Of an hour there is no half in days.
	in.Rule.Response = policy.Period{Value: 1, Unit: policy.Hours, StartEvent: policy.OnReceipt}
	if got := compute(t, in).Target; !got.IsZero() {
		t.Errorf("an hour: got %s", got.Date)
	}
	in.Lead = -1
	if _, err := clock.Compute(in); err == nil {
		t.Error("a target after the date")
	}
}

// TestCombineRefuses what has no law, and what Compute refuses under the first law.
func TestCombineRefuses(t *testing.T) {
	if _, err := clock.Combine(nil); err == nil {
		t.Error("no law")
	}
	in := clock.Input{Rule: rule(t, "us-ca", dsar.OptOut), ReceivedAt: noon(t, "2026-11-21"), Zone: time.UTC, Events: []clock.Event{{Kind: clock.Extended, At: noon(t, "2026-11-22"), Reason: "complexity"}}}
	other := in
	other.Rule = rule(t, "eu", dsar.Access)
	if _, err := clock.Combine([]clock.LawInput{{Input: in}, {Input: other}}); err == nil {
		t.Error("an extension that the first law does not have")
	}
	got, err := clock.Combine([]clock.LawInput{{Input: other}, {Input: in}})
	if err != nil || got.Governs != 1 || !got.Laws[0].IsExtended || got.Laws[1].IsExtended {
		t.Errorf("an extension that the second law does not have: got %+v, %v", got, err)
	}
	in.Events = append(in.Events, in.Events[0])
	if _, err := clock.Combine([]clock.LawInput{{Input: other}, {Input: in}}); err == nil {
		t.Error("two extensions")
	}
}
