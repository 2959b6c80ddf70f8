package workflow_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// keeper is a function that keeps the tokens that it is given.
type keeper chan string

// Invoke implements workflow.Invoker.
func (k keeper) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	var p struct{ Token string }
	err := json.Unmarshal(payload, &p)
	k <- p.Token
	return json.RawMessage(`{}`), err
}

func (k keeper) next(t *testing.T) string {
	t.Helper()
	select {
	case token := <-k:
		return token
	case <-time.After(time.Minute):
		t.Fatal("nobody asks")
		return ""
	}
}

// noAnswer is how an answer that is lost looks to a client: what was asked may have been done or not.
type noAnswer struct{}

func (noAnswer) Error() string   { return "no answer" }
func (noAnswer) Timeout() bool   { return true }
func (noAnswer) Temporary() bool { return true }

// trouble is a middleware of the SDK, next to the wire: it sees every attempt.
type trouble struct {
	mu        sync.Mutex
	throttled map[string]int // attempts of an operation to refuse before they are sent
	lost      map[string]int // answers to lose after the operation was done
	sent      map[string]int // attempts that reached the service
}

func (x *trouble) install(o *sfn.Options) {
	o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 5
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 5 * time.Millisecond, nil })
	})
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("Trouble", x.handle), middleware.Before)
	})
}

func (x *trouble) handle(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	operation := middleware.GetOperationName(ctx)
	if x.take(x.throttled, operation) {
		return middleware.DeserializeOutput{}, middleware.Metadata{}, &smithy.GenericAPIError{Code: "ThrottlingException", Message: "Rate exceeded"}
	}
	out, metadata, err := next.HandleDeserialize(ctx, in)
	x.mu.Lock()
	x.sent[operation]++
	x.mu.Unlock()
	if err == nil && x.take(x.lost, operation) {
		return middleware.DeserializeOutput{}, middleware.Metadata{}, noAnswer{}
	}
	return out, metadata, err
}

func (x *trouble) take(from map[string]int, operation string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	from[operation]--
	return from[operation] >= 0
}

// troubled returns a driver of the deployment that has trouble with the service.
func troubled(t *testing.T, d deployed, x *trouble) *stepfunctions.Engine {
	t.Helper()
	x.sent = map[string]int{}
	client := sfn.NewFromConfig(emulator.Ministack(t).Config(t, ""), x.install)
	e, err := stepfunctions.New(stepfunctions.Options{Client: client, Machines: d.machines})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Answers that are lost after the call took effect lose nothing and double nothing: one execution, one answer to its token.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	tokens := make(keeper, 4)
	d := ministack(t).deploy(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": version("only")}, Functions: []string{"ask"}, Invoker: tokens,
	})
	x := &trouble{lost: map[string]int{"StartExecution": 1, "DescribeExecution": 1, "SendTaskSuccess": 1}, throttled: map[string]int{}}
	e := troubled(t, d, x)
	first := begin(t, e, "one")
	if x.sent["StartExecution"] != 2 {
		t.Errorf("the start was sent %d times", x.sent["StartExecution"])
	}
	token := tokens.next(t)
	// The second attempt may find the token answered, or not gone yet; both are what callers take as answered.
	if err := e.Succeed(t.Context(), token, json.RawMessage(`{"n":1}`)); err != nil && !errors.Is(err, workflow.ErrTaskTimedOut) && !errors.Is(err, workflow.ErrTaskNotFound) {
		t.Errorf("answering: %v", err)
	}
	if x.sent["SendTaskSuccess"] != 2 {
		t.Errorf("the answer was sent %d times", x.sent["SendTaskSuccess"])
	}
	last := end(t, e, "one")
	if last.ID != first.ID || last.Status != workflow.Succeeded || !strings.Contains(string(last.Output), `"n": 1`) {
		t.Errorf("it ended as %+v", last)
	}
	list, err := d.sfn.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: aws.String(d.machines["main"])})
	if err != nil || len(list.Executions) != 1 || len(tokens) != 0 {
		t.Errorf("%d executions, %d more calls, %v", len(list.Executions), len(tokens), err)
	}
}

// A stop whose answer is lost has happened once; stopping what has ended is fine.
func TestLostStop(t *testing.T) {
	t.Parallel()
	tokens := make(keeper, 4)
	d := ministack(t).deploy(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": version("only")}, Functions: []string{"ask"}, Invoker: tokens,
	})
	e := troubled(t, d, &trouble{lost: map[string]int{"StopExecution": 2}, throttled: map[string]int{}})
	begin(t, e, "ended")
	if err := e.Succeed(t.Context(), tokens.next(t), nil); err != nil {
		t.Fatal(err)
	}
	end(t, e, "ended")
	begin(t, e, "stopped")
	tokens.next(t)
	for _, name := range []string{"stopped", "stopped", "ended"} {
		if err := e.Stop(t.Context(), "main", name, "superseded", "a newer generation took over"); err != nil {
			t.Errorf("stopping what is %s: %v", name, err)
		}
	}
	if x := end(t, e, "ended"); x.Status != workflow.Succeeded {
		t.Errorf("what had ended is %s", x.Status)
	}
	if x := end(t, e, "stopped"); x.Status != workflow.Aborted || x.Error != "superseded" {
		t.Errorf("it ended as %s (%s)", x.Status, x.Error)
	}
}

// Throttled calls are made again by the SDK; throttling that lasts is the caller's to wait out, and has done nothing.
func TestThrottled(t *testing.T) {
	t.Parallel()
	tokens := make(keeper, 4)
	d := ministack(t).deploy(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": version("only")}, Functions: []string{"ask"}, Invoker: tokens,
	})
	x := &trouble{lost: map[string]int{}, throttled: map[string]int{"StartExecution": 7, "DescribeExecution": 2, "SendTaskFailure": 2}}
	e := troubled(t, d, x)
	if _, err := e.Start(t.Context(), "main", "one", nil); !fault.Has(err, fault.Throttled) {
		t.Errorf("throttled for long: %v", err)
	}
	if x.sent["StartExecution"] != 0 {
		t.Error("a start that was refused reached the service")
	}
	begin(t, e, "one")
	if err := e.Fail(t.Context(), tokens.next(t), "refused", "by a person"); err != nil {
		t.Error(err)
	}
	if last := end(t, e, "one"); last.Status != workflow.Failed || last.Error != "refused" || last.Cause != "by a person" {
		t.Errorf("it ended as %s (%s: %s)", last.Status, last.Error, last.Cause)
	}
}
