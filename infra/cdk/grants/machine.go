package grants

import "github.com/habeas-dsar/habeas/infra/inventory"

// Calls is what a state machine calls.
type Calls struct {
	Functions []string // names
	Children  []string // machines whose executions it starts and waits for
}

// Machine returns what the role of a state machine may do.
func Machine(p Place, c Calls) []Statement {
	var functions []string
	for _, f := range c.Functions {
		functions = append(functions, p.Live(f))
	}
	all := []Statement{
		{Sid: "Invoke", Actions: []string{"lambda:InvokeFunction"}, Resources: functions},
		{
			Sid:       "Trace",
			Actions:   []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"},
			Resources: []string{"*"},
		},
		{
			Sid: "DeliverLogs",
			Actions: []string{
				"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
				"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
			},
			Resources: []string{"*"},
		},
	}
	if len(c.Children) == 0 {
		return all
	}
	var start, executions []string
	for _, m := range c.Children {
		start = append(start, p.LiveMachine(m))
		executions = append(executions, p.executions(m))
	}
	return append(all,
		Statement{Sid: "StartChildren", Actions: []string{"states:StartExecution"}, Resources: start},
		Statement{Sid: "Children", Actions: []string{"states:DescribeExecution", "states:StopExecution"}, Resources: executions},
		// Step Functions hears of the end of a child by a rule of its own ("Integrate with Step Functions", .sync).
		Statement{
			Sid: "HearOfChildren", Actions: []string{"events:PutTargets", "events:PutRule", "events:DescribeRule"},
			Resources: []string{p.arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")},
		},
	)
}

// Clock returns what the role of the schedules may do.
func Clock(p Place, functions []inventory.Function, deadLetter string) []Statement {
	var live []string
	for _, f := range functions {
		live = append(live, p.Live(f.Name))
	}
	return []Statement{
		{Sid: "Invoke", Actions: []string{"lambda:InvokeFunction"}, Resources: live},
		{Sid: "GiveUp", Actions: []string{"sqs:SendMessage"}, Resources: []string{p.Queue(deadLetter)}},
	}
}
