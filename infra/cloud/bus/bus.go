// Package bus opens the event bus of an installation.
package bus

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/bus/eventbridgebus"
)

// Open returns what tells the bus of an event.
func Open(c *cloud.Cloud) (func(ctx context.Context, e events.Event) error, error) {
	bus, err := eventbridgebus.New(putting{eventbridge.NewFromConfig(c.Config).PutEvents}, eventbridgebus.Options{Bus: c.Bus})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, e events.Event) error { return bus.Publish(ctx, e) }, nil
}

type putting struct {
	put cloud.Operation[eventbridge.PutEventsInput, eventbridge.Options, eventbridge.PutEventsOutput]
}

func (p putting) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, o ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	return p.put(ctx, in, o...)
}
