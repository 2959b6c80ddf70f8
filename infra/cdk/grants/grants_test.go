package grants

import (
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/infra/inventory"
)

func place() Place {
	return Place{
		Partition: "aws", Region: "eu-west-1", Account: "123456789012", Prefix: "habeas-x", Secrets: "habeas/x/", Parameters: "/habeas/x/",
		CaseKey: "arn:aws:kms:eu-west-1:123456789012:key/cases", RestKey: "arn:aws:kms:eu-west-1:123456789012:key/rest",
		OutboxStream: "arn:aws:dynamodb:eu-west-1:123456789012:table/habeas-x-cases/stream/1", MailDomain: "example.com",
	}
}

// TestEveryNeedIsGranted: a need that the table does not know would be granted in silence to nobody.
func TestEveryNeedIsGranted(t *testing.T) {
	known := map[inventory.Need]int{}
	for _, row := range Table() {
		known[row.Need]++
	}
	for _, f := range inventory.Functions() {
		for _, need := range append([]inventory.Need{inventory.Records, inventory.Keys}, f.Needs...) {
			if known[need] != 1 {
				t.Errorf("%s has the need %s, which the table knows %d times", f.Name, need, known[need])
			}
		}
	}
}

// TestEveryArnIsOfTheStage: nothing is granted of another stage, region or account.
func TestEveryArnIsOfTheStage(t *testing.T) {
	p := place()
	for _, f := range inventory.Functions() {
		for _, s := range Statements(f, p, Granted{DeadLetter: []string{"dead"}, References: []string{"ssm:/habeas/x/a", "secretsmanager:habeas/x/b#field"}}) {
			for _, r := range s.Resources {
				of := strings.Contains(r, "habeas-x") || strings.Contains(r, "habeas/x/") || r == p.CaseKey || r == p.RestKey || r == p.Identity()
				if !of && (r != "*" || Unscoped()[s.Actions[0]] == "") {
					t.Errorf("%s: %s is granted on %s", f.Name, s.Sid, r)
				}
			}
		}
	}
}

// TestSidsAreUnique: IAM refuses a policy in which two statements have one.
func TestSidsAreUnique(t *testing.T) {
	for _, f := range inventory.Functions() {
		var sids []string
		for _, s := range Statements(f, place(), Granted{DeadLetter: []string{"dead"}, Network: true, References: []string{"ssm:/habeas/x/a", "secretsmanager:habeas/x/b"}}) {
			if slices.Contains(sids, s.Sid) {
				t.Errorf("%s: two statements are called %s", f.Name, s.Sid)
			}
			sids = append(sids, s.Sid)
		}
	}
}

// TestReferencesAreReadOneByOne: who has no need of secrets reads those that it was told of and no other.
func TestReferencesAreReadOneByOne(t *testing.T) {
	f := inventory.Function{Name: "Example"}
	var secrets, parameters []string
	for _, s := range Statements(f, place(), Granted{References: []string{"ssm:/habeas/x/a", "secretsmanager:habeas/x/b#field"}}) {
		if slices.Contains(s.Actions, "secretsmanager:GetSecretValue") {
			secrets = s.Resources
		}
		if slices.Contains(s.Actions, "ssm:GetParameter") {
			parameters = s.Resources
		}
	}
	if want := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:habeas/x/b-??????"; !slices.Equal(secrets, []string{want}) {
		t.Errorf("secrets are %v, want %s", secrets, want)
	}
	if want := "arn:aws:ssm:eu-west-1:123456789012:parameter/habeas/x/a"; !slices.Equal(parameters, []string{want}) {
		t.Errorf("parameters are %v, want %s", parameters, want)
	}
}
