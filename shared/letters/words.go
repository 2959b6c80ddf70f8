package letters

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// words speaks one language and notes whether it had to speak English instead.
type words struct {
	tongue    *tongue
	localizer *i18n.Localizer
	english   func() (*i18n.Bundle, error)
	printer   *message.Printer
	own       *i18n.Localizer // the tenant's own words; nil: it has none
	phrases   map[string]Phrase
	said      map[string]bool // keys of what was said
	fellBack  bool
	err       error // the first message that could not be said
}

// words returns the language of the locale. No locale is English; a locale of another language is English that fell back.
func (c *Catalogue) words(locale string) *words {
	if locale == "" {
		locale = "en"
	}
	tag, err := language.Parse(locale)
	if err != nil {
		tag = language.Und
	}
	_, i, _ := c.matcher.Match(tag)
	w := &words{said: map[string]bool{}, tongue: c.tongues[i], english: c.tongues[0].bundle, printer: message.NewPrinter(c.tongues[i].tag)}
	wanted, _ := tag.Base()
	spoken, _ := w.tongue.tag.Base()
	w.fellBack = tag == language.Und || wanted != spoken
	bundle, err := w.tongue.bundle()
	if err != nil {
		w.err = err
		return w
	}
	w.localizer = i18n.NewLocalizer(bundle, w.tongue.tag.String())
	return w
}

// language returns what is spoken, as an HTML lang attribute wants it.
func (w *words) language() string { return w.tongue.name }

// say returns the message with the key; pairs are names and values of its placeholders in turn.
func (w *words) say(key string, pairs ...any) string { return w.localize(key, nil, pairs...) }

// count returns the plural form of the message for n; {{.N}} in it is n with its thousands separated.
func (w *words) count(key string, n int, pairs ...any) string {
	return w.localize(key, n, append(pairs, "N", w.number(n))...)
}

// number writes a number with its thousands separated, as the language does.
func (w *words) number(n int) string { return w.printer.Sprintf("%d", n) }

func (w *words) localize(key string, n any, pairs ...any) string {
	if w.localizer == nil {
		return ""
	}
	w.said[key] = true
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	config := &i18n.LocalizeConfig{MessageID: key, TemplateData: data, PluralCount: n}
	text, err := w.speaker(key).Localize(config)
	if _, missing := errors.AsType[*i18n.MessageNotFoundErr](err); missing {
		text, err = w.inEnglish(config)
	}
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("saying %s: %w", key, err)
	}
	return w.typeset(text)
}

// typeset keeps French signs with the word before them, and has a lone colon as the language sets it.
func (w *words) typeset(text string) string {
	switch {
	case w.tongue.name != "fr" && text == " :":
		return ":"
	case w.tongue.name != "fr":
		return text
	}
	return strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", " !", "\u00a0!", "« ", "«\u00a0", " »", "\u00a0»").Replace(text)
}

// speaker returns who has words for the message: the tenant before the catalogue.
func (w *words) speaker(key string) *i18n.Localizer {
	if _, own := w.phrases[key]; own && w.own != nil {
		return w.own
	}
	return w.localizer
}

// inEnglish says a message that the language does not have, and notes it: half a letter in English is better than none.
func (w *words) inEnglish(config *i18n.LocalizeConfig) (string, error) {
	w.fellBack = true
	bundle, err := w.english()
	if err != nil {
		return "", err
	}
	return i18n.NewLocalizer(bundle, language.English.String()).Localize(config)
}

// has reports whether the language has the message.
func (w *words) has(key string) bool {
	if w.localizer == nil {
		return false
	}
	_, err := w.speaker(key).Localize(&i18n.LocalizeConfig{MessageID: key})
	_, missing := errors.AsType[*i18n.MessageNotFoundErr](err)
	return !missing
}

// day writes "Tuesday 22 December 2026" in the language's own form.
func (w *words) day(d civil.Date) string {
	number := strconv.Itoa(d.Day)
	if d.Day == 1 {
		number = w.say("date.first") // French and Italian count the first of a month
	}
	return w.say("date.long", "Weekday", w.say("weekday."+strconv.Itoa(int(d.Weekday()))), "Day", number, "Month", w.say("month."+strconv.Itoa(int(d.Month))), "Year", d.Year)
}
