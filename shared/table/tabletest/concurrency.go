package tabletest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

const (
	callers    = 8
	increments = 15
)

func concurrencyTests() []test {
	return []test{
		{"no update is lost", testNoLostUpdate},
		{"of many creators one wins", func(f *fixture) {
			for round := range 10 {
				var won atomic.Int32
				f.together(func(caller int) error {
					err := f.Store.Transact(f.ctx, write(table.Put, f.item(fmt.Sprint(round), fmt.Sprint(caller)), table.Absent))
					if err == nil {
						won.Add(1)
					}
					if fault.Has(err, fault.Conflict) {
						return nil
					}
					return err
				})
				if won.Load() != 1 {
					f.Errorf("%d callers created the item", won.Load())
				}
			}
		}},
		{"moving between items keeps the sum", testTransfers},
		{"a conflict of one caller is nobody else's", func(f *fixture) {
			f.put(f.item("taken", ""))
			f.together(func(caller int) error {
				for i := range increments {
					it := f.item(fmt.Sprintf("%d-%d", caller, i), "x")
					err := f.Store.Transact(f.ctx, write(table.Put, it, table.Absent))
					if err != nil {
						return fmt.Errorf("writing alone: %w", err)
					}
					err = f.Store.Transact(f.ctx, putAny(f.item(it.SK+"-never", "x")), write(table.Put, f.item("taken", ""), table.Absent))
					if !fault.Has(err, fault.Conflict) {
						return fmt.Errorf("writing over what is taken: %w", errors.Join(err, errors.New("want conflict")))
					}
				}
				return nil
			})
			if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part})); n != callers*increments+1 {
				f.Errorf("%d items, want %d", n, callers*increments+1)
			}
		}},
	}
}

// together runs work for every caller at once and fails the test on any error.
func (f *fixture) together(work func(caller int) error) {
	f.Helper()
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() { errs[i] = work(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		f.Fatal(err)
	}
}

// insist repeats try while it answers Conflict.
func insist(ctx context.Context, try func() error) error {
	for {
		if err := try(); !fault.Has(err, fault.Conflict) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// testNoLostUpdate lets callers read a counter and write it back, one more, under the version they read.
func testNoLostUpdate(f *fixture) {
	counter := f.item("counter", "0")
	f.put(counter)
	f.together(func(caller int) error {
		for i := range increments {
			mark := f.item(fmt.Sprintf("mark-%d-%d", caller, i), "x")
			if err := insist(f.ctx, func() error { return f.increment(counter.Key, mark) }); err != nil {
				return err
			}
		}
		return nil
	})
	const total = callers * increments
	counter.Body = []byte(strconv.Itoa(total))
	f.stored(version(counter, total+1))
	if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part, Prefix: "mark-"})); n != total {
		f.Errorf("%d marks, want %d", n, total)
	}
}

// increment adds 1 to the counter and leaves mark in the same transaction.
func (f *fixture) increment(key table.Key, mark table.Item) error {
	it, err := f.Store.Get(f.ctx, key)
	if err != nil {
		return fmt.Errorf("reading counter: %w", err)
	}
	n, err := strconv.Atoi(string(it.Body))
	if err != nil {
		return fmt.Errorf("parsing counter: %w", err)
	}
	it.Body = []byte(strconv.Itoa(n + 1))
	return f.Store.Transact(f.ctx, write(table.Put, it, it.Version), write(table.Put, mark, table.Absent))
}

// testTransfers moves one unit at a time between four accounts, each transaction over two of them in either order.
func testTransfers(f *fixture) {
	const accounts, start = 4, 100
	for i := range accounts {
		f.put(f.item(fmt.Sprint(i), strconv.Itoa(start)))
	}
	f.together(func(caller int) error {
		for i := range increments {
			from, to := (caller+i)%accounts, (caller+i+1+caller%3)%accounts
			if err := insist(f.ctx, func() error { return f.move(fmt.Sprint(from), fmt.Sprint(to)) }); err != nil {
				return err
			}
		}
		return nil
	})
	sum, writes := 0, int64(0)
	for _, it := range f.drain(table.Query{Table: table.Cases, PK: f.part}) {
		n, err := strconv.Atoi(string(it.Body))
		if err != nil {
			f.Fatal(err)
		}
		sum, writes = sum+n, writes+it.Version-1
	}
	if sum != accounts*start || writes != 2*callers*increments {
		f.Errorf("sum %d after %d writes, want %d after %d", sum, writes, accounts*start, 2*callers*increments)
	}
}

func (f *fixture) move(from, to string) error {
	var writes []table.Write
	for sk, change := range map[string]int{from: -1, to: 1} {
		it, err := f.Store.Get(f.ctx, f.key(sk))
		if err != nil {
			return fmt.Errorf("reading account: %w", err)
		}
		n, err := strconv.Atoi(string(it.Body))
		if err != nil {
			return fmt.Errorf("parsing account: %w", err)
		}
		it.Body = []byte(strconv.Itoa(n + change))
		writes = append(writes, write(table.Put, it, it.Version))
	}
	return f.Store.Transact(f.ctx, writes...)
}
