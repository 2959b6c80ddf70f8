package limits

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// template reads the stack of the functions of a stage for production, as reviews see it, besides what the API's stack makes.
func template(t *testing.T) map[string]resource {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "infra", "cdk", "stacks", "testdata", "workflow.json"))
	if err != nil {
		t.Fatal(err)
	}
	var stack struct{ Resources map[string]resource }
	if err := json.Unmarshal(raw, &stack); err != nil {
		t.Fatal(err)
	}
	return stack.Resources
}

type resource struct {
	Type       string
	Properties json.RawMessage
}

// read decodes the properties of a resource.
func (r resource) read(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(r.Properties, into); err != nil {
		t.Fatal(err)
	}
}

// longest is what stands for a value that only a deployment knows: no ARN of ours is longer.
const longest = 160

// size is how long a value is at most once it is deployed.
func size(v any) (n int) {
	switch of := v.(type) {
	case string:
		return len(of)
	case map[string]any:
		if list, ok := of["Fn::Join"].([]any); ok && len(list) == 2 {
			for _, part := range list[1].([]any) {
				n += size(part)
			}
			return n
		}
		if ref, ok := of["Ref"].(string); ok && strings.HasPrefix(ref, "AWS::") {
			return len("123456789012")
		}
	}
	return longest
}

// TestFunctionsFit holds every function to "Lambda quotas" (AWS Lambda Developer Guide): 4 KB of environment, 900 seconds, 10,240 MB of
// memory and of /tmp; and who answers HTTP to the 30 seconds of an HTTP API (Amazon API Gateway Developer Guide, "Quotas for
// configuring and running an HTTP API": maximum integration timeout).
func TestFunctionsFit(t *testing.T) {
	t.Parallel()
	web := map[string]bool{}
	for _, f := range inventory.Functions() {
		web[f.Name] = f.Trigger == inventory.HTTP
	}
	seen := 0
	for id, r := range template(t) {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		seen++
		var p struct {
			FunctionName        string
			Timeout, MemorySize int
			EphemeralStorage    struct{ Size int }
			Environment         struct{ Variables map[string]any }
		}
		r.read(t, &p)
		environment := 0
		for name, value := range p.Environment.Variables {
			environment += len(name) + size(value)
		}
		if environment == 0 || environment > 4<<10 {
			t.Errorf("%s has an environment of %d bytes", id, environment)
		}
		most := 900
		if name := p.FunctionName; web[name[strings.LastIndexByte(name, '-')+1:]] {
			most = 29
		}
		if p.Timeout < 1 || p.Timeout > most || p.MemorySize > 10_240 || p.EphemeralStorage.Size > 10_240 {
			t.Errorf("%s has %d seconds, %d MB and %d MB of disk", id, p.Timeout, p.MemorySize, p.EphemeralStorage.Size)
		}
	}
	if seen != len(inventory.Functions()) {
		t.Errorf("%d functions were looked at, want %d", seen, len(inventory.Functions()))
	}
}

// TestMachinesFit: a definition has at most 1 MB (AWS Step Functions Developer Guide, "Service quotas": maximum request size).
func TestMachinesFit(t *testing.T) {
	t.Parallel()
	seen := 0
	for id, r := range template(t) {
		if r.Type != "AWS::StepFunctions::StateMachine" {
			continue
		}
		seen++
		var p struct{ DefinitionString any }
		r.read(t, &p)
		if n := size(p.DefinitionString); n < 1000 || n > 1<<20 {
			t.Errorf("%s has a definition of %d bytes", id, n)
		}
	}
	if seen != len(inventory.Machines()) {
		t.Errorf("%d machines were looked at", seen)
	}
}
