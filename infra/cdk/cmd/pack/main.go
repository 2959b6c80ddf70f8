// Command pack builds the Lambdas of the inventory and packs each into a zip that depends on nothing but its sources: the same
// sources give the same bytes, on every machine and at every time, so that a deployment changes what has changed.
//
//	go run ./cmd/pack -arch arm64 -out ../../bin/lambda
package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		cancel()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	arch := flags.String("arch", stage.ARM64, "architecture of Lambda: arm64 or x86_64")
	root := flags.String("root", "../..", "root of the repository")
	out := flags.String("out", "../../bin/lambda", "folder of the zips")
	most := flags.Float64("max", 0, "fail when a binary has more megabytes; 0 = whatever they have")
	if err := flags.Parse(args); err != nil {
		return err
	}
	goarch, ok := map[string]string{stage.ARM64: "arm64", stage.X86_64: "amd64"}[*arch]
	if !ok {
		return fmt.Errorf("there is no architecture %q", *arch)
	}
	if err := os.MkdirAll(*out, 0o750); err != nil {
		return fmt.Errorf("making folder: %w", err)
	}
	for _, f := range inventory.Functions() {
		size, err := build(ctx, *root, goarch, f, filepath.Join(*out, f.Name+".zip"))
		if err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
		if err := bound(size, *most); err != nil {
			return fmt.Errorf("packing %s: %w", f.Name, err)
		}
	}
	return nil
}

// bound refuses a binary that has grown: what a function links it loads at every cold start.
func bound(size int, megabytes float64) error {
	if is := float64(size) / 1e6; megabytes > 0 && is > megabytes {
		return fmt.Errorf("its binary has %.1f MB, more than %.1f", is, megabytes)
	}
	return nil
}

// build compiles a function and writes its zip. It returns the size of the binary in bytes.
func build(ctx context.Context, root, goarch string, f inventory.Function, to string) (int, error) {
	dir, err := os.MkdirTemp("", "habeas-lambda-")
	if err != nil {
		return 0, fmt.Errorf("making directory: %w", err)
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bootstrap")
	// No build ID and no VCS stamp: they would change with every commit, and every function with them.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-tags=lambda.norpc", "-o", binary, "./"+f.Main) // #nosec G204 -- arguments come from the inventory
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+goarch, "GOFLAGS=")
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("compiling: %w", err)
	}
	code, err := os.ReadFile(binary)
	if err != nil {
		return 0, fmt.Errorf("reading binary: %w", err)
	}
	packed, err := pack(code)
	if err != nil {
		return 0, err
	}
	return len(code), keep(to, packed)
}

// keep writes a zip. A function that did not change keeps its file and its time.
func keep(to string, packed []byte) error {
	old, err := os.ReadFile(to)
	if err == nil && bytes.Equal(old, packed) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the zip before: %w", err)
	}
	return os.WriteFile(to, packed, 0o600)
}

// epoch is the time of every file in a zip: the first that its format knows.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// pack makes a zip of one executable file called bootstrap.
func pack(code []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: epoch}
	header.SetMode(0o755)
	file, err := w.CreateHeader(header)
	if err != nil {
		return nil, fmt.Errorf("adding the binary: %w", err)
	}
	if _, err := file.Write(code); err != nil {
		return nil, fmt.Errorf("writing the binary: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("closing the zip: %w", err)
	}
	return b.Bytes(), nil
}
