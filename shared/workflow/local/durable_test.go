package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// lives runs one engine after the other on the same file and clock.
type lives struct {
	t       *testing.T
	path    string
	clock   *local.ManualClock
	invoker workflow.Invoker
}

func newLives(t *testing.T, f invokerFunc) *lives {
	return &lives{t: t, path: filepath.Join(t.TempDir(), "workflow.db"), clock: local.NewManualClock(epoch()), invoker: f}
}

// next starts an engine with the machines main and child; end stops it, cutting off what runs.
func (l *lives) next(definitions ...string) (e *local.Engine, end func()) {
	l.t.Helper()
	d := workflowtest.Deployment{Machines: map[string]json.RawMessage{}, Functions: []string{"work"}}
	for i, text := range definitions {
		d.Machines[[]string{"main", "child"}[i]] = json.RawMessage(text)
	}
	e, err := local.New(l.t.Context(), local.Options{Path: l.path, Machines: loadAll(l.t, d), Invoker: l.invoker, Clock: l.clock})
	if err != nil {
		l.t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.Background()) }()
	var once sync.Once
	end = func() {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := errors.Join(e.Close(ctx), <-ran); err != nil {
				l.t.Error(err)
			}
		})
	}
	l.t.Cleanup(end)
	return e, end
}

func (l *lives) start(e *local.Engine, input string) {
	l.t.Helper()
	if _, err := e.Start(l.t.Context(), "main", "x", json.RawMessage(input)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lives) advance(e *local.Engine, d time.Duration) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	if err := e.AdvanceTo(ctx, l.clock, l.clock.Now().Add(d)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lives) want(e *local.Engine, machine, name string, status workflow.Status) workflow.Execution {
	l.t.Helper()
	x, err := e.Describe(l.t.Context(), machine, name)
	if err != nil {
		l.t.Fatal(err)
	}
	if x.Status != status {
		l.t.Fatalf("%s is %s (%s %s), want %s", name, x.Status, x.Error, x.Cause, status)
	}
	return x
}

// A function that was cut off runs again after the start, with the same parameters and the same token.
func TestFunctionCutOffRunsAgain(t *testing.T) {
	var mu sync.Mutex
	var payloads []string
	began := make(chan struct{}, 2)
	block := true
	l := newLives(t, func(ctx context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
		mu.Lock()
		payloads = append(payloads, string(payload))
		wait := block
		mu.Unlock()
		began <- struct{}{}
		if wait {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return json.RawMessage(`{}`), nil
	})
	const machine = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	  "Parameters":{"FunctionName":"work","Payload":{"token.$":"$$.Task.Token","id.$":"States.UUID()",
	  "entered.$":"$$.State.EnteredTime"}},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true},
	  "B":{"Type":"Fail"}}}`
	e, end := l.next(machine)
	l.start(e, `{}`)
	<-began
	end()
	block = false
	l.clock.Set(l.clock.Now().Add(time.Hour))
	e, end = l.next(machine)
	<-began
	l.advance(e, 0)
	if len(payloads) != 2 || payloads[0] != payloads[1] {
		t.Fatalf("the function ran with %q", payloads)
	}
	end()
	e, _ = l.next(machine) // the function returned, so it does not run a third time
	l.advance(e, time.Hour)
	var p struct{ Token string }
	if err := json.Unmarshal([]byte(payloads[0]), &p); err != nil {
		t.Fatal(err)
	}
	if err := e.Succeed(t.Context(), p.Token, json.RawMessage(`"ok"`)); err != nil {
		t.Fatal(err)
	}
	l.advance(e, 0)
	if x := l.want(e, "main", "x", workflow.Succeeded); string(x.Output) != `"ok"` || len(payloads) != 2 {
		t.Errorf("got %s after %d calls", x.Output, len(payloads))
	}
}

// Waits, timeouts, retry delays and retry counters outlive the process.
func TestTimersOutliveTheProcess(t *testing.T) {
	var calls atomic.Int32
	l := newLives(t, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		calls.Add(1)
		return nil, fault.New(fault.Throttled, "slow down")
	})
	const machine = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"Next":"A"},
	  "A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work"},
	  "Retry":[{"ErrorEquals":["throttled"],"IntervalSeconds":60,"BackoffRate":1,"MaxAttempts":3}],"End":true}}}`
	e, end := l.next(machine)
	l.start(e, `{}`)
	for i, step := range []struct {
		passes time.Duration
		calls  int32
	}{{3599 * time.Second, 0}, {time.Second, 1}, {59 * time.Second, 1}, {time.Second, 2}, {time.Minute, 3}, {59 * time.Second, 3}} {
		l.advance(e, step.passes)
		end()
		e, end = l.next(machine)
		l.advance(e, 0)
		if calls.Load() != step.calls {
			t.Fatalf("step %d: %d calls, want %d", i, calls.Load(), step.calls)
		}
	}
	l.advance(e, time.Second)
	if x := l.want(e, "main", "x", workflow.Failed); calls.Load() != 4 || x.StoppedAt.Sub(x.StartedAt) != time.Hour+3*time.Minute {
		t.Errorf("%d calls, %+v", calls.Load(), x)
	}
}

// A running execution keeps the definition it was started with; a new one takes the new definition.
func TestRunningExecutionKeepsItsDefinition(t *testing.T) {
	l := newLives(t, nil)
	const (
		before = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","Result":"old","End":true}}}`
		after  = `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"new","End":true}}}`
	)
	e, end := l.next(before)
	l.start(e, `{}`)
	end()
	e, _ = l.next(after)
	if _, err := e.Start(t.Context(), "main", "y", nil); err != nil {
		t.Fatal(err)
	}
	l.advance(e, time.Minute)
	if x := l.want(e, "main", "x", workflow.Succeeded); string(x.Output) != `"old"` {
		t.Errorf("the old execution gives %s", x.Output)
	}
	if x := l.want(e, "main", "y", workflow.Succeeded); string(x.Output) != `"new"` {
		t.Errorf("the new execution gives %s", x.Output)
	}
}

const nested = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2",
  "Parameters":{"StateMachineArn":"${child}","Name":"kid","Input":{}},"OutputPath":"$.Output","End":true}}}`

// A parent that waits for a child goes on waiting after a restart, and learns of an end it slept through.
func TestParentWaitsForChildOverRestart(t *testing.T) {
	l := newLives(t, nil)
	const kid = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","Result":7,"End":true}}}`
	e, end := l.next(nested, kid)
	l.start(e, `{}`)
	l.advance(e, 0)
	end()
	e, _ = l.next(nested, kid)
	l.advance(e, time.Minute)
	if x := l.want(e, "main", "x", workflow.Succeeded); string(x.Output) != `7` {
		t.Errorf("got %s", x.Output)
	}
}

// Timers fire in the order of their due times, also when the clock jumps over many.
func TestTimersFireInOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	l := newLives(t, func(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, string(payload))
		return nil, nil
	})
	e, _ := l.next(`{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$.s","Next":"A"},
	  "A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work","Payload.$":"$.s"},
	  "ResultPath":null,"Next":"B"},
	  "B":{"Type":"Wait","Seconds":1000,"Next":"C"},
	  "C":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work",
	  "Payload.$":"States.Format('{} again', $.s)"},"End":true}}}`)
	for _, s := range []int{500, 3, 1400, 90} {
		if _, err := e.Start(t.Context(), "main", fmt.Sprintf("x%d", s), fmt.Appendf(nil, `{"s":%d}`, s)); err != nil {
			t.Fatal(err)
		}
	}
	if due, ok := e.NextDue(); !ok || !due.Equal(epoch().Add(3*time.Second)) {
		t.Errorf("the next timer is due at %s", due)
	}
	l.advance(e, 24*time.Hour)
	want := []string{"3", "90", "500", `"3 again"`, `"90 again"`, "1400", `"500 again"`, `"1400 again"`}
	if !slices.Equal(order, want) {
		t.Errorf("got %q", order)
	}
	if _, ok := e.NextDue(); ok {
		t.Error("a timer is left")
	}
}

// With a manual clock nothing is late or early by itself.
func TestNothingFiresBeforeItIsDue(t *testing.T) {
	l := newLives(t, nil)
	e, _ := l.next(`{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}}`)
	l.start(e, `{}`)
	l.advance(e, time.Second-time.Nanosecond)
	l.want(e, "main", "x", workflow.Running)
	l.advance(e, time.Nanosecond)
	l.want(e, "main", "x", workflow.Succeeded)
}

// A function that exceeds its task's timeout is told so and its answer is not taken.
func TestTimeoutCancelsTheFunction(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	l := newLives(t, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
		close(began)
		<-ctx.Done()
		ended <- ctx.Err()
		return json.RawMessage(`1`), nil
	})
	e, _ := l.next(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":5,
	  "Parameters":{"FunctionName":"work"},"Catch":[{"ErrorEquals":["States.Timeout"],"Next":"B"}],"End":true},
	  "B":{"Type":"Pass","Result":"late","End":true}}}`)
	l.start(e, `{}`)
	<-began
	l.clock.Set(l.clock.Now().Add(5 * time.Second))
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	l.advance(e, 0)
	if x := l.want(e, "main", "x", workflow.Succeeded); string(x.Output) != `"late"` {
		t.Errorf("got %s", x.Output)
	}
}

// No more functions run at once than there are workers.
func TestWorkersAreBounded(t *testing.T) {
	var now, top atomic.Int32
	path := filepath.Join(t.TempDir(), "workflow.db")
	e := run(t, local.Options{
		Path: path, Clock: local.NewClock(time.Now), Workers: 3,
		Machines: loadOne(t, `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
		  "Parameters":{"FunctionName":"work"},"End":true}}}`),
		Invoker: invokerFunc(func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			n := now.Add(1)
			for t := top.Load(); n > t && !top.CompareAndSwap(t, n); t = top.Load() {
			}
			time.Sleep(2 * time.Millisecond)
			now.Add(-1)
			return nil, nil
		}),
	})
	inParallel(t, 60, func(i int) error {
		_, err := e.Start(t.Context(), "main", fmt.Sprintf("e%d", i), nil)
		return err
	})
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if top.Load() != 3 {
		t.Errorf("%d functions ran at once", top.Load())
	}
}

// Close lets the functions that run end, and keeps what they return.
func TestCloseWaitsForFunctions(t *testing.T) {
	began, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	l := newLives(t, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		if calls.Add(1) == 1 {
			close(began)
			<-release
		}
		return json.RawMessage(`1`), nil
	})
	const machine = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"work"},"Next":"B"},"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"work"},"OutputPath":"$.Payload","End":true}}}`
	e, end := l.next(machine)
	l.start(e, `{}`)
	<-began
	time.AfterFunc(30*time.Millisecond, func() { close(release) })
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	end()
	if calls.Load() != 1 {
		t.Fatalf("new work began while closing: %d calls", calls.Load())
	}
	if _, err := e.Start(t.Context(), "main", "y", nil); fault.ClassOf(err) == "" {
		t.Error("a closed engine starts executions")
	}
	e, _ = l.next(machine)
	l.advance(e, 0)
	l.want(e, "main", "x", workflow.Succeeded)
	if calls.Load() != 2 {
		t.Errorf("%d calls, want 2: the first was recorded", calls.Load())
	}
}

func TestOneEngineForAFile(t *testing.T) {
	l := newLives(t, nil)
	const machine = `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`
	_, end := l.next(machine)
	o := local.Options{Path: l.path, Machines: loadOne(t, machine), Invoker: invokerFunc(nil), Clock: l.clock}
	if _, err := local.New(t.Context(), o); !fault.Has(err, fault.Conflict) {
		t.Errorf("a second engine: %v", err)
	}
	end()
	e, err := local.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := local.New(t.Context(), local.Options{}); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("no options: %v", err)
	}
}

func TestListHistoryPrune(t *testing.T) {
	l := newLives(t, nil)
	const machine = `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[{"Variable":"$.wait","IsPresent":true,"Next":"W"}],
	  "Default":"S"},"W":{"Type":"Wait","SecondsPath":"$.wait","End":true},"S":{"Type":"Succeed"}}}`
	e, end := l.next(machine)
	for i := range 7 {
		input := `{}`
		if i%3 == 0 {
			input = `{"wait":100}`
		}
		if _, err := e.Start(t.Context(), "main", fmt.Sprintf("e%d", i), json.RawMessage(input)); err != nil {
			t.Fatal(err)
		}
		l.advance(e, time.Second)
	}
	names := func(status workflow.Status, limit int) (out []string) {
		for cursor := ""; ; {
			page, next, err := e.List(t.Context(), status, cursor, limit)
			if err != nil || len(page) > limit {
				t.Fatalf("%d executions: %v", len(page), err)
			}
			for _, x := range page {
				out = append(out, x.Name)
			}
			if next == "" {
				return out
			}
			cursor = next
		}
	}
	for limit := 1; limit < 9; limit++ {
		if got := strings.Join(names("", limit), " "); got != "e6 e5 e4 e3 e2 e1 e0" {
			t.Errorf("all by %d: %s", limit, got)
		}
		if got := strings.Join(names(workflow.Running, limit), " "); got != "e6 e3 e0" {
			t.Errorf("running by %d: %s", limit, got)
		}
	}
	if _, _, err := e.List(t.Context(), "", "no cursor!", 1); !fault.Has(err, fault.Invalid) {
		t.Errorf("a bad cursor: %v", err)
	}
	page, err := e.History(t.Context(), "main", "e1", 3, 2)
	if err != nil || len(page) != 2 || page[0].ID != 3 || page[0].State != "C" || page[1].State != "S" {
		t.Errorf("events 3 and 4: %+v, %v", page, err)
	}
	if _, err := e.History(t.Context(), "main", "nobody", 0, 0); !fault.Has(err, fault.NotFound) {
		t.Errorf("history of nobody: %v", err)
	}
	if n, err := e.Prune(t.Context(), epoch().Add(4*time.Second)); n != 2 || err != nil { // e1 and e2 closed before
		t.Fatalf("pruned %d: %v", n, err)
	}
	if got := strings.Join(names("", 10), " "); got != "e6 e5 e4 e3 e0" {
		t.Errorf("after pruning: %s", got)
	}
	l.advance(e, time.Hour)
	if n, err := e.Prune(t.Context(), l.clock.Now().Add(time.Hour)); n != 5 || err != nil {
		t.Fatalf("pruned %d: %v", n, err)
	}
	end()
	e, _ = l.next(machine) // numbers are not used again, names are free
	if _, err := e.Start(t.Context(), "main", "e1", nil); err != nil {
		t.Fatal(err)
	}
	if events, err := e.History(t.Context(), "main", "e1", 0, 0); err != nil || len(events) == 0 || events[0].ID != 1 {
		t.Errorf("%+v, %v", events, err)
	}
}

// The history names nobody's token, not even when the function repeats it.
func TestHistoryHidesTokens(t *testing.T) {
	var token string
	l := newLives(t, func(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
		token = strings.Trim(string(payload), `"`)
		return payload, nil
	})
	e, _ := l.next(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	  "Parameters":{"FunctionName":"work","Payload.$":"$$.Task.Token"},"End":true}}}`)
	l.start(e, `{}`)
	l.advance(e, 0)
	events, err := e.History(t.Context(), "main", "x", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal(events)
	if err != nil || token == "" || strings.Contains(string(all), token) || !strings.Contains(string(all), "[task token 1-3]") {
		t.Errorf("token %q, history %s, %v", token, all, err)
	}
}

// The event that closes an execution is number 25,000 and the last.
func TestHistoryEndsAtItsLimit(t *testing.T) {
	l := newLives(t, nil)
	e, _ := l.next(`{"StartAt":"P","States":{"P":{"Type":"Pass","Next":"C"},"C":{"Type":"Choice",
	  "Choices":[{"Variable":"$.go","BooleanEquals":false,"Next":"S"}],"Default":"P"},"S":{"Type":"Succeed"}}}`)
	l.start(e, `{"go":true}`)
	l.advance(e, 0)
	l.want(e, "main", "x", workflow.Failed)
	events, err := e.History(t.Context(), "main", "x", workflow.MaxHistoryEvents-1, 10)
	if err != nil || len(events) != 2 || events[1].ID != workflow.MaxHistoryEvents || events[1].Type != "ExecutionFailed" ||
		!strings.HasSuffix(events[0].Type, "StateExited") && !strings.HasSuffix(events[0].Type, "StateEntered") {
		t.Errorf("%+v, %v", events, err)
	}
}

// Jitter comes from the injected source.
func TestJitterIsInjected(t *testing.T) {
	clock := local.NewManualClock(epoch())
	m, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"work"},"Retry":[{"ErrorEquals":["throttled"],"IntervalSeconds":100,"MaxAttempts":1,
	  "JitterStrategy":"FULL"}],"End":true}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := run(t, local.Options{
		Path: filepath.Join(t.TempDir(), "workflow.db"), Machines: map[string]*asl.Machine{"main": m}, Clock: clock,
		Random: func() float64 { return 0.25 },
		Invoker: invokerFunc(func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return nil, fault.New(fault.Throttled, "slow down")
		}),
	})
	if _, err := e.Start(t.Context(), "main", "x", nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if due, ok := e.NextDue(); !ok || !due.Equal(epoch().Add(25*time.Second)) {
		t.Errorf("the retry is due at %s", due)
	}
}
