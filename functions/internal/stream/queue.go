package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Queue takes the messages of a queue one after the other. Its event source mapping reports batch item failures.
type Queue struct {
	Take func(ctx context.Context, body []byte) error // idempotent: a queue delivers at least once
	Log  *slog.Logger
}

// Handle takes a batch and names the messages that could not be taken: the queue delivers those again, and puts them aside after as
// many times as it is set up for (AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda"). What is wrong
// with one message keeps no other. fault.Invalid for a payload that is no batch.
func (q *Queue) Handle(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	var batch events.SQSEvent
	if err := json.Unmarshal(payload, &batch); err != nil {
		return nil, fault.New(fault.Invalid, "the payload is no batch of a queue")
	}
	answer := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range batch.Records {
		err := q.safely(ctx, m.Body)
		if err == nil {
			continue
		}
		answer.BatchItemFailures = append(answer.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		class := fault.ClassOf(err)
		q.Log.LogAttrs(ctx, max(fault.RuleFor(class).Level, slog.LevelWarn), "a message of the queue was not taken", slog.String("message", m.MessageId),
			slog.String("class", string(class)), slog.String("error", err.Error()))
	}
	out, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("encoding the answer to a queue: %w", err)
	}
	return out, nil
}

// safely keeps one message that makes the handler panic from ending all the others.
func (q *Queue) safely(ctx context.Context, body string) (err error) {
	defer func() {
		if recover() != nil { // what it says may quote anything
			err = fault.New(fault.Internal, "taking a message of the queue panicked")
		}
	}()
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "taking a message of the queue")
	}
	return q.Take(ctx, []byte(body))
}
