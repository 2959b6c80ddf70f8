package main

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// TestSameSourcesSameBytes builds a function twice, the second time from a copy of the sources elsewhere, and compares the zips.
func TestSameSourcesSameBytes(t *testing.T) {
	f := inventory.Function{Name: "Example", Main: "main"}
	var zips [2][]byte
	for n := range zips {
		root := t.TempDir()
		if err := os.CopyFS(root, os.DirFS("testdata/example")); err != nil {
			t.Fatal(err)
		}
		for name, from := range map[string]string{"go.mod": "go.mod.txt", "main/main.go": "main.go.txt"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(filepath.Join(root, from), filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
		to := filepath.Join(root, "Example.zip")
		size, err := build(t.Context(), root, "arm64", f, to)
		if err != nil {
			t.Fatal(err)
		}
		is := float64(size) / 1e6
		if bound(size, 0) != nil || bound(size, is) != nil || bound(size, is-0.1) == nil {
			t.Errorf("a bound of %.1f MB is not where it should be", is)
		}
		raw, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		zips[n] = raw
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("two builds of the same sources differ")
	}
	r, err := zip.NewReader(bytes.NewReader(zips[0]), int64(len(zips[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 || !r.File[0].Modified.Equal(epoch) {
		t.Fatalf("the zip holds %v", r.File)
	}
	binary := open(t, r.File[0])
	if binary.Machine != elf.EM_AARCH64 {
		t.Errorf("the binary is for %s", binary.Machine)
	}
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the binary needs %v (%v), which Lambda may not have", libraries, err)
	}
}

func open(t *testing.T, f *zip.File) *elf.File {
	t.Helper()
	content, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(content); err != nil {
		t.Fatal(err)
	}
	binary, err := elf.NewFile(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// TestWhatDidNotChangeIsNotWritten: file times tell make and people what a build has changed.
func TestWhatDidNotChangeIsNotWritten(t *testing.T) {
	to := filepath.Join(t.TempDir(), "x.zip")
	long := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		code    string
		written bool
	}{{"one", true}, {"one", false}, {"two", true}} {
		packed, err := pack([]byte(c.code))
		if err != nil {
			t.Fatal(err)
		}
		if err := keep(to, packed); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(to)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.ModTime().After(long.Add(time.Minute)); got != c.written {
			t.Errorf("%s was written: %t, want %t", c.code, got, c.written)
		}
		if err := os.Chtimes(to, long, long); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchitecturesAreThoseOfLambda(t *testing.T) {
	if err := run(t.Context(), []string{"-arch", "mips", "-out", t.TempDir()}); err == nil {
		t.Error("a function for mips was packed")
	}
}
