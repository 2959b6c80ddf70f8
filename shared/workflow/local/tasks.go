package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// errorUnknown is what the service reports when a function ends without an answer.
const errorUnknown = "Lambda.Unknown"

// parameters are the evaluated Parameters of a task.
type parameters struct {
	FunctionName    string
	Payload         json.RawMessage
	StateMachineArn string
	Name            string
	Input           json.RawMessage
}

// resource returns the resourceType and resource of a task's events.
func resource(i asl.Integration) []field {
	kind, name, _ := strings.Cut(strings.TrimPrefix(string(i), "arn:aws:states:::"), ":")
	return []field{text("resourceType", kind), text("resource", name)}
}

// attempt schedules a task: its first run, or another one after a retry.
func (x *execution) attempt(t *thread, s *asl.State) error {
	sc := x.scope(t)
	attempt := x.last + 1 // the number of the TaskScheduled event, which the token refers to
	sc.Context = func() any { return x.contextObject(t, attempt, nil) }
	v, err := s.InputPath.Apply(sc, "InputPath")
	if err != nil {
		return err
	}
	sc = sc.With(v)
	seconds, err := s.Task.Timeout(sc)
	if err != nil {
		return err
	}
	if v, err = s.Parameters.Eval(sc); err != nil {
		return err
	}
	p, err := newPayload(v, "The parameters of the state '"+t.state+"'")
	if err != nil {
		return err
	}
	recorded := p.raw
	if s.Task.Integration == asl.InvokeToken {
		recorded = bytes.ReplaceAll(p.raw, []byte(x.e.token(x.id, attempt, x.row.started)), []byte(tokenMark(x.id, attempt)))
	}
	fields := append(resource(s.Task.Integration), raw("parameters", recorded))
	if seconds < asl.MaxTimeout {
		fields = append(fields, count("timeoutInSeconds", seconds))
	}
	t.attempt = x.event("TaskScheduled", t.previous, "", fields...)
	t.previous = x.event("TaskStarted", t.attempt, "", resource(s.Task.Integration)...)
	if x.overflow {
		return nil
	}
	if seconds < asl.MaxTimeout {
		x.arm(t, x.now.Add(time.Duration(seconds)*time.Second))
	}
	return x.dispatch(t, s, p.raw)
}

// dispatch hands an attempt to a function or starts its child, once the pending change is on the disk.
func (x *execution) dispatch(t *thread, s *asl.State, raw []byte) error {
	var p parameters
	if err := json.Unmarshal(raw, &p); err != nil {
		return asl.Runtime("The parameters of the task have values of the wrong type")
	}
	x.touch(t)
	attempt, id := t.attempt, x.id
	ctx, cancel := context.WithCancel(x.e.work)
	t.cancel = cancel
	if s.Task.Integration == asl.StartChild || s.Task.Integration == asl.RunChildSync {
		t.phase = phaseStarting
		x.actions = append(x.actions, func() {
			x.e.internal.add(func() {
				defer cancel()
				x.e.startChild(ctx, link{parent: id, attempt: attempt, sync: s.Task.Integration == asl.RunChildSync}, p)
			})
		})
		x.e.activity.begin()
		return nil
	}
	if len(p.Payload) == 0 {
		p.Payload = json.RawMessage("{}")
	}
	t.phase = phaseInvoking
	x.e.hold(x)
	x.e.activity.begin()
	x.actions = append(x.actions, func() {
		x.e.functions.add(func() {
			defer x.e.activity.end()
			defer x.e.release(x)
			defer cancel()
			x.e.invoke(ctx, x.id, attempt, p.FunctionName, p.Payload)
		})
	})
	return nil
}

// invoke runs a function and records its outcome, unless the task is over by then.
func (e *Engine) invoke(ctx context.Context, id, attempt int64, function string, input json.RawMessage) {
	if ctx.Err() != nil {
		return
	}
	out, failure := e.call(ctx, function, input)
	if e.work.Err() != nil {
		return // the engine was closed: the function runs again after the next start
	}
	e.record(id, "recording outcome of function", func(x *execution) {
		t := x.find(attempt, phaseInvoking)
		if t == nil {
			return
		}
		t.cancel = nil
		if failure != nil {
			x.taskFailed(t, failure)
			return
		}
		x.invoked(t, out)
	})
}

// call runs a function; a panic is an answer that never came.
func (e *Engine) call(ctx context.Context, function string, input json.RawMessage) (out json.RawMessage, failure *asl.Failure) {
	defer func() {
		if r := recover(); r != nil {
			// The value may quote anything, so it is not passed on.
			e.options.Log.Error("function panicked", "function", function)
			failure = &asl.Failure{Name: errorUnknown, Cause: "The function ended without an answer"}
		}
	}()
	out, err := e.options.Invoker.Invoke(ctx, function, input)
	if err != nil {
		class := string(fault.ClassOf(err))
		cause, _ := asl.Encode(map[string]any{"errorMessage": err.Error(), "errorType": class}) // strings always encode
		return nil, &asl.Failure{Name: class, Cause: workflow.Cut(string(cause), workflow.MaxCauseLength)}
	}
	if len(bytes.TrimSpace(out)) == 0 {
		return json.RawMessage("null"), nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, out); err != nil {
		return nil, &asl.Failure{Name: errorUnknown, Cause: "The function's answer is not JSON"}
	}
	return compact.Bytes(), nil
}

// invoked records the answer of a function.
func (x *execution) invoked(t *thread, out json.RawMessage) {
	s := x.stateOf(t)
	b := make([]byte, 0, len(out)+64)
	b = append(b, `{"ExecutedVersion":"$LATEST","Payload":`...)
	b = append(b, out...)
	b = append(b, `,"StatusCode":200}`...)
	if s.Task.Integration == asl.InvokeToken {
		b = bytes.ReplaceAll(b, []byte(x.e.token(x.id, t.attempt, x.row.started)), []byte(tokenMark(x.id, t.attempt)))
		if len(b) > workflow.MaxPayloadBytes {
			b = []byte(`{"ExecutedVersion":"$LATEST","StatusCode":200}`) // nobody reads it: the token's answer counts
		}
		t.previous = x.event("TaskSubmitted", t.previous, "", append(resource(s.Task.Integration), raw("output", b))...)
		t.phase = phaseToken
		x.touch(t)
		return
	}
	x.taskSucceeded(t, payload{raw: b})
}

// taskSucceeded ends a task with its result.
func (x *execution) taskSucceeded(t *thread, result payload) {
	s := x.stateOf(t)
	if len(result.raw) > workflow.MaxPayloadBytes {
		x.taskFailed(t, asFailure(dataLimit("The result of the state '"+t.state+"'")))
		return
	}
	x.disarm(t)
	x.touch(t)
	t.cancel = nil
	t.previous = x.event("TaskSucceeded", t.previous, "", append(resource(s.Task.Integration), raw("output", result.raw))...)
	out, err := s.Output(x.scope(t), result.get())
	if err == nil {
		err = x.exit(t, s, out, s.Next)
	}
	if err != nil {
		x.failed(t, s, asFailure(err))
	}
}

// taskFailed ends an attempt of a task with an error.
func (x *execution) taskFailed(t *thread, f *asl.Failure) {
	x.attemptEnded(t, "TaskFailed", f)
}

// attemptEnded records how an attempt ended and leaves the rest to Retry and Catch.
func (x *execution) attemptEnded(t *thread, kind string, f *asl.Failure) {
	s := x.stateOf(t)
	t.previous = x.event(kind, t.previous, "", append(resource(s.Task.Integration),
		text("error", f.Name), text("cause", f.Cause))...)
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
	x.failed(t, s, f)
}

// timerFired continues what a timer was set for.
func (x *execution) timerFired(due, ref int64) {
	if ref == deadlineRef && x.running() {
		x.close(workflow.TimedOut, "ExecutionTimedOut", 0, &asl.Failure{Name: asl.ErrorTimeout}, nil)
		return
	}
	for _, t := range x.threads {
		if t.timer != ref || t.due != due {
			continue
		}
		s := x.stateOf(t)
		x.disarm(t)
		x.touch(t)
		var err error
		switch t.phase {
		case phaseWaiting:
			err = x.passOn(t, s)
		case phaseRetrying:
			if s.Type == asl.MapState {
				err = x.startMap(t)
			} else {
				err = x.attempt(t, s)
			}
		case phaseInvoking, phaseStarting, phaseToken, phaseChild:
			if t.phase == phaseChild {
				// The service stops a child when its task is aborted, not when it times out.
				c := x.pending()
				c.ended = append(c.ended, waitRow{t.child, x.id, t.attempt})
			}
			x.attemptEnded(t, "TaskTimedOut", &asl.Failure{Name: asl.ErrorTimeout})
		case phaseReady, phaseMapping, phaseFinished:
		}
		if err != nil {
			x.failed(t, s, asFailure(err))
		}
		return
	}
	// Nobody waits for it any more.
	c := x.pending()
	c.fired = append(c.fired, timerRow{due, x.id, ref})
}

// resume queues the work that was under way when the engine ended.
func (x *execution) resume(ctx context.Context) error {
	scheduled := map[*thread][]byte{}
	for _, t := range x.threads {
		if t.phase == phaseReady {
			x.runnable = append(x.runnable, t)
		}
		if (t.phase == phaseInvoking || t.phase == phaseStarting) && t.cancel == nil {
			raw, err := x.recorded(ctx, t.attempt)
			if err != nil {
				return err
			}
			secret := x.e.token(x.id, t.attempt, x.row.started)
			scheduled[t] = bytes.ReplaceAll(raw, []byte(tokenMark(x.id, t.attempt)), []byte(secret))
		}
	}
	for t, raw := range scheduled {
		if err := x.dispatch(t, x.stateOf(t), raw); err != nil {
			x.failed(t, x.stateOf(t), asFailure(err))
		}
	}
	return nil
}

// recorded returns the parameters of an attempt from the history.
func (x *execution) recorded(ctx context.Context, attempt int64) ([]byte, error) {
	events, err := x.e.events(ctx, x.id, attempt, 1)
	if err != nil {
		return nil, err
	}
	var detail struct{ Parameters json.RawMessage }
	if len(events) == 0 || json.Unmarshal(events[0].Detail, &detail) != nil {
		return nil, fmt.Errorf("reading parameters of task: %w", fault.New(fault.Internal, "the history lacks the event"))
	}
	return detail.Parameters, nil
}
