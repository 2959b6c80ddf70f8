package pages

import "time"

// Frame is what every page carries around its content.
type Frame struct {
	// Lang is a BCP 47 tag or the Accept-Language header as it came; the best language of the catalogue is used.
	Lang       string
	TenantName string    // the controller, as people know it; empty on pages that belong to no tenant
	HomeURL    string    // where the name in the header leads; empty = no link
	Now        time.Time // in the zone of the tenant; "today" of every chip and strip on the page
	// Demo shows the banner that data and people are invented, ManualClock that Now is set by hand.
	Demo        bool
	ManualClock bool
	MailboxURL  string // link to the development mailbox in the banner; empty = none
	Contact     Contact
	Session     *Session // who is signed in; nil = nobody
}

// Contact is how to reach people instead of a page. All fields are optional.
type Contact struct {
	Email         string // the privacy team
	AuthorityName string // where the person may complain
	AuthorityURL  string
}

// Session names who is signed in and how to leave. In the portal Name is the reference of the request, in the console the
// name of the person.
type Session struct {
	Name    string
	SignOut Form
}

// Form is a POST target. Hidden values are carried as they are; the page escapes them.
type Form struct {
	Action string
	Hidden []Hidden
}

// Hidden is one value a form carries: a token, an idempotency key, an answer of an earlier question.
type Hidden struct{ Name, Value string }

// Problem says what is wrong with a field. The words stand in the catalogue, per field where that helps.
type Problem string

// The problems.
const (
	Missing    Problem = "missing"
	NotAnEmail Problem = "not_an_email"
	TooLong    Problem = "too_long"
	NotAChoice Problem = "not_a_choice"
	NotADate   Problem = "not_a_date"
	NotACode   Problem = "not_a_code"    // cannot be a code at all: wrong number of digits
	WrongCode  Problem = "wrong_code"    // a code, not the right one; same words for an unknown reference
	CodeEnded  Problem = "code_ended"    // the right one once, no longer
	NotARef    Problem = "not_a_ref"     // cannot be a reference
	Refused    Problem = "refused"       // understood and not allowed
	BadLogin   Problem = "bad_login"     // address or password is wrong; never says which
	NotAllowed Problem = "not_allowed"   // characters that cannot be accepted
	StaleForm  Problem = "changed_since" // what the form was about changed in the meantime
	TooLarge   Problem = "too_large"     // a file, or all of them together
	TooMany    Problem = "too_many"      // files
	BadKind    Problem = "bad_kind"      // a file of a kind that is not taken, or whose content is not what its name says
	EmptyFile  Problem = "empty"         // a file without content
	NotStored  Problem = "not_stored"    // a file that could not be taken for a reason of ours
	StillCheck Problem = "still_checked" // a file that has come and is being checked
)

// Problems lists every problem.
func Problems() []Problem {
	return []Problem{Missing, NotAnEmail, TooLong, NotAChoice, NotADate, NotACode, WrongCode, CodeEnded, NotARef, Refused, BadLogin, NotAllowed, StaleForm, TooLarge, TooMany, BadKind, EmptyFile, NotStored, StillCheck}
}

// FieldError is one problem with one field. Field is the name of the form field, which is also the anchor the error
// summary links to.
type FieldError struct {
	Field   string
	Problem Problem
}

// Errors are the problems of a form, in the order of its fields.
type Errors []FieldError

// Of returns the first problem of the field, or "".
func (e Errors) Of(field string) Problem {
	for _, f := range e {
		if f.Field == field {
			return f.Problem
		}
	}
	return ""
}

// ConsoleFrame is the frame of a console page: Frame.Session must be set.
type ConsoleFrame struct {
	Frame
	Nav    Nav
	Notice Notice // optional: what the last act did
}

// Section is a place of the console.
type Section string

// The sections.
const (
	SectionNow     Section = "now"
	SectionCases   Section = "cases"
	SectionTasks   Section = "tasks"
	SectionSystems Section = "systems"

	SectionRecipients Section = "recipients"
	SectionHolds      Section = "holds"
	SectionNumbers    Section = "numbers"
	SectionLaw        Section = "law"
)

// Nav is the navigation of the console. Empty addresses are left out: a role sees what it may open.
type Nav struct {
	Current Section
	Links   []NavLink
}

// NavLink is one section; Count, when above 0, is how many things wait in it.
type NavLink struct {
	Section Section
	URL     string
	Count   int
}

// Notice says what was just done.
type Notice string

// The notices. The zero value shows nothing.
const (
	NoticeApproved Notice = "approved"
	NoticeRefused  Notice = "refused"
	NoticeSettled  Notice = "settled" // a person's task has its outcome
	NoticeLate     Notice = "late"    // a late answer was accounted for

	NoticeLiftAnnounced Notice = "lift_announced"
	NoticeLifted        Notice = "lifted"

	NoticeMessage   Notice = "message"
	NoticeWithdrawn Notice = "withdrawn"
	NoticeExtended  Notice = "extended"
	NoticePaused    Notice = "paused"
	NoticeResumed   Notice = "resumed"
	NoticeChecked   Notice = "checked" // a system was tested
	NoticeSaved     Notice = "saved"   // a recipient is stored

	NoticePlanApproved Notice = "plan_approved"
	NoticePlanEdited   Notice = "plan_edited"
	NoticeProceeding   Notice = "proceeding" // the answer goes without a system
	NoticeHoldPlaced   Notice = "hold_placed"
	NoticeHoldReleased Notice = "hold_released"
	NoticeLawConfirmed Notice = "law_confirmed"
	NoticeLawCorrected Notice = "law_corrected"
	NoticeExemption    Notice = "exemption_reviewed"
	NoticeAuthority    Notice = "authority" // the register of authorities' requests has it

	NoticeAsked           Notice = "asked"            // a question is on its way to the person
	NoticeQuestionSettled Notice = "question_settled" // answered, paid or dropped
	NoticeClaimed         Notice = "claimed"
	NoticeWarned          Notice = "warned" // the person is told of a claim
	NoticeClaimDecided    Notice = "claim_decided"
	NoticeSubOpened       Notice = "sub_opened" // an appeal or complaint
	NoticeSubSettled      Notice = "sub_settled"
	NoticeShortAnswered   Notice = "short_answered"
	NoticeGranted         Notice = "granted"
)

// Notices lists every notice.
func Notices() []Notice {
	return []Notice{NoticeApproved, NoticeRefused, NoticeSettled, NoticeLate, NoticeLiftAnnounced, NoticeLifted, NoticeMessage, NoticeWithdrawn, NoticeExtended, NoticePaused, NoticeResumed, NoticeChecked, NoticeSaved, NoticePlanApproved, NoticePlanEdited, NoticeProceeding, NoticeHoldPlaced, NoticeHoldReleased, NoticeLawConfirmed, NoticeLawCorrected, NoticeExemption, NoticeAuthority, NoticeAsked, NoticeQuestionSettled, NoticeClaimed, NoticeWarned, NoticeClaimDecided, NoticeSubOpened, NoticeSubSettled, NoticeShortAnswered, NoticeGranted}
}
