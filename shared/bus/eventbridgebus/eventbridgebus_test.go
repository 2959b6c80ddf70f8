package eventbridgebus_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/bus/bustest"
	"github.com/habeas-dsar/habeas/shared/bus/eventbridgebus"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// service stands in for EventBridge: it holds a call to the limits of PutEvents and takes its entries, or refuses as told.
type service struct {
	t      testing.TB
	refuse func(e types.PutEventsRequestEntry) string // error code; "" = takes it
	fail   func(call int) error                       // of the call as a whole, counted from 1
	mute   bool                                       // answers for no entry

	mu    sync.Mutex
	calls [][]types.PutEventsRequestEntry
	taken []types.PutEventsRequestEntry
}

func (s *service) PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, in.Entries)
	size := 0
	for _, e := range in.Entries {
		size += 14 + len(*e.Source) + len(*e.DetailType) + len(*e.Detail)
	}
	if n := len(in.Entries); n == 0 || n > 10 || size > 256<<10 {
		s.t.Errorf("a call of %d entries and %d bytes", n, size)
	}
	if s.fail != nil {
		if err := s.fail(len(s.calls)); err != nil {
			return nil, err
		}
	}
	out := &eventbridge.PutEventsOutput{}
	if s.mute {
		return out, nil
	}
	for _, e := range in.Entries {
		if s.refuse != nil {
			if code := s.refuse(e); code != "" {
				out.FailedEntryCount++
				out.Entries = append(out.Entries, types.PutEventsResultEntry{ErrorCode: aws.String(code), ErrorMessage: aws.String("canary " + *e.Detail)})
				continue
			}
		}
		s.taken = append(s.taken, e)
		out.Entries = append(out.Entries, types.PutEventsResultEntry{EventId: aws.String("1")})
	}
	return out, nil
}

func (s *service) details() (out [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.taken {
		out = append(out, []byte(*e.Detail))
	}
	return out
}

func open(t testing.TB, s eventbridgebus.Client) *eventbridgebus.Bus {
	t.Helper()
	b, err := eventbridgebus.New(s, eventbridgebus.Options{Bus: "habeas-test"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t testing.TB) bustest.Harness {
		s := &service{t: t}
		return bustest.Harness{Bus: open(t, s), Taken: s.details}
	})
}

func TestAnEntry(t *testing.T) {
	s := &service{t: t}
	if err := open(t, s).Publish(t.Context(), bustest.Event(1)); err != nil {
		t.Fatal(err)
	}
	e := s.taken[0]
	if *e.EventBusName != "habeas-test" || *e.Source != "habeas" || *e.DetailType != "case.closed" || !e.Time.Equal(bustest.Event(1).At) || len(e.Resources) != 0 {
		t.Errorf("%+v", e)
	}
}

func some(n int) (out []events.Event) {
	for i := range n {
		out = append(out, bustest.Event(i))
	}
	return out
}

// Calls are as full as the limits let them be.
func TestBatches(t *testing.T) {
	large := some(12)
	for i := range large {
		large[i].Law = strings.Repeat("x", 50<<10)
	}
	for name, tt := range map[string]struct {
		list []events.Event
		want []int
	}{
		"ten":             {some(10), []int{10}},
		"eleven":          {some(11), []int{10, 1}},
		"large ones":      {large, []int{5, 5, 2}},
		"one large":       {large[:1], []int{1}},
		"small and large": {append(some(8), large[8:]...), []int{10, 2}},
	} {
		s := &service{t: t}
		if err := open(t, s).Publish(t.Context(), tt.list...); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, c := range s.calls {
			got = append(got, len(c))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: calls of %d, want %d", name, got, tt.want)
		}
	}
}

// Only what was not taken is left, and the error has the class of the reason that does not pass by itself.
func TestRefusedEntries(t *testing.T) {
	codes := map[string]string{}
	s := &service{t: t, refuse: func(e types.PutEventsRequestEntry) string {
		for id, code := range codes {
			if strings.Contains(*e.Detail, `"`+id+`"`) {
				return code
			}
		}
		return ""
	}}
	list := some(25)
	for _, tt := range []struct {
		codes map[int]string
		class fault.Class
	}{
		{map[int]string{3: "ThrottlingException"}, fault.Throttled},
		{map[int]string{0: "InternalFailure", 24: "InternalException"}, fault.Unavailable},
		{map[int]string{9: "ThrottlingException", 10: "AccessDeniedException", 20: "InternalFailure"}, fault.Misconfigured},
		{map[int]string{4: "NotAuthorizedForSourceException"}, fault.Misconfigured},
		{map[int]string{4: "MalformedDetail"}, fault.Internal},
	} {
		clear(codes)
		var want []events.Event
		for n := range list {
			if code, ok := tt.codes[n]; ok {
				codes[list[n].ID] = code
				want = append(want, list[n])
			}
		}
		s.taken = nil
		err := open(t, s).Publish(t.Context(), list...)
		if left := bus.Left(list, err); !fault.Has(err, tt.class) || !slices.Equal(left, want) || len(s.taken) != len(list)-len(want) {
			t.Errorf("%v: %v, %d left, %d taken", tt.codes, err, len(left), len(s.taken))
		}
		if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), list[0].CaseID) {
			t.Errorf("the error quotes the answer: %v", err)
		}
	}
}

// A call that fails as a whole leaves its events and those after it; what earlier calls took is not published again.
func TestACallThatFails(t *testing.T) {
	status := func(code int) error {
		return &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}}, Err: errors.New("canary")}
	}
	for name, tt := range map[string]struct {
		err   error
		class fault.Class
	}{
		"throttled":   {&smithy.GenericAPIError{Code: "ThrottlingException", Message: "canary"}, fault.Throttled},
		"no such bus": {&smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "canary"}, fault.Misconfigured},
		"not found":   {status(404), fault.Misconfigured},
		"broken":      {status(500), fault.Unavailable},
		"timed out":   {context.DeadlineExceeded, fault.Unavailable},
	} {
		s := &service{t: t, fail: func(call int) error {
			if call == 2 {
				return tt.err
			}
			return nil
		}}
		list := some(25)
		err := open(t, s).Publish(t.Context(), list...)
		if left := bus.Left(list, err); !fault.Has(err, tt.class) || !slices.Equal(left, list[10:]) || len(s.calls) != 2 || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, %d left after %d calls", name, err, len(left), len(s.calls))
		}
	}
	s := &service{t: t, mute: true}
	list := some(2)
	if err := open(t, s).Publish(t.Context(), list...); !fault.Has(err, fault.Internal) || len(bus.Left(list, err)) != 2 {
		t.Errorf("no answer for the entries: %v", err)
	}
}

type hanging struct{}

func (hanging) PutEvents(ctx context.Context, _ *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestACallHasATimeout(t *testing.T) {
	b, err := eventbridgebus.New(hanging{}, eventbridgebus.Options{Bus: "habeas-test", Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), bustest.Event(1)); !fault.Has(err, fault.Unavailable) {
		t.Error(err)
	}
}

func TestSettings(t *testing.T) {
	for _, name := range []string{"default", "habeas-prod", "arn:aws:events:eu-west-1:123456789012:event-bus/habeas-prod"} {
		if _, err := eventbridgebus.New(hanging{}, eventbridgebus.Options{Bus: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, opts := range map[string]eventbridgebus.Options{
		"no bus": {}, "a bus with a space": {Bus: "a b"}, "a bus with a line break": {Bus: "a\n"}, "a timeout below zero": {Bus: "a", Timeout: -1},
	} {
		if _, err := eventbridgebus.New(hanging{}, opts); !fault.Has(err, fault.Misconfigured) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
