package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
)

// Landing is what stands at an address that names no tenant, or one that does not exist.
type Landing struct {
	Frame
	Unknown bool         // the address named a tenant that does not exist
	Tenants []TenantLink // may be empty: not every installation tells whom it serves
}

// TenantLink leads to one tenant's portal.
type TenantLink struct{ Name, URL string }

// Landing writes the page.
func (r *Renderer) Landing(w io.Writer, m Landing) error { return r.render(w, m.Lang, "landing", m) }

// PortalStart tells what one can ask for.
type PortalStart struct {
	Frame
	Rights   []dsar.Right // what is offered, in this order
	StartURL string       // first question
	HaveURL  string       // "I already have a request"
	Signal   bool         // the browser sends an opt-out signal
}

// PortalStart writes the page.
func (r *Renderer) PortalStart(w io.Writer, m PortalStart) error {
	return r.render(w, m.Lang, "portal-start", m)
}

// PortalRight asks what the person wants. Form field: right.
type PortalRight struct {
	Frame
	Form    Form
	Rights  []dsar.Right
	Right   dsar.Right // chosen before; optional
	Errors  Errors
	BackURL string
}

// PortalRight writes the page.
func (r *Renderer) PortalRight(w io.Writer, m PortalRight) error {
	return r.render(w, m.Lang, "portal-right", m)
}

// PortalWho asks for what the request needs. Only the address is required. Form fields: email, name, country, region,
// details.
type PortalWho struct {
	Frame
	Form    Form
	Right   dsar.Right // chosen before; optional
	Email   string
	Name    string
	Country string // ISO 3166-1 alpha-2; optional
	Region  string
	Details string
	Asker   Asker
	// Regions are the regions whose law differs, when the handler knows them; without any, region is a line of text.
	Regions   []Option
	Marketing bool // of an objection: it is about advertising. Form field: purpose, with the value direct_marketing
	Errors    Errors
	BackURL   string
}

// Asker is somebody who asks for another person. Form fields: asks (one of RequesterKinds; empty for herself), askerName, askerEmail,
// mandate, and ageBand, which is asked only where children are served.
type Asker struct {
	Asks, Name, Email, Mandate string
	AgeBand                    string
	AskAge                     bool
}

// AgeBands lists the answers to the question for an age.
func AgeBands() []string { return []string{"under_13", "13_to_15", "16_to_17", "adult"} }

// Option is one choice of a list.
type Option struct{ Value, Label string }

// PortalWho writes the page.
func (r *Renderer) PortalWho(w io.Writer, m PortalWho) error {
	return r.render(w, m.Lang, "portal-who", m)
}

// PortalCheck shows all answers before they are sent. Form.Hidden carries them. The button that sends is named send
// (value 1); the ones that go back to a question are named change (value right or who) and belong to the same form, so that
// no answer ever stands in an address.
type PortalCheck struct {
	Frame
	Form    Form
	Right   dsar.Right
	Email   string
	Name    string
	Country string
	Region  string // in words
	Details string
	Asker   Asker
	Errors  Errors

	Marketing bool
}

// PortalCheck writes the page.
func (r *Renderer) PortalCheck(w io.Writer, m PortalCheck) error {
	return r.render(w, m.Lang, "portal-check", m)
}

// PortalLookInMail says that a code is on its way. The page is the same whether or not anybody is known under the address.
type PortalLookInMail struct {
	Frame
	Reference string
	CodeURL   string // where the code is entered
	Resend    Form   // sends a new code
}

// PortalLookInMail writes the page.
func (r *Renderer) PortalLookInMail(w io.Writer, m PortalLookInMail) error {
	return r.render(w, m.Lang, "portal-look-in-mail", m)
}

// CodeReason says what a code is for.
type CodeReason string

// The reasons.
const (
	CodeFirst    CodeReason = "first"    // to confirm a new request
	CodeReturn   CodeReason = "return"   // to come back to a request
	CodeDownload CodeReason = "download" // before personal data is handed out
)

// CodeReasons lists every reason.
func CodeReasons() []CodeReason { return []CodeReason{CodeFirst, CodeReturn, CodeDownload} }

// PortalCode asks for the mailed code. Form fields: reference (hidden when Known), code.
type PortalCode struct {
	Frame
	Form      Form
	Reason    CodeReason
	Reference string
	Known     bool // the reference is settled and not asked for
	TriesLeft int  // 0 = not told
	Errors    Errors
	Resend    Form // sends a new code; without an action the page offers none
	StartURL  string
}

// PortalCode writes the page.
func (r *Renderer) PortalCode(w io.Writer, m PortalCode) error {
	return r.render(w, m.Lang, "portal-code", m)
}

// PortalFind asks for the reference of a request, to mail a new code. Form field: reference.
type PortalFind struct {
	Frame
	Form      Form
	Reference string
	Errors    Errors
	StartURL  string
}

// PortalFind writes the page.
func (r *Renderer) PortalFind(w io.Writer, m PortalFind) error {
	return r.render(w, m.Lang, "portal-find", m)
}

// PortalConfirmLink is what a mailed link opens: looking at it changes nothing, the button does. Form.Hidden carries the
// token.
type PortalConfirmLink struct {
	Frame
	Form      Form
	Reference string
	Right     dsar.Right
	AskedAt   time.Time
}

// PortalConfirmLink writes the page.
func (r *Renderer) PortalConfirmLink(w io.Writer, m PortalConfirmLink) error {
	return r.render(w, m.Lang, "portal-confirm-link", m)
}

// PortalLocked says that too many wrong codes were entered.
type PortalLocked struct {
	Frame
	Reference string
	Until     time.Time // from when a new code can be had; zero = now
	Resend    Form      // without an action the page offers none
}

// PortalLocked writes the page.
func (r *Renderer) PortalLocked(w io.Writer, m PortalLocked) error {
	return r.render(w, m.Lang, "portal-locked", m)
}

// PortalRequest is the status page of a request. Form field of MessageForm: text.
type PortalRequest struct {
	Frame
	Reference  string
	Right      dsar.Right
	Status     dsar.Status
	Why        string    // reason of a refusal or of an answer in part, in words with the law; optional
	Stage      Stage     // more exactly where an open request is; optional
	Until      time.Time // of StageGrace: until when it can be called off
	Supplement []string  // systems that the answer left out and that are tried again
	Due        Due
	Clock      Clock
	Because    []string // one or two sentences out of Steps that decide the date; may be empty
	OtherLaws  []string // short names of laws that apply beside the one of Due; optional
	Steps      []Step   // how the date came about
	Systems    []SystemProgress
	Recipients []Recipient
	Messages   []Message
	// MessageForm without an action, and empty addresses below, mean that the act is not possible now.
	MessageForm Form
	MessageText string
	Errors      Errors
	Package     *Package
	WithdrawURL string
	ReceiptURL  string
	ProveURL    string // something is still asked to prove who she is
	// StatementForm takes a statement of disagreement about a correction that was not made; field: statement.
	StatementForm Form
	StatementText string
	Questions     []DutyRow // open ones, that the person can answer; URL leads to the page for it
	Subs          []DutyRow // appeals and complaints of the person
	AppealURL     string
	ComplainURL   string      // to the controller
	Over          bool        // it ended without an answer: by when there would have been one is not shown
	Complaint     []Complaint // where to turn, in the order in which the law wants it tried
}

// Stage is where a request is that changes data, more exactly than its status tells.
type Stage string

// The stages.
const (
	StagePlanning Stage = "planning" // what happens where is being worked out; nothing is changed
	StageApproval Stage = "approval" // a person checks it; nothing is changed
	StageGrace    Stage = "grace"    // it is approved, and can be called off until a day
	StageAfter    Stage = "after"    // it waits for the answer to another request of the person
	StageDoing    Stage = "doing"    // it is being done
	StagePaused   Stage = "paused"
)

// Stages lists every stage.
func Stages() []Stage {
	return []Stage{StagePlanning, StageApproval, StageGrace, StageAfter, StageDoing, StagePaused}
}

// Complaint is one way to complain. Text is in the words of the law; the address, with its name, is optional.
type Complaint struct{ Text, Name, URL string }

// Package is what can be downloaded.
type Package struct {
	Ready     bool
	URL       string // of the confirm page; empty when not ready
	Records   int
	ExpiresAt time.Time
	Volumes   []Volume
}

// PortalRequest writes the page.
func (r *Renderer) PortalRequest(w io.Writer, m PortalRequest) error {
	return r.render(w, m.Lang, "portal-request", m)
}

// PortalWithdraw asks before a request is withdrawn. Form field: reason, optional.
type PortalWithdraw struct {
	Frame
	Form      Form
	Reference string
	Right     dsar.Right
	Done      []SystemProgress // what has been done and stays done; empty for a request that only reads
	Reason    string
	Errors    Errors
	BackURL   string
}

// PortalWithdraw writes the page.
func (r *Renderer) PortalWithdraw(w io.Writer, m PortalWithdraw) error {
	return r.render(w, m.Lang, "portal-withdraw", m)
}

// PortalWithdrawn says that a request is withdrawn.
type PortalWithdrawn struct {
	Frame
	Reference string
	Done      []SystemProgress
	StartURL  string
}

// PortalWithdrawn writes the page.
func (r *Renderer) PortalWithdrawn(w io.Writer, m PortalWithdrawn) error {
	return r.render(w, m.Lang, "portal-withdrawn", m)
}

// PortalDownload says what will be downloaded. Each volume is a button named volume; a link works once.
type PortalDownload struct {
	Frame
	Form       Form
	Reference  string
	Records    int
	Systems    int
	Volumes    []Volume
	ExpiresAt  time.Time
	RequestURL string
}

// PortalDownload writes the page.
func (r *Renderer) PortalDownload(w io.Writer, m PortalDownload) error {
	return r.render(w, m.Lang, "portal-download", m)
}

// GoneReason says why a link leads nowhere.
type GoneReason string

// The reasons.
const (
	GoneUsed    GoneReason = "used"
	GoneExpired GoneReason = "expired"
	GoneUnknown GoneReason = "unknown"
	GoneCancel  GoneReason = "cancel" // a link that calls an erasure off
)

// GoneReasons lists every reason.
func GoneReasons() []GoneReason { return []GoneReason{GoneUsed, GoneExpired, GoneUnknown, GoneCancel} }

// PortalDownloadGone says that a link to a package or to a confirmation works no more, and how to get a new one.
type PortalDownloadGone struct {
	Frame
	Reason    GoneReason
	ReturnURL string // where the reference is entered to get a new code
}

// PortalDownloadGone writes the page.
func (r *Renderer) PortalDownloadGone(w io.Writer, m PortalDownloadGone) error {
	return r.render(w, m.Lang, "portal-download-gone", m)
}

// PortalCancel asks before an erasure is called off with the link of a letter. Form.Hidden carries the key of the link.
type PortalCancel struct {
	Frame
	Form      Form
	Reference string
	Until     time.Time
}

// PortalCancel writes the page.
func (r *Renderer) PortalCancel(w io.Writer, m PortalCancel) error {
	return r.render(w, m.Lang, "portal-cancel", m)
}

// PortalSessionEnded says that half an hour has passed. Resend mails a new code for the reference, when it is known;
// otherwise ReturnURL is where it is entered.
type PortalSessionEnded struct {
	Frame
	Stale     bool // it goes on, but its code is too old to hand out data
	Reference string
	Resend    Form
	ReturnURL string
}

// PortalSessionEnded writes the page.
func (r *Renderer) PortalSessionEnded(w io.Writer, m PortalSessionEnded) error {
	return r.render(w, m.Lang, "portal-session-ended", m)
}

// PortalMessageSent says that a message has reached the team.
type PortalMessageSent struct {
	Frame
	Reference  string
	RequestURL string
}

// PortalMessageSent writes the page.
func (r *Renderer) PortalMessageSent(w io.Writer, m PortalMessageSent) error {
	return r.render(w, m.Lang, "portal-message-sent", m)
}

// PortalLetter shows one letter in full.
type PortalLetter struct {
	Frame
	Letter     Letter
	RequestURL string
}

// PortalLetter writes the page.
func (r *Renderer) PortalLetter(w io.Writer, m PortalLetter) error {
	return r.render(w, m.Lang, "portal-letter", m)
}

// ErrorPage says what went wrong: what happened, what it means, what to do.
type ErrorPage struct {
	Frame
	Status int
	Class  string // a class of shared/fault; an unknown one reads as internal
	// Trace is what to quote when asking about it; not personal; optional.
	Trace   string
	BackURL string // optional
}

// ErrorPage writes the page.
func (r *Renderer) ErrorPage(w io.Writer, m ErrorPage) error {
	m.Class = knownClass(m.Class)
	return r.render(w, m.Lang, "error", m)
}

// RateLimited says that too much was asked in too short a time.
type RateLimited struct {
	Frame
	Wait    time.Duration
	BackURL string // optional
}

// RateLimited writes the page.
func (r *Renderer) RateLimited(w io.Writer, m RateLimited) error {
	return r.render(w, m.Lang, "rate-limited", m)
}

// knownClass keeps the error page from failing on a class that has no words.
func knownClass(class string) string {
	switch class {
	case "invalid", "unauthenticated", "forbidden", "not_found", "conflict", "throttled", "unavailable", "misconfigured":
		return class
	}
	return "internal"
}
