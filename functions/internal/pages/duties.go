package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// QuestionKinds lists the kinds of questions to a person; like ClaimKinds, SubKinds and SubOutcomes wire values that have words.
func QuestionKinds() []string { return []string{"identity", "clarification", "fee"} }

// ClaimKinds lists what somebody may claim.
func ClaimKinds() []string { return []string{"refuse", "fee", "effort"} }

// SubKinds lists what a person may bring against the controller.
func SubKinds() []string { return []string{"appeal", "complaint"} }

// SubOutcomes lists what becomes of it.
func SubOutcomes() []string { return []string{"granted", "partly", "upheld"} }

// QuestionCodes lists the reasons of questions.
func QuestionCodes() []string {
	return []string{"nothing_links", "several_people", "address_differs", "sensitive_data", "signs_of_misuse", "mandate_missing", "large_quantity", "which_data", "which_processing"}
}

// ClaimGrounds lists the grounds that have words; other codes of packs are shown with the words of their law.
func ClaimGrounds() []string {
	return []string{"manifestly_unfounded", "excessive", "repetitive", "further_copies", "quota_used", "reasonable_fee", "disproportionate_effort", "other"}
}

// QuestionEffects lists what a question does to the date.
func QuestionEffects() []string {
	return []string{"pause", "restart_at_receipt", "refuse_until_paid", "none"}
}

// DutyState is where a question, claim, appeal or complaint stands.
type DutyState string

// The states.
const (
	DutyWaits    DutyState = "waits"    // for the person
	DutyAccepted DutyState = "accepted" // a fee that is still to be paid
	DutyAnswered DutyState = "answered"
	DutyPaid     DutyState = "paid"
	DutyDropped  DutyState = "dropped"
	DutyUnwarned DutyState = "unwarned" // a claim of which the person must be told first
	DutyWarned   DutyState = "warned"   // the person may still react
	DutyReady    DutyState = "ready"    // waits for somebody else's decision
	DutyApproved DutyState = "approved"
	DutyDeclined DutyState = "declined"
	DutyOpen     DutyState = "open" // an appeal or complaint that is not decided
	DutyGranted  DutyState = "granted"
	DutyPartly   DutyState = "partly"
	DutyUpheld   DutyState = "upheld"
)

// DutyStates lists every state.
func DutyStates() []DutyState {
	return []DutyState{DutyWaits, DutyAccepted, DutyAnswered, DutyPaid, DutyDropped, DutyUnwarned, DutyWarned, DutyReady, DutyApproved, DutyDeclined, DutyOpen, DutyGranted, DutyPartly, DutyUpheld}
}

// DutyRow is a question, claim, appeal or complaint in a list. What is question, claim or sub; Kind one of the lists above.
type DutyRow struct {
	What   string
	Kind   string
	State  DutyState
	URL    string // empty = nothing to do or to see
	Case   string // reference, in lists over cases
	Right  dsar.Right
	At     time.Time
	By     string // name; optional
	Due    Due    // of an appeal or complaint
	Amount string
	Late   bool
}

// ConsoleAsk asks a question of the person. Form fields: doubt (one of Codes), text; Form.Hidden carries the kind. Then is the date if the answer
// comes within Days.
type ConsoleAsk struct {
	ConsoleFrame
	Form      Form
	Reference string
	BackURL   string
	Kinds     []KindLink
	Kind      string
	Codes     []string
	Code      string
	Effect    string
	Citation  string
	Late      bool
	Prompt    int
	Blocks    bool
	Due, Then time.Time
	Days      int
	Text      string
	Errors    Errors
}

// KindLink leads to the same form for another kind.
type KindLink struct{ Kind, URL string }

// ConsoleAsk writes the page.
func (r *Renderer) ConsoleAsk(w io.Writer, m ConsoleAsk) error {
	return r.render(w, m.Lang, "console-ask", m)
}

// ConsoleQuestion shows a question. Form fields: decision (answer, drop or paid), day, text. Without an action it is settled.
type ConsoleQuestion struct {
	ConsoleFrame
	Form      Form
	Reference string
	BackURL   string
	Row       DutyRow
	Code      string
	Until     time.Time // of a fee; zero = no limit
	Answers   []string  // what may be decided now
	Day       string
	Text      string
	Errors    Errors
}

// ConsoleQuestion writes the page.
func (r *Renderer) ConsoleQuestion(w io.Writer, m ConsoleQuestion) error {
	return r.render(w, m.Lang, "console-question", m)
}

// GroundChoice is one ground that the law knows.
type GroundChoice struct {
	Code     string
	Known    bool   // it has words of its own
	Text     string // of the law, when it has none
	Citation string
}

// ConsoleClaim makes a claim. Form fields: ground, citation, system, amount, text, objective, subjective; Form.Hidden carries the kind.
type ConsoleClaim struct {
	ConsoleFrame
	Form       Form
	Reference  string
	BackURL    string
	Kinds      []KindLink
	Kind       string
	Grounds    []GroundChoice
	Ground     string
	Systems    []PlanTarget // of effort
	System     string
	Amount     string
	MaxAmount  string // the law's limit; optional
	Citation   string
	Text       string
	Objective  string
	Subjective string
	Intent     string // citation of the rule that a first request needs the subjective facts; empty: no such rule, or not the first
	Free       int    // requests that are free in the period; 0 = all
	Count      int    // answered for free in it
	Earlier    int
	Errors     Errors
}

// ConsoleClaim writes the page.
func (r *Renderer) ConsoleClaim(w io.Writer, m ConsoleClaim) error {
	return r.render(w, m.Lang, "console-claim", m)
}

// ConsoleClaimed shows a claim to whoever decides on it. Form fields: decision (warn, approve or decline), reason.
type ConsoleClaimed struct {
	ConsoleFrame
	Form       Form
	Reference  string
	BackURL    string
	Row        DutyRow
	Ground     GroundChoice
	System     string
	Shown      bool // the facts are; a role without the right to see personal data does not see them
	Text       string
	Objective  string
	Subjective string
	WarnedAt   time.Time
	ReactBy    time.Time
	ReactedAt  time.Time
	MayWarn    bool
	MayApprove bool
	MayDecline bool
	Own        bool // the caller made the claim
	DecidedBy  string
	DecidedAt  time.Time
	Reason     string
	Errors     Errors
}

// ConsoleClaimed writes the page.
func (r *Renderer) ConsoleClaimed(w io.Writer, m ConsoleClaimed) error {
	return r.render(w, m.Lang, "console-claimed", m)
}

// ConsoleBring records an appeal or complaint that came another way. Form fields: kind, day, text.
type ConsoleBring struct {
	ConsoleFrame
	Form      Form
	Reference string
	BackURL   string
	Kinds     []string
	Kind      string
	Day       string
	Text      string
	Errors    Errors
}

// ConsoleBring writes the page.
func (r *Renderer) ConsoleBring(w io.Writer, m ConsoleBring) error {
	return r.render(w, m.Lang, "console-bring", m)
}

// ConsoleSub shows an appeal or complaint. Form fields: decision (decide, extend or acknowledge), outcome, reason, todo.
type ConsoleSub struct {
	ConsoleFrame
	Form           Form
	Reference      string
	BackURL        string
	Right          dsar.Right
	Status         dsar.Status
	Row            DutyRow
	Steps          []Step
	Shown          bool
	Text           string
	Todo           string
	AckBy, AckAt   time.Time
	MayDecide      bool
	Decided        bool // the caller decided something in the case, and so does not decide on this
	MayExtend      bool
	MayAcknowledge bool
	Outcome        string
	Reason         string
	TodoTyped      string
	DecidedBy      string
	DecidedWhy     string
	Errors         Errors
}

// ConsoleSub writes the page.
func (r *Renderer) ConsoleSub(w io.Writer, m ConsoleSub) error {
	return r.render(w, m.Lang, "console-sub", m)
}

// ConsoleAppeals lists what waits for a second pair of eyes: claims, appeals and complaints.
type ConsoleAppeals struct {
	ConsoleFrame
	Claims []DutyRow
	Subs   []DutyRow
	Paging Paging // of the appeals and complaints
}

// ConsoleAppeals writes the page.
func (r *Renderer) ConsoleAppeals(w io.Writer, m ConsoleAppeals) error {
	return r.render(w, m.Lang, "console-appeals", m)
}

// PortalBring is where a person appeals or complains. Form field: text.
type PortalBring struct {
	Frame
	Form      Form
	Reference string
	Kind      string // one of SubKinds
	Until     time.Time
	Text      string
	Errors    Errors
	BackURL   string
}

// PortalBring writes the page.
func (r *Renderer) PortalBring(w io.Writer, m PortalBring) error {
	return r.render(w, m.Lang, "portal-bring", m)
}

// PortalBrought says that an appeal or complaint has arrived.
type PortalBrought struct {
	Frame
	Reference  string
	Kind       string
	Due        time.Time // zero: the law sets none
	RequestURL string
}

// PortalBrought writes the page.
func (r *Renderer) PortalBrought(w io.Writer, m PortalBrought) error {
	return r.render(w, m.Lang, "portal-brought", m)
}

// PortalAnswer asks for the answer to a question, or whether the person agrees to a fee. Form field: text, of a question; a button
// named decision with the value accept, of a fee.
type PortalAnswer struct {
	Frame
	Form        Form
	Reference   string
	Kind        string
	Code        string
	Amount      string
	Accepted    bool
	Until       time.Time
	Effect      string
	Blocks      bool
	Due         time.Time
	Text        string
	WithdrawURL string
	Errors      Errors
	BackURL     string
}

// PortalAnswer writes the page.
func (r *Renderer) PortalAnswer(w io.Writer, m PortalAnswer) error {
	return r.render(w, m.Lang, "portal-answer", m)
}
