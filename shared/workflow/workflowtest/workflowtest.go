// Package workflowtest is the conformance suite of workflow engines: small programs in testdata, each with its input, scripted
// functions, and the status, output, error and history that the States Language specification and the Step Functions
// documents prescribe.
//
// The programs know nothing of any one engine, so that they also run against Step Functions emulators and the service: names
// of functions and machines are written ${name}, and all time passes through System.Advance.
package workflowtest

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/workflow"
)

//go:embed testdata/*.json
var testdata embed.FS

// Deployment is what a program needs of an engine.
type Deployment struct {
	Machines  map[string]json.RawMessage // definitions by name, with ${name} for functions and machines
	Functions []string
	Invoker   workflow.Invoker // what the functions do
}

// System is an engine with the machines and functions of one deployment, and nothing else in it.
type System struct {
	Engine workflow.Engine
	// History returns all events of an execution.
	History func(ctx context.Context, machine, name string) ([]workflow.Event, error)
	// Advance lets so much workflow time pass and returns when everything that became due has run. An engine whose clock
	// cannot be moved waits, by its scale.
	Advance func(ctx context.Context, d time.Duration) error
	// Settle returns when nothing can run without time passing.
	Settle func(ctx context.Context) error
	// Names tells what stands for ${name} where that is not the name itself; inputs and answers may name functions too.
	Names map[string]string
}

// Harness connects the suite to an engine.
type Harness struct {
	// Deploy starts a system and stops it when the test ends.
	Deploy func(t testing.TB, d Deployment) System
	// Kinds maps the history's event types before they are compared; nil compares them as they are. Engines whose history
	// is known to be thinner than the service's drop the difference here.
	Kinds func(kinds []string) []string
	// Loose is set where time passes by a scale: how long a program took is not compared.
	Loose bool
	// Parallel runs programs and stories side by side.
	Parallel bool
	// Patience is how long one program may take in real time; 0 is a minute.
	Patience time.Duration
	// Differences are the programs and stories, by name, in which the engine is known not to do what is prescribed. Each must
	// show exactly so: the suite fails when one vanishes or looks different. Only engines of others have any.
	Differences map[string]Difference
}

// Difference is one way in which an engine of others is known to differ.
type Difference struct {
	Does  string         // what the engine does
	Says  string         // what is prescribed, by title and section of the document
	Shows *regexp.Regexp // matches what the suite complains about
	// Patience is the harness's for this one; for programs that never end.
	Patience time.Duration
}

// Program is one file of testdata.
type Program struct {
	Title     string                     `json:"title"`
	Source    string                     `json:"source"` // where the behaviour is written
	Machines  map[string]json.RawMessage `json:"machines"`
	Input     json.RawMessage            `json:"input"`
	Functions map[string][]Answer        `json:"functions"`
	Expect    Expectation                `json:"expect"`
}

// Answer is what a function does when it is called; the last of its answers repeats.
type Answer struct {
	Returns json.RawMessage `json:"returns"`
	Echoes  bool            `json:"echoes"` // returns its payload
	Bytes   int             `json:"bytes"`  // returns a string of that many bytes
	Fails   string          `json:"fails"`  // a fault class
	Panics  bool            `json:"panics"`
	Token   *TokenAnswer    `json:"token"` // answers the token in the payload's "token"
}

// TokenAnswer is how a token is answered.
type TokenAnswer struct {
	Output json.RawMessage `json:"output"`
	Error  string          `json:"error"`
	Cause  string          `json:"cause"`
	Early  bool            `json:"early"` // before the function returns
}

// Expectation is what is to come of the execution of the machine "main".
type Expectation struct {
	Status  workflow.Status              `json:"status"`
	Output  json.RawMessage              `json:"output"` // strings <any> and <match:REGEXP> stand for values
	Error   string                       `json:"error"`
	Cause   string                       `json:"cause"` // part of it
	Seconds int                          `json:"seconds"`
	History []string                     `json:"history"`
	Calls   map[string][]json.RawMessage `json:"calls"` // payloads by function
	Count   map[string]int               `json:"count"` // calls by function, where payloads do not matter
	// States are those of main itself that were entered, in order, and Children those of its children by machine/name. States
	// within a Map are not among them, because iterations run side by side.
	States   []string            `json:"states"`
	Children map[string][]string `json:"children"`
}

// named replaces ${name} by what stands for it.
func (s System) named(text json.RawMessage) json.RawMessage {
	return placeholder.ReplaceAllFunc(text, func(b []byte) []byte {
		name := string(b[2 : len(b)-1])
		return []byte(cmp.Or(s.Names[name], name))
	})
}

var placeholder = regexp.MustCompile(`\$\{\w+\}`)

// execution is the name under which programs run.
const execution = "run-1"

// Programs returns the programs by name.
func Programs() (map[string]Program, error) {
	out := map[string]Program{}
	files, err := fs.Glob(testdata, "testdata/*.json")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := testdata.ReadFile(f)
		if err != nil {
			return nil, err
		}
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.DisallowUnknownFields()
		var p Program
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("reading %s: %w", f, err)
		}
		out[strings.TrimSuffix(path.Base(f), ".json")] = p
	}
	return out, nil
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	programs, err := Programs()
	if err != nil {
		t.Fatal(err)
	}
	tests := stories()
	for name, p := range programs {
		tests[name] = p.Run
	}
	for name := range h.Differences {
		if tests[name] == nil {
			t.Errorf("a difference names %s, which is not in the suite", name)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			if d, known := h.Differences[name]; known {
				h := h
				h.Patience = cmp.Or(d.Patience, h.Patience)
				d.Expect(t, func(t testing.TB) { test(t, h) })
				return
			}
			test(t, h)
		})
	}
}

// Run runs the program.
func (p Program) Run(t testing.TB, h Harness) {
	script := newScript(p.Functions)
	names := make([]string, 0, len(p.Functions))
	for n := range p.Functions {
		names = append(names, n)
	}
	s := h.Deploy(t, Deployment{Machines: p.Machines, Functions: names, Invoker: script})
	script.system = s
	if _, err := s.Engine.Start(t.Context(), "main", execution, s.named(p.Input)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(h.Patience, time.Minute))
	defer cancel()
	x := finish(ctx, t, s, script, "main", execution)
	p.check(t, h, x, script)
	p.checkStates(ctx, t, s)
	if p.Expect.History == nil {
		return
	}
	events, err := s.History(ctx, "main", execution)
	if err != nil {
		t.Fatal(err)
	}
	checkChain(t, events)
	kinds := make([]string, len(events))
	for i, v := range events {
		kinds[i] = v.Type
	}
	want := p.Expect.History
	if h.Kinds != nil {
		kinds, want = h.Kinds(kinds), h.Kinds(want)
	}
	if d := gocmp.Diff(want, kinds); d != "" {
		t.Errorf("history (-want +got):\n%s", d)
	}
}

// horizon is how far a program's time may run; programs that wait wait less.
const horizon = 400 * 24 * time.Hour

// finish lets time pass until the execution has closed.
func finish(ctx context.Context, t testing.TB, s System, script *script, machine, name string) workflow.Execution {
	t.Helper()
	for step, passed := time.Second, time.Duration(0); ; step, passed = min(2*step, 24*time.Hour), passed+step {
		settle(ctx, t, s, script)
		x, err := s.Engine.Describe(ctx, machine, name)
		if err != nil {
			t.Fatal(err)
		}
		if x.Status != workflow.Running {
			return x
		}
		if passed > horizon {
			t.Fatal("the execution does not end")
		}
		if err := s.Advance(ctx, step); err != nil {
			t.Fatal(err)
		}
	}
}

// settle lets everything run that can without time passing, answers to tokens included.
func settle(ctx context.Context, t testing.TB, s System, script *script) {
	t.Helper()
	for more := true; more; {
		err := s.Settle(ctx)
		if err == nil {
			more, err = script.settle()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (p Program) check(t testing.TB, h Harness, x workflow.Execution, script *script) {
	t.Helper()
	if x.Status != p.Expect.Status || x.Error != p.Expect.Error {
		t.Errorf("got %s %q (%s), want %s %q", x.Status, x.Error, x.Cause, p.Expect.Status, p.Expect.Error)
	}
	if !strings.Contains(x.Cause, p.Expect.Cause) {
		t.Errorf("cause %q lacks %q", x.Cause, p.Expect.Cause)
	}
	if p.Expect.Output != nil {
		if err := match(p.Expect.Output, x.Output); err != nil {
			t.Errorf("output %s: %v", x.Output, err)
		}
	}
	if took := x.StoppedAt.Sub(x.StartedAt); p.Expect.Seconds > 0 && !h.Loose && took.Truncate(time.Second) != time.Duration(p.Expect.Seconds)*time.Second {
		t.Errorf("it took %s, want %d s", took, p.Expect.Seconds)
	}
	for name, want := range p.Expect.Calls {
		got := script.payloads(name)
		if len(got) != len(want) {
			t.Errorf("%s was called %d times, want %d", name, len(got), len(want))
			continue
		}
		for i := range want {
			if err := match(want[i], got[i]); err != nil {
				t.Errorf("call %d of %s with %s: %v", i+1, name, got[i], err)
			}
		}
	}
	for name, want := range p.Expect.Count {
		if got := len(script.payloads(name)); got != want {
			t.Errorf("%s was called %d times, want %d", name, got, want)
		}
	}
}

// checkStates compares the states that were entered.
func (p Program) checkStates(ctx context.Context, t testing.TB, s System) {
	t.Helper()
	visited := map[string][]string{}
	if p.Expect.States != nil {
		visited["main/"+execution] = p.Expect.States
	}
	maps.Copy(visited, p.Expect.Children)
	for at, want := range visited {
		machine, name, _ := strings.Cut(at, "/")
		events, err := s.History(ctx, machine, name)
		if err != nil {
			t.Fatalf("reading history of %s: %v", at, err)
		}
		var d struct{ States map[string]struct{} }
		if err := json.Unmarshal(p.Machines[machine], &d); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range events {
			if _, own := d.States[v.State]; own && strings.HasSuffix(v.Type, "StateEntered") {
				got = append(got, v.State)
			}
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("states of %s (-want +got):\n%s", at, d)
		}
	}
}

// checkChain checks what holds for every history: numbers without gaps, predecessors that come before.
func checkChain(t testing.TB, events []workflow.Event) {
	t.Helper()
	for i, v := range events {
		if v.ID != int64(i)+1 {
			t.Fatalf("event %d has number %d", i+1, v.ID)
		}
		if v.PreviousID < 0 || v.PreviousID >= v.ID {
			t.Errorf("event %d follows event %d", v.ID, v.PreviousID)
		}
		if i > 0 && v.At.Before(events[i-1].At) {
			t.Errorf("event %d is older than the one before", v.ID)
		}
	}
}
