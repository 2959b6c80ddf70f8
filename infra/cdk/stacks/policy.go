package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"

	"github.com/habeas-dsar/habeas/infra/cdk/grants"
)

// object is a JSON object of a template. Strings in it may be tokens.
type object = map[string]any

// document returns a policy of statements.
func document(statements ...any) object {
	return object{"Version": "2012-10-17", "Statement": statements}
}

// allowed turns grants into statements of a policy.
func allowed(all []grants.Statement) []any {
	var out []any
	for _, s := range all {
		statement := object{"Sid": s.Sid, "Effect": "Allow", "Action": s.Actions, "Resource": s.Resources}
		if s.Condition != nil {
			statement["Condition"] = s.Condition
		}
		out = append(out, statement)
	}
	return out
}

// trust is the policy by which a service may take a role, for this account only: a service acts for many customers ("confused
// deputy", IAM User Guide).
func (in *installation) trust(service string) object {
	return document(object{
		"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": object{"Service": service},
		"Condition": object{"StringEquals": object{"aws:SourceAccount": in.place.Account}},
	})
}

// role makes a role with one policy in it. A permissions boundary comes from the stack.
func (in *installation) role(stack awscdk.Stack, id, name, service, description string, statements []any) awsiam.CfnRole {
	trust := in.trust(service)
	if service == "lambda.amazonaws.com" { // Lambda sends no source account when it takes the role of a function
		trust = document(object{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": object{"Service": service}})
	}
	return awsiam.NewCfnRole(stack, jsii.String(id), &awsiam.CfnRoleProps{
		RoleName:                 in.name(name),
		Description:              jsii.String(description),
		AssumeRolePolicyDocument: trust,
		Policies:                 []any{&awsiam.CfnRole_PolicyProperty{PolicyName: jsii.String("needs"), PolicyDocument: document(statements...)}},
	})
}

// onlyTLS denies everything that does not come over TLS.
func onlyTLS(actions string, resources ...string) object {
	return object{
		"Sid": "OnlyTLS", "Effect": "Deny", "Principal": object{"AWS": "*"}, "Action": actions, "Resource": resources,
		"Condition": object{"Bool": object{"aws:SecureTransport": "false"}},
	}
}
