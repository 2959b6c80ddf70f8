package connectortest_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
)

func TestMemoryConnector(t *testing.T) { connectortest.Run(t, memoryHarness) }

// memoryHarness returns a harness over an empty memory system.
func memoryHarness(testing.TB) connectortest.Harness { return over(memory.NewSystem()) }

// over returns a harness over a system.
func over(s *memory.System) connectortest.Harness {
	return connectortest.Harness{
		Factory:  memory.Factory(s),
		Settings: json.RawMessage(`{"pageRecords": 20}`),
		BadSettings: []json.RawMessage{
			json.RawMessage(`{"pageRecords": 0}`), json.RawMessage(`{"pageRecord": 20}`), json.RawMessage(`[]`), json.RawMessage(`{"pageRecords": "20"}`),
		},
		Secrets: map[string]redact.Text{"token": redact.NewText("Zq7Secret-token")},
		Seed: func(_ testing.TB, w connectortest.World) {
			s.Reset()
			s.Put(w.Records...)
		},
		Dump:  func(testing.TB) []*connector.Record { return s.Records() },
		Fault: func(_ testing.TB, f connectortest.Fault) { s.Intercept(interceptor(f)) },
		Close: func(testing.TB) { s.Reset() },
	}
}

// interceptor makes requests fail as a fault says.
func interceptor(f connectortest.Fault) func(context.Context, memory.Point) error {
	if f.Kind == "" {
		return nil
	}
	var mu sync.Mutex
	requests, failures := 0, 0
	return func(_ context.Context, at memory.Point) error {
		mu.Lock()
		defer mu.Unlock()
		switch f.Kind {
		case connectortest.DropMidPage:
			if at.Op != "rows" || at.Row != max(f.Row, 1) {
				return nil
			}
		case connectortest.LostAnswer:
			if !at.Done {
				return nil
			}
		default:
			if at.Row > 0 || at.Done {
				return nil
			}
		}
		if requests++; requests <= f.Skip || f.Times > 0 && failures == f.Times {
			return nil
		}
		failures++
		return failure(f.Kind)
	}
}

func failure(kind connectortest.FaultKind) error {
	switch kind {
	case connectortest.Throttled:
		return fault.New(fault.Throttled, "the system is busy").After(connectortest.ThrottledWait)
	case connectortest.Unauthorised:
		return fault.New(fault.Misconfigured, "the system refuses the token")
	case connectortest.Malformed:
		return fault.New(fault.Invalid, "the system's answer cannot be read")
	}
	return fault.New(fault.Unavailable, "the system is not reachable")
}
