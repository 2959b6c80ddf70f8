package clock_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
)

const lawful = `
test_calendars:
  none: {weekend: [], holidays: []}
law_vectors:
  - {id: L-1, pack: us-ca, right: access, received_at: '2026-11-21T10:00:00-08:00', zone: America/Los_Angeles, expect: {due: '2027-01-05', at: '2027-01-06T07:59:59.999Z', ack: '2026-12-04', extension_notice: '2027-01-05', refuse_by: '2027-01-05', simple: none, execute: none, first: none, level: full, target: '2027-01-02'}, lead_days: 3, reasoning: counted, source: the law}
  - {id: L-2, jurisdiction: EU, right: erasure, received_at: '2026-11-30T10:00:00Z', zone: UTC, also: [us-ca], events: [{kind: extension, at: '2026-12-20T10:00:00Z', reason: complexity}], expect: {due: '2027-01-14', governs: us-ca}, reasoning: 'the longer period of one law helps nothing under the other', source: both}
  - {id: L-3, pack: eu, right: access, received_at: '2026-11-30T10:00:00Z', zone: UTC, events: [{kind: extension, at: '2027-01-20T10:00:00Z', reason: complexity}], refused: true, reasoning: too late, source: GDPR Art. 12(3)}
  - {id: L-4, pack: uk, right: access, received_at: '2026-09-03T10:00:00Z', zone: Europe/London, calendar: none, cautious: true, as_of: '2026-09-20T10:00:00Z', events: [{kind: clarification, at: '2026-09-10T10:00:00Z'}, {kind: identity, at: '2026-09-04T10:00:00Z', answered: '2026-09-05T10:00:00Z', dropped: true}], expect: {due: '2026-10-15'}, reasoning: 'from 5 September, eleven days do not count, and the first day does', source: UK GDPR Art. 12A}
  - {id: L-5, pack: uk, right: access, received_at: '2026-09-03T10:00:00Z', zone: Europe/London, after: [{what: complaint_window, from: '2026-09-10T10:00:00Z', due: none}], reasoning: no such period, source: UK GDPR Art. 77}
`

func TestLawVectors(t *testing.T) {
	set := packs(t)
	if got, err := clock.Check(strings.NewReader(lawful), set); err != nil || !got.OK() || got.Vectors != 5 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, c := range []struct {
		name, old, new string
		want           clock.Mismatch
	}{
		{"due", "due: '2027-01-05', at", "due: '2027-01-06', at", clock.Mismatch{ID: "L-1", Line: 5, Field: "due", Got: "2027-01-05", Want: "2027-01-06"}},
		{"instant", "'2027-01-06T07:59:59.999Z'", "'2027-01-06T08:00:00.000Z'", clock.Mismatch{ID: "L-1", Line: 5, Field: "at", Got: "2027-01-06T07:59:59.999Z", Want: "2027-01-06T08:00:00.000Z"}},
		{"acknowledgement", "ack: '2026-12-04'", "ack: none", clock.Mismatch{ID: "L-1", Line: 5, Field: "ack", Got: "2026-12-04", Want: "none"}},
		{"level", "level: full", "level: none", clock.Mismatch{ID: "L-1", Line: 5, Field: "level", Got: "full", Want: "none"}},
		{"governs", "governs: us-ca", "governs: eu", clock.Mismatch{ID: "L-2", Line: 6, Field: "governs", Got: "us-ca", Want: "eu"}},
		{"refused", "at: '2027-01-20T10:00:00Z'", "at: '2026-12-20T10:00:00Z'", clock.Mismatch{ID: "L-3", Line: 7, Field: "refused", Got: "due 2027-03-01", Want: "refused"}},
		{"after", "due: none}]", "due: '2026-10-10'}]", clock.Mismatch{ID: "L-5", Line: 9, Field: "after[0].due", Got: "none", Want: "2026-10-10"}},
	} {
		got, err := clock.Check(strings.NewReader(strings.Replace(lawful, c.old, c.new, 1)), set)
		if err != nil || got.OK() {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
			continue
		}
		if diff := cmp.Diff([]clock.Mismatch{c.want}, got.Mismatches); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestLawVectorsAreStrict(t *testing.T) {
	for _, c := range []struct{ name, old, new, text string }{
		{"unknown key", "lead_days: 3", "lead: 3", "unknown field"},
		{"unknown law", "pack: us-ca", "pack: us-xx", "no such law"},
		{"two laws", "pack: us-ca", "jurisdiction: EU, pack: us-ca", "pack: missing"},
		{"unknown other law", "also: [us-ca]", "also: [xx]", "no such law"},
		{"no right", "right: access", "right: everything", "right:"},
		{"no zone", "zone: America/Los_Angeles", "zone: Local", "zone:"},
		{"unknown zone", "zone: America/Los_Angeles", "zone: America/Nowhere", "no such time zone"},
		{"no instant", "received_at: '2026-11-21T10:00:00-08:00'", "received_at: '2026-11-21'", "received_at: want an instant"},
		{"negative lead", "lead_days: 3", "lead_days: -3", "not negative"},
		{"no reasoning", "reasoning: counted, ", "", "reasoning: missing"},
		{"no source", ", source: the law}", "}", "source: missing"},
		{"nothing expected", "expect: {due: '2027-01-14', governs: us-ca}", "expect: {}", "names nothing"},
		{"expects a refused one", "refused: true", "refused: true, expect: {due: '2027-01-01'}", "has no dates"},
		{"nothing compared", "refused: true, ", "", "expect: missing"},
		{"unknown period", "what: complaint_window", "what: something", "no such period"},
		{"extension that is none", "due: none}]", "due: none, told: '2026-09-11T10:00:00Z'}]", "no extension"},
		{"unknown calendar", "calendar: none", "calendar: some", "no such test calendar"},
		{"bad event", "answered: '2026-09-05T10:00:00Z'", "answered: '2026-09-05'", "answered: want an instant"},
		{"bad end", "reason: complexity}], expect", "reason: complexity, until: soon}], expect", "until:"},
		{"bad as_of", "as_of: '2026-09-20T10:00:00Z'", "as_of: later", "as_of: want"},
		{"impossible events", "answered: '2026-09-05T10:00:00Z'", "answered: '2026-09-01T10:00:00Z'", "answered before"},
		{"same id", "id: L-2", "id: L-1", "another vector"},
	} {
		got, err := clock.Check(strings.NewReader(strings.Replace(lawful, c.old, c.new, 1)), packs(t))
		if err != nil || len(got.Faults) != 1 || !strings.Contains(got.Faults[0].Text, c.text) || got.Faults[0].Line == 0 {
			t.Errorf("%s: got %+v, %v; want a fault with %q", c.name, got, err, c.text)
		}
	}
	if got, err := clock.Check(strings.NewReader(lawful), nil); err != nil || len(got.Faults) != 5 {
		t.Errorf("without laws: got %+v, %v", got, err)
	}
}
