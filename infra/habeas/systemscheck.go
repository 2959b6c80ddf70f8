package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// health is what a test of a system found.
type health struct {
	Name      string              `json:"name"`
	Reachable bool                `json:"reachable"`
	Ready     bool                `json:"ready"`
	Rights    []dsar.Right        `json:"rights"`
	Problems  []connector.Problem `json:"problems"`
	Warnings  []connector.Problem `json:"warnings"`
}

func newSystemsCheck(r *remote) *cobra.Command {
	return &cobra.Command{
		Use: "check [NAME]", Short: "Test one system, or all of them", Args: cobra.MaximumNArgs(1),
		Long: "Has the server open each system and hold it against its data map. Says what must be put right and, apart from it, what is\n" +
			"worth knowing. Exits with 1 when a system is not ready.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := r.staff(cmd)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				raw, err := c.api(cmd.Context(), http.MethodGet, "/systems", nil, nil)
				if err != nil {
					return err
				}
				l, err := decode[systemList](raw)
				if err != nil {
					return err
				}
				for _, s := range l.Systems {
					args = append(args, s.Name)
				}
			}
			return checkSystems(cmd, c, args)
		},
	}
}

func checkSystems(cmd *cobra.Command, c *client, names []string) error {
	answers := []json.RawMessage{}
	found := []health{}
	ready := true
	for _, name := range names {
		raw, err := c.api(cmd.Context(), http.MethodPost, "/systems/"+url.PathEscape(name)+"/check", nil, nil)
		if err != nil {
			return fmt.Errorf("checking %s: %w", name, err)
		}
		h, err := decode[health](raw)
		if err != nil {
			return err
		}
		ready = ready && h.Ready
		answers, found = append(answers, raw), append(found, h)
	}
	err := show(cmd, map[string]any{"systems": answers, "ready": ready}, func(w io.Writer) { writeHealth(w, found) })
	if err == nil && !ready {
		err = fault.New(fault.Misconfigured, "not every system is ready")
	}
	return err
}

// writeHealth writes a table: a line for every system and every finding, each with the place and what is the matter.
func writeHealth(w io.Writer, found []health) {
	_, _ = fmt.Fprintln(w, "SYSTEM\tSTATE\tWHERE\tWHAT")
	for _, h := range found {
		state := "ready"
		switch {
		case !h.Reachable:
			state = "not reached"
		case !h.Ready:
			state = "not ready"
		}
		var rights []string
		for _, r := range h.Rights {
			rights = append(rights, string(r))
		}
		what := "serves " + strings.Join(rights, ", ")
		if len(rights) == 0 {
			what = "see below"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t\t%s\n", h.Name, state, what)
		for _, p := range h.Problems {
			_, _ = fmt.Fprintf(w, "\tput right\t%s\t%s\n", where(p), p.Text)
		}
		for _, p := range h.Warnings {
			_, _ = fmt.Fprintf(w, "\tnote\t%s\t%s\n", where(p), p.Text)
		}
	}
}

// where names the place of a finding in the data map.
func where(p connector.Problem) string {
	at := cmp.Or(strings.Trim(p.Collection+"."+p.Field, "."), "the system")
	if p.Line > 0 {
		at = fmt.Sprintf("%s (line %d)", at, p.Line)
	}
	return at
}
