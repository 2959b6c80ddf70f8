package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// partSink takes records, withholds what must not be shown, and seals them in parts, grouped by collection.
type partSink struct {
	t        *task
	sections []*section // in the order in which collections first appeared
	last     *section
	held     int // bytes in the sections
	records  int
	bytes    int64
	counts   map[string]int
	scratch  connector.Record
	parts    []PartRef
	err      error // a failure of ours, as against the connector's
}

type section struct {
	name     string
	buf      []byte
	records  int
	withhold []withhold
}

type withhold struct{ path, reason string }

func (t *task) newPartSink() *partSink {
	return &partSink{t: t, counts: map[string]int{}}
}

// Put implements connector.Sink.
func (s *partSink) Put(ctx context.Context, rec *connector.Record) error {
	sec := s.last
	if sec == nil || sec.name != rec.Collection {
		var err error
		if sec, err = s.section(rec.Collection); err != nil {
			return err
		}
	}
	if len(sec.withhold) > 0 {
		s.scratch.Collection, s.scratch.Key = rec.Collection, rec.Key
		s.scratch.Fields = append(s.scratch.Fields[:0], rec.Fields...)
		for _, w := range sec.withhold {
			s.scratch.Withhold(w.path, w.reason)
		}
		rec = &s.scratch
	}
	before := len(sec.buf)
	sec.buf = append(rec.AppendJSON(sec.buf), '\n')
	n := len(sec.buf) - before
	sec.records++
	s.records++
	s.bytes += int64(n)
	s.counts[sec.name]++
	if s.held += n; s.held >= s.t.e.cfg.PartBytes {
		if s.err = s.flush(ctx); s.err != nil {
			return s.err
		}
	}
	return nil
}

// Full implements connector.Sink.
func (s *partSink) Full() bool {
	cfg := s.t.e.cfg
	return s.records >= cfg.TurnRecords || s.bytes >= cfg.TurnBytes || s.t.late()
}

func (s *partSink) section(name string) (*section, error) {
	for _, sec := range s.sections {
		if sec.name == name {
			s.last = sec
			return sec, nil
		}
	}
	sec := &section{name: name}
	if ds := s.t.ins.Dataset; ds != nil {
		c := ds.Collection(name)
		if c == nil {
			return nil, fault.New(fault.Internal, "the connector delivered a record of a collection that the data map does not have")
		}
		for f := range c.All {
			if reason, shown := f.Shown(name, s.t.ins.Deny); !shown {
				sec.withhold = append(sec.withhold, withhold{f.Path, reason})
			}
		}
	}
	s.sections = append(s.sections, sec)
	s.last = sec
	return sec, nil
}

// flush seals what is held into one part and stores it. Part numbers follow from the state, so a repeated turn writes the
// same names.
func (s *partSink) flush(ctx context.Context) error {
	if s.held == 0 {
		return nil
	}
	var sealed bytes.Buffer
	sealed.Grow(s.held + s.held/1024 + 512)
	w, err := s.t.ins.Keys.SealResults(&sealed)
	if err != nil {
		return fmt.Errorf("sealing records: %w", err)
	}
	ref := PartRef{Name: fmt.Sprintf("%s/%06d", s.t.object("raw"), s.t.st.NextPart+len(s.parts))}
	var offset int64
	for _, sec := range s.sections {
		if sec.records == 0 {
			continue
		}
		if _, err := w.Write(sec.buf); err != nil {
			return fmt.Errorf("sealing records: %w", err)
		}
		n := int64(len(sec.buf))
		ref.Sections = append(ref.Sections, Section{Collection: sec.name, Offset: offset, Bytes: n, Records: sec.records})
		offset += n
		sec.buf, sec.records = sec.buf[:0], 0
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("sealing records: %w", err)
	}
	sum := sha256.Sum256(sealed.Bytes())
	ref.SHA256, ref.Bytes = hex.EncodeToString(sum[:]), int64(sealed.Len())
	if _, err := s.t.e.cfg.Blobs.Put(ctx, ref.Name, &sealed); err != nil {
		return fmt.Errorf("storing records: %w", err)
	}
	s.parts, s.held = append(s.parts, ref), 0
	return nil
}

// addDigests takes the digests of parts into the running hash that the receipt covers.
func (s *state) addDigests(parts []PartRef) {
	for _, p := range parts {
		sum := sha256.Sum256([]byte(s.PartHashes + p.SHA256))
		s.PartHashes = hex.EncodeToString(sum[:])
	}
}
