package local

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/events"
	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	definitions "github.com/habeas-dsar/habeas/infra/workflow"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/bus/localbus"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/mail"
	"github.com/habeas-dsar/habeas/shared/mail/fileoutbox"
	"github.com/habeas-dsar/habeas/shared/signin/oidcsignin"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
	workflow "github.com/habeas-dsar/habeas/shared/workflow/local"
)

// Config is what an installation is started with.
type Config struct {
	Dir        string // data directory; made when missing, mode 0700
	BaseURL    string // absolute, without a slash at the end
	MailDomain string // right side of Message-IDs
	Demo       bool
	Clock      *ManualClock // nil = the machine's time
	NoLimits   bool         // honoured only with Demo or a manual clock
	Lag        time.Duration
	Workers    int
	Mail       mail.Sender // nil = a file outbox in Dir
	Log        *slog.Logger
	Guide      functions.Guide // shown on the first page of a demonstration

	SendGridEvents *ecdsa.PublicKey    // verifies what SendGrid reports; nil = nobody reports what becomes of mail
	SignIn         oidcsignin.Settings // where staff sign in elsewhere; the zero value: nowhere
}

// limits are those of the portal and the console.
func (c Config) limits() verification.Limits {
	if c.NoLimits && (c.Demo || c.Clock != nil) {
		return verification.Limits{}
	}
	return verification.DefaultLimits()
}

// App is a running installation.
type App struct {
	*functions.Set
	Config

	clock      Clock
	table      *sqlitetable.Store
	engine     *workflow.Engine
	dispatcher *Dispatcher
	outbox     *fileoutbox.Outbox
	outside    *demo.Outside // of a demonstration
	line       FirstLine     // of a demonstration
	metrics    *metrics
	moving     sync.Mutex
	sealing    sync.Mutex // two at once would only make each other repeat
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// steps is the engine's way to the handlers, which exist only after the engine does.
type steps struct {
	handlers map[string]functions.Handler
	metrics  *metrics
}

// Invoke implements workflow.Invoker.
func (s *steps) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	h, ok := s.handlers[function]
	if !ok {
		return nil, fault.New(fault.Misconfigured, "the state machine names a function that does not exist")
	}
	start := time.Now()
	out, err := h(ctx, payload)
	s.metrics.step(function, time.Since(start), err)
	return out, err
}

// Open builds an installation on its data directory and continues what was under way. Nothing runs before Start.
func Open(ctx context.Context, c Config) (app *App, err error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "making the data directory")
	}
	a := &App{Config: c, clock: workflow.NewClock(time.Now), metrics: newMetrics()}
	if c.Clock != nil {
		a.clock = c.Clock
	}
	defer func() {
		if err != nil {
			a.release(ctx)
		}
	}()
	keeper, err := openKeys(filepath.Join(c.Dir, "master.key"))
	if err != nil {
		return nil, err
	}
	if a.table, err = sqlitetable.Open(filepath.Join(c.Dir, "habeas.db"), sqlitetable.Options{Now: a.clock.Now, Lag: c.Lag}); err != nil {
		return nil, fmt.Errorf("opening records: %w", err)
	}
	objects, err := dirblobs.Open(filepath.Join(c.Dir, "objects"))
	if err != nil {
		return nil, fmt.Errorf("opening objects: %w", err)
	}
	sender := c.Mail
	if sender == nil {
		if a.outbox, err = fileoutbox.Open(filepath.Join(c.Dir, "outbox")); err != nil {
			return nil, fmt.Errorf("opening outbox: %w", err)
		}
		sender = a.outbox
	}
	machines, err := loadMachines()
	if err != nil {
		return nil, err
	}
	invoker := &steps{metrics: a.metrics}
	if a.engine, err = workflow.New(ctx, workflow.Options{
		Path: filepath.Join(c.Dir, "workflow.db"), Machines: machines, Invoker: invoker, Clock: a.clock, Workers: c.Workers, Log: c.Log,
	}); err != nil {
		return nil, fmt.Errorf("opening workflow: %w", err)
	}
	a.dispatcher = NewDispatcher(a.clock, c.Log, func() *casefile.Store { return a.Cases }, func(ctx context.Context, r casefile.OutboxRow) error { return a.Outbox(ctx, r) })
	place, err := c.SignIn.Place(Secret, a.clock.Now)
	if err != nil {
		return nil, err
	}
	gone := &shredded{path: shreddedIn(c.Dir)}
	told := localbus.New(func(_ context.Context, e events.Event) error { a.metrics.event(e); return nil })
	a.Set, err = functions.New(functions.Ports{
		Table: a.table, Keeper: keeper, Blobs: objects, Mail: sender, SendGridEvents: c.SendGridEvents, SignIn: place, Workflow: a.engine, Connectors: catalog.Factories(), Secret: Secret,
		Now: a.clock.Now, Pace: time.Now, Poke: a.dispatcher.Poke, Shredding: gone.note, Publish: func(ctx context.Context, e events.Event) error { return told.Publish(ctx, e) },
		Log: c.Log, BaseURL: c.BaseURL, MailDomain: c.MailDomain, TempDir: c.Dir, Limits: c.limits(),
		Rules: verification.DefaultRules(), Demo: c.Demo, Manual: c.Clock != nil,
	})
	if err != nil {
		return nil, err
	}
	invoker.handlers = a.Steps
	return a, nil
}

func openKeys(path string) (*filekeys.Keeper, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := filekeys.Create(path); err != nil {
			return nil, fmt.Errorf("making the key file: %w", err)
		}
	}
	k, err := filekeys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the key file: %w", err)
	}
	return k, nil
}

func loadMachines() (map[string]*asl.Machine, error) {
	names := map[string]string{"TaskMachine": "task"}
	for _, n := range definitions.Functions() {
		names[n] = n
	}
	out := map[string]*asl.Machine{}
	for name, raw := range definitions.Machines() {
		m, err := asl.Load(raw, names)
		if err != nil {
			return nil, fmt.Errorf("loading state machine %s: %w", name, err)
		}
		out[name] = m
	}
	return out, nil
}

// Start lets everything run: executions, outbox and clockwork.
func (a *App) Start(ctx context.Context) error {
	ctx, a.stop = context.WithCancel(ctx)
	a.done.Go(func() { a.dispatcher.Run(ctx) })
	a.done.Go(func() {
		if err := a.engine.Run(ctx); err != nil && ctx.Err() == nil {
			a.Log.ErrorContext(ctx, "workflow engine ended", "error", err.Error())
		}
	})
	if err := a.dispatcher.Recover(ctx); err != nil {
		return fmt.Errorf("recovering the outbox: %w", err)
	}
	a.done.Go(func() { a.clockwork(ctx) })
	return nil
}

// clockwork sweeps what is due and seals what changed, at the latest every minute of the clock.
func (a *App) clockwork(ctx context.Context) {
	for ctx.Err() == nil {
		if err := a.sweep(ctx); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "sweep failed; it is tried again", "class", string(fault.ClassOf(err)), "error", err.Error())
		}
		if err := a.seal(ctx); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "sealing failed; it is tried again", "class", string(fault.ClassOf(err)), "error", err.Error())
		}
		if err := a.clock.WaitUntil(ctx, a.clock.Now().Add(time.Minute)); err != nil {
			return
		}
	}
}

func (a *App) sweep(ctx context.Context) error {
	n, err := a.Sweep(ctx)
	if err != nil {
		return err
	}
	a.metrics.swept(n)
	_, expired := a.Erasures.Expire(ctx)
	_, disposed := a.Dispose(ctx)
	if err := errors.Join(expired, disposed); err != nil {
		return fmt.Errorf("taking out what must not be kept: %w", err)
	}
	if _, err := a.table.Sweep(ctx); err != nil {
		return fmt.Errorf("removing expired records: %w", err)
	}
	return a.dispatcher.Recover(ctx)
}

// seal seals what changed and shows what is left.
func (a *App) seal(ctx context.Context) error {
	a.sealing.Lock()
	defer a.sealing.Unlock()
	r, err := a.Seal(ctx)
	a.metrics.sealed(r.Sealed, r.Oldest, a.clock.Now())
	return err
}

// Idle waits until nothing is runnable at the present time of the clock.
func (a *App) Idle(ctx context.Context) error {
	for {
		if err := a.dispatcher.Idle(ctx); err != nil {
			return err
		}
		if err := a.engine.Idle(ctx); err != nil {
			return fmt.Errorf("waiting for the workflow: %w", err)
		}
		if a.dispatcher.Quiet() {
			return nil
		}
	}
}

// Advance moves a clock set by hand to t, stopping at every instant at which something is due on the way, and returns after
// everything due has run.
func (a *App) Advance(ctx context.Context, t time.Time) error {
	if a.Clock == nil {
		return fault.New(fault.NotFound, "the clock cannot be moved here")
	}
	a.moving.Lock() // of two who move it the second goes on from where the first has left it
	defer a.moving.Unlock()
	for {
		if err := a.settle(ctx); err != nil {
			return err
		}
		next, err := a.nextDue(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(t) {
			break
		}
		if err := a.Clock.Move(maxTime(next, a.Clock.Now())); err != nil {
			return err
		}
	}
	if err := a.Clock.Move(t); err != nil {
		return err
	}
	return a.settle(ctx)
}

// settle runs what is due now until nothing is left.
func (a *App) settle(ctx context.Context) error {
	if err := a.Idle(ctx); err != nil {
		return err
	}
	if err := a.sweep(ctx); err != nil {
		return err
	}
	if err := a.Idle(ctx); err != nil {
		return err
	}
	return a.seal(ctx)
}

// nextDue returns the next instant after now at which a case, an outbox row or a timer is due; zero when there is none.
func (a *App) nextDue(ctx context.Context) (time.Time, error) {
	// What was due until now is swept, though a lagging index may still show it.
	due, err := a.Cases.NextDue(ctx, a.clock.Now())
	if err != nil {
		return time.Time{}, err
	}
	sooner := func(t time.Time) {
		if t.After(a.clock.Now()) && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	erased, err := a.Erasures.NextDue(ctx, a.clock.Now())
	if err != nil {
		return time.Time{}, err
	}
	sooner(erased)
	over, err := a.Cases.NextDisposal(ctx, a.clock.Now())
	if err != nil {
		return time.Time{}, err
	}
	sooner(over)
	sooner(a.dispatcher.NextDue())
	if t, ok := a.engine.NextDue(); ok {
		sooner(t)
	}
	return due, nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Close stops taking new work, waits for what is in hand until ctx ends, and releases the files.
func (a *App) Close(ctx context.Context) error {
	if a.stop != nil {
		a.stop()
	}
	finished := make(chan struct{})
	go func() { a.done.Wait(); close(finished) }()
	var err error
	select {
	case <-finished:
	case <-ctx.Done():
		err = fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for work in hand")
	}
	a.release(ctx)
	return err
}

// release closes what is open. The steps in hand end first, and systems close last: a step that finds its system closed by us
// must have nowhere to record that the system failed.
func (a *App) release(ctx context.Context) {
	if a.engine != nil {
		if err := a.engine.Close(ctx); err != nil {
			a.Log.Warn("closing the workflow failed", "error", err.Error())
		}
	}
	if a.table != nil {
		if err := a.table.Close(); err != nil {
			a.Log.Warn("closing the records failed", "error", err.Error())
		}
	}
	if a.Set != nil && a.Systems != nil {
		a.Systems.Close()
	}
	if a.outside != nil {
		if err := a.outside.Close(); err != nil {
			a.Log.Warn("closing the CRM of the demo failed", "error", err.Error())
		}
	}
}

// Handler serves everything over HTTP.
func (a *App) Handler() http.Handler {
	mux := http.NewServeMux()
	a.Register(mux)
	a.operations(mux)
	if a.Demo || a.Clock != nil {
		a.development(mux)
	}
	return functions.Protect(mux)
}
