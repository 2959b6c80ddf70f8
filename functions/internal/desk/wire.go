// Package desk lets functions without connectors ask those that have them. On AWS only the workers, which run the tasks of
// cases, can open systems: they hold the connectors, the secrets and the way into a private network. The console, which registers
// systems and compares restored ones, and the sweep, which asks whether a system is back, call them through a Client; a worker
// answers with Serve, beside the tasks that the state machine sends.
//
// A request names a desk, which the payload of a task never does. It carries what is registered of a system: settings, references
// to secrets and the data map; an answer what opening it found out. Neither holds personal data or a secret, and both fit into
// the 6 MB of a synchronous call. What goes wrong at a desk is an answer with its fault class, so that the caller says what it
// would have said had it opened the system itself.
package desk

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// The desks. Wire values.
const (
	kinds        = "kinds"         // which kinds of systems the worker opens
	look         = "look"          // opens a system and asks it what works
	restoreCheck = "restore-check" // compares a restored system with the erasure ledger
	restoreApply = "restore-apply" // the same, and erases again what came back
)

// version is the schemaVersion of requests.
const version = 1

// MaxBytes bounds requests and answers (AWS Lambda Developer Guide, "Lambda quotas": 6 MB, synchronous).
const MaxBytes = 6 << 20

type request struct {
	Desk          string        `json:"desk"`
	SchemaVersion int           `json:"schemaVersion"`
	Tenant        string        `json:"tenant,omitempty"`
	System        string        `json:"system,omitempty"`
	Registered    *registration `json:"registered,omitempty"` // look: the system need not be in the registry
	By            string        `json:"by,omitempty"`         // restore-*: evidence actor
	Cursor        string        `json:"cursor,omitempty"`     // restore-*
}

// registration is what a system is opened with, and nothing else of it.
type registration struct {
	Kind     string            `json:"kind"`
	Settings json.RawMessage   `json:"settings,omitempty"`
	Secrets  map[string]string `json:"secrets,omitempty"` // references
	Dataset  []byte            `json:"dataset,omitempty"` // data map, YAML in gzip
	BaseDir  string            `json:"baseDir,omitempty"`
	Rights   []dsar.Right      `json:"rights,omitempty"`
}

// answer holds what the desk answers with; a finding may come with an error.
type answer struct {
	Kinds   []kind                `json:"kinds,omitempty"`
	Finding *finding              `json:"finding,omitempty"`
	Report  *erasureledger.Report `json:"report,omitempty"`
	Error   *failure              `json:"error,omitempty"`
}

type kind struct {
	Name     string                     `json:"name"`
	Settings json.RawMessage            `json:"settings"`
	Schemas  map[string]json.RawMessage `json:"schemas,omitempty"`
}

type finding struct {
	Opened      bool                `json:"opened"`
	Identifiers []subject.Kind      `json:"identifiers,omitempty"`
	Collections []string            `json:"collections,omitempty"`
	ByPerson    bool                `json:"byPerson,omitempty"`
	Rights      []dsar.Right        `json:"rights,omitempty"`
	Reachable   bool                `json:"reachable,omitempty"`
	Suffices    []dsar.Right        `json:"suffices,omitempty"` // rights that the credentials suffice for
	Problems    []connector.Problem `json:"problems,omitempty"`
}

// failure is an error by what callers go by. Its texts are those of fault.Error and connector.Problem: no identifiers, no values.
type failure struct {
	Class    fault.Class         `json:"class"`
	Text     string              `json:"text,omitempty"`
	Field    string              `json:"field,omitempty"`
	WaitMS   int64               `json:"waitMs,omitempty"`
	Problems []connector.Problem `json:"problems,omitempty"` // of a connector.InvalidDataset
}

// pack makes a registration of a system.
func pack(sys registry.System) (*registration, error) {
	r := &registration{Kind: sys.Kind, Settings: sys.Settings, Secrets: sys.Secrets, BaseDir: sys.BaseDir, Rights: sys.Rights}
	if sys.Dataset == "" {
		return r, nil
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(sys.Dataset)); err != nil {
		return nil, fmt.Errorf("packing a data map: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("packing a data map: %w", err)
	}
	r.Dataset = packed.Bytes()
	return r, nil
}

// unpack is the reverse of pack. A data map that would not be stored is not unpacked.
func (r *registration) unpack(tenant, name string) (registry.System, error) {
	sys := registry.System{Tenant: tenant, Name: name, Kind: r.Kind, Settings: r.Settings, Secrets: r.Secrets, BaseDir: r.BaseDir, Rights: r.Rights}
	if len(r.Dataset) == 0 {
		return sys, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Dataset))
	if err != nil {
		return sys, fault.New(fault.Invalid, "the data map of a request is not packed")
	}
	text, err := io.ReadAll(io.LimitReader(z, registry.MaxDataset+1))
	if err != nil {
		return sys, fault.New(fault.Invalid, "the data map of a request is not packed")
	}
	if len(text) > registry.MaxDataset {
		return sys, fault.InvalidField("/dataset", "the data map is too long")
	}
	sys.Dataset = string(text)
	return sys, nil
}

func findingOf(f systems.Finding) *finding {
	return &finding{
		Opened: f.Opened, Identifiers: f.Identifiers, Collections: f.Collections, ByPerson: f.ByPerson, Rights: f.Rights,
		Reachable: f.Health.Reachable, Suffices: f.Health.Rights, Problems: bounded(f.Health.Problems),
	}
}

func (f *finding) found() systems.Finding {
	return systems.Finding{
		Opened: f.Opened, Identifiers: f.Identifiers, Collections: f.Collections, ByPerson: f.ByPerson, Rights: f.Rights,
		Health: connector.Health{Reachable: f.Reachable, Rights: f.Suffices, Problems: f.Problems},
	}
}

// maxProblems bounds a list of problems: a data map of a database that is gone has one for each of its fields.
const maxProblems = 1000

func bounded(list []connector.Problem) []connector.Problem {
	if len(list) <= maxProblems {
		return list
	}
	return append(slices.Clone(list[:maxProblems]), connector.Problem{Text: fmt.Sprintf("%d more problems are not listed", len(list)-maxProblems)})
}

// failureOf keeps of an error what survives the way.
func failureOf(err error) *failure {
	f := &failure{Class: fault.ClassOf(err), WaitMS: fault.WaitOf(err).Milliseconds()}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		f.Text, f.Field = e.Text, e.Field
	}
	if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok {
		f.Problems = bounded(invalid.Problems)
	}
	return f
}

// err makes an error of a failure. A class that this side does not know is fault.Internal.
func (f *failure) err() error {
	e := fault.New(f.Class, f.Text)
	if !f.Class.Valid() {
		e = fault.New(fault.Internal, "a worker failed in an unknown way")
	}
	if len(f.Problems) > 0 {
		wrapped := fault.Wrap(e.Class, &connector.InvalidDataset{Problems: f.Problems}, "opening system")
		if with, ok := errors.AsType[*fault.Error](wrapped); ok {
			e = with
		}
	}
	e.Field, e.Wait = f.Field, time.Duration(f.WaitMS)*time.Millisecond
	return e
}
