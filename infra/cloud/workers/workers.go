// Package workers calls the functions of an installation that open systems, and waits for what they answer.
package workers

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Call invokes a function by its ARN and returns its answer.
type Call = func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)

// attempts are few: somebody waits, and what was carried out but not heard of is carried out once more.
const attempts = 2

// Open returns what calls the workers.
func Open(c *cloud.Cloud) Call {
	return New(lambda.NewFromConfig(c.Config, func(o *lambda.Options) {
		o.HTTPClient = cloud.Patient()
		o.Retryer = retry.AddWithMaxAttempts(o.Retryer, attempts)
	}).Invoke)
}

// New returns what calls functions by the operation of a client. The answer comes when the function ends, and ctx bounds the wait. Too many calls
// at once are fault.Throttled; a function that cannot be reached or runs out of time is fault.Unavailable; one that fails by itself
// has the class that it gives as the type of its error, and fault.Internal when that is none.
func New(invoke cloud.Operation[lambda.InvokeInput, lambda.Options, lambda.InvokeOutput]) Call {
	return func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
		out, err := invoke(ctx, &lambda.InvokeInput{
			FunctionName: aws.String(function), InvocationType: types.InvocationTypeRequestResponse, Payload: payload,
		})
		if err != nil {
			return nil, awsfault.Wrap(err, "calling a function")
		}
		if out.FunctionError != nil {
			return nil, failed(out.Payload)
		}
		return out.Payload, nil
	}
}

// failed classifies the error that a function, or the platform in its place, answered with (AWS Lambda Developer Guide, "Invoke",
// FunctionError). Its message is not repeated.
func failed(payload []byte) error {
	var e struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return fault.New(fault.Internal, "a function failed without saying how")
	}
	switch class := fault.Class(e.Type); {
	case class.Valid():
		return fault.New(class, "a function failed")
	case e.Type == "Sandbox.Timedout", strings.Contains(e.Message, "Task timed out after"):
		return fault.New(fault.Unavailable, "a function ran out of time")
	}
	return fault.New(fault.Internal, "a function failed in a way that it does not know itself")
}
