package lambdaboot

import (
	"context"
	"encoding/json"

	"github.com/habeas-dsar/habeas/functions/internal/desk"
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/infra/cloud"
)

// Worker runs the step of a state machine that opens systems, and answers the functions that open none (package desk).
func Worker[H interface {
	Handle(ctx context.Context, in step.Input) (O, error)
}, O any](build func(*parts.Parts) (H, error), ports ...Port) {
	run(ports, func(a *parts.Parts) (handler, error) {
		h, err := build(a)
		if err != nil {
			return nil, err
		}
		compare, err := a.Restores()
		if err != nil {
			return nil, err
		}
		return either(desk.Serve(a.Systems, compare, a.Log), step.Handler(h.Handle)), nil
	})
}

// either takes what is for a desk to the desk, and everything else for a task.
func either(desks, tasks handler) handler {
	return func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		if desk.Asked(payload) {
			return desks(ctx, payload)
		}
		return tasks(ctx, payload)
	}
}

// Workers asks the functions that open systems.
func Workers(open func(*cloud.Cloud) func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)) Port {
	return func(_ context.Context, c *cloud.Cloud, p *parts.Ports) error {
		p.Workers, p.Call = c.Workers(), open(c)
		return nil
	}
}
