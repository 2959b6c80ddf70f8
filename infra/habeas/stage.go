package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/infra/cloud/operations"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// newStage is what an operator does with a stage on AWS besides deploying it.
func newStage() *cobra.Command {
	c := &cobra.Command{Use: "stage", Short: "Operate a stage on AWS, with your own credentials"}
	c.AddCommand(newStageOpenCases(), newStageStatus(), newStageSettleRestore())
	return c
}

func newStageOpenCases() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "open-cases --stage FILE", Short: "Count open cases; exit with 1 while there are any", Args: cobra.NoArgs,
		Long: "What must not happen while people wait for an answer asks this first: make destroy does. A stage that is not deployed\n" +
			"has no open cases.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := openStage(cmd, file)
			count := map[string]int{}
			if err == nil {
				count, err = in.OpenCases(cmd.Context())
			} else if fault.Has(err, fault.NotFound) {
				progress(cmd, "the stage is not deployed")
				err = nil
			}
			if err != nil {
				return err
			}
			open := sum(count)
			out := struct {
				Open    int            `json:"open"`
				Tenants map[string]int `json:"tenants"`
			}{open, count}
			err = show(cmd, out, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "open cases\t%d\n", open)
				for _, t := range slices.Sorted(maps.Keys(count)) {
					_, _ = fmt.Fprintf(w, "%s\t%d\n", t, count[t])
				}
			})
			if err == nil && open > 0 {
				err = fault.New(fault.Conflict, fmt.Sprintf("%d cases are open", open))
			}
			return err
		},
	}
	stageFlag(c, &file)
	return c
}

func newStageStatus() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "status --stage FILE", Short: "Say how a stage is; exit with 1 when something is to be looked at", Args: cobra.NoArgs,
		Long: "Stacks, alarms, queues of what could not be done, open and late cases, the oldest promise and the oldest unsealed\n" +
			"evidence. What is wrong is named with its runbook (infra/cdk/runbooks). What your credentials may not ask is named, too.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			in, err := openStage(cmd, file)
			if err != nil {
				return err
			}
			s, err := in.Status(cmd.Context())
			if err != nil {
				return err
			}
			trouble := s.Trouble(in.Now())
			out := struct {
				operations.Status
				Trouble []string `json:"trouble"`
			}{s, append([]string{}, trouble...)}
			if err := show(cmd, out, func(w io.Writer) { writeStage(w, s, trouble) }); err != nil {
				return err
			}
			if len(trouble) > 0 {
				return fault.New(fault.Unavailable, fmt.Sprintf("%d things are to be looked at", len(trouble)))
			}
			return nil
		},
	}
	stageFlag(c, &file)
	return c
}

func writeStage(w io.Writer, s operations.Status, trouble []string) {
	line := func(what, format string, args ...any) { _, _ = fmt.Fprintf(w, what+"\t"+format+"\n", args...) } // show reports the error
	waits := func(b operations.Backlog) string {
		switch {
		case b.Count == 0:
			return "nothing"
		case b.More:
			return fmt.Sprintf("more than %d, the oldest since %s", b.Count, b.Oldest.Format(time.RFC3339))
		}
		return fmt.Sprintf("%d, the oldest since %s", b.Count, b.Oldest.Format(time.RFC3339))
	}
	line("stage", "%s  %s", s.Stage, s.Address)
	line("open cases", "%d in %d tenants", sum(s.Open), len(s.Open))
	line("late for a look", "%d", s.Late)
	line("promises not kept", "%s", waits(s.Outbox))
	line("unsealed", "%s", waits(s.Seal))
	var dead []string
	for _, q := range slices.Sorted(maps.Keys(s.Dead)) {
		if n := s.Dead[q]; n >= 0 {
			dead = append(dead, fmt.Sprintf("%s %d", q, n))
		}
	}
	line("could not be done", "%s", strings.Join(dead, ", "))
	line("in alarm", "%d", len(s.Alarms))
	for _, k := range s.Stacks {
		line(k.Name, "%s  %s", k.Status, k.Changed.Format(time.RFC3339))
	}
	for _, t := range trouble {
		line("LOOK", "%s", t)
	}
}

func newStageSettleRestore() *cobra.Command {
	var file, at string
	c := &cobra.Command{
		Use: "settle-restore --stage FILE --at TIME", Short: "Settle the records of a stage after they were restored", Args: cobra.NoArgs,
		Long: "For after point-in-time recovery, while nothing of the stage runs (infra/README.md says how to stop it). Executions are stopped. Keys that were\n" +
			"destroyed since are destroyed again, by the tombstones in the evidence bucket. Letters that were on their way are marked\n" +
			"unknown and not sent again. Open cases go on in a new generation. Every tenant's journal says so. Repeat it until it succeeds.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			instant, err := time.Parse(time.RFC3339, at)
			if err != nil {
				return usage("--at wants the instant the records are from, such as 2026-11-22T09:00:00Z")
			}
			in, err := openStage(cmd, file)
			if err != nil {
				return err
			}
			r, err := in.SettleRestore(cmd.Context(), instant)
			if err != nil {
				return err
			}
			for _, s := range r.Systems {
				progress(cmd, "if %s was restored, too: habeas restore-check --system %s", s, s[strings.LastIndexByte(s, '/')+1:])
			}
			return show(cmd, r, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "executions stopped\t%d\nkeys destroyed before\t%d\nthere again, destroyed again\t%d\nletters of unknown fate\t%d\nopen cases taken over\t%d\n",
					r.Stopped, r.Tombstones, r.Destroyed, r.Mails, r.TakenOver)
			})
		},
	}
	stageFlag(c, &file)
	c.Flags().StringVar(&at, "at", "", "the instant that the records were restored to, RFC 3339")
	return c
}
