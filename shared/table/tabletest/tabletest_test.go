package tabletest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/table/tabletest"
)

// faultName tells a test binary that was started by TestSuiteFindsFaults what is wrong with its store.
const faultName = "TABLETEST_FAULT"

// broken is a store with one fault, given by the function that is not nil.
type broken struct {
	table.Store
	get      func(context.Context, table.Key) (table.Item, error)
	query    func(context.Context, table.Query) (table.Page, error)
	transact func(context.Context, ...table.Write) error
	close    func() error
}

func (b *broken) Get(ctx context.Context, k table.Key) (table.Item, error) {
	if b.get != nil {
		return b.get(ctx, k)
	}
	return b.Store.Get(ctx, k)
}

func (b *broken) Query(ctx context.Context, q table.Query) (table.Page, error) {
	if b.query != nil {
		return b.query(ctx, q)
	}
	return b.Store.Query(ctx, q)
}

func (b *broken) Transact(ctx context.Context, writes ...table.Write) error {
	if b.transact != nil {
		return b.transact(ctx, writes...)
	}
	return b.Store.Transact(ctx, writes...)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Store.Close()
}

// flaw is a fault and the part of the suite that must find it.
type flaw struct {
	name, foundBy string
	build         func(table.Store) *broken
}

// changing returns a build that changes every write before it is stored.
func changing(change func(*table.Write)) func(table.Store) *broken {
	return func(s table.Store) *broken {
		return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
			writes = append([]table.Write(nil), writes...)
			for i := range writes {
				change(&writes[i])
			}
			return s.Transact(ctx, writes...)
		}}
	}
}

// asking returns a build that changes every query before it is asked and every page after.
func asking(before func(*table.Query), after func(table.Query, *table.Page)) func(table.Store) *broken {
	return func(s table.Store) *broken {
		return &broken{Store: s, query: func(ctx context.Context, q table.Query) (table.Page, error) {
			asked := q
			before(&asked)
			page, err := s.Query(ctx, asked)
			if err == nil {
				after(q, &page)
			}
			return page, err
		}}
	}
}

func asIs(*table.Query) {}

func untouched(table.Query, *table.Page) {}

// writeFlaws are faults of what is stored and when.
func writeFlaws() []flaw {
	return []flaw{
		{"conditions are ignored", "conditions", changing(func(w *table.Write) {
			if w.Op != table.Check {
				w.If = table.AnyVersion
			}
		})},
		{"absent means any", "conditions", changing(func(w *table.Write) {
			if w.If == table.Absent && w.Op == table.Put {
				w.If = table.AnyVersion
			}
		})},
		{"expiry is lost", "expiry", changing(func(w *table.Write) { w.Item.ExpiresAt = time.Time{} })},
		{"bodies end at a zero byte", "items", changing(func(w *table.Write) { w.Item.Body, _, _ = bytes.Cut(w.Item.Body, []byte{0}) })},
		{"the index holds only what never changes", "index", changing(func(w *table.Write) {
			if w.Item.Key.SK == "s" && len(w.Item.Body) != len("body of s") {
				w.Item.IPK, w.Item.ISK = "", ""
			}
		})},
		{"two tables are one", "items", changing(func(w *table.Write) {
			if w.Item.Table == table.Registry {
				w.Item.Table = table.Cases
			}
		})},
		{"writes are not one transaction", "conditions", func(s table.Store) *broken {
			return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
				if err := table.Validate(writes...); err != nil {
					return err
				}
				for _, w := range writes {
					if err := s.Transact(ctx, w); err != nil {
						return err
					}
				}
				return nil
			}}
		}},
		{"limits are not checked", "limits", func(s table.Store) *broken {
			return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
				if err := s.Transact(ctx, writes...); !fault.Has(err, fault.Invalid) {
					return err
				}
				return nil
			}}
		}},
		{"a write begins before the limits are checked", "limits", func(s table.Store) *broken {
			return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
				err := s.Transact(ctx, writes...)
				if fault.Has(err, fault.Invalid) && len(writes) > 1 {
					_ = s.Transact(ctx, writes[0])
				}
				return err
			}}
		}},
		{"conditions are checked outside the transaction", "concurrency", checkingFirst},
	}
}

// checkingFirst reads the versions, waits a little and writes whatever has happened meanwhile.
func checkingFirst(s table.Store) *broken {
	return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
		var blind []table.Write
		for _, w := range writes {
			it, err := s.Get(ctx, w.Item.Key)
			if err != nil && !fault.Has(err, fault.NotFound) {
				return err
			}
			if w.If != table.AnyVersion && w.If != it.Version {
				return fault.New(fault.Conflict, "an item was changed in the meantime")
			}
			w.If = table.AnyVersion
			blind = append(blind, w)
		}
		time.Sleep(time.Millisecond)
		return s.Transact(ctx, blind...)
	}}
}

// pageFlaws are faults of queries.
func pageFlaws() []flaw {
	return []flaw{
		{"descending is ignored", "queries", asking(func(q *table.Query) { q.Descending = false }, untouched)},
		{"a prefix is only a beginning", "queries", asking(func(q *table.Query) { q.From, q.Prefix = q.From+q.Prefix, "" }, untouched)},
		{"the upper bound is ignored", "queries", asking(func(q *table.Query) { q.To = "" }, untouched)},
		{"the lower bound is exclusive", "queries", asking(func(q *table.Query) {
			if q.From != "" {
				q.From += "\x00"
			}
		}, untouched)},
		{"foreign cursors start again", "cursors", func(s table.Store) *broken {
			return &broken{Store: s, query: func(ctx context.Context, q table.Query) (table.Page, error) {
				page, err := s.Query(ctx, q)
				if fault.Has(err, fault.Invalid) && q.Cursor != "" {
					q.Cursor = ""
					return s.Query(ctx, q)
				}
				return page, err
			}}
		}},
		{"only the first page comes", "queries", asking(asIs, func(_ table.Query, p *table.Page) { p.Next = "" })},
		{"pages end at their limit less one", "queries", asking(asIs, func(q table.Query, p *table.Page) {
			if p.Next != "" && len(p.Items) > 1 {
				p.Items = p.Items[:len(p.Items)-1]
			}
		})},
		{"pages are larger than asked", "queries", asking(func(q *table.Query) { q.Limit = 0 }, untouched)},
		{"order ignores case", "queries", asking(asIs, func(q table.Query, p *table.Page) {
			for i := 1; i < len(p.Items); i++ {
				if strings.ToLower(p.Items[i].SK) < strings.ToLower(p.Items[i-1].SK) != q.Descending {
					p.Items[i], p.Items[i-1] = p.Items[i-1], p.Items[i]
				}
			}
		})},
	}
}

// answerFlaws are faults of single items and of the store's life.
func answerFlaws() []flaw {
	return []flaw{
		{"the index forgets versions", "index", asking(asIs, func(q table.Query, p *table.Page) {
			for i := range p.Items {
				if q.Index {
					p.Items[i].Version = 0
				}
			}
		})},
		{"a missing item is an empty one", "items", func(s table.Store) *broken {
			return &broken{Store: s, get: func(ctx context.Context, k table.Key) (table.Item, error) {
				it, err := s.Get(ctx, k)
				if fault.Has(err, fault.NotFound) {
					return table.Item{Key: k}, nil
				}
				return it, err
			}}
		}},
		{"answers share memory", "items", sharing},
		{"the main key lags", "items", stale},
		{"errors name keys", "items", func(s table.Store) *broken {
			return &broken{Store: s, get: func(ctx context.Context, k table.Key) (table.Item, error) {
				it, err := s.Get(ctx, k)
				if err != nil {
					err = fmt.Errorf("reading %s: %w", k.PK, err)
				}
				return it, err
			}}
		}},
		{"contexts are ignored", "lifetime", func(s table.Store) *broken {
			return &broken{Store: s, transact: func(ctx context.Context, writes ...table.Write) error {
				return s.Transact(context.WithoutCancel(ctx), writes...)
			}}
		}},
		{"closing does nothing", "lifetime", func(s table.Store) *broken {
			return &broken{Store: s, close: func() error { return nil }}
		}},
	}
}

// sharing answers every reader of a version from the same memory.
func sharing(s table.Store) *broken {
	var mu sync.Mutex
	seen := map[string][]byte{}
	return &broken{Store: s, get: func(ctx context.Context, k table.Key) (table.Item, error) {
		it, err := s.Get(ctx, k)
		mu.Lock()
		defer mu.Unlock()
		id := fmt.Sprint(k, it.Version)
		if seen[id] == nil {
			seen[id] = it.Body
		}
		it.Body = seen[id]
		return it, err
	}}
}

// stale answers from what it read once.
func stale(s table.Store) *broken {
	var mu sync.Mutex
	seen := map[table.Key]table.Item{}
	return &broken{Store: s, get: func(ctx context.Context, k table.Key) (table.Item, error) {
		mu.Lock()
		defer mu.Unlock()
		if it, ok := seen[k]; ok {
			return it, nil
		}
		it, err := s.Get(ctx, k)
		if err == nil {
			seen[k] = it
		}
		return it, err
	}}
}

func flaws() []flaw { return slices.Concat(writeFlaws(), pageFlaws(), answerFlaws()) }

// TestSuite runs the suite on a store with the fault that the environment names. Without one the store is sound, and so is
// whatever wraps it.
func TestSuite(t *testing.T) {
	build := func(s table.Store) *broken { return &broken{Store: s} }
	for _, f := range flaws() {
		if f.name == os.Getenv(faultName) {
			build = f.build
		}
	}
	tabletest.Run(t, func(t testing.TB) tabletest.Harness {
		var mu sync.Mutex
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		clock := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		s, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		advance := func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(d)
		}
		return tabletest.Harness{Store: build(s), Now: clock, Advance: advance, Patience: 100 * time.Millisecond}
	})
}

// TestSuiteFindsFaults starts this test binary once per fault and expects the suite to fail where it should.
func TestSuiteFindsFaults(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flaws() {
		t.Run(f.name, func(t *testing.T) {
			run := exec.CommandContext(t.Context(), self, "-test.run=^TestSuite$/^"+f.foundBy+"$", "-test.failfast", "-test.timeout=60s")
			run.Env = append(os.Environ(), faultName+"="+f.name)
			out, err := run.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestSuite/"+f.foundBy+"/")) {
				t.Errorf("not found by %s: %v\n%s", f.foundBy, err, out)
			}
		})
	}
}
