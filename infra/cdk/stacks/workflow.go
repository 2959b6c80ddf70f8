package stacks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3assets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/grants"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/infra/workflow"
)

func (in *installation) buildWorkflow(stack awscdk.Stack) {
	for _, f := range in.Functions {
		in.function(stack, f)
	}
	var task awsstepfunctions.CfnStateMachineAlias
	// The machine of tasks comes first, because that of cases starts its executions.
	for _, name := range []string{"task", "notify", "case"} {
		alias := in.machine(stack, name)
		if name == "task" {
			task = alias
			continue
		}
		alias.AddResourceDependency(task, nil)
	}
	in.environmentParameter(stack)
}

// function makes a function with its role, log group, version and alias, and what triggers it but HTTP and the clock.
func (in *installation) function(stack awscdk.Stack, f inventory.Function) {
	env := in.environment(f)
	role := in.role(stack, id(f.Name, "Role"), f.Name, "lambda.amazonaws.com", "Habeas: "+f.Does, allowed(grants.Statements(f, in.place, grants.Granted{
		References: references(env), Network: in.inNetwork(f), DeadLetter: deadLetters(f),
	})))
	group := in.logGroup(stack, id(f.Name, "Log"), grants.LogGroupName(in.Stage.Prefix(), f.Name))
	code := awss3assets.NewAsset(stack, jsii.String(id(f.Name, "Code")), &awss3assets.AssetProps{
		Path: jsii.String(filepath.Join(in.Stage.Code, f.Name+".zip")),
	})
	props := &awslambda.CfnFunctionProps{
		FunctionName: in.name(f.Name), Description: jsii.String(f.Does), Role: role.AttrArn(),
		Runtime: jsii.String("provided.al2023"), Handler: jsii.String("bootstrap"), Architectures: jsii.Strings(in.Stage.Architecture),
		Code:       &awslambda.CfnFunction_CodeProperty{S3Bucket: code.S3BucketName(), S3Key: code.S3ObjectKey()},
		MemorySize: jsii.Number(f.MemoryMB), Timeout: jsii.Number(f.Seconds),
		Environment:   &awslambda.CfnFunction_EnvironmentProperty{Variables: env},
		TracingConfig: &awslambda.CfnFunction_TracingConfigProperty{Mode: jsii.String("Active")},
		LoggingConfig: &awslambda.CfnFunction_LoggingConfigProperty{LogFormat: jsii.String("JSON"), LogGroup: group.Ref()},
	}
	if reserved := in.reserved(f); reserved > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(reserved)
	}
	if f.DiskMB > 0 {
		props.EphemeralStorage = &awslambda.CfnFunction_EphemeralStorageProperty{Size: jsii.Number(f.DiskMB)}
	}
	if in.inNetwork(f) {
		props.VpcConfig = &awslambda.CfnFunction_VpcConfigProperty{SubnetIds: &in.subnets, SecurityGroupIds: &[]*string{in.workersSG}}
	}
	function := awslambda.NewCfnFunction(stack, jsii.String(f.Name), props)
	// A version is made of code and configuration. The name of the resource holds their hash, so that a change makes a version; the
	// one before stays, and an alias can be led back to it at once.
	config := []any{*code.AssetHash(), env, f.MemoryMB, f.Seconds, f.DiskMB, in.Stage.Architecture, in.inNetwork(f)}
	version := awslambda.NewCfnVersion(stack, jsii.String(id(f.Name, "Version", digest(stack, config))), &awslambda.CfnVersionProps{
		FunctionName: function.Ref(),
	})
	version.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	alias := awslambda.NewCfnAlias(stack, jsii.String(id(f.Name, inventory.Alias)), &awslambda.CfnAliasProps{
		Name: jsii.String(inventory.Alias), FunctionName: function.Ref(), FunctionVersion: version.AttrVersion(),
	})
	in.trigger(stack, f, alias)
}

// reserved returns the reserved concurrency of a function; 0 = none.
func (in *installation) reserved(f inventory.Function) int {
	if n, ok := in.Stage.Reserved[f.Name]; ok {
		return n
	}
	return f.Reserved
}

// trigger connects a function to the stream or the queue that it reads, and says what becomes of a call that nobody waits for.
func (in *installation) trigger(stack awscdk.Stack, f inventory.Function, alias awslambda.CfnAlias) {
	switch f.Trigger {
	case inventory.Stream:
		awslambda.NewCfnEventSourceMapping(stack, jsii.String(id(f.Name, "Source")), &awslambda.CfnEventSourceMappingProps{
			FunctionName: alias.Ref(), EventSourceArn: jsii.String(in.place.OutboxStream), StartingPosition: jsii.String("TRIM_HORIZON"),
			BatchSize: jsii.Number(25), ParallelizationFactor: jsii.Number(4), MaximumBatchingWindowInSeconds: jsii.Number(0),
			// Only rows of the outbox that came into being or changed; see shared/table/ACCESS.md for the index key.
			FilterCriteria: object{"filters": []any{object{
				"pattern": `{"eventName":["INSERT","MODIFY"],"dynamodb":{"NewImage":{"ipk":{"S":[{"prefix":"OUT#"}]}}}}`,
			}}},
			FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"), BisectBatchOnFunctionError: jsii.Bool(true),
			MaximumRetryAttempts: jsii.Number(20), MaximumRecordAgeInSeconds: jsii.Number(6 * 3600), // the row stays, and the sweeper finds it
			DestinationConfig: &awslambda.CfnEventSourceMapping_DestinationConfigProperty{
				OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: jsii.String(in.place.Queue(deadOutbox))},
			},
		})
	case inventory.Queue:
		awslambda.NewCfnEventSourceMapping(stack, jsii.String(id(f.Name, "Source")), &awslambda.CfnEventSourceMappingProps{
			FunctionName: alias.Ref(), EventSourceArn: jsii.String(in.place.Queue(f.Name)), BatchSize: jsii.Number(10),
			FunctionResponseTypes: jsii.Strings("ReportBatchItemFailures"),
		})
	default: // a machine calls by name; HTTP and the clock are in stacks of their own
	}
	switch {
	case f.Minutes > 0:
		in.unawaited(stack, f, alias, 0, f.Minutes*60, deadClock) // the next call comes by itself
	case f.Trigger == inventory.Async:
		in.unawaited(stack, f, alias, 2, 30*60, deadFiles) // so long somebody may wait for a file; see shared/handover
	}
}

// unawaited says how often and for how many seconds a call that nobody waits for is repeated, and which queue takes it then.
func (in *installation) unawaited(stack awscdk.Stack, f inventory.Function, alias awslambda.CfnAlias, retries, seconds int, dead string) {
	awslambda.NewCfnEventInvokeConfig(stack, jsii.String(id(f.Name, "Async")), &awslambda.CfnEventInvokeConfigProps{
		FunctionName: jsii.String(in.Stage.Prefix() + "-" + f.Name), Qualifier: jsii.String(inventory.Alias),
		MaximumRetryAttempts: jsii.Number(retries), MaximumEventAgeInSeconds: jsii.Number(max(60, seconds)),
		DestinationConfig: &awslambda.CfnEventInvokeConfig_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventInvokeConfig_OnFailureProperty{Destination: jsii.String(in.place.Queue(dead))},
		},
	}).AddResourceDependency(alias, nil)
}

// placeholder is a name that a definition leaves to the engine.
var placeholder = regexp.MustCompile(`\$\{(\w+)\}`)

// taskMachine stands for the machine of tasks in the definition of that of cases.
const taskMachine = "TaskMachine"

// machine makes a state machine with its role, log group, version and alias. Versions stay: an execution keeps the one that it
// was started with, for up to a year.
func (in *installation) machine(stack awscdk.Stack, name string) awsstepfunctions.CfnStateMachineAlias {
	text := string(workflow.Machines()[name])
	names := map[string]string{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		names[m[1]] = in.place.Live(m[1])
		if m[1] == taskMachine {
			names[m[1]] = in.place.LiveMachine("task")
		}
	}
	role := in.role(stack, id("machine", name, "Role"), "machine-"+name, "states.amazonaws.com", "Habeas: machine "+name, allowed(grants.Machine(in.place, grants.Calls{
		Functions: called(text, names), Children: children(names),
	})))
	group := in.logGroup(stack, id("machine", name, "Log"), "/aws/vendedlogs/states/"+in.Stage.Prefix()+"-"+name)
	machine := awsstepfunctions.NewCfnStateMachine(stack, jsii.String(id("machine", name)), &awsstepfunctions.CfnStateMachineProps{
		StateMachineName: in.name(name), StateMachineType: jsii.String("STANDARD"), RoleArn: role.AttrArn(),
		DefinitionString: jsii.String(compact(text)), DefinitionSubstitutions: names,
		TracingConfiguration: &awsstepfunctions.CfnStateMachine_TracingConfigurationProperty{Enabled: jsii.Bool(true)},
		LoggingConfiguration: &awsstepfunctions.CfnStateMachine_LoggingConfigurationProperty{
			Level: jsii.String("ERROR"), IncludeExecutionData: jsii.Bool(false),
			Destinations: []any{&awsstepfunctions.CfnStateMachine_LogDestinationProperty{
				CloudWatchLogsLogGroup: &awsstepfunctions.CfnStateMachine_CloudWatchLogsLogGroupProperty{LogGroupArn: group.AttrArn()},
			}},
		},
	})
	version := awsstepfunctions.NewCfnStateMachineVersion(stack, jsii.String(id("machine", name, "Version", digest(stack, []any{text, names}))), &awsstepfunctions.CfnStateMachineVersionProps{
		StateMachineArn: machine.AttrArn(), StateMachineRevisionId: machine.AttrStateMachineRevisionId(),
	})
	version.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN, nil)
	return awsstepfunctions.NewCfnStateMachineAlias(stack, jsii.String(id("machine", name, inventory.Alias)), &awsstepfunctions.CfnStateMachineAliasProps{
		Name: jsii.String(inventory.Alias),
		RoutingConfiguration: []any{&awsstepfunctions.CfnStateMachineAlias_RoutingConfigurationVersionProperty{
			StateMachineVersionArn: version.AttrArn(), Weight: jsii.Number(100),
		}},
	})
}

// called returns the functions that a machine invokes: those it names and, where a task names its worker, every worker.
func called(text string, names map[string]string) []string {
	var all []string
	for name := range names {
		if name != taskMachine {
			all = append(all, name)
		}
	}
	if strings.Contains(text, `"FunctionName.$"`) {
		all = append(all, inventory.Worker(""))
		for _, worker := range inventory.Kinds() {
			all = append(all, worker)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func children(names map[string]string) []string {
	if _, ok := names[taskMachine]; ok {
		return []string{"task"}
	}
	return nil
}

// compact takes the blanks out of a definition; a template is at most 1 MB.
func compact(text string) string {
	var b strings.Builder
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		panic(fmt.Sprintf("a definition of infra/workflow is not JSON: %v", err))
	}
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(raw); err != nil {
		panic(fmt.Sprintf("writing a definition: %v", err))
	}
	return strings.TrimSpace(b.String())
}

// digest names a value in 12 hexadecimal digits. Tokens in it are resolved, so that it is the same in every synthesis.
func digest(stack awscdk.Stack, v any) string {
	text, err := json.Marshal(stack.Resolve(v))
	if err != nil {
		panic(fmt.Sprintf("hashing a resource: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// environmentParameter writes down what functions are told, so that the command finds an installation by its stage alone.
func (in *installation) environmentParameter(stack awscdk.Stack) {
	all := map[string]string{}
	for _, f := range in.Functions {
		maps.Copy(all, in.environment(f))
	}
	awsssm.NewCfnParameter(stack, jsii.String("Environment"), &awsssm.CfnParameterProps{
		Name: jsii.String(in.Stage.Parameter(stage.ParameterEnvironment)), Type: jsii.String("String"), Tier: jsii.String("Standard"),
		Description: jsii.String("environment of the functions; references, no secrets"), Value: stack.ToJsonString(all, nil),
	})
}
