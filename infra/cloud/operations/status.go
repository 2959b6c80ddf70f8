package operations

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Status is how a stage is. What could not be asked is in Unknown, with the reason; its figure is then absent.
type Status struct {
	Stage   string            `json:"stage"`
	Address string            `json:"address"` // empty = the deployment is not at its end
	Stacks  []Stack           `json:"stacks"`
	Alarms  []string          `json:"alarms"` // names of those that are in alarm
	Dead    map[string]int    `json:"dead"`   // messages by queue of what could not be done; -1 = no such queue
	Open    map[string]int    `json:"open"`   // open cases by tenant
	Late    int               `json:"late"`   // cases that the sweeper should have looked at more than five minutes ago
	Outbox  Backlog           `json:"outbox"` // promises not yet kept
	Seal    Backlog           `json:"unsealed"`
	Unknown map[string]string `json:"unknown,omitempty"`
}

// Stack is one stack as CloudFormation says.
type Stack struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Changed time.Time `json:"changed,omitzero"`
}

// Backlog is what waits: how much, and since when the oldest does. More says that there is more than was counted.
type Backlog struct {
	Count  int       `json:"count"`
	More   bool      `json:"more,omitempty"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// Bounds of what is well: the alarms of a stage look at the same (infra/cdk/stacks/observability.go).
const (
	lateAfter     = 5 * time.Minute
	unsealedAfter = 15 * time.Minute
	counted       = 500 // of a shard
)

// Trouble says in words what an operator should look at, most urgent first; empty when all is well.
func (s Status) Trouble(now time.Time) (out []string) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(s.Address == "", "the stage does not know its address: run make deploy again, its last step tells it")
	add(s.Late > 0, "%d cases should have been looked at: see runbook clockwork", s.Late)
	add(s.Outbox.Count > 0 && now.Sub(s.Outbox.Oldest) > lateAfter, "the oldest promise waits since %s: see runbook outbox", s.Outbox.Oldest.Format(time.RFC3339))
	add(s.Seal.Count > 0 && now.Sub(s.Seal.Oldest) > unsealedAfter, "evidence is unsealed since %s: see runbook clockwork", s.Seal.Oldest.Format(time.RFC3339))
	for _, q := range deadQueues {
		add(s.Dead[q] > 0, "%d messages in %s: see runbook dead-letters", s.Dead[q], q)
	}
	for _, a := range s.Alarms {
		add(true, "alarm %s: its description names the runbook", a)
	}
	for _, k := range s.Stacks {
		add(!strings.HasSuffix(k.Status, "_COMPLETE") || strings.Contains(k.Status, "ROLLBACK"), "stack %s is %s: see make diff and the CloudFormation console", k.Name, k.Status)
	}
	for what, why := range s.Unknown {
		add(true, "%s: %s", what, why)
	}
	return out
}

// Status asks everything; what fails is in Unknown. The error is for a stage whose records cannot be read at all.
func (in *Installation) Status(ctx context.Context) (Status, error) {
	s := Status{Stage: in.Stage.Name, Address: in.Address, Unknown: map[string]string{}, Dead: map[string]int{}, Stacks: []Stack{}, Alarms: []string{}}
	var err error
	if s.Open, err = in.OpenCases(ctx); err != nil {
		return s, err
	}
	if s.Late, err = in.late(ctx); err != nil {
		return s, err
	}
	if s.Outbox, err = in.backlog(ctx, "OUT#", casefile.OutboxShards); err != nil {
		return s, err
	}
	if s.Seal, err = in.backlog(ctx, "UNSEALED#", casefile.SealShards); err != nil {
		return s, err
	}
	note := func(what string, err error) {
		if err != nil {
			s.Unknown[what] = err.Error()
		}
	}
	s.Stacks, err = in.stacks(ctx)
	note("stacks", err)
	s.Alarms, err = in.alarms(ctx)
	note("alarms", err)
	for _, q := range deadQueues {
		s.Dead[q], err = in.depth(ctx, q)
		note("queue "+q, err)
	}
	return s, nil
}

// late counts cases whose look is overdue.
func (in *Installation) late(ctx context.Context) (n int, err error) {
	for shard := range uint32(casefile.DueShards) {
		for cursor := ""; ; {
			refs, next, err := in.Set.Cases.DueCases(ctx, shard, in.Now().Add(-lateAfter), counted, cursor)
			if err != nil {
				return n, err
			}
			n += len(refs)
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return n, nil
}

// backlog counts the rows of an index that is spread over shards and begins each entry with an instant (shared/table/ACCESS.md).
func (in *Installation) backlog(ctx context.Context, index string, shards int) (b Backlog, err error) {
	for shard := range shards {
		page, err := in.Records.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: index + strconv.Itoa(shard), Limit: counted})
		if err != nil {
			return b, fmt.Errorf("reading what waits: %w", err)
		}
		b.Count += len(page.Items)
		b.More = b.More || page.Next != ""
		if len(page.Items) == 0 {
			continue
		}
		at, _, _ := strings.Cut(page.Items[0].ISK, "#")
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			return b, fault.New(fault.Internal, "an index does not begin with an instant")
		}
		if b.Oldest.IsZero() || t.Before(b.Oldest) {
			b.Oldest = t
		}
	}
	return b, nil
}

// deadQueues are the queues of what could not be done, behind the prefix (infra/cdk/stacks/messaging.go).
var deadQueues = []string{"dead-outbox", "dead-clock", "dead-files", "dead-mail"}

// depth is how many messages a queue has.
func (in *Installation) depth(ctx context.Context, queue string) (int, error) {
	var at struct{ QueueUrl string }
	err := in.queryJSON(ctx, queuesAPI, "AmazonSQS.GetQueueUrl", map[string]string{"QueueName": in.Stage.Prefix() + "-" + queue}, &at)
	if fault.Has(err, fault.NotFound) {
		return -1, nil
	}
	if err != nil {
		return 0, err
	}
	var out struct{ Attributes map[string]string }
	err = in.queryJSON(ctx, queuesAPI, "AmazonSQS.GetQueueAttributes", map[string]any{
		"QueueUrl": at.QueueUrl, "AttributeNames": []string{"ApproximateNumberOfMessages"},
	}, &out)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out.Attributes["ApproximateNumberOfMessages"])
	if err != nil {
		return 0, fault.New(fault.Unavailable, "a queue does not say how much is in it")
	}
	return n, nil
}

// alarms names the alarms of the stage that are in alarm, without the prefix.
func (in *Installation) alarms(ctx context.Context) ([]string, error) {
	names := []string{}
	prefix := in.Stage.Prefix() + "-"
	for token := ""; ; {
		params := url.Values{"AlarmNamePrefix": {prefix}, "StateValue": {"ALARM"}}
		if token != "" {
			params.Set("NextToken", token)
		}
		var out struct {
			Names []string `xml:"DescribeAlarmsResult>MetricAlarms>member>AlarmName"`
			Next  string   `xml:"DescribeAlarmsResult>NextToken"`
		}
		if err := in.queryXML(ctx, alarmsAPI, "2010-08-01", "DescribeAlarms", params, &out); err != nil {
			return names, err
		}
		for _, n := range out.Names {
			names = append(names, strings.TrimPrefix(n, prefix))
		}
		if token = out.Next; token == "" {
			return names, nil
		}
	}
}

// stackNames are the stacks of a stage, behind the prefix (infra/cdk/stacks/stacks.go).
var stackNames = []string{"keys", "data", "messaging", "network", "workflow", "api", "staff", "clockwork", "observability"}

// stacks lists the stacks of the stage in its region; that of the edge is in us-east-1 and is not asked.
func (in *Installation) stacks(ctx context.Context) ([]Stack, error) {
	all := []Stack{}
	for token := ""; ; {
		params := url.Values{}
		if token != "" {
			params.Set("NextToken", token)
		}
		var out struct {
			Stacks []struct {
				Name    string `xml:"StackName"`
				Status  string `xml:"StackStatus"`
				Created string `xml:"CreationTime"`
				Updated string `xml:"LastUpdatedTime"`
			} `xml:"DescribeStacksResult>Stacks>member"`
			Next string `xml:"DescribeStacksResult>NextToken"`
		}
		if err := in.queryXML(ctx, stacksAPI, "2010-05-15", "DescribeStacks", params, &out); err != nil {
			return all, err
		}
		for _, s := range out.Stacks {
			if name, ours := strings.CutPrefix(s.Name, in.Stage.Prefix()+"-"); !ours || !slices.Contains(stackNames, name) {
				continue // another stage may be called like the beginning of this one
			}
			one := Stack{Name: s.Name, Status: s.Status}
			for _, at := range []string{s.Updated, s.Created} {
				if t, err := time.Parse(time.RFC3339Nano, at); err == nil && one.Changed.IsZero() {
					one.Changed = t
				}
			}
			all = append(all, one)
		}
		if token = out.Next; token == "" {
			return all, nil
		}
	}
}
