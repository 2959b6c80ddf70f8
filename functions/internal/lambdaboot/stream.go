package lambdaboot

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/stream"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// Stream runs what carries out outbox rows: those that the stream of table cases brings, and, when a schedule calls, those that were
// left; R says what a recovery found.
func Stream[R any, H interface {
	Stream(ctx context.Context, rows []casefile.OutboxRow) (left []int)
	Recover(ctx context.Context) (R, error)
}](build func(*parts.Parts) (H, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		decode := func(image map[string]types.AttributeValue) (table.Item, error) {
			return dynamotable.Decode(table.Cases, image)
		}
		o := &stream.Outbox{Carry: h.Stream, Decode: decode, Log: a.Log, Recover: func(ctx context.Context) error {
			_, err := h.Recover(ctx)
			return err
		}}
		return o.Handle, nil
	})
}

// Queue runs what takes the messages of a queue.
func Queue(build func(*parts.Parts) (func(ctx context.Context, body []byte) error, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		take, err := build(a)
		if err != nil {
			return nil, err
		}
		q := &stream.Queue{Take: take, Log: a.Log}
		return q.Handle, nil
	})
}
