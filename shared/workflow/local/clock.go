package local

import (
	"context"
	"sync"
	"time"
)

// Clock is the engine's time. Every timeout, retry and wait goes by it.
type Clock interface {
	Now() time.Time
	// WaitUntil returns nil as soon as Now is not before t, and the context's error when the context ends first.
	WaitUntil(ctx context.Context, t time.Time) error
}

// NewClock returns a clock that runs with now, which must advance like a wall clock (time.Now).
func NewClock(now func() time.Time) Clock { return wallClock{now} }

type wallClock struct{ now func() time.Time }

func (c wallClock) Now() time.Time { return c.now() }

// maxNap bounds one sleep, so that a wall clock that was set forward is noticed.
const maxNap = time.Minute

func (c wallClock) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		d := t.Sub(c.now())
		if d <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(min(d, maxNap))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// ManualClock is a clock that stands still until it is set. The zero value is not usable; see NewManualClock.
type ManualClock struct {
	mu      sync.Mutex
	now     time.Time
	changed chan struct{}
}

// NewManualClock returns a clock that stands at start.
func NewManualClock(start time.Time) *ManualClock {
	return &ManualClock{now: start, changed: make(chan struct{})}
}

// Now returns the instant the clock was set to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock to t; a clock never goes back, so an earlier t changes nothing.
func (c *ManualClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.now) {
		c.now = t
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// WaitUntil implements Clock.
func (c *ManualClock) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		c.mu.Lock()
		reached, changed := !c.now.Before(t), c.changed
		c.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
