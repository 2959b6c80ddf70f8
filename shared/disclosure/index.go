package disclosure

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

//go:embed index.gohtml
var indexTemplate string

//go:embed style.css
var styleSheet string

// page renders index.html.
type page struct {
	template *template.Template
	style    template.CSS
	policy   string // Content-Security-Policy: the one style sheet and nothing else
}

// newPage reads the template in one language: messages without placeholders are put in once and for all.
func newPage(w *words) (*page, error) {
	var missing error
	text := regexp.MustCompile(`\{\{\$?\.T "([a-z_.]+)"\}\}`).ReplaceAllStringFunc(indexTemplate, func(call string) string {
		message, err := w.say(strings.Split(call, `"`)[1])
		missing = errors.Join(missing, err)
		return template.HTMLEscapeString(message)
	})
	t, err := template.New(indexPath).Funcs(template.FuncMap{
		"join": func(list []string) string { return strings.Join(list, ", ") },
		"link": isLink,
	}).Parse(text)
	if err = errors.Join(missing, err); err != nil {
		return nil, fmt.Errorf("reading the template of index.html: %w", err)
	}
	sum := sha256.Sum256([]byte(styleSheet))
	return &page{
		template: t,
		style:    template.CSS(styleSheet), //nolint:gosec // our own file
		policy:   "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
	}, nil
}

// isLink reports whether an address may be linked to; the rest is shown as text.
func isLink(address string) bool {
	scheme, rest, ok := strings.Cut(strings.ToLower(address), ":")
	return ok && rest != "" && (scheme == "https" || scheme == "http" || scheme == "mailto")
}

func (p *page) write(w io.Writer, v *volume) error {
	m := &view{words: v.words, In: v.in, Style: p.style, Policy: p.policy}
	if err := m.build(v); err != nil {
		return err
	}
	return p.template.Execute(w, m)
}

// view is what the template sees. Its methods are the words of the page.
type view struct {
	words  *words
	In     *Input
	Style  template.CSS
	Policy string

	Subject    string
	Summary    string
	Found      int64 // systems
	Records    int64
	Attached   int      // files that somebody added
	Open       []string // titles of systems whose answer is not complete
	Systems    []viewSystem
	Concerned  []viewSystem // those whose facts matter to the person: every one unless it certainly holds nothing
	Categories []string
	Recipients []string
	Rights     []string
	Withheld   []viewReason
	Held       []viewHeld
	Volumes    int
}

// viewSystem is a system on the page.
type viewSystem struct {
	Title       string
	Note        string
	Outcome     viewOutcome
	Records     int64
	Count       string // records in words
	Window      string // when all of it was read, when that is the same for every collection
	Purposes    string
	Retention   string
	Source      string
	Collections []viewCollection
	Attachments []viewFile
}

// viewCollection is a collection on the page.
type viewCollection struct {
	ID        string
	Title     string
	Note      string
	Outcome   viewOutcome
	Records   int64
	Count     string
	Kinds     string // of data, where the data itself is not shown
	Window    string
	Purpose   string
	Retention string
	Files     []viewFile
	Columns   []string
	Shown     int           // records on the page
	Body      template.HTML // the records, escaped: rows of a table, or the pairs of a list when it is one record
	More      int64         // records that are in the files only
	Cut       bool
}

// viewOutcome is an outcome in words.
type viewOutcome struct{ Word, Tone string }

// viewFile is a link to a file.
type viewFile struct{ Path, Label string }

// viewReason explains one reason why values are withheld.
type viewReason struct{ Mark, Code, Why string }

// viewHeld is what is held and not shown of one kind in one collection, and by which provision.
type viewHeld struct{ Line, Basis string }

// held lists what is held and not shown, collection by collection.
func (m *view) held(v *volume) error {
	for i := range m.In.Systems {
		for k := range m.In.Systems[i].Collections {
			for _, h := range v.state.held(i, k) {
				kind, err := m.words.say("held.kind." + string(h.Kind))
				if err != nil {
					return err
				}
				values, err := m.words.count("held.values", h.Values)
				if err != nil {
					return err
				}
				line, err := m.words.say("held.line", "Kind", kind, "Where", m.Systems[i].Title+", "+m.Systems[i].Collections[k].Title, "Values", values)
				if err != nil {
					return err
				}
				basis := strings.Join(m.In.basis(h.Kind), "; ")
				if basis == "" {
					if basis, err = m.words.say("held.own"); err != nil {
						return err
					}
				}
				m.Held = append(m.Held, viewHeld{line, basis})
			}
		}
	}
	return nil
}

// kinds says which kinds of data a collection holds, where the data itself is not shown.
func (m *view) kinds(c *Collection) (string, error) {
	if !m.In.CategoriesOnly || c.Records == 0 || len(c.Categories) == 0 {
		return "", nil
	}
	var list []string
	for _, code := range c.Categories {
		if word := m.words.category(code); !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	return m.words.say("categories.of", "List", strings.Join(list, ", "))
}

// T, N, Number and the others are methods so that one parsed template serves every language.

// T returns a message.
func (m *view) T(key string, pairs ...any) (string, error) { return m.words.say(key, pairs...) }

// N returns a message in the plural form for n.
func (m *view) N(key string, n int64, pairs ...any) (string, error) {
	return m.words.count(key, n, pairs...)
}

// Number returns n with its thousands separated.
func (m *view) Number(n int64) string { return m.words.number(n) }

// Lang returns the language of the page.
func (m *view) Lang() string { return m.words.tag.String() }

// OpenCount and OpenNames say which systems could not answer in full.
func (m *view) OpenCount() int64  { return int64(len(m.Open)) }
func (m *view) OpenNames() string { return strings.Join(m.Open, ", ") }

// Received and Generated are dates in words.
func (m *view) Received() (string, error) {
	return m.words.day(inZone(m.In.ReceivedAt, m.In.GeneratedAt.Location()))
}
func (m *view) Generated() (string, error) { return m.words.day(m.In.GeneratedAt) }

// Cite returns the citation of a fact, and nothing under a law that is not the GDPR.
func (m *view) Cite(article string) (string, error) {
	if !m.In.Law.GDPR {
		return "", nil
	}
	return m.words.say("cite", "Article", article)
}

func (m *view) build(v *volume) (err error) {
	m.Subject, m.Volumes = m.In.Subject.Reveal(), len(v.state.Volumes)+1
	sizes := make(map[string]int64, len(v.state.Files))
	for _, f := range v.state.Files {
		sizes[f.Path] = f.Bytes
	}
	for i := range m.In.Systems {
		s, err := m.system(v, i, sizes)
		if err != nil {
			return err
		}
		m.Systems = append(m.Systems, s)
		if s.Records > 0 || len(s.Attachments) > 0 || !complete(&m.In.Systems[i]) {
			m.Concerned = append(m.Concerned, s)
		}
		m.Records += s.Records
		m.Attached += len(s.Attachments)
		if s.Records > 0 || len(s.Attachments) > 0 {
			m.Found++
		}
		if !complete(&m.In.Systems[i]) {
			m.Open = append(m.Open, s.Title)
		}
	}
	for _, code := range slices.Sorted(slices.Values(v.state.Withheld)) {
		m.Withheld = append(m.Withheld, viewReason{Mark: m.words.withheld(code), Code: code, Why: m.words.plain[withheldKey(code)+".why"]})
	}
	if err := m.held(v); err != nil {
		return err
	}
	if m.Summary, err = m.summary(); err != nil {
		return err
	}
	m.Recipients = m.recipients()
	slices.Sort(m.Categories)
	m.Categories = slices.Compact(m.Categories)
	for _, r := range m.In.Law.Rights {
		if r == m.In.Right {
			continue
		}
		s, err := m.words.say("right." + string(r))
		if err != nil {
			return err
		}
		m.Rights = append(m.Rights, s)
	}
	return nil
}

// complete reports whether a system and all its collections were settled.
func complete(s *System) bool {
	return s.Outcome.Complete() && !slices.ContainsFunc(s.Collections, func(c Collection) bool { return !c.Outcome.Complete() })
}

func (m *view) summary() (string, error) {
	switch {
	case len(m.Systems) == 0:
		return m.words.say("summary.nowhere")
	case m.Records == 0 && m.Attached > 0:
		n, err := m.words.count("summary.files", int64(m.Attached))
		if err != nil {
			return "", err
		}
		return m.words.count("summary.found", int64(len(m.Systems)), "Found", m.words.number(m.Found), "Records", n)
	case m.Records > 0:
		n, err := m.words.count("summary.records", m.Records)
		if err != nil {
			return "", err
		}
		return m.words.count("summary.found", int64(len(m.Systems)), "Found", m.words.number(m.Found), "Records", n)
	case len(m.Open) > 0:
		return m.words.say("summary.open")
	}
	return m.words.count("summary.nothing", int64(len(m.Systems)))
}

func (m *view) system(v *volume, i int, sizes map[string]int64) (viewSystem, error) {
	in := &m.In.Systems[i]
	s := viewSystem{Title: cmp.Or(in.Title, in.Name), Note: in.Note, Purposes: strings.Join(in.Facts.Purposes, ", "), Source: in.Facts.Source}
	var err error
	if s.Outcome, err = m.outcome(in.Outcome, in.Because); err != nil {
		return s, err
	}
	if s.Retention, err = m.words.period(in.Facts.Retention); err != nil {
		return s, err
	}
	for k := range in.Collections {
		c, err := m.collection(v, i, k, sizes)
		if err != nil {
			return s, err
		}
		if s.Records += c.Records; c.Records > 0 {
			for _, code := range in.Collections[k].Categories {
				m.Categories = append(m.Categories, m.words.category(code))
			}
		}
		s.Collections = append(s.Collections, c)
	}
	if s.Attachments, err = m.attachedOf(v, i); err != nil {
		return s, err
	}
	s.Window = commonWindow(s.Collections)
	if s.Count, err = m.quantity(s.Records, complete(in)); err == nil && s.Records == 0 && len(s.Attachments) > 0 {
		s.Count, err = m.words.count("systems.files", int64(len(s.Attachments)))
	}
	return s, err
}

// quantity writes a number of records. "None" and "nobody knows" are no zeros.
func (m *view) quantity(n int64, known bool) (string, error) {
	switch {
	case n > 0:
		return m.words.number(n), nil
	case known:
		return m.words.say("systems.none")
	}
	return m.words.say("systems.unknown")
}

// commonWindow returns when the collections were read if all that were read were read at the same time.
func commonWindow(list []viewCollection) string {
	common := ""
	for _, c := range list {
		if c.Window == "" {
			continue
		}
		if common != "" && c.Window != common {
			return ""
		}
		common = c.Window
	}
	return common
}

func (m *view) collection(v *volume, i, k int, sizes map[string]int64) (viewCollection, error) {
	in, p := &m.In.Systems[i].Collections[k], &v.previews.lists[i][k]
	c := viewCollection{
		ID: "c" + strconv.Itoa(i+1) + "-" + strconv.Itoa(k+1), Title: cmp.Or(in.Title, in.Name), Note: in.Note, Records: in.Records, Purpose: in.Purpose,
		Columns: p.columns, Cut: p.cut, Shown: len(p.rows), More: in.Records - int64(len(p.rows)), Body: m.body(p),
	}
	var err error
	if c.Outcome, err = m.outcome(in.Outcome, in.Because); err != nil {
		return c, err
	}
	if c.Window, err = m.words.window(in.ReadFrom, in.ReadTo, m.In.GeneratedAt.Location()); err != nil {
		return c, err
	}
	if c.Retention, err = m.words.period(in.Retention); err != nil {
		return c, err
	}
	for _, path := range v.files(i, k) {
		size, err := m.words.bytes(sizes[path])
		if err != nil {
			return c, err
		}
		kind := strings.ToUpper(path[strings.LastIndexByte(path, '.')+1:])
		label, err := m.words.say("data.file", "Kind", kind, "Size", size)
		if err != nil {
			return c, err
		}
		c.Files = append(c.Files, viewFile{Path: path, Label: label})
	}
	if c.Kinds, err = m.kinds(in); err != nil {
		return c, err
	}
	c.Count, err = m.quantity(in.Records, in.Outcome.Complete())
	return c, err
}

func (m *view) outcome(o dsar.Outcome, because dsar.RetainedBecause) (viewOutcome, error) {
	key := "outcome." + string(o)
	if o == dsar.Retained && because != "" {
		key += "." + string(because)
	}
	word, err := m.words.say(key)
	tone := "plain"
	switch {
	case o == dsar.Found:
		tone = "found"
	case !o.Complete():
		tone = "open"
	}
	return viewOutcome{word, tone}, err
}

// recipients returns the third parties in words, each once: those of the case, then those that only a system names.
func (m *view) recipients() []string {
	var out, known []string
	for _, r := range m.In.Recipients {
		s := r.Title
		if r.Country != "" {
			s += " (" + m.words.country(r.Country) + ")"
		}
		if r.Purpose != "" {
			s += ": " + r.Purpose
		}
		out, known = append(out, s), append(known, r.Title)
	}
	for _, s := range m.In.Systems {
		for _, r := range s.Facts.Recipients {
			if !slices.Contains(known, r) {
				out, known = append(out, r), append(known, r)
			}
		}
	}
	return out
}
