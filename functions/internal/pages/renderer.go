package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"

	"golang.org/x/text/language"
)

//go:embed templates/*.gohtml
var templateFiles embed.FS

// Renderer writes pages. It is immutable and safe for concurrent use.
type Renderer struct {
	matcher language.Matcher
	tags    []language.Tag       // in the order of the matcher
	sets    []*template.Template // one per language, in the order of the matcher
}

// New parses the templates and the catalogue once. An error is a defect of the build, not of the installation.
func New() (*Renderer, error) {
	cat, err := newCatalogue()
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue of messages: %w", err)
	}
	r := &Renderer{matcher: language.NewMatcher(cat.languages), tags: cat.languages}
	for _, tag := range cat.languages {
		w := cat.words(tag)
		set, err := template.New(tag.String()).Option("missingkey=error").Funcs(w.funcs()).ParseFS(templateFiles, "templates/*.gohtml")
		if err != nil {
			return nil, fmt.Errorf("parsing templates for %s: %w", tag, err)
		}
		r.sets = append(r.sets, set)
	}
	return r, nil
}

// render writes the page in full or, when it cannot be rendered, not at all: a half page would look like an answer.
func (r *Renderer) render(w io.Writer, lang, page string, model any) error {
	var b bytes.Buffer
	if err := r.sets[r.match(lang)].ExecuteTemplate(&b, page, model); err != nil {
		return fmt.Errorf("rendering %s: %w", page, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing %s: %w", page, err)
	}
	return nil
}

func (r *Renderer) match(lang string) int {
	want, _, _ := language.ParseAcceptLanguage(lang) // what cannot be parsed gives the first language
	_, i, _ := r.matcher.Match(want...)
	return i
}

// Language returns the language ("en") in which a page for the Accept-Language is written, for words that come from elsewhere.
func (r *Renderer) Language(accept string) string {
	base, _ := r.tags[r.match(accept)].Base()
	return base.String()
}
