package functions_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/table"
)

// BenchmarkSweep measures a sweep of an installation with many open cases: when nothing is due, and when a hundred are. The rows that
// the lists of open cases consist of are those of real cases; what a case holds beside them is not read by a sweep that does not look
// at it.
func BenchmarkSweep(b *testing.B) {
	for _, open := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("open=%d", open), func(b *testing.B) {
			r := newRig(b)
			r.multiply(open)
			b.Run("due=0", func(b *testing.B) {
				var took []time.Duration
				for b.Loop() {
					start := time.Now()
					if n := r.sweep(0); n != 0 {
						b.Fatalf("looked at %d cases", n)
					}
					took = append(took, time.Since(start))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
				b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
			})
			b.Run("due=100", func(b *testing.B) {
				var due []casefile.Case
				for range 100 {
					c := r.create()
					r.step("Triage", c)
					due = append(due, c)
				}
				for b.Loop() {
					b.StopTimer()
					for _, c := range due {
						r.change(c, func(f *casefile.File) error { f.Case.NextDue = r.now; return nil })
					}
					b.StartTimer()
					if n := r.sweep(0); n != len(due) {
						b.Fatalf("looked at %d cases", n)
					}
				}
			})
		})
	}
}

// multiply fills the records with open cases that are looked at within the next six hours.
func (r *rig) multiply(n int) {
	r.t.Helper()
	model := r.create()
	page, err := r.table.Query(r.t.Context(), table.Query{Table: table.Cases, PK: "T#" + tenant + "#C#" + model.ID})
	r.ok(err)
	rows := slices.DeleteFunc(page.Items, func(it table.Item) bool { return !slices.Contains([]string{"A#CASE", "P#RECEIVED", "P#DUE"}, it.SK) })
	if len(rows) != 3 {
		r.t.Fatalf("a case has other rows than these: %d", len(rows))
	}
	const together = 33
	apart := 6 * time.Hour / time.Duration(n)
	for at := 0; at < n; at += together {
		var writes []table.Write
		for i := at; i < min(at+together, n); i++ {
			id := dsar.NewID()
			due := r.now.Add(time.Minute + time.Duration(i)*apart).UTC().Format("2006-01-02T15:04:05.000Z")
			for _, it := range rows {
				it.PK, it.Body = strings.ReplaceAll(it.PK, model.ID, id), bytes.ReplaceAll(it.Body, []byte(model.ID), []byte(id))
				if it.SK == "P#DUE" {
					it.IPK, it.ISK = fmt.Sprintf("DUE#%d", i%casefile.DueShards), due+"#"+tenant+"#"+id
				} else {
					it.ISK = strings.ReplaceAll(it.ISK, model.ID, id)
				}
				it.Version = 0
				writes = append(writes, table.Write{Op: table.Put, Item: it, If: table.AnyVersion})
			}
		}
		r.ok(r.table.Transact(r.t.Context(), writes...))
	}
}
