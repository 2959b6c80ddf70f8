package stories

import (
	"context"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/infra/cloud"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Waits of machines last a two-thousandth of what they should (see deploy): the longest, 15 minutes, less than half a second.
const (
	quiet      = 120 * time.Millisecond // nothing in hand for so long: the stream was looked at several times
	longWait   = 550 * time.Millisecond // in which every wait of a machine ends
	idleWithin = 90 * time.Second
)

func (in *installation) setClock(ctx context.Context, to time.Time) error {
	in.clock.Lock()
	in.now = to
	in.clock.Unlock()
	return in.put(ctx, cloud.ClockPK, cloud.ClockSK, to.UTC().Format(time.RFC3339Nano))
}

// idle waits until no function has run for a while.
func (in *installation) idle(ctx context.Context) error {
	end := time.Now().Add(idleWithin)
	last, since := -1, time.Now()
	for {
		began, ended := in.cloud.Invocations(in.tb)
		if began != ended || began != last {
			last, since = began, time.Now()
		}
		switch {
		case time.Since(since) >= quiet:
			return nil
		case time.Now().After(end):
			return fault.New(fault.Unavailable, "functions were still at work")
		case ctx.Err() != nil:
			return ctx.Err()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// advance moves the clock to t as an installation on one machine does, stopping at every instant at which something is due.
func (in *installation) advance(ctx context.Context, t time.Time) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if t.Before(in.Now()) {
		return fault.New(fault.Invalid, "the clock only moves forward")
	}
	for {
		if err := in.settle(ctx); err != nil {
			return err
		}
		next, err := in.nextDue(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(t) {
			break
		}
		if err := in.setClock(ctx, next); err != nil {
			return err
		}
	}
	moved := t.After(in.Now())
	if err := in.setClock(ctx, t); err != nil {
		return err
	}
	if moved { // what waits in a machine looks again
		time.Sleep(longWait)
	}
	return in.settle(ctx)
}

// settle runs the clockwork until nothing is left to do now.
func (in *installation) settle(ctx context.Context) error {
	if err := in.idle(ctx); err != nil {
		return err
	}
	for _, function := range []string{"SweepDeadlines", "DisposeRecords", "PublishEvents"} {
		if err := in.invoke(ctx, function); err != nil {
			return err
		}
	}
	if err := in.idle(ctx); err != nil {
		return err
	}
	return in.invoke(ctx, "SealEvidence")
}

func (in *installation) nextDue(ctx context.Context) (time.Time, error) {
	now := in.Now()
	var due time.Time
	for _, next := range []func(context.Context, time.Time) (time.Time, error){in.set.Cases.NextDue, in.set.Erasures.NextDue, in.set.Cases.NextDisposal, in.nextOutbox} {
		at, err := next(ctx, now)
		if err != nil {
			return time.Time{}, fmt.Errorf("looking for what is due: %w", err)
		}
		if at.After(now) && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due, nil
}

// nextOutbox is when rows that failed are tried again, as long as there are any.
func (in *installation) nextOutbox(ctx context.Context, now time.Time) (time.Time, error) {
	for shard := range uint32(casefile.OutboxShards) {
		rows, _, err := in.set.Cases.Outbox(ctx, shard, 1, "")
		if err != nil || len(rows) > 0 {
			return now.Add(time.Minute), err
		}
	}
	return time.Time{}, nil
}
