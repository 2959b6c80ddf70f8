package sealedtemp_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/blobs/sealedtemp"
)

func TestReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, err := sealedtemp.New(t.TempDir())
		if err != nil {
			rt.Fatal(err)
		}
		defer f.Close()
		var want []byte
		for range rapid.IntRange(1, 6).Draw(rt, "writes") {
			p := bytes.Repeat([]byte{rapid.Byte().Draw(rt, "fill")}, rapid.IntRange(0, 100_000).Draw(rt, "size"))
			if n, err := f.Write(p); err != nil || n != len(p) {
				rt.Fatalf("wrote %d: %v", n, err)
			}
			want = append(want, p...)
		}
		off := rapid.IntRange(0, len(want)).Draw(rt, "offset")
		got := make([]byte, rapid.IntRange(0, len(want)-off).Draw(rt, "length"))
		if _, err := f.ReadAt(got, int64(off)); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got, want[off:off+len(got)]) {
			rt.Fatal("read something else")
		}
		if n, err := f.ReadAt(make([]byte, 1), int64(len(want))); n != 0 || !errors.Is(err, io.EOF) {
			rt.Fatalf("read %d behind the end: %v", n, err)
		}
	})
}

func TestLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := sealedtemp.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(bytes.Repeat([]byte("canary"), 50_000)); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 0 {
		t.Errorf("the directory shows %d files: %v", len(names), err)
	}
}
