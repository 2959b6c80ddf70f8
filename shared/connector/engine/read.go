package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// Opener opens what Keys.SealResults sealed. (*keys.CaseKeys).ResultsOpener makes one.
type Opener func(ctx context.Context, sealed io.Reader) (io.Reader, error)

// Parts reads the parts of one task, collection by collection, holding one opened part in memory. Not safe for concurrent
// use.
type Parts struct {
	store blobs.Store
	open  Opener
	refs  []PartRef
	held  int // index of the part in plain; -1 = none
	plain []byte
}

// NewParts returns a reader over the parts of a task in the order in which its turns wrote them.
func NewParts(store blobs.Store, open Opener, refs []PartRef) *Parts {
	return &Parts{store: store, open: open, refs: refs, held: -1}
}

// Format implements fmt.Formatter: the mask, never a record.
func (p *Parts) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redact.Mask)) }

// Content says how many records of a collection there are.
type Content struct {
	Collection string
	Records    int
}

// Contents returns the collections in the order in which they first appear. It reads nothing.
func (p *Parts) Contents() []Content {
	var list []Content
	for _, ref := range p.refs {
		for _, s := range ref.Sections {
			i := slices.IndexFunc(list, func(c Content) bool { return c.Collection == s.Collection })
			if i < 0 {
				list = append(list, Content{Collection: s.Collection})
				i = len(list) - 1
			}
			list[i].Records += s.Records
		}
	}
	return list
}

// Records yields the records of a collection, each the JSON object of connector.Record.AppendJSON without a line break, valid
// until the next step. A part that is missing, changed or does not hold what its reference says is an error; what was
// yielded before is genuine.
func (p *Parts) Records(ctx context.Context, collection string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i, ref := range p.refs {
			for _, s := range ref.Sections {
				if s.Collection != collection {
					continue
				}
				if err := p.load(ctx, i); err != nil {
					yield(nil, err)
					return
				}
				if !p.section(s, yield) {
					return
				}
			}
		}
	}
}

func (p *Parts) section(s Section, yield func([]byte, error) bool) bool {
	if s.Offset < 0 || s.Bytes < 0 || s.Offset+s.Bytes > int64(len(p.plain)) {
		yield(nil, fault.New(fault.Internal, "a part of the results is shorter than its reference says"))
		return false
	}
	lines := p.plain[s.Offset : s.Offset+s.Bytes]
	n := 0
	for ; len(lines) > 0; n++ {
		line, rest, ended := bytes.Cut(lines, []byte{'\n'})
		if !ended {
			break
		}
		if !yield(line, nil) {
			return false
		}
		lines = rest
	}
	if n != s.Records || len(lines) > 0 {
		yield(nil, fault.New(fault.Internal, "a part of the results holds another number of records than its reference says"))
		return false
	}
	return true
}

// maxPart bounds what is read into memory for one part: the part size of any configuration, and one very large record.
const maxPart = 1 << 30

func (p *Parts) load(ctx context.Context, i int) error {
	if p.held == i {
		return nil
	}
	ref := p.refs[i]
	rc, _, err := p.store.Open(ctx, ref.Name, 0)
	if err != nil {
		return fmt.Errorf("opening a part of the results: %w", err)
	}
	defer rc.Close()
	digest := sha256.New()
	sealed := io.TeeReader(io.LimitReader(rc, maxPart), digest)
	plain, err := p.open(ctx, sealed)
	if err != nil {
		return fmt.Errorf("opening a part of the results: %w", err)
	}
	buf := bytes.NewBuffer(p.plain[:0])
	p.held = -1
	if _, err := buf.ReadFrom(plain); err != nil {
		return fmt.Errorf("reading a part of the results: %w", err)
	}
	if _, err := io.Copy(io.Discard, sealed); err != nil {
		return fault.Wrap(fault.Unavailable, err, "reading a part of the results")
	}
	if hex.EncodeToString(digest.Sum(nil)) != ref.SHA256 {
		return fault.New(fault.Internal, "a part of the results is not the one that was written")
	}
	p.plain, p.held = buf.Bytes(), i
	return nil
}
