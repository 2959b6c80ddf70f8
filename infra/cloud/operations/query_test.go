package operations

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/infra/stage"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// asked is an installation whose questions go to a server of the test.
func asked(t *testing.T, answer http.HandlerFunc) *Installation {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	cfg := aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), HTTPClient: server.Client(),
		Credentials: aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, ctx.Err()
		}),
	}
	return &Installation{Stage: stage.Stage{Name: "dev"}, Cloud: &cloud.Cloud{Config: cfg}, Now: time.Now}
}

func TestStacksAreThoseOfTheStage(t *testing.T) {
	in := asked(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw))
		if form.Get("Action") != "DescribeStacks" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/cloudformation/aws4_request") {
			t.Errorf("asked %s with %s", raw, r.Header.Get("Authorization"))
		}
		next := "<NextToken>more</NextToken>"
		name := "habeas-dev-data"
		if form.Get("NextToken") == "more" {
			next, name = "", "habeas-dev-2-data" // another stage
		}
		_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>`+name+
			`</StackName><StackStatus>UPDATE_COMPLETE</StackStatus><CreationTime>2026-11-01T00:00:00Z</CreationTime>`+
			`<LastUpdatedTime>2026-11-22T00:00:00Z</LastUpdatedTime></member></Stacks>`+next+`</DescribeStacksResult></DescribeStacksResponse>`)
	})
	got, err := in.stacks(t.Context())
	want := Stack{Name: "habeas-dev-data", Status: "UPDATE_COMPLETE", Changed: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v %v", got, err)
	}
}

func TestDepthOfAQueue(t *testing.T) {
	in := asked(t, func(w http.ResponseWriter, r *http.Request) {
		switch raw, _ := io.ReadAll(r.Body); {
		case strings.Contains(string(raw), "dead-mail"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`)
		case r.Header.Get("X-Amz-Target") == "AmazonSQS.GetQueueUrl":
			_, _ = io.WriteString(w, `{"QueueUrl":"https://sqs.example.com/1/q"}`)
		default:
			_, _ = io.WriteString(w, `{"Attributes":{"ApproximateNumberOfMessages":"7"}}`)
		}
	})
	if n, err := in.depth(t.Context(), "dead-outbox"); n != 7 || err != nil {
		t.Errorf("%d messages, %v", n, err)
	}
	if n, err := in.depth(t.Context(), "dead-mail"); n != -1 || err != nil {
		t.Errorf("a queue that is not there has %d messages, %v", n, err)
	}
}

// TestRefusals: what AWS says is classified and never quoted.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   fault.Class
	}{
		{403, "<Error><Code>AccessDenied</Code><Message>user ada@example.com</Message></Error>", fault.Misconfigured},
		{400, "<Error><Code>Throttling</Code></Error>", fault.Throttled},
		{400, "<Error><Code>ValidationError</Code></Error>", fault.Invalid},
		{503, "", fault.Unavailable},
		{200, "no xml", fault.Unavailable},
	} {
		in := asked(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := in.alarms(t.Context())
		if !fault.Has(err, c.want) || strings.Contains(err.Error(), "ada") {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

func TestTrouble(t *testing.T) {
	now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	well := Status{
		Address: "https://privacy.example.com", Dead: map[string]int{"dead-outbox": 0, "dead-mail": -1}, Stacks: []Stack{{Name: "a", Status: "UPDATE_COMPLETE"}},
		Outbox: Backlog{Count: 3, Oldest: now.Add(-time.Minute)}, Seal: Backlog{Count: 3, Oldest: now.Add(-time.Minute)},
	}
	if got := well.Trouble(now); len(got) > 0 {
		t.Errorf("a stage that is well is in trouble for %q", got)
	}
	for name, spoil := range map[string]func(*Status){
		"address": func(s *Status) { s.Address = "" },
		"looked":  func(s *Status) { s.Late = 1 },
		"promise": func(s *Status) { s.Outbox.Oldest = now.Add(-time.Hour) },
		"unseal":  func(s *Status) { s.Seal.Oldest = now.Add(-time.Hour) },
		"dead":    func(s *Status) { s.Dead = map[string]int{"dead-clock": 2} },
		"alarm":   func(s *Status) { s.Alarms = []string{"pages-fail"} },
		"stack":   func(s *Status) { s.Stacks = []Stack{{Name: "a", Status: "UPDATE_ROLLBACK_COMPLETE"}} },
		"queue":   func(s *Status) { s.Unknown = map[string]string{"queue dead-mail": "AWS answered with HTTP status 403"} },
	} {
		s := well
		spoil(&s)
		if got := s.Trouble(now); len(got) != 1 || !strings.Contains(got[0], name) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
