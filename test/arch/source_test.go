package arch

import (
	"bytes"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Ceilings of length, in lines. House style asks for functions of at most 60 lines; tests may list their cases.
const (
	maxFile     = 800
	maxFunction = 60
	maxTest     = 120
)

// TestDomainReadsNoClockAndNoEnvironment: time and settings are injected (GDPR deadlines are tested with a clock of the
// test's own, and Lambda and one machine configure the same code differently).
func TestDomainReadsNoClockAndNoEnvironment(t *testing.T) {
	clock := map[string][]string{"time": {"Now", "Since", "Until"}}
	environment := map[string][]string{"os": {"Getenv", "LookupEnv", "Environ", "ExpandEnv"}}
	for _, s := range sources(t) {
		if s.test || in(s.pkg.Path, suites...) {
			continue
		}
		if isDomain(s.pkg.Path) {
			for _, use := range uses(s.file, clock) {
				t.Errorf("%s:%d: the domain reads the clock", s.name, s.line(use))
			}
		}
		if !in(s.pkg.Path, "infra", "shared/settings", "functions/internal/lambdaboot") {
			for _, use := range uses(s.file, environment) {
				t.Errorf("%s:%d: reads the environment", s.name, s.line(use))
			}
		}
	}
}

// uses finds where a file mentions one of the names of a package, called or not, under whatever name it is imported.
func uses(f *ast.File, names map[string][]string) []token.Pos {
	banned := map[string][]string{}
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil || names[p] == nil {
			continue
		}
		local := path.Base(p)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == "." {
			return []token.Pos{spec.Pos()} // would hide the names from this test
		}
		banned[local] = names[p]
	}
	var found []token.Pos
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && slices.Contains(banned[id.Name], sel.Sel.Name) {
				found = append(found, sel.Pos())
			}
		}
		return true
	})
	return found
}

// TestLengths reports functions and files that are too long to be read at once.
func TestLengths(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.fset.File(s.file.Pos()).LineCount(); n > maxFile {
			t.Errorf("%s has %d lines; the ceiling is %d", s.name, n, maxFile)
		}
		ceiling := maxFunction
		if s.test || in(s.pkg.Path, suites...) {
			ceiling = maxTest
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > ceiling {
				t.Errorf("%s:%d: %s has %d lines; the ceiling is %d", s.name, s.line(f.Pos()), f.Name.Name, n, ceiling)
			} else if n > maxFunction {
				t.Logf("%s:%d: %s has %d lines", s.name, s.line(f.Pos()), f.Name.Name, n)
			}
		}
	}
}

// TestNoInit: what a package needs is passed to it.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s:%d: init()", s.name, s.line(f.Pos()))
			}
		}
	}
}

// TestNames refuses packages that say nothing about what they own.
func TestNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "core", "manager", "misc", "base", "lib"}
	for _, p := range packages(t) {
		for _, part := range append(strings.Split(p.Path, "/"), p.Name) {
			if slices.Contains(vague, strings.TrimSuffix(part, "_test")) {
				t.Errorf("%s: %q says nothing", p.Path, part)
			}
		}
	}
}

// TestPackagesAreDescribed: every package says what it owns, once.
func TestPackagesAreDescribed(t *testing.T) {
	docs := map[string][]string{}
	seen := map[string]pkg{}
	for _, s := range sources(t) {
		seen[s.pkg.Path] = s.pkg
		if s.file.Doc != nil && (!s.test || len(s.pkg.GoFiles) == 0) {
			docs[s.pkg.Path] = append(docs[s.pkg.Path], s.file.Doc.Text())
		}
	}
	for at, p := range seen {
		want := "Package " + p.Name + " "
		if p.Name == "main" {
			want = "Command "
		}
		switch d := docs[at]; {
		case len(d) == 0:
			t.Errorf("%s has no doc comment", at)
		case len(d) > 1:
			t.Errorf("%s has %d doc comments", at, len(d))
		case !strings.HasPrefix(d[0], want):
			t.Errorf("%s: the doc comment does not begin with %q", at, want)
		}
	}
}

// Patterns of what no file may contain. They are written so that this file does not match itself.
var (
	machinePath = regexp.MustCompile(`(?:^|[^\w./~-])((?:/)(?:work|root|home|Users)/[\w.-]+|[A-Z]:\\Users\\)`)
	leftOver    = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX)\b`)
	address     = regexp.MustCompile(`[\w.%+-]+@((?:[\w-]+\.)+[A-Za-z]{2,})\b`)
	phone       = regexp.MustCompile(`(?:^|[^\w+])\+([1-9][0-9 ()-]{7,18}[0-9])\b`)
)

// TestNoMachinePathsAndNothingLeftOver keeps the tree free of the machine it was written on.
func TestNoMachinePathsAndNothingLeftOver(t *testing.T) {
	texts(t, func(name string, content []byte) {
		for _, m := range machinePath.FindAllSubmatchIndex(content, -1) {
			t.Errorf("%s:%d: a path of one machine", name, lineOf(content, m[2]))
		}
		if !strings.HasSuffix(name, ".go") {
			return
		}
		for _, m := range leftOver.FindAllIndex(content, -1) {
			t.Errorf("%s:%d: %s", name, lineOf(content, m[0]), content[m[0]:m[1]])
		}
	})
}

// TestPeopleAreFictional: every address is on a domain that RFC 2606 or RFC 6761 reserves, every phone number is of a range
// that its country reserves for fiction, so that no test or demo can reach a real person. The packs are no people: they name the
// authorities to which letters send whoever wants to complain, and so do the letters that are rendered from them.
func TestPeopleAreFictional(t *testing.T) {
	seen := 0
	texts(t, func(name string, content []byte) {
		if path.Base(name) == "go.sum" || path.Base(name) == "go.mod" || strings.HasPrefix(name, "shared/policy/packs/") ||
			strings.HasPrefix(name, "shared/letters/testdata/languages/") {
			return
		}
		for _, m := range address.FindAllSubmatchIndex(content, -1) {
			seen++
			if !reserved(string(content[m[2]:m[3]])) {
				t.Errorf("%s:%d: an address on %s", name, lineOf(content, m[0]), content[m[2]:m[3]])
			}
		}
		for _, m := range phone.FindAllSubmatchIndex(content, -1) {
			if !fictional(string(content[m[2]:m[3]])) {
				t.Errorf("%s:%d: a phone number that may be somebody's", name, lineOf(content, m[2]))
			}
		}
	})
	if seen == 0 {
		t.Error("no address found at all: the test proves nothing")
	}
}

// reserved reports whether nobody can receive mail at the domain.
func reserved(domain string) bool {
	domain = "." + strings.ToLower(domain)
	return slices.ContainsFunc([]string{".example.com", ".example.org", ".example.net", ".example", ".test", ".invalid", ".localhost"}, func(d string) bool {
		return strings.HasSuffix(domain, d)
	})
}

// fictional reports whether a number (without its plus) is of a range reserved for fiction: 555-01xx in North America, and
// what Ofcom set aside (mobile 07700 900xxx, London 020 7946 0xxx). The last digits may be left to a format.
func fictional(number string) bool {
	digits := regexp.MustCompile(`\D`).ReplaceAllString(number, "")
	return regexp.MustCompile(`^(1\d{3}55501\d{2}|1555010\d{0,4}|447700900\d{0,3}|4402079460\d{3}|442079460\d{3})$`).MatchString(digits)
}

func lineOf(content []byte, at int) int { return bytes.Count(content[:at], []byte("\n")) + 1 }

// TestPatternsBite proves what the patterns find and what they leave alone.
func TestPatternsBite(t *testing.T) {
	slash := "/"
	for text, want := range map[string]bool{
		`"` + slash + `home/somebody/x"`: true, "see " + slash + "work/main": true, "=" + slash + "root/key": true,
		"home" + slash + "page": false, "/var/lib/habeas": false, "https://example.com/home/x": false,
	} {
		if machinePath.MatchString(text) != want {
			t.Errorf("machine path in %q: want %t", text, want)
		}
	}
	for domain, want := range map[string]bool{"example.com": true, "shop.example.com": true, "mail.test": true, "notexample.com": false, "contest": false, "gmail.com": false} {
		if reserved(domain) != want {
			t.Errorf("%s reserved: want %t", domain, want)
		}
	}
	for number, want := range map[string]bool{"1 (555) 010-1234": true, "44 7700 900123": true, "44 7700 901123": false, "49 30 1234567": false} {
		if fictional(number) != want {
			t.Errorf("%s fictional: want %t", number, want)
		}
	}
}
