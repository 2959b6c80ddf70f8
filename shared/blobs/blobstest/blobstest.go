// Package blobstest is the conformance suite of the object store. A driver passes when Run finds nothing.
package blobstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Run holds a driver to the contract of package blobs. open returns an empty store that nobody else uses meanwhile, and has
// t clean up after it.
func Run(t *testing.T, open func(t testing.TB) blobs.Store) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, blobs.Store)
	}{
		{"round trip", roundTrip},
		{"replaces", replaces},
		{"offsets", offsets},
		{"missing", missing},
		{"names", names},
		{"delete", deletes},
		{"failed put", failedPut},
		{"cancelled", cancelled},
		{"open survives", openSurvives},
		{"list", list},
		{"list pages", listPages},
		{"list refuses", listRefuses},
		{"list while writing", listWhileWriting},
		{"at once", atOnce},
		{"large", large},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

func put(t testing.TB, s blobs.Store, name, content string) blobs.Info {
	t.Helper()
	info, err := s.Put(context.Background(), name, strings.NewReader(content))
	if err != nil {
		t.Fatalf("Put(%q): %v", name, err)
	}
	return info
}

func get(s blobs.Store, name string, offset int64) (string, blobs.Info, error) {
	r, info, err := s.Open(context.Background(), name, offset)
	if err != nil {
		return "", info, err
	}
	content, err := io.ReadAll(r)
	return string(content), info, errors.Join(err, r.Close())
}

func mustGet(t testing.TB, s blobs.Store, name, want string) {
	t.Helper()
	if got, _, err := get(s, name, 0); err != nil || got != want {
		t.Errorf("%q holds %d bytes (%v), want %d", name, len(got), err, len(want))
	}
}

func mustMiss(t testing.TB, s blobs.Store, name string) {
	t.Helper()
	if _, _, err := get(s, name, 0); !fault.Has(err, fault.NotFound) {
		t.Errorf("Open(%q): %v, want not_found", name, err)
	}
}

// all lists everything below prefix in pages of limit.
func all(t testing.TB, s blobs.Store, prefix string, limit int) []string {
	t.Helper()
	var out []string
	for cursor := ""; ; {
		page, err := s.List(context.Background(), prefix, cursor, limit)
		if err != nil {
			t.Fatalf("List(%q): %v", prefix, err)
		}
		if limit > 0 && len(page.Objects) > limit {
			t.Fatalf("a page has %d objects, want at most %d", len(page.Objects), limit)
		}
		for _, o := range page.Objects {
			out = append(out, o.Name)
		}
		if cursor = page.Next; cursor == "" {
			return out
		}
	}
}

func roundTrip(t *testing.T, s blobs.Store) {
	for name, content := range map[string]string{
		"empty": "", "a": "x", "raw/acme/case-1/task-1/part-0": strings.Repeat("content ", 10_000), "a/b": "below an object",
	} {
		before := time.Now().Add(-time.Minute)
		info := put(t, s, name, content)
		if info.Name != name || info.Bytes != int64(len(content)) || info.StoredAt.Before(before) || info.StoredAt.After(time.Now().Add(time.Minute)) {
			t.Errorf("Put(%q) says %+v", name, info)
		}
		_, opened, err := get(s, name, 0)
		if err != nil || opened.Name != name || opened.Bytes != info.Bytes || opened.StoredAt.Sub(info.StoredAt).Abs() > time.Second {
			t.Errorf("Open(%q) says %+v (%v), Put said %+v", name, opened, err, info)
		}
	}
	mustGet(t, s, "a", "x")
	mustGet(t, s, "a/b", "below an object")
}

func replaces(t *testing.T, s blobs.Store) {
	put(t, s, "a/b", "a longer first content")
	put(t, s, "a/b", "second")
	mustGet(t, s, "a/b", "second")
	if got := all(t, s, "", 0); len(got) != 1 {
		t.Errorf("%d objects, want 1", len(got))
	}
}

func offsets(t *testing.T, s blobs.Store) {
	put(t, s, "a", "0123456789")
	for offset, want := range map[int64]string{0: "0123456789", 1: "123456789", 9: "9", 10: "", 11: ""} {
		if got, info, err := get(s, "a", offset); err != nil || got != want || info.Bytes != 10 {
			t.Errorf("from %d: %q of %d bytes (%v), want %q of 10", offset, got, info.Bytes, err, want)
		}
	}
	if _, _, err := get(s, "a", -1); !fault.Has(err, fault.Invalid) {
		t.Errorf("from -1: %v, want invalid", err)
	}
}

func missing(t *testing.T, s blobs.Store) {
	mustMiss(t, s, "a")
	put(t, s, "a/b/c", "x")
	for _, name := range []string{"a", "a/b", "a/b/c/d", "a/b/cc"} {
		mustMiss(t, s, name)
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete(%q): %v", name, err)
		}
	}
	mustGet(t, s, "a/b/c", "x")
}

func names(t *testing.T, s blobs.Store) {
	attacks := []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "./a", "/etc/passwd", "a/../../b",
		`a\b`, `..\a`, "C:a", "a b", "a\tb", "a\nb", "a\x00b", "a\x7f", "ä", "a\u202eb", "a=", "=", "a/b=", "a~", "a*", "a?", "a:b",
		"%2e%2e/a", "a%2fb", strings.Repeat("a", 129), strings.Repeat("a/", 256) + "a", "a/" + strings.Repeat("b", 129), "\xff",
	}
	for _, name := range attacks {
		_, err1 := s.Put(t.Context(), name, strings.NewReader("x"))
		_, _, err2 := get(s, name, 0)
		err3 := s.Delete(t.Context(), name)
		for call, err := range map[string]error{"Put": err1, "Open": err2, "Delete": err3} {
			if !fault.Has(err, fault.Invalid) {
				t.Errorf("%s(%q): %v, want invalid", call, name, err)
			} else if len(name) > 6 && strings.Contains(err.Error(), name) {
				t.Errorf("%s(%q): the error quotes the name", call, name)
			}
		}
	}
	if got := all(t, s, "", 0); len(got) != 0 {
		t.Errorf("%d objects with bad names", len(got))
	}
	long := strings.Repeat("a", 128)
	good := []string{"a", ".a", "...", "..a", "a..", "-a", "-rf", "_", "A", strings.Join([]string{long, long, long, long[:125]}, "/"), strings.Repeat("a/", 255) + "a"}
	for _, name := range good {
		put(t, s, name, name)
	}
	for _, name := range good {
		mustGet(t, s, name, name)
	}
	slices.Sort(good)
	if got := all(t, s, "", 0); !slices.Equal(got, good) {
		t.Errorf("List gives %d names, want %d", len(got), len(good))
	}
}

func deletes(t *testing.T, s blobs.Store) {
	put(t, s, "a/b/one", "1")
	put(t, s, "a/b/two", "2")
	for range 2 {
		if err := s.Delete(t.Context(), "a/b/one"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		mustMiss(t, s, "a/b/one")
		mustGet(t, s, "a/b/two", "2")
	}
	if err := s.Delete(t.Context(), "a/b/two"); err != nil {
		t.Fatal(err)
	}
	if got := all(t, s, "", 0); len(got) != 0 {
		t.Errorf("%d objects are left", len(got))
	}
	put(t, s, "a/b/one", "again")
	mustGet(t, s, "a/b/one", "again")
}

// failedPut: whatever goes wrong with the content, the old object stays and nothing new shows.
func failedPut(t *testing.T, s blobs.Store) {
	broken := fault.New(fault.Throttled, "source broke")
	put(t, s, "old", "old content")
	for _, name := range []string{"old", "new/object"} {
		content := io.MultiReader(strings.NewReader(strings.Repeat("half ", 100_000)), iotest.ErrReader(broken))
		if _, err := s.Put(t.Context(), name, content); !errors.Is(err, broken) || !fault.Has(err, fault.Throttled) {
			t.Errorf("Put(%q): %v, want the error of its source", name, err)
		}
	}
	mustGet(t, s, "old", "old content")
	mustMiss(t, s, "new/object")
	if got := all(t, s, "", 0); len(got) != 1 {
		t.Errorf("%d objects, want the old one only", len(got))
	}
}

func cancelled(t *testing.T, s blobs.Store) {
	put(t, s, "old", "old content")
	ctx, cancel := context.WithCancel(t.Context())
	reads := 0
	content := readerFunc(func(p []byte) (int, error) {
		if reads++; reads == 3 {
			cancel()
		}
		if reads > 1000 {
			return 0, errors.New("the context ended long ago")
		}
		return len(p), nil
	})
	if _, err := s.Put(ctx, "old", content); !fault.Has(err, fault.Unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Put: %v, want unavailable", err)
	}
	if _, err := s.Put(ctx, "new", strings.NewReader("x")); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Put after the end: %v, want unavailable", err)
	}
	if _, _, err := s.Open(ctx, "old", 0); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Open: %v, want unavailable", err)
	}
	if _, err := s.List(ctx, "", "", 0); !fault.Has(err, fault.Unavailable) {
		t.Errorf("List: %v, want unavailable", err)
	}
	if err := s.Delete(ctx, "old"); !fault.Has(err, fault.Unavailable) {
		t.Errorf("Delete: %v, want unavailable", err)
	}
	mustGet(t, s, "old", "old content")
	mustMiss(t, s, "new")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// openSurvives: a reader reads the object as it was at Open.
func openSurvives(t *testing.T, s blobs.Store) {
	first := strings.Repeat("first ", 100_000)
	for what, change := range map[string]func() error{
		"replaced": func() error {
			_, err := s.Put(context.Background(), "a", strings.NewReader("second"))
			return err
		},
		"deleted": func() error { return s.Delete(context.Background(), "a") },
	} {
		put(t, s, "a", first)
		r, _, err := s.Open(t.Context(), "a", 0)
		if err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 10)
		if _, err := io.ReadFull(r, head); err != nil {
			t.Fatal(err)
		}
		if err := change(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		rest, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || string(head)+string(rest) != first {
			t.Errorf("an object %s while open reads %d bytes (%v), want the %d it had", what, len(head)+len(rest), err, len(first))
		}
	}
}

func list(t *testing.T, s blobs.Store) {
	// Bytewise: "-" and "." come before "/", digits and letters after it.
	sorted := []string{"A", "a", "a-b", "a.b", "a/b", "a/b/c", "a/c", "a0", "aa", "b/c", "b/d-", "b/d.x/e", "b/d/e", "b/dd"}
	for _, i := range []int{7, 2, 13, 0, 5, 9, 1, 12, 3, 8, 10, 4, 6, 11} {
		put(t, s, sorted[i], strings.Repeat("x", i))
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", "a/b/", "b/d", "b/d/", "b/d.", "c", "a/b/c", "a/b/c/", "A"} {
		var want []string
		for _, name := range sorted {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		for _, limit := range []int{0, 1, 2, 3, len(sorted)} {
			if got := all(t, s, prefix, limit); !slices.Equal(got, want) {
				t.Errorf("List(%q) in pages of %d gives %q, want %q", prefix, limit, got, want)
			}
		}
	}
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range page.Objects {
		if o.Bytes != int64(i) || o.StoredAt.IsZero() {
			t.Errorf("%q is listed as %+v", o.Name, o)
		}
	}
}

func listPages(t *testing.T, s blobs.Store) {
	const n = blobs.MaxPage + 3
	var want []string
	for i := range n {
		name := fmt.Sprintf("p/%05d", i)
		want = append(want, name)
		put(t, s, name, "")
	}
	page, err := s.List(t.Context(), "p/", "", 0)
	if err != nil || len(page.Objects) != blobs.MaxPage || page.Next == "" {
		t.Errorf("the first page has %d objects (%v), want %d and a cursor", len(page.Objects), err, blobs.MaxPage)
	}
	for _, limit := range []int{0, 500, n - blobs.MaxPage} {
		if got := all(t, s, "p/", limit); !slices.Equal(got, want) {
			t.Errorf("pages of %d give %d objects, want %d in order", limit, len(got), n)
		}
	}
	// The object at the cursor may be gone when the next page is asked for.
	first, err := s.List(t.Context(), "p/", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), first.Objects[9].Name); err != nil {
		t.Fatal(err)
	}
	second, err := s.List(t.Context(), "p/", first.Next, 10)
	if err != nil || len(second.Objects) != 10 || second.Objects[0].Name != want[10] {
		t.Errorf("the second page begins elsewhere (%v)", err)
	}
}

func listRefuses(t *testing.T, s blobs.Store) {
	put(t, s, "a/b", "x")
	for _, tt := range []struct {
		prefix, cursor string
		limit          int
	}{
		{"", "", -1}, {"", "", blobs.MaxPage + 1}, {"../", "", 0}, {"/", "", 0}, {"a//", "", 0}, {"a\x00", "", 0}, {"a/../", "", 0},
	} {
		if _, err := s.List(t.Context(), tt.prefix, tt.cursor, tt.limit); !fault.Has(err, fault.Invalid) {
			t.Errorf("List(%q, %q, %d): %v, want invalid", tt.prefix, tt.cursor, tt.limit, err)
		}
	}
}

// listWhileWriting: objects that are there all the time are listed however much comes and goes beside them.
func listWhileWriting(t *testing.T, s blobs.Store) {
	want := []string{"m/a", "m/m/m", "m/z"}
	for _, name := range want {
		put(t, s, name, "stays")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			name := fmt.Sprintf("m/m/x%d/y", i%7)
			if _, err := s.Put(context.Background(), name, strings.NewReader("x")); err != nil {
				t.Errorf("Put: %v", err)
			}
			if err := s.Delete(context.Background(), name); err != nil {
				t.Errorf("Delete: %v", err)
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for range 50 {
		got := slices.DeleteFunc(all(t, s, "m/", 2), func(name string) bool { return strings.HasPrefix(name, "m/m/x") })
		if !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q among others", got, want)
			break
		}
	}
}

// atOnce: writers of one object never mix, readers never see half of one, and places that come and go stay usable.
func atOnce(t *testing.T, s blobs.Store) {
	const size = 300_000
	put(t, s, "c/d/e/same", strings.Repeat("0", size))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for range 5 {
				if _, err := s.Put(context.Background(), "c/d/e/same", strings.NewReader(strings.Repeat(string(rune('0'+w)), size))); err != nil {
					t.Errorf("Put: %v", err)
				}
				own := fmt.Sprintf("x/y/z/%d", w)
				if _, err := s.Put(context.Background(), own, strings.NewReader(own)); err != nil {
					t.Errorf("Put: %v", err)
				}
				if got, _, err := get(s, own, 0); err != nil || got != own {
					t.Errorf("%q holds %q (%v)", own, got, err)
				}
				if err := s.Delete(context.Background(), own); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				got, info, err := get(s, "c/d/e/same", 0)
				if err != nil || info.Bytes != size || got != strings.Repeat(got[:1], size) {
					t.Errorf("read a mixture of %d bytes (%v)", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

// large streams an object that must not be held in memory; drivers check how much is.
func large(t *testing.T, s blobs.Store) {
	const size = 64 << 20
	info, err := s.Put(t.Context(), "large", io.LimitReader(pattern(0), size))
	if err != nil || info.Bytes != size {
		t.Fatalf("Put: %d bytes, %v", info.Bytes, err)
	}
	const offset = size - 1000
	got, _, err := get(s, "large", offset)
	var want bytes.Buffer
	if _, cerr := io.CopyN(&want, pattern(offset), 1000); cerr != nil {
		t.Fatal(cerr)
	}
	if err != nil || got != want.String() {
		t.Errorf("the end of a large object differs (%v)", err)
	}
}

// pattern is an endless content whose every byte tells where it stands, from offset.
func pattern(offset int64) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		for i := range p {
			p[i] = byte(offset ^ offset>>8 ^ offset>>16)
			offset++
		}
		return len(p), nil
	})
}
