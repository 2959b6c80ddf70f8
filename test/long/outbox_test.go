package long

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// outbox is the directory of sent mail, read without the process that may just be dead.
type outbox struct {
	dir  string
	mu   sync.Mutex
	seen map[string]bool
	all  []sent
}

// sent is one mail.
type sent struct {
	file, id, to, reference, kind, code string
	at                                  int64
}

var reference = regexp.MustCompile(`[0-9A-Z]{5}-[0-9A-Z]{5}`)

// update reads the mails that are new. A mail appears whole or not at all: one that cannot be read is an error.
func (o *outbox) update() error {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return err
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
	}
	for _, e := range entries {
		if o.seen[e.Name()] || !strings.HasSuffix(e.Name(), ".eml") {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(o.dir, e.Name()))
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		m, err := testkit.ParseMail(raw)
		if err != nil {
			return err
		}
		ref := reference.FindString(m.Subject)
		o.seen[e.Name()] = true
		o.all = append(o.all, sent{
			e.Name(), m.Header.Get("Message-Id"), m.To, ref, strings.Join(strings.Fields(strings.ReplaceAll(m.Subject, ref, "")), " "), m.Code(), info.ModTime().UnixNano(),
		})
	}
	slices.SortFunc(o.all, func(a, b sent) int { return int(a.at - b.at) })
	return nil
}

// code returns the newest code for the request; empty when there is none yet.
func (o *outbox) code(to, ref string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.update() != nil {
		return ""
	}
	for _, m := range slices.Backward(o.all) {
		if m.to == to && m.reference == ref && m.code != "" {
			return m.code
		}
	}
	return ""
}

// read returns all mails, oldest first, after checking that no Message-ID is there twice.
func (o *outbox) read(t *testing.T) []sent {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.update(); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, m := range o.all {
		if m.id == "" || ids[m.id] {
			t.Errorf("Message-ID %q is there twice", m.id)
		}
		ids[m.id] = true
	}
	return slices.Clone(o.all)
}

// judge checks that every letter of a request was written once, and codes no more often than they were asked for.
func (o *outbox) judge(t *testing.T, c *driven) {
	t.Helper()
	count := map[string]int{}
	for _, m := range o.read(t) {
		if m.reference == c.request.Reference {
			if m.to != c.request.Email {
				t.Errorf("%s: a letter went to somebody else", m.reference)
			}
			count[m.kind]++
		}
	}
	codes := 0
	for kind, n := range count {
		switch kind {
		case "Confirm your request", "We have your request", "The answer to your request":
			if n != 1 {
				t.Errorf("%s: %q was sent %d times", c.request.Reference, kind, n)
			}
		case "A new code for your request", "Your code for the download of request":
			codes += n
		default:
			t.Errorf("%s: an unexpected letter %q", c.request.Reference, kind)
		}
	}
	if len(count) < 3 {
		t.Errorf("%s: letters are %v", c.request.Reference, count)
	}
	if codes > c.asked {
		t.Errorf("%s: %d codes for %d times asking", c.request.Reference, codes, c.asked)
	}
}
