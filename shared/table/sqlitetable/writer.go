package sqlitetable

import (
	"context"
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// What one SQLite transaction takes of the queue at most: enough to share a disk flush among everybody who waits, not so
// much that the first of them waits long.
const (
	batchRequests = 128
	batchBytes    = 8 << 20
)

// request is one caller's turn at the writer: a transaction, or a piece of upkeep that runs by itself.
type request struct {
	writes []table.Write
	upkeep func(*conn) error
}

// turn is a request in the queue. taken settles the race between the writer and a context that ends.
type turn struct {
	request
	taken atomic.Bool
	done  chan error // buffered: the writer never waits for a caller
}

// queue hands requests to the writer in the order in which they came. It has no bound of its own: every entry is a caller
// that waits.
type queue struct {
	mu      sync.Mutex
	waiting []*turn
	closed  bool
	wake    chan struct{}
	turns   sync.Pool
}

func newQueue() *queue {
	q := &queue{wake: make(chan struct{}, 1)}
	q.turns.New = func() any { return &turn{done: make(chan error, 1)} }
	return q
}

// do queues the request and returns the writer's answer.
func (q *queue) do(ctx context.Context, r request) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "waiting for the record store")
	}
	t := q.turns.Get().(*turn)
	t.request = r
	t.taken.Store(false)
	if !q.push(t) {
		return errClosed()
	}
	select {
	case err := <-t.done:
		q.recycle(t)
		return err
	case <-ctx.Done():
	}
	if t.taken.CompareAndSwap(false, true) {
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the record store") // t stays behind in the queue
	}
	err := <-t.done
	q.recycle(t)
	return err
}

func (q *queue) recycle(t *turn) {
	t.request = request{}
	q.turns.Put(t)
}

func (q *queue) push(t *turn) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.waiting = append(q.waiting, t)
	q.mu.Unlock()
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// next waits for work and appends a batch to into: some transactions, or one piece of upkeep. Nothing = closed and empty.
func (q *queue) next(into []*turn) []*turn {
	for {
		q.mu.Lock()
		into = q.take(into)
		ended := q.closed && len(q.waiting) == 0
		q.mu.Unlock()
		if len(into) > 0 || ended {
			return into
		}
		<-q.wake
	}
}

func (q *queue) take(into []*turn) []*turn {
	size, used := 0, 0
	for _, t := range q.waiting {
		if len(into) == batchRequests || size > batchBytes || t.upkeep != nil && len(into) > 0 {
			break
		}
		used++
		if !t.taken.CompareAndSwap(false, true) {
			continue // its caller has left
		}
		into = append(into, t)
		if t.upkeep != nil {
			break
		}
		for i := range t.writes {
			size += len(t.writes[i].Item.Body)
		}
	}
	rest := copy(q.waiting, q.waiting[used:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return into
}

// writer owns the one connection that writes.
type writer struct {
	conn    *conn
	queue   *queue
	now     func() time.Time
	lagged  *lagged
	stopped chan struct{}
	err     error // of closing; read after stopped

	states  []state
	answers []error
	changes []table.Item // of the batch, when lagged
}

func startWriter(c *conn, q *queue, now func() time.Time, l *lagged) *writer {
	w := &writer{conn: c, queue: q, now: now, lagged: l, stopped: make(chan struct{})}
	go w.run()
	return w
}

// wait returns after the last request was served and the connection closed.
func (w *writer) wait() error {
	<-w.stopped
	return w.err
}

func (w *writer) run() {
	defer close(w.stopped)
	var batch []*turn
	for {
		batch = w.queue.next(batch[:0])
		switch {
		case len(batch) == 0:
			w.err = classify(w.conn.close(), "closing record file")
			return
		case batch[0].upkeep != nil:
			batch[0].done <- batch[0].upkeep(w.conn)
		default:
			w.serve(batch)
		}
		clear(batch)
	}
}

// serve writes a batch and answers everybody in it. Also a conflict is answered only after the commit: it may be one with
// another transaction of the batch, which is not there if the commit fails.
func (w *writer) serve(batch []*turn) {
	if err := w.write(batch); err != nil {
		for _, t := range batch {
			t.done <- err
		}
		return
	}
	for i, t := range batch {
		t.done <- w.answers[i]
	}
}

// write runs the batch as one transaction and leaves each one's answer in answers. An error is everybody's: nothing was
// written.
func (w *writer) write(batch []*turn) error {
	if err := w.conn.start(); err != nil {
		return err
	}
	w.answers, w.changes = w.answers[:0], w.changes[:0]
	now := w.now().Unix()
	for _, t := range batch {
		conflict, err := w.apply(t.writes, now)
		if err != nil {
			w.conn.abandon()
			return err
		}
		w.answers = append(w.answers, conflict)
	}
	if err := w.conn.end(); err != nil {
		return err
	}
	if w.lagged != nil {
		w.lagged.later(w.changes)
		w.changes = nil // now the index's
	}
	return nil
}

// state is what is stored under a key: id 0 = nothing, version 0 = absent for conditions (an expired item has an id still, and the
// version it was stored at).
type state struct {
	id, version, stored int64
}

// apply checks all conditions of one transaction against the state that the earlier ones of the batch left, and only then
// writes. conflict is the caller's answer; err concerns the file.
func (w *writer) apply(writes []table.Write, now int64) (conflict, err error) {
	w.states = w.states[:0]
	for i := range writes {
		st, err := w.look(&writes[i].Item.Key, now)
		if err != nil {
			return nil, err
		}
		if want := writes[i].If; want != table.AnyVersion && want != st.version {
			return fault.New(fault.Conflict, "an item was changed in the meantime"), nil
		}
		if writes[i].If == table.AnyVersion {
			st.version = st.stored // counts on over an expired item, as on DynamoDB
		}
		w.states = append(w.states, st)
	}
	for i := range writes {
		if err := w.store(&writes[i], w.states[i]); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (w *writer) look(key *table.Key, now int64) (state, error) {
	var st state
	err := w.conn.query(lookup, key.Table, func(row []driver.Value) bool {
		st = state{id: number(row[0]), version: number(row[1]), stored: number(row[1])}
		if row[2] != nil && number(row[2]) <= now {
			st.version = 0
		}
		return true
	}, key.PK, key.SK)
	return st, err
}

// store carries out one write on what look found.
func (w *writer) store(wr *table.Write, st state) error {
	it := &wr.Item
	var err error
	switch {
	case wr.Op == table.Put && st.id == 0:
		_, err = w.conn.exec(insert, it.Table, orNull(it.IPK), orNull(it.ISK), st.version+1, expiry(it.ExpiresAt), it.Body, it.PK, it.SK)
	case wr.Op == table.Put:
		_, err = w.conn.exec(update, it.Table, orNull(it.IPK), orNull(it.ISK), st.version+1, expiry(it.ExpiresAt), it.Body, st.id)
	case wr.Op == table.Delete && st.id != 0:
		_, err = w.conn.exec(remove, it.Table, st.id)
	default:
		return nil
	}
	if w.lagged != nil && err == nil {
		w.changes = append(w.changes, changed(wr, st.version+1))
	}
	return err
}

func orNull(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func expiry(t time.Time) driver.Value {
	if t.IsZero() {
		return nil
	}
	return table.StoredExpiry(t).Unix()
}
