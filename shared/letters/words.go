package letters

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed catalogue letter.gohtml
var files embed.FS

// Catalogue holds the messages of every language. It is immutable and safe for concurrent use.
type Catalogue struct {
	bundle *i18n.Bundle
	page   *template.Template
}

// New reads the built-in catalogue. An error is fault.Internal: a defect of the build.
func New() (*Catalogue, error) {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	names, err := fs.Glob(files, "catalogue/active.*.yaml")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "listing catalogues of letters")
	}
	for _, name := range names {
		if _, err := b.LoadMessageFileFS(files, name); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading "+name)
		}
	}
	page, err := template.ParseFS(files, "letter.gohtml")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the template of letters")
	}
	return &Catalogue{bundle: b, page: page}, nil
}

// words speaks one language and notes whether it had to speak English instead.
type words struct {
	localizer *i18n.Localizer
	printer   *message.Printer
	wanted    language.Base
	spoken    language.Tag
	fellBack  bool
	err       error // the first message that could not be said
}

// words returns the language of the locale. No locale is English; a locale that is none is English that fell back.
func (c *Catalogue) words(locale string) *words {
	if locale == "" {
		locale = "en"
	}
	tag, err := language.Parse(locale)
	if err != nil {
		tag = language.Und
	}
	var base language.Base // the zero base is no language that is spoken here
	if tag != language.Und {
		base, _ = tag.Base()
	}
	_, i, _ := language.NewMatcher(c.bundle.LanguageTags()).Match(tag)
	spoken := c.bundle.LanguageTags()[i]
	return &words{localizer: i18n.NewLocalizer(c.bundle, spoken.String()), printer: message.NewPrinter(spoken), wanted: base, spoken: spoken}
}

// language returns what is spoken, as an HTML lang attribute wants it.
func (w *words) language() string { return w.spoken.String() }

// say returns the message with the key; pairs are names and values of its placeholders in turn.
func (w *words) say(key string, pairs ...any) string { return w.localize(key, nil, pairs...) }

// count returns the plural form of the message for n; {{.N}} in it is n with its thousands separated.
func (w *words) count(key string, n int, pairs ...any) string {
	return w.localize(key, n, append(pairs, "N", w.printer.Sprintf("%d", n))...)
}

func (w *words) localize(key string, n any, pairs ...any) string {
	data := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		data[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	text, tag, err := w.localizer.LocalizeWithTag(&i18n.LocalizeConfig{MessageID: key, TemplateData: data, PluralCount: n})
	// A message that is missing in one language is said in English and reported beside the text.
	if _, missing := errors.AsType[*i18n.MessageNotFoundErr](err); missing && text != "" {
		err = nil
	}
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("saying %s: %w", key, err)
	}
	if base, _ := tag.Base(); base != w.wanted {
		w.fellBack = true
	}
	return text
}

// day writes "Tuesday 22 December 2026".
func (w *words) day(d civil.Date) string {
	return w.say("date.long", "Weekday", w.say("weekday."+strconv.Itoa(int(d.Weekday()))), "Day", d.Day, "Month", w.say("month."+strconv.Itoa(int(d.Month))), "Year", d.Year)
}
