package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// maxStep bounds the history of one change. A machine that loops without ever waiting checkpoints in between, so that it
// fills neither the memory nor a single transaction.
const maxStep = 1 << 20

// advance runs every runnable thread until it waits for something.
func (x *execution) advance() {
	for len(x.runnable) > 0 && x.running() {
		t := x.runnable[0]
		x.runnable = x.runnable[1:]
		if t.phase == phaseReady {
			x.enter(t)
		}
		if x.overflow {
			x.overflowed()
		}
		if len(x.runnable) > 0 && x.change != nil && len(x.change.history) > maxStep {
			x.actions = append(x.actions, func() { x.e.goOn(x) })
			return
		}
	}
	if x.overflow && x.running() {
		x.overflowed()
	}
}

func (x *execution) overflowed() {
	x.closeFailed(x.last, &asl.Failure{
		Name:  asl.ErrorRuntime,
		Cause: fmt.Sprintf("The execution reached the maximum number of history events (%d).", workflow.MaxHistoryEvents),
	})
}

func (x *execution) run(t *thread) {
	t.phase = phaseReady
	x.touch(t)
	x.runnable = append(x.runnable, t)
}

func (x *execution) stateOf(t *thread) *asl.State {
	s, _ := x.machine.State(t.state) // transitions were checked when the definition was loaded
	return s
}

func (x *execution) scope(t *thread) *asl.Scope {
	return &asl.Scope{
		Input:   t.input.get(),
		Context: func() any { return x.contextObject(t, t.attempt, nil) },
		NewUUID: x.e.options.NewUUID,
		Random:  x.e.options.Random,
	}
}

// contextObject is the value of $$. Attempt is the one that the token belongs to; item replaces the Map's current item.
func (x *execution) contextObject(t *thread, attempt int64, item map[string]any) any {
	out := map[string]any{
		"Execution": map[string]any{
			"Id": executionID(x.row.machine, x.row.name), "Name": x.row.name, "Input": x.input.get(),
			"StartTime": time.Unix(0, x.row.started).UTC().Format(eventTime),
		},
		"StateMachine": map[string]any{"Id": machineID(x.row.machine), "Name": x.row.machine},
		"State": map[string]any{
			"Name": t.state, "EnteredTime": t.entered.Format(eventTime),
			"RetryCount": json.Number(fmt.Sprint(t.retries)),
		},
	}
	if s := x.stateOf(t); s.Task != nil && s.Task.Integration == asl.InvokeToken {
		out["Task"] = map[string]any{"Token": x.e.token(x.id, attempt, x.row.started)}
	}
	if p := x.threads[t.parent]; item == nil && p != nil {
		if items, err := x.items(p); err == nil && t.item < len(items) {
			item = mapItem(t.item, items[t.item])
		}
	}
	if item != nil {
		out["Map"] = map[string]any{"Item": item}
	}
	return out
}

func mapItem(index int, value any) map[string]any {
	return map[string]any{"Index": json.Number(fmt.Sprint(index)), "Value": value}
}

// enter begins the thread's state.
func (x *execution) enter(t *thread) {
	s := x.stateOf(t)
	t.entered, t.retries, t.used, t.attempt = x.now, 0, nil, 0
	t.previous = x.event(string(s.Type)+"StateEntered", t.previous, t.state, text("name", t.state), raw("input", t.input.raw))
	t.enteredEvent = t.previous
	x.touch(t)
	if x.overflow {
		return
	}
	var err error
	switch s.Type {
	case asl.TaskState:
		err = x.attempt(t, s)
	case asl.MapState:
		err = x.startMap(t)
	case asl.WaitState:
		err = x.wait(t, s)
	case asl.FailState:
		var f *asl.Failure
		if f, err = s.Fail.Failure(x.scope(t)); err == nil {
			x.giveUp(t, f)
		}
	case asl.PassState, asl.ChoiceState, asl.SucceedState:
		err = x.passOn(t, s)
	}
	if err != nil {
		x.failed(t, s, asFailure(err))
	}
}

func asFailure(err error) *asl.Failure {
	if f, ok := errors.AsType[*asl.Failure](err); ok {
		return f
	}
	return asl.Runtime("%v", err)
}

// passOn runs a state that waits for nothing.
func (x *execution) passOn(t *thread, s *asl.State) error {
	sc := x.scope(t)
	v, err := s.Effective(sc)
	if err != nil {
		return err
	}
	next := s.Next
	if s.Type == asl.ChoiceState {
		if next, err = s.Choice.Next(sc.With(v)); err != nil {
			return err
		}
	}
	if s.Type == asl.PassState && s.Pass.Set {
		v = s.Pass.Result
	}
	out, err := s.Output(sc, v)
	if err != nil {
		return err
	}
	return x.exit(t, s, out, next)
}

func (x *execution) wait(t *thread, s *asl.State) error {
	sc := x.scope(t)
	v, err := s.Effective(sc)
	if err != nil {
		return err
	}
	until, err := s.Wait.Until(sc.With(v), t.entered)
	if err != nil {
		return err
	}
	if !until.After(x.now) {
		return x.passOn(t, s)
	}
	t.phase = phaseWaiting
	x.arm(t, until)
	return nil
}

// exit ends the state with its output and goes on to next, or ends the thread.
func (x *execution) exit(t *thread, s *asl.State, output any, next string) error {
	p, err := newPayload(output, "The output of the state '"+t.state+"'")
	if err != nil {
		return err
	}
	t.previous = x.event(string(s.Type)+"StateExited", t.previous, t.state, text("name", t.state), raw("output", p.raw))
	t.input, t.items, t.itemsKnown, t.child = p, nil, false, 0
	if next != "" {
		t.state = next
		x.run(t)
		return nil
	}
	x.ended(t)
	return nil
}

// ended is called when a thread has passed its last state.
func (x *execution) ended(t *thread) {
	if x.overflow {
		return
	}
	p := x.threads[t.parent]
	if p == nil {
		x.close(workflow.Succeeded, "ExecutionSucceeded", t.previous, nil, t.input.raw)
		return
	}
	previous := x.event("MapIterationSucceeded", t.previous, "", text("name", p.state), count("index", int64(t.item)))
	t.phase, t.previous = phaseFinished, previous
	x.touch(t)
	p.done++
	p.active--
	p.previous = previous
	x.continueMap(p)
}

// failed is called when a state has failed: it is tried again, caught, or takes its thread down.
func (x *execution) failed(t *thread, s *asl.State, f *asl.Failure) {
	x.disarm(t)
	x.touch(t)
	t.child = 0
	if x.overflow {
		return
	}
	if f.Name == asl.ErrorRuntime {
		// No Retry, Catch or Map stands between this error and the execution.
		f = &asl.Failure{Name: f.Name, Cause: fmt.Sprintf("An error occurred while executing the state '%s' "+
			"(entered at the event id #%d). %s", t.state, t.enteredEvent, f.Cause)}
		x.closeFailed(t.previous, f)
		return
	}
	if delay, i, ok := s.RetryAfter(f.Name, t.used, x.e.options.Random); ok {
		t.used = append(t.used, make([]int, max(0, len(s.Retry)-len(t.used)))...)
		t.used[i]++
		t.retries++
		t.phase = phaseRetrying
		x.arm(t, x.now.Add(delay))
		return
	}
	if c := s.Caught(f.Name); c != nil {
		out, err := c.ResultPath.Combine(t.input.get(), f.Output())
		if err == nil {
			err = x.exit(t, s, out, c.Next)
		}
		if err == nil {
			return
		}
		f = asFailure(err)
	}
	x.giveUp(t, f)
}

// giveUp ends a thread with an error. An iteration takes its Map down.
func (x *execution) giveUp(t *thread, f *asl.Failure) {
	p := x.threads[t.parent]
	if p == nil {
		x.closeFailed(t.previous, f)
		return
	}
	x.event("MapIterationFailed", t.previous, "", text("name", p.state), count("index", int64(t.item)))
	p.previous = t.previous
	x.drop(t)
	x.abortIterations(p)
	p.previous = x.event("MapStateFailed", p.previous, "", text("error", f.Name), text("cause", f.Cause))
	x.failed(p, x.stateOf(p), f)
}

// closeFailed ends the execution with an error.
func (x *execution) closeFailed(previous int64, f *asl.Failure) {
	x.close(workflow.Failed, "ExecutionFailed", previous, f, nil)
}

// close ends the execution. The closing event is recorded whatever the history's length.
func (x *execution) close(status workflow.Status, event string, previous int64, f *asl.Failure, output []byte) {
	x.abort(x.threads[rootThread])
	var fields []field
	if f != nil {
		fields = append(fields, text("error", f.Name), text("cause", f.Cause))
		x.row.failure, x.row.cause = f.Name, f.Cause
	} else {
		fields = append(fields, raw("output", output))
	}
	if status == workflow.TimedOut {
		// The service keeps the reason of a timed-out execution in the history only.
		x.row.failure, x.row.cause, previous = "", "", 0
	}
	x.record(event, previous, "", fields)
	x.row.status, x.row.output, x.row.stopped = string(status), output, x.now.UnixNano()
	x.runnable = nil
	c := x.pending()
	row := x.row
	c.update = &row
	if x.row.deadline != 0 {
		c.fired = append(c.fired, timerRow{x.row.deadline, x.id, deadlineRef})
	}
	x.actions = append(x.actions, func() { x.e.notify(x.id) })
}

// abort drops a thread with everything below it. Children that a sync task was waiting for are stopped.
func (x *execution) abort(t *thread) {
	if t == nil {
		return
	}
	for _, i := range x.threads {
		if i.parent == t.id {
			x.abort(i)
		}
	}
	if id := t.child; t.phase == phaseChild && id != 0 {
		x.actions = append(x.actions, func() { x.e.stopChild(id) })
	}
	x.drop(t)
}
