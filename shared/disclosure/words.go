package disclosure

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	i18ntemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/connector"
)

//go:embed active.en.yaml
var englishMessages []byte

// languages are the words of every language there is a catalogue for.
type languages struct {
	matcher language.Matcher
	words   []*words // in the order of the matcher's tags; English first, the answer to a language nobody translated
}

func newLanguages() (*languages, error) {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	file, err := b.ParseMessageFileBytes(englishMessages, "active.en.yaml")
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue of messages: %w", err)
	}
	l := &languages{matcher: language.NewMatcher([]language.Tag{file.Tag})}
	w := &words{tag: file.Tag, localizer: i18n.NewLocalizer(b, file.Tag.String()), plain: map[string]string{}}
	for _, m := range file.Messages {
		if m.One == "" {
			w.plain[m.ID] = m.Other
		}
	}
	if w.page, err = newPage(w); err != nil {
		return nil, err
	}
	l.words = append(l.words, w)
	return l, nil
}

// in returns the words of the locale, for one goroutine.
func (l *languages) in(locale string) *words {
	_, i, _ := l.matcher.Match(language.Make(locale))
	w := *l.words[i]
	w.printer = message.NewPrinter(w.tag)
	return &w
}

// words speaks one language.
type words struct {
	tag       language.Tag
	localizer *i18n.Localizer
	plain     map[string]string // messages without plural forms, by key
	page      *page
	printer   *message.Printer
}

// say returns the message with the key; pairs are names and values for its placeholders. A missing message is an error: an
// answer with a hole in it is worse than none.
func (w *words) say(key string, pairs ...any) (string, error) {
	text, ok := w.plain[key]
	if !ok {
		return "", errors.New("the catalogue has no message " + key)
	}
	return fill(text, pairs), nil
}

// count returns the plural form of the message for n; {{.N}} in it is n with its thousands separated.
func (w *words) count(key string, n int64, pairs ...any) (string, error) {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n, TemplateParser: i18ntemplate.IdentityParser{}})
	if err != nil {
		return "", err
	}
	return fill(text, append(pairs, "N", w.number(n))), nil
}

// fill puts values in the place of {{.Name}}.
func fill(text string, pairs []any) string {
	if len(pairs) == 0 {
		return text
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{.")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		var name string
		name, text, _ = strings.Cut(rest, "}}")
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				_, _ = fmt.Fprint(&b, pairs[i+1])
			}
		}
	}
}

func (w *words) number(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return w.printer.Sprintf("%d", n)
}

// withheld returns what stands in place of a withheld value. Reasons that have no words of their own share some.
func (w *words) withheld(reason string) string { return w.plain[withheldKey(reason)] }

func withheldKey(reason string) string {
	if _, held := heldKind(reason); held {
		return "withheld.held"
	}
	if reason == connector.WithheldThirdParty || reason == connector.WithheldDenied {
		return "withheld." + reason
	}
	return "withheld.other"
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

// window writes when a collection was read, to the minute: an instant, or from when to when.
func (w *words) window(from, to time.Time, zone *time.Location) (string, error) {
	if from.IsZero() {
		return "", nil
	}
	if to.Before(from) {
		to = from
	}
	from, to = from.In(zone), to.In(zone)
	day, err := w.day(from)
	if err != nil {
		return "", err
	}
	start, end := from.Format("15:04"), to.Format("15:04")
	if from.Format(time.DateOnly) != to.Format(time.DateOnly) {
		last, err := w.day(to)
		if err != nil {
			return "", err
		}
		end = last + ", " + end
	}
	key := "window.span"
	if start == end {
		key = "window.instant"
	}
	return w.say(key, "Day", day, "From", start, "To", end, "Zone", to.Format("MST"))
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
		if s, ok := w.plain["category."+c]; ok {
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
