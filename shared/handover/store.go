package handover

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// Store keeps records.
type Store struct {
	table table.Store
	now   func() time.Time
}

// NewStore returns a store over t.
func NewStore(t table.Store, now func() time.Time) *Store { return &Store{t, now} }

// Now is the time that records go by.
func (s *Store) Now() time.Time { return s.now() }

const (
	index   = "HANDOVERS" // a row for minutes per download and upload: one shard carries them
	instant = "2006-01-02T15:04:05.000Z"
)

func stamp(t time.Time) string { return t.UTC().Format(instant) }

func key(id string) table.Key {
	return table.Key{Table: table.Tokens, PK: "HANDOVER#" + id, SK: "RECORD"}
}

// Write is the write that stores r as it is now: a new record, or one that Get returned and nobody has changed since; otherwise
// the commit is fault.Conflict.
func (s *Store) Write(r Record) (table.Write, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return table.Write{}, fmt.Errorf("encoding hand-over: %w", err)
	}
	return table.Write{Op: table.Put, If: r.version, Item: table.Item{
		Key: key(r.ID), IPK: index, ISK: stamp(r.Look) + "#" + r.ID, Body: body,
	}}, nil
}

// Put stores r by itself; see Write.
func (s *Store) Put(ctx context.Context, r Record) (Record, error) {
	w, err := s.Write(r)
	if err != nil {
		return r, err
	}
	if err := s.table.Transact(ctx, w); err != nil {
		return r, fmt.Errorf("storing hand-over: %w", err)
	}
	r.version++
	return r, nil
}

// Get returns a record. fault.NotFound when there is none, or no longer.
func (s *Store) Get(ctx context.Context, id string) (Record, error) {
	if !ValidID(id) {
		return Record{}, fault.New(fault.NotFound, "there is no such hand-over")
	}
	it, err := s.table.Get(ctx, key(id))
	if err != nil {
		return Record{}, fmt.Errorf("reading hand-over: %w", err)
	}
	var r Record
	if json.Unmarshal(it.Body, &r) != nil {
		return Record{}, fault.New(fault.Internal, "decoding hand-over")
	}
	r.version = it.Version
	return r, nil
}

// Remove forgets a record that nobody has changed since it was read.
func (s *Store) Remove(ctx context.Context, r Record) error {
	if err := s.table.Transact(ctx, table.Write{Op: table.Delete, If: r.version, Item: table.Item{Key: key(r.ID)}}); err != nil {
		return fmt.Errorf("removing hand-over: %w", err)
	}
	return nil
}

// Due returns the ids of a page of records to look at now, in order of time. The index may lag: readers look again.
func (s *Store) Due(ctx context.Context, limit int, cursor string) (ids []string, next string, err error) {
	page, err := s.table.Query(ctx, table.Query{
		Table: table.Tokens, Index: true, PK: index, To: stamp(s.now().Add(time.Millisecond)), Limit: limit, Cursor: cursor,
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing hand-overs: %w", err)
	}
	for _, it := range page.Items {
		ids = append(ids, it.ISK[strings.LastIndexByte(it.ISK, '#')+1:])
	}
	return ids, page.Next, nil
}
