package casefile

import (
	"encoding/json"
	"time"

	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/plan"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// SchemaVersion is the version of stored documents and workflow payloads. A reader accepts its own and older ones.
const SchemaVersion = 1

// Case is the open part of a request: nothing in it is personal.
type Case struct {
	Schema     int          `json:"schema"`
	Tenant     string       `json:"tenant"`
	ID         string       `json:"id"`
	Reference  string       `json:"reference"`
	Right      dsar.Right   `json:"right"`
	Status     dsar.Status  `json:"status"`
	Phase      dsar.Phase   `json:"phase"`
	Generation int          `json:"generation"`
	Channel    string       `json:"channel"` // portal, api, staff
	Locale     string       `json:"locale"`
	Scope      policy.Scope `json:"scope,omitempty"` // of an access that asks for less than the data itself
	ReceivedAt time.Time    `json:"receivedAt"`
	OpenedAt   time.Time    `json:"openedAt"` // when Habeas learned of it; later than ReceivedAt for a noted request
	UpdatedAt  time.Time    `json:"updatedAt"`
	ClosedAt   time.Time    `json:"closedAt,omitzero"`
	AnsweredAt time.Time    `json:"answeredAt,omitzero"` // first answered in substance: granted, or denied with reasons

	Law         Law        `json:"law"`
	LawDecision *Decision  `json:"lawDecision,omitempty"` // somebody's, that another law governs than triage took
	Due         Due        `json:"due"`
	Extension   *Decision  `json:"extension,omitempty"`
	Questions   []Question `json:"questions,omitempty"` // to the person, that may move the date; oldest first

	DuplicateOf string   `json:"duplicateOf,omitempty"` // case id of an older open request of the same right and address
	MergedInto  string   `json:"mergedInto,omitempty"`  // set after verification; that case answers both
	Merged      []string `json:"merged,omitempty"`      // case ids that this case answers too
	Noticed     bool     `json:"noticed,omitempty"`     // the person was told that it was joined

	Verification Verification `json:"verification"`
	Round        int          `json:"round"`             // rounds of locating done or under way; at most MaxRounds
	Opening      []string     `json:"opening,omitempty"` // systems whose task of this round is still to be opened

	Plan         *plan.Plan  `json:"plan,omitempty"`
	PlanDecision *Decision   `json:"planDecision,omitempty"`
	Planning     int         `json:"planning,omitempty"`    // plans made or begun; names the dry runs of the present one
	Drafting     bool        `json:"drafting,omitempty"`    // a plan is being made
	Replan       []string    `json:"replan,omitempty"`      // systems whose part must be planned anew; those of Plan stand otherwise
	Editors      []string    `json:"editors,omitempty"`     // evidence actors who edited the plan: none of them approves it
	Exemptions   []Exemption `json:"exemptions,omitempty"`  // of this case, beside those of its systems
	Weighs       bool        `json:"weighs,omitempty"`      // a law leaves it to a person whether some of the data is reached
	ReviewBy     string      `json:"reviewBy,omitempty"`    // YYYY-MM-DD: first day on which an exemption is looked at again that still keeps something
	GrowthLimit  int         `json:"growthLimit,omitempty"` // per cent; 0 = the tenant's
	GraceDays    int         `json:"graceDays,omitempty"`   // as the tenant's policy said when the plan was made
	GraceUntil   time.Time   `json:"graceUntil,omitzero"`   // an approved erasure waits until then
	After        string      `json:"after,omitempty"`       // case whose answer must have left before anything is erased
	Before       []string    `json:"before,omitempty"`      // cases that wait for the answer of this one

	Unidentified bool `json:"unidentified,omitempty"` // a person decided that the subject cannot be told from others
	Answered     bool `json:"answered,omitempty"`     // the answer is on its way or there; a withdrawal comes too late

	Review     *Decision `json:"review,omitempty"`     // decision on the response: approve or refuse
	Withdrawal *Decision `json:"withdrawal,omitempty"` // by subject or staff
	Paused     *Decision `json:"paused,omitempty"`     // by staff; the case has no execution until it is resumed
	Refusal    *Decision `json:"refusal,omitempty"`    // with its ground

	ExemptionReview *Decision `json:"exemptionReview,omitempty"` // the last one: keep_longer or lift
	Operator        *Operator `json:"operator,omitempty"`        // a step failed in a way that needs a person

	Claims     []Claim   `json:"claims,omitempty"`     // that the request, or part of it, need not be answered for free; oldest first
	Subs       int       `json:"subs,omitempty"`       // appeals and complaints so far
	OpenSubs   int       `json:"openSubs,omitempty"`   // of these, not decided; the case is kept while there are any
	Unreviewed bool      `json:"unreviewed,omitempty"` // the response needs nobody's look; it waits for the person alone
	Reopened   bool      `json:"reopened,omitempty"`   // it was answered or refused before; its date was met, or missed, then
	ShortAt    time.Time `json:"shortAt,omitzero"`     // a first, short answer was given
	Granted    *Grant    `json:"granted,omitempty"`    // the person was told that the request is granted, before it is carried out

	Assembly   Assembly     `json:"assembly,omitzero"` // while the package is built
	Package    *Package     `json:"package,omitempty"`
	Prior      *Package     `json:"prior,omitempty"`      // of the answer before, until the present one is assembled
	Answers    int          `json:"answers,omitempty"`    // answers that left so far; a supplement is another one
	Supplement []Supplement `json:"supplement,omitempty"` // systems that the last answer left out and that are tried again
	Answer     dsar.Outcome `json:"answer,omitempty"`     // outcome of the case as a whole, once known

	Undelivered []Undelivered `json:"undelivered,omitempty"` // letters that did not reach the person, oldest first
	MailCopies  *MailCopies   `json:"mailCopies,omitempty"`  // of an erasure, once it is closed

	LettersNo int           `json:"lettersNo"`          // mails queued so far; makes Message-IDs deterministic
	RowsNo    int           `json:"rowsNo"`             // outbox rows written so far
	Restarts  int           `json:"restarts,omitempty"` // by the sweeper, since the last sign of life
	NextDue   time.Time     `json:"nextDue,omitzero"`   // when the sweeper must look at the case again
	Head      evidence.Head `json:"head"`               // of the case's evidence chain
	Disposal  Disposal      `json:"disposal,omitzero"`  // of a closed case

	Lifting *Lifting `json:"lifting,omitempty"` // of a restriction

	Purpose    string   `json:"purpose,omitempty"`    // of an objection or a withdrawal: a code of package consent
	Signal     string   `json:"signal,omitempty"`     // opt-out signal that came with the request: gpc
	Suppressed []string `json:"suppressed,omitempty"` // purposes that the ledger of consents was told of

	Alarm *Alarm `json:"alarm,omitempty"` // how near its date the case is known to be
	Late  *Late  `json:"late,omitempty"`  // the answer was late
}

// MaxRounds bounds the rounds of locating (mail -> customer id -> phone -> ...).
const MaxRounds = 4

// Law is what triage pinned: the pack governs the case for ever, whatever later versions say.
type Law struct {
	Pack       string `json:"pack"`
	Version    string `json:"version"`
	Country    string `json:"country,omitempty"`
	Region     string `json:"region,omitempty"`     // ISO 3166-2 code; a name stays in the personal document
	Assumption string `json:"assumption,omitempty"` // in words, when the law had to be assumed
	Doubt      string `json:"doubt,omitempty"`      // code of policy.Doubt behind Assumption, so that letters say it in every language
	Also       []Also `json:"also,omitempty"`       // other laws that apply to the case; the earliest date of all governs
}

// Also is a law that applies beside the governing one, pinned like it.
type Also struct {
	Pack    string `json:"pack"`
	Version string `json:"version"`
	Why     string `json:"why"`             // in words: "the company sits there"
	Due     string `json:"due,omitempty"`   // civil date that this law alone sets
	Basis   string `json:"basis,omitempty"` // citation of the period behind Due

	DueAt time.Time `json:"dueAt,omitzero"`  // last instant of Due
	Steps []DueStep `json:"steps,omitempty"` // to Due
}

// Question is something that the person was asked for and that the law may let move the date. The words are a message of the
// conversation; the amount of a fee is Amount.
type Question struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`             // of package clock: identity, clarification, fee
	Code     string    `json:"code"`             // the reason of doubt, the ground of the fee
	Amount   string    `json:"amount,omitempty"` // of a fee, as shown: "CHF 40.00"
	By       string    `json:"by"`               // evidence actor
	At       time.Time `json:"at"`
	Answered time.Time `json:"answered,omitzero"`
	Dropped  time.Time `json:"dropped,omitzero"` // the team no longer needs the answer; counts as answered then

	Blocks   bool      `json:"blocks,omitempty"`     // nothing is handed out or changed before it is answered
	NotPause string    `json:"notPause,omitempty"`   // code of why it moves no date although the law's rule on it would: late
	Until    time.Time `json:"until,omitzero"`       // of a fee: not accepted by then, the request counts as withdrawn
	Accepted time.Time `json:"accepted,omitzero"`    // of a fee, by the person
	Paid     time.Time `json:"paid,omitzero"`        // of a fee; Answered is this instant or Accepted, whichever the law counts from
	AnswerBy string    `json:"answeredBy,omitempty"` // evidence actor who answered, or recorded the answer
}

// Due is the statutory deadline as computed when it last changed, with its reasoning.
type Due struct {
	At      time.Time `json:"at,omitzero"`
	Date    string    `json:"date,omitempty"` // civil date in the tenant's zone
	Steps   []DueStep `json:"steps,omitempty"`
	Ack     time.Time `json:"ack,omitzero"`
	Notice  time.Time `json:"notice,omitzero"` // last instant for an extension notice
	Granted string    `json:"granted,omitempty"`

	RefuseBy time.Time `json:"refuseBy,omitzero"` // last instant to refuse
	Simple   time.Time `json:"simple,omitzero"`   // for a first, short answer before the whole one
	Execute  time.Time `json:"execute,omitzero"`  // for carrying out what was granted
	Target   time.Time `json:"target,omitzero"`   // of the tenant's own choice, not after At
	First    time.Time `json:"first,omitzero"`    // At without the extension; zero when there is none
	Law      string    `json:"law,omitempty"`     // pack whose date At is, when several laws apply
	Own      *Due      `json:"own,omitempty"`     // what the law of the residence alone sets, when several laws apply: At, Date, Steps
	Waiting  []string  `json:"waiting,omitempty"` // kinds of questions that are open and move At until they are answered
}

// DueStep is one numbered step of the reasoning. Text is the English sentence of Code and Args (clock.StepCodes); a step of an
// older case has Text alone.
type DueStep struct {
	Text     string      `json:"text"`
	Citation string      `json:"citation,omitempty"`
	Code     string      `json:"code,omitempty"`
	Args     []clock.Arg `json:"args,omitempty"`
}

// Verification is how far the proof of identity is. Nothing in it is personal: what a person typed stands in her sealed document until
// it was compared.
type Verification struct {
	Level      string                  `json:"level,omitempty"`
	Asked      []verification.Asked    `json:"asked,omitempty"` // what was asked, why, and what became of it (11 CCR 7060; GDPR Art. 12(6))
	Challenge  *verification.Challenge `json:"challenge,omitempty"`
	Codes      int                     `json:"codes"` // codes sent so far
	VerifiedAt time.Time               `json:"verifiedAt,omitzero"`
	ExpiresAt  time.Time               `json:"expiresAt,omitzero"` // unverified until then: the case expires
	Expired    bool                    `json:"expired,omitempty"`

	Need      *verification.Requirement `json:"need,omitempty"`      // what Asked must amount to; nil: the address
	AddressAt time.Time                 `json:"addressAt,omitzero"`  // the mailed code was given; what else is asked may be open
	Tries     int                       `json:"tries,omitempty"`     // how often details were compared
	JudgedAt  time.Time                 `json:"judgedAt,omitzero"`   // of Verdict
	Verdict   verification.Verdict      `json:"verdict,omitempty"`   // on what Need wanted first
	Reached   verification.Level        `json:"reached,omitempty"`   // what was proved in the end
	Staff     *Decision                 `json:"staff,omitempty"`     // a person of the team proved who asks; Decision says how
	Document  *Document                 `json:"document,omitempty"`  // of identity, asked for by a person
	Requester *Requester                `json:"requester,omitempty"` // somebody who asks for the person; nil: she herself
}

// Decision is something a person decided: what, who, why, when. Why is in the person's own words, which may name anybody, so
// it is kept sealed; File.Reason opens it.
type Decision struct {
	Decision string    `json:"decision"`
	By       string    `json:"by"`               // evidence actor: subject, staff:<id>, system
	Reason   []byte    `json:"reason,omitempty"` // sealed
	At       time.Time `json:"at"`
	Hash     string    `json:"hash,omitempty"` // what was decided on

	Ground   string `json:"ground,omitempty"`   // of a refusal: a code of the pack that governs
	Citation string `json:"citation,omitempty"` // of the rule behind Ground
	Until    string `json:"until,omitempty"`    // civil date of an extension whose length the law leaves open
}

// The decisions on a plan or a response.
const (
	Approve = "approve"
	Refuse  = "refuse"
	Edit    = "edit"
)

// Exemption keeps a collection of a system as it is, for a reason given in this case. The words are sealed with the decision
// that brought it.
type Exemption struct {
	System     string `json:"system"`
	Collection string `json:"collection,omitempty"` // empty = the whole system
	Citation   string `json:"citation"`
	ReviewBy   string `json:"reviewBy,omitempty"` // YYYY-MM-DD

	Field  string `json:"field,omitempty"`  // keeps this field alone; empty = whole records
	Ground string `json:"ground,omitempty"` // of package policy, when the law brings it by itself; empty: somebody claimed it
	Lifted bool   `json:"lifted,omitempty"` // of the law, but somebody decided that it does not hold here
}

// Supplement is a system that an answer left out because it could not be reached.
type Supplement struct {
	System string    `json:"system"`
	Tries  int       `json:"tries"` // how often it was looked for since
	Since  time.Time `json:"since"`
}

// PlanApproved reports whether the plan as it stands was approved: the decision names its hash.
func (c *Case) PlanApproved() bool {
	return c.Plan != nil && c.PlanDecision != nil && c.PlanDecision.Decision == Approve && c.PlanDecision.Hash == c.Plan.Hash
}

// Operator records that the workflow stopped in front of a person who runs Habeas.
type Operator struct {
	Fault string    `json:"fault"` // fault class or ASL error name
	Phase string    `json:"phase"`
	Since time.Time `json:"since"`
	Next  string    `json:"next,omitempty"` // the phase that a person chose to go on with
}

// Assembly is how far the building of the package is.
type Assembly struct {
	At    time.Time       `json:"at"`
	State json.RawMessage `json:"state,omitempty"` // of package disclosure
}

// Package is the disclosure that was assembled. Objects are sealed; names hold no personal data.
type Package struct {
	Volumes   []Volume  `json:"volumes"`
	Records   int64     `json:"records"`
	Bytes     int64     `json:"bytes"`
	BuiltAt   time.Time `json:"builtAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	Downloads int       `json:"downloads"`
}

// Volume is one zip of at most 1 GiB.
type Volume struct {
	Object string `json:"object"`
	Bytes  int64  `json:"bytes"` // of the plain zip
	SHA256 string `json:"sha256"`
	Name   string `json:"name"` // file name offered to the person
}

// Become moves the case to status n; an illegal step is fault.Conflict and changes nothing.
func (c *Case) Become(n dsar.Status) error {
	if !c.Status.MayBecome(n) {
		return fault.New(fault.Conflict, "a case that is "+string(c.Status)+" cannot become "+string(n))
	}
	c.Status = n
	return nil
}

// Download returns the package that the person can fetch now, or nil.
func (c *Case) Download() *Package {
	if c.Package != nil && c.Answered {
		return c.Package
	}
	return c.Prior
}

// Open reports whether the case is not closed.
func (c *Case) Open() bool { return !c.Status.Final() }

// Stopping reports whether a decision was taken after which no step does new work: the case goes to its closing.
func (c *Case) Stopping() bool {
	return (c.Withdrawal != nil && !c.Answered) || c.Verification.Expired || c.Refusal != nil || c.Unidentified || c.MergedInto != ""
}

// Task is one action on one system. Nothing in it is personal; identifiers found are in Sealed.
type Task struct {
	ID          string          `json:"id"`
	System      string          `json:"system"`
	Action      dsar.Action     `json:"action"`
	By          plan.By         `json:"by"`
	Status      TaskStatus      `json:"status"`
	Round       int             `json:"round,omitempty"`
	Part        int             `json:"part"`           // executions opened for it so far, in every generation
	Lost        int             `json:"lost,omitempty"` // parts that ended without settling it
	Opened      int             `json:"opened"`         // generation in which it was last opened
	Turns       int             `json:"turns"`
	TurnsAtOpen int             `json:"turnsAtOpen"`     // turns it had then; a part without a turn since is lost
	Waits       int             `json:"waits,omitempty"` // waits in a row; the pause grows with it
	State       json.RawMessage `json:"state,omitempty"` // of the connector engine
	Parts       json.RawMessage `json:"parts,omitempty"` // sealed result objects
	Outcome     dsar.Outcome    `json:"outcome,omitempty"`
	Because     string          `json:"because,omitempty"` // a code (dsar.RetainedBecause); words of a person are in Decision
	Collections []Collection    `json:"collections,omitempty"`
	Sealed      []byte          `json:"sealed,omitempty"`    // identifiers found
	Receipt     string          `json:"receipt,omitempty"`   // hex SHA-256 over what was done
	List        json.RawMessage `json:"list,omitempty"`      // sealed list of changes: planned (dry run), done (acts), checked (verify)
	Planning    int             `json:"planning,omitempty"`  // dry run, acts, verify: of which plan
	Of          string          `json:"of,omitempty"`        // verify: the task whose work is checked
	VerifiedAt  time.Time       `json:"verifiedAt,omitzero"` // acts: everything was found in its planned end state
	Note        string          `json:"note,omitempty"`      // acts: why the system was planned anew; never a record value
	Called      bool            `json:"called,omitempty"`    // the system reported that it is ready
	WakeAt      time.Time       `json:"wakeAt,omitzero"`     // when the system is asked although it did not report
	Held        []string        `json:"held,omitempty"`      // dry run, acts: holds that kept records
	Fault       string          `json:"fault,omitempty"`     // class of the last failure
	Asked       *Asked          `json:"asked,omitempty"`     // what a person must decide
	Decision    *Decision       `json:"decision,omitempty"`
	Owner       *OwnerWork      `json:"owner,omitempty"` // for a system that its owner acts on
	StartedAt   time.Time       `json:"startedAt,omitzero"`
	EndedAt     time.Time       `json:"endedAt,omitzero"`
	Head        evidence.Head   `json:"head"`
	Chained     int64           `json:"chained,omitempty"` // seq of Head that the case's chain last took over
}

// TaskStatus is where a task stands.
type TaskStatus string

// The statuses of a task.
const (
	TaskOpen    TaskStatus = "open"
	TaskWaiting TaskStatus = "waiting" // the system is unavailable or throttles; goes on by itself
	TaskPerson  TaskStatus = "person"  // a person must decide
	TaskDone    TaskStatus = "done"
)

// Acts reports whether the task does what the request asks for, as against finding, planning and checking.
func (t *Task) Acts() bool {
	switch t.Action {
	case dsar.Locate, dsar.DryRun, dsar.VerifyAfter:
		return false
	default:
		return true
	}
}

// Changes reports whether the task changes data by machine.
func (t *Task) Changes() bool {
	return t.By == plan.Machine && (t.Action == dsar.Erase || t.Action == dsar.Correct || t.Action == dsar.Restrict)
}

// Drifted is Task.Because of an act that stopped because its system had changed since the plan was approved.
const Drifted = "drift"

// LeftOut is Task.Because of a system that an answer went without; it is tried again and a supplement follows.
const LeftOut = "left_out"

// PartsOf decodes the sealed result objects of a task, in the form P that the connector engine gave them.
func PartsOf[P any](t *Task) ([]P, error) {
	var parts []P
	if len(t.Parts) > 0 && json.Unmarshal(t.Parts, &parts) != nil {
		return nil, fault.New(fault.Internal, "decoding parts")
	}
	return parts, nil
}

// Collection is what became of one collection of a system.
type Collection struct {
	Name     string       `json:"name"`
	Outcome  dsar.Outcome `json:"outcome"`
	Because  string       `json:"because,omitempty"`
	Records  int64        `json:"records"`
	ReadFrom time.Time    `json:"readFrom,omitzero"`
	ReadTo   time.Time    `json:"readTo,omitzero"`
	Note     string       `json:"note,omitempty"`
}

// Asked is a question to a person about a task.
type Asked struct {
	Why     string    `json:"why"` // ambiguous, misconfigured, lost, manual, owner, owner_late, owner_cannot
	Text    string    `json:"text"`
	Since   time.Time `json:"since"`
	DueAt   time.Time `json:"dueAt,omitzero"`
	Answers []string  `json:"answers"` // outcomes a person may choose

	By subject.Kind `json:"by,omitempty"` // ambiguous: kind of the identifier that fits several people
}

// Wait is a task token that a step left: a bearer secret, sealed under the case's record key.
type Wait struct {
	State      string    `json:"state"`            // name of the state in the machine
	TaskID     string    `json:"taskId,omitempty"` // for the states of the task machine
	Generation int       `json:"generation"`
	Since      time.Time `json:"since"`
	Token      []byte    `json:"token"`
}

// What a person may answer, by why she is asked.
var (
	// AnswersForFailure: try again, or leave the system out of the answer with a reason.
	AnswersForFailure = []string{"retry", string(dsar.NotDone)}
	// AnswersForAmbiguity: say who is meant by an identifier proven otherwise, leave the system out, or give up identifying.
	AnswersForAmbiguity = []string{"identify", string(dsar.NotDone), string(dsar.NotIdentifiable)}
	// AnswersForVerification: look again, plan this system anew, or leave it as it is and say so.
	AnswersForVerification = []string{"retry", "replan", string(dsar.NotDone)}
	// AnswersForHandwork: what became of it when it was carried out by hand.
	AnswersForHandwork = []string{"done", string(dsar.NothingHeld), string(dsar.Retained), string(dsar.NotDone)}
)

// Ask hands the task to a person.
func (t *Task) Ask(why, text string, at time.Time, answers []string) {
	t.Status, t.Asked, t.Decision = TaskPerson, &Asked{Why: why, Text: text, Since: at, Answers: answers}, nil
}

// Done ends the task with an outcome.
func (t *Task) Done(o dsar.Outcome, at time.Time) {
	t.Status, t.Outcome, t.EndedAt, t.Asked, t.Fault = TaskDone, o, at, nil, ""
}
