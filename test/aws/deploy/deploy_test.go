package deploy

import (
	"context"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Run(m)) }

// TestDeploy deploys the whole template and finds what it is made of by the names that functions use.
func TestDeploy(t *testing.T) {
	emulated := emulator.Ministack(t)
	out := Deploy(t, emulated, Development)
	ctx := context.Background()
	settings, err := cloud.Read(func(name string) string {
		if name == "AWS_REGION" {
			return emulator.Region
		}
		return out.Environment[name]
	})
	if err != nil {
		t.Fatalf("functions would not start: %v", err)
	}
	functions := lambda.NewFromConfig(emulated.Config(t, ""))
	for _, f := range inventory.Functions() {
		if _, err := functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(settings.Function(f.Name))}); err != nil {
			t.Errorf("finding function %s by its alias: %v", f.Name, err)
		}
	}
	machines := sfn.NewFromConfig(emulated.Config(t, ""))
	for _, m := range inventory.Machines() {
		if _, err := machines.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: aws.String(settings.Machine(m))}); err != nil {
			t.Errorf("finding machine %s by its alias: %v", m, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, out.API.String()+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = out.Host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatalf("asking the HTTP API: %v", err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Errorf("the portal answered %d %q (%v)", response.StatusCode, body, err)
	}
}
