package engine

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// Retries inside a turn are short; longer outages are the task machine's, which waits without holding a worker.
const (
	attempts   = 3
	firstPause = 200 * time.Millisecond
	longPause  = 2 * time.Second // a system that asks for more is left alone until the next turn
)

// request runs one request to the system under its rate limit and repeats passing failures a few times with jitter.
func (t *task) request(ctx context.Context, do func(ctx context.Context) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := t.throttle(ctx); err != nil {
			return err
		}
		err := do(ctx)
		if err == nil || attempt == attempts || ctx.Err() != nil || !passing(err) {
			return err
		}
		wait := pause/2 + rand.N(pause/2)
		if asked := fault.WaitOf(err); asked > longPause {
			return err
		} else if asked > wait {
			wait = asked
		}
		if sleepErr := t.e.cfg.Sleep(ctx, wait); sleepErr != nil {
			return errors.Join(err, sleepErr)
		}
		pause *= 2
	}
}

func passing(err error) bool {
	c := fault.ClassOf(err)
	return c == fault.Throttled || c == fault.Unavailable
}

// throttle waits for the system's rate limit.
func (t *task) throttle(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "waiting for the rate limit")
	}
	if t.limits.PerSecond <= 0 {
		return nil
	}
	now := t.e.cfg.Pace()
	d := t.e.limiter(t.ins.Tenant+"/"+t.ins.System, t.limits.PerSecond).ReserveN(now, 1).DelayFrom(now)
	if d <= 0 {
		return nil
	}
	return fault.Wrap(fault.Unavailable, t.e.cfg.Sleep(ctx, d), "waiting for the rate limit")
}

func (e *Engine) limiter(name string, perSecond float64) *rate.Limiter {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.limiters[name]
	if l == nil || l.Limit() != rate.Limit(perSecond) {
		l = rate.NewLimiter(rate.Limit(perSecond), max(1, int(math.Ceil(perSecond/4))))
		e.limiters[name] = l
	}
	return l
}
