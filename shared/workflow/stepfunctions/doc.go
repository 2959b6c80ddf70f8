// Package stepfunctions is the workflow engine of AWS: a workflow.Engine over Step Functions Standard.
//
// What it adds to the service's API is what the contract promises and the API leaves to its callers: inputs are sent in one
// spelling, so that equal inputs are equal for the service too; an execution that exists already is looked at before it is
// called a conflict; payloads, names, errors and causes are within the limits before they are sent.
//
// A call whose answer is lost may be made again, by the SDK and by callers: StartExecution gives the execution that runs, a
// second answer to a token is ErrTaskTimedOut and changes nothing, and a second stop changes nothing.
//
// Executions are started through the alias of a machine, so that they keep the version it led to, and are found by the
// unqualified name of the machine: one name is one execution, whatever version or alias started it (Developer Guide, "How Step
// Functions associates executions with a version or alias"; API reference, StartExecution).
//
// Children started with .sync are stopped by the service itself when their parent is, by best effort and if the role of the
// machine may (states:StopExecution; Developer Guide, "Integrate services with Step Functions", Run a Job). This driver does
// not search the history for those left over, as that would cost more calls than it saves: a child of a generation that was
// replaced is told superseded by its next step and ends without touching the case.
package stepfunctions
