package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// caseRow is what people read of a case in a list.
type caseRow struct {
	ID         string    `json:"id"`
	Reference  string    `json:"reference"`
	Right      string    `json:"right"`
	Status     string    `json:"status"`
	ReceivedAt time.Time `json:"receivedAt"`
	DueAt      time.Time `json:"dueAt"`
	DueDate    string    `json:"dueDate"`
	Operator   bool      `json:"operator"`
}

type caseList struct {
	Cases []caseRow `json:"cases"`
	Next  string    `json:"next"`
}

func newCases() *cobra.Command {
	var r remote
	var status, right, dueBefore, q, sort, cursor string
	var limit int
	c := &cobra.Command{
		Use: "cases", Short: "List cases", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := r.staff(cmd)
			if err != nil {
				return err
			}
			q, err := readSecret(cmd, q)
			if err != nil {
				return err
			}
			query := parameters("status", status, "right", right, "dueBefore", dueBefore, "q", q, "sort", sort, "cursor", cursor)
			if limit != 0 {
				query.Set("limit", strconv.Itoa(limit))
			}
			return ask(cmd, cl, http.MethodGet, "/cases", query, nil, func(w io.Writer, l caseList) {
				for _, one := range l.Cases {
					writeRow(w, one)
				}
				more(cmd, l.Next)
			})
		},
	}
	r.flags(c)
	f := c.Flags()
	f.StringVar(&status, "status", "", "only these statuses, separated by commas")
	f.StringVar(&right, "right", "", "only this right")
	f.StringVar(&dueBefore, "due-before", "", "only what is due before an instant or a date")
	f.StringVar(&q, "q", "", "a reference, or an exact identifier; - reads it from stdin")
	f.StringVar(&sort, "sort", "", "due or received; - before it turns the order round (default -received)")
	f.IntVar(&limit, "limit", 0, "cases a page, 1 to 200 (default 50)")
	f.StringVar(&cursor, "cursor", "", "where the page before ended")
	return c
}

// parameters makes a query of pairs of name and value, leaving out what is empty.
func parameters(pairs ...string) url.Values {
	v := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		if value := pair[1]; value != "" {
			v.Set(pair[0], value)
		}
	}
	return v
}

func writeRow(w io.Writer, r caseRow) {
	due := "due: not known yet"
	if !r.DueAt.IsZero() {
		due = "due " + firstOf(r.DueDate, r.DueAt.Format(time.DateOnly))
	}
	note := ""
	if r.Operator {
		note = "needs an operator"
	}
	line := []string{r.Reference, r.Right, r.Status, "received " + r.ReceivedAt.Format(time.DateOnly), due, note}
	_, _ = fmt.Fprintln(w, strings.Join(line, "\t"))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// more says how to see the next page.
func more(cmd *cobra.Command, next string) {
	if next != "" {
		progress(cmd, "there is more: --cursor %s", next)
	}
}
