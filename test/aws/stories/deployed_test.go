package stories

import (
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

// found: everything of the inventory is there by the name that functions use, and the HTTP API answers.
func found(t *testing.T, in *installation) {
	functions := lambda.NewFromConfig(in.config)
	for _, f := range inventory.Functions() {
		if _, err := functions.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(in.settings.Function(f.Name))}); err != nil {
			t.Errorf("finding function %s by its alias: %v", f.Name, err)
		}
	}
	machines := sfn.NewFromConfig(in.config)
	for _, m := range inventory.Machines() {
		if _, err := machines.DescribeStateMachineAlias(t.Context(), &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(in.settings.Machine(m))}); err != nil {
			t.Errorf("finding machine %s by its alias: %v", m, err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.deployed.API.String()+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = in.deployed.Host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("asking the HTTP API: %v", err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Errorf("the portal answered %d %q (%v)", response.StatusCode, body, err)
	}
}
