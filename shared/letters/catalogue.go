package letters

import (
	"embed"
	"html/template"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed catalogue letter.gohtml
var files embed.FS

// Languages lists the languages in which every letter can be written (ISO 639-1), English first.
func Languages() []string { return []string{"en", "de", "fr", "es", "it", "nl", "pl", "pt"} }

// variants are the languages whose plural forms and numbers are those of one country.
func variants() map[string]string { return map[string]string{"pt": "pt-PT"} }

// Catalogue holds the messages of every language. It is immutable and safe for concurrent use. A language is read when the first
// letter is written in it: a process that writes none pays for none.
type Catalogue struct {
	tongues []*tongue // in the order of Languages
	matcher language.Matcher
	page    *template.Template
}

// tongue is one language.
type tongue struct {
	name     string       // "pt"
	tag      language.Tag // "pt-PT": of its plural forms and numbers
	messages func() ([]*i18n.Message, error)
	bundle   func() (*i18n.Bundle, error)
	phrases  func() (map[string]Phrase, error) // for whoever edits a tenant's own words
}

// New opens the built-in catalogue. An error is fault.Internal: a defect of the build.
func New() (*Catalogue, error) {
	page, err := template.ParseFS(files, "letter.gohtml")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the template of letters")
	}
	c := &Catalogue{page: page}
	var tags []language.Tag
	for _, name := range Languages() {
		tag, err := language.Parse(name)
		if own, ok := variants()[name]; ok {
			tag, err = language.Parse(own)
		}
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "naming a language of letters")
		}
		t := &tongue{name: name, tag: tag}
		t.messages = sync.OnceValues(func() ([]*i18n.Message, error) { return read(name) })
		t.bundle, t.phrases = sync.OnceValues(t.build), sync.OnceValues(t.texts)
		c.tongues, tags = append(c.tongues, t), append(tags, tag)
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// read reads the messages of one language.
func read(name string) ([]*i18n.Message, error) {
	file := "active." + name + ".yaml"
	raw, err := files.ReadFile("catalogue/" + file)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	m, err := i18n.ParseMessageFileBytes(raw, file, map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	return m.Messages, nil
}

// build makes the messages ready to be said.
func (t *tongue) build() (*i18n.Bundle, error) {
	messages, err := t.messages()
	if err != nil {
		return nil, err
	}
	b := i18n.NewBundle(t.tag)
	if err := b.AddMessages(t.tag, messages...); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing the letters of a language")
	}
	return b, nil
}

// texts returns the messages of one language as they are written in the catalogue.
func (t *tongue) texts() (map[string]Phrase, error) {
	messages, err := t.messages()
	if err != nil {
		return nil, err
	}
	out := make(map[string]Phrase, len(messages))
	for _, m := range messages {
		p := Phrase{"other": m.Other}
		for form, text := range map[string]string{"one": m.One, "few": m.Few, "many": m.Many} {
			if text != "" {
				p[form] = text
			}
		}
		out[m.ID] = p
	}
	return out, nil
}
