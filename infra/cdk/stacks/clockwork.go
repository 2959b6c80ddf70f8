package stacks

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/grants"
)

// buildClockwork calls every function of the clock as often as the inventory says.
func (in *installation) buildClockwork(stack awscdk.Stack) {
	group := awsscheduler.NewCfnScheduleGroup(stack, jsii.String("Group"), &awsscheduler.CfnScheduleGroupProps{Name: jsii.String(in.Stage.Prefix())})
	clock := in.scheduled()
	role := in.role(stack, "ClockRole", "clock", "scheduler.amazonaws.com", "calls the functions of the clock", allowed(grants.Clock(in.place, clock, deadClock)))
	for _, f := range clock {
		awsscheduler.NewCfnSchedule(stack, jsii.String(f.Name), &awsscheduler.CfnScheduleProps{
			Name: in.name(f.Name), GroupName: group.Ref(), Description: jsii.String(f.Does), ScheduleExpression: jsii.String(every(f.Minutes)),
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{
				Arn: jsii.String(in.place.Live(f.Name)), RoleArn: role.AttrArn(),
				// What comes too late is worth nothing: the next call does its work.
				RetryPolicy:      &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumRetryAttempts: jsii.Number(3), MaximumEventAgeInSeconds: jsii.Number(max(60, f.Minutes*60))},
				DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: jsii.String(in.place.Queue(deadClock))},
			},
		})
	}
}

// every writes a rate as EventBridge Scheduler reads it.
func every(minutes int) string {
	if minutes == 1 {
		return "rate(1 minute)"
	}
	return fmt.Sprintf("rate(%d minutes)", minutes)
}
