// Package deploy deploys a stage into an emulator as `make deploy` deploys it into an account: the Lambdas are built and packed,
// the environment is bootstrapped, the CDK app is deployed, all stacks of it, and the installation is told its address. What it makes
// is the template that AWS gets.
package deploy

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/test/aws/emulator"
)

// within bounds one program; the CDK app compiles for two minutes when nothing is in the cache.
const within = 8 * time.Minute

// Development is a stage for stories: a clock set by hand, every call counted.
const Development = `
stage: stories
region: eu-west-1
logDays: 7
evidenceDays: 1
demo: true
clock: manual
count: true
mail: { kind: ses, domain: example.com }
`

// Outputs is what is known of a deployed stage.
type Outputs struct {
	Stage       stage.Stage
	File        string                       // of the stage's settings
	Operator    []string                     // environment of programs that operate the stage
	Environment map[string]string            // of the functions; references unresolved
	API         *url.URL                     // of the HTTP API, as the emulator answers it
	Host        string                       // that requests to API carry
	Stacks      map[string]map[string]string // outputs by stack and name
	Assembly    string                       // directory of the templates, until the test ends
}

// Deploy deploys the stage with these settings (Development, or more) and returns when all stacks stand. Deploying the same stage
// again updates it. A failure ends the test with what the programs said.
func Deploy(tb testing.TB, cloud *emulator.Cloud, settings string) Outputs {
	tb.Helper()
	dir := tb.TempDir()
	s, path := write(tb, dir, settings)
	root := root()
	app := filepath.Join(root, "infra", "cdk")
	r := runner{tb: tb, dir: app, env: environment(cloud)}
	r.run("go", "run", "./cmd/pack", "-root", root, "-arch", s.Architecture, "-out", s.Code)
	cdk := filepath.Join(emulator.Tools(), "npm", "node_modules", ".bin", "cdk")
	assembly := filepath.Join(dir, "cdk.out")
	r.run(cdk, "synth", "--quiet", "--context", "stage="+path, "--output", assembly)
	r.run(cdk, "bootstrap", "--app", assembly)
	outputs := filepath.Join(dir, "outputs.json")
	r.run(cdk, "deploy", "--app", assembly, "--all", "--require-approval", "never", "--outputs-file", outputs, "--concurrency", "4")
	r.run("go", "run", "./cmd/settle", "-stage", path)
	out := read(tb, cloud, s, outputs)
	out.Assembly, out.File, out.Operator = assembly, path, r.env
	return out
}

// write puts the settings into a file of the stage's name, for functions that run on this machine.
func write(tb testing.TB, dir, settings string) (s stage.Stage, path string) {
	tb.Helper()
	architecture := stage.X86_64
	if runtime.GOARCH == "arm64" {
		architecture = stage.ARM64
	}
	settings += "\narchitecture: " + architecture + "\ncode: " + filepath.Join(dir, "lambda") + "\n"
	s, err := stage.Parse([]byte(settings))
	if err != nil {
		tb.Fatalf("reading the settings of the stage: %v", err)
	}
	path = filepath.Join(dir, s.Name+".yaml")
	if err := os.WriteFile(path, []byte(settings), 0o600); err != nil {
		tb.Fatal(err)
	}
	return s, path
}

func read(tb testing.TB, cloud *emulator.Cloud, s stage.Stage, path string) Outputs {
	tb.Helper()
	out := Outputs{Stage: s, Stacks: map[string]map[string]string{}, Environment: map[string]string{}}
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, &out.Stacks)
	}
	if err != nil {
		tb.Fatalf("reading the outputs of the stacks: %v", err)
	}
	parameter, err := ssm.NewFromConfig(cloud.Config(tb, "")).GetParameter(context.Background(), &ssm.GetParameterInput{
		Name: aws.String(s.Parameter(stage.ParameterEnvironment)),
	})
	if err == nil {
		err = json.Unmarshal([]byte(*parameter.Parameter.Value), &out.Environment)
	}
	if err != nil {
		tb.Fatalf("reading the environment of the functions: %v", err)
	}
	// The emulator answers an API at its own port, by the host that it calls the API's endpoint.
	endpoint, err := url.Parse(out.Stacks[s.Prefix()+"-api"]["Endpoint"])
	if err != nil || endpoint.Host == "" {
		tb.Fatalf("the stack of the API tells no endpoint: %v", err)
	}
	out.Host = endpoint.Host
	if out.API, err = url.Parse(cloud.Endpoint); err != nil {
		tb.Fatal(err)
	}
	return out
}

// runner runs the programs of a deployment.
type runner struct {
	tb  testing.TB
	dir string
	env []string
}

func (r runner) run(name string, args ...string) {
	r.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	if out, err := cmd.CombinedOutput(); err != nil {
		r.tb.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
}

// environment leads every client of AWS to the emulator. Nothing of the machine's own credentials is left.
func environment(cloud *emulator.Cloud) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") || strings.HasPrefix(v, "CDK_") })
	return append(env,
		"AWS_ENDPOINT_URL="+cloud.Endpoint, "AWS_ACCESS_KEY_ID="+emulator.DefaultAccount, "AWS_SECRET_ACCESS_KEY=test-secret",
		"AWS_REGION="+emulator.Region, "AWS_DEFAULT_REGION="+emulator.Region, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1",
	)
}

// root is the root of the repository.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}
