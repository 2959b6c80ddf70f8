package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// ConsoleReview shows what would be disclosed. One form, fields: reason and decision (approve or refuse); Form.Hidden
// carries the digest of what was looked at.
type ConsoleReview struct {
	ConsoleFrame
	Form       Form
	Reference  string
	CaseURL    string
	Right      dsar.Right
	Subject    string // to whom it goes
	Address    string // where the link is mailed
	Digest     string // of the assembled response; what the decision is bound to
	PreparedAt time.Time
	Due        Due
	Records    int
	Systems    []SystemProgress
	Volumes    []Volume
	PackageURL string // looks into the package; optional
	Letter     *Letter
	// MayDecide is false with a NotBecause: a second pair of eyes is asked, the role does not allow it.
	MayDecide  bool
	NotBecause string
	Reason     string
	Errors     Errors
}

// ConsoleReview writes the page.
func (r *Renderer) ConsoleReview(w io.Writer, m ConsoleReview) error {
	return r.render(w, m.Lang, "console-review", m)
}

// ConsoleTasks lists the tasks of people.
type ConsoleTasks struct {
	ConsoleFrame
	Rows   []TaskRow
	Paging Paging
}

// ConsoleTasks writes the page.
func (r *Renderer) ConsoleTasks(w io.Writer, m ConsoleTasks) error {
	return r.render(w, m.Lang, "console-tasks", m)
}

// Candidate is one of several people who may be meant.
type Candidate struct {
	Value   string // of the form field candidate
	Records int
	Facts   []Fact
}

// Fact is a name and a value, both as the system calls them.
type Fact struct{ Name, Value string }

// TaskAnswer is what a person may answer to a task. It is the value of the form field outcome.
type TaskAnswer string

// The answers.
const (
	AnswerRetry            TaskAnswer = "retry"    // try again by machine
	AnswerIdentify         TaskAnswer = "identify" // with an identifier that was proven otherwise
	AnswerDone             TaskAnswer = "done"     // it was carried out by hand
	AnswerNothingHeld      TaskAnswer = "nothing_held"
	AnswerRetained         TaskAnswer = "retained"
	AnswerNotDone          TaskAnswer = "not_done"
	AnswerNotIdentifiable  TaskAnswer = "not_identifiable"
	AnswerSendAgain        TaskAnswer = "send_again"       // a letter that did not arrive
	AnswerImpossible       TaskAnswer = "impossible"       // a recipient cannot be told
	AnswerDisproportionate TaskAnswer = "disproportionate" // telling a recipient would take more than it is worth
	AnswerSettled          TaskAnswer = "settled"          // nothing more is sent for it
	AnswerReplan           TaskAnswer = "replan"           // plan the system anew, and have it approved again
)

// TaskAnswers lists every answer.
func TaskAnswers() []TaskAnswer {
	return []TaskAnswer{AnswerRetry, AnswerIdentify, AnswerDone, AnswerNothingHeld, AnswerRetained, AnswerNotDone, AnswerNotIdentifiable, AnswerSendAgain, AnswerSettled, AnswerImpossible, AnswerDisproportionate, AnswerReplan}
}

// ConsoleTask is one person's task. Form fields: candidate (several may be chosen), outcome (one of Answers, or of Outcomes),
// kind and identifier (with AskIdentifier), records, reason; Form.Hidden carries the rest. Without an action the task is
// settled and only shown.
type ConsoleTask struct {
	ConsoleFrame
	Form       Form
	Kind       TaskKind
	System     string
	Case       string // reference
	CaseURL    string
	Right      dsar.Right
	Due        Due
	Since      time.Time
	What       string     // one sentence with the particulars; optional
	LookFor    []Fact     // identifiers to search by hand; optional
	Owner      *OwnerWork // whom the task was put to; nil = nobody
	Candidates []Candidate
	Chosen     []string       // values of candidates chosen before
	Outcomes   []dsar.Outcome // what may be answered; empty for a task that is decided by candidates alone
	Outcome    dsar.Outcome
	Answers    []TaskAnswer
	Answer     TaskAnswer
	// AskIdentifier asks for the identifier that comes with AnswerIdentify.
	AskIdentifier bool
	Kinds         []string // of identifiers; the first is the default
	Identifier    string
	AskRecords    bool
	Records       string
	Reason        string
	Errors        Errors
}

// ConsoleTask writes the page.
func (r *Renderer) ConsoleTask(w io.Writer, m ConsoleTask) error {
	return r.render(w, m.Lang, "console-task", m)
}

// ConsoleSystems lists the systems.
type ConsoleSystems struct {
	ConsoleFrame
	Rows   []SystemRow
	Paging Paging
}

// ConsoleSystems writes the page.
func (r *Renderer) ConsoleSystems(w io.Writer, m ConsoleSystems) error {
	return r.render(w, m.Lang, "console-systems", m)
}

// CheckStep is one finding of a system's test.
type CheckStep struct {
	Name string
	OK   bool
	Text string
}

// RightCover says whether a right can be fulfilled in a system.
type RightCover struct {
	Right   dsar.Right
	Covered bool
	Note    string // how, or why not; optional
}

// SystemCollection is one collection of a data map.
type SystemCollection struct {
	Name        string
	Description string
	Fields      int
	FoundBy     string // how rows are reached: "email", "orders.customer_id"
	Retention   string // an ISO 8601 duration of one unit, with or without words after it, or words alone; optional
}

// ConsoleSystem is one system. CheckForm without an action offers no test.
type ConsoleSystem struct {
	ConsoleFrame
	Name        string
	Kind        string
	Owner       string
	Autopilot   bool // access answers from it need no review
	State       SystemState
	CheckedAt   time.Time
	Why         string // of a state that is not well; optional
	Check       []CheckStep
	CheckForm   Form
	Rights      []RightCover
	Collections []SystemCollection
	Map         DataMap
	Warnings    []Finding // what stops nothing and an operator should know
	Exemptions  []SystemExemption
	Recipients  []Recipient
	OpenTasks   int
	TasksURL    string
}

// SystemExemption is a lawful ground to leave data of a system as it is.
type SystemExemption struct {
	Collection string // empty = the whole system
	Citation   string
	Reason     string
	Rights     []dsar.Right
	ReviewBy   string // yyyy-mm-dd; optional
	Overdue    bool   // the day of the review has passed
}

// ConsoleSystem writes the page.
func (r *Renderer) ConsoleSystem(w io.Writer, m ConsoleSystem) error {
	return r.render(w, m.Lang, "console-system", m)
}

// Grounds lists the codes of packs for which an extension's reason has words.
func Grounds() []string {
	return []string{
		"complexity", "number_of_requests", "reasonably_necessary", "consultation", "large_volume", "interference", "alternative_format",
		"need_more_detail", "search_elsewhere", "disproportionate_effort",
	}
}

// ConsoleConfirm asks before an act that has consequences. Form fields: reason (unless NoReason), when there are Grounds, ground,
// and when there are Choices, system.
type ConsoleConfirm struct {
	ConsoleFrame
	Form      Form
	Act       ConfirmAct
	Reference string
	Records   int
	Systems   []string
	Cases     int // of a released hold
	Choices   []PlanTarget
	Choice    string
	NoReason  bool
	Until     time.Time // of an extension; when a paused case is due
	Grounds   []string  // reasons that the law knows for an extension, as codes of the pack
	Ground    string
	AskDay    bool // the law leaves the length of an extension open; field: until
	Day       string
	Reason    string
	Errors    Errors
	BackURL   string
}

// ConfirmAct is what is about to happen.
type ConfirmAct string

// The acts that are confirmed.
const (
	ConfirmApprove  ConfirmAct = "approve"
	ConfirmRefuse   ConfirmAct = "refuse"
	ConfirmExtend   ConfirmAct = "extend"
	ConfirmPause    ConfirmAct = "pause"
	ConfirmResume   ConfirmAct = "resume"
	ConfirmWithdraw ConfirmAct = "withdraw"
	ConfirmProceed  ConfirmAct = "proceed_without"
	ConfirmRelease  ConfirmAct = "release"
	ConfirmShort    ConfirmAct = "short_answer"
	ConfirmGrant    ConfirmAct = "grant"
)

// ConfirmActs lists every act that is confirmed.
func ConfirmActs() []ConfirmAct {
	return []ConfirmAct{ConfirmApprove, ConfirmRefuse, ConfirmExtend, ConfirmPause, ConfirmResume, ConfirmWithdraw, ConfirmProceed, ConfirmRelease, ConfirmShort, ConfirmGrant}
}

// ConsoleConfirm writes the page.
func (r *Renderer) ConsoleConfirm(w io.Writer, m ConsoleConfirm) error {
	return r.render(w, m.Lang, "console-confirm", m)
}

// ConsoleError is the error page for staff who are signed in.
type ConsoleError struct {
	ConsoleFrame
	Status  int
	Class   string // a class of shared/fault; an unknown one reads as internal
	Trace   string
	BackURL string
}

// ConsoleError writes the page.
func (r *Renderer) ConsoleError(w io.Writer, m ConsoleError) error {
	m.Class = knownClass(m.Class)
	return r.render(w, m.Lang, "console-error", m)
}
