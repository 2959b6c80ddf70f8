package clock_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

var zoneNames = []string{"UTC", "Europe/Berlin", "Europe/London", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Niue", "Australia/Lord_Howe", "Africa/Cairo"}

type world struct {
	rules []policy.Rule
	zones []*time.Location
}

// newWorld has every rule of every pack, and a made-up one in hours, in zones around the globe.
func newWorld(t *testing.T) world {
	var w world
	for _, p := range packs(t).Packs() {
		for _, r := range dsar.Rights() {
			w.rules = append(w.rules, p.Rule(r))
		}
	}
	inHours := w.rules[0]
	inHours.Response.Value, inHours.Response.Unit, inHours.Extension = 72, policy.Hours, nil
	w.rules = append(w.rules, inHours)
	for _, name := range zoneNames {
		w.zones = append(w.zones, zone(t, name))
	}
	return w
}

func (w world) input(t *rapid.T) clock.Input {
	return clock.Input{
		Rule:       rapid.SampledFrom(w.rules).Draw(t, "rule"),
		Zone:       rapid.SampledFrom(w.zones).Draw(t, "zone"),
		ReceivedAt: time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "received"), 0),
	}
}

// questions are asked after the instant, in no order, some of them never answered.
func questions(t *rapid.T, after time.Time, kinds []clock.Kind) []clock.Event {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) clock.Event {
		e := clock.Event{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), At: after.Add(time.Duration(rapid.Int64Range(0, 60*24*3600).Draw(t, "asked")) * time.Second)}
		if rapid.IntRange(0, 4).Draw(t, "open") > 0 {
			e.Answered = e.At.Add(time.Duration(rapid.Int64Range(0, 40*24*3600).Draw(t, "waited")) * time.Second)
		}
		return e
	}), 0, 5).Draw(t, "questions")
}

var allKinds = []clock.Kind{clock.IdentityAsked, clock.ClarificationAsked, clock.FeeAsked}

func must(t *rapid.T, in clock.Input) clock.Deadlines {
	d, err := clock.Compute(in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeadlinesAreWhereTheyShouldBe(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		in.Events = questions(t, in.ReceivedAt, allKinds)
		got := must(t, in)
		for name, d := range map[string]clock.Deadline{"due": got.Due, "acknowledge": got.Acknowledge, "notice": got.ExtensionNoticeBy, "refuse": got.RefuseBy} {
			if d.IsZero() {
				continue
			}
			if civil.In(d.At, in.Zone) != d.Date || d.At.Location() != time.UTC || d.At.Before(in.ReceivedAt) {
				t.Fatalf("%s: %s is not on %s, or is before receipt", name, d.At, d.Date)
			}
			hours := name == "due" && in.Rule.Response.Unit == policy.Hours
			if !hours && civil.In(d.At.Add(time.Millisecond), in.Zone) == d.Date {
				t.Fatalf("%s: %s is not the last millisecond of %s", name, d.At, d.Date)
			}
		}
		if got.Due.At.Before(got.ExtensionNoticeBy.At) {
			t.Fatal("a notice would be in time after the answer was due")
		}
		rolls := in.Rule.Roll.Rule == policy.RollNextBusinessDay && in.Rule.Response.Unit != policy.Hours
		if rolls && !in.Rule.Calendar.Working(got.Due.Date) {
			t.Fatalf("due on %s, when nobody works", got.Due.Date)
		}
	})
}

// TestSameInputSameAnswer: order of events, and the zone in which instants are written, change nothing.
func TestSameInputSameAnswer(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		in.Events = questions(t, in.ReceivedAt, allKinds)
		first := must(t, in)
		other := in
		other.ReceivedAt = in.ReceivedAt.In(rapid.SampledFrom(w.zones).Draw(t, "written in"))
		other.Events = rapid.Permutation(in.Events).Draw(t, "order")
		seen := map[time.Time]bool{}
		for _, e := range in.Events {
			if seen[e.At] {
				return // two questions at one instant have no order of their own
			}
			seen[e.At] = true
		}
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
		events := questions(t, later.ReceivedAt, allKinds)
		in.Events, later.Events = nil, nil
		if a, b := must(t, in), must(t, later); b.Due.At.Before(a.Due.At) || b.Acknowledge.At.Before(a.Acknowledge.At) || b.ExtensionNoticeBy.At.Before(a.ExtensionNoticeBy.At) {
			t.Fatalf("received %s: due %s; received %s: due %s", in.ReceivedAt, a.Due.At, later.ReceivedAt, b.Due.At)
		}
		in.Events, later.Events = events, events
		if a, b := must(t, in), must(t, later); b.Due.At.Before(a.Due.At) {
			t.Fatalf("with questions, received %s: due %s; received %s: due %s", in.ReceivedAt, a.Due.At, later.ReceivedAt, b.Due.At)
		}
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
		told := clock.Event{Kind: clock.Extended, At: in.ReceivedAt, Reason: rapid.SampledFrom(in.Rule.Extension.Reasons).Draw(t, "reason")}
		in.Events = append(in.Events, told)
		after := must(t, in)
		if after.Due.At.Before(before.Due.At) {
			t.Fatalf("due %s, extended %s", before.Due.At, after.Due.At)
		}
		if diff := cmp.Diff(before.ExtensionNoticeBy, after.ExtensionNoticeBy); diff != "" {
			t.Fatalf("an extension moved the day of its own notice:\n%s", diff)
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
		// A new start may drop days that a pause had added, so pauses and new starts are compared apart.
		kinds := [][]clock.Kind{{clock.ClarificationAsked}, {clock.IdentityAsked, clock.FeeAsked}}
		in.Events = questions(t, in.ReceivedAt, rapid.SampledFrom(kinds).Draw(t, "kinds"))
		with := must(t, in)
		if len(in.Events) == 0 {
			return
		}
		drop := rapid.IntRange(0, len(in.Events)-1).Draw(t, "drop")
		without := in
		without.Events = append(append([]clock.Event{}, in.Events[:drop]...), in.Events[drop+1:]...)
		if less := must(t, without); with.Due.At.Before(less.Due.At) {
			t.Fatalf("due %s with the question, %s without", with.Due.At, less.Due.At)
		}
		// An answer that comes later never brings the date nearer, and time passing over an open question never does either.
		in.AsOf = in.ReceivedAt.AddDate(0, 4, 0)
		if open := must(t, in); open.Due.At.Before(with.Due.At) {
			t.Fatalf("due %s while nobody looks, %s months later", with.Due.At, open.Due.At)
		}
	})
}

// TestDeadlinesSurviveJSON: what is stored with a case is what was computed.
func TestDeadlinesSurviveJSON(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(t *rapid.T) {
		in := w.input(t)
		in.Events = questions(t, in.ReceivedAt, allKinds)
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
	})
}
