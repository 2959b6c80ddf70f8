package policy_test

import (
	"bytes"
	"maps"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

const fixture = "packs/zz.yaml"

// withFixture is a law that uses every part of a pack, beside the one that no set can be without.
func withFixture(t testing.TB) fstest.MapFS {
	t.Helper()
	content, err := os.ReadFile("testdata/zz.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := tree(t)
	return fstest.MapFS{
		fixture:                  {Data: content},
		"packs/eu.yaml":          files["packs/superseded/eu-2026-11.yaml"], // counts by the calendar of weekends alone
		"calendars/sat-sun.yaml": files["calendars/sat-sun.yaml"],
	}
}

func TestFixtureUsesEveryPart(t *testing.T) {
	files := withFixture(t)
	maps.Copy(files, tree(t))
	set, err := policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	p, err := set.Pack("zz")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Draft() || p.Appeal == nil || p.Consent == nil || p.Complaint.Decide == nil || p.Response.Simple == nil || len(p.Letters) != 2 {
		t.Errorf("got %+v", p)
	}
}

// TestEveryPartIsStrict spoils one thing at a time of a law that uses every part; the error names file and line.
func TestEveryPartIsStrict(t *testing.T) {
	for _, c := range []struct{ name, old, new, at, text string }{
		{"extension of a right is not its sum", "erasure: {value: 15, unit: business_days, total: {value: 30,", "erasure: {value: 15, unit: business_days, total: {value: 31,", "    erasure: {value: 15, unit: business_days, total", "plus the extension"},
		{"extension of a right that has none", "not_for: [opt_out]", "not_for: [opt_out, erasure]", "    erasure: {value: 15, unit: business_days, total", "not_for too"},
		{"notice of a right after its period", "notice_by: {value: 15, unit: business_days}}", "notice_by: {value: 16, unit: business_days}}", "    erasure: {value: 15, unit: business_days, total", "after the period"},
		{"open extension with numbers", "  reasons: [complexity]", "  reasons: [complexity]\n  open: true", "  open: true", "has no numbers"},
		{"extension without a number", "  value: 10\n", "  value: 0\n", "  value: 0\n", "not open"},
		{"row for an unknown right", "- {right: portability, bases", "- {right: oblivion, bases", "- {right: oblivion", "value must be one of"},
		{"row for a right the law lacks", "- {right: portability, bases", "- {right: restriction, bases", "- {right: restriction", "does not know the right"},
		{"row that is never reached", "- {right: portability, grant: not_granted", "- {right: portability, bases: [consent], subjects: [customer], grant: not_granted", "- {right: portability, bases: [consent],", "an earlier row"},
		{"row of an unknown basis", "bases: [consent, contract]", "bases: [consent, habit]", "bases: [consent, habit]", "value must be one of"},
		{"row of an unknown subject", "subjects: [customer]", "subjects: [pet]", "subjects: [pet]", "value must be one of"},
		{"row without a reason", "why: A contract., ", "", "- {right: portability, bases", "'why'"},
		{"tier that falls back to nothing", "falls_back_to: categories", "falls_back_to: nothing", "falls_back_to: nothing", "no such tier"},
		{"tiers in a circle", "points: 2, basis", "points: 2, falls_back_to: pieces, basis", "points: 2, falls_back_to", "in a circle"},
		{"tier twice", "- {id: categories, points: 2", "- {id: pieces, points: 2", "- {id: pieces, points: 2", "there twice"},
		{"tier of an unknown scope", "scope: specific_pieces", "scope: everything", "scope: everything", "value must be one of"},
		{"exemption without review", "review_months: 12, basis", "basis", "- {id: legal_claims", "review_months"},
		{"exemption reviewed never", "review_months: 12, basis", "review_months: 0, basis", "- {id: legal_claims", "minimum"},
		{"exemption without words", "text: {en: We need it for a legal claim.}", "text: {de: Wir brauchen es.}", "- {id: legal_claims", "'en'"},
		{"exemption twice", "never_disclose:", "  - {id: legal_claims, text: {en: Twice.}, review_months: 1, basis: s. 20}\nnever_disclose:", "  - {id: legal_claims, text: {en: Twice", "there twice"},
		{"appeal without a period", "  decision: {value: 45, unit: calendar_days, start_event: appeal, kind: statute, basis: s. 17}\n", "", "appeal:\n", "'decision'"},
		{"appeal decided from receipt", "decision: {value: 45, unit: calendar_days, start_event: appeal", "decision: {value: 45, unit: calendar_days, start_event: receipt", "  decision:", "cannot start with receipt"},
		{"appeal acknowledged from the decision", "acknowledge: {value: 5, unit: calendar_days, start_event: appeal", "acknowledge: {value: 5, unit: calendar_days, start_event: decision", "  acknowledge: {value: 5", "cannot start with decision"},
		{"letter of an unknown kind", "  refused: [assistance]", "  postcard: [assistance]", "  postcard:", "no such key"},
		{"letter with an unknown statement", "  refused: [assistance]", "  refused: [weather]", "  refused: [weather]", "value must be one of"},
		{"letter that points nowhere", "  refused: [assistance]", "  refused: [court]", "  refused: [court]", "complaint.court"},
		{"refusal that points to no appeal", "must_state: [reasons, complaint, appeal", "must_state: [reasons, complaint, court", "must_state:", "complaint.court"},
		{"never disclosed twice", "  - {kind: password, basis: s. 21}", "  - {kind: password, basis: s. 21}\n  - {kind: password, basis: s. 23}", "  - {kind: password, basis: s. 23}", "there twice"},
		{"never disclosed of an unknown kind", "kind: password", "kind: shoe_size", "kind: shoe_size", "value must be one of"},
		{"place with an unknown calendar", "region: A, calendar: sat-sun", "region: A, calendar: moon", "region: A, calendar: moon", "no such calendar"},
		{"place with two calendars", "rights_from:", "  - {country: ZZ, calendar: sat-sun, region: A}\nrights_from:", "calendar: sat-sun, region: A}", "another calendar"},
		{"later right that the law lacks", "{portability: 2027-01-01}", "{restriction: 2027-01-01}", "rights_from:", "does not know the right"},
		{"right older than its law", "{portability: 2027-01-01}", "{portability: 2025-01-01}", "rights_from:", "not after the law's own first day"},
		{"right younger than its law", "{portability: 2027-01-01}", "{portability: 2031-01-01}", "rights_from:", "after the law's last day"},
		{"window that starts with the complaint", "window: {value: 15, unit: business_days, start_event: decision", "window: {value: 15, unit: business_days, start_event: complaint", "    window: {value: 15", "cannot start with complaint"},
		{"complaint that starts with receipt", "start_event: complaint, kind: statute, basis: s. 11}\n  decide", "start_event: receipt, kind: statute, basis: s. 11}\n  decide", "  acknowledge: {value: 30", "cannot start with receipt"},
		{"complaint with clocks alone", "  authority:\n    name", "  authoritty:\n    name", "  authoritty:", "no such key"},
		{"answer that waits for a grant", "default: {value: 20, unit: business_days, start_event: receipt", "default: {value: 20, unit: business_days, start_event: grant", "  default:", "cannot start with grant"},
		{"answer that waits for a change", "[receipt, verification]", "[receipt, change]", "    erasure: {value: 15, unit: business_days, start_event: receipt, start_latest_of", "cannot start with change"},
		{"consent that waits for an appeal", "stop_within: {value: 15, unit: calendar_days, start_event: receipt", "stop_within: {value: 15, unit: calendar_days, start_event: appeal", "  stop_within:", "cannot start with appeal"},
		{"period of a right the law lacks", "  by_right:\n    erasure: {value: 15, unit: business_days, start_event", "  by_right:\n    restriction: {value: 15, unit: business_days, start_event", "    restriction: {value: 15", "does not know the right"},
		{"processor makes it shorter", "erasure: {value: 25,", "erasure: {value: 14,", "    erasure: {value: 14,", "not at least the period"},
		{"processor counts otherwise", "erasure: {value: 25, unit: business_days", "erasure: {value: 25, unit: calendar_days", "    erasure: {value: 25,", "not at least the period"},
		{"first answer after the whole one", "simple: {value: 5,", "simple: {value: 20,", "  simple:", "not before the whole one"},
		{"paying for identity", "- {event: fee, effect: refuse_until_paid", "- {event: clarification, effect: refuse_until_paid", "- {event: clarification", "only a fee"},
		{"estimate nobody accepts", "  accept: true\n", "", "  accept_within:", "nothing need be accepted"},
		{"free requests without a time", "  per: {value: 12, unit: calendar_months}\n", "", "  free_requests: 2", "counted in"},
		{"amount without a currency", "max_amount: CHF 300", "max_amount: '300'", "max_amount:", "pattern"},
		{"age bands upside down", "- {under: 16, who: either", "- {under: 12, who: either", "- {under: 12", "youngest band"},
		{"somebody who decides for a child", "who: guardian", "who: the_neighbour", "who: the_neighbour", "value must be one of"},
		{"representative of an unknown kind", "  heirs:", "  neighbours:", "  neighbours:", "no such key"},
		{"signal nobody sends", "signals: [gpc]", "signals: [smoke]", "signals: [smoke]", "value must be"},
		{"telephone number without its country", "phone: +1 555 0100", "phone: 555 0100", "phone:", "pattern"},
		{"low confidence without a word", "confidence_note: Nobody made it.\n", "", "confidence: low", "confidence_note"},
		{"place twice", "regulator: Office", "  - {country: ZZ, region: A}\nregulator: Office", "  - {country: ZZ, region: A}\nreg", "there twice"},
		{"duty twice", "record_retention:", "  - {id: execution, right: erasure, period: {value: 1, unit: business_days, start_event: grant, kind: statute, basis: s. 13}}\nrecord_retention:", "  - {id: execution, right: erasure, period: {value: 1,", "there twice"},
		{"unknown start event", "start_event: grant", "start_event: dawn", "start_event: dawn", "value must be one of"},
		{"conflict without words", "conflicts: [One page says 10 days.]", "conflicts: []", "conflicts:", "minItems"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := withFixture(t)
			edit(t, files, fixture, c.old, c.new)
			_, err := policy.LoadFS(files)
			if !fault.Has(err, fault.Misconfigured) {
				t.Fatalf("got %v, want misconfigured", err)
			}
			line := 1 + bytes.Count(files[fixture].Data[:bytes.Index(files[fixture].Data, []byte(c.at))], []byte("\n"))
			if want := fixture + ":" + strconv.Itoa(line) + ":"; !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("the error does not name %s and say %q: %v", want, c.text, err)
			}
		})
	}
}
