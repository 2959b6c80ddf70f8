package stacks

import (
	"encoding/json"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsses"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// Queues of what could not be done. A function that nobody waits for has one, by what triggers it.
const (
	deadOutbox = "dead-outbox"
	deadClock  = "dead-clock"
	deadMail   = "dead-mail"
	deadFiles  = "dead-files"
)

// archiveDays is how long published events can be played again to somebody who missed them. They carry references only.
const archiveDays = 30

// deadLetters names the queues that take what a function could not do; none where its caller sees the failure: a state machine and
// an HTTP client do, and a queue keeps its message.
func deadLetters(f inventory.Function) []string {
	var all []string
	if f.Trigger == inventory.Stream {
		all = append(all, deadOutbox)
	}
	if f.Minutes > 0 {
		all = append(all, deadClock)
	}
	if f.Trigger == inventory.Async {
		all = append(all, deadFiles)
	}
	return all
}

// scheduled returns the functions that the clock calls.
func (in *installation) scheduled() []inventory.Function {
	var all []inventory.Function
	for _, f := range in.Functions {
		if f.Minutes > 0 {
			all = append(all, f)
		}
	}
	return all
}

// triggered returns the functions of a trigger.
func (in *installation) triggered(by inventory.Trigger) []inventory.Function {
	var all []inventory.Function
	for _, f := range in.Functions {
		if f.Trigger == by {
			all = append(all, f)
		}
	}
	return all
}

func (in *installation) buildMessaging(stack awscdk.Stack) {
	bus := awsevents.NewCfnEventBus(stack, jsii.String("Bus"), &awsevents.CfnEventBusProps{
		Name: jsii.String(in.Stage.Prefix()), Description: jsii.String("what happens to cases; references only"),
	})
	awsevents.NewCfnArchive(stack, jsii.String("Archive"), &awsevents.CfnArchiveProps{
		ArchiveName: jsii.String(in.Stage.Prefix()), SourceArn: bus.AttrArn(), RetentionDays: jsii.Number(archiveDays),
		Description: jsii.String("published events, to be played again"),
	})
	for _, name := range []string{deadOutbox, deadClock, deadFiles} {
		in.queuePolicy(stack, name, in.deadQueue(stack, name))
	}
	in.mail(stack)
	for _, f := range in.triggered(inventory.Queue) {
		in.mailReports(stack, f)
	}
}

// allDead are the queues of what could not be done.
func allDead() []string { return []string{deadOutbox, deadClock, deadFiles, deadMail} }

// deadQueue keeps what could not be done for as long as a queue keeps anything: 14 days.
func (in *installation) deadQueue(stack awscdk.Stack, name string) awssqs.CfnQueue {
	props := &awssqs.CfnQueueProps{QueueName: in.name(name), MessageRetentionPeriod: jsii.Number(14 * 24 * 3600)}
	if name == deadMail { // holds reports as SES wrote them; everything else in a queue is references
		props.KmsMasterKeyId = in.keys.rest.AttrArn()
	} else { // a key of the service spares every function a grant
		props.SqsManagedSseEnabled = jsii.Bool(true)
	}
	return awssqs.NewCfnQueue(stack, jsii.String(id("Queue", name)), props)
}

// queuePolicy lets nothing into a queue that does not come over TLS, and adds statements.
func (in *installation) queuePolicy(stack awscdk.Stack, name string, queue awssqs.CfnQueue, more ...any) {
	awssqs.NewCfnQueuePolicy(stack, jsii.String(id("QueuePolicy", name)), &awssqs.CfnQueuePolicyProps{
		Queues: &[]*string{queue.Ref()}, PolicyDocument: document(append([]any{onlyTLS("sqs:*", in.place.Queue(name))}, more...)...),
	})
}

// mail makes the identity that mail is sent from. Opens and clicks are not tracked: what a person does with a letter is nobody's
// business. No list of suppressed addresses is kept or asked: a letter is sent once, and what becomes of it is reported.
func (in *installation) mail(stack awscdk.Stack) {
	if in.Stage.Mail.Kind != stage.SES {
		return
	}
	set := awsses.NewCfnConfigurationSet(stack, jsii.String("Mail"), &awsses.CfnConfigurationSetProps{
		Name:              jsii.String(in.Stage.Prefix()),
		DeliveryOptions:   &awsses.CfnConfigurationSet_DeliveryOptionsProperty{TlsPolicy: jsii.String("REQUIRE")},
		ReputationOptions: &awsses.CfnConfigurationSet_ReputationOptionsProperty{ReputationMetricsEnabled: jsii.Bool(true)},
		SendingOptions:    &awsses.CfnConfigurationSet_SendingOptionsProperty{SendingEnabled: jsii.Bool(true)},
	})
	// The CDK leaves an empty list out; without one the list of the account would hold.
	set.AddPropertyOverride(jsii.String("SuppressionOptions"), object{"SuppressedReasons": []string{}})
	in.mailSet = set.Ref()
	identity := awsses.NewCfnEmailIdentity(stack, jsii.String("MailDomain"), &awsses.CfnEmailIdentityProps{
		EmailIdentity:              jsii.String(in.Stage.Mail.Domain),
		ConfigurationSetAttributes: &awsses.CfnEmailIdentity_ConfigurationSetAttributesProperty{ConfigurationSetName: set.Ref()},
		DkimSigningAttributes: &awsses.CfnEmailIdentity_DkimSigningAttributesProperty{
			NextSigningKeyLength: jsii.String("RSA_2048_BIT"),
		},
	})
	for n, record := range [][2]*string{
		{identity.AttrDkimDnsTokenName1(), identity.AttrDkimDnsTokenValue1()},
		{identity.AttrDkimDnsTokenName2(), identity.AttrDkimDnsTokenValue2()},
		{identity.AttrDkimDnsTokenName3(), identity.AttrDkimDnsTokenValue3()},
	} {
		awscdk.NewCfnOutput(stack, jsii.String("DKIM"+string(rune('1'+n))), &awscdk.CfnOutputProps{
			Description: jsii.String("CNAME record to add to the zone of the mail domain"),
			Value:       awscdk.Fn_Join(jsii.String(" CNAME "), &[]*string{record[0], record[1]}),
		})
	}
}

// mailReports leads what SES reports about mail to a function: SES -> default bus (it knows no other) -> queue -> function. The
// rules are those of the inventory, which leave addresses behind.
func (in *installation) mailReports(stack awscdk.Stack, f inventory.Function) {
	dead := in.deadQueue(stack, deadMail)
	queue := awssqs.NewCfnQueue(stack, jsii.String(id("Queue", f.Name)), &awssqs.CfnQueueProps{
		QueueName: in.name(f.Name), KmsMasterKeyId: in.keys.rest.AttrArn(), MessageRetentionPeriod: jsii.Number(4 * 24 * 3600),
		VisibilityTimeout: jsii.Number(6 * f.Seconds), // as Lambda asks: six times the function's time-out
		RedrivePolicy:     object{"deadLetterTargetArn": dead.AttrArn(), "maxReceiveCount": 5},
	})
	var rules []string
	if in.Stage.Mail.Kind == stage.SES {
		rules = in.reportRules(stack, queue, dead)
	}
	in.queuePolicy(stack, f.Name, queue, in.fromRules(f.Name, rules)...)
	in.queuePolicy(stack, deadMail, dead, in.fromRules(deadMail, rules)...)
}

// fromRules lets rules put messages into a queue.
func (in *installation) fromRules(queue string, rules []string) []any {
	if len(rules) == 0 {
		return nil
	}
	return []any{object{
		"Sid": "Reports", "Effect": "Allow", "Principal": object{"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
		"Resource": in.place.Queue(queue), "Condition": object{"ArnEquals": object{"aws:SourceArn": rules}},
	}}
}

// reportRules makes the rules of the inventory and returns their ARNs.
func (in *installation) reportRules(stack awscdk.Stack, queue, dead awssqs.CfnQueue) []string {
	var all []string
	for _, r := range inventory.Reports(in.Stage.Prefix()) {
		var pattern object
		if err := json.Unmarshal([]byte(r.Pattern), &pattern); err != nil {
			panic("the pattern " + r.Name + " of the inventory is not JSON: " + err.Error())
		}
		rule := awsevents.NewCfnRule(stack, jsii.String(id("Rule", r.Name)), &awsevents.CfnRuleProps{
			Name: in.name(r.Name), Description: jsii.String("what SES reports about mail of this stage"), EventPattern: pattern,
			Targets: []any{&awsevents.CfnRule_TargetProperty{
				Id: jsii.String("queue"), Arn: queue.AttrArn(),
				InputTransformer: &awsevents.CfnRule_InputTransformerProperty{InputPathsMap: r.Paths, InputTemplate: jsii.String(r.Template)},
				DeadLetterConfig: &awsevents.CfnRule_DeadLetterConfigProperty{Arn: dead.AttrArn()},
			}},
		})
		all = append(all, *rule.AttrArn())
	}
	awsses.NewCfnConfigurationSetEventDestination(stack, jsii.String("MailEvents"), &awsses.CfnConfigurationSetEventDestinationProps{
		ConfigurationSetName: in.mailSet,
		EventDestination: &awsses.CfnConfigurationSetEventDestination_EventDestinationProperty{
			Name: in.name("mail-reports"), Enabled: jsii.Bool(true), MatchingEventTypes: jsii.Strings(inventory.ReportTypes()...),
			EventBridgeDestination: &awsses.CfnConfigurationSetEventDestination_EventBridgeDestinationProperty{
				EventBusArn: jsii.String("arn:" + in.place.Partition + ":events:" + in.place.Region + ":" + in.place.Account + ":event-bus/default"),
			},
		},
	})
	return all
}
