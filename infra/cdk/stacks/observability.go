package stacks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// signal is something that CloudWatch measures.
type signal struct {
	namespace, metric, stat string
	dimensions              map[string]string
}

// alarm tells somebody when a signal is not as it should be. Signals are added up.
type alarm struct {
	name    string
	runbook string // page in ../runbooks, without .md
	why     string // what it means for the people who asked
	signals []signal
	minutes int // of one period
	periods int // that must be bad in a row; 0 = 1
	least   bool
	bound   float64 // alarm when more than this; with least, when less
	silence string  // what no data means: notBreaching (default), breaching
}

// buildObservability makes the alarms, each with a runbook, a dashboard, and a budget.
func (in *installation) buildObservability(stack awscdk.Stack) {
	topic := in.topic(stack)
	alarms := in.alarms()
	for _, a := range alarms {
		in.alarm(stack, a, topic)
	}
	in.dashboard(stack, alarms)
	in.budget(stack, topic)
}

// topic is where alarms go. CloudWatch and Budgets may write to it, for this account.
func (in *installation) topic(stack awscdk.Stack) awssns.CfnTopic {
	topic := awssns.NewCfnTopic(stack, jsii.String("Alarms"), &awssns.CfnTopicProps{
		TopicName: in.name("alarms"), DisplayName: jsii.String("Habeas " + in.Stage.Name), KmsMasterKeyId: in.keys.rest.AttrArn(),
	})
	arn := "arn:" + in.place.Partition + ":sns:" + in.Stage.Region + ":" + in.place.Account + ":" + in.Stage.Prefix() + "-alarms"
	awssns.NewCfnTopicPolicy(stack, jsii.String("AlarmsPolicy"), &awssns.CfnTopicPolicyProps{
		Topics: &[]*string{topic.Ref()},
		PolicyDocument: document(onlyTLS("sns:Publish", arn), object{
			"Sid": "Alarms", "Effect": "Allow", "Action": "sns:Publish", "Resource": arn,
			"Principal": object{"Service": []string{"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}},
			"Condition": object{"StringEquals": object{"aws:SourceAccount": in.place.Account}},
		}),
	})
	for _, to := range in.Stage.Alarms {
		awssns.NewCfnSubscription(stack, jsii.String("To"+digest(stack, to)), &awssns.CfnSubscriptionProps{
			TopicArn: topic.Ref(), Protocol: jsii.String("email"), Endpoint: jsii.String(to),
		})
	}
	return topic
}

// alarms returns every alarm of the stage.
func (in *installation) alarms() []alarm {
	all := []alarm{
		{
			name: "executions-ended-badly", runbook: "executions", minutes: 5, why: "A case has left its workflow. The sweeper restarts it; if the alarm stays, it could not.",
			signals: in.machines("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"),
		},
		{
			name: "outbox-late", runbook: "outbox", minutes: 5, periods: 2, bound: 300_000, why: "Letters, decisions and events wait for more than five minutes.",
			signals: in.signals(inventory.Stream, "IteratorAge", "Maximum"),
		},
		{
			name: "dead-letters", runbook: "dead-letters", minutes: 5, why: "Something that nobody waits for could not be done and lies in a queue.",
			signals: in.queues("ApproximateNumberOfMessagesVisible"),
		},
		{
			name: "pages-fail", runbook: "pages", minutes: 5, periods: 2, bound: 5, why: "People get an error instead of a page.",
			signals: []signal{in.httpAPI("5xx", "Sum")},
		},
		{
			name: "pages-slow", runbook: "pages", minutes: 5, periods: 3, bound: 5000, why: "Pages take more than five seconds.",
			signals: []signal{in.httpAPI("Latency", "p95")},
		},
		{
			name: "public-functions-full", runbook: "concurrency", minutes: 5, why: "More people come than the bound of a public function lets in; some were turned away.",
			signals: in.signals(inventory.HTTP, "Throttles", "Sum"),
		},
		{
			name: "steps-fail", runbook: "steps", minutes: 15, periods: 2, bound: 10, why: "Steps of cases fail again and again; cases wait.",
			signals: in.signals(inventory.Workflow, "Errors", "Sum"),
		},
		{
			name: "tables-full", runbook: "tables", minutes: 5, periods: 2, bound: 10, why: "A table turns writers away; everything slows down.",
			signals: in.tables("WriteThrottleEvents"),
		},
	}
	for _, f := range in.scheduled() {
		all = append(all, alarm{
			name: "clock-stands-" + strings.ToLower(f.Name), runbook: "clockwork", minutes: max(15, 3*f.Minutes), least: true, bound: 1, silence: "breaching",
			why:     f.Name + " was not called: nobody " + f.Does + ".",
			signals: []signal{in.lambda(f, "Invocations", "Sum")},
		}, alarm{
			name: "clock-fails-" + strings.ToLower(f.Name), runbook: "clockwork", minutes: max(5, f.Minutes), periods: 3, why: f.Name + " fails every time.",
			signals: []signal{in.lambda(f, "Errors", "Sum")},
		})
	}
	if in.Stage.Mail.Kind == stage.SES {
		all = append(all, alarm{
			name: "mail-bounces", runbook: "mail", minutes: 60, bound: 0.05, why: "One letter in twenty comes back; above one in ten SES may stop sending.",
			signals: []signal{{namespace: "AWS/SES", metric: "Reputation.BounceRate", stat: "Average"}},
		})
	}
	return all
}

func (in *installation) lambda(f inventory.Function, metric, stat string) signal {
	return signal{"AWS/Lambda", metric, stat, map[string]string{"FunctionName": *in.name(f.Name)}}
}

func (in *installation) signals(by inventory.Trigger, metric, stat string) []signal {
	var all []signal
	for _, f := range in.triggered(by) {
		all = append(all, in.lambda(f, metric, stat))
	}
	return all
}

func (in *installation) machines(metrics ...string) []signal {
	var all []signal
	for _, m := range inventory.Machines() {
		for _, metric := range metrics {
			all = append(all, signal{"AWS/States", metric, "Sum", map[string]string{"StateMachineArn": in.place.Machine(m)}})
		}
	}
	return all
}

func (in *installation) queues(metric string) []signal {
	var all []signal
	for _, q := range allDead() {
		all = append(all, signal{"AWS/SQS", metric, "Maximum", map[string]string{"QueueName": *in.name(q)}})
	}
	return all
}

func (in *installation) tables(metric string) []signal {
	var all []signal
	for _, t := range inventory.Tables() {
		all = append(all, signal{"AWS/DynamoDB", metric, "Sum", map[string]string{"TableName": *in.name(t.Name)}})
	}
	return all
}

func (in *installation) httpAPI(metric, stat string) signal {
	return signal{"AWS/ApiGateway", metric, stat, map[string]string{"ApiId": *in.api.id}}
}

// maxSignals is how many metrics CloudWatch adds up in one alarm.
const maxSignals = 10

func (in *installation) alarm(stack awscdk.Stack, a alarm, topic awssns.CfnTopic) {
	comparison, missing := "GreaterThanThreshold", "notBreaching"
	if a.least {
		comparison = "LessThanThreshold"
	}
	if a.silence != "" {
		missing = a.silence
	}
	tell := &[]any{topic.Ref()}
	for n, some := range slices.Collect(slices.Chunk(a.signals, maxSignals)) {
		name := a.name
		if n > 0 {
			name += fmt.Sprintf("-%d", n+1)
		}
		props := &awscloudwatch.CfnAlarmProps{
			AlarmName: in.name(name), AlarmDescription: jsii.String(a.why + " What to do: " + in.Runbooks + "/" + a.runbook + ".md"),
			ComparisonOperator: jsii.String(comparison), Threshold: jsii.Number(a.bound),
			EvaluationPeriods: jsii.Number(max(1, a.periods)), TreatMissingData: jsii.String(missing), AlarmActions: tell, OkActions: tell,
		}
		if len(some) > 1 {
			props.Metrics = sum(some, a.minutes)
		} else {
			measure(props, some[0], a.minutes)
		}
		awscloudwatch.NewCfnAlarm(stack, jsii.String(id("Alarm", name)), props)
	}
}

// measure lets an alarm watch one signal.
func measure(props *awscloudwatch.CfnAlarmProps, s signal, minutes int) {
	props.Namespace, props.MetricName, props.Period = jsii.String(s.namespace), jsii.String(s.metric), jsii.Number(minutes*60)
	props.Dimensions = dimensions(s)
	if strings.HasPrefix(s.stat, "p") {
		props.ExtendedStatistic = jsii.String(s.stat)
		return
	}
	props.Statistic = jsii.String(s.stat)
}

func dimensions(s signal) []any {
	all := []any{}
	for name, value := range s.dimensions { // one each
		all = append(all, &awscloudwatch.CfnAlarm_DimensionProperty{Name: jsii.String(name), Value: jsii.String(value)})
	}
	return all
}

// sum adds signals up. A signal without data counts as nothing.
func sum(signals []signal, minutes int) []any {
	var out []any
	var terms []string
	for n, s := range signals {
		key := fmt.Sprintf("m%d", n+1)
		terms = append(terms, "FILL("+key+",0)")
		out = append(out, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
			Id: jsii.String(key), ReturnData: jsii.Bool(false),
			MetricStat: &awscloudwatch.CfnAlarm_MetricStatProperty{
				Stat: jsii.String(s.stat), Period: jsii.Number(minutes * 60),
				Metric: &awscloudwatch.CfnAlarm_MetricProperty{Namespace: jsii.String(s.namespace), MetricName: jsii.String(s.metric), Dimensions: dimensions(s)},
			},
		})
	}
	return append(out, &awscloudwatch.CfnAlarm_MetricDataQueryProperty{
		Id: jsii.String("sum"), Expression: jsii.String(strings.Join(terms, "+")), Label: jsii.String("sum"), ReturnData: jsii.Bool(true),
	})
}

// dashboard shows the signals of every alarm, in its order.
func (in *installation) dashboard(stack awscdk.Stack, alarms []alarm) {
	var widgets []any
	for n, a := range alarms {
		var metrics []any
		for _, s := range a.signals {
			line := []any{s.namespace, s.metric}
			for name, value := range s.dimensions {
				line = append(line, name, value)
			}
			metrics = append(metrics, append(line, object{"stat": s.stat}))
		}
		widgets = append(widgets, object{
			"type": "metric", "x": 8 * (n % 3), "y": 6 * (n / 3), "width": 8, "height": 6,
			"properties": object{
				"title": a.name, "region": in.Stage.Region, "view": "timeSeries", "period": a.minutes * 60, "metrics": metrics,
				"annotations": object{"horizontal": []any{object{"label": "alarm", "value": a.bound}}},
			},
		})
	}
	awscloudwatch.NewCfnDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.CfnDashboardProps{
		DashboardName: jsii.String(in.Stage.Prefix()), DashboardBody: stack.ToJsonString(object{"widgets": widgets}, nil),
	})
}

// budget tells when the account has spent, or is about to spend, what the stage is allowed in a month.
func (in *installation) budget(stack awscdk.Stack, topic awssns.CfnTopic) {
	notice := func(kind string, percent float64) *awsbudgets.CfnBudget_NotificationWithSubscribersProperty {
		return &awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{
				ComparisonOperator: jsii.String("GREATER_THAN"), NotificationType: jsii.String(kind), Threshold: jsii.Number(percent),
			},
			Subscribers: []any{&awsbudgets.CfnBudget_SubscriberProperty{SubscriptionType: jsii.String("SNS"), Address: topic.Ref()}},
		}
	}
	awsbudgets.NewCfnBudget(stack, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{
			BudgetName: jsii.String(in.Stage.Prefix()), BudgetType: jsii.String("COST"), TimeUnit: jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(in.Stage.Budget), Unit: jsii.String("USD")},
		},
		NotificationsWithSubscribers: []any{notice("ACTUAL", 80), notice("ACTUAL", 100), notice("FORECASTED", 100)},
	})
}
