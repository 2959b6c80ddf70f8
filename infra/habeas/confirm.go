package main

import (
	"bufio"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// confirm asks somebody at a terminal for a yes; without one, or when yes was given, it lets everything pass: scripts have said
// what they want by calling.
func confirm(cmd *cobra.Command, yes bool, question string) error {
	if yes || !isTerminal(cmd.InOrStdin()) {
		return nil
	}
	_, _ = io.WriteString(cmd.ErrOrStderr(), question+" [y/N] ") // nobody reads it: no answer comes either
	return answer(cmd.InOrStdin())
}

// answer reads the answer to a question: anything but y or yes is a no.
func answer(in io.Reader) error {
	line, err := bufio.NewReader(io.LimitReader(in, 100)).ReadString('\n')
	if err != nil && line == "" {
		return fault.New(fault.Conflict, "nothing was changed")
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return fault.New(fault.Conflict, "nothing was changed")
}

// isTerminal reports whether somebody can type there. The null device, which scripts and schedulers give, is a character
// device as well.
func isTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
