// Package localbus is the bus of one machine: it hands events to takers in the same process.
package localbus

import (
	"context"
	"encoding/json"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Taker takes one event; idempotent by its id. After an error it is offered again with the next Publish of the event.
type Taker func(ctx context.Context, e events.Event) error

// Bus is a bus.Bus over takers. Make one with New; safe for use by several goroutines as far as its takers are.
type Bus struct{ takers []Taker }

var _ bus.Bus = (*Bus)(nil)

// New returns a bus that hands every event to every taker, in this order.
func New(takers ...Taker) *Bus { return &Bus{takers} }

// Publish implements bus.Bus. Takers see what a consumer elsewhere would: the event after its way over the wire. An event that one
// of them refuses is left, and so may reach the others again.
func (b *Bus) Publish(ctx context.Context, list ...events.Event) error {
	arrived := make([]events.Event, len(list))
	for i, e := range list {
		raw, err := bus.Detail(e)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &arrived[i]); err != nil {
			return fault.Wrap(fault.Internal, err, "reading an event back")
		}
	}
	var left []events.Event
	var cause error
	for i, e := range arrived {
		if err := b.offer(ctx, e); err != nil {
			left, cause = append(left, list[i]), first(cause, err)
		}
	}
	return bus.Partial(left, cause)
}

func (b *Bus) offer(ctx context.Context, e events.Event) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "publishing an event")
	}
	for _, take := range b.takers {
		if err := take(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
