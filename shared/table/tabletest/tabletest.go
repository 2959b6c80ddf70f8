// Package tabletest is the conformance suite of the record store. A driver passes when Run finds nothing: what the suite
// asks, DynamoDB and SQLite both can give, and the rest of the product relies on no more.
package tabletest

import (
	"bytes"
	"context"
	"crypto/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// defaultPatience is how long the suite waits for an index to follow.
const defaultPatience = 20 * time.Second

// Harness is a store to be tested and the clock it was given.
type Harness struct {
	Store table.Store
	// Now is the clock of Store; Advance moves it forward. It stands still otherwise.
	Now     func() time.Time
	Advance func(time.Duration)
	// Patience is how long the index may take to follow; 0 = 20 seconds.
	Patience time.Duration
}

// Run holds a driver to the contract of package table. open returns a store that nobody else uses meanwhile, once per
// test, and has t clean up after it; the suite may have closed the store by then. The tables need not be empty: every test
// works in partitions of its own. Index reads are given patience, so a lagging index passes.
func Run(t *testing.T, open func(t testing.TB) Harness) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"items", itemTests()},
		{"conditions", conditionTests()},
		{"limits", limitTests()},
		{"queries", queryTests()},
		{"cursors", cursorTests()},
		{"index", indexTests()},
		{"expiry", expiryTests()},
		{"concurrency", concurrencyTests()},
		{"lifetime", lifetimeTests()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, tt := range g.tests {
				t.Run(tt.name, func(t *testing.T) { tt.run(newFixture(t, open(t))) })
			}
		})
	}
	t.Run("model", func(t *testing.T) { checkModel(t, open(t)) })
}

// RunModel runs only the random transactions, reads and leaps of time that Run ends with: for a store that compares two drivers on
// the same program.
func RunModel(t *testing.T, open func(t testing.TB) Harness) { checkModel(t, open(t)) }

type test struct {
	name string
	run  func(*fixture)
}

// fixture is one test's view of the store: a partition of its own and helpers that fail the test.
type fixture struct {
	testing.TB
	Harness
	ctx  context.Context
	part string
}

func newFixture(t testing.TB, h Harness) *fixture {
	return &fixture{TB: t, Harness: h, ctx: t.Context(), part: "T#" + rand.Text()}
}

// key returns a key in the test's partition of Cases.
func (f *fixture) key(sk string) table.Key { return table.Key{Table: table.Cases, PK: f.part, SK: sk} }

// item returns an item in the test's partition with the body.
func (f *fixture) item(sk, body string) table.Item {
	return table.Item{Key: f.key(sk), Body: []byte(body)}
}

// indexed returns an item that is in the index under the test's partition too.
func (f *fixture) indexed(sk, isk string) table.Item {
	it := f.item(sk, "body of "+sk)
	it.IPK, it.ISK = f.part, isk
	return it
}

func putAny(it table.Item) table.Write {
	return table.Write{Op: table.Put, Item: it, If: table.AnyVersion}
}

func write(op table.Op, it table.Item, condition int64) table.Write {
	return table.Write{Op: op, Item: it, If: condition}
}

// transact fails the test unless the transaction succeeds.
func (f *fixture) transact(writes ...table.Write) {
	f.Helper()
	if err := f.Store.Transact(f.ctx, writes...); err != nil {
		f.Fatalf("transaction of %d writes: %v", len(writes), err)
	}
}

// put stores the items unconditionally, in as many transactions as they need.
func (f *fixture) put(items ...table.Item) {
	f.Helper()
	var writes []table.Write
	size := 0
	for i := range items {
		if len(writes) == table.MaxTransactionItems || size+items[i].Size() > table.MaxTransactionBytes {
			f.transact(writes...)
			writes, size = nil, 0
		}
		writes, size = append(writes, putAny(items[i])), size+items[i].Size()
	}
	if len(writes) > 0 {
		f.transact(writes...)
	}
}

// refused fails the test unless the transaction fails with the class.
func (f *fixture) refused(class fault.Class, writes ...table.Write) {
	f.Helper()
	f.wantClass(f.Store.Transact(f.ctx, writes...), class)
}

// wantClass also holds every error to the rule that it names no key.
func (f *fixture) wantClass(err error, class fault.Class) {
	f.Helper()
	if !fault.Has(err, class) {
		f.Errorf("got error %v of class %q, want %s", err, fault.ClassOf(err), class)
	}
	if err != nil && strings.Contains(err.Error(), f.part) {
		f.Error("the error names a key")
	}
}

// get fails the test unless the item is there.
func (f *fixture) get(k table.Key) table.Item {
	f.Helper()
	it, err := f.Store.Get(f.ctx, k)
	if err != nil {
		f.Fatalf("reading %q: %v", k.SK, err)
	}
	return it
}

// absent fails the test unless there is no such item.
func (f *fixture) absent(keys ...table.Key) {
	f.Helper()
	for _, k := range keys {
		if _, err := f.Store.Get(f.ctx, k); !fault.Has(err, fault.NotFound) {
			f.Errorf("reading %q in %s: got %v, want not_found", k.SK, k.Table, err)
		}
	}
}

// stored fails the test unless the store holds exactly want under its key.
func (f *fixture) stored(want table.Item) {
	f.Helper()
	if d := diff(want, f.get(want.Key)); d != "" {
		f.Errorf("item %q (-want +got):\n%s", want.SK, d)
	}
}

// diff compares items, keys and sets of them; nil is empty. Bodies are compared as a whole, not byte by byte.
func diff(want, got any) string {
	notBody := func(p cmp.Path) bool { return p.Last().Type() != reflect.TypeFor[[]byte]() }
	return cmp.Diff(want, got, cmp.FilterPath(notBody, cmpopts.EquateEmpty()), cmp.Comparer(bytes.Equal))
}

// drain reads a query to its end and checks every page on the way.
func (f *fixture) drain(q table.Query) []table.Item {
	f.Helper()
	items, err := drain(f.ctx, f.Store, q)
	if err != nil {
		f.Fatalf("reading %+v: %v", q, err)
	}
	return items
}

// sks reads a query to its end and returns the sort keys in order.
func (f *fixture) sks(q table.Query) []string {
	f.Helper()
	items := f.drain(q)
	keys := make([]string, len(items))
	for i := range items {
		keys[i] = items[i].SK
	}
	return keys
}

// wantSKs fails the test unless the query of the test's partition finds exactly these keys in this order, whatever the page.
func (f *fixture) wantSKs(q table.Query, want ...string) {
	f.Helper()
	q.PK = f.part
	if q.Table == "" {
		q.Table = table.Cases
	}
	for _, limit := range []int{0, 1, 2, 3} {
		q.Limit = limit
		if d := diff(want, f.sks(q)); d != "" {
			f.Errorf("query %+v (-want +got):\n%s", q, d)
		}
	}
}

// eventually waits until problem returns "".
func (f *fixture) eventually(problem func() string) {
	f.Helper()
	f.Harness.eventually(f.Fatalf, problem)
}

// eventually waits until problem returns "" and calls fatal when patience ends.
func (h Harness) eventually(fatal func(string, ...any), problem func() string) {
	patience := h.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	deadline, pause := time.Now().Add(patience), time.Millisecond
	for {
		p := problem()
		if p == "" {
			return
		}
		if time.Now().After(deadline) {
			fatal("still wrong after %s: %s", patience, p)
			return
		}
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
}
