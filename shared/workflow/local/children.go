package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

const (
	arnPrefix     = "arn:aws:states:local:000000000000:"
	machinePrefix = arnPrefix + "stateMachine:"
)

// executionID and machineID have the shape of ARNs, as definitions and handlers meet them on AWS.
func executionID(machine, name string) string { return arnPrefix + "execution:" + machine + ":" + name }
func machineID(machine string) string         { return machinePrefix + machine }

// link says which attempt of which task starts an execution. The zero value: none.
type link struct {
	parent, attempt int64
	sync            bool // whether the task waits for the end
}

// startChild starts the execution of a task and tells the task. It is repeated after a crash, so it recognises the child
// that it had started before.
func (e *Engine) startChild(ctx context.Context, from link, p parameters) {
	defer e.activity.end()
	if ctx.Err() != nil {
		return
	}
	machine := strings.TrimPrefix(p.StateMachineArn, machinePrefix)
	name := p.Name
	if name == "" {
		name = e.childName(from)
	}
	input := p.Input
	var quoted string
	if json.Unmarshal(input, &quoted) == nil && len(input) > 0 && input[0] == '"' {
		input = json.RawMessage(quoted) // the API takes the input as text
	}
	// What is recorded next reaches the disk after the start does, or not at all.
	started, _, err := e.start(ctx, machine, name, input, from)
	if err != nil && e.work.Err() != nil {
		return
	}
	var failure *asl.Failure
	if err != nil {
		failure = startFailure(err)
	}
	accepted := false
	e.record(from.parent, "recording start of child", func(x *execution) {
		t := x.find(from.attempt, phaseStarting)
		if t == nil {
			accepted = x.find(from.attempt, phaseChild) != nil
			return
		}
		accepted = true
		t.cancel = nil
		if failure != nil {
			x.taskFailed(t, failure)
			return
		}
		x.childStarted(t, started)
	})
	if from.sync && failure == nil && !accepted {
		e.stopChild(started.id)
	}
}

// childName names the child of a task that gives no name: a UUID that is the same after a crash.
func (e *Engine) childName(from link) string {
	m := e.mac(fmt.Appendf(nil, "child %d %d", from.parent, from.attempt))
	return fmt.Sprintf("%x-%x-%x-%x-%x", m[0:4], m[4:6], m[6:8], m[8:10], m[10:16])
}

// startFailure names the error as the service's integration with itself does.
func startFailure(err error) *asl.Failure {
	f := &asl.Failure{Name: "StepFunctions.SdkClientException", Cause: "The execution could not be started"}
	switch {
	case errors.Is(err, workflow.ErrExecutionExists):
		f.Name, f.Cause = "StepFunctions.ExecutionAlreadyExistsException", "Execution Already Exists"
	case fault.Has(err, fault.NotFound):
		f.Name, f.Cause = "StepFunctions.StateMachineDoesNotExistException", "State Machine Does Not Exist"
	case fault.Has(err, fault.Invalid):
		f.Name = "StepFunctions.InvalidExecutionInputException"
		if e, ok := errors.AsType[*fault.Error](err); ok && e.Field == "/name" {
			f.Name = "StepFunctions.InvalidNameException"
		}
		f.Cause = err.Error()
	}
	return f
}

// childStarted records the answer of StartExecution.
func (x *execution) childStarted(t *thread, c started) {
	s := x.stateOf(t)
	out := payload{raw: fmt.Appendf(nil, `{"ExecutionArn":%q,"StartDate":%d}`, executionID(c.row.machine, c.row.name),
		time.Unix(0, c.row.started).UnixMilli())}
	if s.Task.Integration == asl.StartChild {
		x.taskSucceeded(t, out)
		return
	}
	t.previous = x.event("TaskSubmitted", t.previous, "", append(resource(s.Task.Integration), raw("output", out.raw))...)
	t.phase, t.child = phaseChild, c.id
	x.touch(t)
}

// notify tells every task that waits for the end of an execution.
func (e *Engine) notify(id int64) {
	e.activity.begin()
	e.internal.add(func() {
		defer e.activity.end()
		rows, err := e.store.query.waits.QueryContext(e.work, id)
		if err != nil {
			e.troubled("reading waits for execution", err)
			return
		}
		var waits []waitRow
		for rows.Next() {
			w := waitRow{child: id}
			if err = rows.Scan(&w.parent, &w.attempt); err != nil {
				break
			}
			waits = append(waits, w)
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			e.troubled("reading waits for execution", err)
			return
		}
		for _, w := range waits {
			e.childClosed(w)
		}
	})
}

// childClosed ends the task that waited for an execution.
func (e *Engine) childClosed(w waitRow) {
	var row executionRow
	err := e.read(w.child, func(x *execution) { row = x.row })
	if err != nil {
		e.troubled("reading closed child", err)
		return
	}
	e.record(w.parent, "recording end of child", func(x *execution) {
		c := x.pending()
		c.ended = append(c.ended, w)
		t := x.find(w.attempt, phaseStarting, phaseChild)
		if t == nil {
			return
		}
		if t.phase == phaseStarting {
			x.childStarted(t, started{w.child, row})
		}
		if row.status == string(workflow.Succeeded) {
			x.taskSucceeded(t, payload{raw: description(row, true)})
			return
		}
		x.taskFailed(t, &asl.Failure{Name: asl.ErrorTaskFailed, Cause: childCause(row)})
	})
}

// description is the answer of DescribeExecution as the .sync:2 integration gives it: input and output as JSON values when
// values is set, as in the result, or as text, as in a cause.
func description(r executionRow, values bool) []byte {
	m := map[string]any{
		"ExecutionArn": executionID(r.machine, r.name), "StateMachineArn": machineID(r.machine), "Name": r.name,
		"Status": r.status, "StartDate": time.Unix(0, r.started).UnixMilli(), "StopDate": time.Unix(0, r.stopped).UnixMilli(),
		"InputDetails": map[string]any{"Included": true}, "RedriveCount": 0,
	}
	put := func(name string, b []byte) {
		if values {
			m[name] = json.RawMessage(b)
		} else {
			m[name] = string(b)
		}
	}
	put("Input", r.input)
	if r.output != nil {
		put("Output", r.output)
		m["OutputDetails"] = map[string]any{"Included": true}
	}
	if r.failure != "" {
		m["Error"] = r.failure
	}
	if r.cause != "" {
		m["Cause"] = r.cause
	}
	b, _ := asl.Encode(m) // strings, numbers and JSON always encode
	return b
}

// childCause fits the description of a failed child into a cause.
func childCause(r executionRow) string {
	cause := description(r, false)
	if len(cause) > workflow.MaxCauseLength {
		r.input = nil
		r.cause = workflow.Cut(r.cause, workflow.MaxCauseLength/4)
		cause = description(r, false)
	}
	return string(cause)
}

// stopChild aborts an execution whose parent's task is gone.
func (e *Engine) stopChild(id int64) {
	e.activity.begin()
	e.internal.add(func() {
		defer e.activity.end()
		e.record(id, "stopping child", func(x *execution) {
			x.stop("", "The Task state which was managing this execution was aborted")
		})
	})
}

// stop aborts the execution; a closed one stays as it is.
func (x *execution) stop(errorName, cause string) {
	if !x.running() {
		return
	}
	x.close(workflow.Aborted, "ExecutionAborted", x.last, &asl.Failure{Name: errorName, Cause: cause}, nil)
}
