package tabletest

import (
	"bytes"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// strangeKeys are key parts that a careless driver would mangle, in bytewise order.
func strangeKeys() []string {
	return []string{
		"\x00", "\x00\x00", "\t", " ", "\"", "#", "%", "'", "'; --", "*", "/", "?", "A", "B", "\\", "_", "a", "a\x00", "a\x00b", "aa", "b",
		"\x7f", "\u0080", "e\u0301", "z", "ß", "à", "é", "\u07ff", "\u0800", "\ud7ff", "\uff21", "\ufffd", "\U00010000", "\U0010ffff",
	}
}

func itemTests() []test {
	return []test{
		{"an item comes back as it was put", func(f *fixture) {
			it := f.indexed("s", "i")
			it.ExpiresAt = f.Now().Add(time.Hour).UTC().Truncate(time.Second)
			f.put(it)
			it.Version = 1
			f.stored(it)
		}},
		{"a missing item is not found", func(f *fixture) {
			f.put(f.item("s", ""))
			f.absent(f.key("S"), f.key("s "), f.key("s\x00"), table.Key{Table: table.Cases, PK: f.part + "x", SK: "s"})
		}},
		{"every write raises the version by one", func(f *fixture) {
			for want := int64(1); want <= 5; want++ {
				it := f.item("s", "x")
				it.Version = 77 // drivers set it, whatever the caller says
				f.put(it)
				if got := f.get(it.Key).Version; got != want {
					f.Fatalf("version %d, want %d", got, want)
				}
			}
		}},
		{"a put replaces the item as a whole", func(f *fixture) {
			it := f.indexed("s", "i")
			it.ExpiresAt = f.Now().Add(time.Hour)
			f.put(it)
			f.put(f.item("s", "new"))
			want := f.item("s", "new")
			want.Version = 2
			f.stored(want)
		}},
		{"a deleted item is gone and begins anew", func(f *fixture) {
			it := f.item("s", "x")
			f.put(it)
			f.put(it)
			f.transact(write(table.Delete, it, table.AnyVersion))
			f.absent(it.Key)
			f.put(it)
			it.Version = 1
			f.stored(it)
		}},
		{"deleting what is not there is fine", func(f *fixture) {
			f.transact(write(table.Delete, f.item("s", ""), table.AnyVersion))
			f.absent(f.key("s"))
		}},
		{"delete and check look at the key only", func(f *fixture) {
			f.put(f.item("a", "x"), f.item("b", "x"))
			odd := table.Item{Key: f.key("a"), IPK: "only", Body: make([]byte, table.MaxItemBytes)}
			f.transact(write(table.Check, odd, 1))
			f.transact(write(table.Delete, odd, 1))
			f.absent(f.key("a"))
		}},
		{"bodies are any bytes", testBodies},
		{"keys are any text", testStrangeKeys},
		{"tables are apart", testTablesApart},
		{"the caller's memory stays the caller's", testMemory},
		{"a broken key is refused when reading", testBrokenKeys},
	}
}

func testBodies(f *fixture) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for name, body := range map[string][]byte{
		"nil": nil, "empty": {}, "zero": {0}, "zeros": make([]byte, 5000), "all": all, "not text": {0xff, 0xfe, 0, 0xc3},
		"large": bytes.Repeat(all, 1000),
	} {
		it := table.Item{Key: f.key(name), Body: body}
		f.put(it)
		it.Version = 1
		f.stored(it)
		page := f.drain(table.Query{Table: table.Cases, PK: f.part, Prefix: name})
		if len(page) == 0 || !bytes.Equal(page[0].Body, body) {
			f.Errorf("body %s differs in a query", name)
		}
	}
}

func testMemory(f *fixture) {
	it := f.indexed("s", "i")
	want := it
	want.Body, want.Version = bytes.Clone(it.Body), 1
	f.put(it)
	clear(it.Body)
	f.stored(want)
	clear(f.get(it.Key).Body)
	f.stored(want)
	f.indexHolds(table.Query{Table: table.Cases, PK: f.part}, want)
	for _, index := range []bool{false, true} {
		q := table.Query{Table: table.Cases, PK: f.part, Index: index}
		clear(f.drain(q)[0].Body)
		if d := diff([]table.Item{want}, f.drain(q)); d != "" {
			f.Errorf("after writing into an answer, index=%t (-want +got):\n%s", index, d)
		}
	}
}

func testStrangeKeys(f *fixture) {
	for _, k := range strangeKeys() {
		f.put(table.Item{Key: table.Key{Table: table.Cases, PK: f.part + k, SK: k}, Body: []byte(k)}, f.item(k, k))
	}
	for _, k := range strangeKeys() {
		f.stored(table.Item{Key: table.Key{Table: table.Cases, PK: f.part + k, SK: k}, Body: []byte(k), Version: 1})
	}
	f.wantSKs(table.Query{}, strangeKeysSorted()...)
}

func testTablesApart(f *fixture) {
	for i, n := range table.Names() {
		f.put(table.Item{Key: table.Key{Table: n, PK: f.part, SK: "s"}, Body: []byte(n), IPK: f.part, ISK: string(n)})
		for _, other := range table.Names()[i+1:] {
			f.absent(table.Key{Table: other, PK: f.part, SK: "s"})
		}
	}
	for _, n := range table.Names() {
		want := table.Item{Key: table.Key{Table: n, PK: f.part, SK: "s"}, Body: []byte(n), IPK: f.part, ISK: string(n), Version: 1}
		f.stored(want)
		if d := diff([]table.Item{want}, f.drain(table.Query{Table: n, PK: f.part})); d != "" {
			f.Errorf("query of %s (-want +got):\n%s", n, d)
		}
		f.indexHolds(table.Query{Table: n, PK: f.part}, want)
	}
}

func testBrokenKeys(f *fixture) {
	for _, k := range []table.Key{
		{}, {Table: "people", PK: f.part, SK: "s"}, {Table: table.Cases, SK: "s"}, {Table: table.Cases, PK: f.part}, f.key("\xff"),
	} {
		_, err := f.Store.Get(f.ctx, k)
		f.wantClass(err, fault.Invalid)
	}
}
