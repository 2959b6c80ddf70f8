// Package grants says what the role of each function may do. One table (Table) leads from a need of infra/inventory to
// statements; nothing else in the stacks adds to a role of a function. It is plain Go: the stacks put the statements into
// templates, tests and audits read them as they are.
//
// Rules. No action contains a wildcard. A resource ends in one only where its last part is made at run time: executions of our
// machines, versions of machines, log streams, the letters that Secrets Manager adds, objects below a prefix of ours. The few calls for which AWS
// knows no resource are in Unscoped, with the document that says so.
package grants

import (
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Statement allows actions on resources; it has no other effect.
type Statement struct {
	Sid       string
	Actions   []string
	Resources []string
	Condition map[string]map[string]any // operator -> key -> value; nil = none
}

// Unscoped lists the actions that are granted on "*", each with the document of AWS that asks for it.
func Unscoped() map[string]string {
	const (
		actions  = "https://docs.aws.amazon.com/service-authorization/latest/reference/"
		delivery = "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
	)
	return map[string]string{
		"dynamodb:ListStreams":          "https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html",
		"xray:PutTraceSegments":         actions + "list_awsx-ray.html",
		"xray:PutTelemetryRecords":      actions + "list_awsx-ray.html",
		"xray:GetSamplingRules":         actions + "list_awsx-ray.html",
		"xray:GetSamplingTargets":       actions + "list_awsx-ray.html",
		"logs:CreateLogDelivery":        delivery,
		"logs:GetLogDelivery":           delivery,
		"logs:UpdateLogDelivery":        delivery,
		"logs:DeleteLogDelivery":        delivery,
		"logs:ListLogDeliveries":        delivery,
		"logs:PutResourcePolicy":        delivery,
		"logs:DescribeResourcePolicies": delivery,
		"logs:DescribeLogGroups":        delivery,
		"ec2:CreateNetworkInterface":    "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions",
		"ec2:DeleteNetworkInterface":    "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions",
		"ec2:DescribeNetworkInterfaces": "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions",
	}
}

// Granted is what a function is allowed besides its needs: what its place in the system brings.
type Granted struct {
	References []string // parameters and secrets in its environment: "ssm:..." or "secretsmanager:..."
	Network    bool     // it runs in a VPC
	DeadLetter []string // names of the queues that take what it could not do
}

// Statements returns what the role of a function may do. The trace of X-Ray and the function's own log group come first.
func Statements(f inventory.Function, p Place, g Granted) []Statement {
	all := []Statement{
		{Sid: "Trace", Actions: []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, Resources: []string{"*"}},
		{Sid: "Log", Actions: []string{"logs:CreateLogStream", "logs:PutLogEvents"}, Resources: []string{p.LogGroup(f.Name) + ":log-stream:*"}},
	}
	for _, row := range Table() {
		if f.Has(row.Need) {
			all = append(all, row.Statements(p)...)
		}
	}
	if f.Trigger == inventory.Stream {
		all = append(all, readStream(p)...)
	}
	if f.Trigger == inventory.Queue {
		all = append(all, readQueue(f, p)...)
	}
	if len(g.DeadLetter) > 0 {
		var queues []string
		for _, q := range g.DeadLetter {
			queues = append(queues, p.Queue(q))
		}
		all = append(all, Statement{Sid: "GiveUp", Actions: []string{"sqs:SendMessage"}, Resources: queues})
	}
	if g.Network {
		all = append(all, Statement{
			Sid:       "Network",
			Actions:   []string{"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"},
			Resources: []string{"*"},
		})
	}
	if !f.Has(inventory.Secrets) { // which reads them all
		all = append(all, references(p, g.References)...)
	}
	return all
}

// Row is what a need is granted.
type Row struct {
	Need       inventory.Need
	Statements func(p Place) []Statement
}

// Table leads from each need to its statements.
func Table() []Row {
	return []Row{
		{inventory.Records, records},
		{inventory.Keys, caseKeys},
		{inventory.Objects, func(p Place) []Statement { return objects(p, "Objects", "objects", "raw") }},
		{inventory.HandOver, func(p Place) []Statement { return objects(p, "HandOver", "inbox", "delivery") }},
		{inventory.Proof, proof},
		{inventory.Engine, engine},
		{inventory.Watch, watch},
		{inventory.Tokens, tokens},
		{inventory.Mail, mail},
		{inventory.Bus, bus},
		{inventory.Secrets, secrets},
		{inventory.Workers, func(p Place) []Statement {
			return calls(p, "Workers", func(f inventory.Function) bool { return f.Has(inventory.Systems) })
		}},
		{inventory.Prepare, func(p Place) []Statement {
			return calls(p, "Prepare", func(f inventory.Function) bool { return f.Trigger == inventory.Async })
		}},
		{inventory.Systems, func(Place) []Statement { return nil }}, // systems are opened with what Secrets holds, not with the role
	}
}

// records: no scan, no administration; an index is only queried.
func records(p Place) []Statement {
	var tables, indexes []string
	for _, t := range inventory.Tables() {
		tables = append(tables, p.Table(t.Name))
		indexes = append(indexes, p.Table(t.Name)+"/index/"+inventory.Index)
	}
	return []Statement{
		{
			Sid: "Records",
			Actions: []string{
				"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem",
			},
			Resources: tables,
		},
		{Sid: "RecordsByIndex", Actions: []string{"dynamodb:Query"}, Resources: indexes},
		p.throughService("RecordsAtRest", "dynamodb", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"),
	}
}

// caseKeys: only under a context that names tenant and purpose and nothing but what package keys binds.
func caseKeys(p Place) []Statement {
	return []Statement{{
		Sid:       "Keys",
		Actions:   []string{"kms:Encrypt", "kms:Decrypt"},
		Resources: []string{p.CaseKey},
		Condition: map[string]map[string]any{
			"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": []string{"tenant", "case", "purpose"}},
			"Null":                      {"kms:EncryptionContext:tenant": "false", "kms:EncryptionContext:purpose": "false"},
		},
	}}
}

// objects: read, write and erase, with every version and every upload that was begun.
func objects(p Place, sid string, buckets ...string) []Statement {
	var whole, each []string
	for _, b := range inventory.Buckets() {
		if !slices.Contains(buckets, b.Name) {
			continue
		}
		whole = append(whole, p.Bucket(b.Name))
		each = append(each, p.within(b)...)
	}
	return []Statement{
		{Sid: sid + "List", Actions: []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}, Resources: whole},
		{
			Sid: sid,
			Actions: []string{
				"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:AbortMultipartUpload",
			},
			Resources: each,
		},
		p.throughService(sid+"AtRest", "s3", "kms:GenerateDataKey", "kms:Decrypt"),
	}
}

// within returns the objects of a bucket, by the first parts of their names where the bucket has such.
func (p Place) within(b inventory.Bucket) []string {
	if len(b.Prefixes) == 0 {
		return []string{p.Bucket(b.Name) + "/*"}
	}
	var all []string
	for _, prefix := range b.Prefixes {
		all = append(all, p.Bucket(b.Name)+"/"+prefix+"/*")
	}
	return all
}

// proof: what lies in the evidence bucket is added to and read, and erased by nobody.
func proof(p Place) []Statement {
	var each []string
	for _, b := range inventory.Buckets() {
		if b.Lock {
			each = append(each, p.within(b)...)
		}
	}
	return []Statement{
		{Sid: "ProofList", Actions: []string{"s3:ListBucket"}, Resources: []string{p.Bucket("evidence")}},
		{Sid: "Proof", Actions: []string{"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload"}, Resources: each},
		p.throughService("ProofAtRest", "s3", "kms:GenerateDataKey", "kms:Decrypt"),
	}
}

func engine(p Place) []Statement {
	var start, executions []string
	for _, m := range inventory.Machines() {
		start = append(start, p.LiveMachine(m))
		executions = append(executions, p.executions(m))
	}
	return []Statement{
		{Sid: "Start", Actions: []string{"states:StartExecution"}, Resources: start},
		{Sid: "Executions", Actions: []string{"states:DescribeExecution", "states:StopExecution"}, Resources: executions},
	}
}

// watch: whether an execution still runs.
func watch(p Place) []Statement {
	var executions []string
	for _, m := range inventory.Machines() {
		executions = append(executions, p.executions(m))
	}
	return []Statement{{Sid: "Executions", Actions: []string{"states:DescribeExecution"}, Resources: executions}}
}

// tokens: of our machines, in whatever version waits. None is ever failed: a wait that is over is answered.
func tokens(p Place) []Statement {
	var machines []string
	for _, m := range inventory.Machines() {
		machines = append(machines, p.Machine(m), p.Machine(m)+":*")
	}
	return []Statement{{Sid: "Tokens", Actions: []string{"states:SendTaskSuccess"}, Resources: machines}}
}

// mail: from the stage's own domain only.
func mail(p Place) []Statement {
	return []Statement{{
		Sid:       "Mail",
		Actions:   []string{"ses:SendEmail", "ses:SendRawEmail"},
		Resources: []string{p.Identity(), p.ConfigurationSet()},
		Condition: map[string]map[string]any{"StringLike": {"ses:FromAddress": "*@" + p.MailDomain}},
	}}
}

func bus(p Place) []Statement {
	return []Statement{{Sid: "Bus", Actions: []string{"events:PutEvents"}, Resources: []string{p.Bus()}}}
}

func secrets(p Place) []Statement {
	return []Statement{
		{Sid: "Secrets", Actions: []string{"secretsmanager:GetSecretValue"}, Resources: []string{p.arn("secretsmanager", "secret:"+p.Secrets+"*")}},
		{Sid: "Parameters", Actions: []string{"ssm:GetParameter"}, Resources: []string{p.arn("ssm", "parameter"+p.Parameters+"*")}},
		p.throughService("SecretsAtRest", "secretsmanager", "kms:Decrypt"),
		p.throughService("ParametersAtRest", "ssm", "kms:Decrypt"),
	}
}

// references: exactly the secrets and parameters that the environment names.
func references(p Place, names []string) []Statement {
	var parameters, secrets []string
	for _, r := range names {
		if name, ok := strings.CutPrefix(r, "ssm:"); ok {
			parameters = append(parameters, p.parameter(name))
		}
		if name, ok := strings.CutPrefix(r, "secretsmanager:"); ok {
			secrets = append(secrets, p.secret(name))
		}
	}
	var all []Statement
	if len(parameters) > 0 {
		all = append(all, Statement{Sid: "Parameters", Actions: []string{"ssm:GetParameter"}, Resources: parameters})
	}
	if len(secrets) > 0 {
		all = append(all,
			Statement{Sid: "Secrets", Actions: []string{"secretsmanager:GetSecretValue"}, Resources: secrets},
			p.throughService("SecretsAtRest", "secretsmanager", "kms:Decrypt"))
	}
	return all
}

// calls: of other functions, by their alias.
func calls(p Place, sid string, which func(inventory.Function) bool) []Statement {
	var live []string
	for _, f := range inventory.Functions() {
		if which(f) {
			live = append(live, p.Live(f.Name))
		}
	}
	return []Statement{{Sid: sid, Actions: []string{"lambda:InvokeFunction"}, Resources: live}}
}

func readStream(p Place) []Statement {
	return []Statement{{
		Sid:       "Stream",
		Actions:   []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
		Resources: []string{p.OutboxStream},
	}, {
		Sid: "Streams", Actions: []string{"dynamodb:ListStreams"}, Resources: []string{"*"},
	}}
}

func readQueue(f inventory.Function, p Place) []Statement {
	return []Statement{
		{
			Sid:       "Queue",
			Actions:   []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
			Resources: []string{p.Queue(f.Name)},
		},
		p.throughService("QueueAtRest", "sqs", "kms:Decrypt"),
	}
}

// throughService allows use of the key of data at rest where a service of this region asks for it in the name of the function.
func (p Place) throughService(sid, service string, actions ...string) Statement {
	return Statement{
		Sid: sid, Actions: actions, Resources: []string{p.RestKey},
		Condition: map[string]map[string]any{"StringEquals": {"kms:ViaService": service + "." + p.Region + ".amazonaws.com"}},
	}
}
