// Package parameters opens the store of secrets with Parameter Store in it. It is a package of its own because the service is among the
// largest: who refers to secrets of Secrets Manager alone should not carry it.
package parameters

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/secrets"
	"github.com/habeas-dsar/habeas/shared/awsfault"
)

// Open returns the store of an installation.
func Open(c *cloud.Cloud) *secrets.Store {
	return secrets.With(c, Read(ssm.NewFromConfig(c.Config).GetParameter))
}

// Read returns what reads parameters by the operation of a client.
func Read(get cloud.Operation[ssm.GetParameterInput, ssm.Options, ssm.GetParameterOutput]) secrets.Parameter {
	return func(ctx context.Context, name string) (string, error) {
		out, err := get(ctx, &ssm.GetParameterInput{Name: aws.String("/" + name), WithDecryption: aws.Bool(true)})
		if err != nil {
			return "", awsfault.Wrap(err, "reading a parameter that is referred to")
		}
		if out.Parameter == nil {
			return "", nil
		}
		return aws.ToString(out.Parameter.Value), nil
	}
}
