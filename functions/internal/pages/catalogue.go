package pages

import (
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/message"
	"golang.org/x/text/unicode/norm"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

//go:embed active.en.yaml
var englishMessages []byte

// catalogue holds the messages of every language. English comes first: it is the answer to a language nobody translated.
type catalogue struct {
	bundle    *i18n.Bundle
	languages []language.Tag
}

func newCatalogue() (*catalogue, error) {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	if _, err := b.ParseMessageFileBytes(englishMessages, "active.en.yaml"); err != nil {
		return nil, err
	}
	return &catalogue{bundle: b, languages: []language.Tag{language.English}}, nil
}

// words speaks one language: messages, numbers, dates, names of countries.
type words struct {
	tag       language.Tag
	localizer *i18n.Localizer
	printer   *message.Printer
	countries []Country
}

func (c *catalogue) words(tag language.Tag) *words {
	return &words{
		tag:       tag,
		localizer: i18n.NewLocalizer(c.bundle, tag.String()),
		printer:   message.NewPrinter(tag),
		countries: countries(tag),
	}
}

// say returns the message with the key; pairs are names and values for its placeholders. A missing message is an error:
// a page with a hole in it is worse than none.
func (w *words) say(key string, pairs ...any) (string, error) {
	data, err := named(pairs...)
	if err != nil {
		return "", fmt.Errorf("saying %s: %w", key, err)
	}
	return w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, TemplateData: data})
}

// count returns the plural form of the message for n; {{.N}} in it is n with its thousands separated.
func (w *words) count(key string, n int, pairs ...any) (string, error) {
	data, err := named(pairs...)
	if err != nil {
		return "", fmt.Errorf("saying %s: %w", key, err)
	}
	data["N"] = w.number(n)
	return w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: n, TemplateData: data})
}

// word returns the message "<kind>.<value>[.<form>]" of an enumeration's value.
func (w *words) word(kind string, value any, form ...string) (string, error) {
	return w.say(strings.Join(append([]string{kind, fmt.Sprint(value)}, form...), "."))
}

// problem returns what is wrong with a field, and how to put it right: the field's own words, else the general ones.
func (w *words) problem(field string, p Problem) (string, error) {
	if s, err := w.say("problem." + field + "." + string(p)); err == nil {
		return s, nil
	}
	return w.say("problem." + string(p))
}

func (w *words) number(n int) string { return w.printer.Sprintf("%d", n) }

func (w *words) funcs() template.FuncMap {
	sheet, _ := Stylesheet()
	symbol, _ := Icon()
	return template.FuncMap{
		"t": w.say, "tn": w.count, "word": w.word, "problem": w.problem, "n": w.number, "bytes": w.bytes,
		"day": w.day, "dayShort": w.dayShort, "instant": w.instant, "iso": func(t time.Time) string { return t.Format(time.RFC3339) },
		"dueChip": w.dueChip, "strip": w.strip, "heard": w.heard, "holding": holding, "total": total, "minutes": w.minutes, "period": w.period, "event": w.event,
		"detail": w.detail, "evidenceKind": w.evidenceKind, "requesterKinds": RequesterKinds, "ageBands": AgeBands,
		"lang": func() string { return w.tag.String() }, "countries": func() []Country { return w.countries }, "country": w.country,
		"args": named, "list": func(v ...any) []any { return v }, "str": func(v any) string { return fmt.Sprint(v) },
		"stylesheet": func() string { return AssetPath + sheet },
		"icon":       func() string { return AssetPath + symbol },
		"statuses":   dsar.Statuses, "rights": dsar.Rights, "holdScopes": HoldScopes, "authorityKinds": AuthorityKinds, "authorityDecisions": AuthorityDecisions, "authorityWhoms": AuthorityWhoms, "subOutcomes": SubOutcomes, "lawStates": LawStates, "lawTrusts": LawTrusts, "outcomeTone": outcomeTone, "statusTone": statusTone, "link": linkify, "paragraphs": paragraphs,
		"letterOf": func(i int) string { return string(rune('A' + i%26)) },
	}
}

// Country is one choice of the country question: the ISO 3166-1 alpha-2 code and its name in the language of the page.
type Country struct{ Code, Name string }

// notCountries are codes that CLDR treats as territories although ISO 3166-1 only reserves them: nobody lives in them
// under a law of their own.
const notCountries = "AC CP CQ DG EA IC TA EU EZ UN XA XB QO ZZ"

// countries returns the countries of ISO 3166-1 with their names, sorted by name without regard to accents.
func countries(tag language.Tag) []Country {
	names := display.Regions(tag)
	var list []Country
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			r, err := language.ParseRegion(code)
			if err != nil || !r.IsCountry() || r.Canonicalize() != r || strings.Contains(notCountries, code) {
				continue
			}
			if name := names.Name(r); name != "" {
				list = append(list, Country{Code: code, Name: name})
			}
		}
	}
	plain := func(s string) string {
		return strings.ToLower(strings.Map(func(r rune) rune {
			if r > 0x7f {
				return -1
			}
			return r
		}, norm.NFD.String(s)))
	}
	slices.SortFunc(list, func(a, b Country) int { return strings.Compare(plain(a.Name), plain(b.Name)) })
	return list
}

// country returns the name of a code, or the code itself when it is none: the person typed or chose it and shall see it.
func (w *words) country(code string) string {
	for _, c := range w.countries {
		if c.Code == code {
			return c.Name
		}
	}
	return code
}

// named makes the argument of a template out of names and values in turn.
func named(pairs ...any) (map[string]any, error) {
	m := make(map[string]any, len(pairs)/2+1)
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("want names and values in turn, have %d", len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("want a name in place %d", i)
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
