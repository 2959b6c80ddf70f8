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
	OnGrant        StartEvent = "grant"     // the person was told that the request is granted, before it is carried out
	OnDecision     StartEvent = "decision"  // the person was told of the decision
	OnAppeal       StartEvent = "appeal"    // an appeal against the decision arrived
	OnComplaint    StartEvent = "complaint" // a complaint to the controller arrived
	OnChange       StartEvent = "change"    // data was corrected, erased or restricted
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
	StateAppeal             Statement = "appeal"              // how to appeal to the controller, and by when
	StateHandling           Statement = "handling"            // how the request is going to be handled
	StateDue                Statement = "due"                 // by when it is going to be answered
	StateRecipients         Statement = "recipients"          // who was told of the change
	StateAssistance         Statement = "assistance"          // who helps to understand the answer
	StateRecourseTime       Statement = "recourse_time"       // within which time a way of complaint is open
)

// Statements lists every statement.
func Statements() []Statement {
	return []Statement{StateReasons, StateComplaint, StateCourt, StateInternalComplaint, StateStatutoryException, StateOptOut, StateAppeal, StateHandling, StateDue, StateRecipients, StateAssistance, StateRecourseTime}
}

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
	// WithProcessor replaces a period when a processor must act too (Vietnam).
	WithProcessor map[dsar.Right]Period `yaml:"with_processor" json:"with_processor,omitempty"`
	// Simple is by when a first, short answer is due, before the whole one (Brazil, LGPD Art. 19 I).
	Simple *Period `yaml:"simple" json:"simple,omitempty"`
	// Published is set when the controller publishes its own period, which replaces Default (India).
	Published bool `yaml:"published" json:"published,omitempty"`
	// BeginsWith is set when the law's words count the day of the start event too ("beginning with"), although the authority does
	// not; it shortens the period for a tenant that wants to be on the safe side.
	BeginsWith bool `yaml:"begins_with" json:"begins_with,omitempty"`
}

// Extension is a longer period, granted once by telling the person in time. Total is the whole period from the original
// start; it replaces the first period and is never added to a date that was moved already.
//
// Open is set when the law names no length (New Zealand, Singapore): value and total are 0 then, and the notice says until when.
type Extension struct {
	Value    int                      `yaml:"value" json:"value"`
	Unit     Unit                     `yaml:"unit" json:"unit"`
	Total    Amount                   `yaml:"total" json:"total"`
	NoticeBy Amount                   `yaml:"notice_by" json:"notice_by"`
	Reasons  []string                 `yaml:"reasons" json:"reasons"` // codes a notice must choose from
	NotFor   []dsar.Right             `yaml:"not_for" json:"not_for,omitempty"`
	Open     bool                     `yaml:"open" json:"open,omitempty"`
	ByRight  map[dsar.Right]Extending `yaml:"by_right" json:"by_right,omitempty"` // instead of the numbers above
	Kind     Kind                     `yaml:"kind" json:"kind"`
	Basis    string                   `yaml:"basis" json:"basis"`
	Note     string                   `yaml:"note" json:"note,omitempty"`
}

// Extending is the numbers of an extension for one right.
type Extending struct {
	Value    int    `yaml:"value" json:"value"`
	Unit     Unit   `yaml:"unit" json:"unit"`
	Total    Amount `yaml:"total" json:"total"`
	NoticeBy Amount `yaml:"notice_by" json:"notice_by"`
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
	Name   string  `yaml:"name" json:"name"`
	URL    string  `yaml:"url" json:"url,omitempty"`
	Email  string  `yaml:"email" json:"email,omitempty"`
	Phone  string  `yaml:"phone" json:"phone,omitempty"`
	Post   string  `yaml:"post" json:"post,omitempty"`     // one line
	Window *Period `yaml:"window" json:"window,omitempty"` // until when the person may take it, from the decision; nil: no limit known
	Text   Words   `yaml:"text" json:"text"`
}

// Complaint is where a person turns who is not content. A nil route does not exist under the law.
type Complaint struct {
	Authority *Route `yaml:"authority" json:"authority,omitempty"`
	Internal  *Route `yaml:"internal" json:"internal,omitempty"`
	Court     *Route `yaml:"court" json:"court,omitempty"`
	// The clocks of a complaint to the controller (DPA 2018 s. 164A). Nil: the law sets none.
	Acknowledge *Period `yaml:"acknowledge" json:"acknowledge,omitempty"`
	Decide      *Period `yaml:"decide" json:"decide,omitempty"`
}

// Appeal is the law's way to have the controller look again at a refusal, through somebody else.
type Appeal struct {
	Window      *Period    `yaml:"window" json:"window,omitempty"` // until when the person may appeal, from the decision; nil: a reasonable time
	Acknowledge *Period    `yaml:"acknowledge" json:"acknowledge,omitempty"`
	Decision    Period     `yaml:"decision" json:"decision"`
	Extension   *Extending `yaml:"extension" json:"extension,omitempty"`
	Then        string     `yaml:"then" json:"then"` // where a refused appeal leads, in words
	Basis       string     `yaml:"basis" json:"basis"`
	Note        string     `yaml:"note" json:"note,omitempty"`
}

// Verification is what the law says on proving who asks.
type Verification struct {
	Standard string       `yaml:"standard" json:"standard"`
	NoneFor  []dsar.Right `yaml:"none_for" json:"none_for,omitempty"` // rights for which nothing may be asked
	Basis    string       `yaml:"basis" json:"basis"`
	Tiers    []Tier       `yaml:"tiers" json:"tiers,omitempty"`         // the first that fits a request; none: control of the address
	NeverAsk []NeverAsk   `yaml:"never_ask" json:"never_ask,omitempty"` // what may not be asked, whatever the doubt
	// DocumentDays is how long an identity document may be kept after it was looked at; 0 = deleted with the decision.
	DocumentDays int `yaml:"document_days" json:"document_days,omitempty"`
	// ReviewMonths is how often a controller without a way to verify must look for one again (11 CCR 7062(g)); 0 = no such duty.
	ReviewMonths int `yaml:"review_months" json:"review_months,omitempty"`
}

// Tier is how much must match before a request of some kind is acted on.
type Tier struct {
	ID          string       `yaml:"id" json:"id"`                                 // code, unique in the pack
	Rights      []dsar.Right `yaml:"rights" json:"rights,omitempty"`               // empty: every right
	Scope       Scope        `yaml:"scope" json:"scope,omitempty"`                 // empty: any
	Sensitive   bool         `yaml:"sensitive" json:"sensitive,omitempty"`         // only for data of a sensitive kind
	Points      int          `yaml:"points" json:"points"`                         // data points that must match what is held; the address is one
	Declaration bool         `yaml:"declaration" json:"declaration,omitempty"`     // signed, under penalty of perjury
	FallsBackTo string       `yaml:"falls_back_to" json:"falls_back_to,omitempty"` // id of the tier a request is looked at under when this one is not reached
	Basis       string       `yaml:"basis" json:"basis"`
}

// Scope is how much of the data an access is about. Values of packs.
type Scope string

// The scopes.
const (
	SpecificPieces Scope = "specific_pieces"
	Categories     Scope = "categories"
)

// NeverAsk is one thing that a person may not be asked for.
type NeverAsk struct {
	Item  string       `yaml:"item" json:"item"`         // code: identity_document, selfie, notarisation, new_account, fee ...
	For   []dsar.Right `yaml:"for" json:"for,omitempty"` // empty: every right
	Basis string       `yaml:"basis" json:"basis"`
}

// Representation is who may ask for somebody else, or answer for them.
type Representation struct {
	Agents    *Representative `yaml:"agents" json:"agents,omitempty"`
	Guardians *Representative `yaml:"guardians" json:"guardians,omitempty"`
	Heirs     *Representative `yaml:"heirs" json:"heirs,omitempty"`         // of a deceased person
	Nominees  *Representative `yaml:"nominees" json:"nominees,omitempty"`   // named beforehand (DPDP s. 14)
	AgeBands  []AgeBand       `yaml:"age_bands" json:"age_bands,omitempty"` // the youngest first; above the last one: adults
}

// Representative is what the law asks of one kind of representative.
type Representative struct {
	Allowed     bool         `yaml:"allowed" json:"allowed"`
	Rights      []dsar.Right `yaml:"rights" json:"rights,omitempty"`             // empty: every right
	Evidence    []string     `yaml:"evidence" json:"evidence,omitempty"`         // codes: signed_permission, power_of_attorney, proof_of_relation, court_order, death_certificate
	AskDirectly bool         `yaml:"ask_directly" json:"ask_directly,omitempty"` // the subject may be asked to confirm
	Basis       string       `yaml:"basis" json:"basis"`
	Note        string       `yaml:"note" json:"note,omitempty"`
}

// AgeBand is who decides for a person younger than Under years.
type AgeBand struct {
	Under  int          `yaml:"under" json:"under"`
	Who    string       `yaml:"who" json:"who"` // guardian, self or either
	Rights []dsar.Right `yaml:"rights" json:"rights,omitempty"`
	Basis  string       `yaml:"basis" json:"basis"`
}

// LegalBasis is why data is processed (GDPR Art. 6(1)). Values of packs and data maps.
type LegalBasis string

// The legal bases. NoBasis is that of laws that know none, and of data whose basis nobody recorded.
const (
	NoBasis             LegalBasis = ""
	Consent             LegalBasis = "consent"
	Contract            LegalBasis = "contract"
	LegalObligation     LegalBasis = "legal_obligation"
	VitalInterests      LegalBasis = "vital_interests"
	PublicTask          LegalBasis = "public_task"
	LegitimateInterests LegalBasis = "legitimate_interests"
)

// LegalBases lists every legal basis that has a name.
func LegalBases() []LegalBasis {
	return []LegalBasis{Consent, Contract, LegalObligation, VitalInterests, PublicTask, LegitimateInterests}
}

// SubjectType is who the person is to the controller. Values of packs.
type SubjectType string

// The subject types. Customer stands for everybody who is none of the others.
const (
	Customer SubjectType = "customer"
	Employee SubjectType = "employee"
	Business SubjectType = "business" // contact of another business
	Juristic SubjectType = "juristic" // no natural person (POPIA)
	Deceased SubjectType = "deceased"
)

// SubjectTypes lists every subject type.
func SubjectTypes() []SubjectType {
	return []SubjectType{Customer, Employee, Business, Juristic, Deceased}
}

// Eligibility is one row of the table right x legal basis x subject type. The first row that fits a piece of data decides; where
// none fits, the level of the right does.
type Eligibility struct {
	Right    dsar.Right    `yaml:"right" json:"right"`
	Bases    []LegalBasis  `yaml:"bases" json:"bases,omitempty"`       // empty: every basis
	Subjects []SubjectType `yaml:"subjects" json:"subjects,omitempty"` // empty: everybody
	Inferred bool          `yaml:"inferred" json:"inferred,omitempty"` // only data that the controller worked out, as against what the person provided
	Grant    Grant         `yaml:"grant" json:"grant"`
	Why      string        `yaml:"why" json:"why"` // one sentence for the privacy team
	Basis    string        `yaml:"basis" json:"basis"`
}

// Grant is what a row says. Values of packs.
type Grant string

// The grants. Weigh means that a person decides on grounds the row names (GDPR Art. 21(1)).
const (
	Granted    Grant = "granted"
	NotGranted Grant = "not_granted"
	Weigh      Grant = "weigh"
)

// Exemption is a lawful ground to refuse a right for some data, with the rest still served.
type Exemption struct {
	ID           string       `yaml:"id" json:"id"`                       // code, unique in the pack
	Rights       []dsar.Right `yaml:"rights" json:"rights,omitempty"`     // empty: every right
	Bases        []LegalBasis `yaml:"bases" json:"bases,omitempty"`       // legal bases of data for which it holds by itself; empty: a person claims it
	Text         Words        `yaml:"text" json:"text"`                   // what a letter says
	ReviewMonths int          `yaml:"review_months" json:"review_months"` // looked at again after; at least 1
	Basis        string       `yaml:"basis" json:"basis"`
}

// NeverDisclose is a kind of field that no package may hold; the answer says that it is held.
type NeverDisclose struct {
	Kind  SecretKind `yaml:"kind" json:"kind"`
	Basis string     `yaml:"basis" json:"basis"`
}

// SecretKind is a kind of field that can be used against the person it is about. Values of packs.
type SecretKind string

// The kinds (11 CCR 7024(d)).
const (
	GovernmentNumber SecretKind = "government_number" // social security, driving licence, passport, tax number
	AccountNumber    SecretKind = "account_number"    // financial accounts and payment cards
	HealthNumber     SecretKind = "health_number"     // health insurance and medical identification
	Password         SecretKind = "password"
	SecurityAnswer   SecretKind = "security_answer"
	Biometric        SecretKind = "biometric" // templates measured from the body
)

// SecretKinds lists every kind.
func SecretKinds() []SecretKind {
	return []SecretKind{GovernmentNumber, AccountNumber, HealthNumber, Password, SecurityAnswer, Biometric}
}

// ConsentRules is what follows from a consent that is withdrawn or an opt-out that was made.
type ConsentRules struct {
	StopWithin    *Period  `yaml:"stop_within" json:"stop_within,omitempty"`         // processing ends, from the withdrawal
	AskAgainAfter *Amount  `yaml:"ask_again_after" json:"ask_again_after,omitempty"` // before the person is asked to opt in again
	Signals       []string `yaml:"signals" json:"signals,omitempty"`                 // opt-out signals that count as a request: gpc
	Basis         string   `yaml:"basis" json:"basis"`
}

// CalendarIn is the calendar of a place, for controllers that sit there.
type CalendarIn struct {
	Country  string `yaml:"country" json:"country"`
	Region   string `yaml:"region" json:"region,omitempty"`
	Calendar string `yaml:"calendar" json:"calendar"`
}

// Duty is a further period of the law that is not the answer to a request.
//
// Ids that the product acts on: direct_marketing_objection, restriction_while_checking, execution (after a grant), transfer (to whom
// the request belongs), recipient_notice (after a change), grievance.
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
	Always       bool     `yaml:"always" json:"always,omitempty"` // a reasonable fee may be asked without any of ChargeWhen
	// Accept is set when the person must accept an estimate before work begins; AcceptWithin is how long she has, after which the
	// request counts as withdrawn (DPO Switzerland Art. 19(3)). Nil: no limit.
	Accept       bool         `yaml:"accept" json:"accept,omitempty"`
	AcceptWithin *Amount      `yaml:"accept_within" json:"accept_within,omitempty"`
	NeverFor     []dsar.Right `yaml:"never_for" json:"never_for,omitempty"`   // rights that are free whatever happens
	MaxAmount    string       `yaml:"max_amount" json:"max_amount,omitempty"` // "CHF 300"; empty: none in the law
	// FirstNeedsIntent cites the rule that a first request is abusive only when what the person is after shows it too; empty: no such rule.
	FirstNeedsIntent string `yaml:"first_needs_intent" json:"first_needs_intent,omitempty"`
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

// Reach is whom a law binds beside those who serve people in its territory.
type Reach struct {
	Establishment bool   `yaml:"establishment" json:"establishment"` // controllers that sit in the territory, wherever the person lives
	Basis         string `yaml:"basis" json:"basis"`
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

	Calendars      []CalendarIn              `yaml:"calendars" json:"calendars,omitempty"`
	RightsFrom     map[dsar.Right]civil.Date `yaml:"rights_from" json:"rights_from,omitempty"` // first day of rights that came later than the law
	Reach          Reach                     `yaml:"reach" json:"reach,omitzero"`
	Appeal         *Appeal                   `yaml:"appeal" json:"appeal,omitempty"`
	Representation Representation            `yaml:"representation" json:"representation,omitzero"`
	Eligibility    []Eligibility             `yaml:"eligibility" json:"eligibility,omitempty"`
	Exemptions     []Exemption               `yaml:"exemptions" json:"exemptions,omitempty"`
	NeverDisclose  []NeverDisclose           `yaml:"never_disclose" json:"never_disclose,omitempty"`
	Consent        *ConsentRules             `yaml:"consent" json:"consent,omitempty"`
	Letters        map[string][]Statement    `yaml:"letters" json:"letters,omitempty"`     // what letters of a kind must say beside refusal.must_state
	Conflicts      []string                  `yaml:"conflicts" json:"conflicts,omitempty"` // where sources contradict each other; any makes the pack a draft

	Version  Version  `yaml:"-" json:"-"`
	Calendar Calendar `yaml:"-" json:"-"` // for a controller whose place is not known: that of CalendarName

	byPlace map[Place]*listed // of Calendars
}

// Draft reports whether a named person must confirm the pack before it may govern a tenant in production: it is of low confidence,
// or sources contradict each other.
func (p Pack) Draft() bool { return p.Confidence == Low || len(p.Conflicts) > 0 }

// RightLevel returns how far the law grants the right; a right nobody has heard of is None.
func (p Pack) RightLevel(r dsar.Right) Level {
	if l, ok := p.Rights[r]; ok {
		return l
	}
	return None
}

// RightLevelOn is RightLevel for a request of the day: a right that comes into force later is None until then.
func (p Pack) RightLevelOn(r dsar.Right, on civil.Date) Level {
	if from, later := p.RightsFrom[r]; later && on.Before(from) {
		return None
	}
	return p.RightLevel(r)
}

// InForce reports whether the law applies on the date. Status says what was so when the pack was written and decides nothing: a law
// that starts later waits for its day.
func (p Pack) InForce(on civil.Date) bool {
	return !on.Before(p.Valid.From) && (p.Valid.Until.IsZero() || !on.After(p.Valid.Until))
}

// CalendarAt returns the calendar for a controller at the place: that of its region, else of its country, else the pack's own, which
// knows fewer holidays and so gives the earlier date.
func (p Pack) CalendarAt(seat Place) Calendar {
	for _, key := range []Place{{Country: seat.Country, Region: seat.Region}, {Country: seat.Country}} {
		if l, ok := p.byPlace[key]; ok {
			// Calendars that are built in were all read by a test; should one not be readable after all, the pack's own is the safe one.
			if c, err := l.read(); err == nil {
				return c
			}
		}
	}
	return p.Calendar
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

	Simple        *Period // of a first, short answer; nil when the law asks for none
	Execution     *Period // for carrying out what was granted, from the grant; nil when the answer's period is for that too
	WithProcessor bool    // Response is longer because a processor must act too
	Published     bool    // Response is the controller's own
	BeginsWith    bool    // as in Response of the pack
}

// Circumstances are what a rule depends on beside the right.
type Circumstances struct {
	Seat      Place      // of the controller; chooses the calendar
	On        civil.Date // day of receipt; zero: every right that the pack knows
	Processor bool       // a processor must act too
	Published Amount     // the controller's own period where the law asks it to publish one; zero: the pack's
}

// Rule returns the pack's rule for the right in no particular circumstances. A right that the law does not grant has a rule too, of
// level None: the person still gets an answer, and the default period is by when.
func (p Pack) Rule(r dsar.Right) Rule { return p.RuleIn(r, Circumstances{}) }

// RuleIn is Rule in the circumstances.
func (p Pack) RuleIn(r dsar.Right, in Circumstances) Rule {
	out := Rule{Right: r, Level: p.RightLevel(r), Response: p.response(r, in), Refusal: p.Refusal, Roll: p.Roll, Calendar: p.CalendarAt(in.Seat), Version: p.Version}
	if !in.On.IsZero() {
		out.Level = p.RightLevelOn(r, in.On)
	}
	if len(p.Acknowledge.AppliesTo) == 0 || slices.Contains(p.Acknowledge.AppliesTo, r) {
		out.Acknowledge = &p.Acknowledge.Period
	}
	if p.Extension != nil && !slices.Contains(p.Extension.NotFor, r) {
		e := *p.Extension
		if own, ok := e.ByRight[r]; ok {
			e.Value, e.Unit, e.Total, e.NoticeBy = own.Value, own.Unit, own.Total, own.NoticeBy
		}
		out.Extension = &e
	}
	for _, s := range p.Stops {
		if len(s.Rights) == 0 || slices.Contains(s.Rights, r) {
			out.Stops = append(out.Stops, s)
		}
	}
	if r == dsar.Access {
		out.Simple = p.Response.Simple // LGPD Art. 19: whether data is processed, and access to it
	}
	_, longer := p.Response.WithProcessor[r]
	out.WithProcessor = longer && in.Processor
	out.Published = out.Response.Kind == Policy && p.Response.Published && in.Published.Value > 0
	out.Execution, out.BeginsWith = p.Duty("execution", r), p.Response.BeginsWith
	return out
}

// Duty returns the period of the duty for the right, nil when the law has none. A duty without a right holds for every right.
func (p Pack) Duty(id string, r dsar.Right) *Period {
	i := slices.IndexFunc(p.Duties, func(d Duty) bool { return d.ID == id && (d.Right == "" || d.Right == r) })
	if i < 0 {
		return nil
	}
	return &p.Duties[i].Period
}

// response returns the period of the answer.
func (p Pack) response(r dsar.Right, in Circumstances) Period {
	out := p.Response.Default
	own, special := p.Response.ByRight[r]
	if special {
		out = own
	}
	if longer, ok := p.Response.WithProcessor[r]; ok && in.Processor {
		return longer
	}
	if p.Response.Published && !special && in.Published.Value > 0 {
		out.Value, out.Unit, out.Kind = in.Published.Value, in.Published.Unit, Policy
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
