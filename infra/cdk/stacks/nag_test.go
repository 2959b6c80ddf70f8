package stacks_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// accepted is a finding of AwsSolutions that is right and stays, with the reason. One that no longer finds anything is an error.
type accepted struct {
	rule, resource *regexp.Regexp
	why            string
}

func accept(rule, resource, why string) accepted {
	return accepted{regexp.MustCompile("^AwsSolutions-" + rule + "$"), regexp.MustCompile("^" + resource + "$"), why}
}

var acceptedFindings = []accepted{
	accept(`APIG4`, `\w+Route\d`, "Sessions and tokens are checked by the product: a person who asks has no account, and the JWT authorizer reads no cookie."),
	accept(`CFR1`, `Distribution`, "Whoever's data is held may ask, from wherever they are (GDPR Art. 3 and 15)."),
	accept(`CFR3`, `Distribution`, "Paths hold references of cases and links that open them; a log of them would outlive the cases."),
	accept(`COG8`, `Pool`, "The plus plan costs by user. Everybody has a second factor, nobody signs up, and sessions are the product's."),
	accept(`DDB3`, `TableCasekeys`, "A key that was destroyed must not come back: its case would be readable again."),
	accept(`DDB3`, `TableTokens`, "Sessions and codes live for minutes; a restored one would open a door again."),
	accept(`S1`, `Bucket\w+`, "Objects are found by the record only, every reader is a role with one purpose, and CloudTrail can log reads where a company wants it; a log bucket would keep names of objects beyond the erasure of a case."),
	accept(`SF1`, `Machine\w+`, "Failures are logged. Every state of every case is in the history, which Step Functions keeps for 90 days; a second copy would only cost."),
	accept(`SMG4`, `Origin`, "Rotating it takes a deployment of the edge, which reads it; README says how."),
	accept(`SMG4`, `Secret`, "Cognito makes it with the client; a new client makes a new one."),
	accept(`SQS3`, `QueueDead-?\w+`, "It is a dead-letter queue, of a stream or a schedule and not of a queue."),
	accept(`IAM5\[Resource::\*\]`, `\w+Role`, "TestNoWildcards holds these to the actions for which AWS knows no resource, each with its document."),
	accept(`IAM5\[Resource::.*:log-stream:\*\]`, `\w+Role`, "Lambda names the streams of the function's own log group."),
	accept(`IAM5\[Resource::.*:s3:::habeas-[\w-]+/(\w+/)?\*\]`, `\w+Role`, "Objects below a prefix of ours; their names are ids made at run time."),
	accept(`IAM5\[Resource::.*:(secret:|parameter/)habeas/\w+/\*\]`, `\w+Role`, "Secrets of systems are made by the company, below the path of the stage."),
	accept(`IAM5\[Resource::.*:execution:habeas-[\w-]+:\*\]`, `\w+Role`, "Executions of one machine; their names are ids of cases."),
	accept(`IAM5\[Resource::.*:stateMachine:habeas-[\w-]+:\*\]`, `PublishEventsRole`, "Versions of one machine: whichever waits is answered."),
}

// TestAwsSolutions checks the stage for production by the rules of cdk-nag. Every finding is repaired or accepted with a reason.
func TestAwsSolutions(t *testing.T) {
	used := map[*regexp.Regexp]bool{}
	for _, f := range findings(t, of(t, "prod")) {
		ok := false
		for _, a := range acceptedFindings {
			if a.rule.MatchString(f.Rule) && a.resource.MatchString(f.Resource) {
				used[a.rule], ok = true, true
			}
		}
		if !ok {
			t.Errorf("%s: %s in stack %s", f.Rule, f.Resource, f.Stack)
		}
	}
	for _, a := range acceptedFindings {
		if !used[a.rule] {
			t.Errorf("%s is accepted at %s and finds nothing", a.rule, a.resource)
		}
		if len(a.why) < 20 {
			t.Errorf("%s is accepted without a reason", a.rule)
		}
	}
}

// finding is what a rule found.
type finding struct{ Stack, Resource, Rule string }

func findings(t *testing.T, s synthesised) []finding {
	t.Helper()
	tools := os.Getenv("AWS_TOOLS")
	if tools == "" {
		tools = filepath.Join("..", "..", "..", ".tools", "aws")
	}
	modules, err := filepath.Abs(filepath.Join(tools, "npm", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{filepath.Join("..", "nag", "nag.cjs"), filepath.Join(dir, "out")}
	for _, name := range slices.Sorted(maps.Keys(s.raw)) {
		path := filepath.Join(dir, name+".template.json")
		if err := os.WriteFile(path, s.raw[name], 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	cmd := exec.CommandContext(t.Context(), "node", args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1")
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Run(); err != nil {
		t.Fatalf("running cdk-nag (`make tools` fetches it): %v\n%s", err, failed.String())
	}
	var all []finding
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatalf("reading the findings: %v\n%s", err, failed.String())
	}
	if len(all) == 0 {
		t.Fatal("cdk-nag found nothing at all, which cannot be: it did not look")
	}
	return all
}
