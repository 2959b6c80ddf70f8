package policy

import (
	"slices"

	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// ID names a pack: "eu", "uk", "us-ca". Lower case, stable, never reused.
type ID string

// Version names the content of a pack: "eu@sha256:" and 16 hexadecimal digits of the SHA-256 over the pack's file and its
// calendar's file. A case keeps the version it was opened under, so that every date can be computed again.
type Version string

// Level is how far a law grants a right. Values of packs.
type Level string

// The levels. Partial means with limits that the pack's notes name; none means that the law does not know the right.
const (
	Full    Level = "full"
	Partial Level = "partial"
	None    Level = "none"
)

// Unit is what a period is counted in. Values of packs.
type Unit string

// The units. The day of the start event is never counted; hours are elapsed hours from the instant.
const (
	CalendarDays   Unit = "calendar_days"
	BusinessDays   Unit = "business_days"
	CalendarMonths Unit = "calendar_months"
	Hours          Unit = "hours"
)

// StartEvent is what a period runs from. Values of packs.
type StartEvent string

// The start events. OnVerification is the receipt of identity or authority evidence that was asked for; when none was asked
// for, there is nothing to wait for. The same holds for the fee.
const (
	OnReceipt      StartEvent = "receipt"
	OnVerification StartEvent = "verification"
	OnFee          StartEvent = "fee"
)

// Kind says where a number comes from. Values of packs.
type Kind string

// The kinds.
const (
	Statute  Kind = "statute"  // text of the law or of a regulation under it
	Guidance Kind = "guidance" // a regulator's or court's reading of it
	Policy   Kind = "policy"   // the law gives no number; a choice of the product that a tenant may change
)

// StopEvent is something the controller asks the person for that may move the date. Values of packs.
type StopEvent string

// The stop events. The code that Habeas mails to check an address is none of them: it moves no clock.
const (
	IdentityRequested      StopEvent = "identity"      // evidence of identity, or of an agent's authority
	ClarificationRequested StopEvent = "clarification" // which data or which processing is meant
	FeeRequested           StopEvent = "fee"
)

// Effect is what a stop event does to the date. Values of packs.
type Effect string

// The effects.
const (
	Pause            Effect = "pause"              // the days of waiting are added
	RestartAtReceipt Effect = "restart_at_receipt" // the whole period runs from the day the answer came
	RefuseUntilPaid  Effect = "refuse_until_paid"  // the date stays, but nothing need be done before payment
	NoEffect         Effect = "none"
)

// DayCount is how the days of a pause are counted. Values of packs.
type DayCount string

// The counts: from the day of asking to the day of the answer, both included; or without the day of asking.
const (
	Inclusive           DayCount = "inclusive"
	ExclusiveOfFirstDay DayCount = "exclusive_of_first_day"
)

// RollRule is what happens to a date on which nobody works. Values of packs.
type RollRule string

// The roll rules.
const (
	RollNone            RollRule = "none"
	RollNextBusinessDay RollRule = "next_business_day"
)

// Statement is something a refusal must say. Values of packs.
type Statement string

// The statements.
const (
	StateReasons            Statement = "reasons"
	StateComplaint          Statement = "complaint"           // where to complain to the authority
	StateCourt              Statement = "court"               // the way to a court
	StateInternalComplaint  Statement = "internal_complaint"  // how to complain to the controller first
	StateStatutoryException Statement = "statutory_exception" // which exception of the law is relied on
	StateOptOut             Statement = "opt_out"             // the right to opt out, when erasure is refused and data is sold
	StateAppeal             Statement = "appeal"
)

// Confidence is how sure the authors of a pack are of it. Values of packs.
type Confidence string

// The confidences.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// Amount is a number of units.
type Amount struct {
	Value int  `yaml:"value" json:"value"`
	Unit  Unit `yaml:"unit" json:"unit"`
}

// Period is an amount with its start and the law behind it. When StartLatestOf is set, the period runs from the latest of
// those events that happened, else from StartEvent.
type Period struct {
	Value         int          `yaml:"value" json:"value"`
	Unit          Unit         `yaml:"unit" json:"unit"`
	StartEvent    StartEvent   `yaml:"start_event" json:"start_event"`
	StartLatestOf []StartEvent `yaml:"start_latest_of" json:"start_latest_of,omitempty"`
	Kind          Kind         `yaml:"kind" json:"kind"`
	Basis         string       `yaml:"basis" json:"basis"`
	Note          string       `yaml:"note" json:"note,omitempty"`
}

// Amount returns the period's amount.
func (p Period) Amount() Amount { return Amount{p.Value, p.Unit} }

// Waits reports whether the period starts no earlier than the event.
func (p Period) Waits(e StartEvent) bool {
	if len(p.StartLatestOf) > 0 {
		return slices.Contains(p.StartLatestOf, e)
	}
	return p.StartEvent == e
}

// Acknowledgement is by when receipt must be confirmed. With Required false it is a choice of the product.
type Acknowledgement struct {
	Required  bool         `yaml:"required" json:"required"`
	Period    Period       `yaml:"period" json:"period"`
	AppliesTo []dsar.Right `yaml:"applies_to" json:"applies_to,omitempty"` // empty: every right
}

// Response is by when a request must be answered.
type Response struct {
	Standard string                `yaml:"standard" json:"standard"` // the law's words around the number: "without undue delay"
	Default  Period                `yaml:"default" json:"default"`
	ByRight  map[dsar.Right]Period `yaml:"by_right" json:"by_right,omitempty"`
}

// Extension is a longer period, granted once by telling the person in time. Total is the whole period from the original
// start; it replaces the first period and is never added to a date that was moved already.
type Extension struct {
	Value    int          `yaml:"value" json:"value"`
	Unit     Unit         `yaml:"unit" json:"unit"`
	Total    Amount       `yaml:"total" json:"total"`
	NoticeBy Amount       `yaml:"notice_by" json:"notice_by"`
	Reasons  []string     `yaml:"reasons" json:"reasons"` // codes a notice must choose from
	NotFor   []dsar.Right `yaml:"not_for" json:"not_for,omitempty"`
	Kind     Kind         `yaml:"kind" json:"kind"`
	Basis    string       `yaml:"basis" json:"basis"`
	Note     string       `yaml:"note" json:"note,omitempty"`
}

// Refusal is by when and with what words a request may be refused.
type Refusal struct {
	Period    Period      `yaml:"period" json:"period"`
	MustState []Statement `yaml:"must_state" json:"must_state"`
}

// Stop is one rule on what moves the date.
type Stop struct {
	Event     StopEvent    `yaml:"event" json:"event"`
	Effect    Effect       `yaml:"effect" json:"effect"`
	DayCount  DayCount     `yaml:"day_count" json:"day_count,omitempty"` // for Pause only
	Condition string       `yaml:"condition" json:"condition,omitempty"` // what must be true before asking; a person judges it
	Rights    []dsar.Right `yaml:"rights" json:"rights,omitempty"`       // empty: every right
	Kind      Kind         `yaml:"kind" json:"kind"`
	Basis     string       `yaml:"basis" json:"basis"`
	Note      string       `yaml:"note" json:"note,omitempty"`
}

// Roll is what happens to a date that falls on a day on which nobody works.
type Roll struct {
	Rule  RollRule `yaml:"rule" json:"rule"`
	Basis string   `yaml:"basis" json:"basis"`
	Note  string   `yaml:"note" json:"note,omitempty"`
}

// Words is a text by language ("en", "de"). English is always there.
type Words map[string]string

// In returns the text in the language, and the English one with fellBack set when there is none.
func (w Words) In(language string) (text string, fellBack bool) {
	if t, ok := w[language]; ok {
		return t, false
	}
	return w["en"], true
}

// Route is one way to complain: who, where and in which words a letter says it.
type Route struct {
	Name string `yaml:"name" json:"name"`
	URL  string `yaml:"url" json:"url,omitempty"`
	Text Words  `yaml:"text" json:"text"`
}

// Complaint is where a person turns who is not content. A nil route does not exist under the law.
type Complaint struct {
	Authority *Route `yaml:"authority" json:"authority,omitempty"`
	Internal  *Route `yaml:"internal" json:"internal,omitempty"`
	Court     *Route `yaml:"court" json:"court,omitempty"`
}

// Verification is what the law says on proving who asks.
type Verification struct {
	Standard string       `yaml:"standard" json:"standard"`
	NoneFor  []dsar.Right `yaml:"none_for" json:"none_for,omitempty"` // rights for which nothing may be asked
	Basis    string       `yaml:"basis" json:"basis"`
}

// Duty is a further period of the law that is not the answer to a request.
type Duty struct {
	ID     string     `yaml:"id" json:"id"`
	Right  dsar.Right `yaml:"right" json:"right,omitempty"`
	Period Period     `yaml:"period" json:"period"`
}

// Retention is how long the record of a request is kept after it is closed.
type Retention struct {
	Value int    `yaml:"value" json:"value"`
	Unit  Unit   `yaml:"unit" json:"unit"`
	Kind  Kind   `yaml:"kind" json:"kind"`
	Scope string `yaml:"scope" json:"scope"`
	Basis string `yaml:"basis" json:"basis"`
}

// Fees is when the answer may cost something. FreeRequests 0 means that every request is free.
type Fees struct {
	FreeRequests int      `yaml:"free_requests" json:"free_requests"`
	Per          *Amount  `yaml:"per" json:"per,omitempty"`
	ChargeWhen   []string `yaml:"charge_when" json:"charge_when"`
	Cap          string   `yaml:"cap" json:"cap"`
	Basis        string   `yaml:"basis" json:"basis"`
}

// Notify is the duty to tell recipients of a correction, erasure or restriction.
type Notify struct {
	Duty      bool   `yaml:"duty" json:"duty"`
	Who       string `yaml:"who" json:"who,omitempty"`
	Exception string `yaml:"exception" json:"exception,omitempty"`
	Basis     string `yaml:"basis" json:"basis,omitempty"`
}

// Source is where a pack's content was read.
type Source struct {
	Cite string `yaml:"cite" json:"cite"`
	URL  string `yaml:"url" json:"url"`
	Read bool   `yaml:"read" json:"read"` // the wording was checked against this text; false: counsel must read it
}

// Place is a country (ISO 3166-1 alpha-2), or one region of it (ISO 3166-2 without the country), that a pack governs.
type Place struct {
	Country    string `yaml:"country" json:"country"`
	Region     string `yaml:"region" json:"region,omitempty"`
	RegionName string `yaml:"region_name" json:"region_name,omitempty"`
}

// Valid is when the law applies; a zero Until is open.
type Valid struct {
	From  civil.Date `yaml:"from" json:"from"`
	Until civil.Date `yaml:"until" json:"until,omitzero"`
}

// Pack is one law. Packs are shared: treat every field as read-only.
type Pack struct {
	SchemaVersion  int                  `yaml:"schema_version" json:"schema_version"`
	ID             ID                   `yaml:"id" json:"id"`
	Name           string               `yaml:"name" json:"name"`     // of the place: "United Kingdom"
	Law            string               `yaml:"law" json:"law"`       // full title
	Short          string               `yaml:"short" json:"short"`   // what a letter calls it: "GDPR"
	Status         string               `yaml:"status" json:"status"` // in_force or enacted_not_in_force
	Valid          Valid                `yaml:"valid" json:"valid"`
	Territory      []Place              `yaml:"territory" json:"territory"`
	Regulator      string               `yaml:"regulator" json:"regulator"`
	CalendarName   string               `yaml:"calendar" json:"calendar"`
	Rights         map[dsar.Right]Level `yaml:"rights" json:"rights"` // every right has its row
	Acknowledge    Acknowledgement      `yaml:"acknowledgement" json:"acknowledgement"`
	Response       Response             `yaml:"response" json:"response"`
	Extension      *Extension           `yaml:"extension" json:"extension,omitempty"`
	Refusal        Refusal              `yaml:"refusal" json:"refusal"`
	Stops          []Stop               `yaml:"clock_stops" json:"clock_stops"`
	Roll           Roll                 `yaml:"roll" json:"roll"`
	Complaint      Complaint            `yaml:"complaint" json:"complaint"`
	Verification   Verification         `yaml:"verification" json:"verification"`
	Duties         []Duty               `yaml:"duties" json:"duties,omitempty"`
	Retention      Retention            `yaml:"record_retention" json:"record_retention"`
	Fees           Fees                 `yaml:"fees" json:"fees"`
	Notify         Notify               `yaml:"notify_recipients" json:"notify_recipients"`
	Notes          []string             `yaml:"notes" json:"notes,omitempty"`
	Sources        []Source             `yaml:"sources" json:"sources"`
	Confidence     Confidence           `yaml:"confidence" json:"confidence"`
	ConfidenceNote string               `yaml:"confidence_note" json:"confidence_note,omitempty"`

	Version  Version  `yaml:"-" json:"-"`
	Calendar Calendar `yaml:"-" json:"-"`
}

// RightLevel returns how far the law grants the right; a right nobody has heard of is None.
func (p Pack) RightLevel(r dsar.Right) Level {
	if l, ok := p.Rights[r]; ok {
		return l
	}
	return None
}

// InForce reports whether the law applies on the date.
func (p Pack) InForce(on civil.Date) bool {
	return p.Status == "in_force" && !on.Before(p.Valid.From) && (p.Valid.Until.IsZero() || !on.After(p.Valid.Until))
}

// Rule is what a pack says on one right: everything the clock needs. Extension is nil when the law grants none.
type Rule struct {
	Right       dsar.Right
	Level       Level
	Response    Period
	Acknowledge *Period // nil when receipt of this right need not be confirmed
	Extension   *Extension
	Refusal     Refusal
	Stops       []Stop
	Roll        Roll
	Calendar    Calendar
	Version     Version
}

// Rule returns the pack's rule for the right. A right that the law does not grant has a rule too, of level None: the person
// still gets an answer, and the default period is by when.
func (p Pack) Rule(r dsar.Right) Rule {
	out := Rule{Right: r, Level: p.RightLevel(r), Response: p.Response.Default, Refusal: p.Refusal, Roll: p.Roll, Calendar: p.Calendar, Version: p.Version}
	if own, ok := p.Response.ByRight[r]; ok {
		out.Response = own
	}
	if len(p.Acknowledge.AppliesTo) == 0 || slices.Contains(p.Acknowledge.AppliesTo, r) {
		out.Acknowledge = &p.Acknowledge.Period
	}
	if p.Extension != nil && !slices.Contains(p.Extension.NotFor, r) {
		out.Extension = p.Extension
	}
	for _, s := range p.Stops {
		if len(s.Rights) == 0 || slices.Contains(s.Rights, r) {
			out.Stops = append(out.Stops, s)
		}
	}
	return out
}

// Stop returns the rule on the event; an event that the law does not mention has no effect.
func (r Rule) Stop(e StopEvent) Stop {
	for _, s := range r.Stops {
		if s.Event == e {
			return s
		}
	}
	return Stop{Event: e, Effect: NoEffect, Kind: Policy, Basis: "the law names no such stop"}
}
