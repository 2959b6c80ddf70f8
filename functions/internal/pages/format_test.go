package pages

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"
	"pgregory.net/rapid"
)

func english(t testing.TB) *words {
	t.Helper()
	c, err := newCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c.words(language.English)
}

func TestDueChip(t *testing.T) {
	w, now := english(t), at(12, 10, 14, 5)
	for name, c := range map[string]struct {
		due  Due
		want chip
	}{
		"none":          {Due{}, chip{Text: "no date yet"}},
		"far":           {testDue(), chip{Text: "due Tue 22 Dec, 12 days", Title: "Tue 22 Dec 2026, 23:59 CET. One month after receipt, GDPR Art. 12(3)", ISO: "2026-12-22T23:59:00+01:00"}},
		"next year":     {Due{At: at(12, 22, 23, 59).AddDate(0, 1, 0)}, chip{Text: "due Fri 22 Jan 2027, 43 days", Title: "Fri 22 Jan 2027, 23:59 CET", ISO: "2027-01-22T23:59:00+01:00"}},
		"near":          {Due{At: at(12, 15, 0, 0)}, chip{Text: "due Tue 15 Dec, 5 days", Title: "Tue 15 Dec 2026, 00:00 CET", ISO: "2026-12-15T00:00:00+01:00", Tone: "soon"}},
		"tomorrow":      {Due{At: at(12, 11, 0, 1)}, chip{Text: "due Fri 11 Dec, 1 day", Title: "Fri 11 Dec 2026, 00:01 CET", ISO: "2026-12-11T00:01:00+01:00", Tone: "soon"}},
		"today":         {Due{At: at(12, 10, 23, 59)}, chip{Text: "due today (Thu 10 Dec)", Title: "Thu 10 Dec 2026, 23:59 CET", ISO: "2026-12-10T23:59:00+01:00", Tone: "late"}},
		"an hour ago":   {Due{At: at(12, 10, 13, 0)}, chip{Text: "late since today (Thu 10 Dec)", Title: "Thu 10 Dec 2026, 13:00 CET", ISO: "2026-12-10T13:00:00+01:00", Tone: "late"}},
		"late":          {Due{At: at(12, 8, 23, 59)}, chip{Text: "late by 2 days (Tue 8 Dec)", Title: "Tue 8 Dec 2026, 23:59 CET", ISO: "2026-12-08T23:59:00+01:00", Tone: "late"}},
		"in time":       {Due{At: at(12, 8, 23, 59), SettledAt: at(12, 8, 23, 59)}, chip{Text: "in time (Tue 8 Dec)", Title: "Tue 8 Dec 2026, 23:59 CET", ISO: "2026-12-08T23:59:00+01:00", Tone: "done"}},
		"a minute late": {Due{At: at(12, 8, 23, 59), SettledAt: at(12, 9, 0, 0)}, chip{Text: "1 day late (Wed 9 Dec)", Title: "Tue 8 Dec 2026, 23:59 CET", ISO: "2026-12-08T23:59:00+01:00", Tone: "late"}},
	} {
		got, err := w.dueChip(now, c.due)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDaysAreCountedOnTheCalendarOfTheDueDate(t *testing.T) {
	west := time.FixedZone("PST", -8*3600)
	due := time.Date(2026, 12, 22, 23, 59, 0, 0, west)
	// 07:30 UTC on the 22nd is still the 21st in the zone of the due date.
	if got := daysBetween(time.Date(2026, 12, 22, 7, 30, 0, 0, time.UTC), due); got != 1 {
		t.Errorf("%d days, want 1", got)
	}
}

func TestSizes(t *testing.T) {
	w := english(t)
	for n, want := range map[int64]string{0: "0 bytes", 912: "912 bytes", 1000: "1.0 kB", 48_300_000: "48.3 MB", 123_400_000: "123 MB", 1_073_741_824: "1.1 GB", 5_000_000_000_000: "5,000 GB"} {
		got, err := w.bytes(n)
		if err != nil || got != want {
			t.Errorf("%d bytes are %q, want %q (%v)", n, got, want, err)
		}
	}
}

func TestMinutesAreNeverNone(t *testing.T) {
	w := english(t)
	for d, want := range map[time.Duration]string{0: "1 minute", time.Second: "1 minute", time.Minute: "1 minute", 61 * time.Second: "2 minutes"} {
		if got, err := w.minutes(d); err != nil || got != want {
			t.Errorf("%v is %q, want %q (%v)", d, got, want, err)
		}
	}
}

func TestLinkify(t *testing.T) {
	for in, want := range map[string][]Segment{
		"":                                 nil,
		"no link":                          {{Text: "no link"}},
		"see https://a.example.com/x?y=1.": {{Text: "see "}, {"https://a.example.com/x?y=1", "https://a.example.com/x?y=1"}, {Text: "."}},
		"(http://a.test) https://b.test":   {{Text: "("}, {"http://a.test", "http://a.test"}, {Text: ") "}, {"https://b.test", "https://b.test"}},
		"javascript:alert(1)":              {{Text: "javascript:alert(1)"}},
	} {
		if diff := cmp.Diff(want, linkify(in)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func FuzzLinkify(f *testing.F) {
	f.Add("see https://a.example.com/x, http:// https://")
	f.Fuzz(func(t *testing.T, in string) {
		var b strings.Builder
		for _, s := range linkify(in) {
			b.WriteString(s.Text)
			if s.URL != "" && !strings.HasPrefix(s.URL, "http://") && !strings.HasPrefix(s.URL, "https://") {
				t.Errorf("link %q", s.URL)
			}
		}
		if b.String() != in {
			t.Errorf("%q became %q", in, b.String())
		}
	})
}

func TestHeard(t *testing.T) {
	w, all := english(t), testSystems()
	for want, list := range map[string][]SystemProgress{
		"5 of 7 systems have answered.":                    all,
		"We found data in 1 of 2 systems.":                 all[:2],
		"We found data in 2 of 2 systems.":                 {all[0], all[6]},
		"We asked 1 system. It gave us no data about you.": all[1:2],
		"We have asked 2 systems. None has answered yet.":  all[2:4],
		"We asked 2 systems. None gave us data about you.": all[4:6],
		"We have asked 1 system. It has not answered yet.": all[2:3],
	} {
		if got, err := w.heard(list); err != nil || got != want {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
}

func TestStripShowsTheClock(t *testing.T) {
	s := english(t).strip(at(12, 10, 14, 5), Clock{ReceivedAt: at(11, 1, 0, 0), DueAt: at(12, 1, 0, 0), ExtendedTo: at(12, 31, 0, 0), Stops: []Stop{{From: at(12, 5, 0, 0)}}})
	var kinds []string
	for _, f := range s.Facts {
		kinds = append(kinds, f.Kind)
	}
	if diff := cmp.Diff([]string{"received", "due", "stop", "today", "extended"}, kinds); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if s.Extension != (bar{X: "50.0%", Width: "48.0%"}) || s.Track != (bar{X: "2.0%", Width: "48.0%"}) || len(s.Stops) != 1 {
		t.Errorf("track %v, extension %v, stops %v", s.Track, s.Extension, s.Stops)
	}
}

var percentage = regexp.MustCompile(`^\d+\.\d%$`)

func TestStripStaysInside(t *testing.T) {
	w := english(t)
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.IntRange(0, 4).Draw(t, "zero") == 0 {
				return time.Time{}
			}
			return at(1, 1, 0, 0).Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "minutes")) * time.Minute)
		})
		c := Clock{ReceivedAt: instant.Draw(t, "received"), DueAt: instant.Draw(t, "due"), ExtendedTo: instant.Draw(t, "extended"), SettledAt: instant.Draw(t, "settled")}
		c.Stops = []Stop{{From: instant.Draw(t, "from"), To: instant.Draw(t, "to")}}
		s := w.strip(instant.Draw(t, "now"), c)
		for _, b := range append(s.Stops, s.Track, s.Elapsed, s.Extension) {
			if b != (bar{}) && value(t, b.X)+value(t, b.Width) > 100-stripMargin+0.11 {
				t.Fatalf("bar %v leaves the strip", b)
			}
		}
		for _, m := range s.Marks {
			if x := value(t, m.X); x < stripMargin || x > 100-stripMargin {
				t.Fatalf("mark %v leaves the strip", m)
			}
		}
	})
}

func value(t *rapid.T, s string) float64 {
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !percentage.MatchString(s) {
		t.Fatalf("%q is no percentage", s)
	}
	return f
}

// TestColoursContrast reads the tokens of both schemes out of the stylesheet and checks every pair that carries text
// against WCAG 2.2, 1.4.3 (4.5:1), and lines that show where a field is against 1.4.11 (3:1).
func TestColoursContrast(t *testing.T) {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\n\s*\}`).FindAllStringSubmatch(string(stylesheet), 2)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of tokens", len(blocks))
	}
	for i, block := range blocks {
		token := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]+);`).FindAllStringSubmatch(block[1], -1) {
			token[m[1]] = m[2]
		}
		for pair, least := range map[string]float64{
			"text/ground": 4.5, "text/raised": 4.5, "text/wash": 4.5, "faint/ground": 4.5, "faint/raised": 4.5, "faint/wash": 4.5, "accent/ground": 4.5, "accent/wash": 4.5, "accent/raised": 4.5,
			"on-accent/accent": 4.5, "good/good-wash": 4.5, "warn/warn-wash": 4.5, "bad/bad-wash": 4.5, "bad/ground": 4.5, "ground/bad": 4.5, "text/good-wash": 4.5,
			"edge/ground": 3, "focus/ground": 3, "focus/wash": 3, "good/ground": 3,
		} {
			a, b, _ := strings.Cut(pair, "/")
			if got := contrast(t, token[a], token[b]); got < least {
				t.Errorf("scheme %d: %s is %.2f, want %.1f", i, pair, got, least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil {
		t.Fatalf("%q is no colour", hex)
	}
	part := func(shift uint) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func TestStylesheetIsSmallAndStandsAlone(t *testing.T) {
	name, body := Stylesheet()
	if len(body) >= 20_000 {
		t.Errorf("%d bytes", len(body))
	}
	for _, bad := range []string{"url(", "@import", "@font-face", "animation", "transition"} {
		if strings.Contains(string(body), bad) {
			t.Errorf("contains %s", bad)
		}
	}
	if !regexp.MustCompile(`^style\.[0-9a-f]{12}\.css$`).MatchString(name) {
		t.Errorf("name %s", name)
	}
}

func TestPeriodsAndEvents(t *testing.T) {
	w := english(t)
	for text, want := range map[string]string{
		"P3Y after the last order": "3 years after the last order", "P1Y": "1 year", "P10Y (tax law)": "10 years (tax law)", "P90D": "90 days",
		"P6M": "6 months", "P2W": "2 weeks", "Until you withdraw it": "Until you withdraw it", "PT1H": "PT1H", "P1Year": "P1Year", "": "",
	} {
		if got, err := w.period(text); err != nil || got != want {
			t.Errorf("%q is written %q, %v; want %q", text, got, err, want)
		}
	}
	for kind, want := range map[string]string{"case_received": "Request received", "never_heard_of": "Never heard of", "": ""} {
		if got, err := w.event(kind); err != nil || got != want {
			t.Errorf("the event %q is written %q, %v; want %q", kind, got, err, want)
		}
	}
}
