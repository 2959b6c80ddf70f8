package connector

import (
	"context"
	"iter"
	"time"

	"github.com/habeas-dsar/habeas/shared/subject"
)

// Cursor says where an unfinished call goes on. It is opaque to the engine, at most 4 KiB of JSON, and holds no personal
// data. Empty = from the start.
type Cursor string

// Progress is the answer of one call. Finished is true exactly when there is nothing left, whatever was found; then every
// collection of the system is in Collections. An unfinished Progress has a Cursor and the collections so far.
type Progress struct {
	Cursor      Cursor
	Finished    bool
	Collections []CollectionResult // counts of this call only; the engine adds the calls up
}

// CollectionResult says what became of one collection. It holds no personal data.
type CollectionResult struct {
	Collection string          `json:"name"`
	Outcome    Outcome         `json:"outcome"`
	Records    int             `json:"records"`
	Because    RetainedBecause `json:"because,omitempty"` // for Retained
	ReadFrom   time.Time       `json:"readFrom,omitzero"` // when the engine began and ended reading it
	ReadTo     time.Time       `json:"readTo,omitzero"`
	Note       string          `json:"note,omitempty"` // for people; no record values
}

// Call is what a step gets. Exactly one of Records (access) and Changes (planning) is set.
type Call struct {
	Identifiers []subject.Identifier // proven ones, and those found in rows matched by proven ones
	Cursor      Cursor
	Spool       Spool
	Records     Sink[*Record]
	Changes     Sink[Change]
	Corrections []FieldCorrection // for PlanCorrection
	// Request runs one request to the system: it waits for the rate limit, repeats throttled and unavailable failures a few
	// times with jitter, and gives up when ctx ends. What it runs must be safe to repeat. Never nil.
	Request func(ctx context.Context, request func(ctx context.Context) error) error
}

// Sink takes what a call finds, one by one.
type Sink[T any] interface {
	// Put takes one item. It keeps nothing of it after it returns, so callers may reuse it.
	Put(ctx context.Context, item T) error
	// Full reports that the budget of the call is used up: return a cursor at the next border of a page. Items put
	// nevertheless are taken.
	Full() bool
}

// Spool keeps named sets of byte strings for one task: keys seen, keys still to follow, where a call stopped. Small sets
// stay in memory; larger ones become sorted, sealed runs. What a call has put in survives exactly when the call's progress
// does: a repeated call from the same cursor finds the spool as it was at that cursor. Not safe for concurrent use.
type Spool interface {
	// Add puts a key into a set and reports whether it was not there before. The key is copied.
	Add(ctx context.Context, set string, key []byte) (bool, error)
	// Has reports whether a key is in a set.
	Has(ctx context.Context, set string, key []byte) (bool, error)
	// Scan yields the keys of a set in ascending bytewise order, beginning behind after (nil = the first). The slice is valid
	// until the next step. The set must not change while it is scanned.
	Scan(ctx context.Context, set string, after []byte) iter.Seq2[[]byte, error]
	// Len returns the number of keys in a set; 0 for one never used.
	Len(set string) int64
	// Drop forgets a set.
	Drop(set string)
}

// SetNote remembers one byte string under a name in the spool, replacing an older one. Cursors refer to it by name.
func SetNote(ctx context.Context, s Spool, name string, note []byte) error {
	s.Drop("note/" + name)
	_, err := s.Add(ctx, "note/"+name, note)
	return err
}

// Note returns what SetNote remembered; ok is false when there is none.
func Note(ctx context.Context, s Spool, name string) (note []byte, ok bool, err error) {
	for key, err := range s.Scan(ctx, "note/"+name, nil) {
		return append([]byte(nil), key...), err == nil, err
	}
	return nil, false, nil
}
