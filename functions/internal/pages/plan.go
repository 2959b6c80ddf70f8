package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// PlanState is where a plan stands.
type PlanState string

// The states.
const (
	PlanWaiting  PlanState = "waiting"  // somebody has to decide
	PlanApproved PlanState = "approved" // by a person, or by the tenant's policy
	PlanAgain    PlanState = "again"    // it changed and is checked again in its systems
	PlanOver     PlanState = "over"     // the request ended otherwise
)

// PlanStates lists every state.
func PlanStates() []PlanState { return []PlanState{PlanWaiting, PlanApproved, PlanAgain, PlanOver} }

// PlanBar says why somebody who sees a plan that waits may not decide on it.
type PlanBar string

// The reasons.
const (
	BarYou  PlanBar = "you"  // prepared or edited it
	BarRole PlanBar = "role" // approving is for others
)

// PlanBars lists every reason.
func PlanBars() []PlanBar { return []PlanBar{BarYou, BarRole} }

// WhatHappens is what a plan does to records: an action of a connector, or that of people.
type WhatHappens string

// WhatHappenses lists what can happen to records.
func WhatHappenses() []WhatHappens {
	return []WhatHappens{"delete", "null", "mask", "keep", "set", "flag", "access", "correct", "erase", "restrict"}
}

// ActedBy lists who may carry out a system's part of a plan.
func ActedBy() []string { return []string{"machine", "person", "owner"} }

// PlanCollection is one line of a plan.
type PlanCollection struct {
	Name       string
	Action     WhatHappens
	Records    int
	Because    dsar.RetainedBecause // of keep
	Why        string               // of keep, in words; optional
	SamplesURL string               // empty = nothing to look at
}

// PlanExemption is a lawful ground to leave data as it is.
type PlanExemption struct {
	System     string
	Collection string // empty = the whole system
	Citation   string
	ReviewBy   string // yyyy-mm-dd; optional
	Overdue    bool   // the day of the review has passed
	OfCase     bool   // given in this case, as against with the system
}

// PlanHold is a legal hold that keeps records.
type PlanHold struct{ Name, URL string }

// PlanSystem is the part of one system.
type PlanSystem struct {
	Name        string
	Action      dsar.Action
	By          string       // one of ActedBy
	Outcome     dsar.Outcome // known before anything is done; optional
	Because     dsar.RetainedBecause
	Drift       string // why it had to be planned anew; optional
	Collections []PlanCollection
	Exemptions  []PlanExemption
	Holds       []PlanHold
}

// PlanDecided is a decision that was taken about a plan.
type PlanDecided struct {
	By     string // a name; empty = the tenant's policy
	At     time.Time
	Reason string // optional
}

// PlanField is one field of a correction, in the form.
type PlanField struct{ System, Field, Value string }

// PlanTarget is something that can be exempted: a system, or one collection of it.
type PlanTarget struct{ Value, Name string }

// PlanForm changes a plan. Form fields: exempt (a target's Value), citation, reviewBy, include (values, several), growthLimit,
// system, field and value (several each, in step), why.
type PlanForm struct {
	Form        Form
	Targets     []PlanTarget
	Exempt      string
	Citation    string
	ReviewBy    string
	Include     []PlanTarget // exemptions of this case that can be taken back
	GrowthLimit string
	Fields      []PlanField // of a correction; the last one is empty
	Why         string
	Open        bool // it was sent and something is wrong
}

// ConsolePlan is the plan of a case. Form fields of Form: reason and decision (approve or refuse); Form.Hidden carries the hash of
// what was looked at. Without an action nobody who sees this page decides, for the reason in Bar or because State says so.
type ConsolePlan struct {
	ConsoleFrame
	Reference   string
	CaseURL     string
	Right       dsar.Right
	Due         Due
	State       PlanState
	Paused      bool
	Hash        string
	PreparedBy  string   // a name; empty = by machine
	Editors     []string // names
	GrowthLimit int      // per cent
	Number      int      // how many plans there were, this one included
	Systems     []PlanSystem
	Act         dsar.Action // what approving does
	Records     int         // changes by machine
	ByHand      int         // systems that people act on
	Twice       bool        // a record may be counted more than once
	GraceDays   int
	GraceUntil  time.Time
	After       string // reference of the request whose answer must leave first; optional
	AfterURL    string
	Decided     *PlanDecided
	Bar         PlanBar
	Form        Form
	Reason      string
	Edit        PlanForm
	Errors      Errors
}

// ConsolePlan writes the page.
func (r *Renderer) ConsolePlan(w io.Writer, m ConsolePlan) error {
	return r.render(w, m.Lang, "console-plan", m)
}

// Sample is one line of a plan in the open.
type Sample struct {
	Key     string
	Action  WhatHappens
	Because string // of keep, in words; optional
	Fields  []SampleField
}

// SampleField is a field with what it holds now, where that is known, and what it will hold.
type SampleField struct {
	Name   string
	Before string
	After  string
	Null   bool // it will hold nothing
}

// ConsoleSamples asks why somebody wants to see records of a plan, and shows them. Form fields: system and collection (hidden),
// reason.
type ConsoleSamples struct {
	ConsoleFrame
	Form       Form
	Reference  string
	BackURL    string
	System     string
	Collection string
	Max        int // lines shown at most
	Shown      bool
	More       bool // there are others
	Lines      []Sample
	Reason     string
	Errors     Errors
}

// ConsoleSamples writes the page.
func (r *Renderer) ConsoleSamples(w io.Writer, m ConsoleSamples) error {
	return r.render(w, m.Lang, "console-samples", m)
}
