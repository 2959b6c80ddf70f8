package numbers

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
)

// WriteLines writes the lines of a report as CSV (RFC 4180) with a row of titles; the total comes last, with law and right "all".
func WriteLines(w io.Writer, r Report) error {
	out := csv.NewWriter(w)
	titles := []string{"law", "right", "received", "complied", "complied_in_part", "denied", "withdrawn", "unverified", "open", "late", "answered", "mean_days", "median_days"}
	for _, b := range Bases() {
		titles = append(titles, "denied_"+string(b))
	}
	if err := out.Write(titles); err != nil {
		return fmt.Errorf("writing numbers: %w", err)
	}
	for _, l := range r.Lines {
		if err := out.Write(l.fields(l.Law, string(l.Right))); err != nil {
			return fmt.Errorf("writing numbers: %w", err)
		}
	}
	if err := out.Write(r.Total.fields("all", "all")); err != nil {
		return fmt.Errorf("writing numbers: %w", err)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing numbers: %w", err)
	}
	return nil
}

func (c Count) fields(law, right string) []string {
	out := []string{law, right}
	for _, n := range []int{c.Received, c.Complied, c.InPart, c.Denied, c.Withdrawn, c.Unverified, c.Open, c.Late, c.Answered} {
		out = append(out, strconv.Itoa(n))
	}
	out = append(out, number(c.MeanDays), number(c.MedianDays))
	for _, b := range Bases() {
		out = append(out, strconv.Itoa(c.Bases[b]))
	}
	return out
}

func number(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

// WriteRecords writes the requests that the question is about as CSV, one a row, in the order given: the record of 11 CCR 7101(b).
// Dates are days as a calendar in the question's zone shows them. What was written before an error stays written.
func WriteRecords(w io.Writer, rows iter.Seq2[Row, error], q Question) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{
		"reference", "law", "right", "channel", "received_on", "due_on", "answered_on", "days", "result", "status", "grounds_of_denial", "late",
	}); err != nil {
		return fmt.Errorf("writing records: %w", err)
	}
	for r, err := range rows {
		if err != nil {
			return err
		}
		if !q.Asks(r) {
			continue
		}
		days := ""
		if n, ok := r.Days(q.Zone); ok {
			days = strconv.Itoa(n)
		}
		if err := out.Write([]string{
			r.Reference, r.Law, string(r.Right), r.Channel, day(r.ReceivedAt, q.Zone), day(r.DueAt, q.Zone), day(r.AnsweredAt, q.Zone), days,
			string(r.Result), string(r.Status), inert(r.Cites()), strconv.FormatBool(r.IsLate(q.Now)),
		}); err != nil {
			return fmt.Errorf("writing records: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing records: %w", err)
	}
	return nil
}

func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return civil.In(t, zone).String()
}

// inert keeps a text that a person wrote from being a formula where a spreadsheet opens the file.
func inert(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
