package sqlitetable_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// benchCallers is how many callers the parallel benchmarks have.
const benchCallers = 32

// caseTransaction returns the transaction that a step of a case makes: the case itself, a task, an evidence entry, an outbox
// row and one projection row that is in the index.
func caseTransaction(caseNumber, step int, body []byte) []table.Write {
	pk := fmt.Sprintf("T#shop#C#%08d", caseNumber)
	head := table.Item{Key: table.Key{Table: table.Cases, PK: pk, SK: "CASE"}, Body: body[:2000]}
	row := table.Item{Key: table.Key{Table: table.Cases, PK: pk, SK: "P#queue"}, Body: body[:300]}
	row.IPK, row.ISK = fmt.Sprintf("T#shop#Q#%d", step%4), fmt.Sprintf("2026-03-01T12:00:00Z#%08d", caseNumber)
	return []table.Write{
		{Op: table.Put, Item: head, If: int64(step)},
		{Op: table.Put, Item: row, If: table.AnyVersion},
		{Op: table.Put, Item: table.Item{Key: table.Key{Table: table.Cases, PK: pk, SK: fmt.Sprintf("TASK#%04d", step)}, Body: body[:1200]}},
		{Op: table.Put, Item: table.Item{Key: table.Key{Table: table.Ledger, PK: pk, SK: fmt.Sprintf("E#%06d", step)}, Body: body[:600]}},
		{Op: table.Put, Item: table.Item{Key: table.Key{Table: table.Cases, PK: pk, SK: fmt.Sprintf("OUT#%06d", step)}, Body: body[:400]}},
	}
}

// BenchmarkTransact runs the 15 transactions of a case, five items each, for 32 cases at a time.
func BenchmarkTransact(b *testing.B) {
	for _, lag := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprintf("lag=%s", lag), func(b *testing.B) {
			s := open(b, sqlitetable.Options{Lag: lag})
			body := make([]byte, 4096)
			for i := range body {
				body[i] = byte(i * 31)
			}
			var cases atomic.Int64
			b.SetParallelism(benchCallers / runtime.GOMAXPROCS(0))
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				number, step := int(cases.Add(1)), 0
				for pb.Next() {
					if err := s.Transact(b.Context(), caseTransaction(number, step, body)...); err != nil {
						b.Error(err)
						return
					}
					if step++; step == 15 {
						number, step = int(cases.Add(1)), 0
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transactions/s")
		})
	}
}

// BenchmarkTransactAlone is one caller that waits for every commit.
func BenchmarkTransactAlone(b *testing.B) {
	s := open(b, sqlitetable.Options{})
	body := make([]byte, 4096)
	b.ReportAllocs()
	step := 0
	for b.Loop() {
		if err := s.Transact(b.Context(), caseTransaction(step/15, step%15, body)...); err != nil {
			b.Fatal(err)
		}
		step++
	}
}

func benchPages(b *testing.B) *sqlitetable.Store {
	s := open(b, sqlitetable.Options{})
	body := make([]byte, 4096)
	for number := range 200 {
		for step := range 15 {
			if err := s.Transact(b.Context(), caseTransaction(number, step, body)...); err != nil {
				b.Fatal(err)
			}
		}
	}
	return s
}

// BenchmarkQuery reads pages of 25 items while nothing is written.
func BenchmarkQuery(b *testing.B) {
	s := benchPages(b)
	for _, q := range []table.Query{
		{Table: table.Cases, PK: "T#shop#C#00000007", Limit: 25},
		{Table: table.Cases, PK: "T#shop#Q#2", Index: true, Limit: 25},
	} {
		b.Run(fmt.Sprintf("index=%t", q.Index), func(b *testing.B) {
			b.SetParallelism(benchCallers / runtime.GOMAXPROCS(0))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					page, err := s.Query(b.Context(), q)
					if err != nil || len(page.Items) != q.Limit {
						b.Errorf("%d items, %v", len(page.Items), err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := benchPages(b)
	key := table.Key{Table: table.Cases, PK: "T#shop#C#00000007", SK: "CASE"}
	b.SetParallelism(benchCallers / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Get(b.Context(), key); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
