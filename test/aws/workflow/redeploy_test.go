package workflow_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/stepfunctions"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

// asks waits for a token and then says which definition it is.
const asks = `{"StartAt":"Ask","States":{
  "Ask":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":
    {"FunctionName":"${ask}","Payload":{"token.$":"$$.Task.Token","name.$":"$$.Execution.Name"}},"ResultPath":"$.answer","Next":"Say"},
  "Say":{"Type":"Pass","Result":"VERSION","ResultPath":"$.definition","End":true}}}`

func version(name string) json.RawMessage {
	return json.RawMessage(strings.Replace(asks, "VERSION", name, 1))
}

// behindAlias publishes a version of the deployment's machine main, leads the alias live to it and returns a driver that starts
// executions there.
func behindAlias(t *testing.T, d deployed) (*stepfunctions.Engine, string) {
	t.Helper()
	alias, err := d.sfn.CreateStateMachineAlias(t.Context(), &sfn.CreateStateMachineAliasInput{
		Name: aws.String("live"), RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: publish(t, d), Weight: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(alias.StateMachineAliasArn)
	e, err := stepfunctions.New(stepfunctions.Options{Client: d.sfn, Machines: map[string]string{"main": arn}})
	if err != nil {
		t.Fatal(err)
	}
	return e, arn
}

func publish(t *testing.T, d deployed) *string {
	t.Helper()
	out, err := d.sfn.PublishStateMachineVersion(t.Context(), &sfn.PublishStateMachineVersionInput{StateMachineArn: aws.String(d.machines["main"])})
	if err != nil {
		t.Fatal(err)
	}
	return out.StateMachineVersionArn
}

// A changed definition takes effect for executions that start after it, through the alias; what runs keeps the one it was
// started with, and names stay taken (Developer Guide, "Manage continuous deployments with versions and aliases").
func TestRedeployWhileRunning(t *testing.T) {
	t.Parallel()
	tokens := make(keeper, 4)
	d := ministack(t).deploy(t, workflowtest.Deployment{
		Machines: map[string]json.RawMessage{"main": version("old")}, Functions: []string{"ask"}, Invoker: tokens,
	})
	e, alias := behindAlias(t, d)
	first := begin(t, e, "c-1-g1")
	if want := strings.Replace(d.machines["main"], ":stateMachine:", ":execution:", 1) + ":c-1-g1"; first.ID != want {
		t.Errorf("an execution that an alias started is %s, want %s", first.ID, want)
	}
	asked := tokens.next(t)
	if _, err := d.sfn.UpdateStateMachine(t.Context(), &sfn.UpdateStateMachineInput{
		StateMachineArn: aws.String(d.machines["main"]), Definition: aws.String(string(definitionFor(d.names, version("new")))),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.sfn.UpdateStateMachineAlias(t.Context(), &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: aws.String(alias),
		RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: publish(t, d), Weight: 100}},
	}); err != nil {
		t.Fatal(err)
	}
	if again := begin(t, e, "c-1-g1"); again.ID != first.ID || !again.StartedAt.Equal(first.StartedAt) {
		t.Errorf("the running execution was started again: %+v", again)
	}
	begin(t, e, "c-1-g2")
	for _, token := range []string{asked, tokens.next(t)} {
		if err := e.Succeed(t.Context(), token, json.RawMessage(`{}`)); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{"c-1-g1": "old", "c-1-g2": "new"} {
		x := end(t, e, name)
		if !strings.Contains(string(x.Output), `"`+want+`"`) {
			t.Errorf("%s ended as %s with %s, want that of the %s definition", name, x.Status, x.Output, want)
		}
	}
	if _, err := e.Start(t.Context(), "main", "c-1-g1", json.RawMessage(`{}`)); !errors.Is(err, workflow.ErrExecutionExists) {
		t.Errorf("a name that has been used: %v", err)
	}
	versions, err := d.sfn.ListStateMachineVersions(t.Context(), &sfn.ListStateMachineVersionsInput{StateMachineArn: aws.String(d.machines["main"])})
	if err != nil || len(versions.StateMachineVersions) != 2 {
		t.Errorf("%d versions are kept, %v", len(versions.StateMachineVersions), err)
	}
}

func begin(t *testing.T, e workflow.Engine, name string) workflow.Execution {
	t.Helper()
	x, err := e.Start(t.Context(), "main", name, json.RawMessage(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// end waits until an execution has ended.
func end(t *testing.T, e workflow.Engine, name string) (x workflow.Execution) {
	t.Helper()
	await(t, "the end of an execution", time.Minute, func() bool {
		var err error
		if x, err = e.Describe(t.Context(), "main", name); err != nil {
			t.Fatal(err)
		}
		return x.Status != workflow.Running
	})
	return x
}
