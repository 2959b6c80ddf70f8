// Command habeas runs Habeas and talks to it: serve, systems, request, cases, evidence, clock, staff, stage, doctor and more. Every command
// has --json; it exits with 0 when all is well, 1 when something failed and 2 when it was called wrongly.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	_ "time/tzdata" // zones of tenants, on machines that have none installed
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := strict(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, "habeas:", err) // there is nobody left to tell
	if misuse := usage(""); !*started || errors.As(err, &misuse) {
		return 2
	}
	return 1
}

// newRoot returns the command with everything it can do.
func newRoot() *cobra.Command {
	root := &cobra.Command{Use: "habeas", Short: "Fulfil data subject requests", SilenceUsage: true, SilenceErrors: true}
	root.PersistentFlags().Bool("json", false, "print JSON")
	root.AddCommand(
		newServe(), newStaff(), newTenants(), newDemo(),
		newSystems(), newRecipients(), newRequest(), newCases(), newNumbers(), newCase(), newTasks(), newHolds(), newWording(),
		newClock(), newPacks(), newEvidence(), newRestoreCheck(), newBackup(), newRestore(),
		newStage(), newDoctor(), newCost(),
	)
	return root
}
