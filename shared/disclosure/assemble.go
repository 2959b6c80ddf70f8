package disclosure

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

const (
	schemaVersion      = 1
	defaultVolumeBytes = 1 << 30
	leastVolumeBytes   = 256 << 10
	defaultMemoryBytes = 8 << 20
)

// Assembler writes packages. It is safe for use by several goroutines.
type Assembler struct {
	options   Options
	tools     *tools
	languages *languages
	names     map[string]policy.SecretKind // fields that hold what is not shown
}

// New returns an assembler. A volume limit that is too small or a missing Temp is fault.Misconfigured.
func New(o Options) (*Assembler, error) {
	if o.VolumeBytes == 0 {
		o.VolumeBytes = defaultVolumeBytes
	}
	if o.MemoryBytes == 0 {
		o.MemoryBytes = defaultMemoryBytes
	}
	if o.VolumeBytes < leastVolumeBytes || o.MemoryBytes < 0 || o.Temp == nil {
		return nil, fault.New(fault.Misconfigured, "an assembler needs a temporary place and volumes of at least 256 KiB")
	}
	languages, err := newLanguages()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing the words of the package")
	}
	return &Assembler{options: o, tools: newTools(), languages: languages, names: secretNames()}, nil
}

// Assemble writes the whole package, volume by volume. Errors are those of Step.
func (a *Assembler) Assemble(ctx context.Context, in Input, put PutVolume) (Result, error) {
	var s State
	for !s.Done {
		var err error
		if s, err = a.Step(ctx, in, s, put); err != nil {
			return Result{}, err
		}
	}
	return s.Result(in), nil
}

// Step writes one volume: the one after those that s says are stored. It returns the state behind it; s itself is not
// changed. A step that was interrupted is repeated from the same state and writes the same bytes. A finished state is
// returned as it is.
//
// fault.Invalid: the input is not complete, or s belongs to another input. fault.Internal: the records read are not those
// that the input announces; nothing is stored then. Errors of sources, of Temp and of put keep their class.
func (a *Assembler) Step(ctx context.Context, in Input, s State, put PutVolume) (State, error) {
	if s.Done {
		return s, nil
	}
	if err := in.check(); err != nil {
		return State{}, err
	}
	if s.Schema > schemaVersion || s.System < 0 || s.Attached < 0 || s.System > len(in.Systems) || slices.ContainsFunc(s.Counts, in.lacks) {
		return State{}, fault.New(fault.Invalid, "this state of an assembly does not belong to the input")
	}
	words, err := a.languages.in(in.Locale)
	if err != nil {
		return State{}, fault.Wrap(fault.Internal, err, "preparing the words of the package")
	}
	v := newVolume(a, &in, words, s)
	number := len(s.Volumes) + 1
	written := false
	err = put(ctx, number, func(out io.Writer) error {
		if written {
			return fault.New(fault.Internal, "a volume can be written only once")
		}
		written = true
		return v.write(ctx, out)
	})
	if err != nil {
		return State{}, fmt.Errorf("writing volume %d: %w", number, err)
	}
	if !written {
		return State{}, fault.New(fault.Internal, "a volume was stored without being written")
	}
	return v.state, nil
}

// Result returns what a finished state amounts to; in is the input it was made from.
func (s State) Result(in Input) Result {
	r := Result{ManifestSHA256: s.Manifest, GeneratedAt: in.GeneratedAt}
	for _, c := range s.Counts {
		r.Records += c.Records
	}
	if in.CategoriesOnly {
		for _, sys := range in.Systems {
			for _, c := range sys.Collections {
				r.Records += c.Records
			}
		}
	}
	for i, v := range s.Volumes {
		name := "personal-data-" + fileName(in.Reference)
		if len(s.Volumes) > 1 {
			name += "-" + strconv.Itoa(i+1) + "-of-" + strconv.Itoa(len(s.Volumes))
		}
		r.Volumes = append(r.Volumes, Volume{Number: i + 1, Name: name + ".zip", Bytes: v.Bytes, SHA256: v.SHA256})
		r.Bytes += v.Bytes
	}
	return r
}

// clone returns a copy that shares nothing with s.
func (s State) clone() State {
	s.Schema = schemaVersion
	s.Volumes, s.Files, s.Counts, s.Withheld = slices.Clone(s.Volumes), slices.Clone(s.Files), slices.Clone(s.Counts), slices.Clone(s.Withheld)
	s.Held = slices.Clone(s.Held)
	return s
}

func (in Input) lacks(c Count) bool {
	return c.System < 0 || c.System >= len(in.Systems) || c.Collection < 0 || c.Collection >= len(in.Systems[c.System].Collections)
}

// check refuses an input of which no honest package can be made.
func (in Input) check() error {
	switch {
	case in.Reference == "" || in.GeneratedAt.IsZero():
		return fault.New(fault.Invalid, "a package has a reference and a time")
	case !in.Right.Discloses():
		return fault.New(fault.Invalid, "the answer to this right is not a copy of data")
	case in.Controller.Title == "":
		return fault.New(fault.Invalid, "a package names who answers")
	}
	names := map[string]bool{}
	for _, s := range in.Systems {
		if s.Name == "" || names[s.Name] {
			return fault.New(fault.Invalid, "the systems of a package have names of their own")
		}
		names[s.Name] = true
		if err := s.check(in.CategoriesOnly); err != nil {
			return err
		}
	}
	return nil
}

func (s System) check(categories bool) error {
	if !s.Outcome.Valid() {
		return fault.New(fault.Invalid, "every system of a package has an outcome")
	}
	for _, a := range s.Attachments {
		if a.Name == "" || a.Bytes < 0 || len(a.SHA256) != 64 || a.Open == nil {
			return fault.New(fault.Invalid, "an attachment has a name, a size, a hash, and can be read")
		}
	}
	names := map[string]bool{}
	for _, c := range s.Collections {
		switch {
		case c.Name == "" || names[c.Name]:
			return fault.New(fault.Invalid, "the collections of a system have names of their own")
		case !c.Outcome.Valid():
			return fault.New(fault.Invalid, "every collection of a package has an outcome")
		case c.Records < 0, c.Records > 0 && c.Outcome == dsar.NothingHeld, c.Records == 0 && c.Outcome == dsar.Found:
			return fault.New(fault.Invalid, "the outcome of a collection contradicts its number of records")
		case c.Records > 0 && s.Records == nil && !categories:
			return fault.New(fault.Invalid, "a system with records can be read")
		}
		names[c.Name] = true
	}
	return nil
}
