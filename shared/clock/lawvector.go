package clock

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// lawEntry is one value of law_vectors: a request under a law that is built in, and every date that follows. Its keys, of which
// no other is allowed:
//
//	id           unique in the file                                                                            needed
//	pack         law, by its pack: us-ca (or jurisdiction: US-CA, which is the same in capitals)               needed
//	right        access, erasure ... (package dsar)                                                            needed
//	received_at  first arrival, RFC 3339                                                                       needed
//	zone         IANA zone of the controller                                                                   needed
//	seat         place of the controller, which chooses the holidays: DE, DE-BY; default: not known
//	calendar     one of test_calendars instead of that of the seat
//	processor    true: a processor must act too
//	answer_days  the period that the controller publishes, where the law asks for that
//	cautious     true: the earlier reading wherever the law leaves room
//	lead_days    how many days before the date the controller wants to be done
//	as_of        instant at which an open question is looked at; default: not at all, it adds nothing yet
//	also         other laws that apply, by pack; the earliest date governs
//	events       list of {kind, at, answered, dropped, belated, reason, until}: kind is identity, clarification, fee, extension or
//	             grant; at and answered are RFC 3339, until is a date (open extensions), reason a code of the law
//	after        list of {what, from, told, due, at}: a period that is no answer. what is execution, appeal_window,
//	             appeal_acknowledge, appeal_decision, complaint_window, complaint_acknowledge, complaint_decision, consent_stop or
//	             recipient_notice; from the instant of its start event; told when it was extended; due and at as in expect
//	expect       {due, at, first, ack, simple, extension_notice, refuse_by, execute, target, governs, level}: dates, or none for a
//	             deadline that must not be there; at is the instant in UTC with milliseconds at which due ends; governs the pack
//	             whose date it is; level full, partial or none. What is not named is not compared       needed, or after or refused
//	refused      true: what happened is impossible under the law, and no date is computed
//	reasoning    how the date follows, for a lawyer                                                            needed
//	source       where the rule was read                                                                       needed
type lawEntry struct {
	ID           string       `yaml:"id"`
	Pack         string       `yaml:"pack"`
	Jurisdiction string       `yaml:"jurisdiction"`
	Right        dsar.Right   `yaml:"right"`
	ReceivedAt   string       `yaml:"received_at"`
	Zone         string       `yaml:"zone"`
	Seat         string       `yaml:"seat"`
	Calendar     string       `yaml:"calendar"`
	Processor    bool         `yaml:"processor"`
	AnswerDays   int          `yaml:"answer_days"`
	Cautious     bool         `yaml:"cautious"`
	LeadDays     int          `yaml:"lead_days"`
	AsOf         string       `yaml:"as_of"`
	Also         []string     `yaml:"also"`
	Events       []lawEvent   `yaml:"events"`
	After        []lawAfter   `yaml:"after"`
	Expect       *expectation `yaml:"expect"`
	Refused      bool         `yaml:"refused"`
	Reasoning    string       `yaml:"reasoning"`
	Source       string       `yaml:"source"`
}

type lawEvent struct {
	Kind     Kind   `yaml:"kind"`
	At       string `yaml:"at"`
	Answered string `yaml:"answered"`
	Dropped  bool   `yaml:"dropped"`
	Belated  bool   `yaml:"belated"`
	Reason   string `yaml:"reason"`
	Until    string `yaml:"until"`
}

type lawAfter struct {
	What string `yaml:"what"`
	From string `yaml:"from"`
	Told string `yaml:"told"`
	Due  string `yaml:"due"`
	At   string `yaml:"at"`
}

type expectation struct {
	Due             string `yaml:"due"`
	At              string `yaml:"at"`
	First           string `yaml:"first"`
	Ack             string `yaml:"ack"`
	Simple          string `yaml:"simple"`
	ExtensionNotice string `yaml:"extension_notice"`
	RefuseBy        string `yaml:"refuse_by"`
	Execute         string `yaml:"execute"`
	Target          string `yaml:"target"`
	Governs         string `yaml:"governs"`
	Level           string `yaml:"level"`
}

// milliseconds is how a vector writes the last instant of a date.
const milliseconds = "2006-01-02T15:04:05.000Z07:00"

// lawVector computes one value of law_vectors and returns where it disagrees with the file.
func (c *checker) lawVector(node ast.Node) (id string, _ []Mismatch, _ error) {
	var e lawEntry
	if err := yaml.NodeToValue(node, &e, yaml.Strict()); err != nil {
		return e.ID, nil, fault.New(fault.Invalid, yamlText(err))
	}
	if err := e.complete(); err != nil {
		return e.ID, nil, err
	}
	inputs, packs, err := c.inputs(e)
	if err != nil {
		return e.ID, nil, err
	}
	var out []Mismatch
	got, err := Combine(inputs)
	switch {
	case e.Refused && err == nil:
		out = append(out, Mismatch{Field: "refused", Got: "due " + got.Due.Date.String(), Want: "refused"})
	case e.Refused && fault.Has(err, fault.Invalid):
	case err != nil:
		return e.ID, nil, err
	case e.Expect != nil:
		out = e.Expect.compare(got, packs, inputs[0].Rule.Level)
	}
	for i, a := range e.After {
		more, err := a.compare(packs[0], inputs[0].Input)
		if err != nil {
			return e.ID, nil, fmt.Errorf("after: %w", err)
		}
		for _, m := range more {
			m.Field = fmt.Sprintf("after[%d].%s", i, m.Field)
			out = append(out, m)
		}
	}
	return e.ID, out, nil
}

// complete says what is missing.
func (e lawEntry) complete() error {
	for _, rule := range []struct {
		holds bool
		text  string
	}{
		{e.ID != "", "id: missing"},
		{(e.Pack == "") != (e.Jurisdiction == ""), "pack: missing, or there is a jurisdiction too"},
		{e.Right.Valid(), "right: this is none that Habeas knows"},
		{e.Zone != "" && e.Zone != "Local", "zone: missing"},
		{e.Expect != nil || len(e.After) > 0 || e.Refused, "expect: missing"},
		{e.Expect == nil || *e.Expect != expectation{}, "expect: names nothing"},
		{e.Expect == nil || !e.Refused, "expect: a request that is refused has no dates"},
		{e.Reasoning != "", "reasoning: missing"},
		{e.Source != "", "source: missing"},
		{e.AnswerDays >= 0 && e.LeadDays >= 0, "answer_days and lead_days are not negative"},
	} {
		if !rule.holds {
			return fault.New(fault.Invalid, rule.text)
		}
	}
	return nil
}

// inputs returns what the clock computes of, the law of the vector first.
func (c *checker) inputs(e lawEntry) (inputs []LawInput, packs []policy.Pack, err error) {
	in := Input{Cautious: e.Cautious, Lead: e.LeadDays}
	if in.Zone, err = time.LoadLocation(e.Zone); err != nil {
		return nil, nil, fault.New(fault.Invalid, "zone: there is no such time zone")
	}
	if in.ReceivedAt, err = parseInstant("received_at", e.ReceivedAt); err != nil {
		return nil, nil, err
	}
	if e.AsOf != "" {
		if in.AsOf, err = parseInstant("as_of", e.AsOf); err != nil {
			return nil, nil, err
		}
	}
	if e.Calendar != "" {
		cal, ok := c.calendars[e.Calendar]
		if !ok {
			return nil, nil, fault.New(fault.Invalid, "calendar: there is no such test calendar")
		}
		in.Calendar = &cal
	}
	for _, ev := range e.Events {
		event, err := ev.event()
		if err != nil {
			return nil, nil, fmt.Errorf("events: %w", err)
		}
		in.Events = append(in.Events, event)
	}
	country, region, _ := strings.Cut(e.Seat, "-")
	place := policy.Circumstances{Seat: policy.Place{Country: country, Region: region}, On: civil.In(in.ReceivedAt, in.Zone), Processor: e.Processor}
	if e.AnswerDays > 0 {
		place.Published = policy.Amount{Value: e.AnswerDays, Unit: policy.CalendarDays}
	}
	for _, id := range append([]string{cmp.Or(e.Pack, strings.ToLower(e.Jurisdiction))}, e.Also...) {
		if c.laws == nil {
			return nil, nil, fault.New(fault.Invalid, "pack: no laws to compute by")
		}
		p, err := c.laws.Pack(policy.ID(id))
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "pack: there is no such law")
		}
		one := in
		one.Rule = p.RuleIn(e.Right, place)
		inputs, packs = append(inputs, LawInput{p.Short, one}), append(packs, p)
	}
	return inputs, packs, nil
}

func (e lawEvent) event() (out Event, err error) {
	out = Event{Kind: e.Kind, Dropped: e.Dropped, Belated: e.Belated, Reason: e.Reason}
	if out.At, err = parseInstant("at", e.At); err != nil {
		return out, err
	}
	if e.Answered != "" {
		if out.Answered, err = parseInstant("answered", e.Answered); err != nil {
			return out, err
		}
	}
	if e.Until != "" {
		if out.Until, err = civil.Parse(e.Until); err != nil {
			return out, fmt.Errorf("until: %w", err)
		}
	}
	return out, nil
}

// compare returns where the dates are others than expected.
func (e expectation) compare(got Combined, packs []policy.Pack, level policy.Level) []Mismatch {
	var out []Mismatch
	for _, pair := range []struct {
		field, want string
		got         Deadline
	}{
		{"due", e.Due, got.Due},
		{"first", e.First, got.First},
		{"ack", e.Ack, got.Acknowledge},
		{"simple", e.Simple, got.Simple},
		{"extension_notice", e.ExtensionNotice, got.ExtensionNoticeBy},
		{"refuse_by", e.RefuseBy, got.RefuseBy},
		{"execute", e.Execute, got.Execute},
		{"target", e.Target, got.Target},
	} {
		out = append(out, differ(pair.field, pair.want, dateOrNone(pair.got))...)
	}
	out = append(out, differ("at", e.At, got.Due.At.Format(milliseconds))...)
	out = append(out, differ("governs", e.Governs, string(packs[got.Governs].ID))...)
	return append(out, differ("level", e.Level, string(level))...)
}

// compare computes a period that is no answer under the law.
func (a lawAfter) compare(p policy.Pack, in Input) ([]Mismatch, error) {
	from, err := parseInstant("from", a.From)
	if err != nil {
		return nil, err
	}
	period, known := PeriodOf(p, in.Rule.Right, a.What)
	if !known || a.Due == "" {
		return nil, fault.New(fault.Invalid, "what: there is no such period, or no date is expected")
	}
	s := Setting{Zone: in.Zone, Calendar: in.Rule.Calendar, Roll: p.Roll, Cautious: in.Cautious}
	if in.Calendar != nil {
		s.Calendar = *in.Calendar
	}
	if a.Told != "" {
		if s.Told, err = parseInstant("told", a.Told); err != nil {
			return nil, err
		}
		if p.Appeal == nil || p.Appeal.Extension == nil || a.What != AppealDecision {
			return nil, fault.New(fault.Invalid, "told: the law has no extension for this")
		}
		s.Extended = p.Appeal.Extension.Total
	}
	got := After(period, from, s, a.What)
	return append(differ("due", a.Due, dateOrNone(got)), differ("at", a.At, got.At.Format(milliseconds))...), nil
}

func differ(field, want, got string) []Mismatch {
	if want == "" || want == got {
		return nil
	}
	return []Mismatch{{Field: field, Got: got, Want: want}}
}

func dateOrNone(d Deadline) string { return cmp.Or(d.Date.String(), "none") }

func parseInstant(field, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, field+": want an instant as in RFC 3339")
	}
	return t, nil
}
