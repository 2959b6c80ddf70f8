package stepfunctions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// maxToken is the length of a task token in bytes (API reference, SendTaskSuccess).
const maxToken = 2048

// Client is the part of *sfn.Client that the engine uses.
type Client interface {
	StartExecution(ctx context.Context, in *sfn.StartExecutionInput, opts ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	DescribeExecution(ctx context.Context, in *sfn.DescribeExecutionInput, opts ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	StopExecution(ctx context.Context, in *sfn.StopExecutionInput, opts ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
	SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, opts ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error)
	SendTaskFailure(ctx context.Context, in *sfn.SendTaskFailureInput, opts ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error)
}

// Options are what an engine needs. Both are required.
type Options struct {
	Client   Client            // with retries and time-outs of its own
	Machines map[string]string // ARN of the alias (or of the machine) by the machine's name
}

// Engine is a workflow.Engine over Step Functions. Make one with New; safe for use by several goroutines.
type Engine struct {
	client   Client
	machines map[string]machine
}

var _ workflow.Engine = (*Engine)(nil)

// machine is where a machine's executions are started and found.
type machine struct {
	start      string // ARN that StartExecution takes
	executions string // ARN of its executions up to their names, with the colon
}

// New returns an engine. An ARN that is not of a state machine, its version or its alias is fault.Misconfigured.
func New(o Options) (*Engine, error) {
	e := &Engine{client: o.Client, machines: map[string]machine{}}
	for name, arn := range o.Machines {
		prefix, err := executionPrefix(arn)
		if err != nil {
			return nil, fmt.Errorf("reading address of machine %s: %w", name, err)
		}
		e.machines[name] = machine{start: arn, executions: prefix}
	}
	return e, nil
}

// executionPrefix turns arn:aws:states:REGION:ACCOUNT:stateMachine:NAME[:QUALIFIER] into
// arn:aws:states:REGION:ACCOUNT:execution:NAME: (Service Authorization Reference, "Resource types defined by AWS Step
// Functions"). The qualifier is not part of it.
func executionPrefix(arn string) (string, error) {
	p := strings.Split(arn, ":")
	if len(p) < 7 || len(p) > 8 || p[0] != "arn" || p[2] != "states" || p[5] != "stateMachine" || p[6] == "" || strings.Contains(p[6], "/") {
		return "", fault.New(fault.Misconfigured, "not the ARN of a state machine, its version or its alias")
	}
	p[5] = "execution"
	return strings.Join(p[:7], ":") + ":", nil
}

func (e *Engine) machine(name string) (machine, error) {
	m, ok := e.machines[name]
	if !ok {
		return machine{}, fault.New(fault.NotFound, "no such state machine")
	}
	return m, nil
}

// Start implements workflow.Engine. An empty input is {}. An execution that exists but cannot be read yet is
// fault.Unavailable: DescribeExecution is eventually consistent.
func (e *Engine) Start(ctx context.Context, machine, name string, input json.RawMessage) (workflow.Execution, error) {
	m, err := e.machine(machine)
	if err != nil {
		return workflow.Execution{}, err
	}
	if err := workflow.CheckName(name); err != nil {
		return workflow.Execution{}, err
	}
	canonical, err := workflow.Canonical(input)
	if err != nil {
		return workflow.Execution{}, err
	}
	out, err := e.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: aws.String(m.start), Name: aws.String(name), Input: aws.String(string(canonical)),
	})
	if is[*types.ExecutionAlreadyExists](err) {
		return e.join(ctx, machine, name, canonical)
	}
	if err != nil {
		return workflow.Execution{}, awsfault.Wrap(err, "starting execution")
	}
	return workflow.Execution{
		ID: aws.ToString(out.ExecutionArn), Machine: machine, Name: name, Status: workflow.Running,
		Input: canonical, StartedAt: instant(out.StartDate),
	}, nil
}

// join answers a start whose name is taken. For one that runs with the same input the service does so itself; it has
// ended, or has another input, when the service says that it exists. Whether it was ours, started by a call whose answer was
// lost, only its caller can tell.
func (e *Engine) join(ctx context.Context, machine, name string, canonical json.RawMessage) (workflow.Execution, error) {
	x, err := e.Describe(ctx, machine, name)
	if fault.Has(err, fault.NotFound) {
		return workflow.Execution{}, fault.Wrap(fault.Unavailable, err, "reading an execution that was just started")
	}
	if err != nil {
		return workflow.Execution{}, err
	}
	same, err := workflow.Canonical(x.Input)
	if err != nil || x.Status != workflow.Running || !bytes.Equal(same, canonical) {
		return workflow.Execution{}, workflow.ErrExecutionExists
	}
	return x, nil
}

// Describe implements workflow.Engine. It may lag behind what happened a moment ago.
func (e *Engine) Describe(ctx context.Context, machine, name string) (workflow.Execution, error) {
	m, err := e.machine(machine)
	if err != nil {
		return workflow.Execution{}, err
	}
	if workflow.CheckName(name) != nil {
		return workflow.Execution{}, fault.New(fault.NotFound, "no such execution")
	}
	out, err := e.client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: aws.String(m.executions + name)})
	if err != nil {
		return workflow.Execution{}, awsfault.Wrap(err, "reading execution")
	}
	x := workflow.Execution{
		ID: aws.ToString(out.ExecutionArn), Machine: machine, Name: name, Status: workflow.Status(out.Status),
		Input: json.RawMessage(aws.ToString(out.Input)), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause),
		StartedAt: instant(out.StartDate), StoppedAt: instant(out.StopDate),
	}
	if x.Status == workflow.Succeeded {
		x.Output = json.RawMessage(aws.ToString(out.Output))
	}
	switch x.Status {
	case workflow.Running, workflow.Succeeded, workflow.Failed, workflow.TimedOut, workflow.Aborted:
		return x, nil
	}
	// PENDING_REDRIVE is a status of children of a distributed Map, which no machine of ours has.
	return workflow.Execution{}, fault.New(fault.Internal, "an execution has a status that nobody knows")
}

// Stop implements workflow.Engine. Children follow as the service does it; see the package.
func (e *Engine) Stop(ctx context.Context, machine, name, errorName, cause string) error {
	m, err := e.machine(machine)
	if err != nil {
		return err
	}
	if workflow.CheckName(name) != nil {
		return fault.New(fault.NotFound, "no such execution")
	}
	in := &sfn.StopExecutionInput{ExecutionArn: aws.String(m.executions + name)}
	if errorName != "" {
		in.Error = aws.String(workflow.Cut(errorName, workflow.MaxErrorLength))
	}
	if cause != "" {
		in.Cause = aws.String(workflow.Cut(cause, workflow.MaxCauseLength))
	}
	_, err = e.client.StopExecution(ctx, in)
	if !is[*types.ValidationException](err) {
		return awsfault.Wrap(err, "stopping execution")
	}
	// The API reference lists ValidationException without saying whether a closed execution is one.
	if x, failed := e.Describe(ctx, machine, name); failed == nil && x.Status != workflow.Running {
		return nil
	}
	return awsfault.Wrap(err, "stopping execution")
}

// Succeed implements workflow.Engine. An output that is not JSON or exceeds the limit is fault.Invalid and leaves the token
// open. A call that is repeated because its answer was lost gives ErrTaskTimedOut: the first one counted.
func (e *Engine) Succeed(ctx context.Context, token string, output json.RawMessage) error {
	canonical, err := workflow.Canonical(output)
	if err != nil {
		return err
	}
	if token == "" || len(token) > maxToken {
		return workflow.ErrTaskNotFound
	}
	_, err = e.client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: aws.String(token), Output: aws.String(string(canonical))})
	return answered(err)
}

// Fail implements workflow.Engine; as Succeed.
func (e *Engine) Fail(ctx context.Context, token, errorName, cause string) error {
	if token == "" || len(token) > maxToken {
		return workflow.ErrTaskNotFound
	}
	_, err := e.client.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: aws.String(token), Error: aws.String(workflow.Cut(errorName, workflow.MaxErrorLength)),
		Cause: aws.String(workflow.Cut(cause, workflow.MaxCauseLength)),
	})
	return answered(err)
}

// answered says what became of an answer to a token. TaskTimedOut is what the service says of every token that was one and is
// not any more, TaskDoesNotExist and InvalidToken of what never was (API reference, SendTaskSuccess).
func answered(err error) error {
	switch {
	case is[*types.TaskTimedOut](err):
		return workflow.ErrTaskTimedOut
	case is[*types.TaskDoesNotExist](err), is[*types.InvalidToken](err):
		return workflow.ErrTaskNotFound
	}
	return awsfault.Wrap(err, "answering task token")
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func instant(t *time.Time) time.Time { return aws.ToTime(t).UTC() }
