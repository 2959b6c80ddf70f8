package clock_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

func vectors(t testing.TB) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/vectors.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestEveryVectorPasses(t *testing.T) {
	got, err := clock.Check(bytes.NewReader(vectors(t)), nil)
	if err != nil || !got.OK() || got.Vectors != 25 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestPacksGiveTheVectors computes the vectors of the three laws again by the rules of their packs: period, extension, stops
// and roll come from the pack, and only the calendar and what happened come from the vector.
func TestPacksGiveTheVectors(t *testing.T) {
	var file struct {
		Calendars map[string]struct {
			Weekend  []string     `yaml:"weekend"`
			Holidays []civil.Date `yaml:"holidays"`
		} `yaml:"test_calendars"`
		Vectors []struct {
			ID, Jurisdiction, Calendar string
			StartDate                  civil.Date `yaml:"start_date"`
			Period                     policy.Amount
			ClockStops                 []struct{ From, To civil.Date } `yaml:"clock_stops"`
			ExpectedDue                civil.Date                      `yaml:"expected_due"`
			ReceivedAt                 string                          `yaml:"received_at_utc"`
			Timezone                   string
		} `yaml:"date_vectors"`
	}
	if err := yaml.Unmarshal(vectors(t), &file); err != nil {
		t.Fatal(err)
	}
	packOf := map[string]policy.ID{"EU": "eu", "UK": "uk", "US-CA": "us-ca"}
	count := map[policy.ID]int{}
	for _, v := range file.Vectors {
		id, ours := packOf[v.Jurisdiction]
		if !ours {
			continue
		}
		count[id]++
		cal := file.Calendars[v.Calendar]
		var weekend []time.Weekday
		for _, w := range cal.Weekend {
			day, _ := policy.ParseWeekday(w)
			weekend = append(weekend, day)
		}
		calendar, err := policy.NewCalendar(v.Calendar, weekend, cal.Holidays, nil)
		if err != nil {
			t.Fatal(err)
		}
		right := dsar.Access
		if v.Period == (policy.Amount{Value: 15, Unit: policy.BusinessDays}) {
			right = dsar.OptOut
		}
		in := clock.Input{Rule: rule(t, id, right), ReceivedAt: noon(t, v.StartDate.String()), Zone: time.UTC, Calendar: &calendar}
		if v.Timezone != "" {
			in.ReceivedAt, in.Zone = instant(t, v.ReceivedAt), zone(t, v.Timezone)
		}
		if extension := in.Rule.Extension; extension != nil && v.Period == extension.Total {
			in.Events = append(in.Events, clock.Event{Kind: clock.Extended, At: in.ReceivedAt, Reason: extension.Reasons[0]})
		}
		for _, s := range v.ClockStops {
			kind := clock.ClarificationAsked
			if id == "eu" {
				kind = clock.IdentityAsked
			}
			in.Events = append(in.Events, clock.Event{Kind: kind, At: noon(t, s.From.String()), Answered: noon(t, s.To.String())})
		}
		got := compute(t, in)
		deadline := got.Due
		if v.Period == (policy.Amount{Value: 10, Unit: policy.BusinessDays}) {
			deadline = got.Acknowledge
		}
		if deadline.Date != v.ExpectedDue {
			t.Errorf("%s: got %s, want %s\n%s", v.ID, deadline.Date, v.ExpectedDue, strings.Join(clock.Explain(deadline), "\n"))
		}
	}
	if diff := cmp.Diff(map[policy.ID]int{"eu": 10, "uk": 7, "us-ca": 5}, count); diff != "" {
		t.Errorf("vectors by law (-want +got):\n%s", diff)
	}
}

const good = `
other_key: {left: alone}
test_calendars:
  plain: {weekend: [sat, sun], holidays: ['2027-01-01'], closed_ranges: [['2026-12-25', '2026-12-31']]}
date_vectors:
  - {id: A-1, calendar: plain, start_date: '2026-11-27', period: {value: 1, unit: calendar_months}, clock_stops: [], stop_count: inclusive, roll: true, excluded_days: 0, unrolled: '2026-12-27', expected_due: '2027-01-04', expected_weekday: Mon, extra: ignored}
  - {id: A-2, calendar: plain, start_date: '2026-11-27', period: {value: 72, unit: hours}, clock_stops: [], stop_count: inclusive, roll: true, excluded_days: 0, unrolled: '2026-11-30', expected_due: '2026-11-30', expected_weekday: Mon, received_at_utc: '2026-11-26T20:00:00Z', timezone: Asia/Jakarta}
  - {id: A-3, calendar: plain, start_date: '2026-12-24', period: {value: 2, unit: business_days}, clock_stops: [{from: '2026-12-24', to: '2027-01-03'}], stop_count: exclusive_of_first_day, roll: false, excluded_days: 0, unrolled: '2027-01-05', expected_due: '2027-01-05', expected_weekday: Tue}
`

func TestCheckReportsMismatches(t *testing.T) {
	if got, err := clock.Check(strings.NewReader(good), nil); err != nil || !got.OK() || got.Vectors != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, c := range []struct {
		name, old, new string
		want           []clock.Mismatch
	}{
		{"due", "expected_due: '2027-01-04'", "expected_due: '2026-12-28'", []clock.Mismatch{{ID: "A-1", Line: 6, Field: "expected_due", Got: "2027-01-04", Want: "2026-12-28"}}},
		{"weekday", "expected_weekday: Mon", "expected_weekday: Tue", []clock.Mismatch{{ID: "A-1", Line: 6, Field: "expected_weekday", Got: "Mon", Want: "Tue"}}},
		{"unrolled", "unrolled: '2026-12-27'", "unrolled: '2026-12-26'", []clock.Mismatch{{ID: "A-1", Line: 6, Field: "unrolled", Got: "2026-12-27", Want: "2026-12-26"}}},
		{"excluded", "excluded_days: 0, unrolled: '2027-01-05'", "excluded_days: 9, unrolled: '2027-01-05'", []clock.Mismatch{{ID: "A-3", Line: 8, Field: "excluded_days", Got: "0", Want: "9"}}},
		{"start in the zone", "T20:00:00Z", "T10:00:00Z", []clock.Mismatch{{ID: "A-2", Line: 7, Field: "start_date", Got: "2026-11-26", Want: "2026-11-27"}}},
	} {
		got, err := clock.Check(strings.NewReader(strings.Replace(good, c.old, c.new, 1)), nil)
		if err != nil || got.OK() || got.Passed != 2 {
			t.Errorf("%s: got %+v, %v", c.name, got, err)
			continue
		}
		if c.name == "start in the zone" {
			got.Mismatches = got.Mismatches[:1] // the due date is a day earlier too
		}
		if diff := cmp.Diff(c.want, got.Mismatches); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestCheckReportsFaults(t *testing.T) {
	for _, c := range []struct{ name, old, new, id, text string }{
		{"no id", "{id: A-1, ", "{", "", "id: missing"},
		{"same id", "id: A-2", "id: A-1", "A-1", "another vector"},
		{"no calendar", "{id: A-1, calendar: plain, ", "{id: A-1, ", "A-1", "calendar: missing"},
		{"unknown calendar", "{id: A-1, calendar: plain", "{id: A-1, calendar: moon", "A-1", "no such test calendar"},
		{"impossible date", "'2026-11-27', period: {value: 1", "'2026-11-31', period: {value: 1", "A-1", "start_date"},
		{"no period", "period: {value: 1, unit: calendar_months}, ", "", "A-1", "period"},
		{"no value", "{value: 1, unit: calendar_months}", "{unit: calendar_months}", "A-1", "period"},
		{"negative value", "{value: 1, ", "{value: -1, ", "A-1", "period"},
		{"huge value", "{value: 1, ", "{value: 999999999, ", "A-1", "period"},
		{"unit", "calendar_months", "moons", "A-1", "unit"},
		{"value is text", "{value: 1, ", "{value: one, ", "A-1", "line 6"},
		{"misspelt stops", "clock_stops: [], stop_count: inclusive, roll: true, excluded_days: 0, unrolled: '2026-12-27'", "clock_stop: [], stop_count: inclusive, roll: true, excluded_days: 0, unrolled: '2026-12-27'", "A-1", "clock_stops: missing"},
		{"stop ends before", "to: '2027-01-03'", "to: '2026-12-23'", "A-3", "ends before"},
		{"stop without end", ", to: '2027-01-03'", "", "A-3", "clock_stops"},
		{"stop count", "stop_count: exclusive_of_first_day", "stop_count: some", "A-3", "stop_count"},
		{"no roll", "roll: false, ", "", "A-3", "roll"},
		{"no excluded days", "roll: false, excluded_days: 0, ", "roll: false, ", "A-3", "excluded_days"},
		{"no due date", "expected_due: '2027-01-04', ", "", "A-1", "expected_due"},
		{"weekday", "expected_weekday: Mon", "expected_weekday: Moonday", "A-1", "expected_weekday"},
		{"instant without zone", ", timezone: Asia/Jakarta", "", "A-2", "belong together"},
		{"unknown zone", "Asia/Jakarta", "Asia/Moon", "A-2", "timezone"},
		{"the zone of this machine", "Asia/Jakarta", "Local", "A-2", "timezone"},
		{"bad instant", "2026-11-26T20:00:00Z", "yesterday", "A-2", "received_at_utc"},
		{"hours with stops", "unit: hours}, clock_stops: []", "unit: hours}, clock_stops: [{from: '2026-11-27', to: '2026-11-28'}]", "A-2", "hours"},
		{"not a vector", "  - {id: A-1", "  - 7\n  - {id: A-1", "", "line 6"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		got, err := clock.Check(strings.NewReader(text), nil)
		if err != nil || got.OK() || len(got.Faults) != 1 || got.Passed < 2 {
			t.Errorf("%s: got %+v, %v; want one fault and the rest checked", c.name, got, err)
			continue
		}
		if f := got.Faults[0]; f.ID != c.id || f.Line < 6 || !strings.Contains(f.Text, c.text) {
			t.Errorf("%s: got %+v", c.name, f)
		}
	}
	for _, c := range []struct{ name, old, new, text string }{
		{"weekend", "[sat, sun]", "[sat, sunday]", "weekend"},
		{"holiday", "'2027-01-01'", "'2027-02-30'", "holidays"},
		{"closed range", "['2026-12-25', '2026-12-31']", "['2026-12-31', '2026-12-25']", "closed range"},
		{"three dates for a range", "'2026-12-31']", "'2026-12-31', '2027-01-01']", "closed_ranges"},
		{"unknown key", "holidays:", "hollidays:", "hollidays"},
	} {
		got, err := clock.Check(strings.NewReader(strings.Replace(good, c.old, c.new, 1)), nil)
		if err != nil || got.OK() || len(got.Faults) != 4 || got.Faults[0].ID != "plain" || got.Faults[0].Line != 4 || !strings.Contains(got.Faults[0].Text, c.text) {
			t.Errorf("%s: got %+v, %v; want a fault of the calendar and of the vectors that use it", c.name, got, err)
		}
	}
}

func TestCheckRefusesOtherFiles(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "no vectors": "a: 1", "not YAML": "a: [", "a list": "- 1", "too large": strings.Repeat("# nothing\n", 1<<20)} {
		if _, err := clock.Check(strings.NewReader(text), nil); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
	if got, err := clock.Check(strings.NewReader("date_vectors: {a: 1}"), nil); err != nil || got.OK() {
		t.Errorf("vectors that are no list: got %+v, %v", got, err)
	}
}

// FuzzCheck: no input makes the check fall over, and what it calls good has no fault.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(good))
	f.Add(vectors(f))
	f.Add([]byte("date_vectors: [{}]\ntest_calendars: {a: {weekend: [sat]}}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := clock.Check(bytes.NewReader(content), nil)
		if err != nil && !fault.Has(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
		if got.OK() != (got.Passed == got.Vectors && len(got.Faults) == 0) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestWhatIf(t *testing.T) {
	pack := func(id policy.ID) policy.Pack {
		p, err := packs(t).Pack(id)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	q := clock.Question{Laws: []policy.Pack{pack("us-ca")}, Right: dsar.Access, Input: clock.Input{ReceivedAt: instant(t, "2026-11-21T20:00:00Z"), Zone: zone(t, "America/Los_Angeles"), Lead: 5}}
	got, err := clock.WhatIf(q)
	if err != nil || got.DueDate != date(t, "2027-01-05") || got.Level != policy.Full || got.Pack != q.Laws[0].Version || len(got.Steps) != 3 || len(got.Laws) != 1 || got.Laws[0].DueDate != got.DueDate {
		t.Errorf("got %+v, %v", got, err)
	}
	dates := map[string]string{}
	for name, m := range got.Deadlines {
		dates[name] = m.DueDate.String()
	}
	if diff := cmp.Diff(map[string]string{"acknowledge": "2026-12-04", "extension_notice": "2027-01-05", "refuse_by": "2027-01-05", "target": "2026-12-31"}, dates); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
	q.Extended = true
	if got, err = clock.WhatIf(q); err != nil || got.DueDate != date(t, "2027-02-19") || got.DueAt.Format(time.RFC3339) != "2027-02-20T07:59:59Z" || got.Deadlines["first"].DueDate != date(t, "2027-01-05") {
		t.Errorf("extended: got %+v, %v", got, err)
	}
	q.Laws = append(q.Laws, pack("eu"))
	if got, err = clock.WhatIf(q); err != nil || got.DueDate != date(t, "2026-12-21") || got.Pack != q.Laws[1].Version || got.Laws[0].DueDate != date(t, "2027-02-19") {
		t.Errorf("with the law of the European Union, which has other reasons: got %+v, %v", got, err)
	}
	bad := q
	bad.Right = dsar.OptOut
	if _, err = clock.WhatIf(bad); !fault.Has(err, fault.Invalid) {
		t.Errorf("an opt-out extended: got %v", err)
	}
	bad.Right = "other"
	if _, err = clock.WhatIf(bad); !fault.Has(err, fault.Invalid) {
		t.Errorf("no such right: got %v", err)
	}
	bad = q
	bad.Laws = nil
	if _, err = clock.WhatIf(bad); !fault.Has(err, fault.Invalid) {
		t.Errorf("no law: got %v", err)
	}
	bad = q
	bad.Input.Zone = nil
	if _, err = clock.WhatIf(bad); !fault.Has(err, fault.Invalid) {
		t.Errorf("no zone: got %v", err)
	}
}
