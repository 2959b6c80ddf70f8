package sqlitetable

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// sweepBatch is how many items one transaction of Sweep removes, so that callers wait for little.
const sweepBatch = 200

// Sweep removes expired items and returns how many. Reads never see them in any case; the caller decides how often room
// and traces matter. When ctx ends, what was removed so far is counted and the error says so.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	total := 0
	for _, n := range table.Names() {
		for {
			removed, err := s.sweepSome(ctx, n)
			total += removed
			if err != nil {
				return total, fmt.Errorf("sweeping expired items: %w", err)
			}
			if removed < sweepBatch {
				break
			}
		}
	}
	if s.lagged != nil {
		s.lagged.forget(s.now())
	}
	return total, nil
}

func (s *Store) sweepSome(ctx context.Context, n table.Name) (int, error) {
	var removed int64
	err := s.writes.do(ctx, request{upkeep: func(c *conn) error {
		if err := c.start(); err != nil {
			return err
		}
		var err error
		if removed, err = c.exec(sweep, n, s.now().Unix(), int64(sweepBatch)); err != nil {
			c.abandon()
			return err
		}
		return c.end()
	}})
	if err != nil {
		return 0, err
	}
	return int(removed), nil
}

// CheckpointTruncate moves everything from the write-ahead log into the main file, flushes that and cuts the log to
// nothing. After it, the body of an item that was deleted or replaced in CaseKeys or Tokens before the call is in none of
// the files: call it after shredding keys. When a reader of another process is in the way it is fault.Unavailable, to be
// repeated.
func (s *Store) CheckpointTruncate(ctx context.Context) error {
	err := s.writes.do(ctx, request{upkeep: func(c *conn) error {
		row, err := c.pragma("wal_checkpoint(TRUNCATE)")
		if err != nil {
			return err
		}
		if len(row) == 0 || number(row[0]) != 0 {
			return fault.New(fault.Unavailable, "another reader holds the write-ahead log")
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("truncating write-ahead log: %w", err)
	}
	return nil
}
