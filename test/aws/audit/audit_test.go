package audit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/test/aws/audit"
)

// snapshot is the template of a stage for production, as reviews see it.
const snapshot = "stacks/testdata/workflow.json"

func production(t *testing.T) audit.Grants {
	t.Helper()
	g, err := audit.Granted(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if len(g) != len(inventory.Functions()) {
		t.Fatalf("%d functions have roles, want %d", len(g), len(inventory.Functions()))
	}
	return g
}

// TestResourcesAreOfTheStage: production names nothing that is not its own.
func TestResourcesAreOfTheStage(t *testing.T) {
	for _, found := range audit.Resources(production(t), audit.Place{Prefix: "habeas-prod", Path: "habeas/prod", MailDomain: "privacy.example.com"}) {
		t.Error(found)
	}
}

// TestResourcesBite: a resource of others, a wildcard and a bare star are found.
func TestResourcesBite(t *testing.T) {
	place := audit.Place{Prefix: "habeas-x", Path: "habeas/x", MailDomain: "example.com"}
	for _, c := range []struct{ action, resource string }{
		{"dynamodb:GetItem", "*"},
		{"dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/habeas-x-*"},
		{"dynamodb:GetItem", "arn:aws:dynamodb:eu-west-1:123456789012:table/habeas-y-cases"},
		{"dynamodb:GetRecords", "arn:aws:dynamodb:eu-west-1:123456789012:table/habeas-x-ledger/stream/2026-01-01T00:00:00.000"},
		{"s3:GetObject", "arn:aws:s3:::habeas-x-raw-123456789012-eu-west-1/*"},
		{"s3:GetObject", "arn:aws:s3:::habeas-x-other-123456789012-eu-west-1"},
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/*"},
		{"states:StartExecution", "arn:aws:states:eu-west-1:123456789012:stateMachine:habeas-x-*"},
		{"lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:123456789012:function:habeas-x-RunTask"},
		{"ses:SendEmail", "arn:aws:ses:eu-west-1:123456789012:identity/example.org"},
		{"secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:habeas/*"},
		{"ssm:GetParameter", "arn:aws:ssm:eu-west-1:123456789012:parameter/habeas/xy/*"},
		{"logs:PutLogEvents", "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/other:log-stream:*"},
		{"iam:PassRole", "arn:aws:iam::123456789012:role/habeas-x-any"},
	} {
		g := audit.Grants{"Example": {{Sid: "S", Effect: "Allow", Actions: []string{c.action}, Resources: []string{c.resource}}}}
		if found := audit.Resources(g, place); len(found) != 1 {
			t.Errorf("%s on %s was overlooked", c.action, c.resource)
		}
	}
}

const log = `{"call":"DynamoDB:GetItem","failed":false,"function":"Triage","requestId":"r","times":3}
{"level":"INFO","msg":"something else"}
2026-03-02 stdout: {"call":"S3:PutObject","failed":true,"function":"Triage","requestId":"r","times":1}{"call":"KMS:Decrypt","function":"Triage","times":1}
{"call":"Quantum:Entangle","failed":false,"function":"Console","requestId":"r","times":1}
`

func TestReadOfALog(t *testing.T) {
	u := audit.Use{}
	if err := u.Read(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	want := audit.Use{"Triage": {"DynamoDB:GetItem": 3, "S3:PutObject": 1, "KMS:Decrypt": 1}, "Console": {"Quantum:Entangle": 1}}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := u.Read(strings.NewReader(`{"call":"DynamoDB:Get`)); err == nil {
		t.Error("a call that was cut off was overlooked")
	}
}

func TestBothDirections(t *testing.T) {
	g := audit.Grants{
		"Triage": {
			{Sid: "Records", Effect: "Allow", Actions: []string{"dynamodb:GetItem", "dynamodb:Query"}},
			{Sid: "AtRest", Effect: "Allow", Actions: []string{"kms:Decrypt"}, Condition: via("dynamodb")},
			{Sid: "FilesAtRest", Effect: "Allow", Actions: []string{"kms:Decrypt"}, Condition: via("s3")},
			{Sid: "Log", Effect: "Allow", Actions: []string{"logs:PutLogEvents"}},
		},
		"Console": {{Sid: "Denied", Effect: "Deny", Actions: []string{"kms:Encrypt"}}},
	}
	u := audit.Use{"Triage": {"DynamoDB:GetItem": 1, "KMS:Decrypt": 1}, "Console": {"KMS:Encrypt": 1, "Quantum:Entangle": 1}, "Stranger": {"DynamoDB:Query": 1}}
	missing := []string{
		"Console calls KMS:Encrypt without a grant of kms:Encrypt",
		"Console calls Quantum:Entangle, and nobody knows which action that takes",
		"Stranger calls DynamoDB:Query without a grant of dynamodb:Query",
		"Triage calls KMS:Decrypt without a grant of kms:Decrypt", // what a service may in its name is not for itself
	}
	if diff := cmp.Diff(missing, audit.Missing(g, u)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	unused := []string{
		"Triage is granted dynamodb:Query (Records), and no story used it",
		"Triage is granted kms:Decrypt (FilesAtRest), and no story used it",
	}
	if diff := cmp.Diff(unused, audit.Unused(g, u, []audit.Excuse{{Sid: "Log", Why: "Lambda writes it"}})); diff != "" {
		t.Errorf("unused (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Triage"}, audit.Idle(g, audit.Use{"Console": {"a": 1}})); diff != "" {
		t.Errorf("idle (-want +got):\n%s", diff)
	}
}

func via(service string) map[string]map[string][]string {
	return map[string]map[string][]string{"StringEquals": {"kms:ViaService": {service + ".eu-west-1.amazonaws.com"}}}
}

// TestExcusesAreOfGrants: an excuse for what nobody is granted, or without a reason, is a mistake.
func TestExcusesAreOfGrants(t *testing.T) {
	g := production(t)
	for _, e := range audit.Excuses() {
		found := false
		for function, statements := range g {
			for _, s := range statements {
				found = found || (e.Sid == "" || s.Sid == e.Sid) && (e.Function == "" || e.Function == function) && (e.Action == "" || slices.Contains(s.Actions, e.Action))
			}
		}
		if !found || e.Why == "" || e.Sid == "" && e.Function == "" {
			t.Errorf("%+v excuses nothing, or nobody knows why", e)
		}
	}
}

// TestEveryActionIsReached: an action that no operation takes could only ever be excused.
func TestEveryActionIsReached(t *testing.T) {
	taken := map[string]bool{}
	for _, actions := range audit.Actions() {
		for _, a := range actions {
			taken[a] = true
		}
	}
	for function, statements := range production(t) {
		for _, s := range statements {
			for _, action := range s.Actions {
				excused := slices.ContainsFunc(audit.Excuses(), func(e audit.Excuse) bool { return e.Sid == s.Sid && e.Function == "" && e.Action == "" })
				if !taken[action] && !excused && s.Condition["StringEquals"]["kms:ViaService"] == nil {
					t.Errorf("%s is granted %s (%s), which no operation takes", function, action, s.Sid)
				}
			}
		}
	}
}
