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

// Outbox runs what the stream of table cases calls with new outbox rows, and a schedule with nothing, which makes it look for the
// rows that the stream left; R is what it says of those.
func Outbox[H interface {
	Stream(ctx context.Context, rows []casefile.OutboxRow) (left []int)
	Recover(ctx context.Context) (R, error)
}, R any](build func(*parts.Parts) (H, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		o := &stream.Outbox{
			Carry:   h.Stream,
			Recover: func(ctx context.Context) error { _, err := h.Recover(ctx); return err },
			Decode: func(image map[string]types.AttributeValue) (table.Item, error) {
				return dynamotable.Decode(table.Cases, image)
			},
			Log: a.Log,
		}
		return o.Handle, nil
	})
}

// Queue runs what a queue calls, message by message; take is idempotent.
func Queue(build func(*parts.Parts) (take func(ctx context.Context, body []byte) error, err error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		take, err := build(a)
		if err != nil {
			return nil, err
		}
		return (&stream.Queue{Take: take, Log: a.Log}).Handle, nil
	})
}
