package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// CaseRow is one case in a list.
type CaseRow struct {
	Reference   string
	URL         string
	Right       dsar.Right
	Status      dsar.Status
	ReceivedAt  time.Time
	Due         Due
	Paused      bool
	Systems     int // asked
	SystemsDone int // of these, have an outcome
}

// TaskKind says what a person's task is about.
type TaskKind string

// The kinds of task.
const (
	TaskAmbiguous    TaskKind = "ambiguous"     // several people may be meant
	TaskSearch       TaskKind = "search"        // a system without a connector: somebody looks by hand
	TaskUnsupported  TaskKind = "unsupported"   // the system cannot do what was asked
	TaskOperator     TaskKind = "operator"      // something is broken that Habeas cannot mend
	TaskIdentity     TaskKind = "identity"      // who is asking cannot be settled by a mailed code
	TaskMailUnknown  TaskKind = "mail_unknown"  // a mail was given away and nobody knows whether it arrived
	TaskRecipient    TaskKind = "recipient"     // a recipient of data could not be told what changed
	TaskMailBounced  TaskKind = "mail_bounced"  // a mail was refused or came back
	TaskStillWaiting TaskKind = "still_waiting" // a system has not answered and the case is nearly due
	TaskOwner        TaskKind = "owner"         // its owner was asked and may still answer
	TaskOwnerLate    TaskKind = "owner_late"    // its owner was asked and has not answered in time
	TaskOwnerCannot  TaskKind = "owner_cannot"  // its owner says that it cannot be done
	TaskByHand       TaskKind = "by_hand"       // nothing can do it by machine
	TaskRestrict     TaskKind = "restrict"      // processing is restricted by hand, and how is recorded
	TaskVerify       TaskKind = "verify"        // a change was made and is not there, or not everywhere
	TaskConflict     TaskKind = "conflict"      // a system was not as the approved plan says, too often
)

// TaskKinds lists every kind of task.
func TaskKinds() []TaskKind {
	return []TaskKind{TaskAmbiguous, TaskSearch, TaskUnsupported, TaskOperator, TaskIdentity, TaskMailUnknown, TaskRecipient, TaskMailBounced, TaskStillWaiting, TaskOwner, TaskOwnerLate, TaskOwnerCannot, TaskByHand, TaskRestrict, TaskVerify, TaskConflict}
}

// TaskRow is one person's task in a list.
type TaskRow struct {
	URL      string
	Kind     TaskKind
	System   string // optional
	Case     string // reference
	CaseURL  string
	Due      Due
	Since    time.Time
	Assignee string // optional
}

// SystemState is how a system is doing.
type SystemState string

// The states.
const (
	SystemWell       SystemState = "well"
	SystemDown       SystemState = "down"       // not reachable; waiting
	SystemRefusing   SystemState = "refusing"   // credentials or settings are wrong: a person must act
	SystemNotChecked SystemState = "notchecked" // never tested
)

// SystemStates lists every state.
func SystemStates() []SystemState {
	return []SystemState{SystemWell, SystemDown, SystemRefusing, SystemNotChecked}
}

// SystemRow is one system in a list.
type SystemRow struct {
	Name        string
	URL         string
	Kind        string // of the connector: sqlite, postgres, person ...
	Owner       string
	State       SystemState
	CheckedAt   time.Time
	Rights      []dsar.Right
	Collections int
	OpenTasks   int
}

// ConsoleNow is what wants a decision. The lists are short; the addresses lead to the whole of each.
type ConsoleNow struct {
	ConsoleFrame
	Reviews    []CaseRow
	Late       []CaseRow // late and nearly late, the latest first
	Duties     []DutyRow // claims that wait for a second approver, then appeals and complaints
	Tasks      []TaskRow
	Systems    []SystemRow // in trouble only
	ReviewsURL string
	LateURL    string
	TasksURL   string
	AppealsURL string
	SystemsURL string
	Open       int // cases not closed

	RegisterURL string // of late answers; empty when all are accounted for
	TrialURL    string // the laws that are drafts, for a tenant that is not in production; empty for one that is
}

// ConsoleNow writes the page.
func (r *Renderer) ConsoleNow(w io.Writer, m ConsoleNow) error {
	return r.render(w, m.Lang, "console-now", m)
}

// CaseFilter is the filter of a list of cases as it was asked for. It is sent by GET; fields: q, status, right, dueBefore.
type CaseFilter struct {
	Action    string // address without a query
	Q         string // a reference or an exact identifier
	Status    dsar.Status
	Right     dsar.Right
	DueBefore string // yyyy-mm-dd
	Sort      string // carried along; optional
	ClearURL  string // empty when nothing is filtered
}

// SortLink makes the head of one column a link. Direction is that of the list now: "ascending", "descending", or "" when
// it is sorted by another column.
type SortLink struct {
	Column    string // reference, right, status, received, due
	URL       string
	Direction string
}

// Paging leads through a list. Next is empty on the last page, First on the first.
type Paging struct{ First, Next string }

// ConsoleCases lists cases.
type ConsoleCases struct {
	ConsoleFrame
	Filter CaseFilter
	Errors Errors
	Sorts  []SortLink
	Rows   []CaseRow
	Paging Paging
}

// ConsoleCases writes the page.
func (r *Renderer) ConsoleCases(w io.Writer, m ConsoleCases) error {
	return r.render(w, m.Lang, "console-cases", m)
}

// DecisionKind is what a case waits for.
type DecisionKind string

// The kinds of decision.
const (
	DecideNothing  DecisionKind = "nothing" // Habeas is at work or waits for the subject
	DecideResponse DecisionKind = "response"
	DecideTask     DecisionKind = "task"
	DecideClosed   DecisionKind = "closed"
	DecidePaused   DecisionKind = "paused"
	DecidePlan     DecisionKind = "plan"
	DecideGrace    DecisionKind = "grace" // approved, and the person may still call it off
	DecideAfter    DecisionKind = "after" // approved, and the answer of another request must leave first
)

// DecisionKinds lists every kind of decision.
func DecisionKinds() []DecisionKind {
	return []DecisionKind{DecideNothing, DecideResponse, DecideTask, DecideClosed, DecidePaused, DecidePlan, DecideGrace, DecideAfter}
}

// Decision is the next thing to do with a case. Count belongs to DecideResponse and DecidePlan (records) and DecideTask (open
// tasks), Until to DecideGrace. Without a URL nobody who looks has to do anything.
type Decision struct {
	Kind  DecisionKind
	URL   string
	Count int
	Until time.Time
}

// Counted reports whether the decision is about a number of things.
func (d Decision) Counted() bool { return d.Count > 0 && d.Wanted() }

// Wanted reports whether the decision waits for somebody.
func (d Decision) Wanted() bool {
	return d.Kind == DecideResponse || d.Kind == DecidePlan || d.Kind == DecideTask
}

// Button reports whether the decision has a button.
func (d Decision) Button() bool { return d.URL != "" && (d.Wanted() || d.Kind == DecidePaused) }

// CaseAct is something staff may do with a case besides the next decision.
type CaseAct string

// The acts.
const (
	ActExtend   CaseAct = "extend"
	ActPause    CaseAct = "pause"
	ActResume   CaseAct = "resume"
	ActWithdraw CaseAct = "withdraw"
	ActProof    CaseAct = "proof"
	ActProceed  CaseAct = "proceed_without" // answer now without a system that stays open
	ActEvidence CaseAct = "evidence"        // download the evidence bundle
	ActPlan     CaseAct = "plan"            // look at the plan
	ActLift     CaseAct = "lift"            // end a restriction
	ActLaw      CaseAct = "law"             // put the law right
	ActExempt   CaseAct = "exemptions"      // what is kept, and until when
	ActHold     CaseAct = "hold"            // place a legal hold on what the case is about
	ActAsk      CaseAct = "ask"             // ask the person something that may move the date
	ActClaim    CaseAct = "claim"           // a ground to refuse, a fee, disproportionate effort
	ActBring    CaseAct = "bring"           // record an appeal or complaint
	ActShort    CaseAct = "short_answer"
	ActGrant    CaseAct = "grant"
)

// CaseActs lists every act.
func CaseActs() []CaseAct {
	return []CaseAct{ActProof, ActExtend, ActPause, ActResume, ActWithdraw, ActProceed, ActEvidence, ActPlan, ActHold, ActAsk, ActClaim, ActBring, ActShort, ActGrant, ActLift, ActLaw, ActExempt}
}

// ActLink leads to an act.
type ActLink struct {
	Act CaseAct
	URL string
}

// Person is somebody with a part in a case.
type Person struct {
	Role PersonRole
	Name string
	Note string // how far proved, which address; optional
}

// PersonRole is the part somebody has.
type PersonRole string

// The roles.
const (
	RoleSubject   PersonRole = "subject"
	RoleRequester PersonRole = "requester"
	RoleAgent     PersonRole = "agent"
	RoleHandler   PersonRole = "handler"
	RoleApprover  PersonRole = "approver"
	RoleOwner     PersonRole = "owner"
)

// PersonRoles lists every role.
func PersonRoles() []PersonRole {
	return []PersonRole{RoleSubject, RoleRequester, RoleAgent, RoleHandler, RoleApprover, RoleOwner}
}

// ConsoleCase is the page of one case. Form field of MessageForm: text.
type ConsoleCase struct {
	ConsoleFrame
	Reference   string
	Right       dsar.Right
	Status      dsar.Status
	Paused      bool
	ReceivedAt  time.Time
	Law         string // in words; with an assumption, if there is one
	Details     string // what the person wrote; optional
	Copies      string // state of the copies that the mail provider keeps of an erasure's letters; optional
	Next        Decision
	Due         Due
	Clock       Clock
	Steps       []Step
	Systems     []SystemProgress
	People      []Person
	Recipients  []Recipient
	Timeline    []Event
	MoreURL     string // the rest of the timeline; empty = all of it is here
	Messages    []Message
	MessageForm Form
	MessageText string
	Errors      Errors
	Acts        []ActLink
	Duties      []DutyRow // questions, claims, appeals and complaints, newest first
}

// ConsoleCase writes the page.
func (r *Renderer) ConsoleCase(w io.Writer, m ConsoleCase) error {
	return r.render(w, m.Lang, "console-case", m)
}
