package workflow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// maxPayload is what architecture allows a payload, in bytes; Step Functions allows eight times that.
const maxPayload = 32 << 10

// office answers for the functions of one case: rounds of locating, one run, nothing to review.
type office struct {
	systems int
	rounds  int  // of locating
	slow    int  // systems that need a child
	turns   int  // that a child takes
	stormy  bool // every call of a worker is throttled until its last retry, and every turn of a child waits

	mu      sync.Mutex
	opened  map[string]int
	attempt map[string]int
	largest int
	tokens  []string
}

// maxAttempts is MaxAttempts of the machines' retriers.
const maxAttempts = 6

// Invoke implements workflow.Invoker.
func (o *office) Invoke(_ context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	var in struct{ Phase, TaskID, Token string }
	if err := json.Unmarshal(payload, &in); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.largest = max(o.largest, len(payload))
	if in.Token != "" {
		o.tokens = append(o.tokens, in.Token)
	}
	switch function {
	case "OpenTasks":
		return o.open(in.Phase), nil
	case "worker":
		return o.run(in.TaskID)
	case "AssembleResponse":
		return marshal(map[string]any{"next": "review", "items": []any{}}), nil
	}
	return marshal(map[string]any{"next": "proceed", "items": []any{}}), nil
}

func (o *office) open(phase string) json.RawMessage {
	o.opened[phase]++
	times := 1
	if phase == "locate" {
		times = o.rounds
	}
	if o.opened[phase] > times {
		return marshal(map[string]any{"next": "proceed", "items": []any{}})
	}
	items := []any{}
	for i := range o.systems {
		// As long as the real ones: the case's id, what is done and the system's id; the ARN of an alias.
		id := fmt.Sprintf("01980000-0000-7000-8000-00000000%04d-%s-system-number-%04d", o.opened[phase], phase, i)
		items = append(items, map[string]any{"taskId": id, "worker": "${worker}", "part": o.opened[phase]})
	}
	return marshal(map[string]any{"next": "tasks", "items": items})
}

// run is a turn of a task. The first call of a slow one is that of the iteration, the others are those of its child.
func (o *office) run(task string) (json.RawMessage, error) {
	o.attempt[task]++
	n := o.attempt[task]
	turn := n
	if o.stormy {
		if n%(maxAttempts+1) != 0 {
			return nil, fault.New(fault.Throttled, "too many")
		}
		turn = n / (maxAttempts + 1)
	}
	var number int
	if _, err := fmt.Sscanf(task[len(task)-4:], "%d", &number); err != nil {
		return nil, err
	}
	status := "finished"
	if number < o.slow && turn <= o.turns {
		status = map[bool]string{true: "waiting", false: "more"}[o.stormy]
	}
	return marshal(map[string]any{"status": status, "waitSeconds": 1}), nil
}

// named fills in what stands for ${name} in the office's answers.
type named struct {
	*office
	names func() map[string]string
}

// Invoke implements workflow.Invoker.
func (n named) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	out, err := n.office.Invoke(ctx, function, payload)
	return definitionFor(n.names(), out), err
}

// decide answers the tokens that are open and reports whether there were any.
func (o *office) decide(t *testing.T, e workflow.Engine) bool {
	o.mu.Lock()
	tokens := o.tokens
	o.tokens = nil
	o.mu.Unlock()
	for _, token := range tokens {
		if err := e.Succeed(t.Context(), token, json.RawMessage(`{"next":"proceed"}`)); err != nil {
			t.Fatal(err)
		}
	}
	return len(tokens) > 0
}

// figures are counted from histories.
type figures struct {
	events      int            // of the case's execution
	child       int            // of its largest child
	transitions int            // of the case and its children, as AWS bills them: states entered, and retries
	payload     int            // largest input or output, in bytes
	kinds       map[string]int // events of the case's execution by type
}

// count plays a case of the office and counts.
func (o *office) count(t *testing.T, deploy func(testing.TB, workflowtest.Deployment) workflowtest.System) figures {
	t.Helper()
	o.opened, o.attempt = map[string]int{}, map[string]int{}
	var s workflowtest.System
	s = deploy(t, workflowtest.Deployment{
		Machines:  map[string]json.RawMessage{"main": definitions.Machines()["case"], "TaskMachine": definitions.Machines()["task"]},
		Functions: append(definitions.Functions(), "worker"), Invoker: named{o, func() map[string]string { return s.Names }},
	})
	input := marshal(map[string]any{"tenant": "demo", "caseId": "c-1", "generation": 1, "schemaVersion": 1, "resumeAt": ""})
	if _, err := s.Engine.Start(t.Context(), "main", "c-1-g1", input); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of a case", 3*time.Minute, func() bool {
		x := settled(t, s)
		if x.Status == workflow.Running && !o.decide(t, s.Engine) {
			if err := s.Advance(t.Context(), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if x.Status != workflow.Running && x.Status != workflow.Succeeded {
			t.Fatalf("the case is %s (%s: %s)", x.Status, x.Error, x.Cause)
		}
		return x.Status == workflow.Succeeded
	})
	return o.read(t, s)
}

func settled(t *testing.T, s workflowtest.System) workflow.Execution {
	t.Helper()
	err := s.Settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Engine.Describe(t.Context(), "main", "c-1-g1")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (o *office) read(t *testing.T, s workflowtest.System) figures {
	t.Helper()
	out := figures{payload: o.largest, kinds: map[string]int{}}
	events := func(machine, name string) int {
		all, err := s.History(t.Context(), machine, name)
		if err != nil {
			t.Fatal(err)
		}
		scheduled, entered := 0, 0
		for _, v := range all {
			if machine == "main" {
				out.kinds[v.Type]++
			}
			out.payload = max(out.payload, payloadOf(t, v))
			switch {
			case strings.HasSuffix(v.Type, "StateEntered"):
				out.transitions++
				if v.Type == "TaskStateEntered" {
					entered++
				}
			case v.Type == "TaskScheduled":
				scheduled++
			}
		}
		out.transitions += scheduled - entered
		return len(all)
	}
	out.events = events("main", "c-1-g1")
	for task := range o.attempt {
		for part := range o.rounds {
			name := fmt.Sprintf("%s-g1-%d", task, part+1)
			if _, err := s.Engine.Describe(t.Context(), "TaskMachine", name); err == nil {
				out.child = max(out.child, events("TaskMachine", name))
			} else if !fault.Has(err, fault.NotFound) {
				t.Fatal(err)
			}
		}
	}
	return out
}

// payloadOf returns the length of the larger of an event's input and output.
func payloadOf(t *testing.T, v workflow.Event) int {
	t.Helper()
	if len(v.Detail) == 0 {
		return 0
	}
	var d struct{ Input, Output, Parameters json.RawMessage }
	if err := json.Unmarshal(v.Detail, &d); err != nil {
		t.Fatal(err)
	}
	return max(len(d.Input), len(d.Output), len(d.Parameters))
}

// The local engine records what an engine of others records, so that what it counts is what AWS counts.
func TestEventsAreCountedAlike(t *testing.T) {
	t.Parallel()
	ours := (&office{systems: 3, rounds: 1, slow: 1, turns: 2}).count(t, workflowtest.Local)
	theirs := (&office{systems: 3, rounds: 1, slow: 1, turns: 2}).count(t, moto(t).harness(nil, nil).Deploy)
	if d := cmp.Diff(ours.kinds, theirs.kinds); d != "" {
		t.Errorf("events (-local +moto):\n%s", d)
	}
	if ours.events != theirs.events || ours.child != theirs.child || ours.transitions != theirs.transitions {
		t.Errorf("the local engine counts %+v, moto %+v", ours, theirs)
	}
}

// 60 systems in one case, a third of which page through as many turns as a child has, stay within the limits of Step Functions;
// and so they do when every call is throttled as often as it is retried.
func TestLimits(t *testing.T) {
	for name, o := range map[string]*office{
		"60 systems": {systems: 60, rounds: 2, slow: 20, turns: 400},
		"60 systems in as many rounds as there can be":       {systems: 60, rounds: 4, slow: 60, turns: 1},
		"60 systems that are throttled until the last retry": {systems: 60, rounds: 1, slow: 1, turns: 400, stormy: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := o.count(t, workflowtest.Local)
			t.Logf("%d events, at most %d in a child, %d transitions, payloads of at most %d bytes", f.events, f.child, f.transitions, f.payload)
			if f.events >= workflow.MaxHistoryEvents || f.child >= workflow.MaxHistoryEvents {
				t.Errorf("a history of %d events (a child's of %d) is too long", f.events, f.child)
			}
			if f.payload >= maxPayload {
				t.Errorf("a payload has %d bytes", f.payload)
			}
			if f.child == 0 || f.payload < 60*100 {
				t.Errorf("nothing was counted: %+v", f)
			}
		})
	}
}

// What a case costs in transitions, for the table of figures: when every system settles at the first call, and when one in four
// needs a child of two turns each time.
func TestTransitions(t *testing.T) {
	for _, c := range []struct{ systems, slow, most int }{{3, 0, 50}, {3, 1, 65}, {12, 0, 100}, {12, 3, 150}} {
		o := &office{systems: c.systems, rounds: 1, slow: c.slow, turns: 2}
		f := o.count(t, workflowtest.Local)
		t.Logf("%d systems, %d of them in children: %d transitions, %d events", c.systems, c.slow, f.transitions, f.events)
		if f.transitions > c.most {
			t.Errorf("%d transitions are more than %d", f.transitions, c.most)
		}
	}
}
