package pages

import (
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/policy"
)

// LawState is whether a law applies today.
type LawState string

// The states.
const (
	LawInForce LawState = "in_force"
	LawLater   LawState = "later" // from a day to come
	LawEnded   LawState = "ended"
)

// LawStates lists every state.
func LawStates() []LawState { return []LawState{LawInForce, LawLater, LawEnded} }

// LawTrust is how far the words of a law may be relied on.
type LawTrust string

// The kinds of trust. A draft needs the confirmation of a named person before it governs requests that are no trial.
const (
	LawChecked   LawTrust = "checked"
	LawDraft     LawTrust = "draft"
	LawConfirmed LawTrust = "confirmed" // a draft that somebody of the tenant confirmed
)

// LawTrusts lists every kind.
func LawTrusts() []LawTrust { return []LawTrust{LawChecked, LawDraft, LawConfirmed} }

// LawRow is one law in a list.
type LawRow struct {
	Name   string // of the place
	Short  string // what letters call the law
	URL    string
	State  LawState
	From   time.Time // first day
	Until  time.Time // last day; zero = open
	Trust  LawTrust
	Scope  bool // the tenant works under it
	Answer LawPeriod
}

// LawFilter is what the list of laws is narrowed to. Trust and State may be empty.
type LawFilter struct {
	Action   string
	Q        string
	Scope    bool // only laws that the tenant works under
	State    LawState
	Trust    LawTrust
	ClearURL string // empty = nothing is narrowed
}

// ConsoleLaws lists the laws. Of is how many there are without the filter.
type ConsoleLaws struct {
	ConsoleFrame
	Filter LawFilter
	Rows   []LawRow
	Of     int
}

// ConsoleLaws writes the page.
func (r *Renderer) ConsoleLaws(w io.Writer, m ConsoleLaws) error {
	return r.render(w, m.Lang, "console-laws", m)
}

// LawPeriod is a period as the law sets it. Without a Unit there is none.
type LawPeriod struct {
	Value int
	Unit  policy.Unit
	Start []policy.StartEvent // the latest of them; empty = not said
	Kind  policy.Kind
	Basis string
	Note  string
}

// LawRight is how far a law grants one right, and by when.
type LawRight struct {
	Right  dsar.Right
	Level  policy.Level
	From   time.Time // first day of a right that came, or comes, later than the law
	Answer LawPeriod
	Longer LawPeriod // the whole period once it is extended; without a unit there is no extension
	Open   bool      // an extension of no set length
}

// LawFact is one rule in words. Fact is its label out of the catalogue, see LawFacts; Name is a name of the law's own beside it.
type LawFact struct {
	Fact       string
	Name       string
	Text       string
	Phrases    []LawPhrase // after Text
	Period     LawPeriod   // before it
	Statements []policy.Statement
	Rights     []dsar.Right // that it holds for; empty = no word about it
	URL        string
	Kind       policy.Kind
	Basis      string
	Note       string
}

// LawPhrase is a sentence out of the catalogue, one of LawPhrases; some hold a number or a text of the law.
type LawPhrase struct {
	Phrase string
	N      int
	Text   string
}

// LawPhrases lists every sentence.
func LawPhrases() []string {
	return []string{
		"published", "roll_none", "roll_next_business_day", "effect_pause", "effect_restart_at_receipt", "effect_refuse_until_paid", "effect_none", "count_inclusive",
		"count_exclusive_of_first_day", "asked_for", "extension_open", "points", "declaration", "limited_to", "sensitive", "falls_back", "kept_days", "review_months", "may_ask",
		"may_not_ask", "shown_by", "ask_directly", "age_guardian", "age_self", "age_either", "grant_granted", "grant_not_granted", "grant_weigh", "held_by", "reach_serves",
		"reach_establishment", "again_months", "free_never", "free_first", "free_every", "accept", "accept_within", "notify_none", "notify_except",
	}
}

// LawFacts lists every label.
func LawFacts() []string {
	return []string{
		"acknowledge", "answer", "simple", "processor", "published", "extension", "extension_reasons", "refuse", "must_state", "roll", "stop_identity", "stop_clarification",
		"stop_fee", "appeal_window", "appeal_acknowledge", "appeal_decision", "appeal_extension", "appeal_then", "complaint_authority", "complaint_internal", "complaint_court",
		"complaint_window", "complaint_acknowledge", "complaint_decision", "email", "phone", "post", "duty", "consent_stop", "ask_again", "signals", "free", "charge_when", "cap", "accept", "never_charge",
		"standard", "none_for", "tier", "never_ask", "document_days", "review_months", "agents", "guardians", "heirs", "nominees", "age_band", "eligibility", "exemption",
		"never_disclose", "notify", "retention", "letter", "reach", "note",
	}
}

// LawSection is rules that belong together.
type LawSection struct {
	Section string // one of LawSections
	Facts   []LawFact
}

// LawSections lists every section, in the order of the page.
func LawSections() []string {
	return []string{"time", "stops", "extension", "refusal", "appeal", "complaint", "verification", "representation", "eligibility", "exemptions", "never_disclose", "fees", "duties", "retention", "notes"}
}

// LawSource is where a law was read.
type LawSource struct {
	Cite string
	URL  string
	Read bool // its wording was checked against this text
}

// LawPlace is a place of a controller whose calendar the law may be counted by. Value is the code that a form sends.
type LawPlace struct {
	Value   string
	Country string // ISO 3166-1 alpha-2; empty = the place is not known
	Region  string
}

// LawDate is one date of an answer to a what-if question.
type LawDate struct {
	What string // one of LawDates
	At   time.Time
}

// LawDates lists every date beside the due one.
func LawDates() []string {
	return []string{"acknowledge", "simple", "extension_notice", "refuse_by", "execute", "target", "first"}
}

// LawWhatIf asks by when a request would have to be answered. Form fields, by GET: right, received, place, extended, until.
type LawWhatIf struct {
	Action   string
	Year     string // of the calendar that is shown, to be kept
	Right    dsar.Right
	Received string // date
	Places   []LawPlace
	Place    string
	Extended bool
	Open     bool   // the law leaves the length of an extension open
	Until    string // date, for such an extension
	Asked    bool
	Due      time.Time // zero = not asked, or wrong
	Level    policy.Level
	Steps    []Step
	Dates    []LawDate
}

// ConsoleLaw is one law. Conflicts and ConfidenceNote say why a draft is one. Without ConfirmURL the role may not confirm it, or there
// is nothing to confirm.
type ConsoleLaw struct {
	ConsoleFrame
	Law            LawRow
	Title          string // of the law in full
	Regulator      string
	Confidence     policy.Confidence
	ConfidenceNote string
	Conflicts      []string
	ConfirmedBy    string
	ConfirmedAt    time.Time
	ConfirmURL     string
	WhatIf         LawWhatIf
	Rights         []LawRight
	Sections       []LawSection
	Calendar       LawCalendar
	Sources        []LawSource
	Version        string
	Errors         Errors
	BackURL        string
}

// ConsoleLaw writes the page.
func (r *Renderer) ConsoleLaw(w io.Writer, m ConsoleLaw) error {
	return r.render(w, m.Lang, "console-law", m)
}

// ConsoleLawConfirm asks a named person to answer for a draft. Form fields: name, reason; Form.Hidden carries the version that was read.
type ConsoleLawConfirm struct {
	ConsoleFrame
	Form           Form
	Law            LawRow
	Title          string // of the law in full
	ConfidenceNote string
	Conflicts      []string
	Sources        []LawSource // that nobody has checked word by word
	Name           string
	Reason         string
	Errors         Errors
	BackURL        string
}

// ConsoleLawConfirm writes the page.
func (r *Renderer) ConsoleLawConfirm(w io.Writer, m ConsoleLawConfirm) error {
	return r.render(w, m.Lang, "console-law-confirm", m)
}
