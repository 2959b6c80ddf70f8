package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

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

type explainOptions struct {
	law, country, region, right, received, zone string
	extended                                    bool
}

// explained is an answer with the law it rests on.
type explained struct {
	Law        string     `json:"law"`
	Right      dsar.Right `json:"right"`
	ReceivedAt time.Time  `json:"receivedAt"`
	Assumption string     `json:"assumption,omitempty"` // set when no pack knows the country
	clock.Answer
}

func newClockExplain() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use: "explain", Short: "Say by when a request must be answered, step by step", Args: cobra.NoArgs,
		Example: "  habeas clock explain --country DE --right access --received 2027-01-31\n" +
			"  habeas clock explain --law us-ca --right erasure --received 2027-02-01T23:30:00-08:00 --zone America/Los_Angeles --extended",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := o.explain(time.Now())
			if err != nil {
				return err
			}
			return show(cmd, a, func(w io.Writer) {
				_, _ = fmt.Fprintf(w, "%s under %s (%s), received %s\n", a.Right, a.Law, a.Pack, a.ReceivedAt.Format(time.RFC3339))
				if a.Assumption != "" {
					_, _ = fmt.Fprintln(w, a.Assumption)
				}
				if a.Level == policy.None {
					_, _ = fmt.Fprintln(w, "The law does not know this right; the date is by when to say so.")
				}
				_, _ = fmt.Fprintf(w, "due %s\n", a.DueAt.Format(time.RFC3339Nano))
				for _, line := range clock.Explain(clock.Deadline{Date: a.DueDate, At: a.DueAt, Steps: a.Steps}) {
					_, _ = fmt.Fprintln(w, "  "+line)
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&o.law, "law", "", "law by its pack (habeas clock packs), instead of --country")
	f.StringVar(&o.country, "country", "", "country of the data subject, such as DE (ISO 3166-1)")
	f.StringVar(&o.region, "region", "", "region in the country, such as CA (ISO 3166-2)")
	f.StringVar(&o.right, "right", "access", "what the person asks for")
	f.StringVar(&o.received, "received", "", "when the request arrived: an instant (RFC 3339) or a date (default: now)")
	f.StringVar(&o.zone, "zone", "UTC", "time zone of the controller (IANA)")
	f.BoolVar(&o.extended, "extended", false, "as if the period had been extended")
	return c
}

func (o explainOptions) explain(now time.Time) (explained, error) {
	zone, err := time.LoadLocation(o.zone)
	if err != nil || o.zone == "" {
		return explained{}, usage("--zone wants a zone such as Europe/Berlin")
	}
	if (o.law == "") == (o.country == "") {
		return explained{}, usage("say --law or --country")
	}
	at := now
	if o.received != "" {
		if at, err = time.Parse(time.RFC3339, o.received); err != nil {
			if at, err = time.ParseInLocation(time.DateOnly, o.received, zone); err != nil {
				return explained{}, usage("--received wants an instant such as 2027-01-31T09:00:00Z or a date such as 2027-01-31")
			}
		}
	}
	right := dsar.Right(o.right)
	if !right.Valid() {
		return explained{}, usage(fmt.Sprintf("--right wants one of %v", dsar.Rights()))
	}
	set, err := policy.Load()
	if err != nil {
		return explained{}, fmt.Errorf("loading laws: %w", err)
	}
	e := explained{Right: right, ReceivedAt: at}
	pack := policy.Pack{}
	if o.law != "" {
		pack, err = set.Pack(policy.ID(o.law))
		if fault.Has(err, fault.NotFound) {
			return e, usage("--law names no law that is here; habeas clock packs lists them")
		}
		if err != nil {
			return e, err
		}
	} else {
		choice := set.Choose(policy.Where{Residence: policy.Place{Country: o.country}, RegionText: o.region, On: civil.In(at, zone), Right: right})
		pack, e.Assumption = choice.Pack, choice.Assumption
	}
	e.Law = pack.Short
	e.Answer, err = clock.WhatIf(set, clock.Question{Pack: pack.ID, Right: right, ReceivedAt: at, Extended: o.extended, Zone: zone})
	return e, err
}

func newClockCheck() *cobra.Command {
	return &cobra.Command{
		Use: "check FILE...", Short: "Compute every date of a file of vectors and compare", Args: cobra.MinimumNArgs(1),
		Long: "Reads test_calendars and date_vectors from each FILE (- is stdin) and exits with 1 when a date differs.",
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
		Version    policy.Version              `json:"version"`
		Confidence policy.Confidence           `json:"confidence"`
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
				rows = append(rows, row{p.ID, p.Name, p.Law, p.Status, p.Version, p.Confidence, p.Rights})
			}
			return show(cmd, map[string]any{"packs": rows}, func(w io.Writer) {
				for _, r := range rows {
					_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Name, r.Law, r.Status, r.Version)
				}
			})
		},
	}
}
