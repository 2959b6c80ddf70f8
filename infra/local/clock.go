package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Clock is the time of the installation: real, or set by hand. It drives every timer, retry and expiry.
type Clock interface {
	Now() time.Time
	// WaitUntil returns when Now is t or later, or with the error of ctx.
	WaitUntil(ctx context.Context, t time.Time) error
}

// RealClock is the machine's time.
type RealClock struct{}

// Now returns the present instant.
func (RealClock) Now() time.Time { return time.Now() }

// WaitUntil sleeps until t.
func (RealClock) WaitUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for an instant: %w", ctx.Err())
	}
}

// ManualClock stands still until it is moved. It remembers its time in a file, over restarts.
type ManualClock struct {
	path    string
	mu      sync.Mutex
	now     time.Time
	changed chan struct{} // closed and replaced at every move
}

// OpenManualClock reads the clock from its file, or starts it at first and writes the file.
func OpenManualClock(path string, first time.Time) (*ManualClock, error) {
	c := &ManualClock{path: path, now: first.UTC().Truncate(time.Millisecond), changed: make(chan struct{})}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, c.save()
	}
	if err != nil {
		return nil, fmt.Errorf("reading clock file: %w", err)
	}
	if c.now, err = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(raw))); err != nil {
		return nil, fault.New(fault.Misconfigured, "the clock file holds no RFC 3339 instant")
	}
	return c, nil
}

// Now returns the instant the clock was set to.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// WaitUntil blocks until the clock is moved to t or beyond.
func (c *ManualClock) WaitUntil(ctx context.Context, t time.Time) error {
	for {
		c.mu.Lock()
		now, changed := c.now, c.changed
		c.mu.Unlock()
		if !now.Before(t) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for an instant: %w", ctx.Err())
		}
	}
}

// Set moves the clock forward to t; moving it back is fault.Invalid, since what was done cannot be undone.
func (c *ManualClock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t = t.UTC().Truncate(time.Millisecond)
	if t.Before(c.now) {
		return fault.New(fault.Invalid, "the clock only moves forward")
	}
	c.now = t
	if err := c.save(); err != nil {
		return err
	}
	close(c.changed)
	c.changed = make(chan struct{})
	return nil
}

func (c *ManualClock) save() error {
	tmp := c.path + ".new"
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return fmt.Errorf("making data directory: %w", err)
	}
	if err := os.WriteFile(tmp, []byte(c.now.Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing clock file: %w", err)
	}
	if err := os.Rename(tmp, c.path); err != nil {
		return fmt.Errorf("replacing clock file: %w", err)
	}
	return nil
}
