package clock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// vectorEntry is one value of date_vectors, as written. Pointers tell a missing key from a zero.
type vectorEntry struct {
	ID           string `yaml:"id"`
	Jurisdiction string `yaml:"jurisdiction"`
	Calendar     string `yaml:"calendar"`
	StartDate    string `yaml:"start_date"`
	Period       *struct {
		Value *int   `yaml:"value"`
		Unit  string `yaml:"unit"`
	} `yaml:"period"`
	ClockStops []struct {
		From string `yaml:"from"`
		To   string `yaml:"to"`
	} `yaml:"clock_stops"`
	StopCount       string `yaml:"stop_count"`
	Roll            *bool  `yaml:"roll"`
	ExcludedDays    *int   `yaml:"excluded_days"`
	Unrolled        string `yaml:"unrolled"`
	ExpectedDue     string `yaml:"expected_due"`
	ExpectedWeekday string `yaml:"expected_weekday"`
	ReceivedAtUTC   string `yaml:"received_at_utc"`
	Timezone        string `yaml:"timezone"`
}

// vector is a vectorEntry that was understood.
type vector struct {
	entry    vectorEntry
	cal      policy.Calendar
	start    civil.Date
	amount   policy.Amount
	pauses   []pause
	unrolled civil.Date
	due      civil.Date
	received time.Time      // zero when the vector starts from a date
	zone     *time.Location // nil when received is zero
}

// parse reads one entry. Every key but received_at_utc and timezone is needed, so that a misspelt one cannot go unseen.
func (c *checker) parse(e vectorEntry) (vector, error) {
	v := vector{entry: e}
	if err := e.complete(); err != nil {
		return v, err
	}
	cal, ok := c.calendars[e.Calendar]
	if !ok {
		return v, fault.New(fault.Invalid, "calendar: there is no such test calendar")
	}
	v.cal, v.amount = cal, policy.Amount{Value: *e.Period.Value, Unit: policy.Unit(e.Period.Unit)}
	for _, d := range []struct {
		key, text string
		into      *civil.Date
	}{{"start_date", e.StartDate, &v.start}, {"unrolled", e.Unrolled, &v.unrolled}, {"expected_due", e.ExpectedDue, &v.due}} {
		parsed, err := civil.Parse(d.text)
		if err != nil {
			return v, fmt.Errorf("%s: %w", d.key, err)
		}
		*d.into = parsed
	}
	for _, stop := range e.ClockStops {
		from, err := civil.Parse(stop.From)
		if err != nil {
			return v, fmt.Errorf("clock_stops: %w", err)
		}
		to, err := civil.Parse(stop.To)
		if err != nil {
			return v, fmt.Errorf("clock_stops: %w", err)
		}
		if to.Before(from) {
			return v, fault.New(fault.Invalid, "clock_stops: a stop ends before it begins")
		}
		v.pauses = append(v.pauses, pause{from, to, policy.DayCount(e.StopCount)})
	}
	return v, v.parseReceipt()
}

// complete says what is missing or not one of the words of the format.
func (e vectorEntry) complete() error {
	units := []policy.Unit{policy.CalendarDays, policy.BusinessDays, policy.CalendarMonths, policy.Hours}
	counts := []policy.DayCount{policy.Inclusive, policy.ExclusiveOfFirstDay}
	_, weekday := policy.ParseWeekday(strings.ToLower(e.ExpectedWeekday))
	for _, rule := range []struct {
		holds bool
		text  string
	}{
		{e.ID != "", "id: missing"},
		{e.Calendar != "", "calendar: missing"},
		{e.Period != nil && e.Period.Value != nil, "period: missing, or without a value"},
		{e.Period == nil || e.Period.Value == nil || (*e.Period.Value >= 0 && *e.Period.Value <= 10_000), "period: want a value from 0 to 10000"},
		{e.Period == nil || slices.Contains(units, policy.Unit(e.Period.Unit)), "period: want the unit calendar_days, business_days, calendar_months or hours"},
		{e.ClockStops != nil, "clock_stops: missing; want [] for none"},
		{slices.Contains(counts, policy.DayCount(e.StopCount)), "stop_count: want inclusive or exclusive_of_first_day"},
		{e.Roll != nil, "roll: missing; want true or false"},
		{e.ExcludedDays != nil, "excluded_days: missing"},
		{weekday, "expected_weekday: want Mon, Tue, Wed, Thu, Fri, Sat or Sun"},
		{(e.ReceivedAtUTC == "") == (e.Timezone == ""), "received_at_utc and timezone belong together"},
		{e.Period == nil || policy.Unit(e.Period.Unit) != policy.Hours || (e.ReceivedAtUTC != "" && len(e.ClockStops) == 0), "a period in hours needs received_at_utc and no clock_stops"},
	} {
		if !rule.holds {
			return fault.New(fault.Invalid, rule.text)
		}
	}
	return nil
}

func (v *vector) parseReceipt() error {
	if v.entry.Timezone == "" {
		return nil
	}
	received, err := time.Parse(time.RFC3339, v.entry.ReceivedAtUTC)
	if err != nil {
		return fault.New(fault.Invalid, "received_at_utc: want an instant as in RFC 3339")
	}
	zone, err := time.LoadLocation(v.entry.Timezone)
	if err != nil || v.entry.Timezone == "Local" {
		return fault.New(fault.Invalid, "timezone: there is no such time zone")
	}
	v.received, v.zone = received, zone
	return nil
}

// compare computes the vector and returns where it disagrees with the file.
func (v vector) compare() []Mismatch {
	start, lost := v.start, 0
	if v.zone != nil {
		start = civil.In(v.received, v.zone)
	}
	var unrolled civil.Date
	if v.amount.Unit == policy.Hours {
		unrolled = civil.In(v.received.Add(time.Duration(v.amount.Value)*time.Hour), v.zone)
	} else {
		lost = excluded(start, v.amount.Unit, v.pauses, v.cal)
		unrolled = add(start, v.amount, lost, v.cal)
	}
	due := unrolled
	if *v.entry.Roll && v.amount.Unit != policy.Hours {
		due = roll(unrolled, v.cal)
	}
	var out []Mismatch
	for _, pair := range []struct{ field, got, want string }{
		{"start_date", start.String(), v.start.String()},
		{"excluded_days", strconv.Itoa(lost), strconv.Itoa(*v.entry.ExcludedDays)},
		{"unrolled", unrolled.String(), v.unrolled.String()},
		{"expected_due", due.String(), v.due.String()},
		{"expected_weekday", due.Weekday().String()[:3], v.entry.ExpectedWeekday},
	} {
		if pair.got != pair.want && !(pair.field == "expected_weekday" && strings.EqualFold(pair.got, pair.want)) {
			out = append(out, Mismatch{Field: pair.field, Got: pair.got, Want: pair.want})
		}
	}
	return out
}
