package uploads

import (
	"bytes"
	"mime/multipart"
	"path"
	"strings"
	"testing"
	"unicode"
)

func TestKindsAreToldByNameAndContent(t *testing.T) {
	for name, x := range map[string]struct {
		head string
		ok   bool
	}{
		"a.pdf": {"%PDF-1.4", true}, "A.PDF": {"%PDF-1.4", true}, "b.pdf": {"PK\x03\x04", false}, "a.png": {"\x89PNG\r\n\x1a\nrest", true},
		"a.jpg": {"\xff\xd8\xff\xe0", true}, "a.jpeg": {"GIF89a", false}, "a.gif": {"GIF89a", true}, "a.tif": {"II*\x00", true}, "a.tiff": {"MM\x00*", true},
		"a.webp": {"RIFF\x00\x00\x00\x00WEBPVP8 ", true}, "b.webp": {"RIFF", false}, "a.csv": {"a;b\n1;2\n", true}, "b.csv": {"M\xfcller;1\n", true}, "c.csv": {"\xef\xbb\xbfa;b", true},
		"d.csv": {"\x00\x01\x02", false}, "a.json": {`{"a":1}`, true}, "a.txt": {"hello", true}, "b.txt": {"<!DOCTYPE html><p>", false}, "c.txt": {"MZ\x90\x00\x03", false},
		"a.eml": {"From: a@example.com\r\n", true}, "a.xlsx": {"PK\x03\x04", true}, "a.docx": {"PK\x03\x04", true}, "a.zip": {"PK\x05\x06", true}, "b.zip": {"Rar!", false},
		"a.html": {"<html>", false}, "a.svg": {"<svg>", false}, "a.exe": {"MZ", false}, "a.pdf.exe": {"%PDF-1.4", false}, "pdf": {"%PDF-1.4", false}, "a.": {"x", false}, "": {"x", false},
		"a.xlsm": {"PK\x03\x04", false}, "a.doc": {"\xd0\xcf\x11\xe0", false},
	} {
		if _, ok := kindOf(name, []byte(x.head)); ok != x.ok {
			t.Errorf("%s with %q is taken: %t", name, x.head, ok)
		}
	}
	extensions, names := Accepted()
	if !strings.Contains(extensions, ".pdf,.png") || !strings.Contains(names, "PDF, images") || strings.Contains(names, ", ,") {
		t.Errorf("%s; %s", extensions, names)
	}
}

func TestNamesAreCleaned(t *testing.T) {
	for sent, want := range map[string]string{
		"a.pdf": "a.pdf", `C:\cards\x\a.pdf`: "a.pdf", "../../etc/passwd": "passwd", " .htaccess": "file.htaccess", "": "file", "...": "file", "/": "file",
		"a\r\nb\x00.csv": "ab.csv", "card <1>:\"x\".txt": "card 1x.txt", "\u202efdp.exe": "fdp.exe", "Zeugnis März.PDF": "Zeugnis März.PDF", "a  \t b.zip": "a b.zip",
		"x." + strings.Repeat("y", 300): "x." + strings.Repeat("y", 9), strings.Repeat("ü", 300) + ".zip": strings.Repeat("ü", 116) + ".zip",
	} {
		if got := CleanName(sent); got != want {
			t.Errorf("%q becomes %q, want %q", sent, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, seed := range []string{"a.pdf", `..\..\x`, "\u202egnp.exe", "a\x00.csv", strings.Repeat("a", 500), ".", "COM1.txt", "\xff\xfe.pdf"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		name := CleanName(sent)
		if name == "" || len([]rune(name)) > maxName || strings.ContainsAny(name, "/\\<>:\"|?*\x00") || strings.HasPrefix(name, ".") || strings.HasPrefix(name, " ") ||
			strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q becomes %q", sent, name)
		}
		if CleanName(name) != name {
			t.Errorf("%q is cleaned again to %q", name, CleanName(name))
		}
	})
}

// Whatever a browser or an attacker writes as the name of a part, what is kept is a plain name with its extension.
func FuzzNamesOfParts(f *testing.F) {
	f.Add("a.pdf")
	f.Add(`a"; filename="b.exe`)
	f.Add("x\r\nContent-Type: text/html\r\n\r\n")
	f.Fuzz(func(t *testing.T, sent string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if _, err := w.CreateFormFile("file", sent); err != nil {
			return
		}
		if w.Close() != nil {
			return
		}
		part, err := multipart.NewReader(&b, w.Boundary()).NextPart()
		if err != nil || part.FileName() == "" {
			return
		}
		name := CleanName(part.FileName())
		if path.Base(name) != name || strings.ContainsAny(name, "\r\n/\\") {
			t.Errorf("%q is kept as %q", sent, name)
		}
	})
}
