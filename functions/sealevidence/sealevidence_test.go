package sealevidence_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/sealevidence"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// flaky is a store whose transactions fail while fail says so.
type flaky struct {
	table.Store
	fail         func() error
	transactions atomic.Int64
}

func (f *flaky) Transact(ctx context.Context, writes ...table.Write) error {
	f.transactions.Add(1)
	if f.fail != nil {
		if err := f.fail(); err != nil {
			return err
		}
	}
	return f.Store.Transact(ctx, writes...)
}

type rig struct {
	testing.TB
	now   time.Time
	table *flaky
	vault *keys.Vault
	cases *casefile.Store
	step  *sealevidence.Step
}

func newRig(t testing.TB, o sqlitetable.Options) *rig {
	t.Helper()
	r := &rig{TB: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	dir := t.TempDir()
	store, err := sqlitetable.Open(filepath.Join(dir, "records.db"), o)
	r.ok(err)
	t.Cleanup(func() { _ = store.Close() })
	r.ok(filekeys.Create(filepath.Join(dir, "key")))
	keeper, err := filekeys.Open(filepath.Join(dir, "key"))
	r.ok(err)
	r.table = &flaky{Store: store}
	r.vault = keys.NewVault(r.table, keeper)
	r.cases = casefile.NewStore(r.table, r.vault, func() time.Time { return r.now }, "mail.example.com", func([]casefile.OutboxRow) {})
	r.step = &sealevidence.Step{Cases: r.cases}
	return r
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) create(tenant string) casefile.Case {
	r.Helper()
	mail, err := subject.New(subject.Email, "ben@example.com")
	r.ok(err)
	c, err := r.cases.Create(r.Context(), casefile.Opening{
		Tenant: tenant, Right: dsar.Access, Channel: "portal", Locale: "en", ReceivedAt: r.now, Actor: evidence.Subject,
		Person: casefile.Person{Email: mail},
	})
	r.ok(err)
	return c
}

// change adds an entry to the case as a step does.
func (r *rig) change(c casefile.Case) error {
	return step.Change(r.Context(), r.cases, c.Tenant, c.ID, func(_ context.Context, f *casefile.File) error {
		return f.Entry("seen", evidence.System, nil)
	})
}

func (r *rig) run(want sealevidence.Result) {
	r.Helper()
	got, err := r.step.Handle(r.Context())
	r.ok(err)
	if got != want {
		r.Errorf("the run did %+v, want %+v", got, want)
	}
}

func (r *rig) verify(c casefile.Case, opts evidence.VerifyOptions) evidence.Report {
	r.Helper()
	var b bytes.Buffer
	r.ok(r.cases.WriteBundle(r.Context(), &b, c.Tenant, c.ID))
	opts.Key = r.log(c.Tenant).Key()
	rep, err := evidence.VerifyBundle(bytes.NewReader(b.Bytes()), int64(b.Len()), opts)
	r.ok(err)
	if !rep.OK() {
		r.Fatalf("the evidence does not verify: %+v", rep.Findings)
	}
	return rep
}

func (r *rig) log(tenant string) *evidence.Log {
	r.Helper()
	l, err := r.cases.Log(r.Context(), tenant)
	r.ok(err)
	return l
}

// TestEverythingIsSealedInTheEnd: whatever changes and is sealed in whatever order, with transactions that fail on the way,
// every case verifies at any time, the logs only grow, and a last run leaves nothing.
func TestEverythingIsSealedInTheEnd(t *testing.T) {
	r, runs := newRig(t, sqlitetable.Options{}), 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		tenants := []string{fmt.Sprintf("alder-%d", runs), fmt.Sprintf("birch-%d", runs)}
		var cases []casefile.Case
		kept := map[string][]evidence.Checkpoint{}
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			r.now = r.now.Add(time.Second)
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				cases = append(cases, r.create(rapid.SampledFrom(tenants).Draw(rt, "tenant")))
			case 1, 2:
				if len(cases) > 0 {
					r.ok(r.change(rapid.SampledFrom(cases).Draw(rt, "case")))
				}
			case 3:
				fail := rapid.IntRange(0, 2).Draw(rt, "failing transaction")
				r.table.fail = func() error {
					if fail--; fail == 0 {
						return fault.New(fault.Unavailable, "power is gone")
					}
					return nil
				}
				if _, err := r.step.Handle(t.Context()); err != nil && !fault.Has(err, fault.Unavailable) {
					rt.Fatal(err)
				}
				r.table.fail = nil
				for _, tenant := range tenants {
					if c, err := r.log(tenant).Checkpoint(t.Context()); err == nil {
						kept[tenant] = append(kept[tenant], c)
					}
				}
			}
			if len(cases) > 0 {
				r.verify(rapid.SampledFrom(cases).Draw(rt, "verified"), evidence.VerifyOptions{})
			}
		}
		_, err := r.step.Handle(t.Context())
		r.ok(err)
		r.run(sealevidence.Result{})
		for _, c := range cases {
			if rep := r.verify(c, evidence.VerifyOptions{}); rep.Unsealed != 0 {
				rt.Fatalf("%d entries are not sealed", rep.Unsealed)
			}
		}
		for tenant, list := range kept {
			for _, old := range list {
				p, err := r.log(tenant).Consistency(t.Context(), old.Size, 0)
				r.ok(err)
				if tlog.CheckTree(p.Proof, p.To.Size, p.To.Root, old.Size, old.Root) != nil {
					rt.Fatalf("the log of %d leaves did not grow out of that of %d", p.To.Size, old.Size)
				}
			}
		}
	})
}

// TestBatches: one transaction for a tenant's 45 cases, over all shards; tenants do not share one.
func TestBatches(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	for range evidence.MaxLeaves + 1 {
		r.create("alder")
	}
	r.create("birch")
	before := r.table.transactions.Load()
	r.run(sealevidence.Result{Sealed: evidence.MaxLeaves + 2})
	if n := r.table.transactions.Load() - before; n != 3 {
		t.Errorf("%d transactions, want 3", n)
	}
}

// TestPatience: a case that is at work waits, and the result says since when.
func TestPatience(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	r.step.Patience = casefile.Patience{Quiet: sealevidence.Quiet, AtLatest: sealevidence.AtLatest}
	quiet := r.create("alder")
	r.now = r.now.Add(time.Minute)
	busy, since := r.create("alder"), r.now
	r.now = r.now.Add(time.Second)
	r.create("birch")
	r.run(sealevidence.Result{Sealed: 1, Left: 2, Oldest: since})
	if r.verify(quiet, evidence.VerifyOptions{}).Unsealed != 0 || r.verify(busy, evidence.VerifyOptions{}).Unsealed != 1 {
		t.Error("the wrong one was sealed")
	}
}

// TestOneBusyCaseHoldsUpNoOther: a batch that meets a conflict is halved until the case that keeps changing is alone.
func TestOneBusyCaseHoldsUpNoOther(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	var busy casefile.Case
	for range 20 {
		busy = r.create("alder")
	}
	r.table.fail = func() error {
		fail := r.table.fail
		r.table.fail = nil
		defer func() { r.table.fail = fail }()
		return r.change(busy)
	}
	r.run(sealevidence.Result{Sealed: 19, Left: 1, Oldest: r.now})
	r.table.fail = nil
	r.run(sealevidence.Result{Sealed: 1})
}

// TestOneTenantHoldsUpNoOther: the log of one tenant is damaged.
func TestOneTenantHoldsUpNoOther(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	for _, tenant := range []string{"alder", "birch"} {
		for range 50 {
			r.create(tenant)
		}
	}
	head := table.Key{Table: table.Ledger, PK: "T#alder#LOG", SK: "HEAD"}
	r.ok(r.table.Transact(t.Context(), table.Write{Op: table.Put, If: table.Absent, Item: table.Item{Key: head, Body: []byte("x")}}))
	got, err := r.step.Handle(t.Context())
	if !fault.Has(err, fault.Internal) || got != (sealevidence.Result{Sealed: 50, Left: 50, Oldest: r.now}) {
		t.Errorf("%+v %v", got, err)
	}
	if strings.Contains(err.Error(), "alder") {
		t.Error("the error names a tenant")
	}
}

// TestSealingWhileCasesGoOn: several sealers and several steps at once.
func TestSealingWhileCasesGoOn(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	var cases []casefile.Case
	for n := range 12 {
		cases = append(cases, r.create([]string{"alder", "birch"}[n%2]))
	}
	var working, sealing sync.WaitGroup
	for worker := range 4 {
		working.Go(func() {
			for n := range 60 {
				if err := r.change(cases[(worker+n*5)%len(cases)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	for range 2 {
		sealing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := r.step.Handle(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	close(stop)
	sealing.Wait()
	_, err := r.step.Handle(t.Context())
	r.ok(err)
	r.run(sealevidence.Result{})
	for _, c := range cases {
		if rep := r.verify(c, evidence.VerifyOptions{}); rep.Unsealed != 0 || rep.Entries != 21 {
			t.Errorf("%d of %d entries are not sealed", rep.Unsealed, rep.Entries)
		}
	}
}

// TestLaggingIndex: the index shows cases late, and shows those that are sealed already.
func TestLaggingIndex(t *testing.T) {
	r := newRig(t, sqlitetable.Options{Lag: 20 * time.Millisecond})
	var cases []casefile.Case
	for range 30 {
		cases = append(cases, r.create("alder"))
		_, err := r.step.Handle(t.Context())
		r.ok(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, err := r.step.Handle(t.Context())
		r.ok(err)
		if c, err := r.log("alder").Checkpoint(t.Context()); err == nil && c.Size == 30 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not everything is sealed")
		}
	}
	time.Sleep(50 * time.Millisecond)
	r.run(sealevidence.Result{})
	for _, c := range cases {
		if r.verify(c, evidence.VerifyOptions{}).Unsealed != 0 {
			t.Error("a case is not sealed")
		}
	}
	if c, err := r.log("alder").Checkpoint(t.Context()); err != nil || c.Size != 30 {
		t.Errorf("%d leaves for 30 cases: %v", c.Size, err)
	}
}

func TestUnreachable(t *testing.T) {
	r := newRig(t, sqlitetable.Options{})
	r.create("alder")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.step.Handle(ctx); !fault.Has(err, fault.Unavailable) {
		t.Errorf("a run that was ended: %v", err)
	}
	r.ok(r.table.Close())
	if _, err := r.step.Handle(t.Context()); !fault.Has(err, fault.Unavailable) {
		t.Errorf("a closed store: %v", err)
	}
}

// BenchmarkSeal seals cases of one tenant, whose log has leaves already.
func BenchmarkSeal(b *testing.B) {
	r := newRig(b, sqlitetable.Options{})
	for range 500 {
		r.create("alder")
	}
	var cases []casefile.Case
	for range 450 {
		cases = append(cases, r.create("alder"))
	}
	_, err := r.step.Handle(b.Context())
	r.ok(err)
	n := 0
	for b.Loop() {
		b.StopTimer()
		for _, c := range cases {
			r.ok(r.change(c))
		}
		b.StartTimer()
		res, err := r.step.Handle(b.Context())
		r.ok(err)
		n += res.Sealed
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "cases/s")
}
