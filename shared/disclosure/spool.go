package disclosure

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	chunkBytes   = 128 << 10 // of a file, deflated at a time
	pendingBytes = 4 << 20   // of all files, not yet deflated
	besideBytes  = 32 << 10  // chunks from this size on are deflated beside the reading
	storedBytes  = 256       // smaller ends of files are not worth deflating
	chunkCost    = 32        // most bytes that ending a chunk adds: flush marker and headers of stored blocks
)

// spool holds the files of one system while its records are read: many files grow at the same time, a zip is written one
// file after the other. Files are deflated in chunks that do not refer to each other, so that several can be worked on at
// once and no file needs a compressor of its own; where a chunk ends depends on the content alone. Deflated chunks stay in
// memory up to a limit and then go to a Temp.
type spool struct {
	open     func(context.Context) (Temp, error)
	temp     Temp
	tempSize int64
	memory   int // bytes left for deflated chunks
	tools    *tools
	files    []*file
	pending  int
	bound    int64    // no more bytes than this will go into the zip for what was added
	working  []*chunk // being deflated, oldest first
}

// file is one file of the package on its way.
type file struct {
	path     string
	raw      []byte // not yet deflated
	chunks   []*chunk
	hash     hash.Hash // nil while everything is in raw
	sum      string
	crc      uint32
	size     int64
	deflated int64 // bytes of the chunks; valid when settled
}

// chunk is a part of a deflated file. After done it lies in data, or at off in the Temp when data is nil.
type chunk struct {
	owner *file
	done  chan struct{} // nil: was deflated at once
	data  []byte
	off   int64
	size  int
}

// tools are buffers and compressors used again and again.
type tools struct{ deflaters, buffers sync.Pool }

type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

// level is the fastest. For 100,000 records the default takes three times as long and saves a sixth; levels 2 and 3 save a
// tenth, but clear 600 KiB of tables for every chunk, which a small package is full of.
const level = flate.BestSpeed

func newTools() *tools {
	return &tools{
		deflaters: sync.Pool{New: func() any {
			w, _ := flate.NewWriter(io.Discard, level) // the level is valid
			return &deflater{w: w}
		}},
		buffers: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// deflate returns raw as a run of deflate blocks; last ends the stream.
func (t *tools) deflate(raw []byte, last bool) []byte {
	if last && len(raw) < storedBytes {
		// One stored block (RFC 1951, 3.2.4).
		out := make([]byte, 0, 5+len(raw))
		out = binary.LittleEndian.AppendUint16(append(out, 1), uint16(len(raw)))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(len(raw)))
		return append(out, raw...)
	}
	d := t.deflaters.Get().(*deflater)
	defer t.deflaters.Put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(raw) // a bytes.Buffer takes everything
	if last {
		_ = d.w.Close()
	} else {
		_ = d.w.Flush()
	}
	return bytes.Clone(d.out.Bytes())
}

func (t *tools) buffer() []byte { return (*t.buffers.Get().(*[]byte))[:0] }

func (t *tools) giveBack(b []byte) {
	if cap(b) <= 2*chunkBytes {
		t.buffers.Put(&b)
	}
}

func newSpool(o Options, t *tools) *spool {
	return &spool{open: o.Temp, memory: o.MemoryBytes, tools: t}
}

// file begins a file.
func (s *spool) file(path string) *file {
	f := &file{path: path, raw: s.tools.buffer()}
	s.files = append(s.files, f)
	s.bound += f.cost()
	return f
}

// cost returns how many bytes a file takes in a zip beside its content: headers in the form of zip64, its name twice, the
// end of its last chunk.
func (f *file) cost() int64 { return 30 + 46 + 2*28 + 2*int64(len(f.path)) + chunkCost }

// add appends to a file.
func (s *spool) add(ctx context.Context, f *file, b []byte) error {
	f.raw = append(f.raw, b...)
	s.pending += len(b)
	s.bound += int64(len(b) + len(b)>>10)
	if len(f.raw) >= chunkBytes {
		return s.cut(ctx, f, false)
	}
	if s.pending <= pendingBytes {
		return nil
	}
	largest := f
	for _, o := range s.files {
		if len(o.raw) > len(largest.raw) {
			largest = o
		}
	}
	return s.cut(ctx, largest, false)
}

// cut ends a chunk, and with last the file.
func (s *spool) cut(ctx context.Context, f *file, last bool) error {
	raw := f.raw
	f.raw = nil
	if !last {
		f.raw = s.tools.buffer()
	}
	s.pending -= len(raw)
	s.bound += chunkCost
	f.account(raw, last)
	c := &chunk{owner: f}
	f.chunks = append(f.chunks, c)
	if len(raw) < besideBytes {
		c.data = s.tools.deflate(raw, last)
		s.tools.giveBack(raw)
		return s.place(ctx, c)
	}
	for len(s.working) >= runtime.GOMAXPROCS(0) {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	c.done = make(chan struct{})
	s.working = append(s.working, c)
	go func() {
		defer close(c.done)
		c.data = s.tools.deflate(raw, last)
		s.tools.giveBack(raw)
	}()
	return nil
}

func (f *file) account(raw []byte, last bool) {
	f.crc = crc32.Update(f.crc, crc32.IEEETable, raw)
	f.size += int64(len(raw))
	if f.hash == nil && last {
		sum := sha256.Sum256(raw)
		f.sum = hex.EncodeToString(sum[:])
		return
	}
	if f.hash == nil {
		f.hash = sha256.New()
	}
	_, _ = f.hash.Write(raw)
	if last {
		f.sum = hex.EncodeToString(f.hash.Sum(nil))
	}
}

// await waits for the oldest chunk that is being deflated.
func (s *spool) await(ctx context.Context) error {
	c := s.working[0]
	s.working = s.working[1:]
	<-c.done
	return s.place(ctx, c)
}

// place keeps a deflated chunk in memory, or in the Temp when memory is used up.
func (s *spool) place(ctx context.Context, c *chunk) error {
	c.size = len(c.data)
	c.owner.deflated += int64(c.size)
	if c.size <= s.memory {
		s.memory -= c.size
		return nil
	}
	if s.temp == nil {
		t, err := s.open(ctx)
		if err != nil {
			return fmt.Errorf("opening a temporary place: %w", err)
		}
		s.temp = t
	}
	if _, err := s.temp.Write(c.data); err != nil {
		return fmt.Errorf("writing to a temporary place: %w", err)
	}
	c.data, c.off = nil, s.tempSize
	s.tempSize += int64(c.size)
	return nil
}

// settle deflates what is pending and makes bound exact.
func (s *spool) settle(ctx context.Context) error {
	for _, f := range s.files {
		if len(f.raw) > 0 && f.sum == "" {
			if err := s.cut(ctx, f, false); err != nil {
				return err
			}
		}
	}
	for len(s.working) > 0 {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	s.bound = 0
	for _, f := range s.files {
		s.bound += f.deflated + f.cost()
	}
	return nil
}

// finishFile ends one file; nothing can be added to it afterwards.
func (s *spool) finishFile(ctx context.Context, f *file) error {
	if err := s.cut(ctx, f, true); err != nil {
		return err
	}
	for len(s.working) > 0 {
		if err := s.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish ends every file that was not ended before.
func (s *spool) finish(ctx context.Context) error {
	for _, f := range s.files {
		if f.sum != "" {
			continue
		}
		if err := s.cut(ctx, f, true); err != nil {
			return err
		}
	}
	return s.settle(ctx)
}

// drop forgets a file that is settled.
func (s *spool) drop(f *file) {
	for _, c := range f.chunks {
		s.memory += len(c.data)
	}
	s.files = slices.DeleteFunc(s.files, func(o *file) bool { return o == f })
}

// copyTo writes a finished file, deflated.
func (s *spool) copyTo(w io.Writer, f *file) error {
	for _, c := range f.chunks {
		if c.data != nil {
			if _, err := w.Write(c.data); err != nil {
				return err
			}
			continue
		}
		if _, err := io.Copy(w, io.NewSectionReader(s.temp, c.off, int64(c.size))); err != nil {
			return fmt.Errorf("reading a temporary place: %w", err)
		}
	}
	return nil
}

// reader returns a finished file as it was before it was deflated.
func (s *spool) reader(f *file) io.Reader {
	parts := make([]io.Reader, len(f.chunks))
	for i, c := range f.chunks {
		if c.data != nil {
			parts[i] = bytes.NewReader(c.data)
		} else {
			parts[i] = io.NewSectionReader(s.temp, c.off, int64(c.size))
		}
	}
	return flate.NewReader(io.MultiReader(parts...))
}

// close waits for what is still being done and forgets everything.
func (s *spool) close() error {
	for _, c := range s.working {
		<-c.done
	}
	s.working, s.files = nil, nil
	if s.temp == nil {
		return nil
	}
	err := s.temp.Close()
	s.temp = nil
	return fault.Wrap(fault.Internal, err, "closing a temporary place")
}
