package stacks_test

import (
	"archive/zip"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/infra/stage"
)

// company is a stage of a company with a domain, an issuer and a mail provider of its own, and nothing in front of the API.
const company = `
stage: company
region: eu-central-1
domain: { name: privacy.example.com, certificate: "arn:aws:acm:eu-central-1:123456789012:certificate/1b2c" }
mail: { kind: sendgrid, domain: example.com, secret: "secretsmanager:habeas/company/mail", events: MFkwEwYHKoZIzj0CAQ }
signIn: { issuer: "https://login.example.com/", client: habeas, secret: "ssm:/habeas/company/oidc" }
reserved: { Portal: 100, Console: 0 }
architecture: x86_64
demo: true
clock: manual
count: true
`

// synthesised is the templates of a stage, by the names of stacks.
type synthesised struct {
	stage     stage.Stage
	functions []inventory.Function
	stacks    map[string]audit.Template
	raw       map[string][]byte
	protected map[string]bool // against being deleted
}

// all returns the resources of a type in every stack.
func (s synthesised) all(kind string) []audit.Resource {
	var found []audit.Resource
	for _, name := range slices.Sorted(maps.Keys(s.stacks)) {
		found = append(found, s.stacks[name].OfType(kind)...)
	}
	return found
}

// everyStage runs a test over every stage.
func everyStage(t *testing.T, test func(t *testing.T, s synthesised)) {
	t.Helper()
	for _, s := range synthesise() {
		t.Run(s.stage.Name, func(t *testing.T) { test(t, s) })
	}
}

// of returns one of the stages: dev, prod or company.
func of(t *testing.T, name string) synthesised {
	t.Helper()
	for _, s := range synthesise() {
		if s.stage.Name == name {
			return s
		}
	}
	t.Fatalf("there is no stage %s", name)
	return synthesised{}
}

// synthesise makes the templates of every stage, once in a process: the CDK takes seconds for each.
var synthesise = sync.OnceValue(func() []synthesised {
	dir, err := os.MkdirTemp("", "habeas-synth-")
	must(err)
	defer os.RemoveAll(dir)
	defer jsii.Close()
	code := filepath.Join(dir, "code")
	functions := inventory.Functions()
	placeholders(code, functions)
	var all []synthesised
	for _, load := range []func() (stage.Stage, error){
		func() (stage.Stage, error) { return stage.Load("../stages/dev.yaml") },
		func() (stage.Stage, error) { return stage.Load("../stages/prod.example.yaml") },
		func() (stage.Stage, error) { return stage.Parse([]byte(company)) },
	} {
		s, err := load()
		must(err)
		s.Code = code
		all = append(all, templates(filepath.Join(dir, s.Name), s, functions))
	}
	return all
})

func templates(dir string, s stage.Stage, functions []inventory.Function) synthesised {
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: jsii.String(dir), AnalyticsReporting: jsii.Bool(false), Context: &map[string]any{
		"@aws-cdk/core:newStyleStackSynthesis": true, "@aws-cdk/core:defaultCrossStackReferences": "strong",
		"@aws-cdk/core:enablePartitionLiterals": true, "aws:cdk:disable-metadata": true,
	}})
	made := stacks.New(app, stacks.Options{Stage: s, Functions: functions, Runbooks: "https://example.com/runbooks"})
	app.Synth(nil)
	out := synthesised{stage: s, functions: functions, stacks: map[string]audit.Template{}, raw: map[string][]byte{}, protected: map[string]bool{}}
	for name, stack := range made {
		out.protected[name] = *stack.TerminationProtection()
		raw, err := os.ReadFile(filepath.Join(dir, name+".template.json"))
		must(err)
		t, err := audit.Read(raw)
		must(err)
		out.stacks[name], out.raw[name] = t, raw
	}
	return out
}

// placeholders writes a zip for every function, of different content.
func placeholders(dir string, functions []inventory.Function) {
	must(os.Mkdir(dir, 0o700))
	for _, f := range functions {
		file, err := os.Create(filepath.Join(dir, f.Name+".zip"))
		must(err)
		w := zip.NewWriter(file)
		entry, err := w.CreateHeader(&zip.FileHeader{Name: "bootstrap"})
		must(err)
		_, err = entry.Write([]byte(f.Name))
		must(err)
		must(w.Close())
		must(file.Close())
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// truth reads a boolean of a template, which may be a string.
func truth(r audit.Resource, path string) bool { return r.Text(path) == "true" }

// named finds the resource of a type with a name.
func named(t *testing.T, s synthesised, kind, property, name string) audit.Resource {
	t.Helper()
	var found []audit.Resource
	for _, r := range s.all(kind) {
		if r.Text(property) == name {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d resources of %s called %s, want 1", len(found), kind, name)
	}
	return found[0]
}

// refers reports whether a value leads to a resource of the same template.
func refers(value string, to audit.Resource) bool {
	return value == "${"+to.ID+"}" || strings.HasPrefix(value, "${"+to.ID+".")
}
