package memory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/memory"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/subject"
)

const benchYAML = `
dataset:
  - fides_key: shop
    collections:
      - name: customer
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: name, data_categories: [user.name]}
      - name: orders
        fields:
          - {name: id, data_categories: [user.unique_id], fides_meta: {primary_key: true}}
          - {name: customer_id, data_categories: [system.operations], fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
          - {name: placed, data_categories: [user.behavior]}
          - {name: total, data_categories: [user.behavior]}
          - {name: recipient_name, data_categories: [user.name]}
          - {name: note, data_categories: [user.content]}
      - name: order_item
        fields:
          - {name: order_id, data_categories: [user.behavior], fides_meta: {primary_key: true, references: [{dataset: shop, field: orders.id, direction: from}]}}
          - {name: item_no, data_categories: [user.behavior], fides_meta: {primary_key: true}}
      - name: visit
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: true}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
`

func benchSystem(tb testing.TB, orders, items int) engine.Instruction {
	tb.Helper()
	loaded, err := datamap.Load([]byte(benchYAML))
	if err != nil {
		tb.Fatal(err)
	}
	s := memory.NewSystem()
	put := func(collection string, key connector.Key, fields ...connector.Field) {
		s.Put(&connector.Record{Collection: collection, Key: key, Fields: fields})
	}
	email := connector.Text("large@example.com")
	put("customer", connector.Key{connector.Int(1)}, connector.Field{Name: "id", Value: connector.Int(1)},
		connector.Field{Name: "email", Value: email}, connector.Field{Name: "name", Value: connector.Text("Large Customer")})
	placed := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range orders {
		id := connector.Text(fmt.Sprintf("ordL_%08d", i))
		put("orders", connector.Key{id},
			connector.Field{Name: "id", Value: id}, connector.Field{Name: "customer_id", Value: connector.Int(1)},
			connector.Field{Name: "placed", Value: connector.Time(placed)}, connector.Field{Name: "total", Value: connector.Decimal("123.45")},
			connector.Field{Name: "recipient_name", Value: connector.Text("Large Customer")},
			connector.Field{Name: "note", Value: connector.Text(fmt.Sprintf("Please ring twice, order %d", i))})
		for j := range items {
			put("order_item", connector.Key{id, connector.Int(int64(j))},
				connector.Field{Name: "order_id", Value: id}, connector.Field{Name: "item_no", Value: connector.Int(int64(j))})
		}
	}
	for i := range 3 {
		put("visit", connector.Key{connector.Int(int64(i))}, connector.Field{Name: "id", Value: connector.Int(int64(i))}, connector.Field{Name: "email", Value: email})
	}
	in := connector.OpenInput{Settings: json.RawMessage(`{}`), Dataset: loaded.Datasets[0], Now: time.Now}
	c, err := memory.Factory(s).Open(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	who, err := subject.New(subject.Email, "large@example.com")
	if err != nil {
		tb.Fatal(err)
	}
	return engine.Instruction{
		Tenant: "acme", CaseID: "case-1", TaskID: "task-1", System: "shop", Action: dsar.ReadOut,
		Connector: c, Dataset: in.Dataset, Proven: []subject.Identifier{who},
	}
}

func bench(b *testing.B, orders, items, want int) {
	ins := benchSystem(b, orders, items)
	kit := enginetest.New(b, nil)
	ins.Keys = kit.Keys
	if _, err := kit.Engine.Turn(context.Background(), ins); err != nil { // builds the indexes of the memory system
		b.Fatal(err)
	}
	runtime.GC()
	b.ReportAllocs()
	for b.Loop() {
		t, err := kit.Engine.Turn(context.Background(), ins)
		if err != nil || t.Status != engine.Finished {
			b.Fatalf("%s, %v", t.Status, err)
		}
		n := 0
		for _, p := range t.Parts {
			for _, s := range p.Sections {
				n += s.Records
			}
		}
		if n != want {
			b.Fatalf("%d records, want %d", n, want)
		}
	}
}

// BenchmarkAccessSmall is an ordinary person: 19 records, one turn, one sealed part.
func BenchmarkAccessSmall(b *testing.B) { bench(b, 5, 2, 19) }

// BenchmarkAccessLarge is one person with 100,000 records.
func BenchmarkAccessLarge(b *testing.B) { bench(b, 100_000, 0, 100_004) }
