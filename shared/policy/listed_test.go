package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// official is the public holidays of a place, typed by hand and computed by nothing; the source is where to check them: month and day, by
// year from 2024 to 2028. Days on the weekend are left out.
type official struct {
	calendar, source string
	years            [5]string
}

var published = []official{
	{"uk-ew", "https://www.gov.uk/bank-holidays (substitute days for Boxing Day 2026, Christmas and Boxing Day 2027, New Year's Day 2028)", [5]string{
		"01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
		"01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26",
		"01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
		"01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
		"01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26",
	}},
	{"uk-sct", "https://www.gov.uk/bank-holidays (2 January, 30 November and first Monday of August; 15 June 2026 by proclamation)", [5]string{
		"01-01 01-02 03-29 05-06 05-27 08-05 12-02 12-25 12-26",
		"01-01 01-02 04-18 05-05 05-26 08-04 12-01 12-25 12-26",
		"01-01 01-02 04-03 05-04 05-25 06-15 08-03 11-30 12-25 12-28",
		"01-01 01-04 03-26 05-03 05-31 08-02 11-30 12-27 12-28",
		"01-03 01-04 04-14 05-01 05-29 08-07 11-30 12-25 12-26",
	}},
	{"uk-ni", "https://www.gov.uk/bank-holidays (17 March and 12 July with their substitute days)", [5]string{
		"01-01 03-18 03-29 04-01 05-06 05-27 07-12 08-26 12-25 12-26",
		"01-01 03-17 04-18 04-21 05-05 05-26 07-14 08-25 12-25 12-26",
		"01-01 03-17 04-03 04-06 05-04 05-25 07-13 08-31 12-25 12-28",
		"01-01 03-17 03-26 03-29 05-03 05-31 07-12 08-30 12-27 12-28",
		"01-03 03-17 04-14 04-17 05-01 05-29 07-12 08-28 12-25 12-26",
	}},
	{"de-by", "Bavaria: FTG Art. 1(1), https://www.gesetze-bayern.de/Content/Document/BayFTG", [5]string{
		"01-01 03-29 04-01 05-01 05-09 05-20 05-30 10-03 11-01 12-25 12-26",
		"01-01 01-06 04-18 04-21 05-01 05-29 06-09 06-19 10-03 12-25 12-26",
		"01-01 01-06 04-03 04-06 05-01 05-14 05-25 06-04 12-25",
		"01-01 01-06 03-26 03-29 05-06 05-17 05-27 11-01",
		"01-06 04-14 04-17 05-01 05-25 06-05 06-15 10-03 11-01 12-25 12-26",
	}},
	{"de-be", "Berlin: Gesetz über die Sonn- und Feiertage s. 1, with 8 March, and 8 May 2025 once, https://gesetze.berlin.de/", [5]string{
		"01-01 03-08 03-29 04-01 05-01 05-09 05-20 10-03 12-25 12-26",
		"01-01 04-18 04-21 05-01 05-08 05-29 06-09 10-03 12-25 12-26",
		"01-01 04-03 04-06 05-01 05-14 05-25 12-25",
		"01-01 03-08 03-26 03-29 05-06 05-17",
		"03-08 04-14 04-17 05-01 05-25 06-05 10-03 12-25 12-26",
	}},
	{"de-sn", "Saxony: SächsSFG s. 1(1), with the day of repentance, https://www.revosax.sachsen.de/vorschrift/3997", [5]string{
		"01-01 03-29 04-01 05-01 05-09 05-20 10-03 10-31 11-20 12-25 12-26",
		"01-01 04-18 04-21 05-01 05-29 06-09 10-03 10-31 11-19 12-25 12-26",
		"01-01 04-03 04-06 05-01 05-14 05-25 11-18 12-25",
		"01-01 03-26 03-29 05-06 05-17 11-17",
		"04-14 04-17 05-01 05-25 06-05 10-03 10-31 11-22 12-25 12-26",
	}},
	{"us", "https://www.opm.gov/policy-data-oversight/pay-leave/federal-holidays/ (Saturday: the Friday before; Sunday: the Monday after)", [5]string{
		"01-01 01-15 02-19 05-27 06-19 07-04 09-02 10-14 11-11 11-28 12-25",
		"01-01 01-20 02-17 05-26 06-19 07-04 09-01 10-13 11-11 11-27 12-25",
		"01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
		"01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
		"01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25",
	}},
	{"us-ca", "https://www.calhr.ca.gov/employees/pages/state-holidays.aspx (Sunday: the Monday after; Saturday: no day, but Veterans Day the Friday before)", [5]string{
		"01-01 01-15 02-19 04-01 05-27 07-04 09-02 11-11 11-28 11-29 12-25",
		"01-01 01-20 02-17 03-31 05-26 07-04 09-01 11-11 11-27 11-28 12-25",
		"01-01 01-19 02-16 03-31 05-25 09-07 11-11 11-26 11-27 12-25",
		"01-01 01-18 02-15 03-31 05-31 07-05 09-06 11-11 11-25 11-26",
		"01-17 02-21 03-31 05-29 07-04 09-04 11-10 11-23 11-24 12-25",
	}},
	{"nz", "https://www.employment.govt.nz/leave-and-holidays/public-holidays/public-holidays-and-anniversary-dates; Privacy Act 2020 s. 7(1); 25 December to 15 January besides", [5]string{
		"02-06 03-29 04-01 04-25 06-03 06-28 10-28",
		"02-06 04-18 04-21 04-25 06-02 06-20 10-27",
		"02-06 04-03 04-06 04-27 06-01 07-10 10-26",
		"02-08 03-26 03-29 04-26 06-07 06-25 10-25",
		"02-07 04-14 04-17 04-25 06-05 07-14 10-23",
	}},
	{"at", "Austria: Arbeitsruhegesetz s. 7(2), https://www.ris.bka.gv.at/GeltendeFassung.wxe?Abfrage=Bundesnormen&Gesetzesnummer=10008541", [5]string{
		"01-01 04-01 05-01 05-09 05-20 05-30 08-15 11-01 12-25 12-26",
		"01-01 01-06 04-21 05-01 05-29 06-09 06-19 08-15 12-08 12-25 12-26",
		"01-01 01-06 04-06 05-01 05-14 05-25 06-04 10-26 12-08 12-25",
		"01-01 01-06 03-29 05-06 05-17 05-27 10-26 11-01 12-08",
		"01-06 04-17 05-01 05-25 06-05 06-15 08-15 10-26 11-01 12-08 12-25 12-26",
	}},
	{"fr", "France: Code du travail Art. L3133-1, https://www.service-public.fr/particuliers/vosdroits/F2405", [5]string{
		"01-01 04-01 05-01 05-08 05-09 05-20 08-15 11-01 11-11 12-25",
		"01-01 04-21 05-01 05-08 05-29 06-09 07-14 08-15 11-11 12-25",
		"01-01 04-06 05-01 05-08 05-14 05-25 07-14 11-11 12-25",
		"01-01 03-29 05-06 05-17 07-14 11-01 11-11",
		"04-17 05-01 05-08 05-25 06-05 07-14 08-15 11-01 12-25",
	}},
	{"ie", "Ireland: Organisation of Working Time Act 1997 Sch. 2, https://www.citizensinformation.ie/en/employment/employment-rights-and-conditions/leave-and-holidays/public-holidays/", [5]string{
		"01-01 02-05 04-01 05-06 06-03 08-05 10-28 12-25 12-26",
		"01-01 02-03 03-17 04-21 05-05 06-02 08-04 10-27 12-25 12-26",
		"01-01 02-02 03-17 04-06 05-04 06-01 08-03 10-26 12-25",
		"01-01 02-01 03-17 03-29 05-03 06-07 08-02 10-25",
		"02-07 03-17 04-17 05-01 06-05 08-07 10-30 12-25 12-26",
	}},
	{"nl", "Netherlands: Algemene termijnenwet Art. 3, https://wetten.overheid.nl/BWBR0002448 (with Good Friday and 5 May)", [5]string{
		"01-01 03-29 04-01 05-09 05-20 12-25 12-26",
		"01-01 04-18 04-21 05-05 05-29 06-09 12-25 12-26",
		"01-01 04-03 04-06 04-27 05-05 05-14 05-25 12-25",
		"01-01 03-26 03-29 04-27 05-05 05-06 05-17",
		"04-14 04-17 04-27 05-05 05-25 06-05 12-25 12-26",
	}},
	{"pl", "Poland: Act of 18 January 1951 Art. 1, 24 December from 2025, https://isap.sejm.gov.pl/isap.nsf/DocDetails.xsp?id=WDU19510040028", [5]string{
		"01-01 04-01 05-01 05-03 05-30 08-15 11-01 11-11 12-25 12-26",
		"01-01 01-06 04-21 05-01 06-19 08-15 11-11 12-24 12-25 12-26",
		"01-01 01-06 04-06 05-01 06-04 11-11 12-24 12-25",
		"01-01 01-06 03-29 05-03 05-27 11-01 11-11 12-24",
		"01-06 04-17 05-01 05-03 06-15 08-15 11-01 12-25 12-26",
	}},
	{"se", "Sweden: Acts 1989:253 and 1930:173 s. 2, https://www.riksdagen.se/ (with the eves of Midsummer, Christmas and New Year)", [5]string{
		"01-01 03-29 04-01 05-01 05-09 06-06 06-21 12-24 12-25 12-26 12-31",
		"01-01 01-06 04-18 04-21 05-01 05-29 06-06 06-20 12-24 12-25 12-26 12-31",
		"01-01 01-06 04-03 04-06 05-01 05-14 06-19 12-24 12-25 12-31",
		"01-01 01-06 03-26 03-29 05-06 06-25 12-24 12-31",
		"01-06 04-14 04-17 05-01 05-25 06-06 06-23 12-25 12-26",
	}},
	{"ca", "Canada: Interpretation Act s. 35(1), Holidays Act s. 2, https://laws-lois.justice.gc.ca/eng/acts/I-21/section-35.html", [5]string{
		"01-01 03-29 04-01 05-20 07-01 09-02 09-30 10-14 11-11 12-25",
		"01-01 04-18 04-21 05-19 07-01 09-01 09-30 10-13 11-11 12-25",
		"01-01 04-03 04-06 05-18 07-01 09-07 09-30 10-12 11-11 12-25",
		"01-01 03-26 03-29 05-24 07-01 09-06 09-30 10-11 11-11",
		"04-14 04-17 05-22 09-04 10-09 12-25",
	}},
	{"mx", "Mexico: Ley Federal del Trabajo Art. 74, https://www.diputados.gob.mx/LeyesBiblio/ref/lft.htm (1 October 2024: change of the executive)", [5]string{
		"01-01 02-05 03-18 05-01 09-16 10-01 11-18 12-25",
		"01-01 02-03 03-17 05-01 09-16 11-17 12-25",
		"01-01 02-02 03-16 05-01 09-16 11-16 12-25",
		"01-01 02-01 03-15 09-16 11-15",
		"02-07 03-20 05-01 11-20 12-25",
	}},
	{"br", "Brazil: Laws 662/1949, 6.802/1980, 10.607/2002, 14.759/2023; Good Friday by Law 9.093/1995, https://www.planalto.gov.br/ccivil_03/leis/l0662.htm", [5]string{
		"01-01 03-29 05-01 11-15 11-20 12-25",
		"01-01 04-18 04-21 05-01 11-20 12-25",
		"01-01 04-03 04-21 05-01 09-07 10-12 11-02 11-20 12-25",
		"01-01 03-26 04-21 09-07 10-12 11-02 11-15",
		"04-14 04-21 05-01 09-07 10-12 11-02 11-15 11-20 12-25",
	}},
}

// TestListedHolidays: the calendars have the days of the official lists, no more and no fewer.
func TestListedHolidays(t *testing.T) {
	set := load(t)
	for _, list := range published {
		c, err := set.Calendar(list.calendar)
		if err != nil {
			t.Fatalf("%s: %v", list.calendar, err)
		}
		for i, days := range list.years {
			year := 2024 + i
			if diff := cmp.Diff(strings.Fields(days), holidays(t, c.Holidays, year)); diff != "" {
				t.Errorf("%s in %d (-%s +file):\n%s", list.calendar, year, list.source, diff)
			}
		}
	}
}

// holidays returns month and day of the days of the year, in order.
func holidays(t *testing.T, days map[civil.Date]bool, year int) []string {
	t.Helper()
	out := []string{}
	for d := range days {
		if d.Year == year {
			out = append(out, d.String()[len("2006-"):])
		}
	}
	slices.Sort(out)
	return out
}
