package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// numbersView is what people read of a report.
type numbersView struct {
	Total numbersCount `json:"total"`
	Lines []struct {
		Law   string `json:"law"`
		Right string `json:"right"`
		numbersCount
	} `json:"lines"`
}

type numbersCount struct {
	Received   int      `json:"received"`
	Complied   int      `json:"complied"`
	InPart     int      `json:"compliedInPart"`
	Denied     int      `json:"denied"`
	Withdrawn  int      `json:"withdrawn"`
	Unverified int      `json:"unverified"`
	Open       int      `json:"open"`
	Late       int      `json:"late"`
	MeanDays   *float64 `json:"meanDays"`
	MedianDays *float64 `json:"medianDays"`
}

func newNumbers() *cobra.Command {
	var r remote
	var from, to, law, right string
	var records bool
	c := &cobra.Command{
		Use: "numbers", Short: "Count the requests of a period, by law and right", Args: cobra.NoArgs,
		Long: `Counts the requests that were received in a period, whatever the day they were answered: how many came, what became of them, and how
many days the answers took. With --records it prints the requests one by one as CSV (11 CCR 7101): nobody is named in it.`,
		Example: "  habeas numbers --from 2026-01-01 --to 2026-12-31 --law us-ca --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl, err := r.staff(cmd)
			if err != nil {
				return err
			}
			query := parameters("from", from, "to", to, "law", law, "right", right)
			if !records {
				return ask(cmd, cl, http.MethodGet, "/metrics/requests", query, nil, writeNumbers)
			}
			if asJSON(cmd) {
				return usage("the record of requests is CSV: leave --json out")
			}
			raw, err := cl.api(cmd.Context(), http.MethodGet, "/metrics/requests/records", query, nil)
			if err != nil {
				return err
			}
			if _, err := cmd.OutOrStdout().Write(raw); err != nil {
				return fmt.Errorf("writing records: %w", err)
			}
			return nil
		},
	}
	r.flags(c)
	f := c.Flags()
	f.StringVar(&from, "from", "", "first day of receipt, YYYY-MM-DD")
	f.StringVar(&to, "to", "", "last day of receipt, included")
	f.StringVar(&law, "law", "", "only this law, by the id of its pack (us-ca)")
	f.StringVar(&right, "right", "", "only this right")
	f.BoolVar(&records, "records", false, "print the requests one by one as CSV")
	return c
}

func writeNumbers(w io.Writer, v numbersView) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "law\tright\treceived\tgranted\tin part\tdenied\twithdrawn\tunverified\topen\tlate\tmean days\tmedian days")
	for _, l := range v.Lines {
		l.write(out, firstOf(l.Law, "none yet"), l.Right)
	}
	v.Total.write(out, "all", "all")
	_ = out.Flush() // as every other word to stdout
}

func (c numbersCount) write(w io.Writer, law, right string) {
	_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", law, right,
		c.Received, c.Complied, c.InPart, c.Denied, c.Withdrawn, c.Unverified, c.Open, c.Late, someDays(c.MeanDays), someDays(c.MedianDays))
}

func someDays(n *float64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}
