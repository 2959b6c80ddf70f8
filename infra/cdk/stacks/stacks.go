// Package stacks makes the CloudFormation stacks of a stage out of its settings and of infra/inventory. Stacks are cut by
// lifecycle: what must outlive a mistake (keys, data) is apart from what is replaced at every deployment (workflow, api).
//
// Resources are of the first level of the CDK: every property in a template is one that this package states, and no role, policy
// or function appears that nobody wrote. Functions, tables, buckets and machines have fixed names, so that stacks find each other by
// name; only keys, the stream of the outbox and subnets are passed from stack to stack, and those change with their stack only.
package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/grants"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// Names of stacks; that of a stage begins with its prefix.
const (
	Keys          = "keys"
	Data          = "data"
	Messaging     = "messaging"
	Network       = "network" // with Stage.PrivateNetwork
	Workflow      = "workflow"
	API           = "api"
	Edge          = "edge"  // with Stage.Edge; in us-east-1, where CloudFront looks for certificates and rules
	Staff         = "staff" // with Stage.SignIn.Cognito
	Clockwork     = "clockwork"
	Observability = "observability"
)

// edgeRegion is the one region in which CloudFront finds certificates and web ACLs.
const edgeRegion = "us-east-1"

// Options are what stacks are made of.
type Options struct {
	Stage     stage.Stage
	Functions []inventory.Function // of the inventory
	Runbooks  string               // address of the folder of runbooks, without a slash at the end
}

// installation is what the stacks of a stage share.
type installation struct {
	Options
	app   awscdk.App
	place grants.Place

	keys      keyring
	api       endpoint
	subnets   []*string // of the private network
	mailSet   *string   // configuration set of SES
	workersSG *string   // security group of the functions in it
}

// New adds the stacks of a stage to an app and returns them by name.
func New(app awscdk.App, o Options) map[string]awscdk.Stack {
	s := o.Stage
	account := s.Account
	if account == "" {
		account = *awscdk.Aws_ACCOUNT_ID()
	}
	in := &installation{Options: o, app: app, place: grants.Place{
		Partition: *awscdk.Aws_PARTITION(), Region: s.Region, Account: account, Prefix: s.Prefix(),
		Secrets: s.Secret(""), Parameters: s.Parameter(""), MailDomain: s.Mail.Domain,
	}}
	all := map[string]awscdk.Stack{}
	order := []struct {
		name  string
		want  bool
		build func(awscdk.Stack)
		after []string
	}{
		{Keys, true, in.buildKeys, nil},
		{Data, true, in.buildData, []string{Keys}},
		{Messaging, true, in.buildMessaging, []string{Keys}},
		{Network, s.PrivateNetwork != nil, in.buildNetwork, []string{Keys}},
		{Workflow, true, in.buildWorkflow, []string{Keys, Data, Messaging, Network}},
		{API, true, in.buildAPI, []string{Workflow}},
		{Edge, s.Edge, in.buildEdge, []string{API}},
		{Staff, s.SignIn.Cognito, in.buildStaff, []string{API}},
		{Clockwork, true, in.buildClockwork, []string{Workflow}},
		{Observability, true, in.buildObservability, []string{Workflow, API, Clockwork}},
	}
	for _, part := range order {
		if !part.want {
			continue
		}
		stack := in.stack(part.name)
		part.build(stack)
		for _, before := range part.after {
			if other := all[before]; other != nil {
				stack.AddStackDependency(other, nil)
			}
		}
		all[part.name] = stack
	}
	return all
}

// stack makes an empty stack. What holds keys and data cannot be deleted by mistake.
func (in *installation) stack(name string) awscdk.Stack {
	region := in.Stage.Region
	if name == Edge {
		region = edgeRegion
	}
	env := &awscdk.Environment{Region: jsii.String(region)}
	if in.Stage.Account != "" {
		env.Account = jsii.String(in.Stage.Account)
	}
	var boundary awscdk.PermissionsBoundary
	if in.Stage.PermissionsBoundary != "" {
		boundary = awscdk.PermissionsBoundary_FromArn(jsii.String(in.Stage.PermissionsBoundary))
	}
	return awscdk.NewStack(in.app, jsii.String(name), &awscdk.StackProps{
		StackName:             jsii.String(in.Stage.Prefix() + "-" + name),
		Description:           jsii.String("Habeas " + in.Stage.Name + ": " + does(name)),
		Env:                   env,
		PermissionsBoundary:   boundary,
		TerminationProtection: jsii.Bool(in.Stage.Production && (name == Keys || name == Data)),
		Tags:                  &map[string]*string{"application": jsii.String("habeas"), "stage": jsii.String(in.Stage.Name)},
	})
}

func does(name string) string {
	return map[string]string{
		Keys:          "keys",
		Data:          "tables and buckets",
		Messaging:     "event bus, dead letters, mail",
		Network:       "private network of the workers that open databases",
		Workflow:      "functions and state machines",
		API:           "HTTP API",
		Edge:          "CloudFront and WAF in front of the HTTP API",
		Staff:         "sign-in of staff",
		Clockwork:     "schedules",
		Observability: "alarms, dashboard, budget",
	}[name]
}

// name returns the name of a thing of the stage.
func (in *installation) name(of string) *string { return jsii.String(in.Stage.Prefix() + "-" + of) }

// keep makes a resource stay when its stack goes or replaces it, where real people's data is kept.
func (in *installation) keep(r awscdk.CfnResource) {
	if in.Stage.Production {
		r.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
		return
	}
	r.ApplyRemovalPolicy(awscdk.RemovalPolicy_DESTROY, nil)
}

// id joins words to the name of a resource in a template.
func id(words ...string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}
