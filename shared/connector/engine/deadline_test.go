package engine_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
)

// pages delivers a record a page, each page takes as long as it is told, and stops where the sink is full.
func pages(each time.Duration, last int) scripted {
	return scripted{access: func(ctx context.Context, call connector.Call) (connector.Progress, error) {
		at, _ := strconv.Atoi(string(call.Cursor)) // the first call has none
		read := 0
		for ; at < last; at++ {
			if read > 0 && call.Records.Full() {
				return connector.Progress{Cursor: connector.Cursor(strconv.Itoa(at)), Collections: found(read)}, nil
			}
			if err := call.Request(ctx, func(ctx context.Context) error {
				select {
				case <-time.After(each):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}); err != nil {
				return connector.Progress{}, err
			}
			rec := &connector.Record{Collection: "c", Key: connector.Key{connector.Int(int64(at))}, Fields: []connector.Field{{Name: "n", Value: connector.Int(int64(at))}}}
			if err := call.Records.Put(ctx, rec); err != nil {
				return connector.Progress{}, err
			}
			read++
		}
		return connector.Progress{Finished: true, Collections: found(read)}, nil
	}}
}

// TestATurnEndsWellBeforeItsTime: a function that is stopped in the middle of a page loses what the whole turn has read.
func TestATurnEndsWellBeforeItsTime(t *testing.T) {
	for _, tc := range []struct {
		name           string
		turn, deadline time.Duration
		atLeast, most  time.Duration // how long the turn takes
	}{
		{"a minute stays of a long time", time.Hour, 900 * time.Second, 840 * time.Second, 845 * time.Second},
		{"a fifth stays of a short time", time.Hour, 100 * time.Second, 80 * time.Second, 85 * time.Second},
		{"a turn that is over sooner is over", 30 * time.Second, 900 * time.Second, 30 * time.Second, 35 * time.Second},
		{"without a deadline the turn has its time", 50 * time.Second, 0, 50 * time.Second, 55 * time.Second},
		{"time that is as good as over is enough for one page", time.Hour, 6 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := enginetest.New(t, func(c *engine.Config) { c.TurnTime, c.Pace = tc.turn, time.Now })
				ctx := t.Context()
				if tc.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
					defer cancel()
				}
				start := time.Now()
				turn, err := k.Engine.Turn(ctx, instruction(t, k, pages(5*time.Second, 1000)))
				took := time.Since(start)
				if err != nil || turn.Status != engine.More || len(turn.Parts) != 1 {
					t.Fatalf("%s with %d parts, %v; want more to come", turn.Status, len(turn.Parts), err)
				}
				if took < tc.atLeast || took > tc.most {
					t.Errorf("the turn took %v, want %v to %v", took, tc.atLeast, tc.most)
				}
			})
		})
	}
}

// TestTurnsThatEndForTheirTimeLoseNothing: what 40 short calls read is what one long call reads.
func TestTurnsThatEndForTheirTimeLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := enginetest.New(t, func(c *engine.Config) { c.TurnTime, c.Pace = time.Hour, time.Now })
		ins := instruction(t, k, pages(5*time.Second, 200))
		var parts []engine.PartRef
		turns := 0
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			turn, err := k.Engine.Turn(ctx, ins)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			turns++
			parts = append(parts, turn.Parts...)
			if ins.State = turn.State; turn.Status != engine.More {
				if turn.Status != engine.Finished || turn.Outcome != dsar.Found || turn.Collections[0].Records != 200 {
					t.Fatalf("ended %s with %q: %+v", turn.Status, turn.Outcome, turn.Collections)
				}
				break
			}
		}
		if turns != 40 {
			t.Errorf("took %d turns, want 40 of five pages", turns)
		}
		seen := map[string]bool{}
		for rec, err := range k.Parts(parts).Records(t.Context(), "c") {
			if err != nil {
				t.Fatal(err)
			}
			seen[string(rec)] = true
		}
		if len(seen) != 200 {
			t.Errorf("%d different records were stored, want 200", len(seen))
		}
	})
}

// TestADeadlineByAnotherClockIsNotLookedAt: Now of these tests stands in another year than the deadlines of contexts.
func TestADeadlineByAnotherClockIsNotLookedAt(t *testing.T) {
	k := enginetest.New(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	turn, err := k.Engine.Turn(ctx, instruction(t, k, pages(0, 50)))
	if err != nil || turn.Status != engine.Finished {
		t.Errorf("%s, %v; want a turn that reads all", turn.Status, err)
	}
}
