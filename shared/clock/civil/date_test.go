package civil_test

import (
	"encoding/json"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func date(t testing.TB, s string) civil.Date {
	t.Helper()
	d, err := civil.Parse(s)
	if err != nil {
		t.Fatalf("parsing %s: %v", s, err)
	}
	return d
}

func TestAddMonthsClamps(t *testing.T) {
	for _, c := range []struct {
		from string
		n    int
		want string
	}{
		{"2026-01-31", 1, "2026-02-28"},
		{"2028-01-31", 1, "2028-02-29"},
		{"2028-02-29", 1, "2028-03-29"},
		{"2028-02-29", 12, "2029-02-28"},
		{"2026-08-31", 1, "2026-09-30"},
		{"2026-11-30", 3, "2027-02-28"},
		{"2026-12-31", 2, "2027-02-28"},
		{"2026-12-15", 1, "2027-01-15"},
		{"2026-03-31", -1, "2026-02-28"},
		{"2026-01-15", -1, "2025-12-15"},
		{"2026-05-05", 0, "2026-05-05"},
	} {
		if got := date(t, c.from).AddMonths(c.n); got != date(t, c.want) {
			t.Errorf("%s plus %d months: got %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

// TestEnd has zones that change their clocks at or near midnight, where naive arithmetic names the wrong instant.
func TestEnd(t *testing.T) {
	for _, c := range []struct{ date, zone, want string }{
		{"2026-07-01", "UTC", "2026-07-01T23:59:59.999Z"},
		{"2026-07-01", "Europe/Berlin", "2026-07-01T21:59:59.999Z"},
		{"2026-10-25", "Europe/Berlin", "2026-10-25T22:59:59.999Z"},
		{"2026-12-01", "America/Los_Angeles", "2026-12-02T07:59:59.999Z"},
		{"2026-03-08", "America/Los_Angeles", "2026-03-09T06:59:59.999Z"},
		{"2018-11-03", "America/Sao_Paulo", "2018-11-04T02:59:59.999Z"}, // the next day begins at 01:00
		{"2018-02-17", "America/Sao_Paulo", "2018-02-18T02:59:59.999Z"}, // the hour before midnight comes twice
		{"2026-06-01", "Pacific/Kiritimati", "2026-06-01T09:59:59.999Z"},
		{"2026-06-01", "Pacific/Niue", "2026-06-02T10:59:59.999Z"},
		{"2011-12-30", "Pacific/Apia", "2011-12-30T09:59:59.999Z"}, // a day that never was
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := date(t, c.date).End(zone).Format("2006-01-02T15:04:05.000Z07:00"); got != c.want {
			t.Errorf("end of %s in %s: got %s, want %s", c.date, c.zone, got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "2026-02-29", "2026-2-1", "2026-13-01", "2026-01-01T00:00:00Z", "01/02/2026", "0000-01-01"} {
		if _, err := civil.Parse(s); !fault.Has(err, fault.Invalid) {
			t.Errorf("parsing %q: got %v, want invalid", s, err)
		}
	}
	if _, err := civil.New(2027, time.February, 29); !fault.Has(err, fault.Invalid) {
		t.Errorf("29 February 2027: got %v, want invalid", err)
	}
	if d, err := civil.New(2028, time.February, 29); err != nil || d.String() != "2028-02-29" {
		t.Errorf("29 February 2028: got %s, %v", d, err)
	}
}

func TestWordsAndJSON(t *testing.T) {
	d := date(t, "2027-03-01")
	if got := d.Words(); got != "Monday 1 March 2027" {
		t.Errorf("got %q", got)
	}
	var back struct{ D, Zero civil.Date }
	b, err := json.Marshal(struct{ D, Zero civil.Date }{D: d})
	if err != nil || string(b) != `{"D":"2027-03-01","Zero":""}` {
		t.Fatalf("got %s, %v", b, err)
	}
	if err := json.Unmarshal(b, &back); err != nil || back.D != d || !back.Zero.IsZero() {
		t.Errorf("got %+v, %v", back, err)
	}
}

func anyDate(t *rapid.T, name string) civil.Date {
	return civil.In(time.Unix(rapid.Int64Range(0, 4e9).Draw(t, name), 0), time.UTC)
}

func TestArithmeticProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDate(t, "a"), anyDate(t, "b")
		n := rapid.IntRange(-800, 800).Draw(t, "n")
		months := rapid.IntRange(-36, 36).Draw(t, "months")
		if got := a.AddDays(n).Sub(a); got != n {
			t.Fatalf("%s plus %d days is %d days away", a, n, got)
		}
		if a.Before(b) != (a.Sub(b) < 0) || a.After(b) != (a.Sub(b) > 0) || (a == b) != (a.Compare(b) == 0) {
			t.Fatalf("order of %s and %s", a, b)
		}
		m := a.AddMonths(months)
		if got := (m.Year-a.Year)*12 + int(m.Month-a.Month); got != months || m.Day > a.Day {
			t.Fatalf("%s plus %d months: got %s", a, months, m)
		}
		if m.Day != a.Day && m.AddDays(1).Day != 1 {
			t.Fatalf("%s plus %d months: got %s, which is not the end of its month", a, months, m)
		}
	})
}

func TestEndProperties(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "Europe/London", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Chatham", "Africa/Cairo", "America/Asuncion", "Australia/Lord_Howe", "Atlantic/Azores", "America/Havana"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		d := anyDate(t, "d")
		end := d.End(zone)
		if civil.In(end, zone) != d || civil.In(end.Add(time.Millisecond), zone) != d.AddDays(1) {
			t.Fatalf("%s in %s ends at %s", d, zone, end)
		}
	})
}
