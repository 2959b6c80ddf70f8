// Package workflow is the contract of the engine that runs the state machines in infra/workflow (Amazon States Language,
// JSONPath dialect). Engines: local (durable in SQLite, in process) and, on AWS, Step Functions. Behaviour follows the States
// Language specification (states-language.net) and the AWS documents; both pass workflowtest.
//
// Inputs, outputs, errors and causes hold references only, never personal data: Step Functions keeps them for 90 days.
package workflow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Limits of Step Functions Standard, enforced by every engine.
const (
	MaxPayloadBytes  = 256 << 10 // input and output of states, tasks and executions
	MaxHistoryEvents = 25_000    // an execution that reaches it fails
	MaxNameLength    = 80        // execution names: [A-Za-z0-9-_]
	MaxTurnsInFlight = 40        // iterations of an inline Map at once, whatever MaxConcurrency says
)

// Status of an execution. Wire values as in AWS.
type Status string

// The statuses.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Execution is one run of a machine. ID is the engine's (an ARN on AWS).
type Execution struct {
	ID, Machine, Name string
	Status            Status
	Input             json.RawMessage
	Output            json.RawMessage // when Succeeded
	Error, Cause      string          // when Failed, TimedOut or Aborted
	StartedAt         time.Time
	StoppedAt         time.Time
}

// Event is one entry of an execution's history, with the type names of Step Functions GetExecutionHistory
// (TaskStateEntered, LambdaFunctionScheduled, ...).
type Event struct {
	ID         int64 // from 1, without gaps
	PreviousID int64
	Type       string
	At         time.Time
	State      string          `json:",omitempty"` // name of the state for *StateEntered and *StateExited
	Detail     json.RawMessage `json:",omitempty"`
}

// Engine runs machines. Errors are classified: fault.Conflict with ErrExecutionExists, fault.NotFound for an unknown
// machine, execution or token, fault.Invalid for a bad name or an oversized payload.
type Engine interface {
	// Start begins an execution. A running execution of the same machine and name with the same input is returned as it is;
	// the same name with another input, or closed, is ErrExecutionExists.
	Start(ctx context.Context, machine, name string, input json.RawMessage) (Execution, error)
	// Describe returns an execution by machine and name.
	Describe(ctx context.Context, machine, name string) (Execution, error)
	// Stop aborts a running execution; stopping a closed one is fine. Child executions started with .sync are stopped too
	// (AWS does the same when its role may).
	Stop(ctx context.Context, machine, name, errorName, cause string) error
	// Succeed answers a task token with output; Fail with an error name and cause. A token that was answered, timed out or
	// belongs to a stopped execution is ErrTaskTimedOut; an unknown one ErrTaskNotFound. The newest token of a state counts.
	Succeed(ctx context.Context, token string, output json.RawMessage) error
	Fail(ctx context.Context, token, errorName, cause string) error
}

// Invoker runs a function by name: the engine's side of lambda:invoke. A classified error becomes the errorType that Retry
// and Catch see (the class, such as "throttled"); an unclassified one is "internal". A panic is "Lambda.Unknown", which newer
// runtimes of Lambda report as "Runtime.ExitError": machines retry both.
type Invoker interface {
	Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
}

// Errors of Engine. They carry a fault class and compare with errors.Is by identity.
var (
	ErrExecutionExists = fault.New(fault.Conflict, "ExecutionAlreadyExists")
	ErrTaskTimedOut    = fault.New(fault.Conflict, "TaskTimedOut")
	ErrTaskNotFound    = fault.New(fault.NotFound, "TaskDoesNotExist")
)
