package stories

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// takeOver: a definition changes while a case is open, whose execution keeps the old one; then the execution is lost, as one is whose
// definition is at fault and that somebody stops. The sweeper starts the case's next generation, under the new definition, and the
// case ends as if nothing had been.
func takeOver(t *testing.T, in *installation, s *testkit.Site) {
	ctx := t.Context()
	client := sfn.NewFromConfig(in.config)
	r := s.Ask("lumen", "access", testkit.NoOrders)
	s.Settle()
	before := executions(t, in, client, r.ID())
	if len(before) != 1 {
		t.Fatalf("the case has executions %v", before)
	}
	alias := in.settings.Machine("case")
	machine := strings.TrimSuffix(alias, ":"+inventory.Alias)
	was, err := client.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: &machine})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := client.UpdateStateMachine(ctx, &sfn.UpdateStateMachineInput{
		StateMachineArn: &machine, Publish: true, Definition: aws.String(comment(t, *was.Definition, "as it is from now on")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateStateMachineAlias(ctx, &sfn.UpdateStateMachineAliasInput{
		StateMachineAliasArn: &alias, RoutingConfiguration: []types.RoutingConfigurationListItem{{StateMachineVersionArn: changed.StateMachineVersionArn, Weight: 100}},
	}); err != nil {
		t.Fatal(err)
	}
	// That what runs keeps its definition is shown in test/aws/workflow: what this emulator says of it is of the newest.
	other := s.Ask("lumen", "access", testkit.Typical)
	s.Settle()
	if _, err := client.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &before[0]}); err != nil {
		t.Fatal(err)
	}
	s.Advance("PT2H")
	after := executions(t, in, client, r.ID())
	if len(after) != 1 || !strings.HasSuffix(after[0], "-g2") {
		t.Fatalf("after the loss the case has executions %v", after)
	}
	if under := definition(t, client, after[0]); !strings.Contains(under, "from now on") {
		t.Error("the next generation does not run under the new definition")
	}
	for _, each := range []*testkit.Request{r, other} {
		each.Enter(each.NewCode())
		s.Settle()
		each.WantStatus("fulfilled")
	}
	s.WantHeld(r.Fetch(), testkit.NoOrders)
}

// executions returns the ARNs of the executions of a case that run.
func executions(t *testing.T, in *installation, client *sfn.Client, id string) (out []string) {
	t.Helper()
	machine := strings.TrimSuffix(in.settings.Machine("case"), ":"+inventory.Alias)
	page, err := client.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine, StatusFilter: types.ExecutionStatusRunning})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Executions {
		if strings.HasPrefix(*e.Name, id) {
			out = append(out, *e.ExecutionArn)
		}
	}
	return out
}

func definition(t *testing.T, client *sfn.Client, execution string) string {
	t.Helper()
	out, err := client.DescribeStateMachineForExecution(t.Context(), &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &execution})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Definition
}

// comment returns a definition that says something else of itself.
func comment(t *testing.T, raw, text string) string {
	t.Helper()
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &doc); err != nil {
		t.Fatal(err)
	}
	doc["Comment"], _ = json.Marshal(text)
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
