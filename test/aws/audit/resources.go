package audit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Place is where a stage is, as far as the names of its resources tell.
type Place struct {
	Prefix     string // of every name
	Path       string // of its secrets and parameters: "habeas/<stage>"
	MailDomain string
}

// Unscoped lists the actions for which AWS knows no resource (Service Authorization Reference: no resource type in their rows).
func Unscoped() []string {
	return []string{
		"xray:PutTraceSegments", "xray:PutTelemetryRecords", "dynamodb:ListStreams",
		"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces",
	}
}

// Resources says which statements name something that is not of the stage, in order: every resource is the ARN of one that the
// inventory lists, or of what is made in it at run time.
func Resources(g Grants, p Place) (all []string) {
	shapes := p.shapes()
	for function, statements := range g {
		for _, s := range statements {
			for _, action := range s.Actions {
				for _, r := range s.Resources {
					if r == "*" && slices.Contains(Unscoped(), action) {
						continue
					}
					service, _, _ := strings.Cut(action, ":")
					if !slices.ContainsFunc(shapes[service], func(shape *regexp.Regexp) bool { return shape.MatchString(r) }) {
						all = append(all, fmt.Sprintf("%s is granted %s (%s) on %s", function, action, s.Sid, r))
					}
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

// shapes are the ARNs that a stage has, by the service of an action.
func (p Place) shapes() map[string][]*regexp.Regexp {
	exactly := func(service, region, account string, rest ...string) *regexp.Regexp {
		return regexp.MustCompile(`^arn:(aws|\$\{AWS::Partition\}):` + service + ":" + region + ":" + account + ":(" + strings.Join(rest, "|") + ")$")
	}
	const region, account = `[a-z]{2}-[a-z]+-\d`, `(\d{12}|\$\{AWS::AccountId\})`
	name := regexp.QuoteMeta(p.Prefix) + "-"
	tables, machines, executions, functions, groups := []string{}, []string{}, []string{}, []string{}, []string{}
	for _, t := range inventory.Tables() {
		tables = append(tables, "table/"+name+t.Name, "table/"+name+t.Name+"/index/"+inventory.Index)
		if t.Stream {
			tables = append(tables, "table/"+name+t.Name+`/stream/[\w:.-]+`)
		}
	}
	for _, m := range inventory.Machines() {
		machines = append(machines, "stateMachine:"+name+m+`(:\*|:`+inventory.Alias+")?")
		executions = append(executions, "execution:"+name+m+`:\*`)
	}
	queues := []string{name + `dead-(outbox|clock|files)`}
	for _, f := range inventory.Functions() {
		functions = append(functions, "function:"+name+f.Name+":"+inventory.Alias)
		groups = append(groups, "log-group:/aws/lambda/"+name+f.Name+`:log-stream:\*`)
		if f.Trigger == inventory.Queue {
			queues = append(queues, name+f.Name)
		}
	}
	var buckets []string
	for _, b := range inventory.Buckets() {
		whole := name + b.Name + "-" + account + "-" + region
		buckets = append(buckets, whole)
		if len(b.Prefixes) == 0 {
			buckets = append(buckets, whole+`/\*`)
		}
		for _, prefix := range b.Prefixes {
			buckets = append(buckets, whole+"/"+prefix+`/\*`)
		}
	}
	imported := func(stack, what string) *regexp.Regexp {
		return regexp.MustCompile(`^\$\{import ` + name + stack + `:ExportsOutput\w*` + what + `\w*\}$`)
	}
	return map[string][]*regexp.Regexp{
		"dynamodb": {exactly("dynamodb", region, account, tables...), imported("data", "TableCasesStreamArn")},
		"states":   {exactly("states", region, account, append(machines, executions...)...)},
		"lambda":   {exactly("lambda", region, account, functions...)},
		"logs":     {exactly("logs", region, account, groups...)},
		"sqs":      {exactly("sqs", region, account, queues...)},
		"s3":       {exactly("s3", "", "", buckets...)},
		"kms":      {imported("keys", "(Rest|Case)KeyArn"), exactly("kms", region, account, `key/[0-9a-f-]{36}`)},
		"events":   {exactly("events", region, account, "event-bus/"+regexp.QuoteMeta(p.Prefix))},
		"ses":      {exactly("ses", region, account, "identity/"+regexp.QuoteMeta(p.MailDomain), "configuration-set/"+regexp.QuoteMeta(p.Prefix))},
		// A name that ends in an asterisk begins with the path of the stage.
		"secretsmanager": {exactly("secretsmanager", region, account, "secret:"+p.Path+`/([\w/-]+-\?{6}|\*)`)},
		"ssm":            {exactly("ssm", region, account, "parameter/"+p.Path+`/([\w/-]+|\*)`)},
	}
}
