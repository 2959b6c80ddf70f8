package dynamo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable/stream"
)

// TestStream reads what was written from the stream of its table, in the form in which a function gets it: the records on the wire are
// those that Lambda passes on.
func TestStream(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		cfg := c.config(t)
		s, part := open(t, cfg, dynamotable.Options{}), partition()
		first := table.Item{
			Key: table.Key{Table: table.Cases, PK: part, SK: "O#0001"}, IPK: part, ISK: "2026-03-01", Body: []byte{0, 0xff, '"'},
			ExpiresAt: table.StoredExpiry(time.Now().Add(time.Hour)),
		}
		second := table.Item{Key: first.Key, Body: []byte{}}
		put(t, s, first)
		put(t, s, second)
		if err := s.Transact(t.Context(), table.Write{Op: table.Delete, Item: second, If: 2}); err != nil {
			t.Fatal(err)
		}
		first.Version, second.Version = 1, 2
		var got []table.Item
		var names []string
		for _, r := range readStream(t, cfg) {
			if r.Change.Keys["pk"].String() != part {
				continue
			}
			names = append(names, r.EventName)
			if r.Change.NewImage == nil {
				continue
			}
			it, err := stream.Decode(table.Cases, r.Change.NewImage)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, it)
		}
		if d := cmp.Diff([]table.Item{first, second}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if d := cmp.Diff([]string{"INSERT", "MODIFY", "REMOVE"}, names); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	})
}

// readStream returns every record that the stream of table cases holds now.
func readStream(t *testing.T, cfg aws.Config) []events.DynamoDBEventRecord {
	t.Helper()
	out, err := dynamodb.NewFromConfig(cfg).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: aws.String(dynamotable.TableName(prefix, table.Cases)),
	})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(out.Table.LatestStreamArn)
	var described struct {
		StreamDescription struct{ Shards []struct{ ShardID string } }
	}
	streams(t, cfg, "DescribeStream", map[string]string{"StreamArn": arn}, &described)
	var records []events.DynamoDBEventRecord
	for _, shard := range described.StreamDescription.Shards {
		var at struct{ ShardIterator string }
		streams(t, cfg, "GetShardIterator",
			map[string]string{"StreamArn": arn, "ShardId": shard.ShardID, "ShardIteratorType": "TRIM_HORIZON"}, &at)
		for at.ShardIterator != "" {
			var page struct {
				events.DynamoDBEvent
				NextShardIterator string
			}
			streams(t, cfg, "GetRecords", map[string]string{"ShardIterator": at.ShardIterator}, &page)
			records = append(records, page.Records...)
			if at.ShardIterator = page.NextShardIterator; len(page.Records) == 0 {
				break // an open shard goes on for ever
			}
		}
	}
	return records
}

// streams calls an operation of DynamoDB Streams.
func streams(t *testing.T, cfg aws.Config, operation string, in map[string]string, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	call, err := http.NewRequestWithContext(t.Context(), http.MethodPost, aws.ToString(cfg.BaseEndpoint), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	call.Header.Set("Content-Type", "application/x-amz-json-1.0")
	call.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+operation)
	credentials, err := cfg.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, call, hex.EncodeToString(hash[:]), "dynamodb", cfg.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(call)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", operation, response.Status, answer, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
}
