package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Set is the packs of an installation: the current one of each law, and superseded ones that open cases may still be pinned
// to. It is immutable and safe for concurrent use.
type Set struct {
	current   map[ID]*held
	versions  map[Version]*held
	calendars map[string]*listed
}

// held is a pack, read when it is first asked for.
type held struct {
	head Head
	read func() Pack
}

// LoadFS reads packs/*.yaml (one current pack per law), packs/superseded/*.yaml (earlier ones, any file name),
// calendars/*.yaml and calendars/superseded/*.yaml. Reading is strict: an unknown key, a missing part or a number that
// contradicts another is fault.Misconfigured and names file and line. A superseded pack keeps its version only if its
// calendar is still the one it was written with, so a calendar that changes gets a new name.
func LoadFS(fsys fs.FS) (*Set, error) {
	check, err := packSchema()
	if err != nil {
		return nil, err
	}
	s := newSet()
	r := &reader{pack: check}
	for _, step := range []struct {
		pattern string
		add     func(name string, content []byte) error
	}{
		{"calendars/*.yaml", func(name string, content []byte) error { return s.addCalendar(r, name, content) }},
		{"calendars/superseded/*.yaml", func(name string, content []byte) error { return s.addCalendar(r, name, content) }},
		{"packs/*.yaml", func(name string, content []byte) error { return s.addPack(r, name, content, true) }},
		{"packs/superseded/*.yaml", func(name string, content []byte) error { return s.addPack(r, name, content, false) }},
	} {
		if err := eachFile(fsys, step.pattern, step.add); err != nil {
			return nil, err
		}
	}
	if len(s.current) == 0 {
		return nil, fault.New(fault.Misconfigured, "there is no jurisdiction pack")
	}
	return s, s.checkTerritories()
}

func newSet() *Set {
	return &Set{current: map[ID]*held{}, versions: map[Version]*held{}, calendars: map[string]*listed{}}
}

// eachFile calls add for every file of the pattern, in the order of names.
func eachFile(fsys fs.FS, pattern string, add func(name string, content []byte) error) error {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "listing "+pattern)
	}
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fault.Wrap(fault.Misconfigured, err, "reading "+name)
		}
		if err := add(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) addCalendar(r *reader, name string, content []byte) error {
	key := strings.TrimSuffix(path.Base(name), ".yaml")
	if _, twice := s.calendars[key]; twice {
		return fault.New(fault.Misconfigured, name+": there is another calendar of this name")
	}
	s.calendars[key] = newListed(r, name, content)
	if r.pack == nil {
		return nil // built in: tested, and read when it is asked for
	}
	_, err := s.calendars[key].read()
	return err
}

func (s *Set) addPack(r *reader, name string, content []byte, current bool) error {
	p, err := s.readPack(r, name, content, current)
	if err != nil {
		return err
	}
	if _, twice := s.versions[p.Version]; twice {
		return fault.New(fault.Misconfigured, name+": this very pack is there twice")
	}
	s.add(&held{head: p.head(current), read: func() Pack { return p }})
	return nil
}

func (s *Set) readPack(r *reader, name string, content []byte, current bool) (Pack, error) {
	var p Pack
	doc, err := r.read(name, content, r.pack, &p)
	if err != nil {
		return Pack{}, err
	}
	own, known := s.calendars[p.CalendarName]
	if !known {
		return Pack{}, doc.at("$.calendar", "there is no such calendar")
	}
	calendar, err := own.read()
	if err != nil {
		return Pack{}, err
	}
	places, others := s.places(doc, p)
	if current && string(p.ID) != strings.TrimSuffix(path.Base(name), ".yaml") {
		doc.fail("$.id", "the id must be the file's name")
	}
	checkPack(doc, p)
	if err := doc.err(); err != nil {
		return Pack{}, err
	}
	p.Calendar, p.byPlace = calendar, places
	p.Version = version(p.ID, content, append([]*listed{own}, others...))
	return p, nil
}

func (s *Set) add(h *held) {
	s.versions[h.head.Version] = h
	if h.head.Current {
		s.current[h.head.ID] = h
	}
}

// places resolves the calendars of places, and lists them in the order of the file.
func (s *Set) places(doc *document, p Pack) (by map[Place]*listed, others []*listed) {
	by = map[Place]*listed{}
	for i, c := range p.Calendars {
		at := fmt.Sprintf("$.calendars[%d]", i)
		cal, known := s.calendars[c.Calendar]
		if !known {
			doc.fail(at+".calendar", "there is no such calendar")
			continue
		}
		place := Place{Country: c.Country, Region: c.Region}
		if _, twice := by[place]; twice {
			doc.fail(at, "the place has another calendar")
		}
		by[place], others = cal, append(others, cal)
	}
	return by, others
}

// version covers the calendars too: the same pack with other holidays gives other dates.
func version(id ID, content []byte, calendars []*listed) Version {
	h := sha256.New()
	own := sha256.Sum256(content)
	_, _ = h.Write(own[:])
	for _, c := range calendars {
		_, _ = h.Write(c.hash[:])
	}
	return Version(string(id) + "@sha256:" + hex.EncodeToString(h.Sum(nil))[:16])
}

// checkTerritories makes sure that no place has two current laws, so that Choose is a function.
func (s *Set) checkTerritories() error {
	owner := map[Place]ID{}
	for _, p := range s.Index() {
		for _, place := range p.Territory {
			key := Place{Country: place.Country, Region: place.Region}
			if other, taken := owner[key]; taken {
				return fault.New(fault.Misconfigured, fmt.Sprintf("packs %s and %s claim the same place", other, p.ID))
			}
			owner[key] = p.ID
		}
	}
	if _, ok := s.current[fallback]; !ok {
		return fault.New(fault.Misconfigured, "the pack "+string(fallback)+", which stands in for laws nobody wrote yet, is missing")
	}
	return nil
}

// Index returns what can be known of the current packs without reading them, in the order of their ids.
func (s *Set) Index() []Head {
	out := make([]Head, 0, len(s.current))
	for _, id := range slices.Sorted(maps.Keys(s.current)) {
		out = append(out, s.current[id].head)
	}
	return out
}

// Packs returns the current packs in the order of their ids. It reads every one of them: whoever needs few asks Index first.
func (s *Set) Packs() []Pack {
	out := make([]Pack, 0, len(s.current))
	for _, id := range slices.Sorted(maps.Keys(s.current)) {
		out = append(out, s.current[id].read())
	}
	return out
}

// Pack returns the current pack of the law, or fault.NotFound.
func (s *Set) Pack(id ID) (Pack, error) {
	if p, ok := s.current[id]; ok {
		return p.read(), nil
	}
	return Pack{}, fault.New(fault.NotFound, "there is no pack of that id")
}

// At returns the pack that a case was pinned to, current or superseded, or fault.NotFound. The version must be one of the
// law id.
func (s *Set) At(id ID, v Version) (Pack, error) {
	if p, ok := s.versions[v]; ok && p.head.ID == id {
		return p.read(), nil
	}
	return Pack{}, fault.New(fault.NotFound, "there is no pack of that version")
}

// Calendar returns the calendar of the name, or fault.NotFound.
func (s *Set) Calendar(name string) (Calendar, error) {
	if l, ok := s.calendars[name]; ok {
		return l.read()
	}
	return Calendar{}, fault.New(fault.NotFound, "there is no calendar of that name")
}

// NewCalendar returns a calendar made in code or read from a file of vectors. The error is fault.Invalid.
func NewCalendar(name string, weekend []time.Weekday, holidays []civil.Date, closed []Range) (Calendar, error) {
	c := Calendar{Name: name, Weekend: slices.Clone(weekend), Holidays: map[civil.Date]bool{}, Closed: slices.Clone(closed)}
	for _, d := range holidays {
		c.Holidays[d] = true
	}
	full := len(slices.Compact(slices.Sorted(slices.Values(weekend)))) == 7
	for _, r := range closed {
		if r.To.Before(r.From) {
			return Calendar{}, fault.New(fault.Invalid, "a closed range ends before it begins")
		}
	}
	if name == "" || full {
		return Calendar{}, fault.New(fault.Invalid, "a calendar needs a name and a working day")
	}
	return c, nil
}

// Schema returns the JSON Schema (2020-12) of a pack.
func Schema() []byte { return bytes.Clone(schema) }
