// Package workflow_test proves that the state machines of Habeas, and the small programs of the conformance suite, do on engines
// of others what they do on ours: on ministack and moto, two emulators of Step Functions, through the SDK and the driver of AWS.
// Functions are real Lambdas of ministack that ask the test what to answer (stub).
package workflow_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// together is how many tests run side by side unless -parallel says: they wait more than they work.
const together = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", together); err != nil {
			panic(err)
		}
	}
	os.Exit(emulator.Run(m))
}

// cloud is an emulator of Step Functions, and the one whose Lambdas it invokes.
type cloud struct {
	name   string
	sfn    *sfn.Client
	lambda *lambda.Client
}

// ministack and moto start the emulators on first use. Both know one account here: moto's functions are ministack's.
func ministack(t testing.TB) cloud {
	c := emulator.Ministack(t)
	config := c.Config(t, "")
	body := bytes.NewReader(fmt.Appendf(nil, `{"stepfunctions._SFN_WAIT_SCALE":%g}`, emulator.WaitScale))
	res, err := http.Post(c.Endpoint+"/_ministack/config", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("setting the scale of waits: %s, %v", res.Status, err)
	}
	return cloud{"ministack", sfn.NewFromConfig(config), lambda.NewFromConfig(config)}
}

func moto(t testing.TB) cloud {
	functions := emulator.Ministack(t)
	return cloud{"moto", sfn.NewFromConfig(emulator.Moto(t, functions.Endpoint).Config(t, "")), lambda.NewFromConfig(functions.Config(t, ""))}
}

// deployments counts, so that the names of what tests deploy differ.
var deployments atomic.Int64

// deployed is a deployment in an emulator.
type deployed struct {
	cloud
	*stepfunctions.Engine
	functions *functions
	names     map[string]string // what stands for ${name}
	machines  map[string]string // ARNs
}

// deploy makes the functions and machines of a deployment; what still runs when the test ends is stopped.
func (c cloud) deploy(t testing.TB, d workflowtest.Deployment) deployed {
	t.Helper()
	prefix := fmt.Sprintf("t%d-", deployments.Add(1))
	f := &functions{invoker: d.Invoker}
	out := deployed{cloud: c, functions: f, names: f.deploy(t, c.lambda, prefix, d.Functions), machines: map[string]string{}}
	account := map[string]string{"ministack": "000000000000", "moto": "123456789012"}[c.name]
	for name := range d.Machines {
		out.names[name] = "arn:aws:states:" + emulator.Region + ":" + account + ":stateMachine:" + prefix + name
	}
	for name, definition := range d.Machines {
		created, err := c.sfn.CreateStateMachine(t.Context(), &sfn.CreateStateMachineInput{
			Name: aws.String(prefix + name), RoleArn: aws.String("arn:aws:iam::" + account + ":role/machine"),
			Definition: aws.String(string(definitionFor(out.names, definition))),
		})
		if err != nil {
			t.Fatal(err)
		}
		out.machines[name] = aws.ToString(created.StateMachineArn)
	}
	if !maps.Equal(out.machines, subset(out.names, d.Machines)) {
		t.Fatalf("the machines are called %v", out.machines)
	}
	engine, err := stepfunctions.New(stepfunctions.Options{Client: c.sfn, Machines: out.machines})
	if err != nil {
		t.Fatal(err)
	}
	out.Engine = engine
	t.Cleanup(func() { out.stopAll(t) })
	return out
}

func subset(names map[string]string, of map[string]json.RawMessage) map[string]string {
	out := map[string]string{}
	for n := range of {
		out[n] = names[n]
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`\$\{\w+\}`)
	timeout     = regexp.MustCompile(`("TimeoutSeconds"\s*:\s*)(\d+)`)
)

// definitionFor fills in names and shortens time-outs, which the emulators let pass in real time.
func definitionFor(names map[string]string, definition []byte) []byte {
	definition = placeholder.ReplaceAllFunc(definition, func(b []byte) []byte {
		name := string(b[2 : len(b)-1])
		return []byte(cmp.Or(names[name], name))
	})
	return timeout.ReplaceAllFunc(definition, func(b []byte) []byte {
		m := timeout.FindSubmatch(b)
		n, _ := strconv.Atoi(string(m[2])) // the expression takes digits only
		return fmt.Appendf(m[1], "%d", int(math.Ceil(short(time.Duration(n)*time.Second).Seconds())))
	})
}

// short is how long a time-out lasts in an emulator: less, and still in order, and long enough for a test to act in it.
func short(d time.Duration) time.Duration { return min(max(d/60, time.Second), 12*time.Second) }

// stopAll ends what runs, so that nothing calls a function of a test that is over.
func (d deployed) stopAll(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, arn := range d.machines {
		list, err := d.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(arn), StatusFilter: types.ExecutionStatusRunning})
		if err != nil {
			t.Errorf("listing executions: %v", err)
			return
		}
		for _, x := range list.Executions {
			_, err := d.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: x.ExecutionArn})
			if _, ended := errors.AsType[*types.ValidationException](err); err != nil && !ended {
				t.Errorf("stopping execution: %v", err)
			}
		}
	}
}

// history returns all events of an execution.
func (d deployed) history(ctx context.Context, arn string) ([]types.HistoryEvent, error) {
	var all []types.HistoryEvent
	pages := sfn.NewGetExecutionHistoryPaginator(d.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(arn), MaxResults: 1000})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Events...)
	}
	return all, nil
}

// events is history as the suite reads it.
func (d deployed) events(ctx context.Context, machine, name string) ([]workflow.Event, error) {
	x, err := d.Describe(ctx, machine, name)
	if err != nil {
		return nil, err
	}
	all, err := d.history(ctx, x.ID)
	out := make([]workflow.Event, len(all))
	for i, v := range all {
		out[i] = workflow.Event{ID: v.Id, PreviousID: v.PreviousEventId, Type: string(v.Type), At: aws.ToTime(v.Timestamp)}
		if v.StateEnteredEventDetails != nil {
			out[i].State = aws.ToString(v.StateEnteredEventDetails.Name)
		}
		if v.StateExitedEventDetails != nil {
			out[i].State = aws.ToString(v.StateExitedEventDetails.Name)
		}
	}
	return out, err
}

// progress is what can be seen of a deployment from outside.
type progress struct {
	open      int // executions
	events    int // of those
	now, done int // calls of functions
	starting  bool
}

func (d deployed) progress(ctx context.Context) (progress, error) {
	var p progress
	p.now, p.done = d.functions.load()
	for _, arn := range d.machines {
		list, err := d.sfn.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(arn), StatusFilter: types.ExecutionStatusRunning})
		if err != nil {
			return p, err
		}
		for _, x := range list.Executions {
			events, err := d.history(ctx, aws.ToString(x.ExecutionArn))
			if err != nil {
				return p, err
			}
			p.open++
			p.events += len(events)
			p.starting = p.starting || len(events) < 2
		}
	}
	return p, nil
}

// calm is how long nothing must have happened before a deployment is called settled: longer than a function takes to start and
// than the emulators take between two looks at a child.
const calm = 700 * time.Millisecond

// settle returns when nothing seems to happen without time passing.
func (d deployed) settle(ctx context.Context) error {
	var last progress
	for since := time.Now(); ; {
		p, err := d.progress(ctx)
		if err != nil {
			return err
		}
		if p != last || p.now > 0 || p.starting {
			last, since = p, time.Now()
		}
		if p.open == 0 && p.now == 0 || time.Since(since) > calm {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// longest is how long advance waits at most: what lasts longer has not ended when the test has.
const longest = 12 * time.Second

// advance waits as long as the emulator takes for what would take d.
func (d deployed) advance(ctx context.Context, by time.Duration) error {
	waits := min(time.Duration(float64(by)*emulator.WaitScale), longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(waits, short(by)) + 200*time.Millisecond):
	}
	return d.settle(ctx)
}

// harness connects the suite to an emulator.
func (c cloud) harness(kinds func([]string) []string, known map[string]workflowtest.Difference) workflowtest.Harness {
	return workflowtest.Harness{
		Deploy: func(t testing.TB, d workflowtest.Deployment) workflowtest.System {
			x := c.deploy(t, d)
			return workflowtest.System{Engine: x.Engine, History: x.events, Settle: x.settle, Advance: x.advance, Names: x.names}
		},
		Kinds: kinds, Loose: true, Parallel: true, Patience: 3 * time.Minute, Differences: known,
	}
}

// keep keeps the kinds of events that an emulator records as the service does.
func keep(kinds ...string) func([]string) []string {
	return func(all []string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(k string) bool {
			return !slices.ContainsFunc(kinds, func(kept string) bool { return strings.HasSuffix(k, kept) })
		})
	}
}

// tidied forgets what in a history of moto is left to chance: the order of the events of a Map, whose iterations run side by
// side, and what a task that timed out records after the execution has ended.
func tidied(all []string) []string {
	end := slices.IndexFunc(all, func(k string) bool {
		return strings.HasPrefix(k, "Execution") && k != "ExecutionStarted"
	})
	kinds := slices.Clone(all[:end+1])
	if slices.Contains(kinds, "MapStateEntered") {
		slices.Sort(kinds)
	}
	return kinds
}
