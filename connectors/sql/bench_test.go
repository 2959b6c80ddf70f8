package sql_test

import (
	"context"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/test/bench/shop"
)

func benchShop(tb testing.TB, customers, large int) system {
	tb.Helper()
	dir, db := newDatabase(tb, "PRAGMA synchronous = off", shop.Schema())
	if err := shop.Generate(tb.Context(), db, customers); err != nil {
		tb.Fatal(err)
	}
	if large > 0 {
		if err := shop.LargeSubject(tb.Context(), db, large); err != nil {
			tb.Fatal(err)
		}
	}
	s, err := openIn(tb, dir, shop.Dataset())
	if err != nil {
		tb.Fatal(err)
	}
	return system{s, db, dir}
}

// discard counts records and encodes them, as the engine does before it seals them.
type discard struct {
	n   int
	buf []byte
}

func (d *discard) Put(_ context.Context, r *connector.Record) error {
	d.n++
	d.buf = r.AppendJSON(d.buf[:0])
	return nil
}

func (d *discard) Full() bool { return false }

func (s system) readAll(tb testing.TB, email string) int {
	sink := &discard{}
	p, err := s.Access(tb.Context(), connector.Call{Identifiers: mail(tb, email), Spool: newSpool(tb), Records: sink, Request: once})
	if err != nil || !p.Finished {
		tb.Fatalf("finished %v, %v", p.Finished, err)
	}
	return sink.n
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPerson locates and reads one of 10,000 customers: 21 rows over eight tables.
func BenchmarkPerson(b *testing.B) {
	s := benchShop(b, 10_000, 0)
	for name, run := range map[string]func(i int){
		"access": func(i int) {
			if n := s.readAll(b, shop.Email(i)); n != shop.RowsPerCustomer {
				b.Fatalf("read %d rows, want %d", n, shop.RowsPerCustomer)
			}
		},
		"locate": func(i int) {
			if _, err := s.Locate(b.Context(), connector.Query{Proven: mail(b, shop.Email(i))}); err != nil {
				b.Fatal(err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i, before := 0, cpuTime()
			for b.Loop() {
				i++
				run(1 + i*7919%10_000)
			}
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// BenchmarkLarge reads one customer with 100,000 orders.
func BenchmarkLarge(b *testing.B) {
	const orders = 100_000
	s := benchShop(b, 1000, orders)
	b.ReportAllocs()
	var peak uint64
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse+m.StackInuse)
			}
		}
	}()
	for b.Loop() {
		if n := s.readAll(b, shop.LargeEmail); n != orders+shop.LargeRows {
			b.Fatalf("read %d rows", n)
		}
	}
	close(stop)
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}
