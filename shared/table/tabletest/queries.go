package tabletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

func strangeKeysSorted() []string {
	keys := strangeKeys()
	slices.Sort(keys) // bytewise
	return keys
}

func queryTests() []test {
	return []test{
		{"order is bytewise in both directions", func(f *fixture) {
			keys := strangeKeysSorted()
			for i := range keys { // not in order
				f.put(f.item(keys[(i*13)%len(keys)], ""))
			}
			f.wantSKs(table.Query{}, keys...)
			slices.Reverse(keys)
			f.wantSKs(table.Query{Descending: true}, keys...)
		}},
		{"a partition is apart from those with a similar name", func(f *fixture) {
			for _, suffix := range []string{"", "a", "\x00", " "} {
				f.put(table.Item{Key: table.Key{Table: table.Cases, PK: f.part + suffix, SK: "s" + suffix}})
			}
			f.put(table.Item{Key: table.Key{Table: table.Cases, PK: strings.ToLower(f.part), SK: "lower"}})
			f.wantSKs(table.Query{}, "s")
		}},
		{"prefix", testPrefix},
		{"range", testRange},
		{"an empty partition", func(f *fixture) {
			f.wantSKs(table.Query{})
			f.wantSKs(table.Query{Descending: true, Prefix: "a"})
		}},
		{"more than the largest page", testManyItems},
		{"large items", func(f *fixture) {
			body := strings.Repeat("x", 150<<10)
			var want []string
			for i := range 20 {
				want = append(want, fmt.Sprintf("%02d", i))
				f.put(f.item(want[i], body))
			}
			f.wantSKs(table.Query{}, want...)
			for _, it := range f.drain(table.Query{Table: table.Cases, PK: f.part}) {
				if len(it.Body) != len(body) {
					f.Errorf("a body of %d bytes", len(it.Body))
				}
			}
		}},
		{"a query sees every finished transaction", func(f *fixture) {
			for i := range 50 {
				f.put(f.item(fmt.Sprintf("%02d", i), "x"))
				if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part})); n != i+1 {
					f.Fatalf("%d items after %d writes", n, i+1)
				}
			}
		}},
		{"broken queries", testBrokenQueries},
	}
}

func testBrokenQueries(f *fixture) {
	long := strings.Repeat("k", table.MaxKeyBytes+1)
	for _, q := range []table.Query{
		{PK: f.part},
		{Table: "people", PK: f.part},
		{Table: table.Cases},
		{Table: table.Cases, PK: long},
		{Table: table.Cases, PK: "\xff"},
		{Table: table.Cases, PK: f.part, Prefix: "a", From: "a"},
		{Table: table.Cases, PK: f.part, Prefix: "a", To: "b"},
		{Table: table.Cases, PK: f.part, Prefix: "\xff"},
		{Table: table.Cases, PK: f.part, From: long},
		{Table: table.Cases, PK: f.part, To: "\x80"},
		{Table: table.Cases, PK: f.part, Limit: -1},
		{Table: table.Cases, PK: f.part, Limit: table.MaxPage + 1},
	} {
		for _, index := range []bool{false, true} {
			q.Index = index
			_, err := f.Store.Query(f.ctx, q)
			f.wantClass(err, fault.Invalid)
		}
	}
}

// putKeys stores items under the keys, in the order given.
func (f *fixture) putKeys(keys ...string) {
	f.Helper()
	for _, k := range keys {
		f.put(f.item(k, k))
	}
}

func cursorTests() []test {
	return []test{
		{"a cursor goes on while items come and go", testMovingPages},
		{"the page size may change on the way", func(f *fixture) {
			f.putKeys("a", "b", "c", "d", "e")
			page, err := f.Store.Query(f.ctx, table.Query{Table: table.Cases, PK: f.part, Limit: 2})
			if err != nil || page.Next == "" {
				f.Fatalf("first page: %q %v", page.Next, err)
			}
			rest := f.sks(table.Query{Table: table.Cases, PK: f.part, Limit: 1, Cursor: page.Next})
			if d := diff([]string{"a", "b", "c", "d", "e"}[len(page.Items):], rest); d != "" {
				f.Errorf("rest (-want +got):\n%s", d)
			}
		}},
		{"a foreign cursor is refused", testForeignCursors},
		{"a broken cursor is refused", func(f *fixture) {
			f.putKeys("a", "b")
			q := table.Query{Table: table.Cases, PK: f.part, Limit: 1}
			page, err := f.Store.Query(f.ctx, q)
			if err != nil || page.Next == "" {
				f.Fatalf("first page: %q %v", page.Next, err)
			}
			for _, c := range []string{
				"a", "!", "\x00", "0", "null", "{}", page.Next + "A", page.Next[1:], page.Next[:len(page.Next)-1], strings.Repeat("A", 1<<16),
			} {
				q.Cursor = c
				_, err := f.Store.Query(f.ctx, q)
				f.wantClass(err, fault.Invalid)
			}
		}},
	}
}

// testMovingPages deletes the item at which a page ended and those around it, and puts new ones before and after it.
func testMovingPages(f *fixture) {
	for _, q := range []table.Query{{}, {Descending: true}, {Prefix: "k"}, {From: "k1", To: "k9", Descending: true}} {
		f.putKeys("k1", "k2", "k3", "k5", "k6", "k7")
		q.Table, q.PK, q.Limit = table.Cases, f.part, 3
		page, err := f.Store.Query(f.ctx, q)
		if err != nil || page.Next == "" || len(page.Items) == 0 {
			f.Fatalf("first page: %d items, %v", len(page.Items), err)
		}
		last := page.Items[len(page.Items)-1]
		f.transact(write(table.Delete, last, last.Version))
		f.putKeys("k4")
		q.Cursor = page.Next
		var want []string
		for _, k := range []string{"k1", "k2", "k3", "k4", "k5", "k6", "k7"} {
			if q.Descending == (k < last.SK) && k != last.SK {
				want = append(want, k)
			}
		}
		if q.Descending {
			slices.Reverse(want)
		}
		if d := diff(want, f.sks(q)); d != "" {
			f.Errorf("query %+v goes on with (-want +got):\n%s", q, d)
		}
		f.transact(write(table.Delete, f.item("k4", ""), table.AnyVersion))
	}
}

func testForeignCursors(f *fixture) {
	var items []table.Item
	for i := range 4 {
		items = append(items, f.indexed(fmt.Sprintf("k%d", i), fmt.Sprintf("k%d", i)))
	}
	f.put(items...)
	other := items[0]
	other.Table = table.Registry
	f.put(other)
	f.eventually(func() string {
		if n := len(f.drain(table.Query{Table: table.Cases, PK: f.part, Index: true})); n != 4 {
			return fmt.Sprintf("%d items in the index", n)
		}
		return ""
	})
	base := table.Query{Table: table.Cases, PK: f.part, Limit: 1}
	changes := map[string]func(*table.Query){
		"main":      func(*table.Query) {},
		"table":     func(q *table.Query) { q.Table = table.Registry },
		"index":     func(q *table.Query) { q.Index = true },
		"partition": func(q *table.Query) { q.PK += "x" },
		"prefix":    func(q *table.Query) { q.Prefix = "k" },
		"from":      func(q *table.Query) { q.From = "k" },
		"to":        func(q *table.Query) { q.To = "l" },
		"direction": func(q *table.Query) { q.Descending = true },
	}
	for from, changeFrom := range changes {
		source := base
		changeFrom(&source)
		page, err := f.Store.Query(f.ctx, source)
		if err != nil {
			f.Fatalf("query by %s: %v", from, err)
		}
		if page.Next == "" {
			continue // table and partition: nothing beyond the first page
		}
		for to, changeTo := range changes {
			if to == from {
				continue
			}
			q := base
			changeTo(&q)
			q.Cursor = page.Next
			if _, err := f.Store.Query(f.ctx, q); !fault.Has(err, fault.Invalid) {
				f.Errorf("cursor of the query by %s in that by %s: got %v, want invalid", from, to, err)
			}
		}
	}
}

func testPrefix(f *fixture) {
	f.putKeys("M#1", "M#2", "M", "M$", "M\"", "N#1", "m#1", "é1", "é2", "è", "M#\U0010ffff", "M#\x00")
	f.wantSKs(table.Query{Prefix: "M#"}, "M#\x00", "M#1", "M#2", "M#\U0010ffff")
	f.wantSKs(table.Query{Prefix: "M#", Descending: true}, "M#\U0010ffff", "M#2", "M#1", "M#\x00")
	f.wantSKs(table.Query{Prefix: "é"}, "é1", "é2")
	f.wantSKs(table.Query{Prefix: "M#1"}, "M#1")
	f.wantSKs(table.Query{Prefix: "M#11"})
	f.wantSKs(table.Query{Prefix: "%"})
	f.wantSKs(table.Query{Prefix: "M_"})
}

func testRange(f *fixture) {
	f.putKeys("a", "b", "b\x00", "c", "d", "é")
	f.wantSKs(table.Query{From: "b", To: "d"}, "b", "b\x00", "c")
	f.wantSKs(table.Query{From: "b", To: "d", Descending: true}, "c", "b\x00", "b")
	f.wantSKs(table.Query{From: "b\x00"}, "b\x00", "c", "d", "é")
	f.wantSKs(table.Query{To: "b\x00"}, "a", "b")
	f.wantSKs(table.Query{From: "aa", To: "b\x00"}, "b")
	f.wantSKs(table.Query{From: "z"}, "é")
	f.wantSKs(table.Query{From: "b", To: "b"})
	f.wantSKs(table.Query{From: "c", To: "b"})
	f.wantSKs(table.Query{From: "c", To: "b", Descending: true})
	f.wantSKs(table.Query{From: "\U0010ffff"})
}

func testManyItems(f *fixture) {
	items := make([]table.Item, table.MaxPage+10)
	for i := range items {
		items[i] = f.item(fmt.Sprintf("%05d", i), "x")
	}
	f.put(items...)
	for _, q := range []table.Query{{}, {Limit: table.MaxPage}, {Limit: table.MaxPage - 1, Descending: true}} {
		q.Table, q.PK = table.Cases, f.part
		if n := len(f.drain(q)); n != len(items) {
			f.Errorf("%d items, want %d", n, len(items))
		}
	}
}
