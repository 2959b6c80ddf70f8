package clock_test

import (
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// load reads the packs once for all tests.
var load = sync.OnceValues(policy.Load)

func packs(t testing.TB) *policy.Set {
	t.Helper()
	set, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func rule(t testing.TB, id policy.ID, r dsar.Right) policy.Rule {
	t.Helper()
	p, err := packs(t).Pack(id)
	if err != nil {
		t.Fatal(err)
	}
	return p.Rule(r)
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// noon is an instant on the date that is the same date in every zone used here.
func noon(t testing.TB, s string) time.Time { return instant(t, s+"T12:00:00Z") }

func compute(t testing.TB, in clock.Input) clock.Deadlines {
	t.Helper()
	d, err := clock.Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeadlinesOfOneCase(t *testing.T) {
	got := compute(t, clock.Input{Rule: rule(t, "us-ca", dsar.Access), ReceivedAt: instant(t, "2026-11-22T07:30:00Z"), Zone: zone(t, "America/Los_Angeles")})
	for _, c := range []struct {
		name string
		d    clock.Deadline
		date string
		at   string
	}{
		{"due", got.Due, "2027-01-05", "2027-01-06T07:59:59.999Z"},
		{"acknowledge", got.Acknowledge, "2026-12-04", "2026-12-05T07:59:59.999Z"},
		{"extension notice", got.ExtensionNoticeBy, "2027-01-05", "2027-01-06T07:59:59.999Z"},
		{"refuse", got.RefuseBy, "2027-01-05", "2027-01-06T07:59:59.999Z"},
	} {
		if c.d.Date != date(t, c.date) || c.d.At.Format("2006-01-02T15:04:05.000Z07:00") != c.at {
			t.Errorf("%s: got %s, %s; want %s, %s", c.name, c.d.Date, c.d.At, c.date, c.at)
		}
		for i, s := range c.d.Steps {
			if s.N != i+1 || !strings.HasSuffix(s.Text, ".") {
				t.Errorf("%s: bad step %+v", c.name, s)
			}
		}
	}
}

// TestNoticeIsNotRolled: an extension notice is due by the first period even when that ends on a Sunday.
func TestNoticeIsNotRolled(t *testing.T) {
	in := clock.Input{Rule: rule(t, "eu", dsar.Erasure), ReceivedAt: noon(t, "2026-12-31"), Zone: time.UTC}
	got := compute(t, in)
	if got.Due.Date != date(t, "2027-02-01") || got.ExtensionNoticeBy.Date != date(t, "2027-01-31") || got.RefuseBy.Date != date(t, "2027-01-31") {
		t.Errorf("got due %s, notice %s, refuse %s", got.Due.Date, got.ExtensionNoticeBy.Date, got.RefuseBy.Date)
	}
}

func TestExtension(t *testing.T) {
	base := clock.Input{ReceivedAt: noon(t, "2026-11-30"), Zone: time.UTC}
	told := func(on, reason string) clock.Event {
		return clock.Event{Kind: clock.Extended, At: noon(t, on), Reason: reason}
	}
	asked := clock.Event{Kind: clock.ClarificationAsked, At: noon(t, "2026-12-10"), Answered: noon(t, "2026-12-20")}
	for _, c := range []struct {
		name   string
		pack   policy.ID
		right  dsar.Right
		events []clock.Event
		want   string // date, or empty for refused
	}{
		{"from the original start, clamped, then rolled", "eu", dsar.Access, []clock.Event{told("2026-12-20", "complexity")}, "2027-03-01"},
		{"on the last day", "eu", dsar.Access, []clock.Event{told("2026-12-30", "complexity")}, "2027-03-01"},
		{"a day late", "eu", dsar.Access, []clock.Event{told("2026-12-31", "complexity")}, ""},
		{"late, but the question gave ten days more", "eu", dsar.Access, []clock.Event{told("2027-01-09", "complexity"), asked}, "2027-03-10"},
		{"later than those ten days", "eu", dsar.Access, []clock.Event{told("2027-01-10", "complexity"), asked}, ""},
		{"without a reason", "eu", dsar.Access, []clock.Event{told("2026-12-20", "")}, ""},
		{"with a reason of another law", "eu", dsar.Access, []clock.Event{told("2026-12-20", "reasonably_necessary")}, ""},
		{"twice", "eu", dsar.Access, []clock.Event{told("2026-12-20", "complexity"), told("2026-12-21", "complexity")}, ""},
		{"California", "us-ca", dsar.Erasure, []clock.Event{told("2026-12-20", "reasonably_necessary")}, "2027-02-28"},
		{"an opt-out has none", "us-ca", dsar.OptOut, []clock.Event{told("2026-12-01", "reasonably_necessary")}, ""},
		{"nor has a limit", "us-ca", dsar.LimitSensitive, []clock.Event{told("2026-12-01", "reasonably_necessary")}, ""},
	} {
		in := base
		in.Rule, in.Events = rule(t, c.pack, c.right), c.events
		got, err := clock.Compute(in)
		switch {
		case c.want == "" && !fault.Has(err, fault.Invalid):
			t.Errorf("%s: got %s, %v; want it refused", c.name, got.Due.Date, err)
		case c.want != "" && (err != nil || got.Due.Date != date(t, c.want) || !got.IsExtended):
			t.Errorf("%s: got %s, %v; want %s", c.name, got.Due.Date, err, c.want)
		}
	}
}

// TestOpenExtensionLooksOnlyBack: a question that was answered after the notice had not yet moved its day by the whole wait.
func TestOpenExtensionLooksOnlyBack(t *testing.T) {
	in := clock.Input{Rule: rule(t, "uk", dsar.Access), ReceivedAt: noon(t, "2026-09-03"), Zone: time.UTC, Events: []clock.Event{
		{Kind: clock.ClarificationAsked, At: noon(t, "2026-09-10"), Answered: noon(t, "2026-10-20")},
		{Kind: clock.Extended, At: noon(t, "2026-10-15"), Reason: "complexity"},
	}}
	// On 15 October the question was still open, so the period could not have ended.
	if got := compute(t, in); got.Due.Date != date(t, "2027-01-13") {
		t.Errorf("got %s", got.Due.Date) // 3 December and 41 days
	}
}

func TestQuestions(t *testing.T) {
	q := func(k clock.Kind, at, answered string) clock.Event {
		e := clock.Event{Kind: k, At: noon(t, at)}
		if answered != "" {
			e.Answered = noon(t, answered)
		}
		return e
	}
	for _, c := range []struct {
		name     string
		pack     policy.ID
		right    dsar.Right
		received string
		asOf     string
		events   []clock.Event
		want     string
		waiting  []policy.StopEvent
		step     string // part of some step
	}{
		{"EU identity pauses, day of asking counts", "eu", dsar.Access, "2026-06-10", "", []clock.Event{q(clock.IdentityAsked, "2026-06-11", "2026-06-20")}, "2026-07-20", nil, "That adds 9 days"},
		{"EU fee moves nothing", "eu", dsar.Access, "2026-06-10", "", []clock.Event{q(clock.FeeAsked, "2026-06-11", "2026-06-20")}, "2026-07-10", nil, "does not move"},
		{"EU clarification is for access only", "eu", dsar.Erasure, "2026-06-10", "", []clock.Event{q(clock.ClarificationAsked, "2026-06-11", "2026-06-20")}, "2026-07-10", nil, "does not move"},
		{"UK identity restarts", "uk", dsar.Access, "2026-09-03", "", []clock.Event{q(clock.IdentityAsked, "2026-09-04", "2026-09-15")}, "2026-10-15", nil, "The time runs from Tuesday 15 September 2026"},
		{"UK latest of identity and fee", "uk", dsar.Erasure, "2026-09-03", "", []clock.Event{q(clock.FeeAsked, "2026-09-04", "2026-09-21"), q(clock.IdentityAsked, "2026-09-04", "2026-09-15")}, "2026-10-21", nil, "a fee"},
		{"UK clarification during the wait for identity counts from the new start", "uk", dsar.Access, "2026-09-03", "", []clock.Event{q(clock.IdentityAsked, "2026-09-04", "2026-09-15"), q(clock.ClarificationAsked, "2026-09-10", "2026-09-17")}, "2026-10-19", nil, "That adds 3 days"},
		{"UK overlapping questions count once", "uk", dsar.Access, "2026-09-03", "", []clock.Event{q(clock.ClarificationAsked, "2026-09-10", "2026-09-17"), q(clock.ClarificationAsked, "2026-09-15", "2026-09-20")}, "2026-10-14", nil, "That adds 11 days"},
		{"UK question open, looked at a week later", "uk", dsar.Access, "2026-09-03", "2026-09-16", []clock.Event{q(clock.ClarificationAsked, "2026-09-10", "")}, "2026-10-12", []policy.StopEvent{policy.ClarificationRequested}, "had not come by"},
		{"UK identity open", "uk", dsar.Access, "2026-09-03", "2026-09-21", []clock.Event{q(clock.IdentityAsked, "2026-09-10", "")}, "2026-10-21", []policy.StopEvent{policy.IdentityRequested}, "have no answer yet"},
		{"open and not looked at", "uk", dsar.Access, "2026-09-03", "", []clock.Event{q(clock.IdentityAsked, "2026-09-10", "")}, "2026-10-12", []policy.StopEvent{policy.IdentityRequested}, "have no answer yet"},
		{"asked after the date", "uk", dsar.Access, "2026-09-03", "", []clock.Event{q(clock.ClarificationAsked, "2026-10-06", "2026-10-20")}, "2026-10-05", nil, "when the date had passed"},
		{"California: verification never moves it", "us-ca", dsar.Access, "2026-11-21", "", []clock.Event{q(clock.IdentityAsked, "2026-11-22", "2026-12-30")}, "2027-01-05", nil, "does not move"},
	} {
		in := clock.Input{Rule: rule(t, c.pack, c.right), ReceivedAt: noon(t, c.received), Zone: time.UTC, Events: c.events}
		if c.asOf != "" {
			in.AsOf = noon(t, c.asOf)
		}
		got := compute(t, in)
		if got.Due.Date != date(t, c.want) {
			t.Errorf("%s: got %s, want %s\n%s", c.name, got.Due.Date, c.want, strings.Join(clock.Explain(got.Due), "\n"))
		}
		if diff := cmp.Diff(c.waiting, got.Waiting); diff != "" {
			t.Errorf("%s: waiting (-want +got):\n%s", c.name, diff)
		}
		if !strings.Contains(strings.Join(clock.Explain(got.Due), "\n"), c.step) {
			t.Errorf("%s: no step says %q:\n%s", c.name, c.step, strings.Join(clock.Explain(got.Due), "\n"))
		}
	}
}

// TestRulesOfOtherLaws exercises what the three packs do not use: hours, waiting for payment, business days with a pause.
func TestRulesOfOtherLaws(t *testing.T) {
	cal, err := policy.NewCalendar("fixture", []time.Weekday{time.Friday, time.Saturday}, []civil.Date{date(t, "2026-06-09")}, []policy.Range{{From: date(t, "2026-06-14"), To: date(t, "2026-06-15")}})
	if err != nil {
		t.Fatal(err)
	}
	jakarta := zone(t, "Asia/Jakarta")
	stops := []policy.Stop{
		{Event: policy.IdentityRequested, Effect: policy.Pause, DayCount: policy.Inclusive, Basis: "fixture"},
		{Event: policy.FeeRequested, Effect: policy.RefuseUntilPaid, Basis: "fixture"},
	}
	rule := func(value int, unit policy.Unit, start policy.StartEvent) policy.Rule {
		p := policy.Period{Value: value, Unit: unit, StartEvent: start, Kind: policy.Statute, Basis: "fixture"}
		return policy.Rule{Response: p, Refusal: policy.Refusal{Period: p}, Stops: stops, Roll: policy.Roll{Rule: policy.RollNextBusinessDay, Basis: "fixture"}, Calendar: cal}
	}
	received := instant(t, "2026-06-05T10:15:30Z") // a Friday
	wait := clock.Event{Kind: clock.IdentityAsked, At: received.Add(time.Hour), Answered: received.Add(25 * time.Hour)}
	again := clock.Event{Kind: clock.IdentityAsked, At: received.Add(20 * time.Hour), Answered: received.Add(30 * time.Hour)}
	paid := clock.Event{Kind: clock.FeeAsked, At: received.Add(time.Hour), Answered: received.Add(100 * time.Hour)}
	for _, c := range []struct {
		name   string
		rule   policy.Rule
		events []clock.Event
		want   string
	}{
		{"72 hours do not roll", rule(72, policy.Hours, policy.OnReceipt), nil, "2026-06-08T10:15:30.000Z"},
		{"72 hours and overlapping waits of 29", rule(72, policy.Hours, policy.OnReceipt), []clock.Event{wait, again}, "2026-06-09T15:15:30.000Z"},
		{"business days over a weekend and a holiday", rule(3, policy.BusinessDays, policy.OnReceipt), nil, "2026-06-10T16:59:59.999Z"},
		{"a weekend of waiting costs no business day", rule(3, policy.BusinessDays, policy.OnReceipt), []clock.Event{wait}, "2026-06-10T16:59:59.999Z"},
		{"closed days roll", rule(9, policy.CalendarDays, policy.OnReceipt), nil, "2026-06-16T16:59:59.999Z"},
		{"waiting for payment moves nothing", rule(5, policy.CalendarDays, policy.OnReceipt), []clock.Event{paid}, "2026-06-10T16:59:59.999Z"},
		{"a period that starts with proof of identity", rule(9, policy.CalendarDays, policy.OnVerification), []clock.Event{wait}, "2026-06-16T16:59:59.999Z"},
		{"a period that starts with the fee", rule(6, policy.CalendarDays, policy.OnFee), []clock.Event{paid}, "2026-06-16T16:59:59.999Z"},
		{"zero days is that very day", rule(0, policy.CalendarDays, policy.OnReceipt), nil, "2026-06-07T16:59:59.999Z"},
	} {
		got := compute(t, clock.Input{Rule: c.rule, ReceivedAt: received, Zone: jakarta, Events: c.events})
		if at := got.Due.At.Format("2006-01-02T15:04:05.000Z07:00"); at != c.want || got.Due.Date != civil.In(got.Due.At, jakarta) {
			t.Errorf("%s: got %s on %s, want %s\n%s", c.name, at, got.Due.Date, c.want, strings.Join(clock.Explain(got.Due), "\n"))
		}
		if !got.Acknowledge.IsZero() || !got.ExtensionNoticeBy.IsZero() {
			t.Errorf("%s: deadlines that this law does not have", c.name)
		}
	}
}

func TestComputeRefusesBadInput(t *testing.T) {
	good := clock.Input{Rule: rule(t, "eu", dsar.Access), ReceivedAt: noon(t, "2026-06-10"), Zone: time.UTC}
	for name, spoil := range map[string]func(*clock.Input){
		"no zone":       func(in *clock.Input) { in.Zone = nil },
		"no receipt":    func(in *clock.Input) { in.ReceivedAt = time.Time{} },
		"no rule":       func(in *clock.Input) { in.Rule = policy.Rule{Calendar: in.Rule.Calendar} },
		"no calendar":   func(in *clock.Input) { in.Calendar = &policy.Calendar{} },
		"unknown event": func(in *clock.Input) { in.Events = []clock.Event{{Kind: "other", At: in.ReceivedAt}} },
		"event before":  func(in *clock.Input) { in.Events = []clock.Event{{Kind: clock.FeeAsked, At: in.ReceivedAt.Add(-1)}} },
		"answer before": func(in *clock.Input) {
			in.Events = []clock.Event{{Kind: clock.FeeAsked, At: in.ReceivedAt.Add(2), Answered: in.ReceivedAt.Add(1)}}
		},
		"answered extension": func(in *clock.Input) {
			in.Events = []clock.Event{{Kind: clock.Extended, Reason: "complexity", At: in.ReceivedAt, Answered: in.ReceivedAt}}
		},
		"extension of a past": func(in *clock.Input) {
			in.Events = []clock.Event{{Kind: clock.Extended, Reason: "complexity", At: in.ReceivedAt.AddDate(0, 2, 0)}}
		},
	} {
		in := good
		spoil(&in)
		if _, err := clock.Compute(in); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestExplainReadsLikeASentence(t *testing.T) {
	got := compute(t, clock.Input{Rule: rule(t, "uk", dsar.Access), ReceivedAt: instant(t, "2026-12-31T15:00:00Z"), Zone: zone(t, "Europe/London"), Events: []clock.Event{
		{Kind: clock.ClarificationAsked, At: noon(t, "2027-01-05"), Answered: noon(t, "2027-01-06")},
		{Kind: clock.Extended, At: noon(t, "2027-01-10"), Reason: "complexity"},
	}})
	want := []string{
		"The request arrived on Thursday 31 December 2026 (time zone Europe/London).",
		"On Sunday 10 January 2027 we told you that we need longer. Counted from the first day, the whole time is 3 months: until Wednesday 31 March 2027 (UK GDPR Art. 12A).",
		"We waited for more detail, asked for on Tuesday 5 January 2027, which came on Wednesday 6 January 2027 (UK GDPR Art. 12A; the same words in DPA 2018 s. 54(3C) and (3D)).",
		"That adds 2 days: until Friday 2 April 2027 (UK GDPR Art. 12A; the same words in DPA 2018 s. 54(3C) and (3D)).",
		"The last moment is the end of Friday 2 April 2027 in Europe/London.",
	}
	if diff := cmp.Diff(want, clock.Explain(got.Due)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTwinsHaveAnOrder: of two questions at one instant that differ in how they ended alone, the order of writing changes nothing.
func TestTwinsHaveAnOrder(t *testing.T) {
	in := clock.Input{Rule: rule(t, "uk", dsar.Access), ReceivedAt: noon(t, "2026-09-03"), Zone: time.UTC}
	one := clock.Event{Kind: clock.ClarificationAsked, At: noon(t, "2026-09-10"), Answered: noon(t, "2026-09-12")}
	dropped, belated := one, one
	dropped.Dropped, belated.Belated = true, true
	in.Events = []clock.Event{one, dropped, belated}
	want := compute(t, in)
	in.Events = []clock.Event{belated, dropped, one}
	if diff := cmp.Diff(want, compute(t, in)); diff != "" {
		t.Errorf("(-written +reversed):\n%s", diff)
	}
}
