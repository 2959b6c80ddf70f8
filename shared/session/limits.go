package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Count is one counter that an event adds to. Key is a keyed hash or an id, never a personal value.
type Count struct {
	Key    string
	Limits []verification.Limit
}

const countAttempts = 10

// Allow counts one event in every counter: in all of them or, when one is full, in none and fault.Throttled with the time
// to wait.
func (s *Store) Allow(ctx context.Context, counts ...Count) error {
	for n := 0; ; n++ {
		now := s.now()
		writes := make([]table.Write, 0, len(counts))
		for _, c := range counts {
			w, err := s.count(ctx, c, now)
			if err != nil {
				return err
			}
			writes = append(writes, w)
		}
		err := s.table.Transact(ctx, writes...)
		if err == nil {
			return nil
		}
		if !fault.Has(err, fault.Conflict) || n+1 == countAttempts {
			return fmt.Errorf("counting: %w", err)
		}
	}
}

func (s *Store) count(ctx context.Context, c Count, now time.Time) (table.Write, error) {
	k := table.Key{Table: table.Tokens, PK: "RATE#" + c.Key, SK: "COUNT"}
	it, err := s.table.Get(ctx, k)
	if err != nil && !fault.Has(err, fault.NotFound) {
		return table.Write{}, fmt.Errorf("reading counter: %w", err)
	}
	var w verification.Window
	if err == nil && json.Unmarshal(it.Body, &w) != nil {
		return table.Write{}, fault.New(fault.Internal, "decoding counter")
	}
	next, wait := w.Take(now, c.Limits)
	if wait > 0 {
		return table.Write{}, fault.New(fault.Throttled, "too many requests; wait before trying again").After(wait)
	}
	var longest time.Duration
	for _, l := range c.Limits {
		longest = max(longest, l.Per)
	}
	body, err := json.Marshal(next)
	if err != nil {
		return table.Write{}, fmt.Errorf("encoding counter: %w", err)
	}
	return table.Write{Op: table.Put, If: it.Version, Item: table.Item{Key: k, Body: body, ExpiresAt: now.Add(longest)}}, nil
}

// Memory is how long an idempotency key is remembered.
const Memory = 24 * time.Hour

// Recall returns the answer stored under an idempotency key of the caller; ok is false when there is none.
func (s *Store) Recall(ctx context.Context, caller, idempotencyKey string) (answer []byte, ok bool, err error) {
	it, err := s.table.Get(ctx, idempotent(caller, idempotencyKey))
	if fault.Has(err, fault.NotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading idempotency key: %w", err)
	}
	return it.Body, true, nil
}

// Remember is the write that stores the answer under the key; committed with the change itself it makes a repeated call
// conflict instead of acting twice.
func (s *Store) Remember(caller, idempotencyKey string, answer []byte) table.Write {
	return table.Write{Op: table.Put, If: table.Absent, Item: table.Item{
		Key: idempotent(caller, idempotencyKey), Body: answer, ExpiresAt: s.now().Add(Memory),
	}}
}

func idempotent(caller, k string) table.Key {
	return table.Key{Table: table.Tokens, PK: "IDEM#" + caller + "#" + hashOf(k), SK: "ANSWER"}
}
