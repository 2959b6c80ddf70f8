package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// stateLaw is the numbers of a law of the United States, written down a second time. A zero is what the law does not have.
type stateLaw struct {
	Days, Total         int // to answer, and with the extension
	Appeal, AppealTotal int
	Withdrawal          int // days until processing ends after consent is taken back
	Free                int // requests in 12 months
	Signal, NoProof     bool
	Draft               bool
}

var stateLaws = map[policy.ID]stateLaw{
	"us-ca": {Days: 45, Total: 90, Free: 2, Signal: true, NoProof: true},
	"us-va": {Days: 45, Total: 90, Appeal: 60, Free: 2},
	"us-co": {Days: 45, Total: 90, Appeal: 45, AppealTotal: 105, Free: 1, Signal: true},
	"us-ct": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 15, Free: 1, Signal: true, NoProof: true},
	"us-ut": {Days: 45, Total: 90, Free: 1},
	"us-tx": {Days: 45, Total: 90, Appeal: 60, Free: 2, Signal: true},
	"us-or": {Days: 45, Total: 90, Appeal: 45, Free: 1, Signal: true, NoProof: true},
	"us-mt": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 45, Free: 1, Signal: true, NoProof: true},
	"us-fl": {Days: 45, Total: 60, Appeal: 60, Free: 2},
	"us-de": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 15, Free: 1, Signal: true, NoProof: true},
	"us-ia": {Days: 90, Total: 135, Appeal: 60, Free: 2},
	"us-ne": {Days: 45, Total: 90, Appeal: 60, Free: 2, Signal: true},
	"us-nh": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 15, Free: 1, Signal: true, NoProof: true},
	"us-nj": {Days: 45, Total: 90, Appeal: 45, Withdrawal: 15, Free: 1, Signal: true, NoProof: true},
	"us-tn": {Days: 45, Total: 90, Appeal: 60, Free: 2},
	"us-mn": {Days: 45, Total: 90, Appeal: 45, AppealTotal: 105, Withdrawal: 15, Free: 2, Signal: true, NoProof: true},
	"us-md": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 30, Free: 1, Signal: true, NoProof: true, Draft: true},
	"us-in": {Days: 45, Total: 90, Appeal: 60, Free: 1},
	"us-ky": {Days: 45, Total: 90, Appeal: 60, Free: 2},
	"us-ri": {Days: 45, Total: 90, Appeal: 60, Withdrawal: 15, Free: 1, NoProof: true},
	"us-ok": {Days: 45, Total: 90, Appeal: 60},
	"us-al": {Days: 45, Appeal: 45, Free: 1, Draft: true},
	"us-la": {Days: 45, Appeal: 45, Signal: true, Draft: true},
	"us-wa": {Days: 45, Total: 90, Appeal: 45, Free: 2, Draft: true},
	"us-nv": {Days: 60, Total: 90, Draft: true},
}

// numbersOf reads the numbers of a law out of its pack, by an erasure; by an opt-out where the law knows nothing else.
func numbersOf(p policy.Pack) stateLaw {
	right := dsar.Erasure
	if p.RightLevel(right) == policy.None {
		right = dsar.OptOut
	}
	rule := p.Rule(right)
	out := stateLaw{
		Days: rule.Response.Value, Free: p.Fees.FreeRequests, NoProof: slices.Contains(p.Verification.NoneFor, dsar.OptOut), Draft: p.Draft(),
	}
	if rule.Extension != nil {
		out.Total = rule.Extension.Total.Value
	}
	if p.Appeal != nil {
		out.Appeal = p.Appeal.Decision.Value
		if p.Appeal.Extension != nil {
			out.AppealTotal = p.Appeal.Extension.Total.Value
		}
	}
	if p.Consent != nil {
		out.Signal = slices.Contains(p.Consent.Signals, "gpc")
		if p.Consent.StopWithin != nil {
			out.Withdrawal = p.Consent.StopWithin.Value
		}
	}
	return out
}

func TestLawsOfTheUnitedStates(t *testing.T) {
	seen := 0
	for _, p := range load(t).Packs() {
		if !strings.HasPrefix(string(p.ID), "us-") {
			continue
		}
		seen++
		if diff := cmp.Diff(stateLaws[p.ID], numbersOf(p)); diff != "" {
			t.Errorf("%s (-here +pack): %s", p.ID, diff)
		}
		if a := p.Complaint.Authority; a == nil || !strings.HasPrefix(a.URL, "https://") || a.Text["es"] == "" || a.Phone == "" && p.ID != "us-ca" {
			t.Errorf("%s: whoever enforces the law cannot be reached: %+v", p.ID, a)
		}
		if (p.Appeal != nil) != slices.Contains(p.Refusal.MustState, policy.StateAppeal) {
			t.Errorf("%s: a refusal must say how to appeal, and only where there is an appeal", p.ID)
		}
		for _, r := range dsar.Rights() {
			row := slices.IndexFunc(p.Eligibility, func(e policy.Eligibility) bool {
				return e.Right == r && e.Grant == policy.NotGranted && slices.Contains(e.Subjects, policy.Employee) && e.Basis != ""
			})
			// Employees have the rights of consumers in California alone.
			if want := p.ID != "us-ca" && p.RightLevel(r) != policy.None; (row >= 0) != want {
				t.Errorf("%s %s: employees are left out: %t", p.ID, r, row >= 0)
			}
		}
		if own, ok := p.Response.ByRight[dsar.WithdrawConsent]; ok && (p.Consent == nil || p.Consent.StopWithin == nil || own.Value != p.Consent.StopWithin.Value) {
			t.Errorf("%s: two numbers of days after consent is taken back", p.ID)
		}
	}
	if seen != len(stateLaws) {
		t.Errorf("%d laws, want %d", seen, len(stateLaws))
	}
}

func TestDatesOfLawsOfTheUnitedStates(t *testing.T) {
	for _, c := range []struct {
		law   policy.ID
		right dsar.Right
		day   string
		level policy.Level
		force bool
	}{
		{"us-ut", dsar.Correction, "2026-06-30", policy.None, true},
		{"us-ut", dsar.Correction, "2026-07-01", policy.Full, true},
		{"us-ct", dsar.AutomatedDecisionReview, "2026-06-30", policy.None, true},
		{"us-ct", dsar.AutomatedDecisionReview, "2026-07-01", policy.Full, true},
		{"us-ca", dsar.AutomatedDecisionReview, "2026-12-31", policy.None, true},
		{"us-ca", dsar.AutomatedDecisionReview, "2027-01-01", policy.Partial, true},
		{"us-ok", dsar.Access, "2026-12-31", policy.Full, false},
		{"us-ok", dsar.Access, "2027-01-01", policy.Full, true},
		{"us-la", dsar.Access, "2026-12-31", policy.Full, false},
		{"us-la", dsar.Access, "2027-01-01", policy.Full, true},
		{"us-al", dsar.Access, "2027-04-30", policy.Full, false},
		{"us-al", dsar.Access, "2027-05-01", policy.Full, true},
	} {
		p, day := pack(t, c.law), date(t, c.day)
		if p.InForce(day) != c.force || p.RightLevelOn(c.right, day) != c.level {
			t.Errorf("%s %s on %s: in force %t, level %s", c.law, c.right, c.day, p.InForce(day), p.RightLevelOn(c.right, day))
		}
	}
}

// What nobody confirmed in a law is no number of the law.
func TestUnconfirmedNumbersAreChoicesOfTheProduct(t *testing.T) {
	la := pack(t, "us-la")
	if la.Response.Default.Kind != policy.Policy || la.Appeal.Decision.Kind != policy.Policy || pack(t, "us-al").Appeal.Decision.Kind != policy.Policy {
		t.Error("a number that nobody confirmed is said to be one of the law")
	}
	for id := range stateLaws {
		if p := pack(t, id); !p.Acknowledge.Required && p.Acknowledge.Period.Kind != policy.Policy {
			t.Errorf("%s: an acknowledgement that no law wants", id)
		}
	}
}
