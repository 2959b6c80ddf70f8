package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

// Options configure an Engine. Path, Machines, Invoker and Clock are required.
type Options struct {
	Path     string                  // SQLite file; created when missing, with its -wal, -shm and -owner files beside it
	Machines map[string]*asl.Machine // by the name that Start and startExecution use
	Invoker  workflow.Invoker        // not called before Run
	Clock    Clock
	Workers  int            // functions that run at once; 0 = 64
	Log      *slog.Logger   // defects only, no payloads; nil = discarded
	Random   func() float64 // in [0,1), for jitter and States.MathRandom; nil = math/rand
	NewUUID  func() string  // for States.UUID; nil = random
}

// internalWorkers bounds what the engine does for itself in the background: children, notifications, recovery.
const internalWorkers = 4

// Engine is the durable local engine; it implements workflow.Engine. Executions may be started at any time; functions run
// and timers fire while Run is running. It is safe for concurrent use.
type Engine struct {
	options   Options
	hashes    map[string][]byte // of the machines that new executions use
	store     *store
	functions *pool
	internal  *pool
	activity  activity
	timers    timers
	nextID    atomic.Int64

	work     context.Context //nolint:containedctx // of everything the engine runs by itself; it ends with the engine, not with a call
	stopWork context.CancelFunc
	closing  chan struct{}
	resumed  chan struct{} // closed when Run has queued what was under way
	once     sync.Once
	closeErr error

	mu          sync.Mutex
	live        map[int64]*execution
	starts      map[string]chan struct{} // names that are being started
	definitions map[[sha256.Size]byte]*asl.Machine
}

// New opens the file and returns an engine that knows what was under way; Run continues it. A file that another engine has
// open is fault.Conflict.
func New(ctx context.Context, o Options) (*Engine, error) {
	if o.Workers <= 0 {
		o.Workers = 64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.NewUUID == nil {
		o.NewUUID = uuid.NewString
	}
	if o.Path == "" || o.Invoker == nil || o.Clock == nil {
		return nil, fault.New(fault.Misconfigured, "a workflow engine needs a path, an invoker and a clock")
	}
	s, err := openStore(ctx, o.Path, o.Log)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		options: o, store: s, functions: newPool(o.Workers), internal: newPool(internalWorkers),
		hashes: map[string][]byte{}, closing: make(chan struct{}), resumed: make(chan struct{}), live: map[int64]*execution{},
		starts: map[string]chan struct{}{}, definitions: map[[sha256.Size]byte]*asl.Machine{},
	}
	e.work, e.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	if err := e.prepare(ctx); err != nil {
		e.stopWork()
		return nil, errors.Join(err, s.close())
	}
	return e, nil
}

// prepare stores the definitions and reads where the file stands.
func (e *Engine) prepare(ctx context.Context) error {
	next, err := e.store.nextExecution(ctx)
	if err != nil {
		return err
	}
	e.nextID.Store(next - 1)
	for name, m := range e.options.Machines {
		hash := sha256.Sum256(m.Source)
		e.hashes[name], e.definitions[hash] = hash[:], m
		done := newCommit()
		e.store.submit(&change{
			other: func(ctx context.Context, s *statements) error {
				_, err := s.definition.ExecContext(ctx, hash[:], m.Source)
				return err
			},
			after: []func(error){done.finish},
		})
		if err := done.wait(ctx); err != nil {
			return err
		}
	}
	if err := e.refreshTimers(ctx); err != nil {
		return fault.Wrap(fault.Internal, err, "reading timers")
	}
	return nil
}

// definition returns the machine an execution was started with, which need not be one of today's.
func (e *Engine) definition(ctx context.Context, hash []byte) (*asl.Machine, error) {
	key := [sha256.Size]byte(hash)
	e.mu.Lock()
	m := e.definitions[key]
	e.mu.Unlock()
	if m != nil {
		return m, nil
	}
	var source []byte
	if err := e.store.read.QueryRowContext(ctx, `SELECT source FROM definitions WHERE hash = ?`, hash).Scan(&source); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading definition of execution")
	}
	m, err := asl.Load(source, nil)
	if err != nil {
		return nil, fmt.Errorf("loading definition of execution: %w", err)
	}
	e.mu.Lock()
	e.definitions[key] = m
	e.mu.Unlock()
	return m, nil
}

// Run continues what was under way, then runs functions and fires timers until the context ends, Close is called (both give
// nil) or the file can no longer be written. It is called once.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.recover(ctx); err != nil {
		if e.isClosing() {
			return nil
		}
		return err
	}
	close(e.resumed)
	e.internal.start()
	e.functions.start()
	timing, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { e.runTimers(timing) })
	var err error
	select {
	case <-ctx.Done():
	case <-e.closing:
	case <-e.store.failed:
		err = e.store.failure()
	}
	stop()
	wg.Wait()
	e.functions.stop()
	return err
}

// Close takes no new work, waits for the functions that run until the context ends, and closes the file. Functions that are
// cut off, and those that had not begun, run after the next start. Ending the process instead is as safe.
func (e *Engine) Close(ctx context.Context) error {
	e.once.Do(func() {
		close(e.closing)
		for _, p := range []*pool{e.functions, e.internal} {
			select {
			case <-p.stop():
			case <-ctx.Done():
			}
		}
		e.stopWork()
		e.closeErr = e.store.close()
	})
	return e.closeErr
}

// Idle blocks until nothing can run at the clock's present time: no function runs or is queued, nothing is on its way to the
// disk and no timer is due. Before Run it waits for Run.
func (e *Engine) Idle(ctx context.Context) error {
	changed := (<-chan struct{})(e.resumed)
	for {
		select {
		case <-changed:
		case <-e.closing:
			return errClosed()
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for workflows to settle")
		}
		var idle bool
		if idle, changed = e.activity.idle(); idle && !e.timers.due(e.options.Clock.Now()) {
			return nil
		}
	}
}

// NextDue returns when the next timer, timeout or retry is due; ok is false when there is none. Who moves a manual clock by
// more than that goes from one to the next, so that what an early one sets off is on time too.
func (e *Engine) NextDue() (due time.Time, ok bool) {
	e.timers.mu.Lock()
	defer e.timers.mu.Unlock()
	return time.Unix(0, e.timers.next).UTC(), e.timers.next != noTimer
}

// AdvanceTo moves a manual clock to t, stopping at every due time on the way until the engine is idle.
func (e *Engine) AdvanceTo(ctx context.Context, clock *ManualClock, t time.Time) error {
	for {
		if err := e.Idle(ctx); err != nil {
			return err
		}
		due, ok := e.NextDue()
		if !ok || due.After(t) {
			break
		}
		clock.Set(due)
	}
	clock.Set(t)
	return e.Idle(ctx)
}

// commit is the fate of a change.
type commit struct {
	done chan struct{}
	err  error
}

func newCommit() *commit { return &commit{done: make(chan struct{})} }

func (c *commit) finish(err error) {
	c.err = err
	close(c.done)
}

// wait returns when the change is on the disk. A nil commit is.
func (c *commit) wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for workflow store")
	}
}

// submit sends a change to the disk. Until it is there the execution stays in memory; then its actions run.
func (e *Engine) submit(x *execution, c *change, actions []func()) *commit {
	done := newCommit()
	e.hold(x)
	e.activity.begin()
	after := func(err error) {
		for _, t := range c.timers {
			e.timers.lower(t.due)
		}
		if err == nil {
			for _, f := range actions {
				f()
			}
		}
		done.finish(err)
		e.release(x)
		e.activity.end()
	}
	c.after = append(c.after, after)
	e.store.submit(c)
	return done
}

func (e *Engine) hold(x *execution) {
	e.mu.Lock()
	x.refs++
	e.mu.Unlock()
}

func (e *Engine) release(x *execution) {
	e.mu.Lock()
	x.refs--
	if x.refs == 0 {
		delete(e.live, x.id)
	}
	e.mu.Unlock()
}

// take returns the execution with a hold on it; the caller releases it.
func (e *Engine) take(id int64) *execution {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.live[id]
	if x == nil {
		x = &execution{e: e, id: id}
		e.live[id] = x
	}
	x.refs++
	return x
}

// update changes an execution and runs it as far as it goes. When step fails it must have changed nothing.
func (e *Engine) update(ctx context.Context, id int64, step func(x *execution) error) (*commit, error) {
	x := e.take(id)
	defer e.release(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(ctx); err != nil {
		return nil, err
	}
	x.now = e.options.Clock.Now().UTC()
	if err := step(x); err != nil {
		return nil, err
	}
	x.advance()
	return x.flush(), nil
}

// read looks at an execution.
func (e *Engine) read(id int64, look func(x *execution)) error {
	x := e.take(id)
	defer e.release(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.load(e.work); err != nil {
		return err
	}
	look(x)
	return nil
}

// record is update for the engine's own purposes: nobody waits for the outcome.
func (e *Engine) record(id int64, doing string, step func(x *execution)) {
	if _, err := e.update(e.work, id, func(x *execution) error { step(x); return nil }); err != nil {
		e.troubled(doing, err)
	}
}

// goOn runs the rest of an execution that has paused for a checkpoint; it stays in memory until then.
func (e *Engine) goOn(x *execution) {
	e.hold(x)
	e.activity.begin()
	e.internal.add(func() {
		defer e.activity.end()
		defer e.release(x)
		e.record(x.id, "continuing execution", func(*execution) {})
	})
}

// troubled logs what could not be done now and will be done after the next start.
func (e *Engine) troubled(doing string, err error) {
	if e.work.Err() == nil {
		e.options.Log.Error("workflow engine: "+doing, "class", fault.ClassOf(err), "error", err)
	}
}
