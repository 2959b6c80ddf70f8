// Package machines opens the state machines of an installation.
package machines

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
)

// Open opens the state machines.
func Open(c *cloud.Cloud) (workflow.Engine, error) {
	machines := map[string]string{}
	for _, name := range inventory.Machines() {
		machines[name] = c.Machine(name)
	}
	client := sfn.NewFromConfig(c.Config)
	return stepfunctions.New(stepfunctions.Options{Client: executions{
		client.StartExecution, client.DescribeExecution, client.StopExecution, client.SendTaskSuccess, client.SendTaskFailure,
	}, Machines: machines})
}

type executions struct {
	start    cloud.Operation[sfn.StartExecutionInput, sfn.Options, sfn.StartExecutionOutput]
	describe cloud.Operation[sfn.DescribeExecutionInput, sfn.Options, sfn.DescribeExecutionOutput]
	stop     cloud.Operation[sfn.StopExecutionInput, sfn.Options, sfn.StopExecutionOutput]
	succeed  cloud.Operation[sfn.SendTaskSuccessInput, sfn.Options, sfn.SendTaskSuccessOutput]
	fail     cloud.Operation[sfn.SendTaskFailureInput, sfn.Options, sfn.SendTaskFailureOutput]
}

func (e executions) StartExecution(ctx context.Context, in *sfn.StartExecutionInput, o ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	return e.start(ctx, in, o...)
}

func (e executions) DescribeExecution(ctx context.Context, in *sfn.DescribeExecutionInput, o ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error) {
	return e.describe(ctx, in, o...)
}

func (e executions) StopExecution(ctx context.Context, in *sfn.StopExecutionInput, o ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error) {
	return e.stop(ctx, in, o...)
}

func (e executions) SendTaskSuccess(ctx context.Context, in *sfn.SendTaskSuccessInput, o ...func(*sfn.Options)) (*sfn.SendTaskSuccessOutput, error) {
	return e.succeed(ctx, in, o...)
}

func (e executions) SendTaskFailure(ctx context.Context, in *sfn.SendTaskFailureInput, o ...func(*sfn.Options)) (*sfn.SendTaskFailureOutput, error) {
	return e.fail(ctx, in, o...)
}
