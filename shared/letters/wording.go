package letters

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/nicksnyder/go-i18n/v2/i18n"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Wording is what a tenant says in its own words instead of the catalogue's, at one version. The zero value is no own words.
type Wording struct {
	Version int                          // grows with every publication; kept with each letter that was written with it
	Phrases map[string]map[string]Phrase // by language (Languages) and key of the catalogue
}

// Phrase is one message by plural form. A message that counts nothing has the form "other" alone.
type Phrase map[string]string

// Limits of a tenant's own words.
const (
	maxPhrase  = 2000 // characters of one form
	maxSubject = 78   // characters of a subject with the reference in it (RFC 5322 s. 2.1.1)
)

// placeholders are where facts go. Nothing else between double braces is known: a wording is no program.
var (
	placeholders = regexp.MustCompile(`\{\{\.[A-Z][A-Za-z]*\}\}`)
	fixedKeys    = regexp.MustCompile(`^(step|asked|date|weekday|month|amount|law|short|system|outcome)(\.|$)`)
)

// addable reports whether the key is a paragraph that a tenant may add: "<kind>.extra" in front of where to complain, and
// "signature" at the end of every letter.
func addable(key string) bool {
	kind, isExtra := strings.CutSuffix(key, ".extra")
	return key == "signature" || isExtra && Kind(kind).Valid()
}

// general are the facts that an added paragraph may name.
func general() []string {
	return []string{"{{.Contact}}", "{{.Controller}}", "{{.Reference}}", "{{.Tenant}}"}
}

// adopt has the words speak as the tenant wants. What no longer fits a newer catalogue is passed over: a letter in the catalogue's words
// is better than one that leaves a fact out.
func (c *Catalogue) adopt(w *words, own Wording) {
	phrases := maps.Clone(own.Phrases[w.language()])
	maps.DeleteFunc(phrases, func(key string, p Phrase) bool { return c.CheckPhrase(w.language(), key, p) != nil })
	if len(phrases) == 0 || w.err != nil {
		return
	}
	bundle := i18n.NewBundle(w.tongue.tag)
	for _, key := range slices.Sorted(maps.Keys(phrases)) {
		p := phrases[key]
		m := &i18n.Message{ID: key, One: p["one"], Few: p["few"], Many: p["many"], Other: p["other"]}
		if err := bundle.AddMessages(w.tongue.tag, m); err != nil {
			w.err = fmt.Errorf("adopting the tenant's own words: %w", err)
			return
		}
	}
	w.own, w.phrases = i18n.NewLocalizer(bundle, w.tongue.tag.String()), phrases
}

// added writes a paragraph that the tenant added, if there is one.
func (b *builder) added(key string) {
	if _, ok := b.phrases[key]; !ok {
		return
	}
	f := b.facts
	text := b.say(key, "Contact", f.Tenant.Contact, "Controller", f.Tenant.Controller, "Reference", f.Reference, "Tenant", f.Tenant.Title)
	for _, p := range paragraphs(text) {
		b.paragraph(p)
	}
}

// Message returns what the catalogue says for the key in the language, by plural form; fault.NotFound when it has no such message
// that a tenant may replace. A paragraph that a tenant may add is an empty phrase.
func (c *Catalogue) Message(language, key string) (Phrase, error) {
	i := slices.Index(Languages(), language)
	switch {
	case i < 0:
		return nil, fault.New(fault.NotFound, "letters are not written in that language")
	case addable(key):
		return Phrase{"other": ""}, nil
	case fixedKeys.MatchString(key):
		return nil, fault.New(fault.NotFound, "dates, numbers and the steps of the clock are the same for every tenant")
	}
	own, err := c.tongues[i].phrases()
	if err != nil {
		return nil, err
	}
	p, ok := own[key]
	if !ok {
		return nil, fault.New(fault.NotFound, "there is no such message")
	}
	return maps.Clone(p), nil
}

// Keys lists the keys of the messages that a tenant may replace or add, in order.
func (c *Catalogue) Keys() ([]string, error) {
	own, err := c.tongues[0].phrases()
	if err != nil {
		return nil, err
	}
	out := []string{"signature"}
	for key := range own {
		if !fixedKeys.MatchString(key) {
			out = append(out, key)
		}
	}
	for _, k := range Kinds() {
		out = append(out, string(k)+".extra")
	}
	slices.Sort(out)
	return out, nil
}

// CheckPhrase makes sure that the words can stand for the message: the plural forms of the language, the same facts as in the
// catalogue, plain text of bounded length. A fault is fault.Invalid and names the form; fault.NotFound is that of Message.
func (c *Catalogue) CheckPhrase(language, key string, p Phrase) error {
	built, err := c.Message(language, key)
	if err != nil {
		return err
	}
	for _, form := range slices.Sorted(maps.Keys(built)) {
		if _, ok := p[form]; !ok {
			return fault.InvalidField("/text/"+form, "this language needs the message in this form")
		}
	}
	for _, form := range slices.Sorted(maps.Keys(p)) {
		if _, ok := built[form]; !ok {
			return fault.InvalidField("/text/"+form, "the message has no such form in this language")
		}
		if problem := checkText(key, p[form], built[form]); problem != "" {
			return fault.InvalidField("/text/"+form, problem)
		}
	}
	return nil
}

func checkText(key, text, built string) string {
	bare := placeholders.ReplaceAllString(text, "")
	hidden := strings.ContainsFunc(text, func(r rune) bool { return !visible(r) && r != '\u00a0' && (r != '\n' || !addable(key)) })
	switch {
	case strings.TrimSpace(bare) == "":
		return "the message is empty"
	case utf8.RuneCountInString(text) > maxPhrase:
		return fmt.Sprintf("the message is longer than %d characters", maxPhrase)
	case strings.ContainsAny(bare, "<>"):
		return "a letter is plain text: it has no HTML"
	case strings.Contains(bare, "{{") || strings.Contains(bare, "}}"):
		return "what stands between braces is no fact"
	case hidden:
		return "the message has a character that nobody can see, or a line break"
	case strings.HasPrefix(key, "subject.") && utf8.RuneCountInString(strings.ReplaceAll(text, "{{.Reference}}", "7K3QX-9M2DA")) > maxSubject:
		return fmt.Sprintf("a subject with the reference in it is longer than %d characters", maxSubject)
	}
	got, want := facts(text), facts(built)
	if addable(key) {
		want = general()
	}
	for _, f := range got {
		if !slices.Contains(want, f) {
			return "the message names a fact that it does not get: " + f
		}
	}
	if addable(key) {
		return ""
	}
	for _, f := range want {
		if !slices.Contains(got, f) {
			return "the message leaves a fact out: " + f
		}
	}
	return ""
}

// facts lists the placeholders of a text, each once and in order.
func facts(text string) []string {
	all := placeholders.FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}
