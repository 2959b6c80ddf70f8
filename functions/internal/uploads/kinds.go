package uploads

import (
	"bytes"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is a kind of files that is taken: extensions, and whether the first bytes are what the extension says.
type kind struct {
	name       string // for people
	extensions []string
	is         func(head []byte) bool
}

func begins(magic ...string) func([]byte) bool {
	return func(head []byte) bool {
		return slices.ContainsFunc(magic, func(m string) bool { return bytes.HasPrefix(head, []byte(m)) })
	}
}

// plain reports whether the head reads as text: whatever browsers and mail programs would run or draw as a page is not.
func plain(head []byte) bool {
	return strings.HasPrefix(http.DetectContentType(head), "text/plain")
}

func webp(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// kinds are those that people keep records in and that open without running anything. Archives are stored as they are: nothing
// here, and nothing later, unpacks them.
func kinds() []kind {
	archive := begins("PK\x03\x04", "PK\x05\x06")
	return []kind{
		{"PDF", []string{"pdf"}, begins("%PDF-")},
		{"images", []string{"png"}, begins("\x89PNG\r\n\x1a\n")},
		{"", []string{"jpg", "jpeg"}, begins("\xff\xd8\xff")},
		{"", []string{"gif"}, begins("GIF87a", "GIF89a")},
		{"", []string{"tif", "tiff"}, begins("II*\x00", "MM\x00*")},
		{"", []string{"webp"}, webp},
		{"CSV", []string{"csv"}, plain},
		{"JSON", []string{"json"}, plain},
		{"text", []string{"txt"}, plain},
		{"mails (eml)", []string{"eml"}, plain},
		{"Excel (xlsx)", []string{"xlsx"}, archive},
		{"Word (docx)", []string{"docx"}, archive},
		{"zip", []string{"zip"}, archive},
	}
}

// headBytes is how much of a file tells its kind.
const headBytes = 512

// kindOf returns the extension of a file that is taken; ok is false when its name or its first bytes are of no such kind.
func kindOf(name string, head []byte) (extension string, ok bool) {
	extension = strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	for _, k := range kinds() {
		if slices.Contains(k.extensions, extension) {
			return extension, k.is(head)
		}
	}
	return "", false
}

// Accepted returns the kinds for the attribute accept, and for people.
func Accepted() (extensions, names string) {
	var ext, words []string
	for _, k := range kinds() {
		for _, e := range k.extensions {
			ext = append(ext, "."+e)
		}
		if k.name != "" {
			words = append(words, k.name)
		}
	}
	return strings.Join(ext, ","), strings.Join(words, ", ")
}

// maxName is the longest name of a file, in characters.
const maxName = 120

// CleanName makes a file name out of what a browser sent: no folders, nothing that is not seen, nothing that hides the file or
// its kind, at most maxName characters. The extension stays; a name without anything left is "file".
func CleanName(sent string) string {
	if i := strings.LastIndexAny(sent, `/\`); i >= 0 {
		sent = sent[i+1:]
	}
	var b strings.Builder
	for _, r := range sent {
		switch {
		case r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*`, r):
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	name := strings.Join(strings.Fields(b.String()), " ")
	extension := path.Ext(name)
	stem := strings.Trim(strings.TrimSuffix(name, extension), " .")
	if stem == "" {
		stem = "file"
	}
	if n := len([]rune(extension)); n > 10 {
		extension = string([]rune(extension)[:10])
	}
	room := maxName - len([]rune(extension))
	if r := []rune(stem); len(r) > room {
		stem = strings.TrimRight(string(r[:room]), " .")
	}
	return stem + strings.TrimRight(extension, " .")
}

// Named reports whether files of this name are taken at all, whatever is in them.
func Named(name string) bool {
	extension := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	return slices.ContainsFunc(kinds(), func(k kind) bool { return slices.Contains(k.extensions, extension) })
}
