package local

import (
	"context"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Dispatcher carries out outbox rows in process: what is a stream and a function on AWS is a few goroutines here. Rows of one
// case run one after the other. A row that fails is tried again with a growing pause; a row that is lost from memory (a
// killed process, an overflow) is found again through the outbox index.
type Dispatcher struct {
	handle func(ctx context.Context, r casefile.OutboxRow) error
	cases  func() *casefile.Store
	clock  Clock
	log    *slog.Logger
	lanes  []lane

	mu      sync.Mutex
	busy    int            // rows in lanes or in hand
	queued  map[rowKey]int // attempts so far of every row known to this process
	delayed []delayedRow
	moved   chan struct{} // closed and replaced when busy or delayed change
}

type rowKey struct {
	caseID string
	n      int
}

type delayedRow struct {
	at  time.Time
	row casefile.OutboxRow
}

type lane struct {
	mu   *sync.Mutex
	rows *[]casefile.OutboxRow
	wake chan struct{}
}

const (
	lanes      = 16
	maxPause   = 15 * time.Minute
	firstPause = 2 * time.Second
)

// NewDispatcher returns a dispatcher that hands rows to handle once Run is called.
func NewDispatcher(clock Clock, log *slog.Logger, cases func() *casefile.Store, handle func(context.Context, casefile.OutboxRow) error) *Dispatcher {
	d := &Dispatcher{handle: handle, cases: cases, clock: clock, log: log, queued: map[rowKey]int{}, moved: make(chan struct{})}
	for range lanes {
		d.lanes = append(d.lanes, lane{&sync.Mutex{}, &[]casefile.OutboxRow{}, make(chan struct{}, 1)})
	}
	return d
}

// Poke takes rows that were just committed. It never blocks.
func (d *Dispatcher) Poke(rows []casefile.OutboxRow) {
	for _, r := range rows {
		d.mu.Lock()
		_, known := d.queued[rowKey{r.CaseID, r.N}]
		if !known {
			d.queued[rowKey{r.CaseID, r.N}] = 0
			d.busy++
		}
		d.mu.Unlock()
		if !known {
			d.push(r)
		}
	}
}

func (d *Dispatcher) push(r casefile.OutboxRow) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(r.CaseID))
	l := d.lanes[h.Sum32()%lanes]
	l.mu.Lock()
	*l.rows = append(*l.rows, r)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run carries out rows until ctx ends; what is in hand then is finished first.
func (d *Dispatcher) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, l := range d.lanes {
		wg.Go(func() { d.work(ctx, l) })
	}
	wg.Go(func() { d.release(ctx) })
	wg.Wait()
}

func (d *Dispatcher) work(ctx context.Context, l lane) {
	for {
		l.mu.Lock()
		var next *casefile.OutboxRow
		if len(*l.rows) > 0 {
			r := (*l.rows)[0]
			next, *l.rows = &r, (*l.rows)[1:]
		}
		l.mu.Unlock()
		if next == nil {
			select {
			case <-l.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return // the row stays in the table and is found at the next start
		}
		d.carryOut(context.WithoutCancel(ctx), *next)
	}
}

// safely keeps one row that makes the handler panic from ending the process, now and again at every start.
func (d *Dispatcher) safely(ctx context.Context, r casefile.OutboxRow) (err error) {
	defer func() {
		if recover() != nil { // what it says may quote anything: the stack of a test tells more
			err = fault.New(fault.Internal, "carrying out an outbox row panicked")
		}
	}()
	return d.handle(ctx, r)
}

func (d *Dispatcher) carryOut(ctx context.Context, r casefile.OutboxRow) {
	err := d.safely(ctx, r)
	d.mu.Lock()
	defer d.mu.Unlock()
	k := rowKey{r.CaseID, r.N}
	d.busy--
	if err == nil || fault.Has(err, fault.NotFound) {
		// Not found: the case was shredded or the row belongs to nobody any more.
		delete(d.queued, k)
	} else {
		d.queued[k]++
		pause := min(maxPause, firstPause<<min(d.queued[k]-1, 10))
		d.delayed = append(d.delayed, delayedRow{d.clock.Now().Add(max(pause, fault.WaitOf(err))), r})
		class := fault.ClassOf(err)
		d.log.LogAttrs(ctx, fault.RuleFor(class).Level, "outbox row failed; it is tried again", slog.String("kind", string(r.Kind)),
			slog.String("case", r.CaseID), slog.String("class", string(class)), slog.String("error", err.Error()))
	}
	d.signal()
}

// signal tells waiters that something changed; d.mu is held.
func (d *Dispatcher) signal() {
	close(d.moved)
	d.moved = make(chan struct{})
}

// release puts delayed rows back when their time has come.
func (d *Dispatcher) release(ctx context.Context) {
	for ctx.Err() == nil {
		d.mu.Lock()
		d.ripe()
		moved := d.moved
		var first time.Time
		for _, r := range d.delayed {
			if first.IsZero() || r.at.Before(first) {
				first = r.at
			}
		}
		d.mu.Unlock()
		wait, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if first.IsZero() {
				<-wait.Done()
				return
			}
			_ = d.clock.WaitUntil(wait, first) // it ends by time or by cancel, both lead back to the loop
		}()
		select {
		case <-moved:
		case <-done:
		case <-ctx.Done():
		}
		cancel()
		<-done
	}
}

// ripe pushes every delayed row whose time has come; d.mu is held.
func (d *Dispatcher) ripe() {
	now := d.clock.Now()
	rest := d.delayed[:0]
	for _, r := range d.delayed {
		if r.at.After(now) {
			rest = append(rest, r)
			continue
		}
		d.busy++
		d.push(r.row)
	}
	d.delayed = rest
}

// Recover finds rows that no process is carrying out, after a start and now and then.
func (d *Dispatcher) Recover(ctx context.Context) error {
	for shard := range uint32(casefile.OutboxShards) {
		for cursor := ""; ; {
			rows, next, err := d.cases().Outbox(ctx, shard, 500, cursor)
			if err != nil {
				return err
			}
			d.Poke(rows)
			if cursor = next; cursor == "" {
				break
			}
		}
	}
	return nil
}

// Idle waits until no row is in hand or due at the present time of the clock.
func (d *Dispatcher) Idle(ctx context.Context) error {
	for {
		d.mu.Lock()
		d.ripe()
		busy, moved := d.busy, d.moved
		d.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the outbox")
		}
	}
}

// Quiet reports whether no row is in hand right now.
func (d *Dispatcher) Quiet() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.busy == 0
}

// NextDue returns when the next delayed row is tried again; zero when none is delayed.
func (d *Dispatcher) NextDue() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	var first time.Time
	for _, r := range d.delayed {
		if first.IsZero() || r.at.Before(first) {
			first = r.at
		}
	}
	return first
}
