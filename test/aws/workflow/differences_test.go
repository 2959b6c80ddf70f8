package workflow_test

import (
	"regexp"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// Documents: "ASL" is the Amazon States Language specification (states-language.net/spec.html), "Guide" the AWS Step Functions
// Developer Guide, "API" its API reference. The local engine does as they say, without exception.

func row(does, says, shows string) workflowtest.Difference {
	return workflowtest.Difference{Does: does, Says: says, Shows: regexp.MustCompile(shows)}
}

// hangs is a row for what never ends, which is not waited for as long as a slow machine may need.
func hangs(does, says string) workflowtest.Difference {
	d := row(does, says, `deadline exceeded`)
	d.Patience = 15 * time.Second
	return d
}

// succeeds is what an execution that should have failed does.
const succeeds = `got SUCCEEDED`

// ministackDiffers is what ministack 1.5.33 does otherwise.
func ministackDiffers() map[string]workflowtest.Difference {
	const (
		null      = "a path that selects nothing is null"
		runtime   = `Guide, "Handling errors", "Error names": States.Runtime, which "States.ALL" neither retries nor catches`
		noNested  = "records no events of iterations"
		events    = `Guide, "Viewing execution details"; API, HistoryEvent: every state of an iteration is entered and exited`
		noLimit   = "knows no limit of payloads"
		limit     = `Guide, "Handling errors", "Error names": States.DataLimitExceeded above 256 KiB, not caught by States.ALL`
		tokens    = `API, SendTaskSuccess, "Errors": TaskTimedOut: the token has expired or its task is closed`
		noTimeout = "ignores the TimeoutSeconds of a machine"
		filters   = `ASL, "ResultPath": States.ResultPathMatchFailure`
	)
	return map[string]workflowtest.Difference{
		"parameters_missing":      row(null, runtime, succeeds),
		"result_selector_missing": row(null, runtime, succeeds),
		"input_path_missing":      row(null, runtime, succeeds),
		"map_runtime_error":       row(null, runtime, succeeds),
		"choice_missing_variable": row(null, `ASL, "Choice State": a Variable is a path, and a path that selects nothing is States.Runtime`, succeeds),
		"paths":                   row("knows no slices, unions, negative indexes and descent", `ASL, "Paths": JSONPath`, `/(slice|union|last|deep|none)`),
		"map_items_missing":       row("runs a Map over a text as its only item", `ASL, "Map State input/output processing": ItemsPath selects an array`, succeeds),
		"wait_bad_seconds":        row("takes any value as a wait of nothing", `ASL, "Wait State": SecondsPath selects a number of seconds`, succeeds),
		"wait_timestamp_path":     row("takes any text as a moment that has passed", `ASL, "Wait State": TimestampPath selects an RFC 3339 timestamp`, succeeds),
		"timeout_path_bad":        hangs("ignores TimeoutSecondsPath", `ASL, "Timeouts": TimeoutSecondsPath selects a positive integer`),
		"token_timeout_retried":   hangs("ignores TimeoutSecondsPath", `ASL, "Timeouts": States.Timeout after so many seconds`),
		"execution_timeout":       hangs(noTimeout, `ASL, "Top-level fields": TimeoutSeconds; the execution is TIMED_OUT`),
		"child_timed_out":         hangs(noTimeout, `ASL, "Top-level fields": TimeoutSeconds; the execution is TIMED_OUT`),

		"result_path_array":           row("writes a member whose name is the path", `ASL, "Reference Paths": an index addresses an element`, `list\[1\]`),
		"result_path_mismatch":        row("replaces what is in the way", filters, succeeds),
		"result_path_mismatch_caught": row("replaces what is in the way", filters, `want an object with 2 members`),

		"choice_types":              row("does not know IsTimestamp of a text with Z", `ASL, "Data-test expressions": IsTimestamp is true of RFC 3339 timestamps`, `want yes, got no`),
		"choice_paths":              row("does not compare timestamps by TimestampLessThanPath", `ASL, "Choice State": every comparison has its Path form`, `want yes, got no`),
		"choice_matches":            row("knows no escapes in StringMatches", `ASL, "Choice State", StringMatches: a backslash escapes * and itself`, `want yes, got no`),
		"intrinsic_format":          row("writes values as Python does", `ASL, "Intrinsic Functions", States.Format: a value is its JSON text`, `\{True\}`),
		"intrinsic_format_template": row("writes values as Python does", `ASL, "Intrinsic Functions", States.Format: a value is its JSON text`, `None`),
		"intrinsic_failure_caught":  row("fails the execution", `ASL, "Errors": States.IntrinsicFailure`, `FAILED "States.Runtime"`),

		"map":                 row(noNested, events, `-.+"TaskStateEntered"`),
		"map_caught":          row(noNested, events, `-.+"TaskStateEntered"`),
		"map_iteration_fails": row(noNested, events, `-.+"ChoiceStateEntered"`),
		"map_service_limit":   row("runs all iterations at once", `Guide, "Using Map state in Inline mode": up to 40 iterations at once`, `\d+ functions ran at once, want 40`),

		"limit_task_result":       row(noLimit, limit, succeeds),
		"limit_task_result_named": row(noLimit, limit, `xxxx`),
		"limit_state_output":      row(noLimit, limit, succeeds),
		"limit_events":            hangs("knows no limit of events", `Guide, "Service quotas": an execution fails at 25,000 events`),

		"task_result":          row("gives Payload and StatusCode", `Guide, "Invoke Lambda with Step Functions": the response also holds ExecutedVersion`, `want an object with 3 members`),
		"task_without_payload": row("sends the parameters", `Guide, "Invoke Lambda with Step Functions": no Payload is an empty event`, `FunctionName`),
		"task_panic":           row("reports Runtime.ExitError, as newer runtimes of Lambda do", `Guide, "Handling errors", "Error names": Lambda.Unknown; the machines of Habeas name both`, `Runtime.ExitError`),

		"child_sync":     row("gives the child's input as text", `Guide, "Start workflow executions", sync:2: Input and Output are JSON`, `/in: want an object`),
		"child_fails":    row("reports the child's own error", `Guide, "Start workflow executions": States.TaskFailed with the description as cause`, `"Inner"`),
		"child_bad_name": row("takes any name for a child", `API, StartExecution: InvalidName`, `want refused`),
		"child_exists":   row("runs a child of a name that has run", `API, StartExecution: ExecutionAlreadyExists for a closed execution`, `want exists`),
		"child_shared":   row("fails the second of two starts of a running child", `API, StartExecution: the same name and input is the running execution`, `ended with status RUNNING`),

		"token_function_fails": hangs("ignores a function that fails to pass its token on", `Guide, "Wait for a Callback with Task Token": the call is made first, and its failure is the task's`),
		"token_repeated":       row("says TaskDoesNotExist of an answered token", tokens, `got TaskDoesNotExist, want TaskTimedOut`),
		"token_late":           row("says TaskDoesNotExist of a token that timed out", tokens, `got TaskDoesNotExist, want TaskTimedOut`),
		"token_newest_counts":  row("gives a retry the token of the attempt before", `Guide, "Wait for a Callback with Task Token": a token is of one attempt`, `a retry has the same token`),
		"token_of_stopped":     row("takes an answer for a stopped execution", tokens, `got <nil>, want TaskTimedOut`),

		"stop_reaches_children":      row("leaves children running", `Guide, "Integrate services with Step Functions", Run a Job: an aborted task cancels its job`, `child is \w+ .*want ABORTED`),
		"map_failure_stops_children": row("leaves children running", `Guide, "Integrate services with Step Functions", Run a Job: an aborted task cancels its job`, `child is RUNNING`),
	}
}

// motoDiffers is what moto 5.2.5 does otherwise.
func motoDiffers() map[string]workflowtest.Difference {
	const (
		caught  = "catches States.Runtime by States.ALL"
		runtime = `Guide, "Handling errors", "Error names": States.Runtime, which "States.ALL" neither retries nor catches`
		tokens  = `API, SendTaskSuccess, "Errors": TaskTimedOut: the token has expired or its task is closed`
	)
	return map[string]workflowtest.Difference{
		"parameters_missing":      row(caught, runtime, succeeds),
		"result_selector_missing": row(caught, runtime, succeeds),
		"map_runtime_error":       row(caught, runtime, succeeds),
		"map_items_missing":       row(caught, runtime, succeeds),
		"choice_missing_variable": row("takes the Default", `ASL, "Choice State": a Variable is a path, and a path that selects nothing is States.Runtime`, succeeds),
		"choice_no_match":         row("reports States.Runtime", `ASL, "Choice State": States.NoChoiceMatched`, `FAILED "States.Runtime"`),
		"choice_matches":          row("knows no escapes in StringMatches", `ASL, "Choice State", StringMatches: a backslash escapes * and itself`, `want yes, got no`),
		"choice_timestamps":       row("compares timestamps of other offsets as texts", `ASL, "Timestamps": RFC 3339, which are instants`, `want yes, got no`),
		"paths":                   row("makes an array of one for a negative index", `ASL, "Paths": a path to one place selects its value`, `/last`),

		"catch_loops_back":            row("ends when a catcher leads back into its own state", `ASL, "Fallback states": Next is the name of any state of the machine`, `want ok`),
		"result_path_mismatch":        row("reports States.Runtime", `ASL, "ResultPath": States.ResultPathMatchFailure`, `FAILED "States.Runtime"`),
		"result_path_mismatch_caught": row("reports States.Runtime", `ASL, "ResultPath": States.ResultPathMatchFailure`, `/Error: want States.ResultPathMatchFailure`),
		"timeout_path_bad":            row("times out at once", `ASL, "Timeouts": TimeoutSecondsPath selects a positive integer`, `FAILED "States.Timeout"`),
		"limit_task_result":           row("retries and catches States.DataLimitExceeded by States.ALL", `Guide, "Handling errors", "Error names": not caught by States.ALL`, succeeds),
		"limit_events":                hangs("knows no limit of events", `Guide, "Service quotas": an execution fails at 25,000 events`),

		"intrinsic_format":         row("fails on braces that are escaped", `ASL, "Intrinsic Functions": \{ and \} are braces`, `IndexError`),
		"intrinsic_arrays":         row("takes null out of an array with the duplicates", `Guide, "Intrinsic functions", States.ArrayUnique: the unique values`, `/r/1: want an array of 2`),
		"intrinsic_math":           row("refuses numbers with a fraction", `Guide, "Intrinsic functions", States.MathAdd: rounded to integers`, `AttributeError`),
		"intrinsic_failure_caught": row("fails the execution", `ASL, "Errors": States.IntrinsicFailure`, `FAILED "States.Runtime"`),
		"context_object":           row("has no State.RetryCount", `Guide, "Accessing execution data from the Context object": State.RetryCount`, `RetryCount`),

		"map_iteration_fails": row("lets the other iterations end", `API, HistoryEvent: MapIterationAborted`, `-.+"MapIterationAborted"`),
		"map_service_limit":   row("runs all iterations at once", `Guide, "Using Map state in Inline mode": up to 40 iterations at once`, `\d+ functions ran at once, want 40`),
		"task_panic":          row("reports Runtime.ExitError, as newer runtimes of Lambda do", `Guide, "Handling errors", "Error names": Lambda.Unknown; the machines of Habeas name both`, `Runtime.ExitError`),

		"child_unnamed":  row("calls every child without a name None", `API, StartExecution: a name is generated`, `ExecutionAlreadyExistsException`),
		"child_bad_name": row("takes any name for a child", `API, StartExecution: InvalidName`, `no spaces`),

		"token_failed":        row("loses the cause", `API, SendTaskFailure: error and cause`, `/Cause: want by a person`),
		"token_repeated":      row("says TaskDoesNotExist of an answered token, and takes a second failure", tokens, `got TaskDoesNotExist, want TaskTimedOut`),
		"token_late":          row("says TaskDoesNotExist of a token that timed out", tokens, `got TaskDoesNotExist, want TaskTimedOut`),
		"token_newest_counts": row("gives a retry the token of the attempt before", `Guide, "Wait for a Callback with Task Token": a token is of one attempt`, `a retry has the same token`),
		"token_of_stopped":    row("takes an answer for a stopped execution", tokens, `got <nil>, want TaskTimedOut`),

		"stop_aborts":                row("forgets error and cause of a stop", `API, StopExecution: error and cause`, `Status:ABORTED .* Error: Cause:`),
		"stop_reaches_children":      row("leaves children running", `Guide, "Integrate services with Step Functions", Run a Job: an aborted task cancels its job`, `child is \w+ .*want ABORTED`),
		"map_failure_stops_children": row("leaves children running", `Guide, "Integrate services with Step Functions", Run a Job: an aborted task cancels its job`, `child is RUNNING`),
	}
}
