package spool

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"slices"
	"sort"
	"strconv"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// blockBytes is the plain size at which a block of a run is sealed.
const blockBytes = 32 << 10

var errDamaged = fault.New(fault.Internal, "a run of the spool is not what was written")

// run is a sorted set of keys in one object: sealed blocks of keys, then a sealed trailer with the first key of each block
// and a Bloom filter.
type run struct {
	Object  string `json:"object"`
	Keys    int64  `json:"keys"`
	At      int64  `json:"at"`      // offset of the trailer
	Trailer int64  `json:"trailer"` // its sealed length

	index  []blockRef // loaded on first use
	filter bloom
	cached int // block in cache; -1 = none
	block  []byte
}

type blockRef struct {
	first  []byte
	offset int64
	sealed int64
}

// writeRun streams ascending keys into a new run.
func (s *Spool) writeRun(ctx context.Context, keys iter.Seq2[[]byte, error], count int64) (*run, error) {
	s.written++
	r := &run{Object: s.prefix + "/" + strconv.Itoa(s.turn) + "-" + strconv.Itoa(s.written), cached: -1}
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := s.fill(r, pw, keys, count)
		_ = pw.CloseWithError(err)
		done <- err
	}()
	_, err := s.store.Put(ctx, r.Object, pr)
	_ = pr.CloseWithError(io.ErrClosedPipe) // lets the writer go when Put gave up early
	if fillErr := <-done; err == nil {
		err = fillErr
	}
	if err != nil {
		return nil, fmt.Errorf("writing a run of the spool: %w", err)
	}
	return r, nil
}

func (s *Spool) fill(r *run, w io.Writer, keys iter.Seq2[[]byte, error], count int64) error {
	r.filter = newBloom(int(count))
	block := make([]byte, 0, blockBytes+1024)
	flush := func() error {
		if len(block) == 0 {
			return nil
		}
		sealed := s.sealer.SealDoc(r.label(len(r.index)), block)
		n, size := binary.Uvarint(block)
		r.index = append(r.index, blockRef{first: slices.Clone(block[size : size+int(n)]), offset: r.At, sealed: int64(len(sealed))})
		r.At += int64(len(sealed))
		block = block[:0]
		_, err := w.Write(sealed)
		return err
	}
	for key, err := range keys {
		if err != nil {
			return err
		}
		r.filter.add(key)
		r.Keys++
		block = append(binary.AppendUvarint(block, uint64(len(key))), key...)
		if len(block) >= blockBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	sealed := s.sealer.SealDoc(r.label(-1), r.appendTrailer(nil))
	r.Trailer = int64(len(sealed))
	_, err := w.Write(sealed)
	return err
}

func (r *run) label(block int) string { return r.Object + "#" + strconv.Itoa(block) }

func (r *run) appendTrailer(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(r.index)))
	for _, b := range r.index {
		dst = binary.AppendUvarint(dst, uint64(len(b.first)))
		dst = append(dst, b.first...)
		dst = binary.AppendUvarint(dst, uint64(b.sealed))
	}
	return append(dst, r.filter.bits...)
}

// load reads the trailer once.
func (s *Spool) load(ctx context.Context, r *run) error {
	if r.index != nil {
		return nil
	}
	b, err := s.read(ctx, r, r.At, r.Trailer, -1)
	if err != nil {
		return err
	}
	next := func() (uint64, bool) {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return 0, false
		}
		b = b[size:]
		return n, true
	}
	blocks, ok := next()
	var offset int64
	for range blocks {
		n, ok1 := next()
		if !ok1 || n > uint64(len(b)) {
			return errDamaged
		}
		first := b[:n:n]
		b = b[n:]
		sealed, ok2 := next()
		if !ok2 {
			return errDamaged
		}
		r.index = append(r.index, blockRef{first, offset, int64(sealed)})
		offset += int64(sealed)
	}
	if !ok || offset != r.At || len(b) < 8 {
		return errDamaged
	}
	r.filter, r.cached = bloom{b}, -1
	return nil
}

func (s *Spool) read(ctx context.Context, r *run, offset, length int64, block int) ([]byte, error) {
	rc, _, err := s.store.Open(ctx, r.Object, offset)
	if err != nil {
		return nil, fmt.Errorf("opening a run of the spool: %w", err)
	}
	defer rc.Close()
	sealed := make([]byte, length)
	if _, err := io.ReadFull(rc, sealed); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a run of the spool")
	}
	plain, err := s.sealer.OpenDoc(r.label(block), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening a run of the spool: %w", err)
	}
	return plain.Reveal(), nil
}

// get returns a block, opened; the last one stays in memory.
func (s *Spool) get(ctx context.Context, r *run, i int) ([]byte, error) {
	if r.cached != i {
		b, err := s.read(ctx, r, r.index[i].offset, r.index[i].sealed, i)
		if err != nil {
			return nil, err
		}
		r.cached, r.block = i, b
	}
	return r.block, nil
}

func (s *Spool) inRun(ctx context.Context, r *run, key []byte) (bool, error) {
	if err := s.load(ctx, r); err != nil {
		return false, err
	}
	if len(r.index) == 0 || !r.filter.maybe(key) {
		return false, nil
	}
	block, err := s.get(ctx, r, r.blockOf(key))
	if err != nil {
		return false, err
	}
	for len(block) > 0 {
		var k []byte
		if k, block, err = cutKey(block); err != nil {
			return false, err
		}
		if c := bytes.Compare(k, key); c >= 0 {
			return c == 0, nil
		}
	}
	return false, nil
}

// blockOf returns the block in which a key would lie.
func (r *run) blockOf(key []byte) int {
	i := sort.Search(len(r.index), func(i int) bool { return bytes.Compare(r.index[i].first, key) > 0 })
	return max(0, i-1)
}

// scanRun yields the keys behind after. Its blocks are its own: a scan does not disturb the cache.
func (s *Spool) scanRun(ctx context.Context, r *run, after []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if err := s.load(ctx, r); err != nil {
			yield(nil, err)
			return
		}
		start := 0
		if after != nil {
			start = r.blockOf(after)
		}
		for i := start; i < len(r.index); i++ {
			block, err := s.read(ctx, r, r.index[i].offset, r.index[i].sealed, i)
			for err == nil && len(block) > 0 {
				var key []byte
				if key, block, err = cutKey(block); err == nil && bytes.Compare(key, after) > 0 || err == nil && after == nil {
					if !yield(key, nil) {
						return
					}
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func cutKey(block []byte) (key, rest []byte, err error) {
	n, size := binary.Uvarint(block)
	if size <= 0 || n > uint64(len(block)-size) {
		return nil, nil, errDamaged
	}
	return block[size : size+int(n)], block[size+int(n):], nil
}
