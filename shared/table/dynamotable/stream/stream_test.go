package stream_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable/stream"
)

// record is what Lambda passes to a function, less what is of no interest here.
const record = `{"Records": [{"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "T#a#C#1"}, "sk": {"S": "O#0001"}},
	"SequenceNumber": "1", "NewImage": {"pk": {"S": "T#a#C#1"}, "sk": {"S": "O#0001"}, "ipk": {"S": "OUT#3"}, "isk": {"S": "2026-03-01"},
	"body": {"B": "AP8B"}, "version": {"N": "7"}, "expires": {"N": "1772366400"}, "aws:rep:deleting": {"BOOL": true}}}}]}`

func TestDecode(t *testing.T) {
	var event events.DynamoDBEvent
	if err := json.Unmarshal([]byte(record), &event); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Decode(table.Cases, event.Records[0].Change.NewImage)
	want := table.Item{
		Key: table.Key{Table: table.Cases, PK: "T#a#C#1", SK: "O#0001"}, IPK: "OUT#3", ISK: "2026-03-01", Body: []byte{0, 0xff, 1},
		Version: 7, ExpiresAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for name, broken := range map[string]map[string]events.DynamoDBAttributeValue{
		"nothing": nil,
		"keys":    event.Records[0].Change.Keys,
		"another type": {
			"pk": events.NewStringAttribute("p"), "sk": events.NewStringAttribute("s"), "version": events.NewNumberAttribute("1"),
			"body": events.NewBooleanAttribute(true),
		},
	} {
		if _, err := stream.Decode(table.Cases, broken); !fault.Has(err, fault.Internal) {
			t.Errorf("%s: got %v, want internal", name, err)
		}
	}
}
