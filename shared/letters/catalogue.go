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
	name   string       // "pt"
	tag    language.Tag // "pt-PT": of its plural forms and numbers
	bundle func() (*i18n.Bundle, error)
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
		c.tongues, tags = append(c.tongues, &tongue{name: name, tag: tag, bundle: sync.OnceValues(func() (*i18n.Bundle, error) { return read(name, tag) })}), append(tags, tag)
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// read reads the messages of one language.
func read(name string, tag language.Tag) (*i18n.Bundle, error) {
	raw, err := files.ReadFile("catalogue/active." + name + ".yaml")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	b := i18n.NewBundle(tag)
	if _, err := b.ParseMessageBytes(tag, raw, yaml.Unmarshal); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	return b, nil
}

// texts returns the messages of one language as they are written in the catalogue, read anew: only editors of a tenant's own words
// want them.
func (c *Catalogue) texts(tongue int) (map[string]Phrase, error) {
	t := c.tongues[tongue]
	raw, err := files.ReadFile("catalogue/active." + t.name + ".yaml")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	messages, err := i18n.ParseMessageFileBytes(raw, "active."+t.name+".yaml", map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading the letters of a language")
	}
	out := map[string]Phrase{}
	for _, m := range messages.Messages {
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
