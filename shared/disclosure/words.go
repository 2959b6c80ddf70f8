package disclosure

import (
	"embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	i18ntemplate "github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/connector"
)

//go:embed active.*.yaml
var catalogues embed.FS

// languageNames are the languages of the page, as letters have them, English first: the answer to a language nobody translated.
func languageNames() []string { return []string{"en", "de", "fr", "es", "it", "nl", "pl", "pt-PT"} }

// languages are the words of every language there is a catalogue for. A language is read when the first answer is written in it.
type languages struct {
	matcher language.Matcher
	words   []func() (*words, error) // in the order of the matcher's tags
}

func newLanguages() (*languages, error) {
	l := &languages{}
	var tags []language.Tag
	for _, name := range languageNames() {
		tag, err := language.Parse(name)
		if err != nil {
			return nil, fmt.Errorf("naming a language: %w", err)
		}
		tags = append(tags, tag)
		l.words = append(l.words, sync.OnceValues(func() (*words, error) { return readWords(tag) }))
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// readWords reads the catalogue of one language.
func readWords(tag language.Tag) (*words, error) {
	base, _ := tag.Base()
	name := "active." + base.String() + ".yaml"
	raw, err := catalogues.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue of messages: %w", err)
	}
	file, err := i18n.ParseMessageFileBytes(raw, name, map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue of messages: %w", err)
	}
	if base.String() == "fr" {
		typeset(file.Messages)
	}
	b := i18n.NewBundle(tag)
	if err := b.AddMessages(tag, file.Messages...); err != nil {
		return nil, fmt.Errorf("preparing the catalogue of messages: %w", err)
	}
	w := &words{tag: tag, localizer: i18n.NewLocalizer(b, tag.String()), plain: map[string]string{}}
	for _, m := range file.Messages {
		if m.One == "" {
			w.plain[m.ID] = m.Other
		}
	}
	if w.page, err = newPage(w); err != nil {
		return nil, err
	}
	return w, nil
}

// typeset keeps French signs with the word before them.
func typeset(messages []*i18n.Message) {
	r := strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", "« ", "«\u00a0", " »", "\u00a0»")
	for _, m := range messages {
		m.One, m.Many, m.Other = r.Replace(m.One), r.Replace(m.Many), r.Replace(m.Other)
	}
}

// Language returns the language (ISO 639-1) in which the page answers somebody of the locale.
func (a *Assembler) Language(locale string) string {
	_, i, _ := a.languages.matcher.Match(language.Make(locale))
	name, _, _ := strings.Cut(languageNames()[i], "-")
	return name
}

// in returns the words of the locale, for one goroutine.
func (l *languages) in(locale string) (*words, error) {
	_, i, _ := l.matcher.Match(language.Make(locale))
	shared, err := l.words[i]()
	if err != nil {
		return nil, err
	}
	w := *shared
	w.printer = message.NewPrinter(w.tag)
	return &w, nil
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
	if isHeld(reason) {
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
	number := strconv.Itoa(t.Day())
	if number == "1" {
		if number, err = w.say("date.first"); err != nil { // French and Italian count the first of a month
			return "", err
		}
	}
	return w.say("date", "Weekday", weekday, "Day", number, "Month", month, "Year", t.Year())
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
