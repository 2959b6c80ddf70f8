package files_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/habeas-dsar/habeas/functions/preparefile"
	"github.com/habeas-dsar/habeas/infra/cloud/files"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
)

// caller takes calls as Lambda does, or refuses them.
type caller struct {
	calls []*lambda.InvokeInput
	err   error
}

func (c *caller) Invoke(_ context.Context, in *lambda.InvokeInput, _ ...func(*lambda.Options)) (*lambda.InvokeOutput, error) {
	c.calls = append(c.calls, in)
	return &lambda.InvokeOutput{StatusCode: 202}, c.err
}

func TestPrepareCallsAndDoesNotWait(t *testing.T) {
	c, id := &caller{}, handover.NewID()
	if err := files.Prepare(c.Invoke, "arn:of:the:function")(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var ref preparefile.Ref
	if len(c.calls) != 1 || *c.calls[0].FunctionName != "arn:of:the:function" || c.calls[0].InvocationType != types.InvocationTypeEvent {
		t.Fatalf("called %+v", c.calls)
	}
	if err := json.Unmarshal(c.calls[0].Payload, &ref); err != nil || ref.HandOver != id || len(c.calls[0].Payload) > 100 {
		t.Errorf("the payload is %s: %v", c.calls[0].Payload, err)
	}
	c.err = &smithy.GenericAPIError{Code: "TooManyRequestsException", Message: "Rate exceeded"}
	if err := files.Prepare(c.Invoke, "f")(t.Context(), id); !fault.Has(err, fault.Throttled) {
		t.Errorf("a call that is not taken: %v", err)
	}
}

// TestTheFunctionIsThere: what is called is built, called by others without waiting, and may do what it has to.
func TestTheFunctionIsThere(t *testing.T) {
	for _, f := range inventory.Functions() {
		if f.Name == files.Function {
			if f.Trigger != inventory.Async || f.Seconds != 900 || !f.Has(inventory.Objects) || !f.Has(inventory.HandOver) {
				t.Errorf("%+v", f)
			}
			return
		}
	}
	t.Error("nobody builds it")
}
