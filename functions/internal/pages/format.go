package pages

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// day writes "Tuesday 22 December 2026"; the zero time is empty.
func (w *words) day(t time.Time) (string, error) { return w.date(t, "date.long", "long") }

// dayShort writes "Tue 22 Dec 2026"; the year is left out when it is that of now.
func (w *words) dayShort(now, t time.Time) (string, error) {
	if !now.IsZero() && now.In(t.Location()).Year() == t.Year() {
		return w.date(t, "date.noyear", "short")
	}
	return w.date(t, "date.short", "short")
}

// instant writes "Tue 22 Dec 2026, 23:59 CET".
func (w *words) instant(t time.Time) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	d, err := w.date(t, "date.short", "short")
	if err != nil {
		return "", err
	}
	return w.say("date.instant", "Date", d, "Time", t.Format("15:04"), "Zone", t.Format("MST"))
}

func (w *words) date(t time.Time, key, form string) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	weekday, err := w.say("weekday." + strconv.Itoa(int(t.Weekday())) + "." + form)
	if err != nil {
		return "", err
	}
	month, err := w.say("month." + strconv.Itoa(int(t.Month())) + "." + form)
	if err != nil {
		return "", err
	}
	return w.say(key, "Weekday", weekday, "Day", t.Day(), "Month", month, "Year", t.Year())
}

// minutes writes a waiting time in whole minutes, at least one.
func (w *words) minutes(d time.Duration) (string, error) {
	return w.count("minutes", max(1, int((d+time.Minute-1)/time.Minute)))
}

// duration is an ISO 8601 duration of one unit at the beginning of a text.
var duration = regexp.MustCompile(`^P([0-9]{1,4})([YMWD])\b`)

// period writes the duration at the beginning of a text in words: "P3Y after leaving" is "3 years after leaving".
func (w *words) period(text string) (string, error) {
	m := duration.FindStringSubmatch(text)
	if m == nil {
		return text, nil
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return "", fmt.Errorf("reading a duration: %w", err)
	}
	spelled, err := w.count("period."+m[2], n)
	return spelled + text[len(m[0]):], err
}

// event says what an entry of the evidence is about.
func (w *words) event(kind string) (string, error) {
	if slices.Contains(EventKinds(), kind) || slices.Contains(ProofEvents(), kind) {
		return w.say("event." + kind)
	}
	name := strings.ReplaceAll(kind, "_", " ")
	return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):], nil
}

// bytes writes a size with the unit a file manager would show: 1 kB is 1,000 bytes.
func (w *words) bytes(n int64) (string, error) {
	size, unit := float64(n), 0
	units := []string{"b", "kb", "mb", "gb"}
	for size >= 1000 && unit < len(units)-1 {
		size, unit = size/1000, unit+1
	}
	format := "%.1f"
	if unit == 0 || size >= 100 {
		format = "%.0f"
	}
	return w.say("size."+units[unit], "Size", w.printer.Sprintf(format, size))
}

// daysBetween counts calendar days from a to b, both taken as dates in the location of b; negative when b lies before a.
func daysBetween(a, b time.Time) int {
	date := func(t time.Time) time.Time {
		y, m, d := t.In(b.Location()).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(date(b).Sub(date(a)) / (24 * time.Hour))
}

// Segment is a run of text, or a link when URL is set.
type Segment struct{ Text, URL string }

// linkify splits text into runs and the http and https addresses in it, so that a letter shows its links. The punctuation
// that ends a sentence is not part of an address.
func linkify(text string) []Segment {
	var out []Segment
	for text != "" {
		at := nextLink(text)
		if at < 0 {
			return append(out, Segment{Text: text})
		}
		end := strings.IndexAny(text[at:], " \t\r\n<>\"")
		if end < 0 {
			end = len(text) - at
		}
		url := strings.TrimRight(text[at:at+end], ".,;:!?)")
		if at > 0 {
			out = append(out, Segment{Text: text[:at]})
		}
		out = append(out, Segment{Text: url, URL: url})
		text = text[at+len(url):]
	}
	return out
}

func nextLink(text string) int {
	at := -1
	for _, scheme := range []string{"https://", "http://"} {
		if i := strings.Index(text, scheme); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}

// paragraphs splits plain text at empty lines. Line ends inside a paragraph stay.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if p = strings.Trim(p, "\n"); p != "" {
			out = append(out, p)
		}
	}
	return out
}
