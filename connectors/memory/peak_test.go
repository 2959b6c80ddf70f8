package memory_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
)

// TestLargePersonInBoundedMemory samples the heap while one person with 100,000 records is read in one turn: what is in use
// beyond the system itself and the sealed parts in the store of the test stays below 30 MiB.
func TestLargePersonInBoundedMemory(t *testing.T) {
	ins := benchSystem(t, 100_000, 0)
	kit := enginetest.New(t, nil)
	ins.Keys = kit.Keys
	if _, err := kit.Engine.Turn(t.Context(), ins); err != nil { // the memory system builds its indexes
		t.Fatal(err)
	}
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base := m.HeapAlloc
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.GC() // live bytes only: what the collector has not come to is no use of ours
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak.Store(max(peak.Load(), m.HeapAlloc))
			}
		}
	}()
	ins.TaskID = "task-2"
	turn, err := kit.Engine.Turn(t.Context(), ins)
	close(stop)
	<-stopped
	if err != nil || turn.Status != engine.Finished {
		t.Fatalf("%s, %v", turn.Status, err)
	}
	var sealed int64
	for _, p := range turn.Parts {
		sealed += p.Bytes
	}
	used := int64(peak.Load()) - int64(base) - sealed
	if used > 30<<20 {
		t.Errorf("%.1f MiB in use at the peak, want below 30", float64(used)/(1<<20))
	}
	t.Logf("%.1f MiB in use at the peak, %d parts of %.1f MiB together", float64(used)/(1<<20), len(turn.Parts), float64(sealed)/(1<<20))
}
