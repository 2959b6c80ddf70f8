package disclosure

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/policy"
)

// State is what remains between the steps of one package: JSON without personal data, to be stored by the caller. The zero
// State begins. It grows with the number of files, by about 200 bytes each.
type State struct {
	Schema   int      `json:"schema,omitempty"`
	Volumes  []Stored `json:"volumes,omitempty"`
	Files    []File   `json:"files,omitempty"`
	System   int      `json:"system"`             // index of the first system that is not written in full
	Skip     int64    `json:"skip"`               // records of that system that are written
	Attached int      `json:"attached,omitempty"` // attachments of that system that are written
	Counts   []Count  `json:"counts,omitempty"`   // records written by collection
	Withheld []string `json:"withheld,omitempty"` // reasons of the values withheld so far; empty = another one
	Held     []Held   `json:"held,omitempty"`     // values that are held and not shown
	Done     bool     `json:"done,omitempty"`     // the last volume is stored
	Manifest string   `json:"manifest,omitempty"` // lower-case hex SHA-256 of manifest.json, once done
}

// Stored is a volume that was written in full.
type Stored struct {
	Bytes  int64  `json:"bytes"`  // of the plain zip
	SHA256 string `json:"sha256"` // of the plain zip, lower-case hex
}

// File is one file of the package as manifest.json lists it.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Count is how many records of a collection are written, and in how many parts.
type Count struct {
	System     int   `json:"s"` // index in Input.Systems
	Collection int   `json:"c"` // index in System.Collections
	Records    int64 `json:"n"`
	Parts      int   `json:"p"`
}

// Result is a finished package.
type Result struct {
	Volumes        []Volume
	Records        int64
	Bytes          int64  // of all volumes
	ManifestSHA256 string // lower-case hex
	GeneratedAt    time.Time
}

// Volume is one zip of a finished package.
type Volume struct {
	Number int // from 1
	Name   string
	Bytes  int64
	SHA256 string // of the plain zip, lower-case hex
}

// PutVolume stores one volume: it calls write once with a writer that seals, and makes the volume visible only when write
// returns nil. number counts from 1. Storing a number again replaces it.
type PutVolume func(ctx context.Context, number int, write func(w io.Writer) error) error

// Temp is a place for what a volume must hold back while it is written, for one goroutine. Whatever lies in it is sealed.
type Temp interface {
	io.Writer
	// ReadAt reads what was written, by offset in the plain bytes; it follows io.ReaderAt.
	io.ReaderAt
	// Close forgets everything.
	io.Closer
}

// Options are what an Assembler is made of.
type Options struct {
	// VolumeBytes is the most bytes of a volume; 0 = 1 GiB, at least 256 KiB. A single record that is larger has a volume of
	// its own.
	VolumeBytes int64
	// MemoryBytes is how much compressed data is kept in memory before Temp is used; 0 = 8 MiB.
	MemoryBytes int
	// Temp opens a temporary place; used only beyond MemoryBytes. Required.
	Temp func(ctx context.Context) (Temp, error)
}

// parts returns how many parts of a collection are written.
func (s *State) parts(system, collection int) int {
	if c := s.find(system, collection); c != nil {
		return c.Parts
	}
	return 0
}

// records returns how many records of a collection are written.
func (s *State) records(system, collection int) int64 {
	if c := s.find(system, collection); c != nil {
		return c.Records
	}
	return 0
}

// count adds a part of a collection.
func (s *State) count(system, collection int, o *opened) {
	c := s.find(system, collection)
	if c == nil {
		s.Counts = append(s.Counts, Count{System: system, Collection: collection})
		c = &s.Counts[len(s.Counts)-1]
	}
	c.Records += o.records
	c.Parts++
}

// hold adds the values of a record that are not shown.
func (s *State) hold(system, collection int, counts map[policy.SecretKind]int64) {
	for _, kind := range policy.SecretKinds() { // in a stable order
		if counts[kind] == 0 {
			continue
		}
		i := slices.IndexFunc(s.Held, func(h Held) bool { return h.System == system && h.Collection == collection && h.Kind == kind })
		if i < 0 {
			i = len(s.Held)
			s.Held = append(s.Held, Held{System: system, Collection: collection, Kind: kind})
		}
		s.Held[i].Values += counts[kind]
	}
}

// held returns what a collection holds that is not shown, in the order of policy.SecretKinds.
func (s *State) held(system, collection int) []Held {
	var out []Held
	for _, kind := range policy.SecretKinds() {
		for _, h := range s.Held {
			if h.System == system && h.Collection == collection && h.Kind == kind {
				out = append(out, h)
			}
		}
	}
	return out
}

// find looks from the end: it is nearly always the last system that is asked for.
func (s *State) find(system, collection int) *Count {
	for i := len(s.Counts) - 1; i >= 0; i-- {
		if s.Counts[i].System == system && s.Counts[i].Collection == collection {
			return &s.Counts[i]
		}
	}
	return nil
}
