package disclosure

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/connector"
)

//go:embed active.en.yaml
var englishMessages []byte

// newBundle reads the catalogue of messages.
func newBundle() (*i18n.Bundle, error) {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	if _, err := b.ParseMessageFileBytes(englishMessages, "active.en.yaml"); err != nil {
		return nil, fmt.Errorf("reading the catalogue of messages: %w", err)
	}
	return b, nil
}

// words speaks one language. It remembers what has no placeholders.
type words struct {
	tag        language.Tag
	localizer  *i18n.Localizer
	printer    *message.Printer
	moreFields string
	thirdParty string
	denied     string
	otherwise  string
}

// newWords returns the words of the locale, or English ones when nobody translated it.
func newWords(b *i18n.Bundle, locale string) (*words, error) {
	tag, _, _ := language.NewMatcher(b.LanguageTags()).Match(language.Make(locale))
	w := &words{tag: tag, localizer: i18n.NewLocalizer(b, tag.String()), printer: message.NewPrinter(tag)}
	for key, to := range map[string]*string{
		"file.more": &w.moreFields, "withheld.third_party": &w.thirdParty, "withheld.denied": &w.denied, "withheld.other": &w.otherwise,
	} {
		var err error
		if *to, err = w.say(key); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// say returns the message with the key; pairs are names and values for its placeholders. A missing message is an error: an
// answer with a hole in it is worse than none.
func (w *words) say(key string, pairs ...any) (string, error) {
	c := i18n.LocalizeConfig{MessageID: key}
	if len(pairs) > 0 {
		c.TemplateData = named(pairs)
	}
	return w.localizer.Localize(&c)
}

// count returns the plural form of the message for n; {{.N}} in it is n with its thousands separated.
func (w *words) count(key string, n int64, pairs ...any) (string, error) {
	data := named(pairs)
	data["N"] = w.number(n)
	return w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n, TemplateData: data})
}

func named(pairs []any) map[string]any {
	m := make(map[string]any, len(pairs)/2+1)
	for i := 0; i+1 < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

func (w *words) number(n int64) string { return w.printer.Sprintf("%d", n) }

// withheld returns what stands in place of a withheld value.
func (w *words) withheld(reason string) string {
	switch reason {
	case connector.WithheldThirdParty:
		return w.thirdParty
	case connector.WithheldDenied:
		return w.denied
	}
	return w.otherwise
}

// day writes "Tuesday 22 December 2026"; the zero time is empty.
func (w *words) day(t time.Time) (string, error) {
	if t.IsZero() {
		return "", nil
	}
	weekday, err := w.say("weekday." + strconv.Itoa(int(t.Weekday())))
	if err != nil {
		return "", err
	}
	month, err := w.say("month." + strconv.Itoa(int(t.Month())))
	if err != nil {
		return "", err
	}
	return w.say("date", "Weekday", weekday, "Day", t.Day(), "Month", month, "Year", t.Year())
}

// window writes when a collection was read: an instant, or from when to when.
func (w *words) window(from, to time.Time, zone *time.Location) (string, error) {
	if from.IsZero() {
		return "", nil
	}
	from = from.In(zone)
	day := from.Format(time.DateOnly)
	start, end := from.Format("15:04"), from.Format("15:04")
	if !to.IsZero() {
		end = to.In(zone).Format("15:04")
		if last := to.In(zone).Format(time.DateOnly); last != day {
			end = last + " " + end
		}
	}
	key := "window.span"
	if start == end {
		key = "window.instant"
	}
	return w.say(key, "Day", day, "From", start, "To", end, "Zone", from.Format("MST"))
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

// country returns the name of a country code, and anything else as it is.
func (w *words) country(code string) string {
	r, err := language.ParseRegion(code)
	if err != nil || len(code) != 2 || !r.IsCountry() {
		return code
	}
	if name := display.Regions(w.tag).Name(r); name != "" {
		return name
	}
	return code
}

// category turns a data category ("user.contact.phone_number") into words: those of the catalogue, else its own last words.
func (w *words) category(code string) string {
	for c := code; c != ""; {
		if s, err := w.say("category." + c); err == nil {
			return s
		}
		i := strings.LastIndexByte(c, '.')
		if i < 0 {
			break
		}
		c = c[:i]
	}
	s := strings.TrimPrefix(strings.TrimPrefix(code, "user."), "system.")
	return strings.ReplaceAll(strings.ReplaceAll(s, ".", ": "), "_", " ")
}

// period turns an ISO 8601 duration of one unit ("P7Y", "P90D") into words; words stay as they are.
func (w *words) period(s string) (string, error) {
	if len(s) < 3 || s[0] != 'P' {
		return s, nil
	}
	n, err := strconv.Atoi(s[1 : len(s)-1])
	key, known := map[byte]string{'Y': "years", 'M': "months", 'W': "weeks", 'D': "days"}[s[len(s)-1]]
	if err != nil || !known {
		return s, nil //nolint:nilerr // anything that is no such duration is words already
	}
	return w.count("period."+key, int64(n))
}
