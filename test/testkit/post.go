package testkit

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Letter is one mail as it arrived.
type Letter struct {
	ID, To, Reference string
	Kind              string // the subject without the reference
	Code              string // empty: it carries none
	At                time.Time
}

// Post collects the mails of an installation without the process that wrote them, which may just be dead. It is safe for
// concurrent use.
type Post struct {
	fetch func() error // brings what is new; nil: mails arrive by themselves
	mu    sync.Mutex
	seen  map[string]bool // files read
	all   []Letter        // oldest first
}

var reference = regexp.MustCompile(`[0-9A-Z]{5}-[0-9A-Z]{5}`)

// OutboxPost reads the directory in which a site keeps its mails. A mail appears there whole or not at all.
func OutboxPost(dir string) *Post {
	p := &Post{seen: map[string]bool{}}
	p.fetch = func() error { return p.readDir(dir) }
	return p
}

func (p *Post) readDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if p.seen[e.Name()] || !strings.HasSuffix(e.Name(), ".eml") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := p.add(raw, info.ModTime()); err != nil {
			return err
		}
		p.seen[e.Name()] = true
	}
	return nil
}

// Arrive adds a mail that came just now.
func (p *Post) Arrive(raw []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(raw, time.Now())
}

func (p *Post) add(raw []byte, at time.Time) error {
	m, err := ParseMail(raw)
	if err != nil {
		return err
	}
	ref := reference.FindString(m.Subject)
	kind := strings.Join(strings.Fields(strings.ReplaceAll(m.Subject, ref, "")), " ")
	p.all = append(p.all, Letter{m.Header.Get("Message-Id"), m.To, ref, kind, m.Code(), at})
	slices.SortStableFunc(p.all, func(a, b Letter) int { return a.At.Compare(b.At) })
	return nil
}

// Code returns the newest code for the request; empty when there is none yet.
func (p *Post) Code(to, ref string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetch != nil && p.fetch() != nil {
		return ""
	}
	for _, m := range slices.Backward(p.all) {
		if m.To == to && m.Reference == ref && m.Code != "" {
			return m.Code
		}
	}
	return ""
}

// Letters returns all mails, oldest first, after checking that no Message-ID is there twice.
func (p *Post) Letters(t testing.TB) []Letter {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fetch != nil {
		if err := p.fetch(); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for _, m := range p.all {
		if m.ID == "" || ids[m.ID] {
			t.Errorf("Message-ID %q is there twice", m.ID)
		}
		ids[m.ID] = true
	}
	return slices.Clone(p.all)
}

// About returns the letters of a request by kind, after checking that all of them went to one of the addresses.
func (p *Post) About(t testing.TB, ref string, to ...string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, m := range p.Letters(t) {
		if m.Reference != ref {
			continue
		}
		if !slices.Contains(to, m.To) {
			t.Errorf("%s: a letter went to somebody else", ref)
		}
		count[m.Kind]++
	}
	return count
}
