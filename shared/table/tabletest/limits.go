package tabletest

import (
	"fmt"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func limitTests() []test {
	return []test{
		{"the largest item", func(f *fixture) {
			it := f.indexed("s", "i")
			it.Body = nil
			it.Body = make([]byte, table.MaxItemBytes-it.Size())
			it.Body[len(it.Body)-1] = 1
			over := it
			over.Body = append([]byte{2}, it.Body...)
			f.refused(fault.Invalid, putAny(over))
			f.absent(it.Key)
			f.put(it)
			f.refused(fault.Invalid, putAny(over))
			it.Version = 1
			f.stored(it)
		}},
		{"the largest number of items", func(f *fixture) {
			writes := f.puts(table.MaxTransactionItems+1, 0)
			f.refused(fault.Invalid, writes...)
			f.nothing()
			f.transact(writes[1:]...)
			if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part})); n != table.MaxTransactionItems {
				f.Errorf("%d items", n)
			}
		}},
		{"the largest transaction", func(f *fixture) {
			const share = table.MaxTransactionBytes / 16
			writes := f.puts(16, 0)
			for i := range writes {
				writes[i].Item.Body = make([]byte, share-writes[i].Item.Size())
			}
			last := &writes[15].Item
			last.Body = append(last.Body, 1)
			f.refused(fault.Invalid, writes...)
			f.nothing()
			last.Body = last.Body[1:]
			f.transact(writes...)
			if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part})); n != 16 {
				f.Errorf("%d items", n)
			}
		}},
		{"the longest keys", func(f *fixture) {
			longest := f.part + strings.Repeat("k", table.MaxKeyBytes-len(f.part))
			it := table.Item{Key: table.Key{Table: table.Cases, PK: longest, SK: longest}, IPK: longest, ISK: longest, Version: 1}
			f.put(it)
			f.stored(it)
			q := table.Query{Table: table.Cases, PK: longest, Prefix: longest}
			if d := diff([]table.Item{it}, f.drain(q)); d != "" {
				f.Errorf("query (-want +got):\n%s", d)
			}
			f.indexHolds(q, it)
		}},
		{"broken writes change nothing", testBrokenWrites},
		{"a transaction of nothing", func(f *fixture) { f.refused(fault.Invalid) }},
	}
}

// testBrokenWrites puts one broken write at the end of a sound transaction.
func testBrokenWrites(f *fixture) {
	long := strings.Repeat("k", table.MaxKeyBytes+1)
	tests := []struct {
		name   string
		change func(*table.Write)
	}{
		{"no operation", func(w *table.Write) { w.Op = 0 }},
		{"unknown operation", func(w *table.Write) { w.Op = 99 }},
		{"no table", func(w *table.Write) { w.Item.Table = "" }},
		{"unknown table", func(w *table.Write) { w.Item.Table = "people" }},
		{"empty pk", func(w *table.Write) { w.Item.PK = "" }},
		{"empty sk", func(w *table.Write) { w.Item.SK = "" }},
		{"long pk", func(w *table.Write) { w.Item.PK = long }},
		{"long sk", func(w *table.Write) { w.Item.SK = long }},
		{"pk not UTF-8", func(w *table.Write) { w.Item.PK = "\xff" }},
		{"sk not UTF-8", func(w *table.Write) { w.Item.SK = "a\xc3" }},
		{"ipk alone", func(w *table.Write) { w.Item.IPK = f.part }},
		{"isk alone", func(w *table.Write) { w.Item.ISK = "i" }},
		{"long isk", func(w *table.Write) { w.Item.IPK, w.Item.ISK = f.part, long }},
		{"ipk not UTF-8", func(w *table.Write) { w.Item.IPK, w.Item.ISK = "\x80", "i" }},
		{"unknown condition", func(w *table.Write) { w.If = -2 }},
		{"check of anything", func(w *table.Write) { w.Op, w.If = table.Check, table.AnyVersion }},
		{"the same key twice", func(w *table.Write) { w.Item.SK = "sound" }},
		{"the same key put and deleted", func(w *table.Write) { w.Op, w.Item.SK = table.Delete, "sound" }},
	}
	for _, tt := range tests {
		broken := putAny(f.item("broken", ""))
		tt.change(&broken)
		err := f.Store.Transact(f.ctx, putAny(f.item("sound", "")), broken)
		if !fault.Has(err, fault.Invalid) {
			f.Errorf("%s: got %v, want invalid", tt.name, err)
		}
	}
	f.nothing()
}

// puts returns n puts of items with a body of size bytes.
func (f *fixture) puts(n, size int) []table.Write {
	writes := make([]table.Write, n)
	for i := range writes {
		writes[i] = putAny(f.item(fmt.Sprintf("%04d", i), strings.Repeat("x", size)))
	}
	return writes
}

// nothing fails the test if its partition holds an item.
func (f *fixture) nothing() {
	f.Helper()
	f.wantSKs(table.Query{})
}
