package tabletest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func lifetimeTests() []test {
	return []test{
		{"a cancelled context stops every call", func(f *fixture) {
			f.put(f.item("there", ""))
			ctx, cancel := context.WithCancel(f.ctx)
			cancel()
			_, err := f.Store.Get(ctx, f.key("there"))
			f.cancelled(err)
			_, err = f.Store.Query(ctx, table.Query{Table: table.Cases, PK: f.part})
			f.cancelled(err)
			f.cancelled(f.Store.Transact(ctx, putAny(f.item("new", ""))))
			f.wantSKs(table.Query{}, "there")
		}},
		{"cancelling during a write leaves all of it or nothing", testCancelDuringWrite},
		{"a closed store is unavailable", func(f *fixture) {
			f.put(f.item("s", ""))
			if err := f.Store.Close(); err != nil {
				f.Fatalf("closing: %v", err)
			}
			_, err := f.Store.Get(f.ctx, f.key("s"))
			f.wantClass(err, fault.Unavailable)
			_, err = f.Store.Query(f.ctx, table.Query{Table: table.Cases, PK: f.part})
			f.wantClass(err, fault.Unavailable)
			_, err = f.Store.Query(f.ctx, table.Query{Table: table.Cases, PK: f.part, Index: true})
			f.wantClass(err, fault.Unavailable)
			f.refused(fault.Unavailable, putAny(f.item("t", "")))
			if err := f.Store.Close(); err != nil {
				f.Errorf("closing again: %v", err)
			}
		}},
		{"closing under load answers everybody", testCloseUnderLoad},
	}
}

func (f *fixture) cancelled(err error) {
	f.Helper()
	f.wantClass(err, fault.Unavailable)
	if !errors.Is(err, context.Canceled) {
		f.Errorf("got %v, want one that is context.Canceled", err)
	}
}

// testCancelDuringWrite cancels at every stage of a write. Whatever the caller is told, there is all of it or nothing, and
// nothing when it was told so before the store had begun.
func testCancelDuringWrite(f *fixture) {
	for i := range 40 {
		ctx, cancel := context.WithCancel(f.ctx)
		answered := make(chan error, 1)
		a, b := f.item(fmt.Sprintf("%d-a", i), "x"), f.item(fmt.Sprintf("%d-b", i), "x")
		go func() { answered <- f.Store.Transact(ctx, putAny(a), putAny(b)) }()
		for range i * 50 {
			_ = ctx.Err() // a little time, longer in each round
		}
		cancel()
		err := <-answered
		if err != nil {
			f.cancelled(err)
		}
		n := len(f.drain(table.Query{Table: table.Cases, PK: f.part, Prefix: fmt.Sprintf("%d-", i)}))
		if n != 2 && (err == nil || n != 0) {
			f.Errorf("answer %v, %d of 2 items are there", err, n)
		}
	}
}

func testCloseUnderLoad(f *fixture) {
	var done atomic.Int32
	f.together(func(caller int) error {
		if caller == 0 {
			for done.Load() < callers {
				if _, err := f.Store.Get(f.ctx, f.key("none")); !fault.Has(err, fault.NotFound) {
					return err
				}
			}
			return f.Store.Close()
		}
		for i := 0; ; i++ {
			err := f.Store.Transact(f.ctx, putAny(f.item(fmt.Sprintf("%d-%d", caller, i), "x")))
			if err == nil {
				_, err = f.Store.Query(f.ctx, table.Query{Table: table.Cases, PK: f.part, Limit: 3})
			}
			if fault.Has(err, fault.Unavailable) {
				return nil
			}
			if err != nil {
				return err
			}
			done.Add(1)
		}
	})
}
