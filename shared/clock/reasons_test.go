package clock_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
)

var update = flag.Bool("update", false, "write testdata/reasons.txt anew")

// situation is something that happens to a request, and the deadline that a reader looks at.
type situation struct {
	name string
	in   clock.Input
	of   func(clock.Deadlines) clock.Deadline
}

// fixture is a law with a bit of everything: a month, clarification that pauses by statute, identity by guidance, a fee that must be
// paid first.
func fixture(t *testing.T) policy.Rule {
	t.Helper()
	cal, err := policy.NewCalendar("fixture", []time.Weekday{time.Saturday, time.Sunday}, []civil.Date{date(t, "2026-10-01"), date(t, "2026-12-25")}, []policy.Range{{From: date(t, "2026-12-28"), To: date(t, "2027-01-03")}})
	if err != nil {
		t.Fatal(err)
	}
	cal.Title = "Days of the fixture"
	month := policy.Period{Value: 1, Unit: policy.CalendarMonths, StartEvent: policy.OnReceipt, Kind: policy.Statute, Basis: "Art. 1"}
	return policy.Rule{
		Response: month, Refusal: policy.Refusal{Period: month}, Calendar: cal, Roll: policy.Roll{Rule: policy.RollNextBusinessDay, Basis: "Art. 2"},
		Extension: &policy.Extension{Total: policy.Amount{Value: 2, Unit: policy.CalendarMonths}, NoticeBy: month.Amount(), Reasons: []string{"complexity"}, Basis: "Art. 3"},
		Stops: []policy.Stop{
			{Event: policy.ClarificationRequested, Effect: policy.Pause, DayCount: policy.Inclusive, Kind: policy.Statute, Basis: "Art. 4"},
			{Event: policy.IdentityRequested, Effect: policy.Pause, DayCount: policy.Inclusive, Kind: policy.Guidance, Basis: "Guidelines"},
			{Event: policy.FeeRequested, Effect: policy.RefuseUntilPaid, Kind: policy.Statute, Basis: "Art. 5"},
		},
	}
}

// with returns the fixture changed.
func with(t *testing.T, change func(*policy.Rule)) policy.Rule {
	r := fixture(t)
	change(&r)
	return r
}

func days(value int, unit policy.Unit, kind policy.Kind) policy.Period {
	return policy.Period{Value: value, Unit: unit, StartEvent: policy.OnReceipt, Kind: kind, Basis: "Art. 1"}
}

func situations(t *testing.T) []situation {
	due := func(d clock.Deadlines) clock.Deadline { return d.Due }
	asked := func(k clock.Kind, at, answered string) clock.Event {
		e := clock.Event{Kind: k, At: noon(t, at)}
		if answered != "" {
			e.Answered = noon(t, answered)
		}
		return e
	}
	dropped, belated := asked(clock.ClarificationAsked, "2026-09-05", "2026-09-07"), asked(clock.ClarificationAsked, "2026-09-05", "2026-09-07")
	dropped.Dropped, belated.Belated = true, true
	told := clock.Event{Kind: clock.Extended, At: noon(t, "2026-09-20"), Reason: "complexity"}
	until := told
	until.Until = date(t, "2026-12-24")
	in := func(received string, r policy.Rule, events ...clock.Event) clock.Input {
		return clock.Input{Rule: r, ReceivedAt: noon(t, received), Zone: time.UTC, Events: events, AsOf: noon(t, "2026-09-25")}
	}
	cautious := func(in clock.Input) clock.Input { in.Cautious = true; return in }
	restart := with(t, func(r *policy.Rule) { r.Stops[1].Effect, r.Stops[1].Kind = policy.RestartAtReceipt, policy.Statute })
	open := with(t, func(r *policy.Rule) { r.Extension.Open, r.Extension.Total = true, policy.Amount{} })
	response := func(p policy.Period) policy.Rule {
		return with(t, func(r *policy.Rule) {
			r.Response = p
			r.Extension.Total = policy.Amount{Value: 3 * p.Value, Unit: p.Unit}
			r.Extension.NoticeBy = p.Amount()
		})
	}
	short := response(days(10, policy.BusinessDays, policy.Statute))
	ends := short
	ends.Calendar.Covers = policy.Range{From: date(t, "2026-01-01"), To: date(t, "2026-12-31")}
	granted := with(t, func(r *policy.Rule) { p := days(5, policy.BusinessDays, policy.Statute); r.Execution = &p })
	lead := in("2026-09-03", fixture(t))
	lead.Lead = 40
	until.Until = date(t, "2026-10-10")
	past := in("2026-09-03", open, until, asked(clock.ClarificationAsked, "2026-09-21", "2026-10-20"))
	past.AsOf, until.Until = time.Time{}, date(t, "2026-12-24")
	return []situation{
		{"plain", in("2026-09-03", fixture(t)), due},
		{"weekend", in("2026-09-05", with(t, func(r *policy.Rule) { r.Response.Value = 0; r.Response.Unit = policy.CalendarDays })), due},
		{"holiday", in("2026-09-01", fixture(t)), due},
		{"closed days", in("2026-11-28", fixture(t)), due},
		{"end of a month", in("2026-08-31", fixture(t)), due},
		{"question answered", in("2026-09-03", fixture(t), asked(clock.ClarificationAsked, "2026-09-05", "2026-09-07")), due},
		{"two questions, overlapping", in("2026-09-03", fixture(t), asked(clock.ClarificationAsked, "2026-09-05", "2026-09-07"), asked(clock.IdentityAsked, "2026-09-06", "2026-09-10")), due},
		{"question dropped", in("2026-09-03", fixture(t), dropped), due},
		{"question open", in("2026-09-03", fixture(t), asked(clock.ClarificationAsked, "2026-09-05", "")), due},
		{"question belated", in("2026-09-03", fixture(t), belated), due},
		{"question after the date", in("2026-07-03", fixture(t), asked(clock.ClarificationAsked, "2026-09-05", "2026-09-07")), due},
		{"fee", in("2026-09-03", fixture(t), asked(clock.FeeAsked, "2026-09-05", "")), due},
		{"question without a rule", in("2026-09-03", with(t, func(r *policy.Rule) { r.Stops = nil }), asked(clock.FeeAsked, "2026-09-05", "")), due},
		{"new start", in("2026-09-03", restart, asked(clock.IdentityAsked, "2026-09-05", "2026-09-07")), due},
		{"new start, open", in("2026-09-03", restart, asked(clock.IdentityAsked, "2026-09-05", "")), due},
		{"new start, dropped", in("2026-09-03", restart, func() clock.Event { d := dropped; d.Kind = clock.IdentityAsked; return d }()), due},
		{"extended", in("2026-09-03", fixture(t), told), due},
		{"extended, first date", in("2026-09-03", fixture(t), told), func(d clock.Deadlines) clock.Deadline { return d.First }},
		{"extended until a day", in("2026-09-03", open, until), due},
		{"extended until a day that the waiting passes", past, due},
		{"hours", in("2026-09-03", response(days(72, policy.Hours, policy.Statute)), asked(clock.ClarificationAsked, "2026-09-04", "2026-09-05")), due},
		{"hours of our own", in("2026-09-03", response(days(72, policy.Hours, policy.Policy))), due},
		{"hours extended", in("2026-09-20", response(days(72, policy.Hours, policy.Statute)), told), due},
		{"days of our own", in("2026-09-03", response(days(30, policy.CalendarDays, policy.Policy))), due},
		{"days published", in("2026-09-03", func() policy.Rule {
			r := response(days(30, policy.CalendarDays, policy.Policy))
			r.Published = true
			return r
		}()), due},
		{"processor", in("2026-09-03", func() policy.Rule {
			r := response(days(20, policy.CalendarDays, policy.Statute))
			r.WithProcessor = true
			return r
		}()), due},
		{"at once", in("2026-09-03", response(days(0, policy.CalendarDays, policy.Statute))), due},
		{"business days", in("2026-09-28", short, asked(clock.ClarificationAsked, "2026-10-01", "2026-10-05")), due},
		{"business days, with a wait over a weekend", in("2026-09-07", short, asked(clock.ClarificationAsked, "2026-09-10", "2026-09-14")), due},
		{"business days, calendar ends", in("2026-12-20", ends), due},
		{"roll, calendar ends", in("2026-12-02", with(t, func(r *policy.Rule) { r.Calendar.Covers = ends.Calendar.Covers })), due},
		{"cautious: guidance", cautious(in("2026-09-03", fixture(t), asked(clock.IdentityAsked, "2026-09-05", "2026-09-07"))), due},
		{"cautious: no roll", cautious(in("2026-09-05", fixture(t))), due},
		{"cautious: the first day counts", cautious(in("2026-09-03", with(t, func(r *policy.Rule) { r.BeginsWith = true }))), due},
		{"cautious: at once is at once", cautious(in("2026-09-03", func() policy.Rule {
			r := response(days(0, policy.CalendarDays, policy.Statute))
			r.BeginsWith = true
			return r
		}())), due},
		{"cautious: weekends only", cautious(in("2026-09-28", short)), due},
		{"refuse by", in("2026-09-05", fixture(t)), func(d clock.Deadlines) clock.Deadline { return d.RefuseBy }},
		{"notice by", in("2026-09-05", fixture(t), asked(clock.ClarificationAsked, "2026-09-06", "2026-09-07")), func(d clock.Deadlines) clock.Deadline { return d.ExtensionNoticeBy }},
		{"execution", in("2026-09-03", granted, clock.Event{Kind: clock.Granted, At: noon(t, "2026-09-24")}), func(d clock.Deadlines) clock.Deadline { return d.Execute }},
		{"target", lead, func(d clock.Deadlines) clock.Deadline { return d.Target }},
	}
}

// periods are reasons for what is no answer.
func periods(t *testing.T) map[string]clock.Deadline {
	s := clock.Setting{Zone: time.UTC, Calendar: fixture(t).Calendar, Roll: fixture(t).Roll}
	careful := s
	careful.Cautious = true
	extended := s
	extended.Extended, extended.Told = policy.Amount{Value: 90, Unit: policy.CalendarDays}, noon(t, "2026-09-20")
	at := noon(t, "2026-09-03")
	thirty, own := days(30, policy.CalendarDays, policy.Statute), days(10, policy.BusinessDays, policy.Policy)
	fee, identity := thirty, thirty
	fee.StartEvent, identity.StartEvent = policy.OnFee, policy.OnVerification
	return map[string]clock.Deadline{
		"appeal window": clock.After(thirty, at, s, clock.AppealWindow), "complaint window of our own": clock.After(own, at, s, clock.ComplaintWindow),
		"appeal window, cautious": clock.After(thirty, at, careful, clock.AppealWindow), "appeal acknowledged": clock.After(own, at, careful, clock.AppealAcknowledge),
		"appeal decided": clock.After(thirty, at, s, clock.AppealDecision), "appeal decided, extended": clock.After(thirty, at, extended, clock.AppealDecision),
		"complaint acknowledged": clock.After(own, at, s, clock.ComplaintAcknowledge), "complaint decided": clock.After(thirty, at, s, clock.ComplaintDecision),
		"consent": clock.After(thirty, at, s, clock.ConsentStop), "recipients": clock.After(thirty, at, s, clock.RecipientNotice), "after a fee": clock.After(fee, at, s, "something"),
		"after proof": clock.After(identity, at, s, "something"),
	}
}

// TestReasons holds every sentence that a reason can have to testdata/reasons.txt, which is there to be read by a lawyer.
func TestReasons(t *testing.T) {
	var b strings.Builder
	seen := map[string]bool{}
	write := func(name string, d clock.Deadline) {
		fmt.Fprintf(&b, "%s: %s, %s\n", name, d.Date, d.At.Format(time.RFC3339Nano))
		for i, line := range clock.Explain(d) {
			fmt.Fprintf(&b, "  %d. %s\n", i+1, line)
			seen[d.Steps[i].Code] = true
			if d.Steps[i].N != i+1 {
				t.Errorf("%s: step %d is numbered %d", name, i+1, d.Steps[i].N)
			}
		}
	}
	for _, s := range situations(t) {
		write(s.name, s.of(compute(t, s.in)))
	}
	for _, name := range []string{"appeal window", "appeal window, cautious", "complaint window of our own", "appeal acknowledged", "appeal decided", "appeal decided, extended", "complaint acknowledged", "complaint decided", "consent", "recipients", "after a fee", "after proof"} {
		write(name, periods(t)[name])
	}
	for name, event := range map[string]clock.Event{
		"extension unknown": {Kind: clock.Extended, At: noon(t, "2026-09-20"), Reason: "complexity"},
		"extension reason":  {Kind: clock.Extended, At: noon(t, "2026-09-20"), Reason: "other"},
		"extension late":    {Kind: clock.Extended, At: noon(t, "2026-10-20"), Reason: "complexity"},
	} {
		first, second := fixture(t), fixture(t)
		first.Extension.Reasons, first.Extension.NoticeBy.Value = []string{event.Reason}, 2
		if name == "extension unknown" {
			second.Extension = nil
		}
		in := clock.Input{ReceivedAt: noon(t, "2026-09-03"), Zone: time.UTC, Events: []clock.Event{event}}
		one, two := in, in
		one.Rule, two.Rule = first, second
		all, err := clock.Combine([]clock.LawInput{{Law: "First Act", Input: one}, {Law: "Second Act", Input: two}})
		if err != nil || all.Governs != 1 || !all.Laws[0].IsExtended || all.Laws[1].IsExtended {
			t.Errorf("%s: got %+v, %v", name, all, err)
		}
		codes := map[string]bool{}
		for _, s := range all.Due.Steps {
			codes[s.Code], seen[s.Code] = true, true
		}
		if code := strings.ReplaceAll(name, " ", "_"); !codes[code] || !codes["earliest"] {
			t.Errorf("%s: no step says so: %v", name, clock.Explain(all.Due))
		}
	}
	for _, c := range clock.StepCodes() {
		if !seen[c.Code] {
			t.Errorf("no situation leads to %s", c.Code)
		}
	}
	const golden = "testdata/reasons.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestShort: one sentence for how long, one for what moved the end.
func TestShort(t *testing.T) {
	want := map[string][]string{
		"plain": {"period", "rolled_weekend"}, "holiday": {"period", "rolled_holiday"}, "question answered": {"period", "waits_add"}, "extended": {"extended"},
		"new start": {"restarted", "period"}, "extended until a day": {"extended_open"}, "hours": {"period_hours"}, "at once": {"period_at_once"}, "end of a month": {"period"},
	}
	for _, s := range situations(t) {
		codes, ok := want[s.name]
		if !ok {
			continue
		}
		var got []string
		for _, step := range clock.Short(s.of(compute(t, s.in)).Steps) {
			got = append(got, step.Code)
		}
		if diff := cmp.Diff(codes, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
	}
	if got := clock.Short([]clock.Step{{N: 1, Text: "An older step."}}); got != nil {
		t.Errorf("steps without codes: got %+v", got)
	}
}
