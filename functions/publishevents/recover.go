package publishevents

import (
	"context"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
)

const (
	// every is how often Recover is called; a schedule that comes a little late must not step over anything.
	every = time.Minute + 15*time.Second
	// longest is the longest pause between two attempts.
	longest = 16 * time.Minute

	maxSeen  = 20_000 // rows looked at in a run
	maxTried = 500    // rows carried out in a run
	page     = 1000
)

// Recovered says what a run of Recover found. Oldest is when the oldest row that is still there was written; zero when none is.
type Recovered struct {
	Waiting int // rows older than two minutes
	Tried   int // of these, in this run
	Failed  int // of these, still not carried out
	Unread  int // rows that cannot be read; they are a defect of ours
	Oldest  time.Time
}

// Recover carries out the rows that a stream did not: those older than two minutes, a limited number a run, with a pause that grows
// with the age of the row, from a minute to a quarter of an hour. It is called every minute; two runs at a time do some work twice
// and no harm. Nothing is remembered between runs but what is in the table. Which cases come first is drawn by lot, so that rows that
// nobody can carry out do not keep the others when there are more than one run can take. An error means that the outbox cannot be
// read.
func (s *Step) Recover(ctx context.Context) (Recovered, error) {
	now := s.Cases.Now()
	before := now.Add(-patience)
	if s.Manual {
		before = now.Add(time.Millisecond)
	}
	var out Recovered
	var due []casefile.OutboxRow
	for shard := range uint32(casefile.OutboxShards) {
		seen := 0
		for cursor := ""; ; {
			rows, unread, next, err := s.Cases.Overdue(ctx, shard, before, page, cursor)
			if err != nil {
				return out, err
			}
			out.Waiting, out.Unread, seen = out.Waiting+len(rows), out.Unread+unread, seen+len(rows)
			for _, r := range rows {
				if out.Oldest.IsZero() || r.At.Before(out.Oldest) {
					out.Oldest = r.At
				}
				if s.Manual || isDue(r, now) {
					due = append(due, r)
				}
			}
			if cursor = next; cursor == "" || seen >= maxSeen/casefile.OutboxShards {
				break
			}
		}
	}
	due = draw(due, maxTried)
	var failed atomic.Int64
	left := s.all(ctx, due, func(casefile.OutboxRow) { failed.Add(1) })
	out.Tried, out.Failed = len(due)-len(left), int(failed.Load())
	s.report(ctx, out, now)
	return out, nil
}

func (s *Step) report(ctx context.Context, out Recovered, now time.Time) {
	if out.Unread > 0 {
		s.Log.ErrorContext(ctx, "outbox rows cannot be read", slog.Int("rows", out.Unread))
	}
	if out.Waiting > 0 {
		s.Log.WarnContext(ctx, "outbox rows waited", slog.Int("rows", out.Waiting), slog.Int("tried", out.Tried), slog.Int("failed", out.Failed),
			slog.Int("oldestSeconds", int(now.Sub(out.Oldest).Seconds())))
	}
}

// isDue reports whether an attempt at the row falls into the time since the last run: every minute until it is 4 minutes old, every 2
// until 8, every 4 until 16, every 8 until 32, then every 16, each case a little beside the others.
func isDue(r casefile.OutboxRow, now time.Time) bool {
	age := now.Sub(r.At)
	pause := time.Minute
	for pause < longest && 4*pause <= age {
		pause *= 2
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.CaseID)) // never fails (hash.Hash)
	beside := time.Duration(h.Sum64() % uint64(pause))
	return (age+beside)/pause != (age+beside-every)/pause
}

// draw returns at most n rows, of cases drawn by lot, the rows of a case in their order.
func draw(rows []casefile.OutboxRow, n int) []casefile.OutboxRow {
	cases := byCase(rows)
	rand.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	out := make([]casefile.OutboxRow, 0, min(n, len(rows)))
	for _, list := range cases {
		for _, i := range list {
			if len(out) == n {
				return out
			}
			out = append(out, rows[i])
		}
	}
	return slices.Clip(out)
}
