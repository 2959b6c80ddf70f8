// Package bus is the contract for telling other systems what happened to a case. What is told, and what it looks like, is
// package events; this package owns how it gets there.
//
// Events are delivered at least once and in no order: a publisher that does not know whether an event was taken publishes it
// again, under the same id, and consumers drop an id that they have seen. Drivers: localbus (in process) and, on AWS,
// eventbridgebus. Both pass bustest.
package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// MaxDetail is the size of the largest event, in bytes of its JSON. EventBridge takes 256 KiB for a whole call; an event of ours
// is below one.
const MaxDetail = 64 << 10

// Bus takes events.
type Bus interface {
	// Publish hands events over; none is fine. nil: the bus has them all, and keeps them without us. After an error Left says which
	// of them are to be published again: all, or those of a *PartialError. Errors: invalid (an event is none of ours; nothing was
	// handed over), throttled, unavailable, misconfigured.
	Publish(ctx context.Context, list ...events.Event) error
}

// PartialError is the error of a Publish of which the bus took some events and not others. Its class is that of its cause.
type PartialError struct {
	Left  []events.Event // not taken, or not known to be taken; in the order of the call
	cause error
}

// Partial returns the error of a Publish after which some events are left; nil when there are none.
func Partial(left []events.Event, cause error) error {
	if len(left) == 0 {
		return nil
	}
	return &PartialError{slices.Clone(left), cause}
}

// Error says how many are left, and why.
func (e *PartialError) Error() string {
	return fmt.Sprintf("publishing events, of which %d are left: %v", len(e.Left), e.cause)
}

// Unwrap returns the cause.
func (e *PartialError) Unwrap() error { return e.cause }

// Left returns the events of a Publish that are to be published again after it returned err: none after nil.
func Left(list []events.Event, err error) []events.Event {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*PartialError](err); ok {
		return p.Left
	}
	return list
}

// Detail returns the JSON of an event, as it goes over the wire. fault.Invalid when it lacks what every event has, or is too large;
// nothing of it is quoted.
func Detail(e events.Event) ([]byte, error) {
	switch {
	case e.ID == "" || e.Type == "" || e.Tenant == "" || e.CaseID == "" || e.Reference == "" || e.Right == "" || e.Status == "":
		return nil, fault.New(fault.Invalid, "an event lacks what every event has")
	case e.SchemaVersion != events.SchemaVersion:
		return nil, fault.New(fault.Invalid, "an event is of another version of the schema")
	case e.At.IsZero() || e.ReceivedAt.IsZero():
		return nil, fault.New(fault.Invalid, "an event does not say when it happened")
	}
	raw, err := json.Marshal(e)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "an event has no JSON") // an instant outside of the years of RFC 3339
	case len(raw) > MaxDetail:
		return nil, fault.New(fault.Invalid, "an event is too large")
	}
	return raw, nil
}
