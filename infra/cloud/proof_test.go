package cloud_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
)

func openStore(t *testing.T) *dirblobs.Store {
	t.Helper()
	s, err := dirblobs.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func content(t *testing.T, s blobs.Store, name string) string {
	t.Helper()
	r, _, err := s.Open(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// TestKeep: what is kept once is never another.
func TestKeep(t *testing.T) {
	s := openStore(t)
	keep := cloud.Keep(s)
	const name = "evidence/acme/checkpoints/000000000001"
	for range 2 {
		if err := keep(t.Context(), name, []byte("one")); err != nil {
			t.Fatal(err)
		}
	}
	if err := keep(t.Context(), name, []byte("two")); !fault.Has(err, fault.Conflict) {
		t.Errorf("another document: %v, want conflict", err)
	}
	if got := content(t, s, name); got != "one" {
		t.Errorf("%q is kept, want the first", got)
	}
	if err := keep(t.Context(), "evidence//x", []byte("one")); !fault.Has(err, fault.Invalid) {
		t.Errorf("a bad name: %v, want invalid", err)
	}
}

// TestTombstones: every key that was noted is listed, once, as it was noted last, over more than a page.
func TestTombstones(t *testing.T) {
	s := openStore(t)
	note, at := cloud.Shredding(s), time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	want := []keys.Tombstone{
		{Tenant: "acme", ID: "018f2f6e-7c1a-7000-8000-000000000001", At: at.Add(time.Hour), Status: "fulfilled", ClosedAt: at},
		{Tenant: "acme", ID: "erased-018f2f6e", At: at},
		{Tenant: "checkpoints", ID: "a", At: at},
		{Tenant: "shredded", ID: "a", At: at},
	}
	first := want[0]
	first.At = at
	for _, tombstone := range append([]keys.Tombstone{first}, want...) {
		if err := note(t.Context(), tombstone); err != nil {
			t.Fatal(err)
		}
	}
	// A tenant of that name keeps checkpoints in the same folder.
	if err := cloud.Keep(s)(t.Context(), "evidence/shredded/checkpoints/000000000001", []byte("x")); err != nil {
		t.Fatal(err)
	}
	var got []keys.Tombstone
	for tombstone, err := range cloud.Shredded(t.Context(), s) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, tombstone)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tombstones (-want +got):\n%s", diff)
	}
	for _, bad := range []keys.Tombstone{{}, {Tenant: "acme"}, {ID: "a"}, {Tenant: "a/b", ID: "c"}, {Tenant: "a", ID: "../c"}} {
		if err := note(t.Context(), bad); !fault.Has(err, fault.Invalid) {
			t.Errorf("%v: %v, want invalid", bad, err)
		}
	}
}

// TestTombstonesOverPages lists more than one page holds.
func TestTombstonesOverPages(t *testing.T) {
	s := openStore(t)
	note := cloud.Shredding(s)
	const n = blobs.MaxPage + 5
	for i := range n {
		if err := note(t.Context(), keys.Tombstone{Tenant: "acme", ID: "case-" + strings.Repeat("a", i/100) + strings.Repeat("b", i%100)}); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for tombstone, err := range cloud.Shredded(t.Context(), s) {
		if err != nil {
			t.Fatal(err)
		}
		seen[tombstone.ID] = true
	}
	if len(seen) != n {
		t.Errorf("%d tombstones are listed, want %d", len(seen), n)
	}
}

// TestDamagedTombstone: a list that is not whole says so; a key that is left out would come back.
func TestDamagedTombstone(t *testing.T) {
	for name, doc := range map[string]string{
		"evidence/shredded/keys/acme/a": "not json", "evidence/shredded/keys/acme/b": `{"tenant": "acme", "id": "c"}`, "evidence/shredded/keys/acme": `{}`,
	} {
		s := openStore(t)
		if _, err := s.Put(t.Context(), name, strings.NewReader(doc)); err != nil {
			t.Fatal(err)
		}
		listed, failed := 0, false
		for _, err := range cloud.Shredded(t.Context(), s) {
			listed++
			failed = failed || fault.Has(err, fault.Invalid)
		}
		if listed != 1 || !failed {
			t.Errorf("%s: %d are listed, failed %t", name, listed, failed)
		}
	}
}
