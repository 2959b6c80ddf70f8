package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
	"github.com/habeas-dsar/habeas/shared/table/tabletest"
)

// TestSuiteUnderFaults runs the whole suite while something befalls every fifth call and the SDK repeats it. Nothing of it may show:
// what was carried out unseen is not carried out again, however often it is asked for.
func TestSuiteUnderFaults(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		cfg := upset(t, c.config(t), 0.2, "cut off")
		cfg.Retryer = func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 25, time.Millisecond, ratelimit.None
			})
		}
		tabletest.Run(t, func(t testing.TB) tabletest.Harness {
			now := newClock()
			return tabletest.Harness{Store: open(t, cfg, dynamotable.Options{Now: now.Now}), Now: now.Now, Advance: now.Advance}
		})
	})
}

// TestErrorsLeaveAllOrNothing shows callers every fault, because nobody repeats. An answer is true; an error leaves all of the
// transaction or nothing, and nothing when a condition did not hold.
func TestErrorsLeaveAllOrNothing(t *testing.T) {
	onEach(t, func(t *testing.T, c cloud) {
		cfg, now := c.config(t), newClock()
		sound := open(t, cfg, dynamotable.Options{Now: now.Now})
		cfg = upset(t, cfg, 0.4, "short page")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		p := &program{store: open(t, cfg, dynamotable.Options{Now: now.Now}), sound: sound, part: fmt.Sprintf("T#%d", rand.Uint64())}
		for range 250 {
			p.step(t)
		}
		t.Logf("%d done, %d refused, %d done in spite of an error, %d not done", p.done, p.refused, p.unseen, p.failed)
		if p.done == 0 || p.refused == 0 || p.unseen == 0 || p.failed == 0 {
			t.Error("not everything happened that can happen")
		}
	})
}

// program is a sequence of random transactions over a few items.
type program struct {
	store, sound                  table.Store
	part                          string
	done, refused, unseen, failed int
}

// step tries one transaction and compares what is stored then with what may be.
func (p *program) step(t *testing.T) {
	t.Helper()
	var writes []table.Write
	var before, after []table.Item
	holds := true
	for _, n := range rand.Perm(6)[:1+rand.IntN(4)] {
		old := p.read(t, table.Key{Table: table.Names()[n%2], PK: p.part, SK: strconv.Itoa(n)})
		w, changed := p.draw(old)
		holds = holds && (w.If == table.AnyVersion || w.If == old.Version)
		writes, before, after = append(writes, w), append(before, old), append(after, changed)
	}
	err := p.store.Transact(t.Context(), writes...)
	var stored []table.Item
	for i := range before {
		stored = append(stored, p.read(t, before[i].Key))
	}
	changed, same := equal(stored, after), equal(stored, before)
	switch {
	case err == nil && holds && changed:
		p.done++
	case fault.Has(err, fault.Conflict) && !holds && same:
		p.refused++
	case fault.Has(err, fault.Unavailable) && !holds && same:
		p.failed++
	case (fault.Has(err, fault.Unavailable) || fault.Has(err, fault.Conflict)) && holds && changed:
		p.unseen++
	case (fault.Has(err, fault.Unavailable) || fault.Has(err, fault.Conflict)) && holds && same:
		p.failed++
	default:
		t.Fatalf("conditions hold: %t, answer %v, stored (-before +stored):\n%s\n(-after +stored):\n%s", holds, err,
			cmp.Diff(before, stored), cmp.Diff(after, stored))
	}
}

// draw returns a write on the item and what it leaves.
func (p *program) draw(old table.Item) (table.Write, table.Item) {
	w := table.Write{Op: table.Put, Item: table.Item{Key: old.Key, Body: []byte(strconv.Itoa(rand.Int()))}, If: old.Version}
	after := w.Item
	after.Version = old.Version + 1
	switch rand.IntN(8) {
	case 0:
		w.Op, after = table.Delete, table.Item{Key: old.Key}
	case 1:
		w.Op, after = table.Check, old
	case 2:
		w.If = table.AnyVersion
	case 3:
		w.If = old.Version + 1 // does not hold
	}
	return w, after
}

// read returns what is stored under the key; version 0 = nothing.
func (p *program) read(t *testing.T, key table.Key) table.Item {
	t.Helper()
	it, err := p.sound.Get(t.Context(), key)
	if fault.Has(err, fault.NotFound) {
		return table.Item{Key: key}
	}
	if err != nil {
		t.Fatal(err)
	}
	return it
}

func equal(a, b []table.Item) bool { return cmp.Equal(a, b, cmpopts.EquateEmpty()) }

// TestCallersRecover has several callers count together in the way the product writes: what changes and the mark that says so are one
// transaction, and whoever does not know how one ended looks for the mark. Every change is there once.
func TestCallersRecover(t *testing.T) {
	const callers, each = 4, 12
	onEach(t, func(t *testing.T, c cloud) {
		cfg := c.config(t)
		sound := open(t, cfg, dynamotable.Options{})
		cfg = upset(t, cfg, 0.3, "short page") // callers read by key
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		store := open(t, cfg, dynamotable.Options{})
		counter := table.Key{Table: table.Cases, PK: fmt.Sprintf("T#%d", rand.Uint64()), SK: "counter"}
		if err := sound.Transact(t.Context(), table.Write{Op: table.Put, Item: table.Item{Key: counter, Body: []byte("0")}}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var repeats atomic.Int64
		errs := make([]error, callers)
		for caller := range callers {
			wg.Go(func() {
				for n := range each {
					mark := table.Key{Table: table.Ledger, PK: counter.PK, SK: fmt.Sprintf("mark#%d#%02d", caller, n)}
					tries, err := countOnce(t.Context(), store, counter, mark)
					errs[caller] = errors.Join(errs[caller], err)
					repeats.Add(int64(tries - 1))
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		it, err := sound.Get(t.Context(), counter)
		page, perr := sound.Query(t.Context(), table.Query{Table: table.Ledger, PK: counter.PK})
		if err != nil || perr != nil || string(it.Body) != strconv.Itoa(callers*each) || it.Version != callers*each+1 || len(page.Items) != callers*each {
			t.Errorf("counted to %s in %d versions with %d marks, want %d: %v", it.Body, it.Version, len(page.Items), callers*each, errors.Join(err, perr))
		}
		if repeats.Load() == 0 {
			t.Error("nobody ever had to repeat")
		}
	})
}

// countOnce raises the counter by one and leaves the mark, and returns how often it tried.
func countOnce(ctx context.Context, s table.Store, counter, mark table.Key) (tries int, err error) {
	for tries = 1; tries < 500; tries++ {
		_, err := s.Get(ctx, mark)
		if err == nil {
			return tries, nil
		}
		if !fault.Has(err, fault.NotFound) {
			continue
		}
		it, err := s.Get(ctx, counter)
		if err != nil {
			continue
		}
		n, err := strconv.Atoi(string(it.Body))
		if err != nil {
			return tries, err
		}
		it.Body = []byte(strconv.Itoa(n + 1))
		err = s.Transact(ctx,
			table.Write{Op: table.Put, Item: it, If: it.Version}, table.Write{Op: table.Put, Item: table.Item{Key: mark}, If: table.Absent})
		if err == nil {
			return tries, nil
		}
		if !fault.RuleFor(fault.ClassOf(err)).Retry {
			return tries, err
		}
	}
	return tries, errors.New("never came through")
}
