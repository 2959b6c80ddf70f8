package disclosure_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/disclosure"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/redact"
)

// many is a person with n records of eight fields in one collection; records are made as they are read.
func many(n int64) disclosure.Input {
	s := disclosure.System{Name: "shop", Outcome: dsar.Found, Collections: []disclosure.Collection{{Name: "orders", Outcome: dsar.Found, Records: n}}}
	s.Records = func(_ context.Context, skip int64) iter.Seq2[disclosure.Record, error] {
		return func(yield func(disclosure.Record, error) bool) {
			var line []byte
			for i := skip; i < n; i++ {
				line = appendOrder(line[:0], i)
				if !yield(disclosure.Record{Collection: "orders", Line: redact.NewBytes(line)}, nil) {
					return
				}
			}
		}
	}
	return input(s)
}

func appendOrder(dst []byte, i int64) []byte {
	h := uint64(i+1) * 0x9E3779B97F4A7C15
	return fmt.Appendf(dst, `{"id":"ord_%016x","customer_id":41,"shipping_address_id":%d,"payment_card_id":"pay_%d","placed":"2025-%02d-%02dT%02d:%02d:11Z","total":%d.%02d,"recipient_name":"Ada Example","note":"Please ring twice, then leave it at %x"}`,
		h, 1000+h%977, h%7, 1+h%12, 1+h%28, h%24, h%60, h%500, h%100, h>>40)
}

func discard(_ context.Context, _ int, write func(io.Writer) error) error { return write(io.Discard) }

func BenchmarkTypicalCase(b *testing.B) {
	a, in := assembler(b, disclosure.Options{}), typical()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Assemble(context.Background(), in, discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHundredThousandRecords(b *testing.B) {
	a, in := assembler(b, disclosure.Options{}), many(100_000)
	b.ReportAllocs()
	stop := peakHeap()
	var r disclosure.Result
	var err error
	for b.Loop() {
		if r, err = a.Assemble(context.Background(), in, discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(stop())/(1<<20), "peak-MiB")
	b.ReportMetric(float64(r.Bytes)/1e6, "zip-MB")
}

// BenchmarkSource is what making the records of BenchmarkHundredThousandRecords takes by itself.
func BenchmarkSource(b *testing.B) {
	in := many(100_000)
	for b.Loop() {
		for range in.Systems[0].Records(context.Background(), 0) {
		}
	}
}

// peakHeap samples how much memory the heap takes until the returned function is called.
func peakHeap() func() uint64 {
	runtime.GC()
	var peak atomic.Uint64
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(sample)
			peak.Store(max(peak.Load(), sample[0].Value.Uint64()))
			select {
			case <-quit:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(quit)
		<-done
		return peak.Load()
	}
}
