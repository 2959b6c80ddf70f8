package connector

import (
	"context"
	_ "embed"
	"encoding/json"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Right is dsar.Right: what connectors need of the vocabulary stands here, so that they import this package alone.
type Right = dsar.Right

// Outcome is dsar.Outcome.
type Outcome = dsar.Outcome

// RetainedBecause is dsar.RetainedBecause.
type RetainedBecause = dsar.RetainedBecause

// The outcomes of a collection, and the reasons of Retained.
const (
	Found       = dsar.Found
	NothingHeld = dsar.NothingHeld
	Erased      = dsar.Erased
	Corrected   = dsar.Corrected
	Restricted  = dsar.Restricted
	Retained    = dsar.Retained
	Unsupported = dsar.Unsupported
	Ambiguous   = dsar.Ambiguous
	NotDone     = dsar.NotDone

	BecauseHold      = dsar.Hold
	BecauseExemption = dsar.Exemption
	BecauseKeep      = dsar.Keep
)

// The rights a connector can serve directly. Every other right is served through one of them (portability through access,
// objection through restriction or erasure) or by a person.
const (
	Access      = dsar.Access
	Correction  = dsar.Correction
	Erasure     = dsar.Erasure
	Restriction = dsar.Restriction
)

// Descriptor is what a connector says about itself. It is constant for the life of a connector and must agree with the
// interfaces the connector implements: a right is listed exactly when its interface is there.
type Descriptor struct {
	Kind             string          // the kind of system: "sqlite", "postgres", "rest"
	Rights           []Right         // a subset of Access, Correction, Erasure, Restriction, in this order
	Identifiers      []subject.Kind  // kinds it can search by; with a data map: those of its identity fields
	Limits           Limits          //
	ConsistencyDelay time.Duration   // how long after a change a read may still show the old state; verify waits for it
	BackupHorizon    time.Duration   // how long the system's own backups keep what was erased; 0 = none are made
	SettingsSchema   json.RawMessage // JSON Schema (2020-12) of the settings, without secrets
	HasCollections   bool            // whether it needs a Dataset
	// ByPerson says that no machine acts on the system: its owner is asked by mail and answers through a task link. Such a
	// connector serves no right, and searching it is fault.Invalid; the workflow opens a task for the owner instead.
	ByPerson bool
}

// Supports reports whether the right is listed.
func (d Descriptor) Supports(r Right) bool { return slices.Contains(d.Rights, r) }

// Limits bound what the engine asks of a system. Zero fields take the defaults of WithDefaults.
type Limits struct {
	PageRecords int     // records read by one request; default 1000
	BatchKeys   int     // values looked up by one request; default 500
	BatchChange int     // changes in one batch; default 500
	PerSecond   float64 // requests a second to the system; 0 = no limit
}

// WithDefaults returns the limits with every zero replaced.
func (l Limits) WithDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{{&l.PageRecords, 1000}, {&l.BatchKeys, 500}, {&l.BatchChange, 500}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return l
}

// Health is the answer to Check: what works, and what a person must put right.
type Health struct {
	Reachable bool
	Rights    []Right   // rights the credentials in use suffice for
	Problems  []Problem // empty when the system is ready
}

// Problem is one thing that is wrong with a system or its data map. Its text is for an operator and holds no record value.
type Problem struct {
	Collection string `json:"collection,omitempty"`
	Field      string `json:"field,omitempty"` // dotted path
	Line       int    `json:"line,omitempty"`  // in the dataset file, when known
	Text       string `json:"text"`
}

// Connector reaches one system. Methods may be called from several goroutines at once. Errors carry a fault class:
// throttled (with a wait when the system named one), unavailable (not reachable, 5xx, timeouts, an ended context),
// misconfigured (credentials, missing tables), invalid (a malformed answer), internal.
type Connector interface {
	Describe() Descriptor
	// Check reaches the system and says which rights its credentials suffice for. A system that cannot be reached is an
	// error; one that can but is set up wrongly is a Health with Problems.
	Check(ctx context.Context) (Health, error)
	// Locate searches by the identifiers it is given and returns what they find: collections, new identifiers, ambiguity.
	// It reads a bounded number of rows, however many the person has.
	Locate(ctx context.Context, q Query) (Located, error)
	// Close releases what the connector holds. It is idempotent; later calls of other methods fail.
	Close() error
}

// Accessor serves the right of access: every record of the person goes to call.Records.
type Accessor interface {
	Access(ctx context.Context, call Call) (Progress, error)
}

// Corrector serves correction. The three steps are those of Eraser; planned changes have action set.
type Corrector interface {
	PlanCorrection(ctx context.Context, call Call) (Progress, error)
	ApplyCorrection(ctx context.Context, batch []Change) ([]Effect, error)
	VerifyCorrection(ctx context.Context, batch []Change) ([]Effect, error)
}

// Eraser serves erasure.
type Eraser interface {
	// PlanErasure is the dry run: it changes nothing and writes what would change to call.Changes, in any order, each once.
	PlanErasure(ctx context.Context, call Call) (Progress, error)
	// ApplyErasure carries out a batch: changes of one collection and one action, at most Limits.BatchChange. It returns an
	// effect per change in the same order; with an error, the effects of those settled before it. A change that is already in
	// its end state is EffectAlready. A row whose Via fields no longer hold the planned values is EffectOwner and untouched.
	// Repeating a batch is safe.
	ApplyErasure(ctx context.Context, batch []Change) ([]Effect, error)
	// VerifyErasure reads every planned key again and compares it with its planned end state: EffectDone or EffectNot.
	VerifyErasure(ctx context.Context, batch []Change) ([]Effect, error)
}

// Restrictor serves restriction of processing (GDPR Art. 18). The three steps are those of Eraser; planned changes have
// action flag.
type Restrictor interface {
	PlanRestriction(ctx context.Context, call Call) (Progress, error)
	ApplyRestriction(ctx context.Context, batch []Change) ([]Effect, error)
	VerifyRestriction(ctx context.Context, batch []Change) ([]Effect, error)
}

// Factory makes connectors of one kind. Package connectors/catalog lists those compiled in.
type Factory struct {
	Kind           string
	SettingsSchema json.RawMessage // JSON Schema (2020-12); validated before Open
	SecretNames    []string        // names a system of the kind must or may give secrets for
	HasCollections bool            // whether OpenInput.Dataset is required
	ByPerson       bool            // see Descriptor.ByPerson
	// Schemas are further JSON Schemas (2020-12) that an installation publishes for the kind, such as that of files which its
	// settings name, by file name ("connector.schema.json").
	Schemas map[string][]byte
	// Open makes a connector without reaching the system further than needed to learn what the data map leaves open (types,
	// keys). Wrong settings or a data map the system cannot serve are fault.Misconfigured and name what is wrong.
	Open func(ctx context.Context, in OpenInput) (Connector, error)
}

// OpenInput is what a system is opened with.
type OpenInput struct {
	Settings json.RawMessage        // checked against the schema
	Secrets  map[string]redact.Text // by name
	Dataset  *Dataset               // nil for kinds without collections
	Others   []*Dataset             // data maps of the tenant's other systems, for references between systems
	BaseDir  string                 // relative paths in Settings start here
	Now      func() time.Time       // the clock of the installation
}

//go:embed schema/habeas_meta.schema.json
var metaSchema []byte

// MetaSchema returns the JSON Schema (2020-12) of what habeas_meta may hold in a dataset file.
func MetaSchema() json.RawMessage { return slices.Clone(metaSchema) }
