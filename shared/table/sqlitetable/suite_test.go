package sqlitetable_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/table/tabletest"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open returns a store on a new file that is closed with the test.
func open(t testing.TB, opts sqlitetable.Options) *sqlitetable.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "records.db"), opts)
}

func openAt(t testing.TB, path string, opts sqlitetable.Options) *sqlitetable.Store {
	t.Helper()
	s, err := sqlitetable.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

func TestSuite(t *testing.T) {
	tabletest.Run(t, func(t testing.TB) tabletest.Harness {
		c := newClock()
		return tabletest.Harness{Store: open(t, sqlitetable.Options{Now: c.Now}), Now: c.Now, Advance: c.Advance}
	})
}

func TestSuiteWithLag(t *testing.T) {
	tabletest.Run(t, func(t testing.TB) tabletest.Harness {
		c := newClock()
		store := open(t, sqlitetable.Options{Now: c.Now, Lag: 10 * time.Millisecond})
		return tabletest.Harness{Store: store, Now: c.Now, Advance: c.Advance}
	})
}
