package policy

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:generate go run ./compile

//go:embed calendars
var files embed.FS

//go:embed packs/compiled.jsonl
var compiled string

// Head is what can be known of a pack without reading it.
type Head struct {
	ID         ID         `json:"id"`
	Version    Version    `json:"version"`
	Current    bool       `json:"current"` // false: superseded, for cases that are pinned to it
	Name       string     `json:"name"`
	Law        string     `json:"law"`
	Short      string     `json:"short"`
	Status     string     `json:"status"`
	Valid      Valid      `json:"valid"`
	Territory  []Place    `json:"territory"`
	Confidence Confidence `json:"confidence"`
	Draft      bool       `json:"draft"` // see Pack.Draft
}

func (p Pack) head(current bool) Head {
	return Head{
		ID: p.ID, Version: p.Version, Current: current, Name: p.Name, Law: p.Law, Short: p.Short, Status: p.Status,
		Valid: p.Valid, Territory: p.Territory, Confidence: p.Confidence, Draft: p.Draft(),
	}
}

// entry is one pack of the index, which is the first line of the compiled form. The packs follow in its order, one a line.
type entry struct {
	Head
	Length int `json:"length"` // of the pack's line, in bytes, with its end
}

// Load returns the packs that are built in: those of packs/*.yaml in a compiled form, because every function loads them when it
// starts, and reading the YAML takes a hundred times as long. Packs and calendars are read when they are first asked for. An error
// is fault.Misconfigured.
func Load() (*Set, error) {
	s := newSet()
	r := &reader{}
	err := eachFile(files, "calendars/*.yaml", func(name string, content []byte) error { return s.addCalendar(r, name, content) })
	if err != nil {
		return nil, err
	}
	err = eachFile(files, "calendars/superseded/*.yaml", func(name string, content []byte) error { return s.addCalendar(r, name, content) })
	if err != nil {
		return nil, err
	}
	index, bodies, _ := strings.Cut(compiled, "\n")
	var entries []entry
	if err := json.Unmarshal([]byte(index), &entries); err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "reading the index of compiled packs")
	}
	for _, e := range entries {
		if e.Length > len(bodies) {
			return nil, fault.New(fault.Misconfigured, "the compiled packs end too soon: run go generate ./shared/policy")
		}
		body := bodies[:e.Length]
		bodies = bodies[e.Length:]
		s.add(&held{head: e.Head, read: sync.OnceValue(func() Pack { return s.decompile(e.Head, body) })})
	}
	return s, s.checkTerritories()
}

// decompile reads a pack that Compile wrote. A test reads every one of them, so one that cannot be read is a damaged build.
func (s *Set) decompile(head Head, body string) Pack {
	var p Pack
	err := json.Unmarshal([]byte(body), &p)
	if err == nil {
		err = s.resolve(&p)
	}
	if err != nil {
		panic(fmt.Sprintf("policy: the compiled pack %s is damaged: %v", head.Version, err))
	}
	p.Version = head.Version
	return p
}

// resolve sets the calendars that a compiled pack names.
func (s *Set) resolve(p *Pack) (err error) {
	if p.Calendar, err = s.Calendar(p.CalendarName); err != nil {
		return err
	}
	p.byPlace = map[Place]*listed{}
	for _, c := range p.Calendars {
		l, ok := s.calendars[c.Calendar]
		if !ok {
			return fault.New(fault.Misconfigured, "there is no calendar of that name")
		}
		p.byPlace[Place{Country: c.Country, Region: c.Region}] = l
	}
	return nil
}

// Compile reads the packs of the file system as LoadFS does and returns them in the form that Load reads: packs/compiled.jsonl.
// The same packs give the same bytes.
func Compile(fsys fs.FS) ([]byte, error) {
	s, err := LoadFS(fsys)
	if err != nil {
		return nil, err
	}
	var entries []entry
	var bodies bytes.Buffer
	for _, v := range slices.SortedFunc(maps.Keys(s.versions), s.newestFirst) {
		h := s.versions[v]
		body, err := json.Marshal(h.read())
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "writing a compiled pack")
		}
		entries = append(entries, entry{Head: h.head, Length: len(body) + 1})
		bodies.Write(append(body, '\n'))
	}
	index, err := json.Marshal(entries)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing the index of compiled packs")
	}
	return append(append(index, '\n'), bodies.Bytes()...), nil
}

// newestFirst orders versions by law, the current one before those it superseded.
func (s *Set) newestFirst(a, b Version) int {
	x, y := s.versions[a].head, s.versions[b].head
	switch {
	case x.ID != y.ID:
		return strings.Compare(string(x.ID), string(y.ID))
	case x.Current != y.Current:
		if x.Current {
			return -1
		}
		return 1
	}
	return strings.Compare(string(a), string(b))
}
