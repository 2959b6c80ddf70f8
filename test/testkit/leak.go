package testkit

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// Canary is a value that must not be found where it has no business.
type Canary struct {
	Name  string // what it is; printed when it is found
	Value string
}

// spellings are the bytes that a value may have become on its way to a disk.
func (c Canary) spellings() map[string][]byte {
	raw := []byte(c.Value)
	out := map[string][]byte{
		"plain": raw, "hex": []byte(hex.EncodeToString(raw)), "URL-encoded": []byte(url.QueryEscape(c.Value)),
		"URL path": []byte(url.PathEscape(c.Value)), "HTML": []byte(html.EscapeString(c.Value)), "JSON": []byte(escaped(c.Value)),
	}
	units := utf16.Encode([]rune(c.Value))
	little, big := make([]byte, 0, 2*len(units)), make([]byte, 0, 2*len(units))
	for _, u := range units {
		little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
	}
	out["UTF-16LE"], out["UTF-16BE"] = little, big
	// In base64 a value looks different at each of three offsets; characters that mix with its neighbours are cut off.
	for offset := range 3 {
		padded := append(make([]byte, offset), raw...)
		whole := len(padded) / 3 * 4
		start := (offset*8 + 5) / 6
		out[fmt.Sprintf("base64+%d", offset)] = []byte(base64.StdEncoding.EncodeToString(padded)[start:whole])
		out[fmt.Sprintf("base64url+%d", offset)] = []byte(base64.URLEncoding.EncodeToString(padded)[start:whole])
	}
	return out
}

// escaped spells everything beyond ASCII as \uXXXX.
func escaped(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		if u < 0x80 {
			b.WriteByte(byte(u))
		} else {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}

// Find says which canaries are in the bytes, in any spelling, also inside gzip, zlib and zip members; letter case of ASCII does
// not matter. where names the place.
func Find(where string, content []byte, canaries []Canary) []string {
	return find(where, content, canaries, 2)
}

func find(where string, content []byte, canaries []Canary, depth int) []string {
	var found []string
	lower := bytes.ToLower(content)
	for _, c := range canaries {
		for how, spelled := range c.spellings() {
			in, want := content, spelled
			if !strings.HasPrefix(how, "base64") && !strings.HasPrefix(how, "UTF-16") {
				in, want = lower, bytes.ToLower(spelled)
			}
			if at := bytes.Index(in, want); at >= 0 {
				found = append(found, fmt.Sprintf("%s: %s (%s, at %d)", where, c.Name, how, at))
				break
			}
		}
	}
	if depth == 0 {
		return found
	}
	for at, inner := range compressed(content) {
		found = append(found, find(fmt.Sprintf("%s, packed at %d", where, at), inner, canaries, depth-1)...)
	}
	return found
}

const inflateLimit = 16 << 20

// compressed returns what can be unpacked, by the place where it begins.
func compressed(content []byte) map[int][]byte {
	out := map[int][]byte{}
	keep := func(at int, r io.Reader, err error) {
		if err != nil {
			return
		}
		// What can be read before damage is looked at too.
		if raw, _ := io.ReadAll(io.LimitReader(r, inflateLimit)); len(raw) > 8 {
			out[at] = raw
		}
	}
	for at := 0; at+30 < len(content); at++ {
		rest := content[at:]
		switch {
		case rest[0] == 0x1f && rest[1] == 0x8b && rest[2] == 8:
			r, err := gzip.NewReader(bytes.NewReader(rest))
			keep(at, r, err)
		case rest[0] == 0x78 && (rest[1] == 0x01 || rest[1] == 0x5e || rest[1] == 0x9c || rest[1] == 0xda):
			r, err := zlib.NewReader(bytes.NewReader(rest))
			keep(at, r, err)
		case bytes.HasPrefix(rest, []byte("PK\x03\x04")) && binary.LittleEndian.Uint16(rest[8:]) == 8:
			skip := 30 + int(binary.LittleEndian.Uint16(rest[26:])) + int(binary.LittleEndian.Uint16(rest[28:]))
			if skip < len(rest) {
				keep(at, flate.NewReader(bytes.NewReader(rest[skip:])), nil)
			}
		}
	}
	return out
}

// FindInFiles looks through every file below dir but those that skip names (by their path from dir, with slashes). Names of
// files and directories are looked at too.
func FindInFiles(dir string, skip func(path string) bool, canaries []Canary) (found []string, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		found = append(found, Find("the name "+rel, []byte(rel), canaries)...)
		if d.IsDir() || skip(rel) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		found = append(found, Find(rel, content, canaries)...)
		return nil
	})
	return found, files, err
}
