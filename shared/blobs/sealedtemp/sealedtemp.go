// Package sealedtemp is a temporary file that holds nothing in the open: chunks are sealed (AES-256-GCM) under a key that
// exists only in the memory of the process, and the file has no name. What is left on a disk after a crash opens for nobody.
package sealedtemp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/habeas-dsar/habeas/shared/fault"
)

const chunk = 64 << 10

// File is written from the start to the end and read anywhere. It belongs to one goroutine.
type File struct {
	f      *os.File
	aead   cipher.AEAD
	buf    []byte // plain bytes of the last, unfinished chunk
	full   int64  // finished chunks
	plain  []byte // opened chunk at index opened
	opened int64
}

// New makes a file in dir ("" = the system's temporary directory).
func New(dir string) (*File, error) {
	f, err := os.CreateTemp(dir, "habeas-*")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "making a temporary file")
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close() // the first error says more
		return nil, fault.Wrap(fault.Unavailable, err, "unlinking a temporary file")
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("making a cipher: %w", err)
	}
	return &File{f: f, aead: aead, buf: make([]byte, 0, chunk), opened: -1}, nil
}

// nonce is the chunk's number: the key is used for this file alone and each chunk is sealed once.
func (t *File) nonce(n int64) []byte {
	var b [12]byte
	binary.BigEndian.PutUint64(b[4:], uint64(n))
	return b[:]
}

// Write appends p.
func (t *File) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(chunk-len(t.buf), len(p))
		t.buf = append(t.buf, p[:n]...)
		p, written = p[n:], written+n
		if len(t.buf) < chunk {
			continue
		}
		sealed := t.aead.Seal(nil, t.nonce(t.full), t.buf, nil)
		if _, err := t.f.WriteAt(sealed, t.full*int64(len(sealed))); err != nil {
			return written, fault.Wrap(fault.Unavailable, err, "writing a temporary file")
		}
		t.full++
		t.buf = t.buf[:0]
	}
	return written, nil
}

// ReadAt implements io.ReaderAt over the plain bytes.
func (t *File) ReadAt(p []byte, off int64) (int, error) {
	read := 0
	for len(p) > 0 {
		n, at := off/chunk, off%chunk
		from, err := t.chunk(n)
		if err != nil {
			return read, err
		}
		if at >= int64(len(from)) {
			return read, io.EOF
		}
		c := copy(p, from[at:])
		p, read, off = p[c:], read+c, off+int64(c)
	}
	return read, nil
}

func (t *File) chunk(n int64) ([]byte, error) {
	switch {
	case n == t.full:
		return t.buf, nil
	case n > t.full:
		return nil, io.EOF
	case n == t.opened:
		return t.plain, nil
	}
	sealed := make([]byte, chunk+t.aead.Overhead())
	if _, err := t.f.ReadAt(sealed, n*int64(len(sealed))); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading a temporary file")
	}
	plain, err := t.aead.Open(t.plain[:0], t.nonce(n), sealed, nil)
	if err != nil {
		return nil, fault.New(fault.Internal, "a temporary file was changed")
	}
	t.plain, t.opened = plain, n
	return plain, nil
}

// Close forgets everything.
func (t *File) Close() error {
	if err := t.f.Close(); err != nil {
		return fmt.Errorf("closing a temporary file: %w", err)
	}
	return nil
}
