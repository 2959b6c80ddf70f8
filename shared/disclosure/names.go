package disclosure

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const maxFileName = 80 // bytes of a system's or collection's part of a path

// reservedNames may not be the stem of a file name on Windows ("Naming Files, Paths, and Namespaces").
var reservedNames = map[string]bool{
	"con": true, "prn": true, "aux": true, "nul": true,
	"com0": true, "com1": true, "com2": true, "com3": true, "com4": true, "com5": true, "com6": true, "com7": true, "com8": true, "com9": true,
	"lpt0": true, "lpt1": true, "lpt2": true, "lpt3": true, "lpt4": true, "lpt5": true, "lpt6": true, "lpt7": true, "lpt8": true, "lpt9": true,
}

// fileNames turns names into file names, in the same order: ASCII letters, digits, ".", "-" and "_" only, allowed on every
// common file system, and distinct even where letter case does not count.
func fileNames(names []string) []string {
	taken := make(map[string]bool, len(names))
	out := make([]string, len(names))
	for i, n := range names {
		name := fileName(n)
		unique := name
		for k := 2; taken[strings.ToLower(unique)]; k++ {
			unique = name + "-" + strconv.Itoa(k)
		}
		taken[strings.ToLower(unique)] = true
		out[i] = unique
	}
	return out
}

func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		case unicode.Is(unicode.Mn, r):
			return -1 // the accent of a letter that norm.NFD took apart
		}
		return '_'
	}, norm.NFD.String(name))
	if len(name) > maxFileName {
		name = name[:maxFileName]
	}
	// A leading dot hides a file, a trailing one is lost on Windows.
	name = strings.TrimRight(name, ".")
	if strings.HasPrefix(name, ".") {
		name = "_" + strings.TrimLeft(name, ".")
	}
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	if name == "" || reservedNames[stem] {
		name = "_" + name
	}
	return name
}

// partName returns the stem of the files of a collection's part. No file name has a "~", so that parts collide with nothing.
func partName(name string, part int) string {
	if part == 1 {
		return name
	}
	return name + "~part" + strconv.Itoa(part)
}
