package local_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
	"github.com/habeas-dsar/habeas/shared/workflow/workflowtest"
)

func epoch() time.Time { return time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC) }

// load loads definitions in which ${name} stands for the machine or function of that name.
func load(d workflowtest.Deployment) (map[string]*asl.Machine, error) {
	names := map[string]string{}
	for _, n := range slices.Concat(d.Functions, slices.Collect(maps.Keys(d.Machines))) {
		names[n] = n
	}
	out := map[string]*asl.Machine{}
	for name, definition := range d.Machines {
		m, err := asl.Load(definition, names)
		if err != nil {
			return nil, err
		}
		out[name] = m
	}
	return out, nil
}

func loadAll(t testing.TB, d workflowtest.Deployment) map[string]*asl.Machine {
	t.Helper()
	m, err := load(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run starts an engine and ends it with the test.
func run(t testing.TB, o local.Options) *local.Engine {
	t.Helper()
	e, err := local.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return e
}

// history reads all events of an execution, page by page.
func history(e *local.Engine) func(context.Context, string, string) ([]workflow.Event, error) {
	return func(ctx context.Context, machine, name string) (all []workflow.Event, err error) {
		for {
			page, err := e.History(ctx, machine, name, int64(len(all))+1, 700)
			if err != nil || len(page) == 0 {
				return all, err
			}
			all = append(all, page...)
		}
	}
}

func TestConformance(t *testing.T) {
	workflowtest.Run(t, workflowtest.Harness{Deploy: workflowtest.Local})
}
