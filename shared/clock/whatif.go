package clock

import (
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Question is a date somebody wants to know before there is a case.
type Question struct {
	Laws     []policy.Pack // that apply, the governing one first; at least one
	Right    dsar.Right
	In       policy.Circumstances // On may be zero: the day of receipt
	Input    Input                // without Rule; Calendar nil: that of the seat
	Extended bool                 // as if the person had been told of an extension at once, for the first reason of the law
	Until    civil.Date           // until when, for a law that leaves it open
}

// Moment is a deadline as `habeas clock explain` prints it.
type Moment struct {
	DueAt   time.Time  `json:"dueAt"` // UTC
	DueDate civil.Date `json:"dueDate"`
	Steps   []Step     `json:"steps"`
}

// Answer is what `habeas clock explain` prints: the date that governs, every other deadline, and what each law alone sets.
type Answer struct {
	Moment
	Level     policy.Level      `json:"level"`             // how far the first law grants the right; with none the date is still by when to answer
	Pack      policy.Version    `json:"pack"`              // of the law whose date it is
	Deadlines map[string]Moment `json:"deadlines"`         // acknowledge, simple, extension_notice, refuse_by, execute, target, first; those that there are
	Periods   []Further         `json:"periods,omitempty"` // of the first law, that run from something else than the request
	Waiting   []string          `json:"waiting,omitempty"` // questions that are open and move the date until they are answered
	Laws      []OfLaw           `json:"laws"`              // in the order of the question
}

// OfLaw is what one law alone sets.
type OfLaw struct {
	Law  string         `json:"law"`
	Pack policy.Version `json:"pack"`
	Moment
}

// Further is a period that is no answer; After counts it once it has begun.
type Further struct {
	What       string            `json:"what"`
	Value      int               `json:"value"`
	Unit       policy.Unit       `json:"unit"`
	StartEvent policy.StartEvent `json:"start_event"`
	Basis      string            `json:"basis"`
}

// WhatIf answers a question. fault.Invalid for an unknown right, no law, and whatever Combine refuses.
func WhatIf(q Question) (Answer, error) {
	if !q.Right.Valid() {
		return Answer{}, fault.InvalidField("/right", "this is not a right that Habeas knows")
	}
	if len(q.Laws) == 0 || q.Input.Zone == nil {
		return Answer{}, fault.New(fault.Invalid, "a date needs a law and a time zone")
	}
	if q.In.On.IsZero() {
		q.In.On = civil.In(q.Input.ReceivedAt, q.Input.Zone)
	}
	var inputs []LawInput
	for i, p := range q.Laws {
		in := q.Input
		in.Rule = p.RuleIn(q.Right, q.In)
		if i == 0 && q.Extended {
			e := Event{Kind: Extended, At: q.Input.ReceivedAt, Until: q.Until}
			if in.Rule.Extension != nil {
				e.Reason = in.Rule.Extension.Reasons[0]
			}
			q.Input.Events = append(slices.Clip(q.Input.Events), e)
			in.Events = q.Input.Events
		}
		inputs = append(inputs, LawInput{p.Short, in})
	}
	all, err := Combine(inputs)
	if err != nil {
		return Answer{}, fmt.Errorf("computing deadlines: %w", err)
	}
	return answer(q, inputs, all), nil
}

func answer(q Question, inputs []LawInput, all Combined) Answer {
	a := Answer{Moment: moment(all.Due), Level: inputs[0].Rule.Level, Pack: q.Laws[all.Governs].Version, Deadlines: map[string]Moment{}}
	for name, d := range map[string]Deadline{
		"acknowledge": all.Acknowledge, "simple": all.Simple, "extension_notice": all.ExtensionNoticeBy, "refuse_by": all.RefuseBy,
		"execute": all.Execute, "target": all.Target, "first": all.First,
	} {
		if !d.IsZero() {
			a.Deadlines[name] = moment(d)
		}
	}
	for _, w := range all.Waiting {
		a.Waiting = append(a.Waiting, string(w))
	}
	for i, d := range all.Laws {
		a.Laws = append(a.Laws, OfLaw{q.Laws[i].Short, q.Laws[i].Version, moment(d.Due)})
	}
	for _, what := range Whats() {
		if p, _ := PeriodOf(q.Laws[0], q.Right, what); p.Unit != "" {
			a.Periods = append(a.Periods, Further{what, p.Value, p.Unit, p.StartEvent, p.Basis})
		}
	}
	return a
}

func moment(d Deadline) Moment { return Moment{d.At, d.Date, d.Steps} }
