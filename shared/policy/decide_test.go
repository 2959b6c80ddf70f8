package policy_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDecisionTables compares what every law decides with its golden file, and finds files of laws that are no more.
func TestDecisionTables(t *testing.T) {
	const dir = "testdata/decisions"
	var want []string
	for _, p := range load(t).Packs() {
		var got strings.Builder
		if err := p.WriteDecisions(&got); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, string(p.ID)+".txt")
		want = append(want, name)
		if *update {
			if err := os.WriteFile(name, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(name)
		if err != nil {
			t.Errorf("%s: there is no table; go test ./shared/policy -run TestDecisionTables -update writes it: %v", p.ID, err)
			continue
		}
		if diff := cmp.Diff(string(golden), got.String()); diff != "" {
			t.Errorf("%s decides something else (-golden +now):\n%s", p.ID, diff)
		}
	}
	have, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(have))); diff != "" {
		t.Errorf("tables (-laws +files):\n%s", diff)
	}
}

// anySituation draws one of everything that the law can be asked.
func anySituation(t *rapid.T, p policy.Pack, days []civil.Date) policy.Situation {
	exempt := []string{"no_such_exemption"}
	for _, x := range p.Exemptions {
		exempt = append(exempt, x.ID)
	}
	s := policy.Situation{
		Right: rapid.SampledFrom(append(dsar.Rights(), "oblivion")).Draw(t, "right"), On: rapid.SampledFrom(days).Draw(t, "day"),
		Basis:   rapid.SampledFrom(append(policy.LegalBases(), policy.NoBasis)).Draw(t, "basis"),
		Subject: rapid.SampledFrom(append(policy.SubjectTypes(), "")).Draw(t, "subject"), Inferred: rapid.Bool().Draw(t, "inferred"),
		Identity: rapid.SampledFrom(append(policy.Identities(), "")).Draw(t, "identity"), Requester: rapid.SampledFrom(append(policy.Requesters(), "")).Draw(t, "requester"),
		Mandate: rapid.Bool().Draw(t, "mandate"), Purpose: rapid.SampledFrom([]policy.Purpose{policy.AnyPurpose, policy.DirectMarketing}).Draw(t, "purpose"),
		Claims: rapid.SliceOfNDistinct(rapid.SampledFrom(policy.Claims()), 0, 2, rapid.ID[policy.Claim]).Draw(t, "claims"),
		Exempt: rapid.SliceOfNDistinct(rapid.SampledFrom(exempt), 0, 2, rapid.ID[string]).Draw(t, "exempt"),
	}
	if age := rapid.IntRange(-1, 20).Draw(t, "age"); age >= 0 {
		s.Age = &age
	}
	return s
}

// TestDecideIsTotalAndLawful asks every law at random, on its first day, the day before, on no day, and around what comes later.
func TestDecideIsTotalAndLawful(t *testing.T) {
	for _, p := range load(t).Packs() {
		days := []civil.Date{p.Valid.From, p.Valid.From.AddDays(-1), {}}
		for _, from := range p.RightsFrom {
			days = append(days, from.AddDays(-1), from)
		}
		rapid.Check(t, func(t *rapid.T) {
			s := anySituation(t, p, days)
			if why := unlawful(p, s, p.Decide(s)); why != "" {
				t.Fatalf("%s: %+v: %s: %s", p.ID, s, p.Decide(s), why)
			}
		})
	}
}

// unlawful says what is wrong with the decision, or "".
func unlawful(p policy.Pack, s policy.Situation, d policy.Decision) string {
	level := p.RightLevel(s.Right)
	if !s.On.IsZero() {
		level = p.RightLevelOn(s.Right, s.On)
	}
	gives := d.Verdict == policy.ToGrant || d.Verdict == policy.InPart
	switch {
	case !slices.Contains(policy.Verdicts(), d.Verdict):
		return "no such verdict"
	case (d.Citation == "") != d.Silent:
		return "neither a citation nor silence"
	case d.Why == "" || (d.Ask == "") == (d.Verdict == policy.ToAsk):
		return "a question that is not asked, or no reason"
	case d.Ground == "" && d.Verdict != policy.ToGrant:
		return "no ground"
	case level == policy.None && d.Verdict != policy.ToRefuse:
		return "the law does not know the right"
	case gives && !s.On.IsZero() && !p.InForce(s.On):
		return "the law is not in force"
	case d.Verdict == policy.ToGrant && s.Identity == policy.CannotBeProved && !slices.Contains(p.Verification.NoneFor, s.Right):
		return "granted to somebody nobody knows"
	case d.Verdict == policy.ToGrant && s.Right == dsar.Objection && d.Ground == policy.GroundMarketing && s.Purpose != policy.DirectMarketing:
		return "an objection to something else was not weighed"
	}
	if id, ok := d.Exemption(); ok {
		x, known := p.Exemption(id)
		if !known || !x.Covers(s.Right) {
			return "the exemption is not from this right"
		}
		if !slices.Contains(s.Exempt, id) && !slices.Contains(x.Bases, s.Basis) {
			return "nobody claims the exemption, and the legal basis does not bring it"
		}
	}
	if gives && s.Identity != policy.Proved {
		s.Identity = policy.Proved
		if proved := p.Decide(s); proved.Verdict != policy.ToGrant && proved.Verdict != policy.InPart {
			return "proving who asks turns it into " + string(proved.Verdict)
		}
	}
	return ""
}

// TestTableHoldsEveryCellOnce: the rows of the table are the decisions, none is left out and none is there twice.
func TestTableHoldsEveryCellOnce(t *testing.T) {
	for _, p := range load(t).Packs() {
		cells := map[string]int{}
		for _, row := range p.Decisions() {
			cells[string(row.Right)+"|"+row.Situation] += len(row.Identities) * len(row.Bases)
		}
		for cell, n := range cells {
			if want := len(policy.Identities()) * (len(policy.LegalBases()) + 1); n != want {
				t.Errorf("%s: %s has %d cells, want %d", p.ID, cell, n, want)
			}
		}
		if len(cells)%len(dsar.Rights()) != 0 {
			t.Errorf("%s: not every right is asked in every situation", p.ID)
		}
	}
}

// TestDecideInWordsOfTheLaw holds single cells against the articles they come from.
func TestDecideInWordsOfTheLaw(t *testing.T) {
	for _, c := range []struct {
		law      policy.ID
		s        policy.Situation
		verdict  policy.Verdict
		ground   string
		citation string
	}{
		{"eu", policy.Situation{Right: dsar.Access}, policy.ToGrant, "", "Art. 12(3)"},
		{"eu", policy.Situation{Right: dsar.OptOut}, policy.ToRefuse, policy.GroundNotGranted, "2016/679"},
		{"eu", policy.Situation{Right: dsar.Access, Identity: policy.InDoubt}, policy.ToAsk, policy.GroundIdentity, "Art. 12(6)"},
		{"eu", policy.Situation{Right: dsar.Access, Claims: []policy.Claim{policy.Excessive}}, policy.ToWeigh, "excessive", "Art. 12(5)"},
		{"eu", policy.Situation{Right: dsar.Access, Claims: []policy.Claim{policy.BeyondQuota}}, policy.ToGrant, "", "Art. 12(3)"},
		{"eu", policy.Situation{Right: dsar.Access, Claims: []policy.Claim{policy.ClarificationOpen}}, policy.ToWait, "clarification_open", "Recital 63"},
		{"eu", policy.Situation{Right: dsar.Erasure, Claims: []policy.Claim{policy.ClarificationOpen}, Basis: policy.Consent}, policy.ToGrant, "", "GDPR"},
		{"eu", policy.Situation{Right: dsar.Objection, Purpose: policy.DirectMarketing}, policy.ToGrant, policy.GroundMarketing, "Art. 21(3)"},
		{"us-ca", policy.Situation{Right: dsar.OptOut, Identity: policy.Unproved}, policy.ToGrant, "", "7026"},
		{"us-ca", policy.Situation{Right: dsar.Restriction}, policy.ToRefuse, policy.GroundNotGranted, ""},
	} {
		d := pack(t, c.law).Decide(c.s)
		if d.Verdict != c.verdict || d.Ground != c.ground || !strings.Contains(d.Citation, c.citation) {
			t.Errorf("%s, %+v: got %s", c.law, c.s, d)
		}
	}
}
