package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// taskRow is what people read of a task that waits for a person.
type taskRow struct {
	ID        string `json:"id"`
	Reference string `json:"reference"`
	System    string `json:"system"`
	Action    string `json:"action"`
	Asked     *struct {
		Text    string    `json:"text"`
		DueAt   time.Time `json:"dueAt"`
		Answers []string  `json:"answers"`
	} `json:"asked"`
	Decision *struct {
		Decision string `json:"decision"`
	} `json:"decision"`
}

func newTasks() *cobra.Command {
	r := &remote{}
	var cursor string
	var limit int
	c := &cobra.Command{
		Use: "tasks", Short: "List the tasks that wait for a person", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := r.staff(cmd)
			if err != nil {
				return err
			}
			query := parameters("cursor", cursor)
			if limit != 0 {
				query.Set("limit", strconv.Itoa(limit))
			}
			type list struct {
				Tasks []taskRow `json:"tasks"`
				Next  string    `json:"next"`
			}
			return ask(cmd, cl, http.MethodGet, "/tasks", query, nil, func(w io.Writer, l list) {
				for _, t := range l.Tasks {
					writeTask(w, t)
				}
				more(cmd, l.Next)
			})
		},
	}
	r.flags(c)
	c.Flags().IntVar(&limit, "limit", 0, "tasks a page, 1 to 200 (default 50)")
	c.Flags().StringVar(&cursor, "cursor", "", "where the page before ended")
	c.AddCommand(newTasksDecide(r))
	return c
}

func writeTask(w io.Writer, t taskRow) {
	_, _ = fmt.Fprintf(w, "task %s\t%s\t%s on %s\n", t.ID, t.Reference, t.Action, t.System)
	if t.Asked != nil {
		_, _ = fmt.Fprintf(w, "  %s\n  answers: %s\n", t.Asked.Text, strings.Join(t.Asked.Answers, ", "))
	}
}

func newTasksDecide(r *remote) *cobra.Command {
	var outcome, reason, ofCase, identifier string
	c := &cobra.Command{
		Use: "decide TASK", Short: "Say what became of a task", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if outcome == "" {
				return usage("--outcome wants one of the task's answers")
			}
			cl, err := r.staff(cmd)
			if err != nil {
				return err
			}
			body := map[string]any{"outcome": outcome}
			if reason != "" {
				body["reason"] = reason
			}
			if ofCase != "" {
				if body["caseId"], err = cl.caseID(cmd.Context(), ofCase); err != nil {
					return err
				}
			}
			if identifier != "" {
				if body["identifier"], err = readIdentifier(cmd, identifier); err != nil {
					return err
				}
			}
			type decided struct {
				Outcome string `json:"outcome"`
			}
			return ask(cmd, cl, http.MethodPost, "/tasks/"+url.PathEscape(args[0])+"/outcome", nil, body, func(w io.Writer, d decided) {
				_, _ = fmt.Fprintln(w, "decided: "+d.Outcome)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&outcome, "outcome", "", "one of the task's answers")
	f.StringVar(&reason, "reason", "", "why")
	f.StringVar(&ofCase, "case", "", "reference or id of the task's case; spares the server a search")
	f.StringVar(&identifier, "identifier", "", "with --outcome identify: KIND=VALUE that was proven; VALUE - reads stdin")
	return c
}

// readIdentifier reads KIND=VALUE.
func readIdentifier(cmd *cobra.Command, s string) (map[string]string, error) {
	kind, value, ok := strings.Cut(s, "=")
	if !ok || kind == "" || value == "" {
		return nil, usage("--identifier wants KIND=VALUE, such as customer_id=C-1042")
	}
	value, err := readSecret(cmd, value)
	return map[string]string{"kind": kind, "value": value}, err
}
