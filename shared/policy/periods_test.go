package policy_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// TestPeriodsOfEveryLaw compares the packs with testdata/periods.txt, which was typed from the table of laws and not from them:
// law, right, level, period, period with its extension, by when receipt is confirmed. A right without a line is none.
func TestPeriodsOfEveryLaw(t *testing.T) {
	content, err := os.ReadFile("testdata/periods.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			want = append(want, line)
		}
	}
	var got []string
	for _, p := range load(t).Packs() {
		for _, r := range dsar.Rights() {
			rule := p.Rule(r)
			if rule.Level == policy.None {
				continue
			}
			extended, acknowledged := "-", "-"
			if e := rule.Extension; e != nil && e.Open {
				extended = "open"
			} else if e != nil {
				extended = words(e.Total)
			}
			if p.Acknowledge.Required && rule.Acknowledge != nil {
				acknowledged = words(rule.Acknowledge.Amount())
			}
			got = append(got, strings.Join([]string{string(p.ID), string(r), string(rule.Level), words(rule.Response.Amount()), extended, acknowledged}, " | "))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("periods (-typed +packs):\n%s", diff)
	}
}

func words(a policy.Amount) string {
	unit := map[policy.Unit]string{policy.CalendarDays: "days", policy.BusinessDays: "working days", policy.CalendarMonths: "months", policy.Hours: "hours"}[a.Unit]
	return fmt.Sprintf("%d %s", a.Value, unit)
}

// TestDrafts: which laws somebody must confirm, and why.
func TestDrafts(t *testing.T) {
	var low, contradicted []policy.ID
	for _, p := range load(t).Packs() {
		if p.Confidence == policy.Low {
			low = append(low, p.ID)
		}
		if len(p.Conflicts) > 0 {
			contradicted = append(contradicted, p.ID)
		}
		if p.Draft() != (p.Confidence == policy.Low || len(p.Conflicts) > 0) {
			t.Errorf("%s: draft %v", p.ID, p.Draft())
		}
	}
	wantLow := []policy.ID{"ae-difc", "ar", "ca-ab", "ca-bc", "cn", "id", "il", "ke", "ng", "pe", "ru", "tr", "us-al", "us-la", "us-nv", "us-wa", "uy"}
	wantContradicted := []policy.ID{"ca-qc", "cl", "cn", "eu", "in", "ke", "uk", "us-md"}
	if diff := cmp.Diff(wantLow, low); diff != "" {
		t.Errorf("of low confidence (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantContradicted, contradicted); diff != "" {
		t.Errorf("whose sources contradict each other (-want +got):\n%s", diff)
	}
	if n := len(load(t).Index()); n != 61 {
		t.Errorf("%d laws, want 61", n)
	}
}

// TestLawsThatStartLater: they wait for their day.
func TestLawsThatStartLater(t *testing.T) {
	for id, from := range map[policy.ID]string{"in": "2027-05-13", "cl": "2026-12-01", "us-ok": "2027-01-01", "us-la": "2027-01-01", "us-al": "2027-05-01"} {
		p, first := pack(t, id), date(t, from)
		if p.InForce(first.AddDays(-1)) || !p.InForce(first) {
			t.Errorf("%s is not in force from %s", id, from)
		}
	}
}

// TestRightsThatCameLater: a right is none until its own first day.
func TestRightsThatCameLater(t *testing.T) {
	qc := pack(t, "ca-qc")
	if got := qc.RightLevelOn(dsar.Portability, date(t, "2024-09-21")); got != policy.None {
		t.Errorf("the day before: %s", got)
	}
	if got := qc.RightLevelOn(dsar.Portability, date(t, "2024-09-22")); got != policy.Full {
		t.Errorf("the first day: %s", got)
	}
}

// TestPeriodsThatDependOnMore: on a processor, on what the controller published, on a first short answer.
func TestPeriodsThatDependOnMore(t *testing.T) {
	vn := pack(t, "vn")
	for _, r := range []dsar.Right{dsar.WithdrawConsent, dsar.Restriction, dsar.Objection} {
		alone, together := vn.RuleIn(r, policy.Circumstances{}), vn.RuleIn(r, policy.Circumstances{Processor: true})
		if alone.Response.Value != 15 || together.Response.Value != 20 {
			t.Errorf("Vietnam, %s: %d and %d", r, alone.Response.Value, together.Response.Value)
		}
	}
	in := pack(t, "in").RuleIn(dsar.Access, policy.Circumstances{Published: policy.Amount{Value: 45, Unit: policy.CalendarDays}})
	if in.Response.Value != 45 || in.Response.Kind != policy.Policy {
		t.Errorf("India: %+v", in.Response)
	}
	if br := pack(t, "br"); br.Response.Simple == nil || br.Response.Simple.Value != 0 || br.Rule(dsar.Access).Response.Kind != policy.Statute || br.Rule(dsar.Erasure).Response.Kind != policy.Policy {
		t.Error("Brazil answers in two stages, and only an access has a number in the law")
	}
	mx := slices.IndexFunc(pack(t, "mx").Duties, func(d policy.Duty) bool {
		return d.ID == "execution" && d.Period.StartEvent == policy.OnGrant && d.Period.Value == 15
	})
	if mx < 0 {
		t.Error("Mexico carries out what it granted within 15 days")
	}
	if ch := pack(t, "ch").Fees; !ch.Accept || ch.AcceptWithin.Value != 10 || ch.MaxAmount != "CHF 300" {
		t.Errorf("Switzerland: %+v", ch)
	}
}
