// Command habeas runs Habeas and talks to it: serve, systems, request, cases, evidence, clock, staff and more. Every command
// has --json; it exits with 0 when all is well, 1 when something failed and 2 when it was called wrongly.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	_ "time/tzdata" // zones of tenants, on machines that have none installed
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	var misuse usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &misuse):
		_, _ = fmt.Fprintln(os.Stderr, "habeas:", err) // there is nobody left to tell
		return 2
	}
	_, _ = fmt.Fprintln(os.Stderr, "habeas:", err)
	return 1
}

// usage is a call that cannot be understood: exit code 2.
type usage string

// Error says what the call wants.
func (u usage) Error() string { return string(u) }

// asJSON reports whether --json was given.
func asJSON(cmd *cobra.Command) bool {
	v, err := cmd.Flags().GetBool("json")
	return err == nil && v
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use: "habeas", Short: "Fulfil data subject requests", SilenceUsage: true, SilenceErrors: true,
	}
	root.PersistentFlags().Bool("json", false, "print JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err.Error()) })
	root.AddCommand(newServe(), newStaff())
	return root
}
