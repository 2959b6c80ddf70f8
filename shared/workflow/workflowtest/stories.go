package workflowtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// stories are the tests that a file cannot tell: they act while an execution runs.
func stories() map[string]func(testing.TB, Harness) {
	return map[string]func(testing.TB, Harness){
		"start_is_idempotent":        startIsIdempotent,
		"start_refuses":              startRefuses,
		"describe_unknown":           describeUnknown,
		"stop_aborts":                stopAborts,
		"stop_reaches_children":      stopReachesChildren,
		"token_repeated":             tokenRepeated,
		"token_late":                 tokenLate,
		"token_of_stopped":           tokenOfStopped,
		"token_unknown":              tokenUnknown,
		"token_newest_counts":        tokenNewestCounts,
		"token_bad_output":           tokenBadOutput,
		"map_concurrency":            mapConcurrency,
		"map_service_limit":          mapServiceLimit,
		"map_failure_stops_children": mapFailureStopsChildren,
	}
}

// waitMachine waits for years: it ends in no test by itself.
const (
	waitMachine = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":90000000,"End":true}}}`
	askMachine  = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	  "TimeoutSeconds":600,"Parameters":{"FunctionName":"${ask}","Payload":{"token.$":"$$.Task.Token"}},
	  "Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":1,"MaxAttempts":5}],"End":true}}}`
	parentMachine = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
	  "Parameters":{"StateMachineArn":"${child}","Name.$":"States.Format('of-{}', $$.Execution.Name)","Input":{}},"End":true}}}`
)

// tokens collects the tokens that functions are given.
type tokens struct {
	mu  sync.Mutex
	all []string
}

// Invoke implements workflow.Invoker.
func (k *tokens) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	var p struct{ Token string }
	if err := json.Unmarshal(payload, &p); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, p.Token)
	return json.RawMessage(`{}`), nil
}

func (k *tokens) get(t testing.TB, i int) string {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	if i >= len(k.all) {
		t.Fatalf("only %d tokens were given out", len(k.all))
	}
	return k.all[i]
}

func deploy(t testing.TB, h Harness, invoker workflow.Invoker, machines ...string) System {
	t.Helper()
	d := Deployment{Machines: map[string]json.RawMessage{}, Functions: []string{"ask", "work"}, Invoker: invoker}
	for i, m := range machines {
		d.Machines[[]string{"main", "child", "grandchild"}[i]] = json.RawMessage(m)
	}
	return h.Deploy(t, d)
}

func start(t testing.TB, s System) {
	t.Helper()
	if _, err := s.Engine.Start(t.Context(), "main", execution, json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 0)
}

func pass(t testing.TB, s System, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := s.Settle(ctx)
	if err == nil && d > 0 {
		err = s.Advance(ctx, d)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantStatus(t testing.TB, s System, machine, name string, want workflow.Status) workflow.Execution {
	t.Helper()
	x, err := s.Engine.Describe(t.Context(), machine, name)
	if err != nil {
		t.Fatal(err)
	}
	if x.Status != want {
		t.Errorf("%s is %s (%s: %s), want %s", machine, x.Status, x.Error, x.Cause, want)
	}
	return x
}

func wantError(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// API reference, StartExecution: idempotent for a running execution of the same name and input; otherwise
// ExecutionAlreadyExists.
func startIsIdempotent(t testing.TB, h Harness) {
	s := deploy(t, h, &tokens{}, waitMachine)
	first, err := s.Engine.Start(t.Context(), "main", "one", json.RawMessage(`{"a":1, "b":2}`))
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.Engine.Start(t.Context(), "main", "one", json.RawMessage(`{"b":2,"a":1}`))
	if err != nil || again.ID != first.ID || !again.StartedAt.Equal(first.StartedAt) {
		t.Errorf("the second start gave %+v, %v", again, err)
	}
	_, err = s.Engine.Start(t.Context(), "main", "one", json.RawMessage(`{"a":2}`))
	wantError(t, err, workflow.ErrExecutionExists)
	if err := s.Engine.Stop(t.Context(), "main", "one", "", ""); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, s, "main", "one", workflow.Aborted)
	_, err = s.Engine.Start(t.Context(), "main", "one", json.RawMessage(`{"a":1,"b":2}`))
	wantError(t, err, workflow.ErrExecutionExists)
}

func startRefuses(t testing.TB, h Harness) {
	s := deploy(t, h, &tokens{}, waitMachine)
	for name, want := range map[string]fault.Class{
		"": fault.Invalid, "no spaces": fault.Invalid, "Umlaut-ü": fault.Invalid, "a/b": fault.Invalid,
		strings.Repeat("x", workflow.MaxNameLength+1): fault.Invalid,
	} {
		if _, err := s.Engine.Start(t.Context(), "main", name, nil); !fault.Has(err, want) {
			t.Errorf("name %q: got %v", name, err)
		}
	}
	if _, err := s.Engine.Start(t.Context(), "main", strings.Repeat("x", workflow.MaxNameLength), nil); err != nil {
		t.Errorf("a name of 80 characters: %v", err)
	}
	big := json.RawMessage(`"` + strings.Repeat("x", workflow.MaxPayloadBytes-1) + `"`)
	if _, err := s.Engine.Start(t.Context(), "main", "big", big); !fault.Has(err, fault.Invalid) {
		t.Errorf("an input above 256 KiB: got %v", err)
	}
	if _, err := s.Engine.Start(t.Context(), "main", "full", big[:0:0]); err != nil {
		t.Errorf("no input: %v", err)
	}
	if _, err := s.Engine.Start(t.Context(), "main", "bad", json.RawMessage(`{`)); !fault.Has(err, fault.Invalid) {
		t.Errorf("an input that is not JSON: got %v", err)
	}
	if _, err := s.Engine.Start(t.Context(), "nobody", "x", nil); !fault.Has(err, fault.NotFound) {
		t.Errorf("an unknown machine: got %v", err)
	}
}

func describeUnknown(t testing.TB, h Harness) {
	s := deploy(t, h, &tokens{}, waitMachine)
	if _, err := s.Engine.Describe(t.Context(), "main", "nobody"); !fault.Has(err, fault.NotFound) {
		t.Errorf("describing: got %v", err)
	}
	if err := s.Engine.Stop(t.Context(), "main", "nobody", "", ""); !fault.Has(err, fault.NotFound) {
		t.Errorf("stopping: got %v", err)
	}
}

func stopAborts(t testing.TB, h Harness) {
	s := deploy(t, h, &tokens{}, waitMachine)
	start(t, s)
	for range 2 { // stopping a closed execution is fine and changes nothing
		if err := s.Engine.Stop(t.Context(), "main", execution, "Replaced", "a newer generation"); err != nil {
			t.Fatal(err)
		}
	}
	x := wantStatus(t, s, "main", execution, workflow.Aborted)
	if x.Error != "Replaced" || x.Cause != "a newer generation" || x.StoppedAt.IsZero() {
		t.Errorf("got %+v", x)
	}
	pass(t, s, 90_000_001*time.Second)
	wantStatus(t, s, "main", execution, workflow.Aborted)
	events, err := s.History(t.Context(), "main", execution)
	if err != nil || events[len(events)-1].Type != "ExecutionAborted" {
		t.Errorf("the history ends with %+v, %v", events, err)
	}
}

// Developer Guide, "Integrate with a service": a task that is aborted cancels what it started with .sync.
func stopReachesChildren(t testing.TB, h Harness) {
	middle := strings.ReplaceAll(parentMachine, "${child}", "${grandchild}")
	s := deploy(t, h, &tokens{}, parentMachine, middle, waitMachine)
	start(t, s)
	wantStatus(t, s, "grandchild", "of-of-run-1", workflow.Running)
	if err := s.Engine.Stop(t.Context(), "main", execution, "", ""); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 0)
	wantStatus(t, s, "main", execution, workflow.Aborted)
	wantStatus(t, s, "child", "of-run-1", workflow.Aborted)
	wantStatus(t, s, "grandchild", "of-of-run-1", workflow.Aborted)
}

func tokenRepeated(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	if err := s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`{"n":2}`)), workflow.ErrTaskTimedOut)
	wantError(t, s.Engine.Fail(t.Context(), k.get(t, 0), "E", ""), workflow.ErrTaskTimedOut)
	pass(t, s, 0)
	x := wantStatus(t, s, "main", execution, workflow.Succeeded)
	if err := match(json.RawMessage(`{"n":1}`), x.Output); err != nil {
		t.Error(err)
	}
}

func tokenLate(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	pass(t, s, 601*time.Second)
	if x := wantStatus(t, s, "main", execution, workflow.Failed); x.Error != "States.Timeout" {
		t.Errorf("got %s", x.Error)
	}
	wantError(t, s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`{}`)), workflow.ErrTaskTimedOut)
}

func tokenOfStopped(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	if err := s.Engine.Stop(t.Context(), "main", execution, "", ""); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`{}`)), workflow.ErrTaskTimedOut)
}

func tokenUnknown(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	genuine := k.get(t, 0)
	forged := []byte(genuine)
	forged[len(forged)/2] ^= 1
	for _, token := range []string{"", "nonsense", string(forged), genuine[:len(genuine)-4]} {
		err := s.Engine.Succeed(t.Context(), token, json.RawMessage(`{}`))
		if !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Invalid) {
			t.Errorf("token %q: got %v", token, err)
		}
	}
	wantStatus(t, s, "main", execution, workflow.Running)
}

func tokenNewestCounts(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	if err := s.Engine.Fail(t.Context(), k.get(t, 0), "Again", "ask once more"); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 2*time.Second)
	if k.get(t, 0) == k.get(t, 1) {
		t.Error("a retry has the same token")
	}
	wantError(t, s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`"old"`)), workflow.ErrTaskTimedOut)
	if err := s.Engine.Succeed(t.Context(), k.get(t, 1), json.RawMessage(`"new"`)); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 0)
	if x := wantStatus(t, s, "main", execution, workflow.Succeeded); string(x.Output) != `"new"` {
		t.Errorf("got %s", x.Output)
	}
}

func tokenBadOutput(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, askMachine)
	start(t, s)
	big := json.RawMessage(`"` + strings.Repeat("x", workflow.MaxPayloadBytes) + `"`)
	for _, output := range []json.RawMessage{json.RawMessage(`{`), big} {
		if err := s.Engine.Succeed(t.Context(), k.get(t, 0), output); !fault.Has(err, fault.Invalid) {
			t.Errorf("%d bytes: got %v", len(output), err)
		}
	}
	if err := s.Engine.Succeed(t.Context(), k.get(t, 0), json.RawMessage(`1`)); err != nil {
		t.Errorf("the token did not stay open: %v", err)
	}
}

// gate counts the functions that run at once and lets none end before it is opened.
type gate struct {
	mu       sync.Mutex
	now, top int
	reached  chan struct{}
	open     chan struct{}
	want     int
}

func newGate(want int) *gate {
	return &gate{want: want, reached: make(chan struct{}), open: make(chan struct{})}
}

// Invoke implements workflow.Invoker.
func (g *gate) Invoke(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
	g.mu.Lock()
	g.now++
	g.top = max(g.top, g.now)
	if g.now == g.want {
		select {
		case <-g.reached:
		default:
			close(g.reached)
		}
	}
	g.mu.Unlock()
	defer func() { g.mu.Lock(); g.now--; g.mu.Unlock() }()
	select {
	case <-g.open:
		return json.RawMessage(`1`), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func concurrency(t testing.TB, h Harness, declared, items, want int) {
	g := newGate(want)
	s := deploy(t, h, g, fmt.Sprintf(`{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":%d,"ItemProcessor":{
	  "StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":
	  {"FunctionName":"${work}"},"OutputPath":"$.Payload","End":true}}},"End":true}}}`, declared))
	input, _ := json.Marshal(make([]int, items)) // numbers always marshal
	if _, err := s.Engine.Start(t.Context(), "main", execution, input); err != nil {
		t.Fatal(err)
	}
	select {
	case <-g.reached:
	case <-time.After(30 * time.Second):
		t.Fatalf("only %d functions run at once, want %d", g.top, want)
	}
	time.Sleep(300 * time.Millisecond) // for those that should not start
	close(g.open)
	pass(t, s, 0)
	wantStatus(t, s, "main", execution, workflow.Succeeded)
	if g.top != want {
		t.Errorf("%d functions ran at once, want %d", g.top, want)
	}
}

func mapConcurrency(t testing.TB, h Harness) { concurrency(t, h, 3, 10, 3) }

// Developer Guide, "Using Map state in Inline mode": at most 40 iterations at once, whatever MaxConcurrency says.
func mapServiceLimit(t testing.TB, h Harness) { concurrency(t, h, 0, 60, workflow.MaxTurnsInFlight) }

// Developer Guide, "Integrate with a service": an iteration that fails uncaught aborts the others' tasks.
func mapFailureStopsChildren(t testing.TB, h Harness) {
	k := &tokens{}
	s := deploy(t, h, k, `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"C","States":{
	  "C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"A"}],"Default":"B"},
	  "A":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
	    "Parameters":{"StateMachineArn":"${child}","Name":"kid","Input":{}},"End":true},
	  "B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	    "Parameters":{"FunctionName":"${ask}","Payload":{"token.$":"$$.Task.Token"}},"End":true}}},
	  "Catch":[{"ErrorEquals":["Broken"],"Next":"W"}],"Next":"W"},
	  "W":{"Type":"Wait","Seconds":90000000,"End":true}}}`, waitMachine)
	if _, err := s.Engine.Start(t.Context(), "main", execution, json.RawMessage(`[1,2]`)); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 0)
	wantStatus(t, s, "child", "kid", workflow.Running)
	if err := s.Engine.Fail(t.Context(), k.get(t, 0), "Broken", ""); err != nil {
		t.Fatal(err)
	}
	pass(t, s, 0)
	wantStatus(t, s, "child", "kid", workflow.Aborted)
	wantStatus(t, s, "main", execution, workflow.Running)
}
