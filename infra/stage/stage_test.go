package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const least = "stage: dev\nregion: eu-west-1\nmail: { domain: example.com }\n"

const production = `
stage: prod
production: true
region: eu-west-1
domain: { name: privacy.example.com, hostedZone: Z0123456789ABC }
edge: true
alarmsTo: [operations@example.com]
mail: { domain: example.com }
`

func TestDefaults(t *testing.T) {
	got, err := Parse([]byte(least))
	if err != nil {
		t.Fatal(err)
	}
	want := Stage{
		Name: "dev", Region: "eu-west-1", Architecture: ARM64, Code: "../../../bin/lambda", Mail: Mail{Kind: SES, Domain: "example.com"},
		Budget: 50, LogDays: 30, EvidenceDays: 2190, Throttle: Throttle{Rate: 50, Burst: 100, Client: 1000},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Prefix() != "habeas-dev" || got.Parameter("x") != "/habeas/dev/x" || got.Secret("x") != "habeas/dev/x" {
		t.Errorf("names are %s, %s and %s", got.Prefix(), got.Parameter("x"), got.Secret("x"))
	}
}

func TestFaultsNameTheirField(t *testing.T) {
	for _, c := range []struct{ name, settings, more, want string }{
		{"unknown field, with its line", least, "colour: red\n", "[4:1]"},
		{"unknown field within", least, "throttle: { rates: 5 }\n", "rates"},
		{"type", least, "budgetUSD: much\n", "[4:12]"},
		{"name", strings.Replace(least, "dev", "Dev_1", 1), "", "stage: "},
		{"region", strings.Replace(least, "eu-west-1", "Europe", 1), "", "region: "},
		{"account", least, "account: \"12\"\n", "account: "},
		{"architecture", least, "architecture: mips\n", "architecture: "},
		{"logs", least, "logDays: 8\n", "logDays: "},
		{"evidence", least, "evidenceDays: 0\n", "evidenceDays: "},
		{"budget", least, "budgetUSD: 0\n", "budgetUSD: "},
		{"alarms", least, "alarmsTo: [nobody]\n", "alarmsTo: "},
		{"boundary", least, "permissionsBoundary: arn:aws:iam::123456789012:role/x\n", "permissionsBoundary: "},
		{"administrators", least, "keyAdministrators: [\"*\"]\n", "keyAdministrators: "},
		{"throttle", least, "throttle: { rate: 0 }\n", "throttle: "},
		{"clients", least, "throttle: { perClient: 5 }\n", "throttle.perClient: "},
		{"edge without domain", least, "edge: true\n", "edge: "},
		{"domain without proof", least, "domain: { name: privacy.example.com }\n", "domain: "},
		{"edge without zone", least, "edge: true\ndomain: { name: privacy.example.com, certificate: \"arn:aws:acm:us-east-1:123456789012:certificate/1a\" }\n", "domain.hostedZone: "},
		{"certificate of another region", least, "domain: { name: a.example.com, certificate: \"arn:aws:acm:us-east-1:123456789012:certificate/1a\" }\n", "domain.certificate: "},
		{"reserved", least, "reserved: { Nobody: 1 }\n", "reserved: "},
		{"network", least, "privateNetwork: { cidr: 10.0.0.1/16 }\n", "privateNetwork.cidr: "},
		{"database", least, "privateNetwork: { cidr: 10.0.0.0/16, databases: [{ cidr: 0.0.0.0/0, port: 5432 }] }\n", "privateNetwork.databases[0].cidr: "},
		{"port", least, "privateNetwork: { cidr: 10.0.0.0/16, databases: [{ cidr: 10.1.0.0/16, port: 0 }] }\n", "privateNetwork.databases[0].port: "},
		{"clock", least, "clock: fast\n", "clock: "},
		{"two sign-ins", least, "signIn: { cognito: true, issuer: \"https://login.example.com\" }\n", "signIn: "},
		{"issuer", least, "signIn: { issuer: \"http://login.example.com\", client: a, secret: \"ssm:/habeas/dev/x\" }\n", "signIn.issuer: "},
		{"a secret of another stage", least, "signIn: { issuer: \"https://login.example.com\", client: a, secret: \"ssm:/habeas/prod/x\" }\n", "signIn.secret: "},
		{"a secret in the open", strings.Replace(least, "mail: {", "mail: { kind: sendgrid, secret: SG.123,", 1), "", "mail.secret: "},
		{"mail", strings.Replace(least, "mail: {", "mail: { kind: pigeon,", 1), "", "mail.kind: "},
		{"smtp", strings.Replace(least, "mail: {", "mail: { kind: smtp, secret: \"ssm:/habeas/dev/x\",", 1), "", "mail: "},
		{"ses with a secret", strings.Replace(least, "mail: {", "mail: { secret: \"ssm:/habeas/dev/x\",", 1), "", "mail: "},
		{"demo in production", production, "demo: true\n", "demo: "},
		{"clock in production", production, "clock: manual\n", "clock: "},
		{"count in production", production, "count: true\n", "count: "},
		{"no bound in production", production, "reserved: { Portal: 0 }\n", "reserved.Portal: "},
		{"short evidence in production", production, "evidenceDays: 7\n", "evidenceDays: "},
		{"nobody told in production", strings.Replace(production, "alarmsTo: [operations@example.com]\n", "", 1), "", "alarmsTo: "},
		{"no edge in production", strings.Replace(production, "edge: true\n", "", 1), "", "edge: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.settings + c.more))
			if err == nil {
				t.Fatal("the settings were taken")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error does not say %q: %v", c.want, err)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Parse([]byte(least + "logDays: 8\nbudgetUSD: 0\n"))
	if err == nil || !strings.Contains(err.Error(), "logDays") || !strings.Contains(err.Error(), "budgetUSD") {
		t.Errorf("one fault hides another: %v", err)
	}
}

func TestAFileIsCalledAsItsStage(t *testing.T) {
	dir := t.TempDir()
	for name, ok := range map[string]bool{"dev.yaml": true, "dev.example.yaml": true, "other.yaml": false} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(least), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Load(path)
		if (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
		if ok && s.Code != filepath.Join(dir, "../../../bin/lambda") {
			t.Errorf("%s: code is in %s", name, s.Code)
		}
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); err == nil {
		t.Error("a file that is not there was read")
	}
}

// TestCommittedStages: what is in the repository can be deployed.
func TestCommittedStages(t *testing.T) {
	files, err := filepath.Glob("../cdk/stages/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("there are %d stages: %v", len(files), err)
	}
	for _, f := range files {
		if _, err := Load(f); err != nil {
			t.Error(err)
		}
	}
}
