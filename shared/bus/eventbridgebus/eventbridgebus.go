// Package eventbridgebus puts events on a bus of Amazon EventBridge: a bus.Bus over PutEvents.
//
// An entry has the source Source, the event's type as its detail-type, the event's JSON as its detail, and its instant as its
// time. EventBridge gives every entry an id of its own, so consumers drop what they have seen by detail.id; rules match on source,
// detail-type and what is in detail.
package eventbridgebus

import (
	"context"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/awsfault"
	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Source is the source of every event.
const Source = "habeas"

// Limits of a call (API reference, PutEvents; User Guide, "Calculating PutEvents event entry size").
const (
	maxEntries   = 10
	maxBytes     = 256 << 10
	timeBytes    = 14 // what the time of an entry counts
	callTimeout  = 10 * time.Second
	notOurSource = "NotAuthorizedForSourceException"
)

// Client is what is used of *eventbridge.Client.
type Client interface {
	PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, options ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Options are the settings of a bus.
type Options struct {
	Bus     string        // name or ARN of the event bus; required
	Timeout time.Duration // of one call; 0 = 10 s
}

// Bus is a bus.Bus over EventBridge. Make one with New; safe for use by several goroutines.
type Bus struct {
	client Client
	opts   Options
}

var _ bus.Bus = (*Bus)(nil)

// busName is what PutEvents takes as the name of a bus.
var busName = regexp.MustCompile(`^(arn:aws[\w-]*:events:[a-z0-9-]+:\d{12}:event-bus/)?[/.\-_A-Za-z0-9]{1,256}$`)

// New checks the settings; what cannot work is fault.Misconfigured. It does not connect.
func New(client Client, opts Options) (*Bus, error) {
	if opts.Timeout == 0 {
		opts.Timeout = callTimeout
	}
	switch {
	case !busName.MatchString(opts.Bus):
		return nil, fault.New(fault.Misconfigured, "the event bus has no name, or one that no event bus has")
	case opts.Timeout < 0:
		return nil, fault.New(fault.Misconfigured, "the timeout of the event bus is below zero")
	}
	return &Bus{client, opts}, nil
}

// Publish implements bus.Bus: in calls of at most 10 events and 256 KiB. A call that fails as a whole ends it, because the next
// would fail alike; an entry that is refused does not keep the others. The SDK repeats calls as its client is set up, so that an
// event may be put twice.
func (b *Bus) Publish(ctx context.Context, list ...events.Event) error {
	entries := make([]types.PutEventsRequestEntry, len(list))
	for i, e := range list {
		raw, err := bus.Detail(e)
		if err != nil {
			return err
		}
		entries[i] = types.PutEventsRequestEntry{
			EventBusName: aws.String(b.opts.Bus), Source: aws.String(Source), DetailType: aws.String(e.Type), Detail: aws.String(string(raw)), Time: aws.Time(e.At),
		}
	}
	var left []events.Event
	var cause error
	for from := 0; from < len(list); {
		to := from + fitting(entries[from:])
		refused, err := b.put(ctx, entries[from:to])
		cause = graver(cause, err)
		if err != nil && refused == nil {
			left = append(left, list[from:]...)
			break
		}
		for _, i := range refused {
			left = append(left, list[from+i])
		}
		from = to
	}
	return bus.Partial(left, cause)
}

// fitting returns how many of the entries go into one call, at least one.
func fitting(entries []types.PutEventsRequestEntry) int {
	size := 0
	for n, e := range entries {
		size += timeBytes + len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
		if n == maxEntries || (size > maxBytes && n > 0) {
			return n
		}
	}
	return len(entries)
}

// put makes one call and returns which entries it did not take, with the gravest reason; none and an error when it took none.
func (b *Bus) put(ctx context.Context, entries []types.PutEventsRequestEntry) (refused []int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "putting events on the bus")
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.Timeout)
	defer cancel()
	out, err := b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		return nil, failure(err)
	}
	if len(out.Entries) != len(entries) {
		return nil, fault.New(fault.Internal, "the event bus did not answer for every event")
	}
	for i, e := range out.Entries {
		if e.ErrorCode != nil {
			refused, err = append(refused, i), graver(err, refusal(*e.ErrorCode))
		}
	}
	return refused, err
}

// refusal is the error of an entry that was not taken. Its message is not quoted.
func refusal(code string) error {
	if code == notOurSource {
		return fault.New(fault.Misconfigured, "the event bus refuses events of this source")
	}
	return failure(&smithy.GenericAPIError{Code: code})
}

// failure classifies an error of the service. What is not found is the bus itself, and that is a setting.
func failure(err error) error {
	wrapped := awsfault.Wrap(err, "putting events on the bus")
	if fault.Has(wrapped, fault.NotFound) {
		return fault.Wrap(fault.Misconfigured, wrapped, "finding the event bus")
	}
	return wrapped
}

// graver returns the error that tells more: one that does not pass by itself before one that does, else the earlier.
func graver(a, b error) error {
	if a == nil || b != nil && fault.RuleFor(fault.ClassOf(a)).Retry && !fault.RuleFor(fault.ClassOf(b)).Retry {
		return b
	}
	return a
}
