package tabletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/table"
)

// indexHolds waits until the index query finds exactly want in this order, in pages of every size.
func (f *fixture) indexHolds(q table.Query, want ...table.Item) {
	f.Helper()
	q.Index = true
	f.eventually(func() string {
		got, err := drain(f.ctx, f.Store, q)
		if err != nil {
			return err.Error()
		}
		return diff(want, got)
	})
	for limit := 1; limit <= 3; limit++ {
		q.Limit = limit
		if d := diff(want, f.drain(q)); d != "" {
			f.Errorf("index %+v (-want +got):\n%s", q, d)
		}
	}
}

// version returns the item as it is stored at that version.
func version(it table.Item, v int64) table.Item {
	it.Version = v
	return it
}

func indexTests() []test {
	return []test{
		{"only items with an index key are in it", func(f *fixture) {
			a, b := f.indexed("a", "2"), f.indexed("b", "1")
			f.put(a, f.item("c", ""), b)
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, version(b, 1), version(a, 1))
			f.wantSKs(table.Query{}, "a", "b", "c")
		}},
		{"it gathers items of many partitions", func(f *fixture) {
			var want []table.Item
			for i := range 7 {
				it := table.Item{Key: table.Key{Table: table.Cases, PK: fmt.Sprint(f.part, i), SK: "s"}, IPK: f.part, ISK: fmt.Sprint(9 - i)}
				f.put(it)
				want = append(want, version(it, 1))
			}
			q := table.Query{Table: table.Cases, PK: f.part, Descending: true}
			f.indexHolds(q, want...)
			q.Descending = false
			slices.Reverse(want)
			f.indexHolds(q, want...)
			q.From, q.To = "4", "6"
			f.indexHolds(q, want[1], want[2])
		}},
		{"it follows every change", testIndexFollows},
		{"order is bytewise in both directions", func(f *fixture) {
			keys := strangeKeysSorted()
			var want []table.Item
			for i, k := range keys {
				want = append(want, version(f.indexed(fmt.Sprintf("%03d", len(keys)-i), k), 1))
			}
			f.put(want...)
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, want...)
			slices.Reverse(want)
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part, Descending: true}, want...)
		}},
		{"prefix and range", testIndexRanges},
		{"equal index keys come each once", testIndexTies},
		{"large items", func(f *fixture) {
			var items []table.Item
			for i := range 12 {
				it := f.indexed(fmt.Sprintf("%02d", i), fmt.Sprintf("%02d", i))
				it.Body = []byte(strings.Repeat("x", 150<<10))
				items = append(items, version(it, 1))
			}
			f.put(items...)
			f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, items...)
		}},
	}
}

func testIndexFollows(f *fixture) {
	q, other := table.Query{Table: table.Cases, PK: f.part}, table.Query{Table: table.Cases, PK: f.part + "other"}
	it := f.indexed("s", "5")
	f.put(it)
	f.indexHolds(q, version(it, 1))
	it.Body = []byte("new body")
	f.put(it)
	f.indexHolds(q, version(it, 2))
	it.ISK = "7"
	f.put(it, f.indexed("t", "6"))
	f.indexHolds(q, version(f.indexed("t", "6"), 1), version(it, 3))
	it.IPK = other.PK
	f.put(it)
	f.indexHolds(other, version(it, 4))
	f.indexHolds(q, version(f.indexed("t", "6"), 1))
	f.put(f.item("s", "in no index"))
	f.indexHolds(other)
	f.put(f.indexed("s", "1"))
	f.indexHolds(q, version(f.indexed("s", "1"), 6), version(f.indexed("t", "6"), 1))
	f.transact(write(table.Delete, f.item("s", ""), 6), write(table.Delete, f.item("t", ""), 1))
	f.indexHolds(q)
	f.nothing()
}

// testIndexTies asks no order among items of the same isk, only that paging finds each once.
func testIndexTies(f *fixture) {
	want := map[string]bool{}
	for _, pk := range []string{f.part, f.part + "b"} {
		for i := range 9 {
			it := f.indexed(fmt.Sprint(i), "same")
			it.PK = pk
			f.put(it)
			want[pk+it.SK] = true
		}
	}
	for _, descending := range []bool{false, true} {
		for _, limit := range []int{1, 2, 5, 0} {
			q := table.Query{Table: table.Cases, PK: f.part, Index: true, Descending: descending, Limit: limit, Prefix: "sam"}
			f.eventually(func() string {
				got := map[string]bool{}
				for _, it := range f.drain(q) {
					got[it.PK+it.SK] = true
				}
				return diff(want, got)
			})
		}
	}
}

func testIndexRanges(f *fixture) {
	a, b, c, d := f.indexed("4", "D#1"), f.indexed("3", "D#2"), f.indexed("2", "D$"), f.indexed("1", "É")
	f.put(a, b, c, d)
	q := table.Query{Table: table.Cases, PK: f.part}
	a, b, c, d = version(a, 1), version(b, 1), version(c, 1), version(d, 1)
	f.indexHolds(q, a, b, c, d)
	for _, tt := range []struct {
		prefix, from, to string
		want             []table.Item
	}{
		{"D#", "", "", []table.Item{a, b}},
		{"", "D#2", "", []table.Item{b, c, d}},
		{"", "", "D$", []table.Item{a, b}},
		{"", "D#2", "É", []table.Item{b, c}},
		{"", "D$", "D#", nil},
		{"E", "", "", nil},
	} {
		q := table.Query{Table: table.Cases, PK: f.part, Prefix: tt.prefix, From: tt.from, To: tt.to}
		f.indexHolds(q, tt.want...)
		q.Descending = true
		slices.Reverse(tt.want)
		f.indexHolds(q, tt.want...)
	}
}
