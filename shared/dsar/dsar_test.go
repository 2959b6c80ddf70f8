package dsar_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Wire values: these lists are the contract and are never renamed.
var (
	rights = []dsar.Right{
		"access", "portability", "correction", "erasure", "restriction", "objection", "withdraw_consent", "opt_out", "limit_sensitive",
		"automated_decision_review",
	}
	statuses = []dsar.Status{
		"received", "verifying", "in_progress", "awaiting_review", "awaiting_person", "fulfilled", "partly_fulfilled", "refused", "withdrawn",
		"expired", "not_identifiable",
	}
	outcomes = []dsar.Outcome{"found", "nothing_held", "erased", "corrected", "restricted", "retained", "unsupported", "ambiguous", "not_done"}
	actions  = []dsar.Action{"locate", "dry_run", "access", "correct", "erase", "restrict", "verify"}
	phases   = []dsar.Phase{"triage", "verify_identity", "locate", "plan", "review_plan", "run", "assemble", "review_response", "deliver", "close"}
)

func TestWireValues(t *testing.T) {
	if !slices.Equal(dsar.Rights(), rights) {
		t.Errorf("rights are %q", dsar.Rights())
	}
	if !slices.Equal(dsar.Statuses(), statuses) {
		t.Errorf("statuses are %q", dsar.Statuses())
	}
	if !slices.Equal(dsar.Outcomes(), outcomes) {
		t.Errorf("outcomes are %q", dsar.Outcomes())
	}
	if !slices.Equal(dsar.Actions(), actions) {
		t.Errorf("actions are %q", dsar.Actions())
	}
	if !slices.Equal(dsar.Phases(), phases) {
		t.Errorf("phases are %q", dsar.Phases())
	}
	if dsar.Hold != "hold" || dsar.Exemption != "exemption" || dsar.Keep != "keep" {
		t.Error("reasons of retained")
	}
}

func TestZeroValuesAndStrangersAreNotValid(t *testing.T) {
	for _, s := range []string{"", "Access", "unknown", "access "} {
		if dsar.Right(s).Valid() || dsar.Outcome(s).Valid() || dsar.Status(s).Valid() {
			t.Errorf("%q is valid", s)
		}
	}
	for _, r := range rights {
		if !r.Valid() || r.Discloses() != (r == "access" || r == "portability") {
			t.Errorf("right %s", r)
		}
	}
	open := []dsar.Outcome{"unsupported", "ambiguous", "not_done"}
	for _, o := range outcomes {
		if !o.Valid() || o.Complete() == slices.Contains(open, o) {
			t.Errorf("outcome %s: complete %t", o, o.Complete())
		}
	}
	if dsar.Outcome("").Complete() {
		t.Error("no outcome is complete")
	}
}

// steps is which status may follow which, written down a second time: open, then final.
var steps = map[dsar.Status]string{
	"received":         "verifying in_progress awaiting_person refused withdrawn expired",
	"verifying":        "in_progress awaiting_person not_identifiable refused withdrawn expired",
	"in_progress":      "awaiting_review awaiting_person fulfilled partly_fulfilled refused withdrawn not_identifiable",
	"awaiting_review":  "in_progress awaiting_person fulfilled partly_fulfilled refused withdrawn not_identifiable",
	"awaiting_person":  "verifying in_progress awaiting_review fulfilled partly_fulfilled refused withdrawn expired not_identifiable",
	"fulfilled":        "in_progress",
	"partly_fulfilled": "in_progress",
	"refused":          "in_progress",
	"withdrawn":        "",
	"expired":          "verifying",
	"not_identifiable": "in_progress",
}

func TestTransitions(t *testing.T) {
	for _, from := range statuses {
		for _, to := range append(slices.Clone(statuses), "", "closed") {
			want := from == to || slices.Contains(strings.Fields(steps[from]), string(to))
			if got := from.MayBecome(to); got != want {
				t.Errorf("%s may become %s: %t", from, to, got)
			}
		}
		if dsar.Status("closed").MayBecome(from) || dsar.Status("").MayBecome(from) {
			t.Errorf("what is no status may become %s", from)
		}
	}
}

// Whatever happens to a case, an ending is in reach, and a closed case opens only through the next generation's first status.
func TestEveryWayLeadsToAnEnding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := dsar.Received
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			next := s.Next()
			if len(next) == 0 {
				break
			}
			to := rapid.SampledFrom(next).Draw(t, "to")
			if !s.MayBecome(to) {
				t.Fatalf("%s lists %s and refuses it", s, to)
			}
			if s.Final() && to.Final() {
				t.Fatalf("a closed case goes from %s to %s", s, to)
			}
			s = to
		}
		if s.Final() {
			return
		}
		if !slices.ContainsFunc(s.Next(), dsar.Status.Final) {
			t.Fatalf("no ending follows %s", s)
		}
		if !s.MayBecome(dsar.Withdrawn) {
			t.Fatalf("a case that is %s cannot be withdrawn", s)
		}
	})
	if finals := slices.DeleteFunc(dsar.Statuses(), func(s dsar.Status) bool { return !s.Final() }); !slices.Equal(finals, statuses[5:]) {
		t.Errorf("final are %q", finals)
	}
	dsar.Received.Next()[0] = "broken"
	if dsar.Received.Next()[0] != dsar.Verifying {
		t.Error("Next gives its own table away")
	}
}

func TestReferences(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ref := dsar.NewReference()
		if len(ref) != 11 || ref[5] != '-' || strings.Trim(ref, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" || seen[ref] {
			t.Fatalf("reference %s", ref)
		}
		seen[ref] = true
		if clean, ok := dsar.CleanReference(ref); !ok || clean != ref {
			t.Fatalf("%s is cleaned to %s", ref, clean)
		}
	}
	for typed, want := range map[string]string{
		"7k3qx-9m2da": "7K3QX-9M2DA", " 7K3QX9M2DA ": "7K3QX-9M2DA", "7K3 QX-9M 2DA": "7K3QX-9M2DA", "oil0u-12345": "0110V-12345",
		"7K3QX–9M2DA": "", "7K3QX-9M2D": "", "7K3QX-9M2DAB": "", "": "", "----------": "", "7K3QX-9M2D*": "", "7K3QX-9M2Dß": "", "７K3QX9M2DA": "",
	} {
		if got, ok := dsar.CleanReference(typed); got != want || ok != (want != "") {
			t.Errorf("%q is cleaned to %q", typed, got)
		}
	}
}

// People confuse letters and digits in every direction the alphabet forgives.
func TestConfusedLettersLeadToTheSameReference(t *testing.T) {
	confused := map[rune][]rune{'0': []rune("0Oo"), '1': []rune("1IiLl"), 'V': []rune("VvUu")}
	rapid.Check(t, func(t *rapid.T) {
		const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		raw := rapid.StringOfN(rapid.SampledFrom([]rune(alphabet)), 10, 10, -1).Draw(t, "reference")
		var typed strings.Builder
		for _, r := range raw {
			as := confused[r]
			if as == nil {
				as = []rune{r, rune(strings.ToLower(string(r))[0])}
			}
			typed.WriteRune(rapid.SampledFrom(as).Draw(t, "typed"))
			typed.WriteString(rapid.SampledFrom([]string{"", "", "-", " "}).Draw(t, "between"))
		}
		if got, ok := dsar.CleanReference(typed.String()); !ok || got != raw[:5]+"-"+raw[5:] {
			t.Fatalf("%q is cleaned to %q, want %s", typed.String(), got, raw)
		}
	})
}

func FuzzCleanReference(f *testing.F) {
	for _, s := range []string{"7K3QX-9M2DA", "oil0u 12345", "", "\x00", "ſſſſſſſſſſ", "ǅǅǅǅǅǅǅǅǅǅ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, ok := dsar.CleanReference(s)
		if !ok {
			if ref != "" {
				t.Fatalf("%q gives %q and says that it is none", s, ref)
			}
			return
		}
		if len(ref) != 11 || ref[5] != '-' || strings.Trim(ref, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-") != "" {
			t.Fatalf("%q is cleaned to %q", s, ref)
		}
		if again, ok := dsar.CleanReference(ref); !ok || again != ref {
			t.Fatalf("%q cleaned again is %q", ref, again)
		}
	})
}

func TestIDsAreInOrderOfTime(t *testing.T) {
	last := ""
	for range 1000 {
		id := dsar.NewID()
		if v, err := uuid.Parse(id); err != nil || v.Version() != 7 || id <= last {
			t.Fatalf("%s after %s: %v", id, last, err)
		}
		last = id
	}
}
