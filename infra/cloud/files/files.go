// Package files has large files of an installation prepared by the function that has the time for it.
package files

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/habeas-dsar/habeas/functions/preparefile"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/awsfault"
)

// Function is the name of that function in the inventory.
const Function = "PrepareFile"

// Open returns what has the file of a hand-over prepared; see parts.Ports.Prepare.
func Open(c *cloud.Cloud) func(ctx context.Context, id string) error {
	return Prepare(lambda.NewFromConfig(c.Config).Invoke, c.Function(Function))
}

// Prepare calls the function and does not wait for it: Lambda keeps the call, and repeats it twice when it fails (AWS Lambda
// Developer Guide, "Invoking a Lambda function asynchronously").
func Prepare(invoke cloud.Operation[lambda.InvokeInput, lambda.Options, lambda.InvokeOutput], function string) func(ctx context.Context, id string) error {
	return func(ctx context.Context, id string) error {
		payload, err := json.Marshal(preparefile.Ref{HandOver: id})
		if err != nil {
			return fmt.Errorf("encoding a hand-over: %w", err)
		}
		_, err = invoke(ctx, &lambda.InvokeInput{FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: payload})
		return awsfault.Wrap(err, "calling for a file to be prepared")
	}
}
