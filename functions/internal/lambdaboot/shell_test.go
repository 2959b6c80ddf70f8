package lambdaboot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// invoked runs a handler in a shell of its own and returns what it answers and writes.
func invoked(ctx context.Context, t *testing.T, h handler) (out []byte, wrote string, err error) {
	t.Helper()
	var b bytes.Buffer
	s := &shell{log: logger(&b), name: "Triage", stage: "dev", now: time.Now, metrics: &b, handle: h}
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	out, err = s.Invoke(ctx, []byte(`{"caseId":"c"}`))
	return out, b.String(), err
}

// A failure reaches Retry and Catch by the name of its class, however deep it is wrapped, and the history of the execution keeps
// nothing of its text.
func TestAFailureIsNamedByItsClass(t *testing.T) {
	for _, r := range fault.Rules() {
		wrapped := fmt.Errorf("planning the case: %w", fault.New(r.Class, "a-canary"))
		_, wrote, err := invoked(t.Context(), t, func(context.Context, json.RawMessage) (json.RawMessage, error) { return nil, wrapped })
		var e messages.InvokeResponse_Error
		if !errors.As(err, &e) || e.Type != string(r.Class) || strings.Contains(e.Message, "canary") {
			t.Errorf("%s: the platform is told %+v", r.Class, err)
		}
		if _, direct := err.(messages.InvokeResponse_Error); !direct { //nolint:errorlint // the runtime asserts, and does not unwrap
			t.Errorf("%s: the runtime would not find the type in %T", r.Class, err)
		}
		if !strings.Contains(wrote, "planning the case") || !strings.Contains(wrote, `"requestId":"request-1"`) || !strings.Contains(wrote, `"Class":"`+string(r.Class)+`"`) {
			t.Errorf("%s: the log says %s", r.Class, wrote)
		}
	}
	_, _, err := invoked(t.Context(), t, func(context.Context, json.RawMessage) (json.RawMessage, error) {
		return nil, errors.New("unclassified")
	})
	if e, ok := err.(messages.InvokeResponse_Error); !ok || e.Type != string(fault.Internal) { //nolint:errorlint // as above
		t.Errorf("an unclassified failure is %+v", err)
	}
}

// A handler that panics is tried again: what it panicked with may quote anything and is kept nowhere.
func TestAPanicIsNoLongerThanItsName(t *testing.T) {
	_, wrote, err := invoked(t.Context(), t, func(context.Context, json.RawMessage) (json.RawMessage, error) { panic("a-canary") })
	if e, ok := err.(messages.InvokeResponse_Error); !ok || e.Type != "Lambda.Unknown" || strings.Contains(e.Message+wrote, "canary") { //nolint:errorlint // as above
		t.Errorf("a panic is %+v, the log says %s", err, wrote)
	}
}

// The work ends before the platform ends the process.
func TestTimeIsLeft(t *testing.T) {
	for _, all := range []time.Duration{5 * time.Second, 60 * time.Second, 15 * time.Minute} {
		ctx, cancel := context.WithTimeout(t.Context(), all)
		var left time.Duration
		_, _, _ = invoked(ctx, t, func(ctx context.Context, _ json.RawMessage) (json.RawMessage, error) {
			end, ok := ctx.Deadline()
			if !ok {
				t.Fatal("there is no deadline")
			}
			left = time.Until(end)
			return json.RawMessage("{}"), nil
		})
		cancel()
		if spare := all - left; spare < min(margin, all/10)-10*time.Millisecond || spare > margin+time.Second {
			t.Errorf("of %s %s are kept", all, spare)
		}
	}
}

// What CloudWatch reads as a metric is one JSON object a line, in its embedded metric format.
func TestMetrics(t *testing.T) {
	out, wrote, err := invoked(t.Context(), t, func(context.Context, json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"next":"proceed"}`), nil
	})
	if err != nil || string(out) != `{"next":"proceed"}` {
		t.Fatalf("%s, %v", out, err)
	}
	var line struct {
		AWS struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
		Stage, Function string
		Duration        *float64
		Failed          *int
	}
	if err := json.Unmarshal([]byte(wrote), &line); err != nil {
		t.Fatalf("%v: %s", err, wrote)
	}
	if len(line.AWS.CloudWatchMetrics) != 1 || line.AWS.CloudWatchMetrics[0].Namespace != Namespace || len(line.AWS.CloudWatchMetrics[0].Dimensions) != 1 || line.Stage != "dev" || line.Function != "Triage" ||
		line.Duration == nil || line.Failed == nil || *line.Failed != 0 {
		t.Errorf("the metrics are %s", wrote)
	}
}

// What an invocation used is told once, with it.
func TestUsageIsToldOnce(t *testing.T) {
	var u usage
	u.Call(cloud.Call{Service: "DynamoDB", Operation: "GetItem"})
	u.Call(cloud.Call{Service: "DynamoDB", Operation: "GetItem"})
	u.Units("habeas-dev-cases", 1.5, 2)
	u.Units("habeas-dev-cases", 0.5, 0)
	lines := u.flush("Triage", "request-1")
	if len(lines) != 2 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for _, l := range lines {
		if l["call"] == "DynamoDB:GetItem" && l["times"] != 2 || l["units"] == "habeas-dev-cases" && (l["read"] != 2.0 || l["write"] != 2.0) {
			t.Errorf("used is %v", l)
		}
	}
	if again := u.flush("Triage", "request-2"); len(again) != 0 {
		t.Errorf("it is told again: %v", again)
	}
}
