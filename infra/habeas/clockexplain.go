package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

type explainOptions struct {
	pack, country, region, seat, right, received, zone, calendar, until, granted, asOf string
	also, questions                                                                    []string
	extended, processor, cautious                                                      bool
	answerDays, leadDays                                                               int
}

// explained is an answer with the law it rests on.
type explained struct {
	Law        string     `json:"law"`
	Right      dsar.Right `json:"right"`
	ReceivedAt time.Time  `json:"receivedAt"`
	Zone       string     `json:"zone"`
	Assumption string     `json:"assumption,omitempty"` // set when no pack knows the country
	Draft      bool       `json:"draft,omitempty"`      // a named person must confirm the law before it may govern in production
	clock.Answer
}

func newClockExplain() *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use: "explain", Short: "Say by when a request must be answered, step by step", Args: cobra.NoArgs,
		Long: "Says by when a request must be answered, step by step, although it may never have been made. The first law named governs; when several apply, the earliest date does.\n\n" +
			"Dates are those of the controller's zone. Without --zone they are those of the offset that --received is written with, so that\n" +
			"2026-11-21T23:30:00-08:00 is the 21st of November and ends with that day at -08:00, summer time or not; and UTC without an offset.",
		Example: "  habeas clock explain --country DE --right access --received 2027-01-31 --seat DE-BY --zone Europe/Berlin\n" +
			"  habeas clock explain --pack us-ca --right erasure --received 2026-11-21T10:00:00-08:00 --extended --json\n" +
			"  habeas clock explain --pack uk --received 2026-09-03 --question clarification:2026-09-10..2026-09-17",
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := o.explain(time.Now())
			if err != nil {
				return err
			}
			return show(cmd, a, a.print)
		},
	}
	f := c.Flags()
	f.StringVar(&o.pack, "pack", "", "law by its pack (habeas clock packs), instead of --country")
	f.StringVar(&o.pack, "law", "", "the older name of --pack")
	_ = f.MarkHidden("law") // fails for a flag that is not there
	f.StringVar(&o.country, "country", "", "country of the data subject, such as DE (ISO 3166-1)")
	f.StringVar(&o.region, "region", "", "region in the country, such as CA (ISO 3166-2)")
	f.StringVar(&o.seat, "seat", "", "where the controller sits, such as DE-BY: chooses the public holidays, and its law may apply too")
	f.StringSliceVar(&o.also, "also", nil, "packs of other laws that apply")
	f.StringVar(&o.right, "right", "access", "what the person asks for")
	f.StringVar(&o.received, "received", "", "when the request arrived: an instant (RFC 3339) or a date (default: now)")
	f.StringVar(&o.zone, "zone", "", "time zone of the controller (IANA); default: the offset of --received, else UTC")
	f.StringVar(&o.calendar, "calendar", "", "calendar of public holidays, instead of that of the seat")
	f.BoolVar(&o.extended, "extended", false, "as if the person had been told of an extension at once")
	f.StringVar(&o.until, "extended-until", "", "until when the extension reaches, where the law leaves that open; implies --extended")
	f.StringArrayVar(&o.questions, "question", nil, "what the person was asked for, when, and when the answer came: identity:2026-06-11..2026-06-20; clarification:2026-06-11 is open (repeatable)")
	f.StringVar(&o.asOf, "as-of", "", "day on which an open question is looked at; default: it moves the date by nothing yet")
	f.StringVar(&o.granted, "granted", "", "day on which the person was told that the request is granted, before it is carried out")
	f.BoolVar(&o.processor, "processor", false, "somebody who processes data for the controller must act too")
	f.IntVar(&o.answerDays, "answer-days", 0, "days to answer that the controller publishes, where the law asks for that")
	f.BoolVar(&o.cautious, "cautious", false, "the earlier reading wherever the law leaves room")
	f.IntVar(&o.leadDays, "lead-days", 0, "days before the date of the law by which the controller wants to be done")
	return c
}

func (a explained) print(w io.Writer) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	line("%s under %s (%s), received %s", a.Right, a.Law, a.Pack, a.ReceivedAt.Format(time.RFC3339))
	if a.Draft {
		line("This law is a draft: a named person must confirm it before it may govern in production.")
	}
	if a.Assumption != "" {
		line("%s", a.Assumption)
	}
	if a.Level == policy.None {
		line("The law does not know this right; the date is by when to say so.")
	}
	line("due %s", a.DueAt.Format(time.RFC3339Nano))
	number := func(steps []clock.Step) {
		for n, text := range clock.Explain(clock.Deadline{Steps: steps}) {
			line("  %d. %s", n+1, text)
		}
	}
	number(a.Steps)
	for _, name := range []string{"first", "acknowledge", "simple", "extension_notice", "refuse_by", "execute", "target"} {
		if m, ok := a.Deadlines[name]; ok {
			line("%s %s", strings.ReplaceAll(name, "_", " "), m.DueAt.Format(time.RFC3339Nano))
		}
	}
	for _, p := range a.Periods {
		line("%s: %s from the %s (%s)", strings.ReplaceAll(p.What, "_", " "), clock.InWords(policy.Amount{Value: p.Value, Unit: p.Unit}), p.StartEvent, p.Basis)
	}
	if len(a.Laws) > 1 {
		for _, l := range a.Laws {
			line("%s alone (%s): due %s", l.Law, l.Pack, l.DueAt.Format(time.RFC3339Nano))
			number(l.Steps)
		}
	}
}

func (o explainOptions) explain(now time.Time) (explained, error) {
	zone, at, err := o.receipt(now)
	if err != nil {
		return explained{}, err
	}
	right := dsar.Right(o.right)
	if !right.Valid() {
		return explained{}, usage(fmt.Sprintf("--right wants one of %v", dsar.Rights()))
	}
	if (o.pack == "") == (o.country == "") {
		return explained{}, usage("say --pack or --country")
	}
	set, err := policy.Load()
	if err != nil {
		return explained{}, fmt.Errorf("loading laws: %w", err)
	}
	seat := seatOf(o.seat)
	q := clock.Question{Right: right, Extended: o.extended || o.until != "", In: policy.Circumstances{Seat: seat, Processor: o.processor}}
	q.Input = clock.Input{ReceivedAt: at, Zone: zone, Cautious: o.cautious, Lead: o.leadDays}
	e := explained{Right: right, ReceivedAt: at, Zone: zone.String()}
	if q.Laws, e.Assumption, err = o.laws(set, policy.Where{Seat: seat, On: civil.In(at, zone), Right: right}); err != nil {
		return e, err
	}
	if err := o.happened(set, &q); err != nil {
		return e, err
	}
	e.Law, e.Draft = q.Laws[0].Short, q.Laws[0].Draft()
	e.Answer, err = clock.WhatIf(q)
	return e, err
}

// receipt returns when the request arrived and the zone in which its day is told.
func (o explainOptions) receipt(now time.Time) (*time.Location, time.Time, error) {
	zone := time.UTC
	if o.zone != "" {
		z, err := time.LoadLocation(o.zone)
		if err != nil || o.zone == "Local" {
			return nil, now, usage("--zone wants a zone such as Europe/Berlin")
		}
		zone = z
	}
	if o.received == "" {
		return zone, now, nil
	}
	at, err := time.Parse(time.RFC3339, o.received)
	if err != nil {
		if at, err = time.ParseInLocation(time.DateOnly, o.received, zone); err != nil {
			return nil, now, usage("--received wants an instant such as 2027-01-31T09:00:00Z or a date such as 2027-01-31")
		}
		return zone, at, nil
	}
	if _, offset := at.Zone(); o.zone == "" && offset != 0 {
		zone = time.FixedZone("UTC"+at.Format("-07:00"), offset)
	}
	return zone, at, nil
}

// seatOf reads a country and region such as DE-BY.
func seatOf(s string) policy.Place {
	country, region, _ := strings.Cut(strings.ToUpper(s), "-")
	return policy.Place{Country: country, Region: region}
}

// laws returns the laws that apply, the governing one first.
func (o explainOptions) laws(set *policy.Set, w policy.Where) (laws []policy.Pack, assumption string, err error) {
	named := o.also
	if o.pack != "" {
		named = append([]string{o.pack}, o.also...)
	} else {
		w.Residence, w.RegionText = policy.Place{Country: o.country}, o.region
		choice := set.Choose(w)
		laws, assumption = append(laws, choice.Pack), choice.Assumption
		for _, other := range choice.Also {
			laws = append(laws, other.Pack)
		}
	}
	for _, id := range named {
		p, err := set.Pack(policy.ID(id))
		if fault.Has(err, fault.NotFound) {
			return nil, "", usage("--pack and --also want laws that are here; habeas clock packs lists them")
		}
		if err != nil {
			return nil, "", err
		}
		if !slices.ContainsFunc(laws, func(l policy.Pack) bool { return l.ID == p.ID }) {
			laws = append(laws, p)
		}
	}
	return laws, assumption, nil
}

// happened puts into the question what else the flags say.
func (o explainOptions) happened(set *policy.Set, q *clock.Question) error {
	if o.answerDays > 0 {
		q.In.Published = policy.Amount{Value: o.answerDays, Unit: policy.CalendarDays}
	}
	if o.calendar != "" {
		cal, err := set.Calendar(o.calendar)
		if err != nil {
			return usage("--calendar names no calendar that is here")
		}
		q.Input.Calendar = &cal
	}
	if o.until != "" {
		until, err := civil.Parse(o.until)
		if err != nil {
			return usage("--extended-until wants a date such as 2027-03-31")
		}
		q.Until = until
	}
	for _, text := range o.questions {
		e, err := o.asked(text, q.Input)
		if err != nil {
			return err
		}
		q.Input.Events = append(q.Input.Events, e)
	}
	if o.granted != "" {
		at, err := day("--granted", o.granted, q.Input)
		if err != nil {
			return err
		}
		q.Input.Events = append(q.Input.Events, clock.Event{Kind: clock.Granted, At: at})
	}
	if o.asOf != "" {
		at, err := day("--as-of", o.asOf, q.Input)
		if err != nil {
			return err
		}
		q.Input.AsOf = at
	}
	return nil
}

// asked reads identity:2026-06-11..2026-06-20.
func (o explainOptions) asked(text string, in clock.Input) (e clock.Event, err error) {
	kind, rest, ok := strings.Cut(text, ":")
	e.Kind = clock.Kind(kind)
	if !ok || !slices.Contains([]clock.Kind{clock.IdentityAsked, clock.ClarificationAsked, clock.FeeAsked}, e.Kind) {
		return e, usage("--question wants identity, clarification or fee and its days, as in identity:2026-06-11..2026-06-20")
	}
	from, to, answered := strings.Cut(rest, "..")
	if e.At, err = day("--question", from, in); err != nil || !answered {
		return e, err
	}
	e.Answered, err = day("--question", to, in)
	return e, err
}

// day reads an instant, or a date as its first moment in the zone; on the day of receipt it is that of the receipt.
func day(flag, text string, in clock.Input) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return at, nil
	}
	d, err := civil.Parse(text)
	if err != nil {
		return at, usage(flag + " wants dates such as 2027-01-31 or instants such as 2027-01-31T09:00:00Z")
	}
	if d == civil.In(in.ReceivedAt, in.Zone) {
		return in.ReceivedAt, nil
	}
	return d.AddDays(-1).End(in.Zone).Add(time.Millisecond), nil
}
