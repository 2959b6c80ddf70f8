// Package tempfiles keeps what a disclosure must hold back for a while in sealed files of a directory. The key of each file
// is random and lives in memory alone, and the file has no name any more once it is open: a killed process leaves nothing
// behind that anybody could read.
package tempfiles

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/fault"
)

const (
	frameBytes = 64 << 10 // plain bytes of a frame
	tagBytes   = 16
)

// Opener returns a function for disclosure.Options.Temp that opens files in dir, which must exist and is only written to by
// this process. A file that cannot be made or written is fault.Unavailable.
func Opener(dir string) func(context.Context) (disclosure.Temp, error) {
	return func(context.Context) (disclosure.Temp, error) { return open(dir) }
}

// file is an append-only file of frames, each sealed with AES-256-GCM under its number as nonce. The last, unfinished frame
// stays in memory.
type file struct {
	f      *os.File
	aead   cipher.AEAD
	frames int64
	tail   []byte
	sealed []byte
	opened []byte // plain text of frame number, so that reading in small steps opens each frame once
	number int64
}

func open(dir string) (*file, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing cipher")
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing cipher")
	}
	f, err := os.CreateTemp(dir, "disclosure-*")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "making a temporary file")
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, fault.Wrap(fault.Unavailable, errors.Join(err, f.Close()), "hiding a temporary file")
	}
	return &file{f: f, aead: aead, tail: make([]byte, 0, frameBytes), number: -1}, nil
}

// Write implements io.Writer.
func (t *file) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(frameBytes-len(t.tail), len(p))
		t.tail, p = append(t.tail, p[:k]...), p[k:]
		if len(t.tail) < frameBytes {
			break
		}
		t.sealed = t.aead.Seal(t.sealed[:0], nonce(t.frames), t.tail, nil)
		if _, err := t.f.WriteAt(t.sealed, t.frames*(frameBytes+tagBytes)); err != nil {
			return n - len(p), fault.Wrap(fault.Unavailable, err, "writing a temporary file")
		}
		t.frames, t.tail = t.frames+1, t.tail[:0]
	}
	return n, nil
}

// nonce is the number of a frame: the key seals each frame of one file once.
func nonce(frame int64) []byte {
	var n [12]byte
	binary.BigEndian.PutUint64(n[4:], uint64(frame))
	return n[:]
}

// ReadAt implements io.ReaderAt, for one goroutine at a time.
func (t *file) ReadAt(p []byte, off int64) (int, error) {
	read := 0
	for read < len(p) {
		frame, err := t.frame((off + int64(read)) / frameBytes)
		if err != nil {
			return read, err
		}
		at := int((off + int64(read)) % frameBytes)
		if at >= len(frame) {
			return read, io.EOF
		}
		read += copy(p[read:], frame[at:])
	}
	return read, nil
}

// frame returns the plain bytes of a frame; they are valid until the next call.
func (t *file) frame(n int64) ([]byte, error) {
	switch {
	case n == t.frames:
		return t.tail, nil
	case n > t.frames:
		return nil, nil
	case n == t.number:
		return t.opened, nil
	}
	t.number = -1
	sealed := make([]byte, frameBytes+tagBytes)
	if cap(t.sealed) >= len(sealed) {
		sealed = t.sealed[:len(sealed)]
	}
	if _, err := t.f.ReadAt(sealed, n*(frameBytes+tagBytes)); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading a temporary file")
	}
	var err error
	if t.opened, err = t.aead.Open(t.opened[:0], nonce(n), sealed, nil); err != nil {
		return nil, fault.New(fault.Internal, "a temporary file was changed")
	}
	t.number = n
	return t.opened, nil
}

// Close implements io.Closer. It is idempotent.
func (t *file) Close() error {
	clear(t.tail)
	clear(t.opened)
	err := t.f.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return fault.Wrap(fault.Unavailable, err, "closing a temporary file")
}
