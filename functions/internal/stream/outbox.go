package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Outbox takes the new outbox rows from the stream of table cases, whose records hold new images. Its event source mapping reports
// batch item failures (FunctionResponseTypes, ReportBatchItemFailures).
type Outbox struct {
	// Carry carries out rows and returns the indices of those that it did not begin; see publishevents.Step.Stream.
	Carry func(ctx context.Context, rows []casefile.OutboxRow) (left []int)
	// Recover carries out what the stream left; see publishevents.Step.Recover.
	Recover func(ctx context.Context) error
	// Decode reads an image of table cases.
	Decode func(image map[string]types.AttributeValue) (table.Item, error)
	Log    *slog.Logger
}

// Handle takes a batch of the stream, or the call of a schedule, which holds no records and makes it recover.
//
// A batch is of one shard and in the order of its sequence numbers. The answer names the first record whose row was not begun, and
// no other: the platform takes up the shard again from the lowest number that is named, and delivers everything behind it once more
// (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda"). So nothing is lost, and what was
// carried out is passed over by Carry. Rows that failed are not named, as they are in the table: naming them would make the shard
// stand still for the sake of one of them. Other records than new outbox rows are passed over.
//
// fault.Invalid for a payload that is neither.
func (o *Outbox) Handle(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, fault.New(fault.Invalid, "the payload is no batch of a stream")
	}
	answer := events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}
	if len(batch.Records) == 0 {
		if err := o.Recover(ctx); err != nil {
			return nil, err
		}
	} else {
		rows, numbers := o.rows(ctx, batch.Records)
		if left := o.Carry(ctx, rows); len(left) > 0 {
			first := left[0]
			for _, i := range left {
				first = min(first, i)
			}
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: numbers[first]})
			o.Log.LogAttrs(ctx, slog.LevelWarn, "outbox rows were not begun in time", slog.Int("rows", len(left)), slog.Int("of", len(rows)))
		}
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer to a stream: %w", err)
	}
	return out, nil
}

// rows returns the new outbox rows of a batch and the sequence numbers of their records. One that cannot be read is said to be so
// and passed over, like every time it were delivered; it stays in the table.
func (o *Outbox) rows(ctx context.Context, records []events.DynamoDBEventRecord) (rows []casefile.OutboxRow, numbers []string) {
	for _, r := range records {
		if r.EventName != string(events.DynamoDBOperationTypeInsert) || !isOutbox(r.Change.NewImage) {
			continue
		}
		row, err := o.row(r.Change.NewImage)
		if err != nil {
			o.Log.LogAttrs(ctx, slog.LevelError, "an outbox row of the stream cannot be read", slog.String("class", string(fault.ClassOf(err))),
				slog.String("error", err.Error()))
			continue
		}
		rows, numbers = append(rows, row), append(numbers, r.Change.SequenceNumber)
	}
	return rows, numbers
}

// isOutbox reports whether an image may be that of an outbox row, before anything else of it is read.
func isOutbox(image map[string]events.DynamoDBAttributeValue) bool {
	v, ok := image["ipk"]
	return ok && v.DataType() == events.DataTypeString && strings.HasPrefix(v.String(), casefile.OutboxIndex)
}

func (o *Outbox) row(image map[string]events.DynamoDBAttributeValue) (casefile.OutboxRow, error) {
	item, err := o.Decode(attributes(image))
	if err != nil {
		return casefile.OutboxRow{}, err
	}
	row, ok, err := casefile.OutboxRowOf(item)
	if err == nil && !ok {
		err = fault.New(fault.Internal, "a row of the outbox index is no outbox row")
	}
	return row, err
}

// attributes gives an image the types that the SDK has for it. Kinds that no item of the record store has are left out.
func attributes(image map[string]events.DynamoDBAttributeValue) map[string]types.AttributeValue {
	out := make(map[string]types.AttributeValue, len(image))
	for name, v := range image {
		switch v.DataType() {
		case events.DataTypeString:
			out[name] = &types.AttributeValueMemberS{Value: v.String()}
		case events.DataTypeNumber:
			out[name] = &types.AttributeValueMemberN{Value: v.Number()}
		case events.DataTypeBinary:
			out[name] = &types.AttributeValueMemberB{Value: v.Binary()}
		default: // no attribute of ours
		}
	}
	return out
}
