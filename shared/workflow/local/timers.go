package local

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

const noTimer = math.MaxInt64

// timers knows when the next timer in the file is due.
type timers struct {
	mu   sync.Mutex
	next int64 // Unix nanoseconds
	wake context.CancelFunc
}

// lower notes that a timer was written.
func (t *timers) lower(due int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if due < t.next {
		t.next = due
		if t.wake != nil {
			t.wake()
		}
	}
}

// arm registers what interrupts the wait and returns until when to wait.
func (t *timers) arm(wake context.CancelFunc) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wake = wake
	return t.next
}

func (t *timers) due(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next <= now.UnixNano()
}

// refreshTimers reads when the next timer is due. Timers written meanwhile lower the figure afterwards.
func (e *Engine) refreshTimers(ctx context.Context) error {
	e.timers.mu.Lock()
	defer e.timers.mu.Unlock()
	return e.store.query.next.QueryRowContext(ctx, int64(noTimer)).Scan(&e.timers.next)
}

// runTimers fires timers in the order of their due times until the context ends.
func (e *Engine) runTimers(ctx context.Context) {
	for ctx.Err() == nil {
		wait, cancel := context.WithCancel(ctx)
		next := e.timers.arm(cancel)
		if next == noTimer {
			<-wait.Done()
		} else if err := e.options.Clock.WaitUntil(wait, time.Unix(0, next)); err == nil {
			if err := e.fireDue(ctx); err != nil && ctx.Err() == nil {
				e.troubled("firing timers", err)
				pause(ctx)
			}
		}
		cancel()
	}
}

// pause keeps a file that cannot be read from being asked again at once.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// maxFired bounds the timers read at once.
const maxFired = 256

func (e *Engine) fireDue(ctx context.Context) error {
	e.activity.begin()
	defer e.activity.end()
	rows, err := e.store.query.due.QueryContext(ctx, e.options.Clock.Now().UnixNano(), maxFired)
	if err != nil {
		return err
	}
	var due []timerRow
	for rows.Next() {
		var t timerRow
		if err = rows.Scan(&t.due, &t.execution, &t.ref); err != nil {
			break
		}
		due = append(due, t)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	var commits []*commit
	for _, t := range due {
		c, err := e.update(ctx, t.execution, func(x *execution) error { x.timerFired(t.due, t.ref); return nil })
		if err != nil {
			return err
		}
		commits = append(commits, c)
	}
	for _, c := range commits {
		if err := c.wait(ctx); err != nil {
			return err
		}
	}
	return e.refreshTimers(ctx)
}
