package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/habeas-dsar/habeas"

// pkg is one package of the module as `go list` describes it. Path is relative to the module.
type pkg struct {
	Path, Name, Dir           string
	Imports, TestImports      []string
	GoFiles, XTestGoFiles     []string
	TestGoFiles, XTestImports []string
	DepsErrors                []struct{ Err string }
	Error                     *struct{ Err string }
}

// own returns the import path relative to the module; ok is false for packages of others.
func own(importPath string) (rel string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// root is the directory of the module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// packages lists every package of the module once per test binary. Nested modules (test/tools, test/browser, infra/cdk) are
// not part of it.
func packages(t *testing.T) []pkg {
	t.Helper()
	list, err := listed()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	if len(list) < 30 {
		t.Fatalf("go list found %d packages: the rules would prove nothing", len(list))
	}
	return list
}

var listed = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles,Error", "./...")
	cmd.Dir = filepath.Join("..", "..")
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.Join(err, errors.New(problems.String()))
	}
	var list []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			pkg
			ImportPath string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		p.Path, _ = own(p.ImportPath)
		list = append(list, p.pkg)
	}
})

// source is one parsed Go file.
type source struct {
	pkg  pkg
	name string // relative to the module
	test bool
	file *ast.File
	fset *token.FileSet
}

// line returns the line of a position in the file.
func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }

// sources parses every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, p := range packages(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s/%s does not parse", p.Path, name)
				continue
			}
			all = append(all, source{p, path.Join(p.Path, name), strings.HasSuffix(name, "_test.go"), f, fset})
		}
	}
	return all
}

// texts calls f with every text file of the tree, nested modules included, except what .gitignore keeps out of it.
func texts(t *testing.T, f func(name string, content []byte)) {
	t.Helper()
	dir, err := os.OpenRoot(root(t))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	ignored := []string{".git", ".tools", "bin", "data", "habeas-data"}
	err = fs.WalkDir(dir.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // an editor's or a test's file that is gone again
			return nil
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(ignored, name):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		content, err := dir.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(content[:min(len(content), 8000)], 0) {
			f(name, content)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("reading the tree: %v", err)
	}
}

// in reports whether a package is one of the folders or below one of them. A last "/*" stands for folders one level below,
// without the folder itself.
func in(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		if parent, ok := strings.CutSuffix(folder, "/*"); ok {
			rest, below := strings.CutPrefix(path, parent+"/")
			return below && rest != ""
		}
		return path == folder || strings.HasPrefix(path, folder+"/")
	})
}
