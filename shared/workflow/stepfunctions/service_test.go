package stepfunctions_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
)

const arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:habeas-test-"

// service speaks the protocol of Step Functions (AWS JSON 1.0) in front of another engine, which the conformance suite has
// found to behave as the service. What it says is what the API reference says.
type service struct {
	engine  workflow.Engine
	forgets bool // every second start of a name is refused, as emulators do

	mu   sync.Mutex
	sent map[string][]json.RawMessage // bodies by operation
}

// request holds the members of all operations.
type request struct {
	StateMachineArn, ExecutionArn, Name, Input, Output, TaskToken, Error, Cause string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in request
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions.")
	s.mu.Lock()
	s.sent[operation] = append(s.sent[operation], body)
	s.mu.Unlock()
	out, err := s.do(r, operation, in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]any{"__type": errorCode(operation, err), "message": "not for logs: habeas-test-main"}
	}
	_ = json.NewEncoder(w).Encode(out) // the client sees a broken answer
}

func (s *service) do(r *http.Request, operation string, in request) (map[string]any, error) {
	ctx := r.Context()
	parts := strings.Split(in.ExecutionArn, ":")
	machine := strings.TrimPrefix(parts[max(0, len(parts)-2)], "habeas-test-")
	switch operation {
	case "StartExecution":
		machine = strings.TrimPrefix(strings.Split(in.StateMachineArn, ":")[6], "habeas-test-")
		if _, err := s.engine.Describe(ctx, machine, in.Name); err == nil && s.forgets {
			return nil, workflow.ErrExecutionExists
		}
		x, err := s.engine.Start(ctx, machine, in.Name, json.RawMessage(in.Input))
		return map[string]any{"executionArn": executionARN(x), "startDate": epochSeconds(x.StartedAt)}, err
	case "DescribeExecution":
		x, err := s.engine.Describe(ctx, machine, parts[len(parts)-1])
		return described(x), err
	case "StopExecution":
		err := s.engine.Stop(ctx, machine, parts[len(parts)-1], in.Error, in.Cause)
		return map[string]any{"stopDate": 1}, err
	case "SendTaskSuccess":
		return map[string]any{}, s.engine.Succeed(ctx, in.TaskToken, json.RawMessage(in.Output))
	case "SendTaskFailure":
		return map[string]any{}, s.engine.Fail(ctx, in.TaskToken, in.Error, in.Cause)
	}
	return nil, fault.New(fault.Invalid, "no such operation")
}

func executionARN(x workflow.Execution) string {
	return strings.Replace(arn, "stateMachine", "execution", 1) + x.Machine + ":" + x.Name
}

func described(x workflow.Execution) map[string]any {
	out := map[string]any{
		"executionArn": executionARN(x), "name": x.Name, "status": x.Status, "startDate": epochSeconds(x.StartedAt), "input": string(x.Input),
	}
	if !x.StoppedAt.IsZero() {
		out["stopDate"] = epochSeconds(x.StoppedAt)
	}
	if x.Output != nil {
		out["output"] = string(x.Output)
	}
	if x.Error != "" {
		out["error"] = x.Error
	}
	if x.Cause != "" {
		out["cause"] = x.Cause
	}
	return out
}

func epochSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func errorCode(operation string, err error) string {
	switch {
	case errors.Is(err, workflow.ErrExecutionExists):
		return "ExecutionAlreadyExists"
	case errors.Is(err, workflow.ErrTaskTimedOut):
		return "TaskTimedOut"
	case errors.Is(err, workflow.ErrTaskNotFound):
		return "InvalidToken"
	case fault.Has(err, fault.NotFound) && operation == "StartExecution":
		return "StateMachineDoesNotExist"
	case fault.Has(err, fault.NotFound):
		return "ExecutionDoesNotExist"
	case fault.Has(err, fault.Invalid):
		return "ValidationException"
	}
	return "InternalFailure"
}

// trouble stands between a client and the service.
type trouble struct {
	mu sync.Mutex
	// of says what becomes of the n-th call (from 0) of an operation.
	of    func(operation string, n int) outcome
	calls map[string]int
}

type outcome int

const (
	fine      outcome = iota
	throttled         // refused before it did anything
	lost              // done, but the answer does not arrive
	failed            // the service answers 500, nothing is done
)

// timeOut is how a lost answer looks to a client.
type timeOut struct{}

func (timeOut) Error() string   { return "no answer" }
func (timeOut) Timeout() bool   { return true }
func (timeOut) Temporary() bool { return true }

// RoundTrip implements http.RoundTripper.
func (t *trouble) RoundTrip(r *http.Request) (*http.Response, error) {
	operation := strings.TrimPrefix(path.Ext(r.Header.Get("X-Amz-Target")), ".")
	t.mu.Lock()
	n := t.calls[operation]
	t.calls[operation]++
	t.mu.Unlock()
	switch t.of(operation, n) {
	case throttled:
		return refusal(r, http.StatusBadRequest, "ThrottlingException"), nil
	case failed:
		return refusal(r, http.StatusInternalServerError, "InternalFailure"), nil
	case lost:
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(timeOut{}, res.Body.Close())
	}
	return http.DefaultTransport.RoundTrip(r)
}

func refusal(r *http.Request, status int, code string) *http.Response {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = w.WriteString(`{"__type":"` + code + `"}`) // a recorder always takes it
	res := w.Result()
	res.Request = r
	return res
}

// serve returns a driver of the service in front of the engine, and the service.
func serve(t testing.TB, behind workflow.Engine, transport http.RoundTripper, machines ...string) (*stepfunctions.Engine, *service) {
	t.Helper()
	s := &service{engine: behind, sent: map[string][]json.RawMessage{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := sfn.New(sfn.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient: &http.Client{Transport: transport},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		}),
	})
	arns := map[string]string{}
	for _, m := range machines {
		arns[m] = arn + m + ":live"
	}
	e, err := stepfunctions.New(stepfunctions.Options{Client: client, Machines: arns})
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}
