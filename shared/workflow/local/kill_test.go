package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// victimDir names the directory of the process that is killed; its presence in the environment makes the test binary one.
const victimDir = "HABEAS_WORKFLOW_VICTIM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// The machine has a task, a Map, a retry, a token, a child and waits. Every step passes on what the one before it returned.
const (
	killMain = `{"StartAt":"First","States":{
	  "First":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work","Payload":
	    {"execution.$":"$$.Execution.Name","step":"first","before.$":"$.seed","unique.$":"States.UUID()"}},
	    "ResultSelector":{"nonce.$":"$.Payload.nonce"},"ResultPath":"$.first","Next":"Pause"},
	  "Pause":{"Type":"Wait","SecondsPath":"$.pause","Next":"Each"},
	  "Each":{"Type":"Map","ItemsPath":"$.items","MaxConcurrency":2,"ResultPath":"$.each",
	    "ItemSelector":{"item.$":"$$.Map.Item.Value","before.$":"$.first.nonce"},
	    "ItemProcessor":{"StartAt":"One","States":{"One":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	      "Parameters":{"FunctionName":"flaky","Payload":{"execution.$":"$$.Execution.Name",
	        "step.$":"States.Format('each-{}', $.item)","before.$":"$.before"}},
	      "Retry":[{"ErrorEquals":["throttled"],"IntervalSeconds":1,"MaxAttempts":9,"JitterStrategy":"FULL","MaxDelaySeconds":2}],
	      "OutputPath":"$.Payload.nonce","End":true}}},"Next":"Ask"},
	  "Ask":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"ask",
	    "Payload":{"execution.$":"$$.Execution.Name","step":"ask","before.$":"States.JsonToString($.each)",
	    "token.$":"$$.Task.Token"}},"ResultPath":"$.asked","Next":"Child"},
	  "Child":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"child",
	    "Name.$":"States.Format('{}-child', $$.Execution.Name)","Input":{"before.$":"$.asked"}},
	    "ResultSelector":{"nonce.$":"$.Output"},"ResultPath":"$.child","Next":"Done"},
	  "Done":{"Type":"Succeed"}}}`
	killChild = `{"StartAt":"Inner","States":{"Inner":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"work","Payload":{"execution.$":"$$.Execution.Name","step":"inner","before.$":"$.before",
	  "unique":""}},"OutputPath":"$.Payload.nonce","End":true}}}`
	killExecutions = 50
)

// call is one line of the log of side effects.
type call struct{ Execution, Step, Before, Unique, Nonce, Token string }

// worker is the functions of the process that is killed: each run appends a line and returns a number never used before.
type worker struct {
	log *os.File
	dir string
}

func (w *worker) Invoke(_ context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	var c call
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	if function == "flaky" && rand.IntN(4) == 0 {
		return nil, fault.New(fault.Throttled, "slow down")
	}
	c.Nonce = fmt.Sprint(rand.Uint64())
	line, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // so that kills meet functions that run
	if _, err := w.log.Write(append(line, '\n')); err != nil {  // one write: a killed process leaves whole lines
		return nil, err
	}
	if c.Token != "" {
		file := filepath.Join(w.dir, c.Execution+".token")
		if err := os.WriteFile(file+".new", []byte(c.Nonce+" "+c.Token), 0o600); err != nil {
			return nil, err
		}
		if err := os.Rename(file+".new", file); err != nil {
			return nil, err
		}
	}
	time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
	return json.Marshal(map[string]string{"nonce": c.Nonce})
}

// answer answers every token that lies in the directory.
func (w *worker) answer(ctx context.Context, e *local.Engine) error {
	files, err := filepath.Glob(filepath.Join(w.dir, "*.token"))
	if err != nil {
		return err
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		nonce, token, _ := strings.Cut(string(b), " ")
		err = e.Succeed(ctx, token, json.RawMessage(`"`+nonce+`"`))
		if err != nil && !errors.Is(err, workflow.ErrTaskTimedOut) {
			return fmt.Errorf("answering: %w", err)
		}
	}
	return nil
}

// victim runs 50 executions to their ends, unless it is killed before.
func victim(dir string) error {
	ctx := context.Background()
	log, err := os.OpenFile(filepath.Join(dir, "effects"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := &worker{log: log, dir: dir}
	machines, err := load(killDeployment())
	if err != nil {
		return err
	}
	e, err := local.New(ctx, local.Options{
		Path: filepath.Join(dir, "workflow.db"), Machines: machines, Invoker: w, Clock: local.NewClock(time.Now), Workers: 8,
	})
	if err != nil {
		return err
	}
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	for i := range killExecutions {
		input := fmt.Appendf(nil, `{"seed":"s%d","items":[1,2,3],"pause":%d}`, i, i%2)
		if _, err := e.Start(ctx, "main", fmt.Sprintf("e%d", i), input); err != nil && !errors.Is(err, workflow.ErrExecutionExists) {
			return err
		}
	}
	for {
		running, _, err := e.List(ctx, workflow.Running, "", 1)
		if err == nil && len(running) == 0 {
			return errors.Join(e.Close(ctx), <-ran)
		}
		if err = errors.Join(err, w.answer(ctx, e)); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func killDeployment() workflowtest.Deployment {
	return workflowtest.Deployment{Machines: map[string]json.RawMessage{
		"main": json.RawMessage(killMain), "child": json.RawMessage(killChild),
	}}
}

// A process that is killed again and again ends every execution right: no step is ever run with anything but the recorded
// outcome of the one before, and the output consists of outcomes that functions really returned.
func TestSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	kills := 0
	for deadline := time.Now().Add(50 * time.Second); ; {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), victimDir+"="+dir)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(60+rand.IntN(200))*time.Millisecond, func() {
			if kills < 20 {
				_ = cmd.Process.Kill() // it may have ended by itself
			}
		})
		err := cmd.Wait()
		if timer.Stop() || err == nil || kills == 20 {
			if err != nil {
				t.Fatalf("the process ended by itself: %v\n%s", err, stderr.String())
			}
			break
		}
		if stderr.Len() > 0 {
			t.Fatal(stderr.String())
		}
		if kills++; time.Now().After(deadline) {
			t.Fatal("the executions do not end")
		}
	}
	t.Logf("killed %d times", kills)
	if kills < 3 {
		t.Fatalf("the process was killed only %d times", kills)
	}
	checkEffects(t, dir, readCalls(t, filepath.Join(dir, "effects")))
}

func readCalls(t *testing.T, file string) map[string][]call {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls := map[string][]call{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		calls[c.Execution+" "+c.Step] = append(calls[c.Execution+" "+c.Step], c)
	}
	return calls
}

func checkEffects(t *testing.T, dir string, calls map[string][]call) {
	t.Helper()
	machines, err := load(killDeployment())
	if err != nil {
		t.Fatal(err)
	}
	e, err := local.New(t.Context(), local.Options{
		Path: filepath.Join(dir, "workflow.db"), Machines: machines, Invoker: &worker{}, Clock: local.NewClock(time.Now),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	again := 0
	for step, all := range calls {
		again += len(all) - 1
		for _, c := range all {
			if c.Before != all[0].Before || c.Unique != all[0].Unique {
				t.Errorf("%s ran with different parameters: %+v and %+v", step, all[0], c)
			}
		}
	}
	t.Logf("%d steps, %d of them run again", len(calls), again)
	for i := range killExecutions {
		name := fmt.Sprintf("e%d", i)
		x, err := e.Describe(t.Context(), "main", name)
		if err != nil || x.Status != workflow.Succeeded {
			t.Fatalf("%s is %s %s %s: %v", name, x.Status, x.Error, x.Cause, err)
		}
		var out struct {
			First, Child struct{ Nonce string }
			Each         []string
			Asked        string
		}
		if err := json.Unmarshal(x.Output, &out); err != nil || len(out.Each) != 3 {
			t.Fatalf("output %s: %v", x.Output, err)
		}
		each, _ := json.Marshal(out.Each) // strings always marshal
		// What each step returned, and what it had been given: the chain from seed to output is unbroken.
		for step, want := range map[string][2]string{
			name + " first":       {fmt.Sprintf("s%d", i), out.First.Nonce},
			name + " each-1":      {out.First.Nonce, out.Each[0]},
			name + " each-2":      {out.First.Nonce, out.Each[1]},
			name + " each-3":      {out.First.Nonce, out.Each[2]},
			name + " ask":         {string(each), out.Asked},
			name + "-child inner": {out.Asked, out.Child.Nonce},
		} {
			found := 0
			for _, c := range calls[step] {
				if c.Before == want[0] && c.Nonce == want[1] {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s: the recorded outcome was returned %d times", step, found)
			}
		}
		checkHistory(t, e, name)
	}
}

// Every outcome is in the history exactly once, whatever was killed.
func checkHistory(t *testing.T, e *local.Engine, name string) {
	t.Helper()
	events, err := history(e)(t.Context(), "main", name)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for i, v := range events {
		kinds[v.Type]++
		if v.ID != int64(i)+1 {
			t.Fatalf("%s: event %d has number %d", name, i+1, v.ID)
		}
		if strings.Contains(string(v.Detail), `"token":"`) && !strings.Contains(string(v.Detail), `"token":"[task token `) {
			t.Errorf("%s: the history shows a task token", name)
		}
	}
	for kind, want := range map[string]int{
		"ExecutionStarted": 1, "TaskSucceeded": 6, "MapIterationSucceeded": 3, "WaitStateExited": 1, "ExecutionSucceeded": 1,
	} {
		if kinds[kind] != want {
			t.Errorf("%s: %d times %s, want %d", name, kinds[kind], kind, want)
		}
	}
}
