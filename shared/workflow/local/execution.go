package local

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// phase is what a thread is doing. Values are stored; those up to starting need the engine's work after a restart.
type phase int64

const (
	phaseReady    phase = 0 // about to enter its state
	phaseInvoking phase = 1 // a function is queued or running
	phaseStarting phase = 2 // a child execution is about to be started
	phaseToken    phase = 3 // the function returned, the token is not answered
	phaseChild    phase = 4 // a child execution runs
	phaseWaiting  phase = 5 // a Wait state
	phaseRetrying phase = 6 // between two attempts
	phaseMapping  phase = 7 // iterations run as threads of their own
	phaseFinished phase = 8 // an iteration that ended; input holds its output
)

const (
	rootThread = 0
	noParent   = -1
)

// payload is a JSON value with its text; the value is decoded when first asked for.
type payload struct {
	raw   []byte
	value any
	known bool
}

func (p *payload) get() any {
	if !p.known {
		p.value, _ = asl.Decode(p.raw) // it was JSON when it was stored
		p.known = true
	}
	return p.value
}

// newPayload encodes a value and enforces the service's limit.
func newPayload(v any, what string) (payload, error) {
	raw, err := asl.Encode(v)
	if err != nil {
		return payload{}, asl.Runtime("%s cannot be written as JSON", what)
	}
	if len(raw) > workflow.MaxPayloadBytes {
		return payload{}, dataLimit(what)
	}
	return payload{raw, v, true}, nil
}

func dataLimit(what string) error {
	return &asl.Failure{
		Name:  asl.ErrorDataLimitExceeded,
		Cause: what + " has a size exceeding the maximum number of bytes service limit",
	}
}

// thread walks through the states of a machine or of one iteration of a Map.
type thread struct {
	id, parent   int64
	item         int // index of the iteration
	state        string
	phase        phase
	entered      time.Time
	enteredEvent int64
	previous     int64 // event that the next one follows
	attempt      int64 // number of the event that scheduled the task or started the Map
	due, timer   int64 // the timer that is set: when, and its reference; timer 0 = none
	child        int64 // execution that a sync task waits for
	retries      int
	used         []int // attempts made by each retrier
	input        payload

	stored, dirty bool
	cancel        context.CancelFunc // of the function that runs; nil = none

	// Of a Map: derived from the iterations' threads and from the input.
	items                 []any
	itemsKnown            bool
	started, done, active int
}

// execution is a loaded execution. All fields but refs are guarded by mu.
type execution struct {
	e    *Engine
	id   int64
	refs int // guarded by Engine.mu; at 0 the execution leaves the memory

	mu       sync.Mutex
	loaded   bool
	row      executionRow
	input    payload
	machine  *asl.Machine
	threads  map[int64]*thread
	last     int64 // number of the last event
	nextID   int64 // number of the next thread
	runnable []*thread
	overflow bool // the history is full
	now      time.Time

	change  *change
	actions []func() // after the change is on the disk
}

func (x *execution) running() bool { return x.row.status == string(workflow.Running) }

func (x *execution) pending() *change {
	if x.change == nil {
		x.change = &change{execution: x.id}
	}
	return x.change
}

// find returns the thread whose current attempt it is.
func (x *execution) find(attempt int64, phases ...phase) *thread {
	for _, t := range x.threads {
		if t.attempt == attempt && slices.Contains(phases, t.phase) {
			return t
		}
	}
	return nil
}

func (x *execution) touch(t *thread) { t.dirty = true }

// deadlineRef is the reference of an execution's own timeout.
const deadlineRef = 1

// arm sets the thread's timer. The reference is new every time something happened since.
func (x *execution) arm(t *thread, due time.Time) {
	x.disarm(t)
	t.due, t.timer = due.UnixNano(), x.last<<keyBits|t.id
	c := x.pending()
	c.timers = append(c.timers, timerRow{t.due, x.id, t.timer})
}

func (x *execution) disarm(t *thread) {
	if t.timer != 0 {
		c := x.pending()
		c.fired = append(c.fired, timerRow{t.due, x.id, t.timer})
		t.due, t.timer = 0, 0
	}
}

// drop removes a thread.
func (x *execution) drop(t *thread) {
	x.disarm(t)
	if t.cancel != nil {
		t.cancel()
		t.cancel = nil
	}
	delete(x.threads, t.id)
	if t.stored {
		c := x.pending()
		c.removed = append(c.removed, rowKey(x.id, t.id))
	}
	t.phase, t.dirty, t.attempt = phaseFinished, false, 0
}

// flush moves the state of the changed threads into the pending change and hands it to the writer. The returned commit is
// done when the change is on the disk.
func (x *execution) flush() *commit {
	for _, t := range x.threads {
		if t.dirty {
			c := x.pending()
			c.threads = append(c.threads, threadRow{
				key: rowKey(x.id, t.id), parent: t.parent, item: int64(t.item), phase: int64(t.phase),
				entered: t.entered.UnixNano(), enteredEvent: t.enteredEvent, previous: t.previous, attempt: t.attempt,
				due: t.due, timer: t.timer, child: t.child, state: t.state, retries: retriesText(t.retries, t.used),
				input: t.input.raw, stored: t.stored,
			})
			t.dirty, t.stored = false, true
		}
	}
	c, actions := x.change, x.actions
	x.change, x.actions = nil, nil
	if c == nil && len(actions) == 0 {
		return nil
	}
	if c == nil {
		c = &change{execution: x.id}
	}
	return x.e.submit(x, c, actions)
}

// load reads the execution from the file. Nothing of it is on its way there, or it would still be in memory.
func (x *execution) load(ctx context.Context) error {
	if x.loaded {
		return nil
	}
	r := &x.row
	var hash []byte
	err := x.e.store.query.execution.QueryRowContext(ctx, x.id).Scan(&r.machine, &r.name, &hash, &r.status,
		&r.input, &r.output, &r.failure, &r.cause, &r.started, &r.stopped, &r.deadline, &r.parent, &r.attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "no such execution")
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading execution")
	}
	r.definition, x.input.raw = hash, r.input
	x.threads = map[int64]*thread{}
	if x.running() {
		if x.machine, err = x.e.definition(ctx, hash); err != nil {
			return err
		}
		if err := x.loadThreads(ctx); err != nil {
			return fault.Wrap(fault.Internal, err, "reading threads of execution")
		}
	}
	x.loaded = true
	return nil
}

func (x *execution) loadThreads(ctx context.Context) error {
	err := x.e.store.query.last.QueryRowContext(ctx, rowKey(x.id, 0), rowKey(x.id+1, 0)-1).Scan(&x.last)
	if err != nil {
		return err
	}
	x.last -= rowKey(x.id, 0)
	rows, err := x.e.store.query.threads.QueryContext(ctx, rowKey(x.id, 0), rowKey(x.id+1, 0)-1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		t := &thread{stored: true}
		var entered int64
		var retries string
		if err := rows.Scan(&t.id, &t.parent, &t.item, &t.state, &t.phase, &entered, &t.enteredEvent, &t.previous,
			&t.attempt, &t.due, &t.timer, &t.child, &retries, &t.input.raw); err != nil {
			return err
		}
		t.id -= rowKey(x.id, 0)
		t.entered = time.Unix(0, entered).UTC()
		if t.retries, t.used, err = parseRetries(retries); err != nil {
			return err
		}
		x.threads[t.id] = t
		x.nextID = max(x.nextID, t.id+1)
	}
	for _, t := range x.threads {
		if p := x.threads[t.parent]; p != nil {
			p.count(t)
		}
	}
	return rows.Err()
}

// count adds an iteration to the Map thread's figures.
func (t *thread) count(iteration *thread) {
	t.started = max(t.started, iteration.item+1)
	if iteration.phase == phaseFinished {
		t.done++
	} else {
		t.active++
	}
}
