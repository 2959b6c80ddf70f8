package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// scripted is a connector without collections that does what a test says.
type scripted struct {
	desc   connector.Descriptor
	access func(ctx context.Context, call connector.Call) (connector.Progress, error)
	locate func(ctx context.Context, q connector.Query) (connector.Located, error)
}

func (s scripted) Describe() connector.Descriptor {
	d := s.desc
	d.Kind, d.Rights = "scripted", []connector.Right{connector.Access}
	return d
}

func (scripted) Check(context.Context) (connector.Health, error) { return connector.Health{}, nil }
func (scripted) Close() error                                    { return nil }

func (s scripted) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	return s.locate(ctx, q)
}

func (s scripted) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return s.access(ctx, call)
}

func instruction(t *testing.T, k *enginetest.Kit, c connector.Connector) engine.Instruction {
	t.Helper()
	id, err := subject.New(subject.Email, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: "task-1", System: "crm", Action: dsar.ReadOut, Connector: c, Keys: k.Keys,
		Proven: []subject.Identifier{id},
	}
}

func found(n int) []connector.CollectionResult {
	return []connector.CollectionResult{{Collection: "c", Outcome: connector.Found, Records: n}}
}

func put(ctx context.Context, call connector.Call, n int) error {
	for i := range n {
		rec := &connector.Record{Collection: "c", Key: connector.Key{connector.Int(int64(i))}, Fields: []connector.Field{{Name: "n", Value: connector.Int(int64(i))}}}
		if err := call.Records.Put(ctx, rec); err != nil {
			return err
		}
	}
	return nil
}

func TestWrongInstructionsAreRefused(t *testing.T) {
	k := enginetest.New(t, nil)
	good := instruction(t, k, scripted{access: func(context.Context, connector.Call) (connector.Progress, error) {
		t.Error("the connector was called")
		return connector.Progress{}, nil
	}})
	for name, spoil := range map[string]func(*engine.Instruction){
		"no tenant":       func(i *engine.Instruction) { i.Tenant = "" },
		"a path as task":  func(i *engine.Instruction) { i.TaskID = "../x" },
		"dots as case":    func(i *engine.Instruction) { i.CaseID = ".." },
		"no connector":    func(i *engine.Instruction) { i.Connector = nil },
		"no keys":         func(i *engine.Instruction) { i.Keys = nil },
		"no identifier":   func(i *engine.Instruction) { i.Proven = nil },
		"unknown action":  func(i *engine.Instruction) { i.Action = "dance" },
		"foreign state":   func(i *engine.Instruction) { i.State = engine.State(`{"v":1,"action":"erase"}`) },
		"broken state":    func(i *engine.Instruction) { i.State = engine.State(`{`) },
		"state of future": func(i *engine.Instruction) { i.State = engine.State(`{"v":9,"action":"access"}`) },
	} {
		ins := good
		spoil(&ins)
		if _, err := k.Engine.Turn(t.Context(), ins); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestConnectorsThatClaimTooMuchAreNotBelieved(t *testing.T) {
	for name, answer := range map[string]func(ctx context.Context, call connector.Call) (connector.Progress, error){
		"neither finished nor cursor": func(context.Context, connector.Call) (connector.Progress, error) { return connector.Progress{}, nil },
		"both": func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true, Cursor: "1"}, nil
		},
		"finished with an error": func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true, Cursor: "1"}, fault.New(fault.Unavailable, "gone")
		},
		"no outcome": func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true, Collections: []connector.CollectionResult{{Collection: "c"}}}, nil
		},
		"more than delivered": func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true, Collections: found(3)}, nil
		},
		"delivered and not reported": func(ctx context.Context, call connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true}, put(ctx, call, 1)
		},
		"a huge cursor": func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Cursor: connector.Cursor(strings.Repeat("x", 5000))}, nil
		},
	} {
		k := enginetest.New(t, nil)
		turn, err := k.Engine.Turn(t.Context(), instruction(t, k, scripted{access: answer}))
		if err != nil || turn.Status != engine.Person || turn.Outcome != dsar.NotDone || len(turn.Parts) > 0 {
			t.Errorf("%s: turn %s with %q and %d parts, %v; want a person to be asked", name, turn.Status, turn.Outcome, len(turn.Parts), err)
		}
	}
}

func TestCursorThatDoesNotMoveIsNotFollowedForever(t *testing.T) {
	k := enginetest.New(t, nil)
	ins := instruction(t, k, scripted{access: func(context.Context, connector.Call) (connector.Progress, error) {
		return connector.Progress{Cursor: "1"}, nil
	}})
	first, err := k.Engine.Turn(t.Context(), ins)
	if err != nil || first.Status != engine.More {
		t.Fatalf("%s, %v", first.Status, err)
	}
	ins.State = first.State
	if second, err := k.Engine.Turn(t.Context(), ins); err != nil || second.Status != engine.Person {
		t.Errorf("%s, %v; want a person to be asked", second.Status, err)
	}
}

func TestWaitsGrowAndEnd(t *testing.T) {
	k := enginetest.New(t, nil)
	down := true
	ins := instruction(t, k, scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		if down {
			return connector.Progress{}, call.Request(ctx, func(context.Context) error { return fault.New(fault.Unavailable, "down") })
		}
		return connector.Progress{Finished: true, Collections: found(2)}, put(ctx, call, 2)
	}})
	last := 0
	for range 12 {
		turn, err := k.Engine.Turn(t.Context(), ins)
		if err != nil || turn.Status != engine.Waiting || turn.FaultClass != "unavailable" {
			t.Fatalf("%s (%s), %v", turn.Status, turn.FaultClass, err)
		}
		if turn.WaitSeconds < last || turn.WaitSeconds > 900 {
			t.Fatalf("a wait of %d s after one of %d s", turn.WaitSeconds, last)
		}
		last, ins.State = turn.WaitSeconds, turn.State
	}
	if last != 900 {
		t.Errorf("waits grow to %d s, want 900", last)
	}
	down = false
	turn, err := k.Engine.Turn(t.Context(), ins)
	if err != nil || turn.Status != engine.Finished || turn.Outcome != dsar.Found {
		t.Errorf("the system is back: %s with %q, %v", turn.Status, turn.Outcome, err)
	}
	if k.Clock.Slept() > 12*2*time.Second {
		t.Errorf("slept %v inside turns", k.Clock.Slept())
	}
}

func TestAnnouncedWaitIsKept(t *testing.T) {
	k := enginetest.New(t, nil)
	calls := 0
	ins := instruction(t, k, scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		return connector.Progress{}, call.Request(ctx, func(context.Context) error {
			calls++
			return fault.New(fault.Throttled, "slow down").After(2 * time.Minute)
		})
	}})
	turn, err := k.Engine.Turn(t.Context(), ins)
	if err != nil || turn.Status != engine.Waiting || turn.WaitSeconds != 120 || calls != 1 {
		t.Errorf("%s for %d s after %d calls, %v; want 120 s after one", turn.Status, turn.WaitSeconds, calls, err)
	}
}

func TestRateLimitHoldsAcrossTasks(t *testing.T) {
	k := enginetest.New(t, nil)
	c := scripted{desc: connector.Descriptor{Limits: connector.Limits{PerSecond: 2}}, access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		for range 10 {
			if err := call.Request(ctx, func(context.Context) error { return nil }); err != nil {
				return connector.Progress{}, err
			}
		}
		return connector.Progress{Finished: true, Collections: []connector.CollectionResult{{Collection: "c", Outcome: connector.NothingHeld}}}, nil
	}}
	for i := range 3 {
		ins := instruction(t, k, c)
		ins.TaskID = fmt.Sprint("task-", i)
		if turn, err := k.Engine.Turn(t.Context(), ins); err != nil || turn.Status != engine.Finished {
			t.Fatalf("%s, %v", turn.Status, err)
		}
	}
	if got := k.Clock.Slept(); got < 14*time.Second || got > 16*time.Second {
		t.Errorf("30 requests at 2 a second slept %v, want about 14.5 s", got)
	}
}

// A clock that is moved by hand stands still while rate limits are waited for by another: they go by that one.
func TestRateLimitsGoByTheClockThatSleepWaitsBy(t *testing.T) {
	stands, runs := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var slept time.Duration
	k, err := engine.New(engine.Config{
		Blobs: enginetest.NewStore(), Now: func() time.Time { return stands }, Pace: func() time.Time { return runs },
		Sleep: func(_ context.Context, d time.Duration) error {
			slept, runs = slept+d, runs.Add(d)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := scripted{desc: connector.Descriptor{Limits: connector.Limits{PerSecond: 10}}, access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		for range 200 {
			if err := call.Request(ctx, func(context.Context) error { return nil }); err != nil {
				return connector.Progress{}, err
			}
		}
		return connector.Progress{Finished: true}, nil
	}}
	turn, err := k.Turn(t.Context(), instruction(t, &enginetest.Kit{Keys: enginetest.NewKeys(t)}, c))
	if err != nil || slept < 19*time.Second || slept > 20*time.Second {
		t.Errorf("200 requests at 10 a second slept %v, want about 19.7 s: %s, %v", slept, turn.Status, err)
	}
}

func TestOurOwnFailuresAreErrors(t *testing.T) {
	k := enginetest.New(t, nil)
	broken := true
	k.Store.FailPut = func(string) error {
		if broken {
			return fault.New(fault.Unavailable, "the disk is full")
		}
		return nil
	}
	ins := instruction(t, k, scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		return connector.Progress{Finished: true, Collections: found(3)}, put(ctx, call, 3)
	}})
	if _, err := k.Engine.Turn(t.Context(), ins); !fault.Has(err, fault.Unavailable) {
		t.Fatalf("%v, want unavailable", err)
	}
	broken = false
	turn, err := k.Engine.Turn(t.Context(), ins)
	if err != nil || turn.Status != engine.Finished || len(turn.Parts) != 1 {
		t.Errorf("repeated: %s with %d parts, %v", turn.Status, len(turn.Parts), err)
	}
}

func TestEndedContextIsAnError(t *testing.T) {
	k := enginetest.New(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ins := instruction(t, k, scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		cancel()
		return connector.Progress{}, call.Request(ctx, func(ctx context.Context) error { return ctx.Err() })
	}})
	if _, err := k.Engine.Turn(ctx, ins); !errors.Is(err, context.Canceled) || !fault.Has(err, fault.Unavailable) {
		t.Errorf("%v, want the context's error as unavailable", err)
	}
}

func TestReceiptsSayTheSameOfTheSame(t *testing.T) {
	k := enginetest.New(t, nil)
	records := 0
	c := scripted{locate: func(context.Context, connector.Query) (connector.Located, error) {
		return connector.Located{Collections: found(records)}, nil
	}}
	ins := instruction(t, k, c)
	ins.Action = dsar.Locate
	receipt := func() string {
		turn, err := k.Engine.Turn(t.Context(), ins)
		if err != nil || turn.Status != engine.Finished || len(turn.Receipt) != 64 {
			t.Fatalf("%s with receipt %q, %v", turn.Status, turn.Receipt, err)
		}
		return turn.Receipt
	}
	first := receipt()
	k.Clock.Advance(time.Hour)
	if receipt() != first {
		t.Error("the receipt depends on the time")
	}
	records = 1
	if receipt() == first {
		t.Error("the receipt does not depend on the counts")
	}
}

func TestOverallTakesTheWorst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outcomes := rapid.SliceOfN(rapid.SampledFrom(dsar.Outcomes()), 1, 6).Draw(t, "outcomes")
		var list []connector.CollectionResult
		all, open := true, false
		for _, o := range outcomes {
			list = append(list, connector.CollectionResult{Collection: "c", Outcome: o})
			all = all && o == dsar.NothingHeld
			open = open || !o.Complete()
		}
		got := engine.Overall(list)
		if (got == dsar.NothingHeld) != all {
			t.Fatalf("%v make %q", outcomes, got)
		}
		if open == got.Complete() {
			t.Fatalf("%v make %q: what is open must show, what is not must not", outcomes, got)
		}
	})
	if engine.Overall(nil) != dsar.NotDone {
		t.Error("no answer at all counts as something")
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"v":1,"action":"access","turn":1,"cursor":"{}","spooled":true,"nextPart":3}`))
	k, err := engine.New(engine.Config{Blobs: enginetest.NewStore(), Now: time.Now, Sleep: func(context.Context, time.Duration) error { return nil }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		kit := &enginetest.Kit{Keys: enginetest.NewKeys(t)}
		ins := instruction(t, kit, scripted{access: func(context.Context, connector.Call) (connector.Progress, error) {
			return connector.Progress{Finished: true, Collections: []connector.CollectionResult{{Collection: "c", Outcome: connector.NothingHeld}}}, nil
		}})
		ins.State = b
		turn, err := k.Turn(t.Context(), ins)
		if err == nil && turn.Status != engine.Finished && turn.Status != engine.Person {
			t.Fatalf("status %q", turn.Status)
		}
	})
}
