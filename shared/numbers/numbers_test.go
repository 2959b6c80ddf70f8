package numbers_test

import (
	"encoding/csv"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/numbers"
)

var received = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

const aDay = 24 * time.Hour

func row(edit ...func(*numbers.Row)) numbers.Row {
	r := numbers.Row{Case: "c", Reference: "7K3QX-9M2DA", Law: "us-ca", Right: dsar.Erasure, Channel: "portal", Status: dsar.Received, Result: numbers.Open, ReceivedAt: received}
	for _, e := range edit {
		e(&r)
	}
	return r
}

// ended ends a request with the result, so many days after its receipt.
func ended(result numbers.Result, days int) func(*numbers.Row) {
	return func(r *numbers.Row) {
		r.Result, r.ClosedAt = result, r.ReceivedAt.Add(time.Duration(days)*aDay)
		if result != numbers.Withdrawn && result != numbers.Unverified {
			r.AnsweredAt = r.ClosedAt
		}
	}
}

func seq(rows ...numbers.Row) iter.Seq2[numbers.Row, error] {
	return func(yield func(numbers.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func ask(edit ...func(*numbers.Question)) numbers.Question {
	q := numbers.Question{Zone: time.UTC, Now: received.Add(400 * aDay)}
	for _, e := range edit {
		e(&q)
	}
	return q
}

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func summarise(t testing.TB, q numbers.Question, rows ...numbers.Row) numbers.Report {
	t.Helper()
	r, err := numbers.Summarise(seq(rows...), q)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResultOf(t *testing.T) {
	for _, c := range []struct {
		status dsar.Status
		parts  numbers.Parts
		want   numbers.Result
	}{
		{dsar.Fulfilled, numbers.Parts{}, numbers.Complied}, // nothing is held
		{dsar.Fulfilled, numbers.Parts{Done: true}, numbers.Complied},
		{dsar.Fulfilled, numbers.Parts{Done: true, Kept: true}, numbers.InPart},
		{dsar.Fulfilled, numbers.Parts{Kept: true}, numbers.Denied},
		{dsar.PartlyFulfilled, numbers.Parts{Done: true, Left: true}, numbers.InPart},
		{dsar.PartlyFulfilled, numbers.Parts{Left: true}, numbers.InPart},
		{dsar.PartlyFulfilled, numbers.Parts{Kept: true, Left: true}, numbers.InPart},
		{dsar.PartlyFulfilled, numbers.Parts{}, numbers.InPart},
		{dsar.Refused, numbers.Parts{}, numbers.Denied},
		{dsar.NotIdentifiable, numbers.Parts{}, numbers.Denied},
		{dsar.Withdrawn, numbers.Parts{Done: true}, numbers.Withdrawn},
		{dsar.Expired, numbers.Parts{}, numbers.Unverified},
		{dsar.Received, numbers.Parts{}, numbers.Open},
		{dsar.InProgress, numbers.Parts{Done: true}, numbers.Open},
	} {
		if got := numbers.ResultOf(c.status, c.parts); got != c.want {
			t.Errorf("%s %+v: got %s, want %s", c.status, c.parts, got, c.want)
		}
	}
	for _, s := range dsar.Statuses() {
		if s.Final() == (numbers.ResultOf(s, numbers.Parts{}) == numbers.Open) {
			t.Errorf("%s: open and closed do not tally", s)
		}
	}
}

func TestCountsAddUp(t *testing.T) {
	r := summarise(t, ask(),
		row(ended(numbers.Complied, 10)), row(ended(numbers.Complied, 20)), row(ended(numbers.InPart, 40)), row(ended(numbers.Denied, 2)),
		row(ended(numbers.Withdrawn, 1)), row(ended(numbers.Unverified, 30)), row(),
	)
	want := numbers.Count{
		Received: 7, Complied: 2, InPart: 1, Denied: 1, Withdrawn: 1, Unverified: 1, Open: 1, Answered: 4,
		MeanDays: new(18.0), MedianDays: new(15.0), Bases: map[numbers.Basis]int{}, // 2, 10, 20, 40: neither withdrawn nor unverified is in it
	}
	if diff := cmp.Diff(want, r.Total); diff != "" {
		t.Error(diff)
	}
}

func TestMeanAndMedian(t *testing.T) {
	for _, c := range []struct {
		days         []int
		mean, median *float64
	}{
		{nil, nil, nil},
		{[]int{0}, new(0.0), new(0.0)},
		{[]int{45, 1, 2}, new(16.0), new(2.0)},
		{[]int{4, 1}, new(2.5), new(2.5)},
		{[]int{1, 1, 2}, new(1.33), new(1.0)},
		{[]int{90, 1, 3, 2}, new(24.0), new(2.5)},
		{[]int{7, 7, 7, 7}, new(7.0), new(7.0)},
	} {
		var rows []numbers.Row
		for _, n := range c.days {
			rows = append(rows, row(ended(numbers.Complied, n)))
		}
		got := summarise(t, ask(), rows...).Total
		if diff := cmp.Diff([]*float64{c.mean, c.median}, []*float64{got.MeanDays, got.MedianDays}); diff != "" {
			t.Errorf("%v: %s", c.days, diff)
		}
	}
}

func TestDaysAreThoseOfTheWall(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	r := row(func(r *numbers.Row) {
		r.Result = numbers.Complied
		r.ReceivedAt = time.Date(2026, 3, 2, 22, 30, 0, 0, time.UTC) // 23:30 of the 2nd in Berlin
		r.AnsweredAt = time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC) // 00:30 of the 3rd
	})
	if n, ok := r.Days(berlin); n != 1 || !ok {
		t.Errorf("in Berlin: %d, %t", n, ok)
	}
	if n, ok := r.Days(time.UTC); n != 0 || !ok {
		t.Errorf("in UTC: %d, %t", n, ok)
	}
	if _, ok := row().Days(berlin); ok {
		t.Error("an open request has no days")
	}
	// Answered first, opened again: the first answer is what took so long.
	if n, ok := row(func(r *numbers.Row) { r.AnsweredAt = received.Add(3 * aDay) }).Days(berlin); n != 3 || !ok {
		t.Errorf("opened again: %d, %t", n, ok)
	}
}

func TestLate(t *testing.T) {
	due := received.Add(45 * aDay)
	for name, c := range map[string]struct {
		row  numbers.Row
		now  time.Time
		want bool
	}{
		"answered in time":        {row(func(r *numbers.Row) { r.DueAt = due }, ended(numbers.Complied, 40)), due.Add(aDay), false},
		"answered late":           {row(func(r *numbers.Row) { r.DueAt, r.Late = due, true }, ended(numbers.Complied, 50)), due, true},
		"open, before its date":   {row(func(r *numbers.Row) { r.DueAt = due }), due, false},
		"open, past its date":     {row(func(r *numbers.Row) { r.DueAt = due }), due.Add(time.Second), true},
		"open, without a date":    {row(), due.Add(time.Second), false},
		"answered, opened again":  {row(func(r *numbers.Row) { r.DueAt, r.AnsweredAt = due, received.Add(aDay) }), due.Add(aDay), false},
		"withdrawn past its date": {row(func(r *numbers.Row) { r.DueAt = due }, ended(numbers.Withdrawn, 60)), due.Add(90 * aDay), false},
	} {
		if got := c.row.IsLate(c.now); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestPeriodIsOfReceiptInTheZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	newYear := row(func(r *numbers.Row) { r.ReceivedAt = time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC) })
	q := numbers.Question{From: date(t, "2026-01-01"), To: date(t, "2026-12-31"), Zone: time.UTC, Now: received}
	if n := summarise(t, q, newYear).Total.Received; n != 1 {
		t.Errorf("in UTC it is the old year's: %d", n)
	}
	q.Zone = berlin
	if n := summarise(t, q, newYear).Total.Received; n != 0 {
		t.Errorf("in Berlin it is the new year's: %d", n)
	}
	for name, c := range map[string]struct {
		edit func(*numbers.Question)
		want int
	}{
		"everything":    {func(*numbers.Question) {}, 2},
		"a law":         {func(q *numbers.Question) { q.Law = "eu" }, 1},
		"a right":       {func(q *numbers.Question) { q.Right = dsar.Erasure }, 1},
		"its first day": {func(q *numbers.Question) { q.From = date(t, "2026-03-02") }, 2},
		"its last day":  {func(q *numbers.Question) { q.To = date(t, "2026-03-02") }, 2},
		"the day after": {func(q *numbers.Question) { q.From = date(t, "2026-03-03") }, 0},
	} {
		got := summarise(t, ask(c.edit), row(), row(func(r *numbers.Row) { r.Law, r.Right = "eu", dsar.Access }))
		if got.Total.Received != c.want {
			t.Errorf("%s: %d", name, got.Total.Received)
		}
	}
}

func TestWhatCaliforniaPublishes(t *testing.T) {
	r := summarise(t, ask(),
		row(ended(numbers.Complied, 10)), row(ended(numbers.InPart, 20)), row(ended(numbers.Denied, 30)), row(ended(numbers.Unverified, 40)), row(ended(numbers.Withdrawn, 1)),
		row(func(r *numbers.Row) { r.Right = dsar.Access }, ended(numbers.Complied, 4)),
		row(func(r *numbers.Row) { r.Right = dsar.Portability }, ended(numbers.Complied, 8)),
		row(func(r *numbers.Row) { r.Right = dsar.WithdrawConsent }, ended(numbers.Complied, 99)), // 7102 does not count it
		row(func(r *numbers.Row) { r.Law = "us-va" }, ended(numbers.Complied, 99)),                // another law
	)
	want := []numbers.Published{
		{Kind: numbers.Delete, Received: 5, Complied: 2, Denied: 2, MeanDays: new(20.0), MedianDays: new(20.0)},
		{Kind: numbers.Correct}, // zero is published too
		{Kind: numbers.Know, Received: 2, Complied: 2, MeanDays: new(6.0), MedianDays: new(6.0)},
		{Kind: numbers.OptOut},
		{Kind: numbers.Limit},
	}
	if diff := cmp.Diff(want, r.Published); diff != "" {
		t.Error(diff)
	}
	if r := summarise(t, ask(), row(func(r *numbers.Row) { r.Law = "eu" })); r.Published != nil {
		t.Error("nothing is published where California has no requests")
	}
}

func TestBasesOfDenial(t *testing.T) {
	ground := func(codes ...string) func(*numbers.Row) {
		return func(r *numbers.Row) {
			for _, c := range codes {
				r.Grounds = append(r.Grounds, numbers.Ground{Code: c})
			}
		}
	}
	r := summarise(t, ask(),
		row(ended(numbers.Denied, 1), ground("identity")), row(ended(numbers.Unverified, 1), ground("identity")),
		row(ended(numbers.Denied, 1), ground("mandate")), row(ended(numbers.InPart, 1), ground("hold", "keep", "exemption:legal_claims")),
		row(ended(numbers.InPart, 1), ground("exemption", "left_out")), row(ended(numbers.Denied, 1), ground("a code of tomorrow")),
	)
	want := map[numbers.Basis]int{numbers.NotVerifiable: 2, numbers.NotTheirs: 1, numbers.Exempt: 2, numbers.OtherBasis: 2}
	if diff := cmp.Diff(want, r.Total.Bases); diff != "" {
		t.Error(diff)
	}
}

func TestMonthsHaveNoGap(t *testing.T) {
	r := summarise(t, ask(),
		row(func(r *numbers.Row) { r.ReceivedAt = time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC) }),
		row(func(r *numbers.Row) { r.ReceivedAt = time.Date(2025, 11, 30, 12, 0, 0, 0, time.UTC) }),
	)
	var got []string
	for _, m := range r.Months {
		got = append(got, m.Month+strings.Repeat("*", m.Received))
	}
	if diff := cmp.Diff([]string{"2025-11*", "2025-12", "2026-01", "2026-02*"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsNoFailure(t *testing.T) {
	r := summarise(t, ask())
	if r.Total.Received != 0 || r.Lines == nil || r.Months == nil || r.Published != nil {
		t.Errorf("%+v", r)
	}
}

func TestAFailingRowIsNoNumber(t *testing.T) {
	broken := errors.New("no records")
	rows := func(yield func(numbers.Row, error) bool) {
		if yield(row(), nil) {
			yield(numbers.Row{}, broken)
		}
	}
	if _, err := numbers.Summarise(rows, ask()); !errors.Is(err, broken) {
		t.Errorf("counting: %v", err)
	}
	if err := numbers.WriteRecords(&strings.Builder{}, rows, ask()); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}

func TestRecordHoldsWhat7101Names(t *testing.T) {
	var b strings.Builder
	denied := row(func(r *numbers.Row) {
		r.Status, r.Channel, r.DueAt = dsar.Refused, "staff", received.Add(45*aDay)
		r.Grounds = []numbers.Ground{{Code: "exemption:legal_claims", Citation: "Civ. Code 1798.145(a)"}, {Code: "hold"}}
	}, ended(numbers.Denied, 12))
	if err := numbers.WriteRecords(&b, seq(denied, row(func(r *numbers.Row) { r.Law = "eu" })), ask(func(q *numbers.Question) { q.Law = "us-ca" })); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"reference", "law", "right", "channel", "received_on", "due_on", "answered_on", "days", "result", "status", "grounds_of_denial", "late"},
		{"7K3QX-9M2DA", "us-ca", "erasure", "staff", "2026-03-02", "2026-04-16", "2026-03-14", "12", "denied", "refused", "exemption:legal_claims (Civ. Code 1798.145(a)); hold", "false"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAGroundIsNoFormula(t *testing.T) {
	for code, want := range map[string]string{"=1+1": "'=1+1", "@x": "'@x", "-x": "'-x", "hold": "hold"} {
		var b strings.Builder
		r := row(func(r *numbers.Row) { r.Grounds = []numbers.Ground{{Code: code}} }, ended(numbers.Denied, 1))
		if err := numbers.WriteRecords(&b, seq(r), ask()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), ","+want+",") {
			t.Errorf("%q: %s", code, b.String())
		}
	}
}

func TestLinesAsCSV(t *testing.T) {
	var b strings.Builder
	r := summarise(t, ask(), row(ended(numbers.Complied, 10)), row(ended(numbers.Complied, 11)), row(func(r *numbers.Row) { r.Law, r.Right = "eu", dsar.Objection }), row(func(r *numbers.Row) { r.Law, r.Right = "eu", dsar.Access }))
	if err := numbers.WriteLines(&b, r); err != nil {
		t.Fatal(err)
	}
	want := `law,right,received,complied,complied_in_part,denied,withdrawn,unverified,open,late,answered,mean_days,median_days,denied_not_verifiable,denied_not_made_by_consumer,denied_exempt,denied_other
eu,access,1,0,0,0,0,0,1,0,0,,,0,0,0,0
eu,objection,1,0,0,0,0,0,1,0,0,,,0,0,0,0
us-ca,erasure,2,2,0,0,0,0,0,0,2,10.5,10.5,0,0,0,0
all,all,4,2,0,0,0,0,2,0,2,10.5,10.5,0,0,0,0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// Whatever came, the results add up, the parts add up to the whole, and the median lies within what was taken.
func TestNumbersTally(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []numbers.Row
		for range rapid.IntRange(0, 40).Draw(t, "requests") {
			rows = append(rows, row(func(r *numbers.Row) {
				r.Law = rapid.SampledFrom([]string{"", "eu", "us-ca"}).Draw(t, "law")
				r.Right = rapid.SampledFrom(dsar.Rights()).Draw(t, "right")
				r.ReceivedAt = received.Add(time.Duration(rapid.IntRange(0, 500).Draw(t, "day")) * aDay)
			}, ended(rapid.SampledFrom(numbers.Results()[1:]).Draw(t, "result"), rapid.IntRange(0, 99).Draw(t, "days"))))
		}
		r, err := numbers.Summarise(seq(rows...), ask())
		if err != nil {
			t.Fatal(err)
		}
		c := r.Total
		if c.Received != len(rows) || c.Complied+c.InPart+c.Denied+c.Withdrawn+c.Unverified+c.Open != c.Received {
			t.Fatalf("results do not add up: %+v", c)
		}
		if c.Answered != c.Complied+c.InPart+c.Denied || (c.MedianDays == nil) != (c.Answered == 0) {
			t.Fatalf("answers do not add up: %+v", c)
		}
		if c.MedianDays != nil && (*c.MedianDays < 0 || *c.MedianDays > 99 || *c.MeanDays < 0 || *c.MeanDays > 99) {
			t.Fatalf("days out of range: %+v", c)
		}
		lines, months := 0, 0
		for _, l := range r.Lines {
			lines += l.Received
		}
		for _, m := range r.Months {
			months += m.Received
		}
		if lines != c.Received || months != c.Received {
			t.Fatalf("%d in lines and %d in months of %d", lines, months, c.Received)
		}
	})
}
