// Command compile writes packs/compiled.jsonl, the form in which packs are built in, from packs/*.yaml and calendars/*.yaml of the
// current directory. Run it after every change of a pack or a calendar: go generate ./shared/policy. With -release it also appends
// the current versions to packs/released.txt, from when on each must stay loadable.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"github.com/habeas-dsar/habeas/shared/policy"
)

const (
	compiled = "packs/compiled.jsonl"
	released = "packs/released.txt"
)

func main() {
	release := flag.Bool("release", false, "append the current versions to "+released)
	flag.Parse()
	if err := run(*release); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(release bool) error {
	content, err := policy.Compile(os.DirFS("."))
	if err != nil {
		return fmt.Errorf("compiling packs: %w", err)
	}
	if err := os.WriteFile(compiled, content, 0o600); err != nil {
		return fmt.Errorf("writing compiled packs: %w", err)
	}
	if !release {
		return nil
	}
	return appendReleased()
}

// appendReleased adds the current versions that the list does not have.
func appendReleased() error {
	set, err := policy.LoadFS(os.DirFS("."))
	if err != nil {
		return fmt.Errorf("loading packs: %w", err)
	}
	list, err := os.ReadFile(released)
	if err != nil {
		return fmt.Errorf("reading released versions: %w", err)
	}
	for _, head := range set.Index() {
		if line := []byte(string(head.Version) + "\n"); !bytes.Contains(list, line) {
			list = append(list, line...)
		}
	}
	if err := os.WriteFile(released, list, 0o600); err != nil {
		return fmt.Errorf("writing released versions: %w", err)
	}
	return nil
}
