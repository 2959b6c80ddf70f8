package dirblobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/blobstest"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// childEnv makes the test binary a process that stores half an object and waits to be killed.
const childEnv = "HABEAS_TEST_STORE_HALF_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		storeHalf(dir)
		return
	}
	os.Exit(m.Run())
}

// storeHalf puts an object whose content never ends, and says so once half of it is written.
func storeHalf(dir string) {
	s, err := dirblobs.Open(dir)
	if err != nil {
		panic(err)
	}
	told := false
	endless := readerFunc(func(p []byte) (int, error) {
		if told {
			select {} // the first part is written when the second is asked for
		}
		told = true
		return len(p), nil
	})
	announce := readerFunc(func([]byte) (int, error) {
		_, _ = os.Stdout.WriteString("half\n")
		return 0, io.EOF
	})
	_, err = s.Put(context.Background(), "case/object", io.MultiReader(io.LimitReader(endless, 1), announce, endless))
	panic(err)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func open(t testing.TB, dir string) *dirblobs.Store {
	t.Helper()
	s, err := dirblobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	blobstest.Run(t, func(t testing.TB) blobs.Store { return open(t, filepath.Join(t.TempDir(), "objects")) })
}

// files returns the regular files below dir.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKilledProcessLeavesNothing kills a process in the middle of a Put, beside a process that goes on.
func TestKilledProcessLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	living := open(t, dir)
	if _, err := living.Put(t.Context(), "case/object", strings.NewReader("old")); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "half\n" {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	drafts := filepath.Join(dir, "drafts")
	before := len(files(t, drafts))
	// Another process that starts now must not take the drafts of the living.
	other := open(t, dir)
	if got := len(files(t, drafts)); got != before+1 {
		t.Errorf("%d files among the drafts, want %d: drafts of a living process are its own", got, before+1)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as asked

	page, err := other.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Bytes != 3 {
		t.Errorf("after the kill: %+v (%v), want the old object only", page.Objects, err)
	}
	open(t, dir)
	// The mark of each of the three stores that live, and the turnstile.
	if got := files(t, drafts); len(got) != 4 {
		t.Errorf("drafts of the dead are left: %q", got)
	}
}

// TestTwoStoresShareADirectory: what one takes away because it is empty, the other may be about to fill.
func TestTwoStoresShareADirectory(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 2 {
		s, name := open(t, dir), fmt.Sprintf("x/y/z/%d", i)
		wg.Go(func() {
			for range 100 {
				if _, err := s.Put(t.Context(), name, strings.NewReader(name)); err != nil {
					t.Errorf("Put: %v", err)
				}
				r, info, err := s.Open(t.Context(), name, 0)
				if err != nil || info.Bytes != int64(len(name)) {
					t.Errorf("Open: %v", err)
					continue
				}
				if err := errors.Join(r.Close(), s.Delete(t.Context(), name)); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestSymbolicLinksLeadNowhere(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret=")
	if err := os.WriteFile(secret, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "objects", "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "objects", "file=")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link/secret", "file"} {
		if r, _, err := s.Open(t.Context(), name, 0); err == nil {
			_ = r.Close()
			t.Errorf("Open(%q) leads outside", name)
		}
	}
	if _, err := s.Put(t.Context(), "link/new", strings.NewReader("x")); err == nil {
		t.Error("Put leads outside")
	}
	if err := s.Delete(t.Context(), "link/secret"); err == nil {
		t.Error("Delete leads outside")
	}
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("List shows %d objects (%v)", len(page.Objects), err)
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "outside" || len(files(t, outside)) != 1 {
		t.Error("something outside was changed")
	}
}

func TestEverythingIsForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "store")
	s := open(t, dir)
	if _, err := s.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", filepath.Base(path), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestDeleteLeavesNoEmptyDirectories(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.Put(t.Context(), "a/b/c/d", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "a/b/c/d"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "objects")); err != nil || len(entries) != 0 {
		t.Errorf("%d entries are left (%v)", len(entries), err)
	}
}

func TestObjectsOutliveTheStore(t *testing.T) {
	dir := t.TempDir()
	first, err := dirblobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Put(t.Context(), "a/b", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := first.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := first.Put(t.Context(), "a/c", strings.NewReader("x")); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Put after Close: %v, want unavailable", err)
	}
	if _, _, err := first.Open(t.Context(), "a/b", 0); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Open after Close: %v, want unavailable", err)
	}
	r, info, err := open(t, dir).Open(t.Context(), "a/b", 0)
	if err != nil || info.Bytes != 1 {
		t.Fatalf("after a restart: %+v, %v", info, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Join(path, "below")} {
		if _, err := dirblobs.Open(p); !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), path) {
			t.Errorf("Open: %v, want misconfigured without the path", err)
		}
	}
}

// TestMemoryIsBounded stores and reads 64 MiB and may allocate only a small part of it.
func TestMemoryIsBounded(t *testing.T) {
	s := open(t, t.TempDir())
	const size = 64 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	zeros := readerFunc(func(p []byte) (int, error) { return len(p), nil })
	if _, err := s.Put(t.Context(), "large", io.LimitReader(zeros, size)); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Open(t.Context(), "large", 0)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err != nil || n != size {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("allocated %d bytes for an object of %d", got, size)
	}
}
