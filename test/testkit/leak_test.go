package testkit

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The search must find what it is there to find.
func TestFindSeesEverySpelling(t *testing.T) {
	const value = "Zoë Quill & 佐藤 花"
	canary := []Canary{{"a name", value}}
	pack := func(w io.WriteCloser, b *bytes.Buffer) []byte {
		_, _ = io.WriteString(w, "something before, "+value+" and something behind it")
		_ = w.Close()
		return b.Bytes()
	}
	var g, z, a bytes.Buffer
	gz, zl, zw := gzip.NewWriter(&g), zlib.NewWriter(&z), zip.NewWriter(&a)
	f, err := zw.Create("data.json")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, value)
	_ = zw.Close()
	noise := strings.Repeat("\x00\x01nothing here\xff", 40)
	hidden := map[string][]byte{"in gzip": pack(gz, &g), "in zlib": pack(zl, &z), "in zip": a.Bytes(), "in capitals": []byte(strings.ToUpper("zoë quill & ") + "佐藤 花")}
	maps.Copy(hidden, canary[0].spellings())
	for _, before := range []string{"a", "ab", "abc", "Content: "} {
		hidden["base64 behind "+before] = []byte(base64.StdEncoding.EncodeToString([]byte(before + value + "xyz")))
		hidden["base64url behind "+before] = []byte(base64.RawURLEncoding.EncodeToString([]byte(before + value)))
	}
	for how, spelled := range hidden {
		if how == "in capitals" {
			spelled = bytes.ReplaceAll(spelled, []byte("Ë"), []byte("ë"))
		}
		if got := Find("x", []byte(noise+string(spelled)+noise), canary); len(got) == 0 {
			t.Errorf("%s: not found", how)
		}
	}
	if got := Find("x", []byte(noise), canary); len(got) != 0 {
		t.Errorf("found in noise: %v", got)
	}
}

func TestFindInFilesLooksEverywhereButWhereTold(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"a/b/plain": "x secret-canary y", "outbox/1.eml": "secret-canary", "secret-canary.txt": "", "fine": "nothing"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, files, err := FindInFiles(dir, func(p string) bool { return strings.HasPrefix(p, "outbox/") }, []Canary{{"the canary", "secret-canary"}})
	if err != nil || files != 3 || len(found) != 2 {
		t.Errorf("found %q in %d files, %v", found, files, err)
	}
}
