package stories

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// watched is what was looked through for the people of the stories, who must be found nowhere in the clear: not in keys or content of
// records, names of objects, executions and their histories, events, queues or logs.
type watched struct {
	canaries []testkit.Canary
	found    map[string]bool
	looked   map[string]int // how much there was of each, so that a look at nothing is none
}

// overheard is the rule and the queue by which events are looked at.
const overheard = "overheard"

// said returns values that stories of test/e2e type into forms, and mail addresses that they invent.
func said() []string {
	return []string{
		"wren.abara@example.com", "piers.delacroix@example.com", "agent.canary@example.com", "stranger.canary@example.com",
		"Quintilla Zephyrson", "Ottokar Vandermeulen", "14 Peculiar Mews", "KUNDE-77812-X", "mandate-of-the-seventh-seal", "marzipan submarines",
		"because-of-the-ninth-lighthouse", "the seventh lighthouse is still burning", "Abara against the marzipan works", "Abara-Quillfeather",
		"because of nine peculiar drawers", "we ask the ottoman lawyers",
	}
}

// watch begins to look, and returns what looks a last time and tells what was found.
func (in *installation) watch(t *testing.T) (tell func()) {
	t.Helper()
	canaries, err := people(filepath.Join(in.seeded, "shop.db"))
	if err == nil {
		err = in.overhear(t.Context())
	}
	if err != nil {
		t.Fatalf("beginning to look for people: %v", err)
	}
	in.watched = watched{canaries: canaries, found: map[string]bool{}, looked: map[string]int{}}
	return func() {
		ctx := context.Background()
		for _, look := range []func(context.Context) error{in.lookAtStores, in.lookAtExecutions, in.lookAtQueues, in.lookAtLog} {
			if err := look(ctx); err != nil {
				t.Errorf("looking for people: %v", err)
			}
		}
		t.Logf("%d values of people were looked for in %v", len(canaries), in.watched.looked)
		for _, what := range []string{"items", "objects", "executions", "steps of executions", "events", "lines of logs"} {
			if in.watched.looked[what] == 0 {
				t.Errorf("there were no %s to look at: the search proves nothing", what)
			}
		}
		for _, f := range slices.Sorted(maps.Keys(in.watched.found)) {
			t.Error(f)
		}
	}
}

// people returns what tells the people of the demonstration, and what stories say.
func people(shop string) (all []testkit.Canary, err error) {
	for _, v := range said() {
		all = append(all, testkit.Canary{Name: "what a story says", Value: v})
	}
	db, err := sql.Open("sqlite", "file:"+shop+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, who := range []string{testkit.Typical, testkit.TwoMails, testkit.Household, testkit.Housemate, testkit.SharedPhone, testkit.NoOrders} {
		var name, phone, street sql.NullString
		err := db.QueryRow(`SELECT c.name, c.phone, a.line1 FROM customers c LEFT JOIN addresses a ON a.id = c.home_address_id WHERE c.email = ?`, who).Scan(&name, &phone, &street)
		if err != nil {
			return nil, fmt.Errorf("reading who there is: %w", err)
		}
		all = append(all, testkit.Canary{Name: "an address", Value: who})
		for what, v := range map[string]sql.NullString{"a name": name, "a telephone": phone, "a street": street} {
			if len(v.String) >= 8 {
				all = append(all, testkit.Canary{Name: what, Value: v.String})
			}
		}
	}
	return append(all, testkit.Canary{Name: "an address", Value: testkit.SecondMail}), nil
}

// overhear leads every event of the installation into a queue besides where it goes.
func (in *installation) overhear(ctx context.Context) error {
	made, err := sqs.NewFromConfig(in.config).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(overheard)})
	if err != nil {
		return err
	}
	got, err := sqs.NewFromConfig(in.config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: made.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn}})
	if err != nil {
		return err
	}
	events := eventbridge.NewFromConfig(in.config)
	rule := &eventbridge.PutRuleInput{Name: aws.String(overheard), EventBusName: &in.settings.Bus, EventPattern: aws.String(`{"source":["habeas"]}`)}
	if _, err := events.PutRule(ctx, rule); err != nil {
		return err
	}
	out, err := events.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: rule.Name, EventBusName: rule.EventBusName, Targets: []eventtypes.Target{{Id: aws.String("queue"), Arn: aws.String(got.Attributes["QueueArn"])}},
	})
	if err == nil && out.FailedEntryCount > 0 {
		return errors.New("the rule takes no target")
	}
	return err
}

// look notes who is found in content.
func (in *installation) look(what, where string, n int, content []byte) {
	in.watched.looked[what] += n
	for _, f := range testkit.Find(where, content, in.watched.canaries) {
		in.watched.found[f] = true
	}
}

// lookAtStores looks at records and at the names of objects, before they are removed.
func (in *installation) lookAtStores(ctx context.Context) error {
	tables := dynamodb.NewFromConfig(in.config)
	for _, name := range table.Names() {
		if err := in.lookAtTable(ctx, tables, string(name)); err != nil {
			return fmt.Errorf("reading table %s: %w", name, err)
		}
	}
	buckets := s3.NewFromConfig(in.config, func(o *s3.Options) { o.UsePathStyle = true })
	for name, bucket := range in.settings.Buckets {
		pages := s3.NewListObjectVersionsPaginator(buckets, &s3.ListObjectVersionsInput{Bucket: &bucket})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("listing bucket %s: %w", name, err)
			}
			var names bytes.Buffer
			for _, v := range page.Versions {
				fmt.Fprintln(&names, *v.Key)
			}
			in.look("objects", "names of objects in bucket "+name, len(page.Versions), names.Bytes())
		}
	}
	return nil
}

func (in *installation) lookAtTable(ctx context.Context, client *dynamodb.Client, name string) error {
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: aws.String(in.settings.Prefix + "-" + name)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var keys, bodies bytes.Buffer
		for _, item := range page.Items {
			for attribute, value := range item {
				switch v := value.(type) {
				case *types.AttributeValueMemberS:
					fmt.Fprintln(&keys, attribute, v.Value)
				case *types.AttributeValueMemberB:
					bodies.Write(v.Value)
					bodies.WriteByte('\n')
				}
			}
		}
		in.look("items", "keys of table "+name, len(page.Items), keys.Bytes())
		in.look("items", "items of table "+name, 0, bodies.Bytes())
	}
	return nil
}

// lookAtExecutions looks at what every execution was told, what it answered, and at every step of it.
func (in *installation) lookAtExecutions(ctx context.Context) error {
	client := sfn.NewFromConfig(in.config)
	list, err := client.ListStateMachines(ctx, &sfn.ListStateMachinesInput{})
	if err != nil {
		return err
	}
	for _, m := range list.StateMachines {
		pages := sfn.NewListExecutionsPaginator(client, &sfn.ListExecutionsInput{StateMachineArn: m.StateMachineArn})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, e := range page.Executions {
				if err := in.lookAtExecution(ctx, client, *m.Name, e.ExecutionArn); err != nil {
					return fmt.Errorf("reading an execution of %s: %w", *m.Name, err)
				}
			}
		}
	}
	return nil
}

func (in *installation) lookAtExecution(ctx context.Context, client *sfn.Client, machine string, arn *string) error {
	x, err := client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: arn})
	if err != nil {
		return err
	}
	told := fmt.Sprintln(*arn, aws.ToString(x.Input), aws.ToString(x.Output), aws.ToString(x.Error), aws.ToString(x.Cause))
	in.look("executions", "an execution of "+machine, 1, []byte(told))
	pages := sfn.NewGetExecutionHistoryPaginator(client, &sfn.GetExecutionHistoryInput{ExecutionArn: arn, IncludeExecutionData: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		raw, err := json.Marshal(page.Events)
		if err != nil {
			return err
		}
		in.look("steps of executions", "the history of an execution of "+machine, len(page.Events), raw)
	}
	return nil
}

// lookAtQueues looks at events, and at every message that lies in a queue: reports of mail, and what could not be done.
func (in *installation) lookAtQueues(ctx context.Context) error {
	client := sqs.NewFromConfig(in.config)
	list, err := client.ListQueues(ctx, &sqs.ListQueuesInput{})
	if err != nil {
		return err
	}
	for _, url := range list.QueueUrls {
		what := "messages"
		if filepath.Base(url) == overheard {
			what = "events"
		}
		for {
			out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10})
			if err != nil {
				return err
			}
			if len(out.Messages) == 0 {
				break
			}
			raw, err := json.Marshal(out.Messages)
			if err != nil {
				return err
			}
			in.look(what, "the queue "+filepath.Base(url), len(out.Messages), raw)
		}
	}
	return nil
}

// lookAtLog looks at all that functions wrote in all stories, errors too.
func (in *installation) lookAtLog(context.Context) error {
	raw, err := os.ReadFile(in.cloud.Said())
	if err == nil {
		in.look("lines of logs", "the log", bytes.Count(raw, []byte("\n")), raw)
	}
	return err
}
