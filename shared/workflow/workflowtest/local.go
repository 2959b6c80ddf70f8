package workflowtest

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
)

// Local deploys to an engine of this machine whose clock stands still unless it is advanced. It ends with the test.
func Local(t testing.TB, d Deployment) System {
	t.Helper()
	names := map[string]string{}
	for _, n := range slices.Concat(d.Functions, slices.Collect(maps.Keys(d.Machines))) {
		names[n] = n
	}
	machines := map[string]*asl.Machine{}
	for name, definition := range d.Machines {
		m, err := asl.Load(definition, names)
		if err != nil {
			t.Fatal(err)
		}
		machines[name] = m
	}
	clock := local.NewManualClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	e, err := local.New(t.Context(), local.Options{
		Path: filepath.Join(t.TempDir(), "workflow.db"), Machines: machines, Invoker: d.Invoker, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(e.Close(ctx), <-ran); err != nil {
			t.Error(err)
		}
	})
	return System{
		Engine: e, Settle: e.Idle,
		Advance: func(ctx context.Context, by time.Duration) error { return e.AdvanceTo(ctx, clock, clock.Now().Add(by)) },
		History: func(ctx context.Context, machine, name string) (all []workflow.Event, err error) {
			for {
				page, err := e.History(ctx, machine, name, int64(len(all))+1, 700)
				if err != nil || len(page) == 0 {
					return all, err
				}
				all = append(all, page...)
			}
		},
	}
}
