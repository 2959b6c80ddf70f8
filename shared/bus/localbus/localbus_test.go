package localbus_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/bus/bustest"
	"github.com/habeas-dsar/habeas/shared/bus/localbus"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t testing.TB) bustest.Harness {
		var mu sync.Mutex
		var taken [][]byte
		b := localbus.New(func(_ context.Context, e events.Event) error {
			raw, err := json.Marshal(e)
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, raw)
			return err
		})
		return bustest.Harness{Bus: b, Taken: func() [][]byte {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(taken)
		}}
	})
}

// What one taker refuses is left, and nothing else; its reason is that of the error.
func TestATakerThatRefuses(t *testing.T) {
	var first, second []string
	refuse := true
	b := localbus.New(
		func(_ context.Context, e events.Event) error { first = append(first, e.ID); return nil },
		func(_ context.Context, e events.Event) error {
			if refuse && e.ID == bustest.Event(2).ID {
				return fault.New(fault.Throttled, "not now")
			}
			second = append(second, e.ID)
			return nil
		},
	)
	list := []events.Event{bustest.Event(1), bustest.Event(2), bustest.Event(3)}
	err := b.Publish(t.Context(), list...)
	left := bus.Left(list, err)
	if !fault.Has(err, fault.Throttled) || len(left) != 1 || left[0] != list[1] || strings.Contains(err.Error(), list[1].CaseID) {
		t.Fatalf("%v, left %d", err, len(left))
	}
	refuse = false
	if err := b.Publish(t.Context(), left...); err != nil {
		t.Fatal(err)
	}
	if len(first) != 4 || len(second) != 3 || second[2] != list[1].ID {
		t.Errorf("the first took %d events, the second %d", len(first), len(second))
	}
}
