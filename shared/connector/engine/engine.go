package engine

import (
	"context"
	"io"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Keys seals and opens what belongs to one case. *keys.CaseKeys implements it.
type Keys interface {
	SealDoc(label string, plain []byte) []byte
	OpenDoc(label string, sealed []byte) (redact.Bytes, error)
	SealResults(w io.Writer) (io.WriteCloser, error)
}

// Config is what an engine is made of. Blobs, Now and Sleep are required; the rest has defaults.
type Config struct {
	Blobs blobs.Store
	Now   func() time.Time
	// Sleep waits d or until ctx ends, whose error it then returns.
	Sleep func(ctx context.Context, d time.Duration) error
	// Pace is the clock by which Sleep waits and contexts end; rate limits and the time of a turn go by it, because Now may be a
	// clock that is moved by hand. nil = Now, and deadlines of contexts, which may go by another clock, are not looked at.
	Pace        func() time.Time
	TurnTime    time.Duration // a turn asks connectors to stop after it; default 30 s
	TurnRecords int           // or after so many records; default 500,000
	TurnBytes   int64         // or after so many bytes of records; default 256 MiB
	PartBytes   int           // records held back before a part is sealed and stored; default 2 MiB
	SpoolBytes  int           // memory of a spool before it writes runs; default 24 MiB
	GrowthLimit int           // per cent of the approved records that may come on top; default 5, see Instruction
}

// Hold is a legal hold that concerns the person and the system of a task.
type Hold struct {
	ID         string
	Collection string // empty = every collection
	// Keys are values of the collection's hold_key field or, where it has none, of its key. Empty = every record.
	Keys []redact.Text
}

// Gate says what holds right now.
type Gate struct {
	Stop  bool // the case was withdrawn, paused or taken over: no further batch
	Holds []Hold
}

// Exemption keeps the records of a collection out of a change, for a reason that people may read.
type Exemption struct {
	Collection string // empty = every collection of the system
	// Field keeps this field alone (its path, and what lies below it): the rest of the record is still changed, unless the record
	// would be deleted, which no field survives. Empty = whole records.
	Field  string
	Reason string // with its citation
}

// Instruction is one authorised task: who, where, what. Identity, exemptions and approval were decided before.
type Instruction struct {
	Tenant, CaseID, TaskID string
	System                 string // name of the system, for rate limits and holds
	Action                 dsar.Action
	// Right says which change a dry run prepares and a verification checks: erasure, correction or restriction.
	Right     dsar.Right
	Connector connector.Connector
	Dataset   *connector.Dataset // nil for kinds without collections
	Keys      Keys
	Proven    []subject.Identifier
	Found     []subject.Identifier // in rows that proven ones matched, by locate
	// Corrections are what a correction sets. Field is "collection.field", a data category ("user.name") or a bare field name.
	Corrections []Correction
	// Deny names what is withheld from disclosure: "collection.field" and data categories.
	Deny []string
	// Plan is the answer of the dry run, as approved, for erase, correct and restrict; the Plan of that task's last turn for
	// verify.
	Plan PlanRef
	// GrowthLimit is the approved growth in per cent; 0 = the engine's. At least 20 records may always come on top.
	GrowthLimit int
	// Exempt is what the law lets stay as it is. It must be the same for the dry run and everything that follows from it.
	Exempt []Exemption
	// Gate is asked before planning and before each batch of changes, whatever was true before. nil = open, no holds.
	Gate func(ctx context.Context) (Gate, error)
	// State is Turn.State of the turn before; empty for the first.
	State State
	// Callback is where the system may report that it is done; see connector.CallbackURL. Empty = it cannot.
	Callback string
}

// Correction asks for a value in every field that Field names.
type Correction struct {
	Field string
	Value redact.Text
}

// State is what a task remembers between turns: JSON without personal data, at most 32 KiB. Empty = begin.
type State []byte

// Status says what the task machine does next. Wire values of task.asl.json.
type Status string

// The statuses of a turn.
const (
	Finished Status = "finished" // settled; Outcome is final
	More     Status = "more"     // run the next turn at once
	Waiting  Status = "waiting"  // run the next turn after WaitSeconds
	System   Status = "system"   // the system answers later, by callback; ask it anyway after WaitSeconds
	Person   Status = "person"   // a person must decide; Reason says what
)

// Turn is the answer of one turn. Everything but Identifiers may be stored and logged.
type Turn struct {
	Status      Status
	WaitSeconds int // 1..900 for Waiting, 1..86,400 for System, otherwise 0
	State       State
	// Outcome of the task; valid when Status is Finished, and for Person when it is known (ambiguous, not_done).
	Outcome dsar.Outcome
	// Collections of the whole task so far, counts added up over its turns, in the order of the data map.
	Collections []connector.CollectionResult
	// Identifiers that locate found beyond the known ones. Seal them.
	Identifiers []subject.Identifier
	Ambiguity   *connector.Ambiguity // why, when Outcome is ambiguous
	// Parts that this turn wrote, for access, whatever its Status; the caller collects them over the turns, and drops all of
	// them when the outcome is ambiguous. Empty when the turn wrote nothing.
	Parts []PartRef
	// Plan after a finished dry run, and after a finished change: what verify compares with.
	Plan PlanRef
	// Receipt is the lower-case hex SHA-256 over the canonical facts of a finished task: tenant, case, system, action,
	// outcomes and counts, plan hash, digests of sealed parts. A repeated change has the same receipt.
	Receipt string
	// Leftover says that objects of the task's spool lie in the store; when Status is Finished or Person and the turn is
	// recorded, call Forget.
	Leftover bool
	// Reason names, without personal data, why the task waits or needs a person.
	Reason string
	// FaultClass is the class of the failure behind Waiting or Person; empty when there is none.
	FaultClass string
}

// PlanRef names a sealed plan list and what it holds. It is no personal data and may be stored and shown.
type PlanRef struct {
	Name   string      `json:"name,omitempty"`  // prefix of the objects; empty = no plan
	Parts  int         `json:"parts,omitempty"` // objects
	Hash   string      `json:"hash,omitempty"`  // lower-case hex SHA-256 over salt and every line
	Counts []PlanCount `json:"counts,omitempty"`
}

// PlanCount counts the records of one collection and action.
type PlanCount struct {
	Collection string                    `json:"name"`
	Action     connector.ChangeAction    `json:"action"`
	Records    int                       `json:"records"`
	Because    connector.RetainedBecause `json:"because,omitempty"` // for keep
	Reason     string                    `json:"reason,omitempty"`  // for keep
	// For set: salted digests over the values that were replaced and those that replaced them, lower-case hex SHA-256. Whoever
	// has the list can prove both; nobody else learns anything.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// PartRef names one sealed object of records and says what is in it. It is no personal data.
type PartRef struct {
	Name     string    `json:"name"`   // raw/<tenant>/<case>/<task>/<part>
	Bytes    int64     `json:"bytes"`  // sealed
	SHA256   string    `json:"sha256"` // of the sealed object, lower-case hex
	Sections []Section `json:"sections"`
}

// Section is the records of one collection in a part: JSON lines, each a disclosed record.
type Section struct {
	Collection string `json:"collection"`
	Offset     int64  `json:"offset"` // in the opened part
	Bytes      int64  `json:"bytes"`
	Records    int    `json:"records"`
}
