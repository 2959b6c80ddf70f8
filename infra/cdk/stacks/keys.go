package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/stage"
)

// keyring is the two keys of an installation. Losing the first makes every case unreadable; losing the second, every table and bucket.
type keyring struct {
	cases awskms.CfnKey // wraps the keys of cases and tenants
	rest  awskms.CfnKey // encrypts what lies in tables, buckets, logs and secrets
}

// buildKeys makes the keys, and the secret by which the edge proves itself to the functions.
func (in *installation) buildKeys(stack awscdk.Stack) {
	in.keys.cases = in.key(stack, "CaseKey", "cases", "wraps the keys of cases and tenants", in.useOfCaseKey())
	in.keys.rest = in.key(stack, "RestKey", "rest", "encrypts what lies in tables, buckets, logs and secrets", in.useOfRestKey()...)
	in.place.CaseKey, in.place.RestKey = *in.keys.cases.AttrArn(), *in.keys.rest.AttrArn()
	if in.Stage.Edge {
		in.originSecret(stack)
	}
}

func (in *installation) key(stack awscdk.Stack, id, name, does string, use ...any) awskms.CfnKey {
	window := 7.0
	if in.Stage.Production {
		window = 30
	}
	key := awskms.NewCfnKey(stack, jsii.String(id), &awskms.CfnKeyProps{
		Description:         jsii.String("Habeas " + in.Stage.Name + ": " + does),
		EnableKeyRotation:   jsii.Bool(true),
		PendingWindowInDays: jsii.Number(window),
		KeyPolicy:           document(append([]any{in.administration()}, use...)...),
	})
	in.keep(key)
	awskms.NewCfnAlias(stack, jsii.String(id+"Alias"), &awskms.CfnAliasProps{
		AliasName: jsii.String("alias/" + in.Stage.Prefix() + "-" + name), TargetKeyId: key.AttrKeyId(),
	})
	return key
}

func (in *installation) root() string {
	return "arn:" + in.place.Partition + ":iam::" + in.place.Account + ":root"
}

// administration: those who manage a key cannot use it by this statement. In the policy of a key, "*" means the key ("Key
// policies", KMS Developer Guide).
func (in *installation) administration() object {
	who := []string{in.root()}
	if len(in.Stage.KeyAdministrators) > 0 {
		who = in.Stage.KeyAdministrators
		// The role of CloudFormation makes and changes keys; without it nobody could deploy.
		who = append(append([]string(nil), who...), in.deployer())
	}
	return object{
		"Sid": "Administration", "Effect": "Allow", "Principal": object{"AWS": who}, "Resource": "*",
		"Action": []string{
			"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:DisableKeyRotation",
			"kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListGrants",
			"kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:ScheduleKeyDeletion",
			"kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
		},
	}
}

// deployer is the role with which `cdk bootstrap` lets CloudFormation work.
func (in *installation) deployer() string {
	return "arn:" + in.place.Partition + ":iam::" + in.place.Account + ":role/cdk-hnb659fds-cfn-exec-role-" + in.place.Account + "-" + in.Stage.Region
}

// useOfCaseKey: by roles of the stage only, whatever other policies of the account say.
func (in *installation) useOfCaseKey() object {
	return object{
		"Sid": "Use", "Effect": "Allow", "Principal": object{"AWS": in.root()}, "Resource": "*",
		"Action": []string{"kms:Encrypt", "kms:Decrypt"},
		"Condition": object{
			"ArnLike": object{"aws:PrincipalArn": "arn:" + in.place.Partition + ":iam::" + in.place.Account + ":role/" + in.Stage.Prefix() + "-*"},
		},
	}
}

// useOfRestKey: through services of this account, by who may use the service, and by services that act for the account itself.
func (in *installation) useOfRestKey() []any {
	region := in.Stage.Region
	through := []string{}
	for _, service := range []string{"dynamodb", "s3", "secretsmanager", "sns", "sqs", "ssm"} {
		through = append(through, service+"."+region+".amazonaws.com")
	}
	callers := object{"kms:CallerAccount": in.place.Account, "kms:ViaService": through}
	return []any{
		object{
			"Sid": "UseThroughServices", "Effect": "Allow", "Principal": object{"AWS": in.root()}, "Resource": "*",
			"Action": []string{
				"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo",
			},
			"Condition": object{"StringEquals": callers},
		},
		object{ // a table under a customer's key keeps a grant of its own
			"Sid": "GrantToServices", "Effect": "Allow", "Principal": object{"AWS": in.root()}, "Resource": "*",
			"Action":    "kms:CreateGrant",
			"Condition": object{"StringEquals": callers, "Bool": object{"kms:GrantIsForAWSResource": "true"}},
		},
		object{
			"Sid": "Logs", "Effect": "Allow", "Principal": object{"Service": "logs." + region + ".amazonaws.com"}, "Resource": "*",
			"Action": []string{"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"},
			"Condition": object{"ArnLike": object{
				"kms:EncryptionContext:aws:logs:arn": "arn:" + in.place.Partition + ":logs:" + region + ":" + in.place.Account + ":log-group:*",
			}},
		},
		object{
			"Sid": "Messages", "Effect": "Allow", "Resource": "*",
			"Principal": object{"Service": []string{"budgets.amazonaws.com", "cloudwatch.amazonaws.com", "events.amazonaws.com"}},
			"Action":    []string{"kms:Decrypt", "kms:GenerateDataKey"},
			"Condition": object{"StringEquals": object{"aws:SourceAccount": in.place.Account}},
		},
	}
}

// originSecret makes the secret that CloudFront sends and functions ask for, and a copy of it where the stack of the edge is.
func (in *installation) originSecret(stack awscdk.Stack) {
	var copies any
	if in.Stage.Region != edgeRegion {
		copies = []any{&awssecretsmanager.CfnSecret_ReplicaRegionProperty{Region: jsii.String(edgeRegion)}}
	}
	in.keep(awssecretsmanager.NewCfnSecret(stack, jsii.String("Origin"), &awssecretsmanager.CfnSecretProps{
		Name:        jsii.String(in.Stage.Secret(stage.SecretOrigin)),
		Description: jsii.String("by which the edge proves itself to the functions behind the HTTP API"),
		KmsKeyId:    in.keys.rest.AttrArn(),
		GenerateSecretString: &awssecretsmanager.CfnSecret_GenerateSecretStringProperty{
			PasswordLength: jsii.Number(48), ExcludePunctuation: jsii.Bool(true),
		},
		ReplicaRegions: copies,
	}))
}
