package local_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	"github.com/habeas-dsar/habeas/shared/workflow/local"
)

// invokerFunc is a function as an invoker.
type invokerFunc func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)

func (f invokerFunc) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	return f(ctx, function, payload)
}

// turns is a machine that invokes a function 20 times, with the data flow and the Choice that the product's machines have.
const turns = `{"StartAt":"Run","States":{
  "Run":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"work","Payload":
    {"tenant.$":"$.tenant","caseId.$":"$.caseId","generation.$":"$.generation","state.$":"$$.State.Name"}},
    "ResultSelector":{"next.$":"$.Payload.next"},"ResultPath":"$.step",
    "Retry":[{"ErrorEquals":["throttled","unavailable"],"IntervalSeconds":2,"JitterStrategy":"FULL"}],
    "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.fault","Next":"End"}],"Next":"Ran"},
  "Ran":{"Type":"Choice","Choices":[{"Variable":"$.step.next","StringEquals":"more","Next":"Turn"}],"Default":"End"},
  "Turn":{"Type":"Pass","Parameters":{"tenant.$":"$.tenant","caseId.$":"$.caseId","generation.$":"$.generation",
    "turns.$":"States.MathAdd($.turns, 1)"},"Next":"Enough"},
  "Enough":{"Type":"Choice","Choices":[{"Variable":"$.turns","NumericLessThan":20,"Next":"Run"}],"Default":"End"},
  "End":{"Type":"Succeed"}}}`

func loadOne(tb testing.TB, definition string) map[string]*asl.Machine {
	tb.Helper()
	m, err := asl.Load([]byte(definition), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return map[string]*asl.Machine{"main": m}
}

// BenchmarkTransitions runs 64 executions of 20 tasks at once; an operation is one task with what lies between it and the
// next, durable.
func BenchmarkTransitions(b *testing.B) {
	e := run(b, local.Options{
		Path: filepath.Join(b.TempDir(), "workflow.db"), Machines: loadOne(b, turns), Clock: local.NewClock(time.Now),
		Invoker: invokerFunc(func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(`{"next":"more"}`), nil
		}),
	})
	input := json.RawMessage(`{"tenant":"default","caseId":"01JMZ0000000000000000000AB","generation":1,"turns":0}`)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i := 0; i*20 < b.N; i++ {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			name := fmt.Sprintf("e%d-%d", b.N, i)
			if _, err := e.Start(b.Context(), "main", name, input); err != nil {
				b.Error(err)
				return
			}
			for x := (workflow.Execution{Status: workflow.Running}); x.Status == workflow.Running; {
				time.Sleep(5 * time.Millisecond)
				var err error
				if x, err = e.Describe(b.Context(), "main", name); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}

// BenchmarkParked starts 10,000 executions that wait for a token and reports what one of them keeps in memory, then answers
// them all.
func BenchmarkParked(b *testing.B) {
	const parked = 10_000
	for b.Loop() {
		var mu sync.Mutex
		var tokens []string
		e := run(b, local.Options{
			Path: filepath.Join(b.TempDir(), "workflow.db"), Clock: local.NewClock(time.Now),
			Machines: loadOne(b, `{"StartAt":"A","States":{"A":{"Type":"Task",
			  "Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","TimeoutSeconds":2592000,"Parameters":
			  {"FunctionName":"ask","Payload":{"token.$":"$$.Task.Token"}},"End":true}}}`),
			Invoker: invokerFunc(func(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
				var p struct{ Token string }
				if err := json.Unmarshal(payload, &p); err != nil {
					return nil, err
				}
				mu.Lock()
				tokens = append(tokens, p.Token)
				mu.Unlock()
				return nil, nil
			}),
		})
		before, goroutines := heap(), runtime.NumGoroutine()
		inParallel(b, parked, func(i int) error {
			_, err := e.Start(b.Context(), "main", fmt.Sprintf("e%d", i), json.RawMessage(`{"caseId":"01JMZ0000000000000000000AB"}`))
			return err
		})
		if err := e.Idle(b.Context()); err != nil {
			b.Fatal(err)
		}
		kept := heap() - before - int64(parked*80) // 80 bytes: the token that this benchmark keeps
		b.ReportMetric(float64(kept)/parked, "B/parked")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		start := time.Now()
		inParallel(b, parked, func(i int) error { return e.Succeed(b.Context(), tokens[i], json.RawMessage(`{}`)) })
		b.ReportMetric(parked/time.Since(start).Seconds(), "answers/s")
		running, _, err := e.List(b.Context(), workflow.Running, "", 1)
		if err != nil || len(running) > 0 {
			b.Fatalf("%d executions still run: %v", len(running), err)
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func inParallel(tb testing.TB, n int, f func(i int) error) {
	tb.Helper()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				if err := f(i); err != nil {
					tb.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
