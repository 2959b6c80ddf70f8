package stepfunctions_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

const (
	waits = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1000,"End":true}}}`
	asks  = `{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken",
	  "Parameters":{"FunctionName":"ask","Payload":{"token.$":"$$.Task.Token"}},"End":true}}}`
)

func conformance(t *testing.T, of func(string, int) outcome) {
	workflowtest.Run(t, workflowtest.Harness{Deploy: func(t testing.TB, d workflowtest.Deployment) workflowtest.System {
		behind := workflowtest.Local(t, d)
		e, _ := serve(t, behind.Engine, &trouble{of: of, calls: map[string]int{}}, slices.Collect(maps.Keys(d.Machines))...)
		behind.Engine = e
		return behind
	}})
}

// The driver says of the service what the suite expects of an engine.
func TestConformance(t *testing.T) { conformance(t, func(string, int) outcome { return fine }) }

// Calls that are refused, and answers that are lost after the call took effect, change nothing. Starts and answers to tokens are
// lost in tests of their own: their second call can say that the first one counted.
func TestConformanceInTrouble(t *testing.T) {
	conformance(t, func(operation string, n int) outcome {
		switch {
		case n%3 == 1:
			return []outcome{throttled, failed}[n/3%2]
		case n%3 == 0 && (operation == "DescribeExecution" || operation == "StopExecution"):
			return lost
		}
		return fine
	})
}

// A start whose answer is lost has happened once, whether the service finds out (AWS) or leaves it to the driver (emulators).
func TestStartLost(t *testing.T) {
	for name, forgets := range map[string]bool{"service finds out": false, "driver finds out": true} {
		t.Run(name, func(t *testing.T) {
			behind := workflowtest.Local(t, workflowtest.Deployment{
				Machines: map[string]json.RawMessage{"main": json.RawMessage(waits)}, Invoker: make(tokenKeeper, 1),
			})
			e, s := serve(t, behind.Engine, &trouble{calls: map[string]int{}, of: func(operation string, n int) outcome {
				return map[bool]outcome{true: lost, false: fine}[operation == "StartExecution" && n%2 == 0]
			}}, "main")
			s.forgets = forgets
			first, err := e.Start(t.Context(), "main", "one", json.RawMessage(`{"a":1,"b":2}`))
			if err != nil || first.Status != workflow.Running {
				t.Fatalf("got %+v, %v", first, err)
			}
			again, err := e.Start(t.Context(), "main", "one", json.RawMessage(`{"b":2, "a":1}`))
			if err != nil || again.ID != first.ID || !again.StartedAt.Equal(first.StartedAt) {
				t.Errorf("the second start gave %+v, %v", again, err)
			}
			if _, err := e.Start(t.Context(), "main", "one", json.RawMessage(`{"a":2}`)); !errors.Is(err, workflow.ErrExecutionExists) {
				t.Errorf("another input: got %v", err)
			}
			if err := behind.Advance(t.Context(), 2000*time.Second); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Start(t.Context(), "main", "one", json.RawMessage(`{"a":1,"b":2}`)); !errors.Is(err, workflow.ErrExecutionExists) {
				t.Errorf("after its end: got %v", err)
			}
		})
	}
}

// tokenKeeper keeps the tokens that it is given.
type tokenKeeper chan string

// Invoke implements workflow.Invoker.
func (k tokenKeeper) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	var p struct{ Token string }
	err := json.Unmarshal(payload, &p)
	k <- p.Token
	return json.RawMessage(`{}`), err
}

// An answer to a token whose confirmation is lost has been given, once.
func TestAnswerLost(t *testing.T) {
	for name, answer := range map[string]func(e workflow.Engine, token string) error{
		"succeed": func(e workflow.Engine, token string) error {
			return e.Succeed(t.Context(), token, json.RawMessage(`{"n":1}`))
		},
		"fail": func(e workflow.Engine, token string) error { return e.Fail(t.Context(), token, "Refused", "") },
	} {
		t.Run(name, func(t *testing.T) {
			kept := make(tokenKeeper, 8)
			behind := workflowtest.Local(t, workflowtest.Deployment{
				Machines: map[string]json.RawMessage{"main": json.RawMessage(asks)}, Functions: []string{"ask"}, Invoker: kept,
			})
			e, _ := serve(t, behind.Engine, &trouble{calls: map[string]int{}, of: func(operation string, n int) outcome {
				if strings.HasPrefix(operation, "SendTask") && n == 0 {
					return lost
				}
				return fine
			}}, "main")
			if _, err := e.Start(t.Context(), "main", "one", nil); err != nil {
				t.Fatal(err)
			}
			token := <-kept
			if err := behind.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := answer(e, token); !errors.Is(err, workflow.ErrTaskTimedOut) {
				t.Errorf("got %v", err)
			}
			if err := behind.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			x, err := e.Describe(t.Context(), "main", "one")
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]workflow.Status{"succeed": workflow.Succeeded, "fail": workflow.Failed}[name]
			if x.Status != want || len(kept) != 0 {
				t.Errorf("the execution is %s (%s); the function was called %d times more", x.Status, x.Error, len(kept))
			}
		})
	}
}

// fixed answers every call with one error code.
type fixed struct {
	status int
	code   string
}

// RoundTrip implements http.RoundTripper.
func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return refusal(r, f.status, f.code), nil
}

// What the service refuses with becomes the class that callers decide by.
func TestRefusals(t *testing.T) {
	type calls map[string]func(e workflow.Engine) error
	all := calls{
		"start":    func(e workflow.Engine) error { _, err := e.Start(t.Context(), "main", "one", nil); return err },
		"describe": func(e workflow.Engine) error { _, err := e.Describe(t.Context(), "main", "one"); return err },
		"stop":     func(e workflow.Engine) error { return e.Stop(t.Context(), "main", "one", "", "") },
		"succeed":  func(e workflow.Engine) error { return e.Succeed(t.Context(), "token", nil) },
		"fail":     func(e workflow.Engine) error { return e.Fail(t.Context(), "token", "E", "") },
	}
	for _, c := range []struct {
		call, code string
		status     int
		want       fault.Class
		is         error
	}{
		{"start", "ExecutionLimitExceeded", 400, fault.Throttled, nil},
		{"start", "ThrottlingException", 400, fault.Throttled, nil},
		{"start", "StateMachineDoesNotExist", 400, fault.Misconfigured, nil}, // the name is ours, the machine is not there
		{"start", "StateMachineDeleting", 400, fault.Misconfigured, nil},
		{"start", "InvalidArn", 400, fault.Misconfigured, nil},
		{"start", "InvalidExecutionInput", 400, fault.Invalid, nil},
		{"start", "InvalidName", 400, fault.Invalid, nil},
		{"start", "AccessDeniedException", 400, fault.Misconfigured, nil},
		{"start", "KmsThrottlingException", 400, fault.Throttled, nil},
		{"start", "KmsAccessDeniedException", 400, fault.Misconfigured, nil},
		{"start", "ServiceUnavailable", 503, fault.Unavailable, nil},
		{"describe", "ExecutionDoesNotExist", 400, fault.NotFound, nil},
		{"describe", "ThrottlingException", 400, fault.Throttled, nil},
		{"stop", "ExecutionDoesNotExist", 400, fault.NotFound, nil},
		{"stop", "ValidationException", 400, fault.Invalid, nil}, // and the execution cannot be read either
		{"succeed", "TaskTimedOut", 400, fault.Conflict, workflow.ErrTaskTimedOut},
		{"succeed", "TaskDoesNotExist", 400, fault.NotFound, workflow.ErrTaskNotFound},
		{"succeed", "InvalidToken", 400, fault.NotFound, workflow.ErrTaskNotFound},
		{"succeed", "InvalidOutput", 400, fault.Invalid, nil},
		{"fail", "TaskTimedOut", 400, fault.Conflict, workflow.ErrTaskTimedOut},
		{"fail", "TaskDoesNotExist", 400, fault.NotFound, workflow.ErrTaskNotFound},
		{"fail", "InvalidToken", 400, fault.NotFound, workflow.ErrTaskNotFound},
		{"fail", "ThrottlingException", 400, fault.Throttled, nil},
	} {
		e, _ := serve(t, nil, fixed{c.status, c.code}, "main")
		err := all[c.call](e)
		if !fault.Has(err, c.want) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s and %s: got %v (%s), want %s", c.call, c.code, err, fault.ClassOf(err), c.want)
		}
	}
}

// What a name or a payload breaks is found before anything is sent; equal inputs have one spelling, and what is too long for
// the service is cut.
func TestSent(t *testing.T) {
	behind := workflowtest.Local(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": json.RawMessage(waits)}, Invoker: make(tokenKeeper, 1),
	})
	e, s := serve(t, behind.Engine, http.DefaultTransport, "main")
	if _, err := e.Start(t.Context(), "main", "one", json.RawMessage(" {\"b\": 1.50, \"a\": [\"<\"]}\n")); err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context(), "main", "one", strings.Repeat("e", 300), strings.Repeat("ü", 20_000)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "a b", strings.Repeat("x", 81)} {
		if _, err := e.Start(t.Context(), "main", name, nil); !fault.Has(err, fault.Invalid) {
			t.Errorf("starting %q: got %v", name, err)
		}
		if _, err := e.Describe(t.Context(), "main", name); !fault.Has(err, fault.NotFound) {
			t.Errorf("reading %q: got %v", name, err)
		}
	}
	if err := e.Succeed(t.Context(), strings.Repeat("t", 2049), nil); !errors.Is(err, workflow.ErrTaskNotFound) {
		t.Errorf("a token that is too long: got %v", err)
	}
	var start, stop request
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sent["StartExecution"]) != 1 || len(s.sent["DescribeExecution"]) != 0 || len(s.sent["SendTaskSuccess"]) != 0 {
		t.Fatalf("sent %d, %d and %d calls", len(s.sent["StartExecution"]), len(s.sent["DescribeExecution"]), len(s.sent["SendTaskSuccess"]))
	}
	if err := errors.Join(json.Unmarshal(s.sent["StartExecution"][0], &start), json.Unmarshal(s.sent["StopExecution"][0], &stop)); err != nil {
		t.Fatal(err)
	}
	if start.Input != `{"a":["<"],"b":1.50}` || start.StateMachineArn != arn+"main:live" {
		t.Errorf("sent %+v", start)
	}
	if want := strings.Replace(arn, "stateMachine", "execution", 1) + "main:one"; stop.ExecutionArn != want {
		t.Errorf("stopped %s, want %s", stop.ExecutionArn, want)
	}
	if len(stop.Error) != workflow.MaxErrorLength || len(stop.Cause) != workflow.MaxCauseLength {
		t.Errorf("sent an error of %d and a cause of %d bytes", len(stop.Error), len(stop.Cause))
	}
}

// An execution that exists but cannot be read yet is not called a conflict: the caller asks again.
func TestExistsButCannotBeReadYet(t *testing.T) {
	e, _ := serve(t, nil, sequence{"StartExecution": "ExecutionAlreadyExists", "DescribeExecution": "ExecutionDoesNotExist"}, "main")
	if _, err := e.Start(t.Context(), "main", "one", nil); !fault.Has(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// sequence answers each operation with an error code.
type sequence map[string]string

// RoundTrip implements http.RoundTripper.
func (s sequence) RoundTrip(r *http.Request) (*http.Response, error) {
	return refusal(r, http.StatusBadRequest, s[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")]), nil
}

// Errors reach logs: they quote nothing that the service said.
func TestErrorsQuoteNothing(t *testing.T) {
	behind := workflowtest.Local(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": json.RawMessage(waits)}, Invoker: make(tokenKeeper, 1),
	})
	e, _ := serve(t, behind.Engine, http.DefaultTransport, "main")
	_, err := e.Describe(t.Context(), "main", "a-person")
	if err == nil || strings.Contains(err.Error(), "habeas-test") || strings.Contains(err.Error(), "a-person") {
		t.Errorf("got %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, bad := range []string{
		"", "main", "arn:aws:states:eu-west-1:123456789012:execution:main:one", "arn:aws:lambda:eu-west-1:123456789012:function:main",
		"arn:aws:states:eu-west-1:123456789012:stateMachine:", "arn:aws:states:eu-west-1:123456789012:stateMachine:main/label",
		"arn:aws:states:eu-west-1:123456789012:stateMachine:main:live:more",
	} {
		if _, err := stepfunctions.New(stepfunctions.Options{Machines: map[string]string{"main": bad}}); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	for _, good := range []string{"arn:aws:states:eu-west-1:123456789012:stateMachine:main", "arn:aws-cn:states:cn-north-1:123456789012:stateMachine:main:live"} {
		if _, err := stepfunctions.New(stepfunctions.Options{Machines: map[string]string{"main": good}}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
