package stories

import (
	"context"
	"fmt"
	"slices"
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
	if err := in.settle(ctx); err != nil {
		return err
	}
	for {
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
		if err := in.pass(ctx); err != nil {
			return err
		}
	}
	moved := t.After(in.Now())
	if err := in.setClock(ctx, t); err != nil {
		return err
	}
	if !moved {
		return nil
	}
	time.Sleep(longWait) // what waits in a machine looks again
	return in.settle(ctx)
}

// settle runs what schedules call until nothing is left to do now.
func (in *installation) settle(ctx context.Context) error {
	if err := in.idle(ctx); err != nil {
		return err
	}
	if err := in.work(ctx, "SweepDeadlines", "DisposeRecords", "PublishEvents"); err != nil {
		return err
	}
	return in.work(ctx, "SealEvidence")
}

// pass runs what is due at an instant on the way to another: sealing and disposing wait for the end, unless they are what is due.
func (in *installation) pass(ctx context.Context) error {
	work := []string{"SweepDeadlines"}
	now := in.Now()
	for _, next := range []func(context.Context, time.Time) (time.Time, error){in.set.Erasures.NextDue, in.set.Cases.NextDisposal} {
		at, err := next(ctx, now.Add(-time.Millisecond))
		if err != nil {
			return fmt.Errorf("looking for what is due: %w", err)
		}
		if !at.IsZero() && !at.After(now) && !slices.Contains(work, "DisposeRecords") {
			work = append(work, "DisposeRecords")
		}
	}
	if at, err := in.nextOutbox(ctx, now); err != nil || !at.IsZero() {
		work = append(work, "PublishEvents")
	}
	return in.work(ctx, work...)
}

func (in *installation) work(ctx context.Context, functions ...string) error {
	for _, f := range functions {
		if err := in.invoke(ctx, f); err != nil {
			return err
		}
	}
	return in.idle(ctx)
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
