package dynamo_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/dynamotable"
)

// The benchmarks run on ministack, which counts units as DynamoDB does; their times are the emulator's.

func openBench(b *testing.B) (*dynamotable.Store, *meter) {
	b.Helper()
	var m meter
	return open(b, clouds()[1].config(b), dynamotable.Options{Consumed: m.add}), &m
}

// report says what one operation consumed since the last take.
func report(b *testing.B, m *meter) {
	b.Helper()
	_, read, write := m.take()
	b.ReportMetric(read/float64(b.N), "RCU/op")
	b.ReportMetric(write/float64(b.N), "WCU/op")
}

func body(size int) []byte { return bytes.Repeat([]byte("x"), size) }

func BenchmarkGet(b *testing.B) {
	s, m := openBench(b)
	it := table.Item{Key: table.Key{Table: table.Cases, PK: partition(), SK: "A#CASE"}, Body: body(3 << 10)}
	put(b, s, it)
	m.take()
	for b.Loop() {
		if _, err := s.Get(b.Context(), it.Key); err != nil {
			b.Fatal(err)
		}
	}
	report(b, m)
}

// BenchmarkTransact is a change of a case: the case and its guard under their versions, an entry of evidence and the head of its chain,
// a row of the outbox and one of a list.
func BenchmarkTransact(b *testing.B) {
	s, m := openBench(b)
	part := partition()
	at := func(name table.Name, sk string, size int) table.Item {
		return table.Item{Key: table.Key{Table: name, PK: part, SK: sk}, Body: body(size)}
	}
	version := int64(0)
	for b.Loop() {
		n := fmt.Sprintf("%08d", version)
		outbox, list := at(table.Cases, "O#"+n, 300), at(table.Cases, "P#DUE", 100)
		outbox.IPK, outbox.ISK, list.IPK, list.ISK = part+"OUT", n, part+"DUE", n
		err := s.Transact(b.Context(),
			table.Write{Op: table.Put, Item: at(table.Cases, "A#CASE", 3<<10), If: version},
			table.Write{Op: table.Put, Item: at(table.Cases, "A#GUARD", 50), If: version},
			table.Write{Op: table.Put, Item: at(table.Ledger, "case#"+n, 400), If: table.Absent},
			table.Write{Op: table.Put, Item: at(table.Ledger, "head", 100), If: table.AnyVersion},
			table.Write{Op: table.Put, Item: outbox, If: table.Absent},
			table.Write{Op: table.Put, Item: list, If: table.AnyVersion})
		if err != nil {
			b.Fatal(err)
		}
		version++
	}
	report(b, m)
}

// BenchmarkQuery loads a case with twelve tasks.
func BenchmarkQuery(b *testing.B) {
	s, m := openBench(b)
	part := partition()
	items := []table.Item{{Key: table.Key{Table: table.Cases, PK: part, SK: "A#CASE"}, Body: body(3 << 10)}}
	for i := range 12 {
		items = append(items, table.Item{Key: table.Key{Table: table.Cases, PK: part, SK: fmt.Sprintf("A#TASK#%02d", i)}, Body: body(1 << 10)})
	}
	put(b, s, items...)
	m.take()
	for b.Loop() {
		page, err := s.Query(b.Context(), table.Query{Table: table.Cases, PK: part, Prefix: "A#"})
		if err != nil || len(page.Items) != len(items) {
			b.Fatal(len(page.Items), err)
		}
	}
	report(b, m)
}
