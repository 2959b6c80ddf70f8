package clock

import (
	"time"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// Question is a date somebody wants to know before there is a case.
type Question struct {
	Pack       policy.ID
	Right      dsar.Right
	ReceivedAt time.Time
	Extended   bool // as if the person had been told of an extension at once
	Zone       *time.Location
}

// Answer is what `habeas clock explain` prints.
type Answer struct {
	DueAt   time.Time      `json:"dueAt"` // UTC
	DueDate civil.Date     `json:"dueDate"`
	Level   policy.Level   `json:"level"` // how far the law grants the right; with none the date is still by when to answer
	Pack    policy.Version `json:"pack"`
	Steps   []Step         `json:"steps"`
}

// WhatIf answers a question by the current pack of the law. An unknown pack is fault.NotFound; an unknown right, or an
// extension that the right does not have, is fault.Invalid.
func WhatIf(set *policy.Set, q Question) (Answer, error) {
	p, err := set.Pack(q.Pack)
	if err != nil {
		return Answer{}, err
	}
	if !q.Right.Valid() {
		return Answer{}, fault.InvalidField("/right", "this is not a right that Habeas knows")
	}
	in := Input{Rule: p.Rule(q.Right), ReceivedAt: q.ReceivedAt, Zone: q.Zone}
	if q.Extended {
		e := Event{Kind: Extended, At: q.ReceivedAt}
		if in.Rule.Extension != nil {
			e.Reason = in.Rule.Extension.Reasons[0]
		}
		in.Events = append(in.Events, e)
	}
	d, err := Compute(in)
	if err != nil {
		return Answer{}, err
	}
	return Answer{DueAt: d.Due.At, DueDate: d.Due.Date, Level: in.Rule.Level, Pack: p.Version, Steps: d.Due.Steps}, nil
}
