package local_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/infra/local"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	workflow "github.com/habeas-dsar/habeas/shared/workflow/local"
)

// office is a dispatcher over real records, with a clock set by hand and a handler that the test plays.
type office struct {
	t     *testing.T
	clock *workflow.ManualClock
	cases *casefile.Store
	d     *local.Dispatcher

	mu     sync.Mutex
	done   []string
	handle func(r casefile.OutboxRow) error
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, clock: workflow.NewManualClock(start), handle: func(casefile.OutboxRow) error { return nil }}
	dir := t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{Now: o.clock.Now})
	o.ok(err)
	t.Cleanup(func() { _ = store.Close() })
	o.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	o.ok(err)
	o.cases = casefile.NewStore(store, keys.NewVault(store, keeper), o.clock.Now, "example.com", func(rows []casefile.OutboxRow) {
		if o.d != nil {
			o.d.Poke(rows)
		}
	})
	return o
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// work starts a dispatcher; the returned function stops it.
func (o *office) work() (stop func()) {
	o.t.Helper()
	o.d = local.NewDispatcher(o.clock, slog.New(slog.DiscardHandler), func() *casefile.Store { return o.cases }, func(ctx context.Context, r casefile.OutboxRow) error {
		o.mu.Lock()
		handle := o.handle
		o.mu.Unlock()
		if err := handle(r); err != nil {
			return err
		}
		o.mu.Lock()
		o.done = append(o.done, fmt.Sprintf("%s/%d", r.CaseID, r.N))
		o.mu.Unlock()
		return o.cases.Done(ctx, r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	d := o.d
	go func() { d.Run(ctx); close(ended) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				o.t.Error("the dispatcher does not stop")
			}
		})
	}
	o.t.Cleanup(stop)
	return stop
}

func (o *office) play(handle func(r casefile.OutboxRow) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.handle = handle
}

func (o *office) carried() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.done)
}

func (o *office) idle() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 10*time.Second)
	defer cancel()
	o.ok(o.d.Idle(ctx))
}

func (o *office) create() casefile.Case {
	o.t.Helper()
	who, err := subject.New(subject.Email, "ada@example.com")
	o.ok(err)
	c, err := o.cases.Create(o.t.Context(), casefile.Opening{Tenant: "alder", Right: dsar.Access, Channel: "portal", Actor: "subject", ReceivedAt: o.clock.Now(), Person: casefile.Person{Email: who}})
	o.ok(err)
	return c
}

func (o *office) signal(c casefile.Case) {
	o.t.Helper()
	f, err := o.cases.Load(o.t.Context(), c.Tenant, c.ID)
	o.ok(err)
	f.Signal()
	o.ok(o.cases.Commit(o.t.Context(), f))
}

func TestRowsOfOneCaseAreCarriedOutInOrder(t *testing.T) {
	o := newOffice(t)
	o.work()
	o.play(func(r casefile.OutboxRow) error {
		if r.N%3 == 0 {
			time.Sleep(2 * time.Millisecond) // the later ones do not overtake
		}
		return nil
	})
	var all []casefile.Case
	for range 5 {
		all = append(all, o.create())
	}
	for range 8 {
		for _, c := range all {
			o.signal(c)
		}
	}
	o.idle()
	seen := map[string][]string{}
	for _, s := range o.carried() {
		id, n, _ := strings.Cut(s, "/")
		seen[id] = append(seen[id], n)
	}
	for _, c := range all {
		if got := strings.Join(seen[c.ID], ","); got != "1,2,3,4,5,6,7,8,9,10" {
			t.Errorf("carried out %s", got)
		}
	}
	if !o.d.Quiet() || !o.d.NextDue().IsZero() {
		t.Error("something is left")
	}
}

func TestAFailedRowIsTriedAgainAfterGrowingPauses(t *testing.T) {
	o := newOffice(t)
	tries := 0
	o.play(func(r casefile.OutboxRow) error {
		if r.N != 1 {
			return nil
		}
		tries++
		if tries == 3 {
			panic("a defect")
		}
		return fault.New(fault.Unavailable, "not now")
	})
	o.work()
	o.create()
	last := time.Duration(0)
	for n := range 14 {
		o.idle()
		if tries != n+1 {
			t.Fatalf("%d tries, want %d", tries, n+1)
		}
		pause := o.d.NextDue().Sub(o.clock.Now())
		if pause < last || pause < 2*time.Second || pause > 15*time.Minute || n > 0 && n < 5 && pause != 2*last {
			t.Errorf("pause %d is %s after %s", n+1, pause, last)
		}
		last = pause
		o.clock.Set(o.clock.Now().Add(pause - time.Millisecond))
		o.idle()
		if tries != n+1 {
			t.Error("tried before its time")
		}
		o.clock.Set(o.clock.Now().Add(time.Millisecond))
	}
	if last != 15*time.Minute {
		t.Errorf("the longest pause is %s", last)
	}
	o.play(func(casefile.OutboxRow) error { return nil })
	o.idle()
	o.clock.Set(o.d.NextDue())
	o.idle()
	if len(o.carried()) != 2 {
		t.Errorf("carried out %v", o.carried())
	}
}

func TestAWaitThatWasAskedForIsKept(t *testing.T) {
	o := newOffice(t)
	o.play(func(casefile.OutboxRow) error { return fault.New(fault.Throttled, "slow down").After(time.Hour) })
	o.work()
	o.create()
	o.idle()
	if got := o.d.NextDue().Sub(o.clock.Now()); got != time.Hour {
		t.Errorf("tried again after %s", got)
	}
}

func TestAFailingCaseHoldsUpNoOther(t *testing.T) {
	o := newOffice(t)
	bad := o.create()
	o.play(func(r casefile.OutboxRow) error {
		if r.CaseID == bad.ID {
			return errors.New("broken")
		}
		return nil
	})
	o.work()
	o.ok(o.d.Recover(t.Context()))
	for range 30 {
		o.create()
	}
	o.idle()
	if len(o.carried()) != 60 {
		t.Errorf("%d rows of the others", len(o.carried()))
	}
}

func TestRowsThatMemoryLostAreFoundAgain(t *testing.T) {
	o := newOffice(t)
	var all []casefile.Case
	for range 20 {
		all = append(all, o.create()) // nobody listens yet
	}
	stop := o.work()
	var once sync.Once
	half := make(chan struct{})
	o.play(func(casefile.OutboxRow) error {
		if len(o.carried()) >= 10 {
			once.Do(func() { close(half) })
			return fault.New(fault.Unavailable, "the process is about to end")
		}
		return nil
	})
	o.ok(o.d.Recover(t.Context()))
	<-half
	stop()
	o.play(func(casefile.OutboxRow) error { return nil })
	o.work()
	for range 3 { // rows that are in hand are not taken a second time; one that has just ended may be, as the contract says
		o.ok(o.d.Recover(t.Context()))
	}
	o.idle()
	count := map[string]int{}
	for _, s := range o.carried() {
		count[s]++
	}
	for _, c := range all {
		for n := 1; n <= 2; n++ {
			if got := count[fmt.Sprintf("%s/%d", c.ID, n)]; got < 1 || got > 4 {
				t.Errorf("row %d was carried out %d times, want once or, at most, once more for each look", n, got)
			}
		}
	}
}

func TestIdleEndsWithItsCaller(t *testing.T) {
	o := newOffice(t)
	hold := make(chan struct{})
	o.play(func(casefile.OutboxRow) error { <-hold; return nil })
	o.work()
	o.create()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := o.d.Idle(ctx); !fault.Has(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	if o.d.Quiet() {
		t.Error("quiet with a row in hand")
	}
	close(hold)
	o.idle()
}

func TestManualClockIsRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	c, err := local.OpenManualClock(path, start.Add(123456789*time.Nanosecond))
	if err != nil || !c.Now().Equal(start.Add(123*time.Millisecond)) {
		t.Fatalf("begins at %s: %v", c.Now(), err)
	}
	moved := start.Add(36 * time.Hour)
	if err := c.Move(moved.In(time.FixedZone("", 3600))); err != nil {
		t.Fatal(err)
	}
	if err := c.Move(moved); err != nil {
		t.Errorf("to where it stands: %v", err)
	}
	for name, to := range map[string]time.Time{"back": moved.Add(-time.Millisecond), "to no time": {}, "beyond what can be written": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if err := c.Move(to); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := local.OpenManualClock(path, start)
	if err != nil || !again.Now().Equal(moved) || again.Now().Location() != time.UTC {
		t.Errorf("after a restart it is %s: %v", again.Now(), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("yesterday\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := local.OpenManualClock(path, start); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("a broken file: %v", err)
	}
	if err := c.Move(moved.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := local.OpenManualClock(filepath.Join(path, "below a file"), start); err == nil {
		t.Error("a place that cannot be written")
	}
}
