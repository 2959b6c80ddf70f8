package grants

import (
	"strings"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// Place is where a stage is: the parts of its ARNs. Every string may be a token of CloudFormation.
type Place struct {
	Partition, Region, Account string
	Prefix                     string // of every name
	Secrets                    string // names of secrets begin with it: "habeas/<stage>/"
	Parameters                 string // names of parameters begin with it: "/habeas/<stage>/"
	CaseKey                    string // ARN of the key that wraps the keys of cases and tenants
	RestKey                    string // ARN of the key of data at rest
	OutboxStream               string // ARN of the stream of table cases
	MailDomain                 string
}

func (p Place) arn(service, resource string) string {
	return "arn:" + p.Partition + ":" + service + ":" + p.Region + ":" + p.Account + ":" + resource
}

// Function returns the ARN of a function, without an alias.
func (p Place) Function(name string) string { return p.arn("lambda", "function:"+p.Prefix+"-"+name) }

// Live returns the ARN of the alias by which a function is called.
func (p Place) Live(name string) string { return p.Function(name) + ":" + inventory.Alias }

// Machine returns the ARN of a state machine, without an alias.
func (p Place) Machine(name string) string { return p.arn("states", "stateMachine:"+p.Prefix+"-"+name) }

// LiveMachine returns the ARN of the alias by which a state machine is started.
func (p Place) LiveMachine(name string) string { return p.Machine(name) + ":" + inventory.Alias }

// executions returns the ARNs of every execution of a machine.
func (p Place) executions(name string) string {
	return p.arn("states", "execution:"+p.Prefix+"-"+name+":*")
}

// Table returns the ARN of a table.
func (p Place) Table(name string) string { return p.arn("dynamodb", "table/"+p.Prefix+"-"+name) }

// BucketName returns the name of a bucket. Names of buckets are unique in the world, hence the account and the region.
func (p Place) BucketName(name string) string {
	return p.Prefix + "-" + name + "-" + p.Account + "-" + p.Region
}

// Bucket returns the ARN of a bucket.
func (p Place) Bucket(name string) string {
	return "arn:" + p.Partition + ":s3:::" + p.BucketName(name)
}

// Bus returns the ARN of the event bus.
func (p Place) Bus() string { return p.arn("events", "event-bus/"+p.Prefix) }

// Queue returns the ARN of a queue.
func (p Place) Queue(name string) string { return p.arn("sqs", p.Prefix+"-"+name) }

// Identity returns the ARN of the identity that mail is sent from.
func (p Place) Identity() string { return p.arn("ses", "identity/"+p.MailDomain) }

// ConfigurationSet returns the ARN of the configuration set that mail is sent with.
func (p Place) ConfigurationSet() string { return p.arn("ses", "configuration-set/"+p.Prefix) }

// LogGroup returns the ARN of the log group of a function.
func (p Place) LogGroup(function string) string {
	return p.arn("logs", "log-group:"+LogGroupName(p.Prefix, function))
}

// LogGroupName returns the name of the log group of a function.
func LogGroupName(prefix, function string) string { return "/aws/lambda/" + prefix + "-" + function }

// secret returns the ARNs of one secret: the service adds six characters of its own to a name. A reference may name a field in it.
func (p Place) secret(name string) string {
	name, _, _ = strings.Cut(name, "#")
	return p.arn("secretsmanager", "secret:"+name+"-??????")
}

// parameter returns the ARN of a parameter, whose name begins with a slash.
func (p Place) parameter(name string) string { return p.arn("ssm", "parameter"+name) }
