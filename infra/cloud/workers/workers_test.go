package workers_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/cloud/workers"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// open returns a call that reaches a service which answers as it is told, by the client that functions use.
func open(t *testing.T, answer http.HandlerFunc) workers.Call {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	cfg := cloud.Lambda(func(name string) string {
		return map[string]string{"AWS_ENDPOINT_URL": srv.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}[name]
	})
	c := cloud.Open(cfg, cloud.Settings{Region: "eu-west-1", Account: "000000000000", Prefix: "habeas-test"}, time.Now, nil)
	return workers.Open(c)
}

const function = "arn:aws:lambda:eu-west-1:000000000000:function:habeas-test-RunTask:live"

func TestACallBringsTheAnswer(t *testing.T) {
	call := open(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" || !strings.HasSuffix(r.URL.Path, "/invocations") || !strings.Contains(r.URL.Path, "habeas-test-RunTask:live") {
			t.Errorf("asked for %s: %v", r.URL.Path, err)
		}
		_, _ = w.Write(append([]byte(`{"heard":`), append(body, '}')...)) // the connection is ours
	})
	out, err := call(t.Context(), function, json.RawMessage(`{"desk":"kinds"}`))
	if err != nil || string(out) != `{"heard":{"desk":"kinds"}}` {
		t.Errorf("%s, %v", out, err)
	}
}

// TestWhatBecomesOfACall: the class says whether to wait, and nothing that the service or the function wrote is repeated.
func TestWhatBecomesOfACall(t *testing.T) {
	const secret = "ada@example.com"
	service := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amzn-Errortype", code)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"message":"` + secret + `"}`)) // the connection is ours
		}
	}
	failure := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
			_, _ = w.Write([]byte(body)) // the connection is ours
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   fault.Class
		calls  int32
	}{
		"too many at once":              {service(429, "TooManyRequestsException"), fault.Throttled, 2},
		"the service is down":           {service(503, "ServiceException"), fault.Unavailable, 2},
		"a function that is not there":  {service(404, "ResourceNotFoundException"), fault.Misconfigured, 1},
		"a function that is not for us": {service(403, "AccessDeniedException"), fault.Misconfigured, 1},
		"a payload that is too long":    {service(413, "RequestTooLargeException"), fault.Invalid, 1},
		"a class":                       {failure(`{"errorType":"unavailable","errorMessage":"` + secret + `"}`), fault.Unavailable, 1},
		"another class":                 {failure(`{"errorType":"misconfigured","errorMessage":"` + secret + `"}`), fault.Misconfigured, 1},
		"a panic":                       {failure(`{"errorType":"Lambda.Unknown","errorMessage":"` + secret + `"}`), fault.Internal, 1},
		"out of time":                   {failure(`{"errorType":"Sandbox.Timedout","errorMessage":"` + secret + `"}`), fault.Unavailable, 1},
		"out of time, as it used to be": {failure(`{"errorMessage":"2027-01-04T09:00:00Z 0198 Task timed out after 900.00 seconds"}`), fault.Unavailable, 1},
		"out of memory":                 {failure(`{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}`), fault.Internal, 1},
		"a failure that says nothing":   {failure(`oops`), fault.Internal, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			call := open(t, func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				tc.answer(w, r)
			})
			out, err := call(t.Context(), function, json.RawMessage(`{}`))
			if !fault.Has(err, tc.want) || out != nil || calls.Load() != tc.calls {
				t.Fatalf("%v (%s) after %d calls with %q", err, fault.ClassOf(err), calls.Load(), out)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats what it was told: %v", err)
			}
		})
	}
}

// TestTheWaitEndsWithTheContext, and is not begun again.
func TestTheWaitEndsWithTheContext(t *testing.T) {
	var calls atomic.Int32
	done := make(chan struct{})
	call := open(t, func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		<-done
	})
	defer close(done)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := call(ctx, function, json.RawMessage(`{}`)); !fault.Has(err, fault.Unavailable) || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

// TestAnAnswerMayTakeLongerThanThoseOfOtherServices: it comes when the function ends.
func TestAnAnswerMayTakeLongerThanThoseOfOtherServices(t *testing.T) {
	if d := cloud.Patient().GetTransport().ResponseHeaderTimeout; d != 0 {
		t.Errorf("an answer is waited for %v", d)
	}
	if usual, ok := cloud.Open(aws.Config{}, cloud.Settings{}, time.Now, nil).Config.HTTPClient.(interface{ GetTransport() *http.Transport }); !ok || usual.GetTransport().ResponseHeaderTimeout == 0 {
		t.Error("the usual client waits without bound: the test proves nothing")
	}
}
