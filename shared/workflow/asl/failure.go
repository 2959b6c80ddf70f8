package asl

import "fmt"

// Error names of the States Language and of the service, as they appear in ErrorEquals and in error outputs.
const (
	ErrorAll                  = "States.ALL"
	ErrorTimeout              = "States.Timeout"
	ErrorTaskFailed           = "States.TaskFailed"
	ErrorPermissions          = "States.Permissions"
	ErrorResultPathMatch      = "States.ResultPathMatchFailure"
	ErrorParameterPath        = "States.ParameterPathFailure"
	ErrorNoChoiceMatched      = "States.NoChoiceMatched"
	ErrorIntrinsic            = "States.IntrinsicFailure"
	ErrorDataLimitExceeded    = "States.DataLimitExceeded"
	ErrorRuntime              = "States.Runtime"
	ErrorHeartbeatTimeout     = "States.HeartbeatTimeout"
	ErrorExceedToleratedLimit = "States.ExceedToleratedFailureThreshold"
	ErrorItemReaderFailed     = "States.ItemReaderFailed"
	ErrorResultWriterFailed   = "States.ResultWriterFailed"
	ErrorBranchFailed         = "States.BranchFailed"
	ErrorHTTPSocket           = "States.Http.Socket"
)

// Failure is an error of a state: what Retry and Catch look at, and what an execution fails with. The cause never quotes the
// state's input, unlike the service's: causes travel further than payloads (into logs, parents and alarms).
type Failure struct {
	Name  string // "States.Runtime", a fault class, or whatever the task reported
	Cause string
}

// Error returns the name and the cause.
func (f *Failure) Error() string {
	if f.Cause == "" {
		return f.Name
	}
	return f.Name + ": " + f.Cause
}

// Runtime returns a States.Runtime failure: it is not retried, not caught, and ends the execution.
func Runtime(format string, args ...any) *Failure {
	return &Failure{Name: ErrorRuntime, Cause: fmt.Sprintf(format, args...)}
}

func intrinsicFailure(format string, args ...any) *Failure {
	return &Failure{Name: ErrorIntrinsic, Cause: fmt.Sprintf(format, args...)}
}

// Output returns the error output that a catcher hands to the next state.
func (f *Failure) Output() any { return map[string]any{"Error": f.Name, "Cause": f.Cause} }

// predefined reports whether name is one of the error names that start with "States." and that ErrorEquals may hold.
func predefined(name string) bool {
	switch name {
	case ErrorAll, ErrorTimeout, ErrorTaskFailed, ErrorPermissions, ErrorResultPathMatch, ErrorParameterPath,
		ErrorNoChoiceMatched, ErrorIntrinsic, ErrorDataLimitExceeded, ErrorRuntime, ErrorHeartbeatTimeout,
		ErrorExceedToleratedLimit, ErrorItemReaderFailed, ErrorResultWriterFailed, ErrorBranchFailed, ErrorHTTPSocket:
		return true
	}
	return false
}

// matches reports whether ErrorEquals takes an error. States.Runtime always ends the execution. States.ALL takes every other
// error but States.DataLimitExceeded, which must be named; States.TaskFailed takes what States.ALL takes, except
// States.Timeout (Developer Guide, "Handling errors in Step Functions workflows", error names).
func matches(equals []string, name string) bool {
	if name == ErrorRuntime {
		return false
	}
	for _, e := range equals {
		switch {
		case e == name,
			e == ErrorAll && name != ErrorDataLimitExceeded,
			e == ErrorTaskFailed && name != ErrorDataLimitExceeded && name != ErrorTimeout:
			return true
		}
	}
	return false
}
