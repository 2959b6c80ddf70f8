package functions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/sweepdeadlines"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// sweep moves the clock and sweeps; it returns how many cases were looked at.
func (r *rig) sweep(d time.Duration) int {
	r.t.Helper()
	r.now = r.now.Add(d)
	n, err := r.set.Sweep(r.t.Context())
	r.ok(err)
	return n
}

func TestTheSweeperLooksAtWhatIsDueOnly(t *testing.T) {
	t.Parallel()
	counted := &counting{}
	r := newRig(t, func(p *functions.Ports) { counted.Store = p.Table; p.Table = counted })
	for range 40 {
		r.create()
	}
	late := r.create()
	r.drain()
	r.change(late, func(f *casefile.File) error { f.Case.NextDue = r.now.Add(2 * time.Hour); return nil })
	if n := r.sweep(time.Minute); n != 0 {
		t.Errorf("%d cases before anything is due", n)
	}
	counted.reads = 0
	r.sweep(0)
	idle := counted.reads
	if idle > casefile.DueShards+1 { // the shards, and holds that were released
		t.Errorf("%d reads to find nothing", idle)
	}
	if n := r.sweep(time.Hour); n != 40 {
		t.Errorf("looked at %d cases, want 40", n)
	}
	counted.reads = 0
	if n := r.sweep(time.Hour); n != 1 {
		t.Errorf("looked at %d cases, want 1", n)
	}
	if extra := counted.reads - idle; extra > 6 {
		t.Errorf("one case takes %d reads", extra)
	}
	if n := r.sweep(0); n != 0 {
		t.Errorf("%d cases a second time", n)
	}
}

// counting counts what is read.
type counting struct {
	table.Store
	reads int
	fail  func(w []table.Write) error
}

func (c *counting) Get(ctx context.Context, k table.Key) (table.Item, error) {
	c.reads++
	return c.Store.Get(ctx, k)
}

func (c *counting) Query(ctx context.Context, q table.Query) (table.Page, error) {
	c.reads++
	return c.Store.Query(ctx, q)
}

func (c *counting) Transact(ctx context.Context, w ...table.Write) error {
	if c.fail != nil {
		if err := c.fail(w); err != nil {
			return err
		}
	}
	return c.Store.Transact(ctx, w...)
}

func TestUnverifiedRequestsExpire(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.next("Triage", c, step.Proceed)
	r.next("Acknowledge", c, step.Proceed)
	token, given := r.token()
	r.next("VerifyIdentity", c, step.Again, given)
	r.drain()
	for range 14*24 - 1 {
		r.sweep(time.Hour)
	}
	if r.one(c).Verification.Expired {
		t.Fatal("expired before its time")
	}
	r.sweep(time.Hour)
	r.drain()
	if !r.one(c).Verification.Expired || r.engine.tokens[token] != `{"next":"close","items":[]}` {
		t.Fatalf("after 14 days: %+v", r.one(c).Verification)
	}
	r.next("CloseCase", c, step.Proceed)
	if got := r.one(c); got.Status != dsar.Expired || !got.NextDue.IsZero() {
		t.Errorf("status %s, next look %s", got.Status, got.NextDue)
	}
	if n := r.sweep(30 * 24 * time.Hour); n != 0 || r.count(c, "verification_expired") != 1 {
		t.Errorf("a closed case is looked at %d times", n)
	}
	r.verified(c)
}

func TestTasksThatWaitAreDecidedBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	r.register("crm")
	c := r.create()
	r.verify(c)
	r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.drain()
	r.change(c, func(f *casefile.File) error {
		f.TaskFor("shop", dsar.Locate).Status = casefile.TaskWaiting
		f.TaskFor("crm", dsar.Locate).Done(dsar.NothingHeld, f.Now())
		return nil
	})
	due := r.one(c).Due.At
	r.now = due.Add(-sweepdeadlines.BeforeDue - time.Minute)
	r.sweep(0)
	if r.task(c, "shop", dsar.Locate).Asked != nil {
		t.Error("asked too early")
	}
	if next := r.one(c).NextDue; !next.Equal(due.Add(-sweepdeadlines.BeforeDue)) {
		t.Errorf("the next look is at %s, want two days before %s", next, due)
	}
	r.sweep(time.Minute)
	shop := r.task(c, "shop", dsar.Locate)
	if shop.Asked == nil || shop.Asked.Why != "late" || !slices.Equal(shop.Asked.Answers, casefile.AnswersForFailure) || r.task(c, "crm", dsar.Locate).Asked != nil {
		t.Errorf("asked %+v", shop.Asked)
	}
	r.sweep(time.Hour)
	r.sweep(sweepdeadlines.Look)
	if n := r.count(c, "person_asked"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	r.next("RunTask", c, step.TaskPerson, with("taskId", shop.ID))
}

// A change that waits for its plan to be approved does not wait for its system: nobody is asked what to do without it, and it is
// carried out whenever the plan is approved.
func TestAChangeWithoutAnApprovedPlanIsNotLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.register("shop")
	c := r.create()
	r.verify(c)
	r.next("OpenTasks", c, step.Tasks, with("phase", "locate"))
	r.drain()
	r.change(c, func(f *casefile.File) error {
		t := f.TaskFor("shop", dsar.Locate)
		t.Action, t.Status, f.Case.Phase = dsar.Erase, casefile.TaskOpen, dsar.PhaseReviewPlan
		return nil
	})
	r.now = r.one(c).Due.At.Add(-time.Hour)
	r.sweep(0)
	if n := r.count(c, "person_asked"); n != 0 || r.one(c).Answered {
		t.Errorf("asked %d times although nothing is late", n)
	}
}

func TestALostExecutionIsReplacedThreeTimesAndThenAPersonIsAsked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.verify(c)
	r.drain()
	for n := range sweepdeadlines.MaxRestarts {
		r.engine.end(fmt.Sprintf("%s-g%d", c.ID, n+1))
		r.sweep(sweepdeadlines.Look)
		if n == 0 {
			r.sweep(0) // what was moved on is not swept twice
		}
		r.drain()
		if got := r.one(c); got.Generation != n+2 || r.engine.names()[fmt.Sprintf("%s-g%d", c.ID, n+2)] != workflow.Running {
			t.Fatalf("generation %d after %d losses: %v", got.Generation, n+1, r.engine.names())
		}
	}
	r.engine.end(c.ID + "-g4")
	r.sweep(sweepdeadlines.Look)
	r.sweep(sweepdeadlines.Look)
	got := r.one(c)
	if got.Generation != 4 || got.Operator == nil || got.Operator.Fault != "no_progress" || got.Status != dsar.AwaitingPerson || r.count(c, "operator_needed") != 1 {
		t.Fatalf("generation %d, status %s, operator %+v", got.Generation, got.Status, got.Operator)
	}
	r.change(c, func(f *casefile.File) error { return f.Operate("staff:01", dsar.PhaseLocate) })
	r.drain()
	if r.engine.names()[c.ID+"-g5"] != workflow.Running || r.one(c).Operator != nil {
		t.Errorf("after the operator: %v", r.engine.names())
	}
	r.verified(c)
}

func TestALiveExecutionIsASignOfLife(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.drain()
	r.change(c, func(f *casefile.File) error { f.Case.Restarts = 2; return nil })
	r.sweep(casefile.FirstLook)
	if got := r.one(c); got.Restarts != 0 || got.Generation != 1 || !got.NextDue.Equal(r.now.Add(sweepdeadlines.Look)) {
		t.Errorf("restarts %d, generation %d, next look %s", got.Restarts, got.Generation, got.NextDue)
	}
}

// The execution of a joined request may be lost before it told the person.
func TestAJoinedRequestIsToldEvenIfItsExecutionIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older := r.create()
	r.verify(older)
	younger := r.create()
	r.verify(younger)
	r.drain()
	if r.one(younger).MergedInto != older.ID {
		t.Fatal("not joined")
	}
	r.engine.end(younger.ID + "-g1")
	for range 100 {
		r.sweep(sweepdeadlines.Look)
		if r.one(younger).Generation == 2 {
			break
		}
	}
	r.drain()
	if r.engine.names()[younger.ID+"-g2"] != workflow.Running {
		t.Fatalf("executions are %v", r.engine.names())
	}
	r.next("CloseCase", younger, step.Proceed)
	if n := r.sweep(365 * 24 * time.Hour); r.one(younger).Generation != 2 || n > 1 {
		t.Errorf("a joined request that was told is left alone: generation %d, looked at %d", r.one(younger).Generation, n)
	}
}

func TestOneBrokenCaseHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	broken := ""
	failing := &counting{}
	r := newRig(t, func(p *functions.Ports) { failing.Store = p.Table; p.Table = failing })
	var all []casefile.Case
	for range 20 {
		all = append(all, r.create())
	}
	r.drain()
	broken = all[0].ID
	failing.fail = func(ws []table.Write) error {
		for _, w := range ws {
			if w.Item.PK == "T#"+tenant+"#C#"+broken {
				return fault.New(fault.Internal, "this item cannot be written")
			}
		}
		return nil
	}
	r.now = r.now.Add(casefile.FirstLook)
	if _, err := r.set.Sweep(t.Context()); !fault.Has(err, fault.Internal) {
		t.Errorf("the failure is not told: %v", err)
	}
	for _, c := range all[1:] {
		if got := r.one(c); got.NextDue.Equal(c.NextDue) {
			t.Fatal("a case was not looked at because another one is broken")
		}
	}
	failing.fail = nil
	if n := r.sweep(0); n != 1 {
		t.Errorf("%d cases are left, want the broken one", n)
	}
}

func TestTheSweeperWaitsForTheEngine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := r.create()
	r.drain()
	r.engine.describe = fault.New(fault.Unavailable, "the engine is away")
	r.now = r.now.Add(casefile.FirstLook)
	if _, err := r.set.Sweep(t.Context()); !errors.Is(err, fault.New(fault.Unavailable, "")) {
		t.Errorf("got %v", err)
	}
	if got := r.one(c); got.Generation != 1 || !got.NextDue.Equal(c.NextDue) {
		t.Error("a case was started anew because nobody could tell whether it runs")
	}
	if r.count(c, "taken_over") != 0 || r.kinds(c)[0] != "case_received" {
		t.Errorf("evidence is %q", r.kinds(c))
	}
}
