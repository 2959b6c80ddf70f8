package policy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rickar/cal/v2"
	calat "github.com/rickar/cal/v2/at"
	calbe "github.com/rickar/cal/v2/be"
	calbg "github.com/rickar/cal/v2/bg"
	calbr "github.com/rickar/cal/v2/br"
	calca "github.com/rickar/cal/v2/ca"
	calcy "github.com/rickar/cal/v2/cy"
	calcz "github.com/rickar/cal/v2/cz"
	calde "github.com/rickar/cal/v2/de"
	caldk "github.com/rickar/cal/v2/dk"
	calee "github.com/rickar/cal/v2/ee"
	cales "github.com/rickar/cal/v2/es"
	calfi "github.com/rickar/cal/v2/fi"
	calfr "github.com/rickar/cal/v2/fr"
	calgb "github.com/rickar/cal/v2/gb"
	calgr "github.com/rickar/cal/v2/gr"
	calhr "github.com/rickar/cal/v2/hr"
	calhu "github.com/rickar/cal/v2/hu"
	calie "github.com/rickar/cal/v2/ie"
	calis "github.com/rickar/cal/v2/is"
	calit "github.com/rickar/cal/v2/it"
	callt "github.com/rickar/cal/v2/lt"
	callu "github.com/rickar/cal/v2/lu"
	callv "github.com/rickar/cal/v2/lv"
	calmt "github.com/rickar/cal/v2/mt"
	calnl "github.com/rickar/cal/v2/nl"
	calno "github.com/rickar/cal/v2/no"
	calnz "github.com/rickar/cal/v2/nz"
	calpl "github.com/rickar/cal/v2/pl"
	calpt "github.com/rickar/cal/v2/pt"
	calro "github.com/rickar/cal/v2/ro"
	calse "github.com/rickar/cal/v2/se"
	calsi "github.com/rickar/cal/v2/si"
	calsk "github.com/rickar/cal/v2/sk"
	calus "github.com/rickar/cal/v2/us"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// computed is the rules of a library that knows nothing of these files. Left out is what the library has no rules for: days that a
// government names year by year (China, the Philippines, Russia, Vietnam), days that a law moves to Monday (Argentina, Mexico), and
// places it does not know.
var computed = map[string][]*cal.Holiday{
	"at":    calat.Holidays,
	"be":    calbe.Holidays,
	"bg":    calbg.Holidays,
	"br":    calbr.Holidays,
	"ca":    calca.Holidays,
	"cy":    calcy.Holidays,
	"cz":    calcz.Holidays,
	"dk":    caldk.Holidays,
	"ee":    calee.Holidays,
	"es":    cales.Holidays,
	"fi":    calfi.Holidays,
	"fr":    calfr.Holidays,
	"gr":    calgr.Holidays,
	"hr":    calhr.Holidays,
	"hu":    calhu.Holidays,
	"ie":    calie.Holidays,
	"is":    calis.Holidays,
	"it":    calit.Holidays,
	"lt":    callt.Holidays,
	"lu":    callu.Holidays,
	"lv":    callv.Holidays,
	"mt":    calmt.Holidays,
	"nl":    calnl.Holidays,
	"no":    calno.Holidays,
	"nz":    calnz.Holidays,
	"pl":    calpl.Holidays,
	"pt":    calpt.Holidays,
	"ro":    calro.Holidays,
	"se":    calse.Holidays,
	"si":    calsi.Holidays,
	"sk":    calsk.Holidays,
	"us":    calus.Holidays,
	"de-bb": calde.HolidaysBB,
	"de-be": calde.HolidaysBE,
	"de-bw": calde.HolidaysBW,
	"de-by": calde.HolidaysBY,
	"de-hb": calde.HolidaysHB,
	"de-he": calde.HolidaysHE,
	"de-hh": calde.HolidaysHH,
	"de-mv": calde.HolidaysMV,
	"de-ni": calde.HolidaysNI,
	"de-nw": calde.HolidaysNW,
	"de-rp": calde.HolidaysRP,
	"de-sh": calde.HolidaysSH,
	"de-sl": calde.HolidaysSL,
	"de-sn": calde.HolidaysSN,
	"de-st": calde.HolidaysST,
	"de-th": calde.HolidaysTH,
	"uk-ew": calgb.Holidays,
}

// apart is where files and library differ, by calendar and name of the day, and why the file is right.
var apart = map[string]map[string]string{
	"bg": {
		"Ден на труда и на международната работническа солидарност": "Labour Code Art. 154(2): in 2024 the day was a Wednesday and did not move",
		"Labour Day":    "the same",
		"Christmas Day": "Labour Code Art. 154(2): in 2028 only 24 December is on a weekend, so 25, 26 and 27 December are free",
	},
	"br": {
		"Carnaval":       "no national holiday: not in Law 662/1949 nor in those that add to it",
		"Corpus Christi": "the same; by Law 9.093/1995 a matter of towns",
	},
	"ca": {
		"Civic/Provincial Day": "no holiday of Interpretation Act s. 35(1)",
		"Boxing Day":           "no holiday of Interpretation Act s. 35(1)",
		"Christmas Day":        "Interpretation Act s. 35(1) moves no day from a weekend",
		"New Year's Day":       "the same",
		"Remembrance Day":      "the same; Holidays Act s. 3",
		"Canada Day":           "Holidays Act s. 2: moves from a Sunday only, and 1 July 2028 is a Saturday",
		"National Day for Truth and Reconciliation": "Interpretation Act s. 35(1) moves no day from a weekend",
	},
	"de-be": {"80th anniversary of the liberation from Nazism and the end of the Second World War in Europe": "law of 2023, for 8 May 2025 alone"},
	"de-mv": {"Women's Day": "FTG M-V s. 2(1), since 2023"},
	"dk":    {"Grundlovsdag": "no public holiday of the law; shops close"},
	"gr": {
		"Εργατική Πρωτομαγιά": "in 2024 moved to 7 May by decision of the Minister of Labour, as it fell in the week before Easter",
		"Labour Day":          "the same",
	},
	"hu": {"Christmas Eve": "Labour Code s. 102(1) as amended in 2024"},
	"is": {
		"Aðfangadagur": "free only from 13:00: Act 88/1971 Art. 6",
		"Gamlársdagur": "the same",
	},
	"it": {"Saint Francis of Assisi, Patron Saint of Italy": "Law 151/2025, from 2026"},
	"lu": {
		"Nationalfeierdag": "the library has 23 July; Code du travail Art. L. 232-2 has 23 June",
		"National Day":     "the same",
		"Europe Day":       "Code du travail Art. L. 232-2, since 2019",
	},
	"nz": {
		"New Year's Day":           "in the range of 25 December to 15 January: Privacy Act 2020 s. 7(1)",
		"Day after New Year's Day": "the same",
		"Christmas Day":            "the same",
		"Boxing Day":               "the same",
		"Matariki":                 "Te Kāhui o Matariki Public Holiday Act 2022 Sch. 1",
	},
	"sk": {
		"Deň Ústavy Slovenskej republiky":                        "a working day since 2024: Act 241/1993 as amended",
		"Deň boja za slobodu a demokraciu":                       "a working day since November 2025: Act 241/1993 as amended",
		"Deň víťazstva nad fašizmom":                             "a working day in 2026 alone: Act 241/1993 as amended",
		"Sviatok Panny Márie Sedembolestnej, patrónky Slovenska": "the same",
	},
}

// TestCalendarsFollowTheirRules compares all years of the files with what a library computes. Every difference is named above.
func TestCalendarsFollowTheirRules(t *testing.T) {
	set := load(t)
	for _, name := range slices.Sorted(maps.Keys(computed)) {
		c, err := set.Calendar(name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		explained, seen := apart[name], map[string]bool{}
		rules := rulesOf(c, computed[name])
		for d, holiday := range rules {
			if seen[holiday] = seen[holiday] || !c.Holidays[d]; !c.Holidays[d] && explained[holiday] == "" {
				t.Errorf("%s: %s (%s) is not in the file", name, d, holiday)
			}
		}
		for d := range c.Holidays {
			holiday := c.Holiday(d)
			if seen[holiday] = seen[holiday] || rules[d] == ""; rules[d] == "" && explained[holiday] == "" {
				t.Errorf("%s: %s (%s) is in the file alone", name, d, holiday)
			}
		}
		for holiday := range explained {
			if !seen[holiday] {
				t.Errorf("%s: nothing differs over %q", name, holiday)
			}
		}
	}
}

// rulesOf returns the days of the rules that the calendar covers, without those on the weekend.
func rulesOf(c policy.Calendar, rules []*cal.Holiday) map[civil.Date]string {
	out := map[civil.Date]string{}
	for year := c.Covers.From.Year; year <= c.Covers.To.Year; year++ {
		for _, rule := range rules {
			_, observed := rule.Calc(year)
			if d := civil.In(observed, time.UTC); !observed.IsZero() && !slices.Contains(c.Weekend, d.Weekday()) && c.Covers.Contains(d) {
				out[d] = rule.Name
			}
		}
	}
	return out
}

// TestCommonCalendarIsTheEarliest: where the place of a controller is not known, nothing is a holiday that is a working day in one of
// the places it could be in, so no date is later than there.
func TestCommonCalendarIsTheEarliest(t *testing.T) {
	set := load(t)
	places := map[string][]string{"uk": {"uk-ew", "uk-sct", "uk-ni"}, "sat-sun": {"uk", "de", "eu", "ch", "us", "nz"}}
	for name := range computed {
		if strings.HasPrefix(name, "de-") {
			places["de"] = append(places["de"], name)
		} else if !slices.Contains([]string{"br", "ca", "nz", "uk-ew", "us"}, name) {
			places["eu"] = append(places["eu"], name)
		}
	}
	places["eu"] = append(places["eu"], "de", "li")
	if len(places["de"]) != 16 || len(places["eu"]) != 30 {
		t.Fatalf("got %d German states, %d states of the area", len(places["de"]), len(places["eu"]))
	}
	for common, of := range places {
		for _, name := range of {
			neverLater(t, calendar(t, set, common), calendar(t, set, name))
		}
	}
	for _, p := range set.Packs() {
		for _, in := range p.Calendars {
			neverLater(t, p.Calendar, calendar(t, set, in.Calendar))
		}
	}
	if c := calendar(t, set, "eu"); c.Working(date(t, "2026-12-25")) || c.Working(date(t, "2027-01-01")) || !c.Working(date(t, "2026-04-06")) {
		t.Error("25 December and 1 January are holidays of every state, Easter Monday is not")
	}
}

func calendar(t *testing.T, set *policy.Set, name string) policy.Calendar {
	t.Helper()
	c, err := set.Calendar(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// neverLater reports days on which nobody works by the common calendar though people work at the place.
func neverLater(t *testing.T, common, place policy.Calendar) {
	t.Helper()
	for d := date(t, "2023-12-01"); d.Before(date(t, "2031-02-01")); d = d.AddDays(1) {
		if !common.Working(d) && place.Working(d) {
			t.Errorf("%s is no working day in %s and one in %s", d, common.Name, place.Name)
		}
	}
}

// TestEveryCalendarNamesItsDaysAndSources reads every file as strictly as a file from outside.
func TestEveryCalendarNamesItsDaysAndSources(t *testing.T) {
	files := tree(t)
	set, err := policy.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	for file := range files {
		name, isCalendar := strings.CutPrefix(strings.TrimSuffix(file, ".yaml"), "calendars/")
		if !isCalendar || strings.Contains(name, "/") {
			continue
		}
		c := calendar(t, set, name)
		if c.Title == "" || len(c.Weekend) != 2 {
			t.Errorf("%s: title or weekend", name)
		}
		if len(c.Holidays) == 0 {
			continue
		}
		if len(c.Sources) == 0 || c.Covers.From != date(t, "2024-01-01") || c.Covers.To.Before(date(t, "2026-12-31")) {
			t.Errorf("%s: sources or years", name)
		}
		for d := range c.Holidays {
			if c.Working(d) || c.Holiday(d) == "" || c.Why(d) != "a public holiday" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

// TestCalendarKnowsItsLimits: outside the years it covers, only weekends count, which is the earlier date.
func TestCalendarKnowsItsLimits(t *testing.T) {
	set := load(t)
	nz, cn := calendar(t, set, "nz"), calendar(t, set, "cn")
	for _, c := range []struct {
		calendar policy.Calendar
		on       string
		working  bool
		holiday  string
	}{
		{nz, "2026-07-10", false, "Matariki"},
		{nz, "2026-12-25", false, ""}, // closed
		{nz, "2027-01-15", false, ""},
		{nz, "2027-01-18", true, ""},
		{nz, "2030-12-31", false, ""}, // the last day that is known
		{nz, "2031-01-01", true, ""},  // not known to be closed
		{nz, "2031-01-04", false, ""}, // Saturday
		{nz, "2023-12-29", true, ""},  // before the first day that is known
		{cn, "2026-10-10", true, ""},  // a Saturday worked for 7 October
		{cn, "2026-10-07", false, "Day off"},
		{cn, "2026-10-17", false, ""},
		{cn, "2027-10-01", true, ""},
	} {
		d := date(t, c.on)
		if got := c.calendar.Working(d); got != c.working || (c.calendar.Why(d) == "") != c.working || c.calendar.Holiday(d) != c.holiday {
			t.Errorf("%s on %s: working %v, %q, %q", c.calendar.Name, c.on, got, c.calendar.Why(d), c.calendar.Holiday(d))
		}
		if c.calendar.Knows(d) != c.calendar.Covers.Contains(d) {
			t.Errorf("%s: knows %s", c.calendar.Name, c.on)
		}
	}
	if c := calendar(t, set, "sat-sun"); !c.Knows(date(t, "2099-01-01")) {
		t.Error("a calendar of weekends knows every year")
	}
}

func TestCalendarFilesAreStrict(t *testing.T) {
	for _, c := range []struct{ name, file, old, new, text string }{
		{"days out of order", "calendars/nz.yaml", "2024-02-06 Waitangi Day\n", "2024-02-06 Waitangi Day\n  2024-02-05 The day before\n", "2024-02-05 is not after"},
		{"a day twice", "calendars/nz.yaml", "2024-02-06 Waitangi Day\n", "2024-02-06 Waitangi Day\n  2024-02-06 Waitangi Day\n", "2024-02-06 is not after"},
		{"a day without a name", "calendars/nz.yaml", "2024-02-06 Waitangi Day", "2024-02-06", "a date and a name"},
		{"no day of the calendar", "calendars/nz.yaml", "2024-02-06 Waitangi", "2024-02-30 Waitangi", "a date and a name"},
		{"a day outside the years", "calendars/nz.yaml", "covers: [2024-01-01,", "covers: [2024-03-01,", "does not cover 2024-02-06"},
		{"a range outside the years", "calendars/nz.yaml", "[2030-12-25, 2030-12-31]", "[2030-12-25, 2031-01-15]", "does not cover this range"},
		{"years of one date", "calendars/nz.yaml", "covers: [2024-01-01, 2030-12-31]", "covers: [2024-01-01]", "pair of dates"},
		{"a plain holiday outside the years", "calendars/nz.yaml", "weekend: [sat, sun]", "weekend: [sat, sun]\nholidays: [2031-01-01]", "does not cover this day"},
		{"a workday in the week", "calendars/cn.yaml", "workdays: [2024-02-04,", "workdays: [2024-02-05,", "day of the weekend"},
	} {
		files := tree(t)
		edit(t, files, c.file, c.old, c.new)
		if _, err := policy.LoadFS(files); !fault.Has(err, fault.Misconfigured) || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.text)
		}
	}
}
