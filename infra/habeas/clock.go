package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

func newClock() *cobra.Command {
	c := &cobra.Command{Use: "clock", Short: "By when a request must be answered, and why"}
	c.AddCommand(newClockExplain(), newClockCheck(), newClockPacks())
	return c
}

func newClockCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE...", Short: "Compute every date of a file of vectors and compare", Args: cobra.MinimumNArgs(1),
		Long: "Reads test_calendars, date_vectors and law_vectors from each FILE (- is stdin) and exits with 1 when a date differs.",
		RunE: func(cmd *cobra.Command, files []string) error {
			type checked struct {
				File string `json:"file"`
				OK   bool   `json:"ok"`
				clock.Report
			}
			set, err := policy.Load()
			if err != nil {
				return fmt.Errorf("loading laws: %w", err)
			}
			var all []checked
			bad := 0
			for _, name := range files {
				content, err := readFile(cmd, name, 16<<20)
				if err != nil {
					return err
				}
				r, err := clock.Check(bytes.NewReader(content), set)
				if err != nil {
					return fmt.Errorf("checking %s: %w", name, err)
				}
				bad += r.Vectors - r.Passed
				if !r.OK() {
					bad = max(bad, 1)
				}
				all = append(all, checked{name, r.OK(), r})
			}
			err = show(cmd, map[string]any{"files": all, "ok": bad == 0}, func(w io.Writer) {
				for _, c := range all {
					for _, f := range c.Faults {
						_, _ = fmt.Fprintf(w, "%s:%d: %s: %s\n", c.File, f.Line, f.ID, f.Text)
					}
					for _, m := range c.Mismatches {
						_, _ = fmt.Fprintf(w, "%s:%d: %s: %s: the clock says %s, the file %s\n", c.File, m.Line, m.ID, m.Field, m.Got, m.Want)
					}
					_, _ = fmt.Fprintf(w, "%s: %d of %d dates agree\n", c.File, c.Passed, c.Vectors)
				}
			})
			if err == nil && bad > 0 {
				err = fault.New(fault.Invalid, "the clock and the file do not agree")
			}
			return err
		},
	}
}

func newClockPacks() *cobra.Command {
	type row struct {
		ID         policy.ID                   `json:"id"`
		Name       string                      `json:"name"`
		Law        string                      `json:"law"`
		Status     string                      `json:"status"`
		ValidFrom  civil.Date                  `json:"validFrom"`
		ValidUntil civil.Date                  `json:"validUntil,omitzero"`
		Version    policy.Version              `json:"version"`
		Confidence policy.Confidence           `json:"confidence"`
		Draft      bool                        `json:"draft"` // a named person must confirm it before it may govern in production
		Rights     map[dsar.Right]policy.Level `json:"rights"`
	}
	return &cobra.Command{
		Use: "packs", Short: "List the laws that are built in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := policy.Load()
			if err != nil {
				return fmt.Errorf("loading laws: %w", err)
			}
			var rows []row
			for _, p := range set.Packs() {
				rows = append(rows, row{p.ID, p.Name, p.Law, p.Status, p.Valid.From, p.Valid.Until, p.Version, p.Confidence, p.Draft(), p.Rights})
			}
			return show(cmd, map[string]any{"packs": rows}, func(w io.Writer) {
				for _, r := range rows {
					draft := ""
					if r.Draft {
						draft = "draft"
					}
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\tfrom %s\t%s\t%s\t%s\n", r.ID, r.Name, r.Law, r.ValidFrom, r.Confidence, draft, r.Version)
				}
			})
		},
	}
}
