package tempfiles_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/habeas-dsar/habeas/shared/disclosure/tempfiles"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func TestReadsWhatWasWritten(t *testing.T) {
	f, err := tempfiles.Opener(t.TempDir())(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	var want []byte
	for len(want) < 1<<20 {
		p := make([]byte, random.IntN(100_000))
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		if n, err := f.Write(p); n != len(p) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(p), err)
		}
		want = append(want, p...)
		// Reading and writing alternate.
		off := random.IntN(len(want) + 1)
		got := make([]byte, min(len(want)-off, random.IntN(200_000)))
		if n, err := f.ReadAt(got, int64(off)); n != len(got) || err != nil {
			t.Fatalf("read %d of %d at %d: %v", n, len(got), off, err)
		}
		if !bytes.Equal(got, want[off:off+len(got)]) {
			t.Fatalf("other bytes at %d", off)
		}
	}
	got, err := io.ReadAll(io.NewSectionReader(f, 0, 2<<20))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the whole differs: %v", err)
	}
	if n, err := f.ReadAt(make([]byte, 10), int64(len(want)-3)); n != 3 || !errors.Is(err, io.EOF) {
		t.Errorf("reading over the end gives %d, %v", n, err)
	}
	if n, err := f.ReadAt(make([]byte, 10), 10<<20); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("reading behind the end gives %d, %v", n, err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
}

func TestLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := tempfiles.Opener(dir)(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte("canary-7f3a "), 20_000)); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) != 0 {
		t.Errorf("the directory has %d files: %v", len(names), err)
	}
	// What lies on the disk is found through the open file.
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(open) == 0 {
		return // there is no such view on this platform; the name is gone all the same
	}
	looked := 0
	for _, fd := range open {
		target, _ := os.Readlink(fd)
		if filepath.Dir(target) != dir {
			continue
		}
		b, err := os.ReadFile(fd)
		if err != nil {
			t.Fatal(err)
		}
		if looked += len(b); bytes.Contains(b, []byte("canary")) {
			t.Error("the file holds its content in clear")
		}
	}
	if looked < 64<<10 {
		t.Errorf("looked at %d bytes, want at least a frame", looked)
	}
}

func TestNoDirectory(t *testing.T) {
	if _, err := tempfiles.Opener(filepath.Join(t.TempDir(), "missing"))(context.Background()); !fault.Has(err, fault.Unavailable) {
		t.Errorf("a missing directory: %v", err)
	}
}
