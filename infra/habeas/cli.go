package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// usage is a call that cannot be understood: exit code 2.
type usage string

// Error says what the call wants.
func (u usage) Error() string { return string(u) }

// strict makes a tree of commands refuse what it does not understand, and tells by its result whether a command came so far
// as to run: an error before that is the caller's mistake. Cobra alone answers "habeas case bogus" with help and exit 0.
func strict(c *cobra.Command) *bool {
	started := new(bool)
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.RunE == nil && c.HasSubCommands() {
			c.Args, c.RunE = cobra.ArbitraryArgs, group
		} else if do := c.RunE; do != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				*started = true
				return do(c, args)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(c)
	return started
}

// group is a command that only has commands below it.
func group(c *cobra.Command, args []string) error {
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	slices.Sort(names)
	list := strings.Join(names, ", ")
	if len(args) > 0 {
		return usage(fmt.Sprintf("%s: there is no command %q; try one of: %s", c.CommandPath(), args[0], list))
	}
	return usage(c.CommandPath() + " wants one of: " + list)
}

// asJSON reports whether --json was given.
func asJSON(cmd *cobra.Command) bool {
	v, err := cmd.Flags().GetBool("json")
	return err == nil && v
}

// show prints v as one line of JSON with --json, otherwise what text writes; tabs align columns.
func show(cmd *cobra.Command, v any, text func(w io.Writer)) error {
	out := cmd.OutOrStdout()
	if asJSON(cmd) {
		if raw, ok := v.(json.RawMessage); ok {
			var b bytes.Buffer
			if err := json.Compact(&b, raw); err != nil {
				return fault.Wrap(fault.Internal, err, "reading the answer")
			}
			b.WriteByte('\n')
			_, err := out.Write(b.Bytes())
			return err
		}
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// progress tells on stderr what is happening.
func progress(cmd *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) // progress is lost with its reader
}

// readFile reads a file that the caller named, "-" being stdin, up to limit bytes. Its error does not quote the content.
func readFile(cmd *cobra.Command, name string, limit int64) ([]byte, error) {
	in := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fault.Wrap(fault.NotFound, err, "opening a file")
		}
		defer f.Close()
		in = f
	}
	content, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reading "+name)
	}
	if int64(len(content)) > limit {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("%s is larger than %d KiB", name, limit>>10))
	}
	return content, nil
}

// readSecret returns value, or, when it is "-", the first line of stdin: what stands on a command line can be seen by every
// user of the machine and stays in the history of the shell.
func readSecret(cmd *cobra.Command, value string) (string, error) {
	if value != "-" {
		return value, nil
	}
	content, err := readFile(cmd, "-", 64<<10)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", usage("stdin is empty where a value was to come from it")
	}
	return line, nil
}
