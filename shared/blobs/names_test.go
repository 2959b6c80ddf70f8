package blobs_test

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// FuzzCheckName compares the check with the rule as the contract words it.
func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"", "a", "a/b", "raw/t/c/1.part", "..", "a/../b", ".a", "a//b", "/a", "a/", "a\x00", "ä", strings.Repeat("a", 129), `a\b`} {
		f.Add(s)
	}
	segment := regexp.MustCompile(`\A[A-Za-z0-9._-]{1,128}\z`)
	f.Fuzz(func(t *testing.T, name string) {
		want := len(name) <= 512
		for s := range strings.SplitSeq(name, "/") {
			want = want && segment.MatchString(s) && s != "." && s != ".."
		}
		err := blobs.CheckName(name)
		if (err == nil) != want || (err != nil && !fault.Has(err, fault.Invalid)) {
			t.Fatalf("CheckName(%q) = %v, want valid %v", name, err, want)
		}
		if err != nil {
			return
		}
		if !fs.ValidPath(name) || path.Clean(name) != name {
			t.Fatalf("CheckName takes %q, which is no clean path", name)
		}
		for i := range len(name) + 1 {
			// What begins a name is a prefix, even where it ends in dots that the name goes on from.
			if err := blobs.CheckPrefix(name[:i]); err != nil {
				t.Fatalf("CheckPrefix(%q) = %v", name[:i], err)
			}
		}
	})
}

func TestCheckPrefixRefuses(t *testing.T) {
	for _, prefix := range []string{"/", "/a", "a//", "../a", "a/../b", "a/./", "ä", "a\x00", "a b", strings.Repeat("a", 129), strings.Repeat("a/", 257)} {
		if err := blobs.CheckPrefix(prefix); !fault.Has(err, fault.Invalid) {
			t.Errorf("CheckPrefix(%q) = %v, want invalid", prefix, err)
		}
	}
	for _, prefix := range []string{"", "a", "a/", "a/b", ".", "..", "a/.."} {
		if err := blobs.CheckPrefix(prefix); err != nil {
			t.Errorf("CheckPrefix(%q) = %v", prefix, err)
		}
	}
}
