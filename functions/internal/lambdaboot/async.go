package lambdaboot

import (
	"context"
	"encoding/json"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Async runs what other functions call without waiting for it; P is the payload.
func Async[H interface {
	Handle(ctx context.Context, in P) error
}, P any](build func(*parts.Parts) (H, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
			var in P
			if json.Unmarshal(payload, &in) != nil {
				return nil, fault.New(fault.Invalid, "the payload is not one of this function")
			}
			return json.RawMessage("{}"), h.Handle(ctx, in)
		}, nil
	})
}

// Prepare has large files prepared by another function.
func Prepare(open func(*cloud.Cloud) func(ctx context.Context, id string) error) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
		p.Prepare = open(c)
		return nil
	}
}
