package connectors

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	bench "github.com/habeas-dsar/habeas/test/bench/shop"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
	"github.com/habeas-dsar/habeas/test/servers/shop"
)

// erasure is one person's erasure by the engine, as the workflow runs it.
type erasure struct {
	kit *enginetest.Kit
	job *job
}

func newErasure(tb testing.TB, s system, address string) erasure {
	tb.Helper()
	store, err := dirblobs.Open(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	kit := enginetest.New(tb, func(c *engine.Config) { c.Blobs = store })
	return erasure{kit, &job{kit, engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: "task-1", System: "shop", Connector: s.System, Dataset: readDataset(tb, bench.Dataset()), Keys: kit.Keys, Proven: mail(tb, address),
	}}}
}

func (e erasure) turn(tb testing.TB, action dsar.Action, plan engine.PlanRef) engine.Turn {
	tb.Helper()
	turn := e.job.turns(tb, action, "task-"+string(action), plan, func(t engine.Turn) { tb.Fatalf("waiting: %s", t.Reason) })
	if turn.Status != engine.Finished {
		tb.Fatalf("%s ends %s: %s", action, turn.Status, turn.Reason)
	}
	return turn
}

// run plans, erases and verifies, and returns how many records are gone.
func (e erasure) run(tb testing.TB) (erased int, plan, act, verify time.Duration) {
	tb.Helper()
	began := time.Now()
	planned := e.turn(tb, dsar.DryRun, engine.PlanRef{})
	plan = time.Since(began)
	began = time.Now()
	done := e.turn(tb, dsar.Erase, planned.Plan)
	act = time.Since(began)
	began = time.Now()
	e.turn(tb, dsar.VerifyAfter, done.Plan)
	for _, c := range done.Collections {
		if c.Outcome == dsar.Erased {
			erased += c.Records
		}
	}
	return erased, plan, act, time.Since(began)
}

// peak samples the memory in use until the function it returns is called.
func peak() (stop func() float64) {
	var most atomic.Uint64
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse+m.StackInuse))
			}
		}
	}()
	return func() float64 {
		close(ended)
		<-done
		return float64(most.Load()) / (1 << 20)
	}
}

// BenchmarkPostgresLargeErasure erases one customer with 100,000 orders, bare and with two items each: dry run, erasure and
// verification. Plans and spools lie in files, as on one machine.
func BenchmarkPostgresLargeErasure(b *testing.B) {
	const orders = 100_000
	for _, items := range []int{0, 2} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			model := server.CreateDatabase(b)
			shop.Fill(b, model, 1000)
			shop.AddLarge(b, model, orders, items)
			var plan, act, verify time.Duration
			stop := peak()
			for b.Loop() {
				b.StopTimer()
				d := model.Copy(b)
				s := openAs(b, d, bench.Dataset(), account{})
				e := newErasure(b, s, bench.LargeEmail)
				runtime.GC()
				b.StartTimer()
				erased, p, a, v := e.run(b)
				plan, act, verify = plan+p, act+a, verify+v
				if want := shop.LargeRows + orders + orders*items; erased != want {
					b.Fatalf("%d records erased, want %d", erased, want)
				}
				b.StopTimer()
				_ = s.Close()
				b.StartTimer()
			}
			b.ReportMetric(stop(), "peak-MiB")
			for name, d := range map[string]time.Duration{"plan-ms": plan, "erase-ms": act, "verify-ms": verify} {
				b.ReportMetric(float64(d.Milliseconds())/float64(b.N), name)
			}
			b.ReportMetric(float64(statements(b, model)), "statements")
		})
	}
}

// statements counts what one such erasure sends.
func statements(b *testing.B, model *postgres.Database) int {
	b.Helper()
	proxy := server.NewProxy(b)
	s := openAs(b, model.Copy(b), bench.Dataset(), account{port: proxy.Port})
	before := proxy.Requests()
	newErasure(b, s, bench.LargeEmail).run(b)
	return proxy.Requests() - before
}

// BenchmarkPostgresErasure erases one of 10,000 customers, 21 rows over eight tables.
func BenchmarkPostgresErasure(b *testing.B) {
	d := server.CreateDatabase(b)
	shop.Fill(b, d, 10_000)
	s := openAs(b, d, bench.Dataset(), account{})
	n := 0
	for b.Loop() {
		n++
		if erased, _, _, _ := newErasure(b, s, bench.Email(n)).run(b); erased < bench.RowsPerCustomer-2 {
			b.Fatalf("%d records erased", erased)
		}
	}
}
