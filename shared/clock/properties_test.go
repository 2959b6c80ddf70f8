package clock_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// The zones reach from one end of the day to the other, change their clocks at midnight, by half an hour, or not at all.
var zoneNames = []string{"UTC", "Europe/Berlin", "Europe/London", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Niue", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago", "Asia/Beirut"}

type world struct {
	rules []policy.Rule
	zones []*time.Location
}

// newWorld has every rule of every pack, for controllers that sit nowhere and for those in every place with a calendar.
func newWorld(t *testing.T) world {
	var w world
	for _, p := range packs(t).Packs() {
		seats := []policy.Place{{}}
		for _, c := range p.Calendars {
			seats = append(seats, policy.Place{Country: c.Country, Region: c.Region})
		}
		for i, r := range dsar.Rights() {
			w.rules = append(w.rules, p.Rule(r), p.RuleIn(r, policy.Circumstances{Seat: seats[i%len(seats)], Processor: true, Published: policy.Amount{Value: 45, Unit: policy.CalendarDays}}))
		}
	}
	for _, name := range zoneNames {
		w.zones = append(w.zones, zone(t, name))
	}
	return w
}

func (w world) input(t *rapid.T) clock.Input {
	rule := rapid.SampledFrom(w.rules).Draw(t, "rule")
	if rapid.Bool().Draw(t, "invented") {
		rule = invented(t)
	}
	return clock.Input{
		Rule:       rule,
		Zone:       rapid.SampledFrom(w.zones).Draw(t, "zone"),
		ReceivedAt: time.Unix(rapid.Int64Range(1_700_000_000, 1_850_000_000).Draw(t, "received"), 0),
	}
}

// invented is a rule of no law: what the laws there are combine, it combines in every way.
func invented(t *rapid.T) policy.Rule {
	units := []policy.Unit{policy.CalendarDays, policy.BusinessDays, policy.CalendarMonths, policy.Hours}
	kinds := []policy.Kind{policy.Statute, policy.Guidance, policy.Policy}
	period := func(name string) policy.Period {
		p := policy.Period{Value: rapid.IntRange(0, 30).Draw(t, name), Unit: rapid.SampledFrom(units).Draw(t, "unit"), StartEvent: policy.OnReceipt, Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Basis: name}
		if p.Unit == policy.CalendarMonths {
			p.Value %= 4
		}
		return p
	}
	simple, acknowledge, execution := period("simple"), period("acknowledge"), period("execution")
	out := policy.Rule{Response: period("response"), Simple: &simple, Acknowledge: &acknowledge, Execution: &execution, BeginsWith: rapid.Bool().Draw(t, "begins with")}
	out.Refusal.Period, out.Roll = out.Response, policy.Roll{Rule: rapid.SampledFrom([]policy.RollRule{policy.RollNone, policy.RollNextBusinessDay}).Draw(t, "roll")}
	notice := out.Response.Amount()
	out.Extension = &policy.Extension{Total: policy.Amount{Value: 2*notice.Value + 1, Unit: notice.Unit}, NoticeBy: notice, Reasons: []string{"complexity"}, Open: rapid.Bool().Draw(t, "open")}
	for _, e := range []policy.StopEvent{policy.IdentityRequested, policy.ClarificationRequested, policy.FeeRequested} {
		// Pauses are for clarification alone, so that a test can tell pauses from new starts.
		effects := []policy.Effect{policy.RestartAtReceipt, policy.NoEffect, policy.RefuseUntilPaid}
		if e == policy.ClarificationRequested {
			effects = []policy.Effect{policy.Pause}
		}
		out.Stops = append(out.Stops, policy.Stop{Event: e, Effect: rapid.SampledFrom(effects).Draw(t, "effect"), DayCount: rapid.SampledFrom([]policy.DayCount{policy.Inclusive, policy.ExclusiveOfFirstDay}).Draw(t, "count"), Kind: rapid.SampledFrom(kinds).Draw(t, "stop kind")})
	}
	out.Calendar = calendar(t)
	return out
}

// calendar has holidays anywhere in a year, sometimes many in a row.
func calendar(t *rapid.T) policy.Calendar {
	first := civil.Date{Year: 2026, Month: time.January, Day: 1}
	var holidays []civil.Date
	for _, n := range rapid.SliceOfN(rapid.IntRange(0, 364), 0, 40).Draw(t, "holidays") {
		holidays = append(holidays, first.AddDays(n))
	}
	weekend := rapid.SampledFrom([][]time.Weekday{{time.Saturday, time.Sunday}, {time.Friday, time.Saturday}, {time.Friday}, nil}).Draw(t, "weekend")
	closed := policy.Range{From: first.AddDays(358), To: first.AddDays(380)}
	cal, err := policy.NewCalendar("invented", weekend, holidays, []policy.Range{closed}[:rapid.IntRange(0, 1).Draw(t, "closed")])
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// questions are asked after the instant, in no order, some of them never answered, dropped, or asked too late to count.
func questions(t *rapid.T, after time.Time, kinds []clock.Kind) []clock.Event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) clock.Event {
		e := clock.Event{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), At: after.Add(time.Duration(rapid.Int64Range(1, 60*24*3600).Draw(t, "asked")) * time.Second)}
		if rapid.IntRange(0, 4).Draw(t, "open") > 0 {
			e.Answered = e.At.Add(time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(t, "waited")) * time.Second)
			e.Dropped = rapid.IntRange(0, 4).Draw(t, "dropped") == 0
		}
		e.Belated = rapid.IntRange(0, 6).Draw(t, "belated") == 0
		return e
	}), 0, 5).Draw(t, "questions")
}

var (
	allKinds = []clock.Kind{clock.IdentityAsked, clock.ClarificationAsked, clock.FeeAsked}
	// A new start may drop days that a pause had added, so pauses and new starts are compared apart: of UK requests received on 29
	// January with a pause of three days, the one whose time starts anew on 1 February is due on 1 March, the other on 3 March.
	apart = [][]clock.Kind{{clock.ClarificationAsked}, {clock.IdentityAsked, clock.FeeAsked}}
)

// happened draws questions, and sometimes an extension that holds and a grant.
func (w world) happened(t *rapid.T, in clock.Input) clock.Input {
	in.Events = questions(t, in.ReceivedAt, allKinds)
	if rapid.Bool().Draw(t, "granted") {
		in.Events = append(in.Events, clock.Event{Kind: clock.Granted, At: in.ReceivedAt.Add(time.Hour)})
	}
	if in.Rule.Extension != nil && rapid.Bool().Draw(t, "extended") {
		in.Events = append(in.Events, told(t, in))
	}
	return in
}

// told is an extension of which the person was told at once.
func told(t *rapid.T, in clock.Input) clock.Event {
	e := clock.Event{Kind: clock.Extended, At: in.ReceivedAt, Reason: rapid.SampledFrom(in.Rule.Extension.Reasons).Draw(t, "reason")}
	if in.Rule.Extension.Open {
		in.Events = nil
		e.Until = must(t, in).Due.Date.AddDays(rapid.IntRange(1, 90).Draw(t, "until"))
	}
	return e
}

func must(t *rapid.T, in clock.Input) clock.Deadlines {
	d, err := clock.Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// all returns the deadlines that are there, by name.
func all(d clock.Deadlines) map[string]clock.Deadline {
	out := map[string]clock.Deadline{
		"due": d.Due, "first": d.First, "acknowledge": d.Acknowledge, "simple": d.Simple, "notice": d.ExtensionNoticeBy, "refuse": d.RefuseBy,
		"execute": d.Execute, "target": d.Target,
	}
	for name, one := range out {
		if one.IsZero() {
			delete(out, name)
		}
	}
	return out
}

// notLater fails when a deadline of a is later than the same one of b, or is missing.
func notLater(t *rapid.T, why string, a, b clock.Deadlines) {
	mine := all(a)
	for name, d := range all(b) {
		if one, ok := mine[name]; !ok || one.At.After(d.At) {
			t.Fatalf("%s: %s is %s, and without it %s", why, name, one.At, d.At)
		}
	}
}

func TestDeadlinesAreWhereTheyShouldBe(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.happened(t, w.input(t))
		in.Lead = rapid.IntRange(0, 40).Draw(t, "lead")
		got := must(t, in)
		for name, d := range all(got) {
			if civil.In(d.At, in.Zone) != d.Date || d.At.Location() != time.UTC || d.At.Before(in.ReceivedAt) {
				t.Fatalf("%s: %s is not on %s, or is before receipt", name, d.At, d.Date)
			}
			hours := name != "target" && d.Steps[len(d.Steps)-1].Code == "ends_at"
			if !hours && civil.In(d.At.Add(time.Millisecond), in.Zone) == d.Date {
				t.Fatalf("%s: %s is not the last millisecond of %s", name, d.At, d.Date)
			}
			for i, s := range d.Steps {
				if s.N != i+1 || s.Text == "" || s.Code == "" {
					t.Fatalf("%s: step %+v", name, s)
				}
			}
		}
		if got.Due.At.Before(got.ExtensionNoticeBy.At) || got.Due.At.Before(got.Target.At) || got.Due.At.Before(got.First.At) {
			t.Fatal("a notice would be in time after the answer was due, or a target or the first date is later")
		}
		rolls := in.Rule.Roll.Rule == policy.RollNextBusinessDay && in.Rule.Response.Unit != policy.Hours && !got.IsExtended
		if rolls && !in.Rule.Calendar.Working(got.Due.Date) {
			t.Fatalf("due on %s, when nobody works", got.Due.Date)
		}
	})
}

// TestDaysAreThoseOfTheCalendar: changes of the clocks make days of 23 and 25 hours, and midnights that come twice or never.
// Days are counted in the calendar all the same, and hours as they pass.
func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		n := rapid.IntRange(0, 400).Draw(t, "number")
		in.Rule.Response = policy.Period{Value: n, Unit: policy.CalendarDays, StartEvent: policy.OnReceipt, Kind: policy.Statute}
		in.Rule.Roll.Rule = policy.RollNone
		if got, want := must(t, in).Due.Date, civil.In(in.ReceivedAt, in.Zone).AddDays(n); got != want {
			t.Fatalf("%d days: got %s, want %s", n, got, want)
		}
		in.Rule.Response.Unit = policy.Hours
		if got := must(t, in).Due.At.Sub(in.ReceivedAt); got != time.Duration(n)*time.Hour {
			t.Fatalf("%d hours took %s", n, got)
		}
	})
}

// TestSameInputSameAnswer: the order of events, the zone in which instants are written and asking again change nothing.
func TestSameInputSameAnswer(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.happened(t, w.input(t))
		before := slices.Clone(in.Events)
		first := must(t, in)
		if diff := cmp.Diff(first, must(t, in)) + cmp.Diff(before, in.Events); diff != "" {
			t.Fatalf("asked again (-first +second):\n%s", diff)
		}
		other := in
		other.ReceivedAt = in.ReceivedAt.In(rapid.SampledFrom(w.zones).Draw(t, "written in"))
		other.Events = rapid.Permutation(in.Events).Draw(t, "order")
		if diff := cmp.Diff(first, must(t, other)); diff != "" {
			t.Fatalf("(-first +other):\n%s", diff)
		}
	})
}

func TestLaterReceiptIsNeverDueEarlier(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		later := in
		later.ReceivedAt = in.ReceivedAt.Add(time.Duration(rapid.Int64Range(0, 100*24*3600).Draw(t, "later")) * time.Second)
		notLater(t, "received earlier", must(t, in), must(t, later))
		events := questions(t, later.ReceivedAt, rapid.SampledFrom(apart).Draw(t, "kinds"))
		in.Events, later.Events = events, events
		notLater(t, "received earlier, with questions", must(t, in), must(t, later))
	})
}

func TestExtensionIsNeverEarlierAndNeverCompounds(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		if in.Rule.Extension == nil {
			return
		}
		in.Events = questions(t, in.ReceivedAt, []clock.Kind{clock.ClarificationAsked})
		before := must(t, in)
		in.Events = append(in.Events, told(t, in))
		after := must(t, in)
		if after.Due.At.Before(before.Due.At) {
			t.Fatalf("due %s, extended %s", before.Due.At, after.Due.At)
		}
		if diff := cmp.Diff(before.ExtensionNoticeBy, after.ExtensionNoticeBy) + cmp.Diff(before.Due, after.First); diff != "" {
			t.Fatalf("an extension moved the day of its own notice, or the first date:\n%s", diff)
		}
		// Told on the last possible day, it reaches no further than told on the first.
		in.Events[len(in.Events)-1].At = before.ExtensionNoticeBy.At
		if late, err := clock.Compute(in); err == nil && late.Due.Date != after.Due.Date {
			t.Fatalf("told at once until %s, told late until %s", after.Due.Date, late.Due.Date)
		}
	})
}

func TestQuestionsNeverShorten(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		in.Events = questions(t, in.ReceivedAt, rapid.SampledFrom(apart).Draw(t, "kinds"))
		with := must(t, in)
		if len(in.Events) == 0 {
			return
		}
		drop := rapid.IntRange(0, len(in.Events)-1).Draw(t, "drop")
		without := in
		without.Events = slices.Delete(slices.Clone(in.Events), drop, drop+1)
		notLater(t, "without a question", must(t, without), with)
		// An answer that comes later never brings the date nearer, and time passing over an open question never does either.
		in.AsOf = in.ReceivedAt.AddDate(0, 4, 0)
		notLater(t, "while nobody looks", with, must(t, in))
	})
}

// TestCautiousIsNeverLater: whatever a careful reading changes, no date comes later by it.
func TestCautiousIsNeverLater(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.happened(t, w.input(t))
		plain := must(t, in)
		in.Cautious = true
		notLater(t, "cautious", must(t, in), plain)
	})
}

// TestUnknownHolidayIsNeverLater: a calendar that knows fewer holidays gives the earlier date.
func TestUnknownHolidayIsNeverLater(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		known := in.Rule.Calendar
		if len(known.Workdays) > 0 {
			return // a Saturday that is worked in exchange for a holiday is lost with it
		}
		in.Events = questions(t, in.ReceivedAt, allKinds)
		if in.Rule.Extension != nil && !in.Rule.Extension.Open && rapid.Bool().Draw(t, "extended") {
			in.Events = append(in.Events, told(t, in))
		}
		with := must(t, in)
		fewer := policy.Calendar{Name: known.Name, Weekend: known.Weekend, Holidays: map[civil.Date]bool{}, Covers: known.Covers}
		for d := range known.Holidays {
			if d.Day%rapid.IntRange(2, 9).Draw(t, "keep") == 0 {
				fewer.Holidays[d] = true
			}
		}
		if rapid.Bool().Draw(t, "ends") {
			fewer.Covers = policy.Range{From: civil.In(in.ReceivedAt, in.Zone), To: civil.In(in.ReceivedAt, in.Zone).AddDays(5)}
		}
		in.Calendar = &fewer
		notLater(t, "with fewer holidays", must(t, in), with)
	})
}

// TestAnotherLawIsNeverLater: several laws at once are due by the earliest of each, whatever their order.
func TestAnotherLawIsNeverLater(t *testing.T) {
	w := newWorld(t)
	combine := func(t *rapid.T, in ...clock.LawInput) clock.Combined {
		c, err := clock.Combine(in)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		one := clock.LawInput{Law: "one", Input: w.happened(t, w.input(t))}
		two, three := one, one
		two.Law, two.Rule = "two", w.input(t).Rule
		three.Law, three.Rule = "three", w.input(t).Rule
		alone, both, every := combine(t, one), combine(t, one, two), combine(t, one, two, three)
		if diff := cmp.Diff(must(t, one.Input), alone.Deadlines); diff != "" || len(alone.Laws) != 1 {
			t.Fatalf("one law (-alone +combined):\n%s", diff)
		}
		notLater(t, "two laws", both.Deadlines, alone.Deadlines)
		notLater(t, "three laws", every.Deadlines, both.Deadlines)
		if every.Due.At != every.Laws[every.Governs].Due.At || slices.ContainsFunc(every.Laws, func(d clock.Deadlines) bool { return d.Due.At.Before(every.Due.At) }) {
			t.Fatal("the earliest date does not govern")
		}
		steps := cmpopts.IgnoreFields(clock.Deadline{}, "Steps")
		rest := cmpopts.IgnoreFields(clock.Deadlines{}, "Version", "IsExtended", "Waiting", "First")
		if diff := cmp.Diff(every.Deadlines, combine(t, one, three, two).Deadlines, steps, rest); diff != "" {
			t.Fatalf("the order of laws matters (-one +other):\n%s", diff)
		}
		if diff := cmp.Diff(alone.Deadlines, combine(t, one, one).Deadlines, steps); diff != "" {
			t.Fatalf("the same law twice (-once +twice):\n%s", diff)
		}
	})
}

// TestPeriodsThatAreNoAnswer: later start, later end; an extension never shortens; a careful reading shortens what binds the
// controller, and never the time that the person has.
func TestPeriodsThatAreNoAnswer(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		what := rapid.SampledFrom(clock.Whats()).Draw(t, "what")
		s := clock.Setting{Zone: in.Zone, Calendar: in.Rule.Calendar, Roll: in.Rule.Roll}
		d := clock.After(in.Rule.Response, in.ReceivedAt, s, what)
		later := clock.After(in.Rule.Response, in.ReceivedAt.Add(time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(t, "later"))*time.Second), s, what)
		if later.At.Before(d.At) || d.At.Before(in.ReceivedAt) || civil.In(d.At, in.Zone) != d.Date {
			t.Fatalf("%s: ends %s, started later %s", what, d.At, later.At)
		}
		careful := s
		careful.Cautious = true
		window := what == clock.AppealWindow || what == clock.ComplaintWindow
		if got := clock.After(in.Rule.Response, in.ReceivedAt, careful, what); got.At.After(d.At) || (window && got.At != d.At) {
			t.Fatalf("%s: ends %s, carefully %s", what, d.At, got.At)
		}
		s.Extended, s.Told = policy.Amount{Value: 2 * in.Rule.Response.Value, Unit: in.Rule.Response.Unit}, in.ReceivedAt
		if got := clock.After(in.Rule.Response, in.ReceivedAt, s, what); got.At.Before(d.At) {
			t.Fatalf("%s: ends %s, extended %s", what, d.At, got.At)
		}
	})
}

// TestDeadlinesSurviveJSON: what is stored with a case is what was computed.
func TestDeadlinesSurviveJSON(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.happened(t, w.input(t))
		in.Cautious, in.Lead = rapid.Bool().Draw(t, "cautious"), rapid.IntRange(0, 9).Draw(t, "lead")
		want := must(t, in)
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got clock.Deadlines
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		// Events are stored with the case too, and give the same dates when they are read again.
		if b, err = json.Marshal(in.Events); err != nil {
			t.Fatal(err)
		}
		in.Events = nil
		if err := json.Unmarshal(b, &in.Events); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, must(t, in)); diff != "" {
			t.Fatalf("from stored events (-want +got):\n%s", diff)
		}
	})
}
