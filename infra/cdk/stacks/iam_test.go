package stacks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
	"github.com/habeas-dsar/habeas/infra/cdk/grants"
	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
)

// TestNoWildcards: nobody may do everything, or something to everything, but where AWS knows no resource.
func TestNoWildcards(t *testing.T) {
	unscoped := grants.Unscoped()
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, kind := range []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"} {
			if n := len(s.all(kind)); n > 0 {
				t.Errorf("there are %d of %s: policies are written in their roles", n, kind)
			}
		}
		for _, role := range s.all("AWS::IAM::Role") {
			if role.At("ManagedPolicyArns") != nil {
				t.Errorf("%s has policies that others write", role.ID)
			}
			if got := role.Text("PermissionsBoundary"); got != s.stage.PermissionsBoundary {
				t.Errorf("%s: its boundary is %q, want %q", role.ID, got, s.stage.PermissionsBoundary)
			}
			for _, statement := range audit.Statements(role.At("Policies.0.PolicyDocument")) {
				for _, action := range statement.Actions {
					if strings.Contains(action, "*") {
						t.Errorf("%s: %s allows %s", role.ID, statement.Sid, action)
					}
					if slices.Contains(statement.Resources, "*") && unscoped[action] == "" {
						t.Errorf("%s: %s allows %s on everything, which no document of AWS asks for", role.ID, statement.Sid, action)
					}
				}
				for _, r := range statement.Resources {
					if r != "*" && !strings.HasPrefix(r, "arn:") && !strings.HasPrefix(r, "${") {
						t.Errorf("%s: %s allows something on %s", role.ID, statement.Sid, r)
					}
				}
			}
		}
	})
}

// TestRolesAreOneEach: a function shares its role with nobody, and only its service can take it.
func TestRolesAreOneEach(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		owners := map[string]string{}
		for _, f := range s.all("AWS::Lambda::Function") {
			if other, taken := owners[f.Text("Role")]; taken {
				t.Errorf("%s and %s share a role", f.ID, other)
			}
			owners[f.Text("Role")] = f.ID
		}
		for _, role := range s.all("AWS::IAM::Role") {
			trust := audit.Statements(role.At("AssumeRolePolicyDocument"))
			if len(trust) != 1 || !slices.Equal(trust[0].Actions, []string{"sts:AssumeRole"}) || !strings.Contains(trust[0].Principal, `{"Service":"`) {
				t.Errorf("%s can be taken by %v", role.ID, trust)
			}
		}
	})
}

func granted(t *testing.T, s synthesised) map[string][]audit.Statement {
	t.Helper()
	all, err := audit.Granted(s.stacks[stacks.Workflow])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func actions(all []audit.Statement) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.Actions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestGrantsFollowNeeds reads the templates: what a need brings is there for who has it, and for nobody else.
func TestGrantsFollowNeeds(t *testing.T) {
	signs := map[inventory.Need]string{ // an action that only the need brings
		inventory.Records: "dynamodb:PutItem", inventory.Keys: "kms:Encrypt", inventory.Engine: "states:StartExecution", inventory.Tokens: "states:SendTaskSuccess",
		inventory.Mail: "ses:SendEmail", inventory.Bus: "events:PutEvents",
	}
	buckets := map[inventory.Need][]string{
		inventory.Objects: {"-objects-", "-raw-"}, inventory.HandOver: {"-inbox-", "-delivery-"}, inventory.Proof: {"-evidence-"},
	}
	calls := map[inventory.Need]string{inventory.Workers: "-RunTaskSQL:live", inventory.Prepare: "-PrepareFile:live"}
	everyStage(t, func(t *testing.T, s synthesised) {
		all := granted(t, s)
		if len(all) != len(s.functions) {
			t.Errorf("%d functions have grants, want %d", len(all), len(s.functions))
		}
		for _, f := range s.functions {
			may := actions(all[f.Name])
			for need, action := range signs {
				if got := slices.Contains(may, action); got != f.Has(need) {
					t.Errorf("%s may %s: %t, but its need %s is %t", f.Name, action, got, need, f.Has(need))
				}
			}
			for need, who := range calls {
				got := slices.ContainsFunc(all[f.Name], func(st audit.Statement) bool {
					return slices.Contains(st.Actions, "lambda:InvokeFunction") && slices.ContainsFunc(st.Resources, func(r string) bool { return strings.HasSuffix(r, who) })
				})
				if got != f.Has(need) {
					t.Errorf("%s calls %s: %t, but its need %s is %t", f.Name, who, got, need, f.Has(need))
				}
			}
			for need, parts := range buckets {
				for _, part := range parts {
					got := slices.ContainsFunc(all[f.Name], func(st audit.Statement) bool {
						return slices.ContainsFunc(st.Resources, func(r string) bool { return strings.Contains(r, ":s3:::") && strings.Contains(r, part) })
					})
					if got != f.Has(need) {
						t.Errorf("%s reaches bucket %s: %t, but its need %s is %t", f.Name, part, got, need, f.Has(need))
					}
				}
			}
			for _, never := range []string{
				"dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:BatchWriteItem", "kms:ScheduleKeyDeletion", "kms:PutKeyPolicy",
				"s3:PutBucketPolicy", "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "iam:PassRole", "sts:AssumeRole",
			} {
				if slices.Contains(may, never) {
					t.Errorf("%s may %s", f.Name, never)
				}
			}
		}
	})
}

func TestNobodyErasesEvidence(t *testing.T) {
	for name, all := range granted(t, of(t, "prod")) {
		for _, s := range all {
			for _, r := range s.Resources {
				if strings.Contains(r, "-evidence-") && slices.ContainsFunc(s.Actions, func(a string) bool { return strings.HasPrefix(a, "s3:Delete") }) {
					t.Errorf("%s may erase evidence", name)
				}
			}
		}
	}
}

// TestOneFunctionAnswersTokens: a token is a bearer secret.
func TestOneFunctionAnswersTokens(t *testing.T) {
	var who []string
	for name, all := range granted(t, of(t, "prod")) {
		if slices.Contains(actions(all), "states:SendTaskSuccess") || slices.Contains(actions(all), "states:SendTaskFailure") {
			who = append(who, name)
		}
	}
	if diff := cmp.Diff([]string{"PublishEvents"}, who); diff != "" {
		t.Errorf("tokens are answered by others (-want +got):\n%s", diff)
	}
}

// TestKeysOfCasesAreUsedUnderAContext: a role that unwraps says whose key it wants.
func TestKeysOfCasesAreUsedUnderAContext(t *testing.T) {
	for name, all := range granted(t, of(t, "prod")) {
		for _, s := range all {
			if !strings.Contains(strings.Join(s.Resources, " "), "CaseKey") {
				continue
			}
			want := map[string]map[string][]string{
				"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": {"tenant", "case", "purpose"}},
				"Null":                      {"kms:EncryptionContext:tenant": {"false"}, "kms:EncryptionContext:purpose": {"false"}},
			}
			if diff := cmp.Diff(want, s.Condition); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	}
}

// TestSecretsAreOfTheStage: nobody reads a secret or a parameter outside of the stage's path.
func TestSecretsAreOfTheStage(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for name, all := range granted(t, s) {
			for _, st := range all {
				for _, r := range st.Resources {
					at, secret := strings.CutPrefix(r[strings.LastIndex(r, ":")+1:], s.stage.Secret(""))
					if slices.Contains(st.Actions, "secretsmanager:GetSecretValue") && (!secret || at == "") {
						t.Errorf("%s reads %s", name, r)
					}
					if slices.Contains(st.Actions, "ssm:GetParameter") && !strings.Contains(r, ":parameter"+s.stage.Parameter("")) {
						t.Errorf("%s reads %s", name, r)
					}
				}
			}
		}
	})
}

// TestMachinesCallWhatTheyName: and the workers that tasks name, by their alias.
func TestMachinesCallWhatTheyName(t *testing.T) {
	s := of(t, "dev")
	want := map[string][]string{
		"notify": {"NotifyRecipient"},
		"task":   {"AskPerson", "AwaitSystem", "RunTask", "RunTaskSQL"},
	}
	for machine, functions := range want {
		role := named(t, s, "AWS::IAM::Role", "RoleName", s.stage.Prefix()+"-machine-"+machine)
		var got []string
		for _, r := range audit.Statements(role.At("Policies.0.PolicyDocument"))[0].Resources {
			name, live := strings.CutSuffix(r[strings.Index(r, ":function:")+len(":function:"+s.stage.Prefix()+"-"):], ":"+inventory.Alias)
			if !live {
				t.Errorf("%s calls %s", machine, r)
			}
			got = append(got, name)
		}
		if diff := cmp.Diff(functions, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", machine, diff)
		}
	}
}
