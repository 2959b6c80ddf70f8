package local

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

type echo struct{}

func (echo) Invoke(_ context.Context, _ string, payload json.RawMessage) (json.RawMessage, error) {
	return payload, nil
}

func openEngine(t *testing.T) *Engine {
	t.Helper()
	m, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
	  "Parameters":{"FunctionName":"work","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(t.Context(), Options{
		Path: filepath.Join(t.TempDir(), "workflow.db"), Machines: map[string]*asl.Machine{"main": m}, Invoker: echo{},
		Clock: NewManualClock(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// While the disk is full, what happens waits; nothing is lost when there is room again.
func TestFullDiskDelays(t *testing.T) {
	e := openEngine(t)
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.Background()) }()
	defer func() {
		if err := e.Close(context.Background()); err != nil || <-ran != nil {
			t.Error(err)
		}
	}()
	var pages int
	if err := e.store.write.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if _, err := e.store.write.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages)
	input := json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := e.Start(short, "main", "big", input); !fault.Has(err, fault.Unavailable) {
		t.Fatalf("starting on a full disk: %v", err)
	}
	limit(1 << 30)
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	x, err := e.Describe(t.Context(), "main", "big")
	if err != nil || x.Status != workflow.Succeeded || string(x.Output) != string(input) {
		t.Errorf("%s: %v", x.Status, err)
	}
}

// After a defect in writing nothing more is written, and Run says so.
func TestDefectStopsTheEngine(t *testing.T) {
	e := openEngine(t)
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.Background()) }()
	if _, err := e.store.write.ExecContext(t.Context(), `ALTER TABLE history RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := e.Start(t.Context(), "main", "x", nil); !fault.Has(err, fault.Internal) {
			t.Errorf("starting: %v", err)
		}
	}
	if err := <-ran; !fault.Has(err, fault.Internal) {
		t.Errorf("running: %v", err)
	}
	var n int
	if err := e.store.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM executions`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d executions are half written: %v", n, err)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A closed execution leaves no rows but its own and its history; one that nobody is busy with leaves the memory.
func TestNothingIsLeftBehind(t *testing.T) {
	e := openEngine(t)
	ran := make(chan error, 1)
	go func() { ran <- e.Run(context.Background()) }()
	for i := range 30 {
		if _, err := e.Start(t.Context(), "main", fmt.Sprint(i), json.RawMessage(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"threads", "timers", "waits"} {
		var n int
		if err := e.store.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d rows in %s: %v", n, table, err)
		}
	}
	e.mu.Lock()
	if len(e.live) != 0 || len(e.starts) != 0 {
		t.Errorf("%d executions and %d starts stay in memory", len(e.live), len(e.starts))
	}
	e.mu.Unlock()
	if err := e.Close(t.Context()); err != nil || <-ran != nil {
		t.Error(err)
	}
}
