package stacks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/infra/cdk/audit"
	"github.com/habeas-dsar/habeas/infra/cdk/stacks"
	"github.com/habeas-dsar/habeas/infra/inventory"
)

const account = "${AWS::AccountId}"

func TestTablesAreAsTheInventorySays(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		if n := len(s.all("AWS::DynamoDB::Table")); n != len(inventory.Tables()) {
			t.Errorf("there are %d tables, want %d", n, len(inventory.Tables()))
		}
		for _, want := range inventory.Tables() {
			r := named(t, s, "AWS::DynamoDB::Table", "TableName", s.stage.Prefix()+"-"+want.Name)
			if r.Text("TimeToLiveSpecification.AttributeName") != "expires" || !truth(r, "TimeToLiveSpecification.Enabled") {
				t.Errorf("%s does not expire", want.Name)
			}
			if got := truth(r, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"); got != want.Recovery {
				t.Errorf("%s: point-in-time recovery is %t, want %t", want.Name, got, want.Recovery)
			}
			if r.Text("SSESpecification.SSEType") != "KMS" || !strings.Contains(r.Text("SSESpecification.KMSMasterKeyId"), "RestKey") {
				t.Errorf("%s is not under our key: %s", want.Name, r.Text("SSESpecification"))
			}
			if got := r.Text("StreamSpecification.StreamViewType"); (got == "NEW_IMAGE") != want.Stream {
				t.Errorf("%s: stream is %q", want.Name, got)
			}
			if r.Text("BillingMode") != "PAY_PER_REQUEST" {
				t.Errorf("%s is not paid by request", want.Name)
			}
			if got := r.Text("GlobalSecondaryIndexes.0.IndexName") + r.Text("GlobalSecondaryIndexes.0.Projection.ProjectionType"); got != inventory.Index+"ALL" {
				t.Errorf("%s: index is %s", want.Name, got)
			}
			if got := r.Text("KeySchema.0.AttributeName") + r.Text("KeySchema.1.AttributeName") +
				r.Text("GlobalSecondaryIndexes.0.KeySchema.0.AttributeName") + r.Text("GlobalSecondaryIndexes.0.KeySchema.1.AttributeName"); got != "pkskipkisk" {
				t.Errorf("%s: keys are %s", want.Name, got)
			}
			if got := truth(r, "DeletionProtectionEnabled"); got != s.stage.Production {
				t.Errorf("%s: deletion protection is %t", want.Name, got)
			}
			kept(t, s, r)
		}
	})
}

// kept: what holds real people's data outlives its stack.
func kept(t *testing.T, s synthesised, r audit.Resource) {
	t.Helper()
	want := "Delete"
	if s.stage.Production {
		want = "Retain"
	}
	if r.DeletionPolicy != want || r.UpdateReplacePolicy != want {
		t.Errorf("%s: on deletion %q, on replacement %q; want %s", r.ID, r.DeletionPolicy, r.UpdateReplacePolicy, want)
	}
}

func TestBucketsAreClosed(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		if n := len(s.all("AWS::S3::Bucket")); n != len(inventory.Buckets()) {
			t.Errorf("there are %d buckets, want %d", n, len(inventory.Buckets()))
		}
		for _, want := range inventory.Buckets() {
			r := bucket(t, s, want.Name)
			for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				if !truth(r, "PublicAccessBlockConfiguration."+block) {
					t.Errorf("%s does not %s", want.Name, block)
				}
			}
			const rule = "BucketEncryption.ServerSideEncryptionConfiguration.0."
			if r.Text(rule+"ServerSideEncryptionByDefault.SSEAlgorithm") != "aws:kms" || !truth(r, rule+"BucketKeyEnabled") ||
				!strings.Contains(r.Text(rule+"ServerSideEncryptionByDefault.KMSMasterKeyID"), "RestKey") {
				t.Errorf("%s is not under our key", want.Name)
			}
			if r.Text("OwnershipControls.Rules.0.ObjectOwnership") != "BucketOwnerEnforced" {
				t.Errorf("%s takes access lists", want.Name)
			}
			versions := r.Text("VersioningConfiguration.Status") == "Enabled"
			if versions != (want.Lock || want.ExpireDays == 0) {
				t.Errorf("%s: versions are %t", want.Name, versions)
			}
			policy := policyOf(t, s, r)
			denies(t, want.Name, policy, "OnlyTLS", "Bool", "aws:SecureTransport", "false")
			if arn := "${" + r.ID + ".Arn}"; !slices.Equal(policy[0].Resources, []string{arn, arn + "/*"}) {
				t.Errorf("%s: its policy is about %v", want.Name, policy[0].Resources)
			}
			if want.Name == "inbox" || want.Name == "delivery" {
				denies(t, want.Name, policy, "OnlyFreshAddresses", "NumericGreaterThan", "s3:signatureAge", "600000")
			}
			lifecycle(t, r, want)
			kept(t, s, r)
		}
	})
}

func bucket(t *testing.T, s synthesised, name string) audit.Resource {
	t.Helper()
	owner := account
	if s.stage.Account != "" {
		owner = s.stage.Account
	}
	return named(t, s, "AWS::S3::Bucket", "BucketName", fmt.Sprintf("%s-%s-%s-%s", s.stage.Prefix(), name, owner, s.stage.Region))
}

func policyOf(t *testing.T, s synthesised, bucket audit.Resource) []audit.Statement {
	t.Helper()
	for _, p := range s.all("AWS::S3::BucketPolicy") {
		if refers(p.Text("Bucket"), bucket) {
			return audit.Statements(p.At("PolicyDocument"))
		}
	}
	t.Fatalf("%s has no policy", bucket.ID)
	return nil
}

func denies(t *testing.T, who string, policy []audit.Statement, sid, operator, key, value string) {
	t.Helper()
	for _, s := range policy {
		if s.Sid != sid {
			continue
		}
		if s.Effect != "Deny" || !slices.Equal(s.Condition[operator][key], []string{value}) || s.Principal != `{"AWS":"*"}` || len(s.Condition) != 1 {
			t.Errorf("%s: %s is %+v", who, sid, s)
		}
		return
	}
	t.Errorf("%s does not deny %s", who, sid)
}

func lifecycle(t *testing.T, r audit.Resource, want inventory.Bucket) {
	t.Helper()
	rules, _ := r.At("LifecycleConfiguration.Rules").([]any)
	var aborts, expires string
	for n := range rules {
		at := fmt.Sprintf("LifecycleConfiguration.Rules.%d.", n)
		if r.Text(at+"Status") != "Enabled" {
			t.Errorf("%s: a rule is not enabled", want.Name)
		}
		aborts += r.Text(at + "AbortIncompleteMultipartUpload.DaysAfterInitiation")
		expires += r.Text(at + "ExpirationInDays")
	}
	if aborts != "1" {
		t.Errorf("%s: abandoned uploads go after %q days", want.Name, aborts)
	}
	wantDays := ""
	if want.ExpireDays > 0 {
		wantDays = fmt.Sprint(want.ExpireDays)
	}
	if expires != wantDays {
		t.Errorf("%s: objects expire after %q days, want %q", want.Name, expires, wantDays)
	}
}

func TestEvidenceIsLocked(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for _, b := range inventory.Buckets() {
			r := bucket(t, s, b.Name)
			if truth(r, "ObjectLockEnabled") != b.Lock {
				t.Errorf("%s: lock is %s", b.Name, r.Text("ObjectLockEnabled"))
			}
			const retention = "ObjectLockConfiguration.Rule.DefaultRetention."
			if b.Lock && (r.Text(retention+"Mode") != "COMPLIANCE" || r.Text(retention+"Days") != fmt.Sprint(s.stage.EvidenceDays)) {
				t.Errorf("%s is kept by %s", b.Name, r.Text("ObjectLockConfiguration"))
			}
		}
	})
}

func TestOnlyThePortalIsLetIntoBrowsers(t *testing.T) {
	for name, origin := range map[string]string{
		"prod": "https://privacy.example.com", "company": "https://privacy.example.com", "dev": "https://*.execute-api.eu-west-1.amazonaws.com",
	} {
		s := of(t, name)
		for _, b := range inventory.Buckets() {
			want := ""
			if b.Name == "inbox" || b.Name == "delivery" {
				want = origin
			}
			if got := bucket(t, s, b.Name).Text("CorsConfiguration.CorsRules.0.AllowedOrigins"); got != want {
				t.Errorf("%s %s: pages of %q may use it, want %q", name, b.Name, got, want)
			}
		}
	}
}

func TestKeysTurnAndAreNotUsedByWhoManagesThem(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		all := s.all("AWS::KMS::Key")
		if len(all) != 2 {
			t.Fatalf("there are %d keys, want 2", len(all))
		}
		use := []string{"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant"}
		for _, key := range all {
			if !truth(key, "EnableKeyRotation") {
				t.Errorf("%s does not turn", key.ID)
			}
			kept(t, s, key)
			for _, statement := range audit.Statements(key.At("KeyPolicy")) {
				manages := statement.Sid == "Administration"
				for _, action := range statement.Actions {
					if strings.Contains(action, "*") {
						t.Errorf("%s: %s allows %s", key.ID, statement.Sid, action)
					}
					if manages && slices.Contains(use, action) {
						t.Errorf("%s: who manages it may %s", key.ID, action)
					}
				}
				if !manages && len(statement.Condition) == 0 {
					t.Errorf("%s: %s has no condition", key.ID, statement.Sid)
				}
			}
		}
	})
	managers := ""
	for _, key := range of(t, "prod").stacks[stacks.Keys].OfType("AWS::KMS::Key") {
		managers += audit.Statements(key.At("KeyPolicy"))[0].Principal
	}
	if strings.Count(managers, "role/key-administration") != 2 || strings.Contains(managers, ":root") {
		t.Errorf("keys of production are managed by %s", managers)
	}
}

func TestWhatIsKeptCannotBeDeletedByMistake(t *testing.T) {
	everyStage(t, func(t *testing.T, s synthesised) {
		for name, got := range s.protected {
			if want := s.stage.Production && (name == stacks.Keys || name == stacks.Data); got != want {
				t.Errorf("stack %s is protected: %t, want %t", name, got, want)
			}
		}
		for _, pool := range s.all("AWS::Cognito::UserPool") {
			kept(t, s, pool)
			if active := pool.Text("DeletionProtection") == "ACTIVE"; active != s.stage.Production {
				t.Errorf("%s is protected: %t", pool.ID, active)
			}
		}
	})
}

func TestSecretsAreUnderOurKey(t *testing.T) {
	secrets := of(t, "prod").all("AWS::SecretsManager::Secret")
	if len(secrets) != 2 {
		t.Errorf("production has %d secrets, want that of the edge and that of the user pool", len(secrets))
	}
	for _, secret := range secrets {
		if !strings.Contains(secret.Text("KmsKeyId"), "RestKey") {
			t.Errorf("%s is not under our key", secret.ID)
		}
	}
}
