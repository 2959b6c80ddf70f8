// Package bustest is the conformance suite of bus.Bus. A driver passes when Run finds nothing.
package bustest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/shared/bus"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Harness is a bus to be tested and what is known of its other end.
type Harness struct {
	Bus   bus.Bus
	Taken func() [][]byte // the JSON of the events that arrived at the other end so far, in any order, each at least once
}

// Run holds a driver to the contract of package bus. open returns a bus whose other end has taken nothing yet.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	for _, tt := range []struct {
		name string
		test func(*testing.T, Harness)
	}{
		{"arrives", arrives},
		{"many", many},
		{"again", again},
		{"none of ours", noneOfOurs},
		{"ended context", ended},
		{"at once", atOnce},
		{"nothing", nothing},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
	}
}

// Event returns a valid event; n tells events apart.
func Event(n int) events.Event {
	at := time.Date(2027, 1, 31, 9, 0, 0, 123e6, time.UTC).Add(time.Duration(n) * time.Second)
	const id = "018f2f6e-7c1a-7000-8000-000000000001"
	return events.Event{
		ID: fmt.Sprintf("%s/%d", id, n), Type: events.CaseClosed, SchemaVersion: events.SchemaVersion, Tenant: "acme", CaseID: id, Reference: "7K3QX-9M2DA",
		Right: "erasure", Status: "fulfilled", Law: "eu@sha256:0123456789abcdef", ReceivedAt: at.AddDate(0, -1, 0), DueAt: at.AddDate(0, 1, 0), ClosedAt: at, At: at,
	}
}

func list(from, to int) (out []events.Event) {
	for n := from; n < to; n++ {
		out = append(out, Event(n))
	}
	return out
}

// check compares what arrived, each id once, with what was published.
func check(t testing.TB, h Harness, want []events.Event) {
	t.Helper()
	got := map[string]any{}
	for _, raw := range h.Taken() {
		id, document := parse(t, raw)
		if old, ok := got[id]; ok && !cmp.Equal(old, document) {
			t.Errorf("an event arrived in two forms:\n%v\n%v", old, document)
		}
		got[id] = document
	}
	expected := map[string]any{}
	for _, e := range want {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		id, document := parse(t, raw)
		expected[id] = document
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("published and arrived differ:\n%s", diff)
	}
}

// parse reads the JSON of an event; on its way it may have been spaced out anew.
func parse(t testing.TB, raw []byte) (id string, document map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatalf("what arrived is no event: %v", err)
	}
	id, _ = document["id"].(string)
	return id, document
}

func publish(t testing.TB, h Harness, list ...events.Event) {
	t.Helper()
	if err := h.Bus.Publish(t.Context(), list...); err != nil {
		t.Fatal(err)
	}
}

// arrives: an event arrives as package events spells it, with and without what is optional.
func arrives(t *testing.T, h Harness) {
	bare := Event(2)
	bare.Type, bare.Law, bare.DueAt, bare.ClosedAt = events.CaseReceived, "", time.Time{}, time.Time{}
	publish(t, h, Event(1))
	publish(t, h, bare)
	check(t, h, []events.Event{Event(1), bare})
}

// many: a list longer than what the transport takes at once.
func many(t *testing.T, h Harness) {
	want := list(0, 25)
	want[24].Law = strings.Repeat("a long name of a pack ", 2000)
	want[23].Law = want[24].Law
	publish(t, h, want...)
	check(t, h, want)
}

// again: an event that is published twice arrives once or twice, and the same.
func again(t *testing.T, h Harness) {
	publish(t, h, Event(1), Event(2))
	publish(t, h, Event(2), Event(3))
	check(t, h, list(1, 4))
}

// noneOfOurs: one event that breaks a rule keeps the whole list at home, and is not quoted.
func noneOfOurs(t *testing.T, h Harness) {
	for name, change := range map[string]func(*events.Event){
		"no id":           func(e *events.Event) { e.ID = "" },
		"no type":         func(e *events.Event) { e.Type = "" },
		"no tenant":       func(e *events.Event) { e.Tenant = "" },
		"no case":         func(e *events.Event) { e.CaseID = "" },
		"no reference":    func(e *events.Event) { e.Reference = "" },
		"no right":        func(e *events.Event) { e.Right = "" },
		"no status":       func(e *events.Event) { e.Status = "" },
		"no instant":      func(e *events.Event) { e.At = time.Time{} },
		"no receipt":      func(e *events.Event) { e.ReceivedAt = time.Time{} },
		"a year too late": func(e *events.Event) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"another schema":  func(e *events.Event) { e.SchemaVersion++ },
		"too large":       func(e *events.Event) { e.Law = strings.Repeat("x", bus.MaxDetail) },
	} {
		e := Event(2)
		change(&e)
		err := h.Bus.Publish(t.Context(), Event(1), e)
		if !fault.Has(err, fault.Invalid) || len(err.Error()) > 200 || strings.Contains(err.Error(), "7K3QX") {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	check(t, h, nil)
}

func ended(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := list(1, 3)
	err := h.Bus.Publish(ctx, want...)
	if !fault.Has(err, fault.Unavailable) {
		t.Errorf("%v, want unavailable", err)
	}
	if left := bus.Left(want, err); !slices.Equal(left, want) {
		t.Errorf("%d events are left, want all", len(left))
	}
	check(t, h, nil)
}

func atOnce(t *testing.T, h Harness) {
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			if err := h.Bus.Publish(t.Context(), list(3*n, 3*n+3)...); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	check(t, h, list(0, 30))
}

func nothing(t *testing.T, h Harness) {
	publish(t, h)
	check(t, h, nil)
}
