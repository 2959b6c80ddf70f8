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
	// Wait is how long the system needs before the cursor leads any further, for systems that prepare an answer. The cursor may
	// then be the one the call came with. 0 = go on at once.
	Wait time.Duration
	// Callback says that the system tells CallbackURL when it is ready; Wait is then how long to wait for that at most.
	Callback bool
}

// Pending is the error of an Apply step whose system took the change and carries it out later. The effects that come with it
// are those of the changes before the ones it is about. The engine asks the connector's Resumer, with the same job.
type Pending struct {
	Job      string        // names the work in the system's terms; at most 1 KiB, no personal data
	Wait     time.Duration // how long to leave the system alone, or to wait for its callback at most
	Callback bool          // the system tells CallbackURL when it is done
}

// Error implements error.
func (*Pending) Error() string { return "the system carries the change out later" }

// Resumer is implemented by connectors whose Apply steps may return a Pending.
type Resumer interface {
	// Resume asks what became of a job. batch is what the Apply step of the right was called with, without the changes whose
	// effects it gave. It returns their effects, or the same Pending again. A job that the system does not know any more is
	// fault.NotFound: the batch is then applied anew.
	Resume(ctx context.Context, right Right, job string, batch []Change) ([]Effect, error)
}

type callbackKey struct{}

// WithCallback returns a context whose calls may ask the system to report at url when it is done.
func WithCallback(ctx context.Context, url string) context.Context {
	return context.WithValue(ctx, callbackKey{}, url)
}

// CallbackURL returns where the system may report that it is done, or "". The URL is a bearer secret of one task: whoever has
// it can make Habeas ask the system again, and nothing else. It goes to the system alone.
func CallbackURL(ctx context.Context) string {
	url, _ := ctx.Value(callbackKey{}).(string)
	return url
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
