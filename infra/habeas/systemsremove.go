package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// systemUse is what removing a system leaves open.
type systemUse struct {
	Name  string `json:"name"`
	Cases []struct {
		Reference string      `json:"reference"`
		Status    dsar.Status `json:"status"`
		DueAt     time.Time   `json:"dueAt"`
	} `json:"cases"`
	Complete bool `json:"complete"`
}

func newSystemsRemove(r *remote) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use: "remove NAME", Short: "Remove a system from the register", Args: cobra.ExactArgs(1),
		Long: "Shows on stderr which open cases still wait for the system, and removes it; on a terminal it asks first. Nothing changes in\n" +
			"the system itself. Cases keep what they know of it; what they still wait for there goes to a person.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			path := "/systems/" + url.PathEscape(args[0])
			raw, err := c.api(cmd.Context(), http.MethodGet, path+"/cases", nil, nil)
			if err != nil {
				return err
			}
			use, err := decode[systemUse](raw)
			if err != nil {
				return err
			}
			showUse(cmd, use)
			if err := confirm(cmd, yes, "Remove "+use.Name+"?"); err != nil {
				return err
			}
			return ask(cmd, c, http.MethodDelete, path, nil, nil, func(w io.Writer, v systemUse) {
				_, _ = fmt.Fprintf(w, "%s\tremoved\n", v.Name)
			})
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask on a terminal")
	return c
}

func showUse(cmd *cobra.Command, use systemUse) {
	switch n := len(use.Cases); {
	case n == 0 && use.Complete:
		progress(cmd, "No open case waits for %s.", use.Name)
	case n > 0:
		progress(cmd, "Open cases that wait for %s:", use.Name)
	}
	for _, c := range use.Cases {
		due := "no date yet"
		if !c.DueAt.IsZero() {
			due = "due " + c.DueAt.Format(time.DateOnly)
		}
		progress(cmd, "  %s  %s, %s", c.Reference, c.Status, due)
	}
	if !use.Complete {
		progress(cmd, "There are more open cases than were looked at.")
	}
}
