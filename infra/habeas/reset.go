package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// newReset removes a demonstration, so that the next start makes it up anew. It touches no directory that is none.
func newReset() *cobra.Command {
	var dir string
	var yes bool
	c := &cobra.Command{
		Use: "reset", Short: "Remove a demonstration's data, so that the next start makes it up anew", Args: cobra.NoArgs,
		Example: "  habeas demo reset --data ./habeas-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if info, err := os.Stat(filepath.Join(dir, "demo")); err != nil || !info.IsDir() {
				return fault.New(fault.Invalid, "this directory holds no demonstration; nothing was removed")
			}
			app, err := openOffline(cmd.Context(), dir, cmd.ErrOrStderr()) // a server that runs there keeps it
			if err != nil {
				return err
			}
			if err := app.Close(cmd.Context()); err != nil {
				return fmt.Errorf("closing the demonstration: %w", err)
			}
			if err := confirm(cmd, yes, "Remove the demonstration with all its requests and evidence?"); err != nil {
				return err
			}
			if err := os.RemoveAll(dir); err != nil {
				return fault.Wrap(fault.Misconfigured, err, "removing the demonstration")
			}
			return show(cmd, map[string]string{"removed": dir}, func(w io.Writer) { _, _ = fmt.Fprintln(w, "removed", dir) })
		},
	}
	c.Flags().StringVar(&dir, "data", "./habeas-data", "directory of the demonstration")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}
