package connectortest

import (
	_ "embed"
	"fmt"
	"strconv"
	"testing"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/subject"
)

//go:embed world.yml
var worldYAML []byte

// dataset returns one of the suite's data maps.
func dataset(tb testing.TB, key string) *connector.Dataset {
	tb.Helper()
	loaded, err := datamap.Load(worldYAML)
	if err != nil {
		tb.Fatalf("reading the suite's data maps: %v", err)
	}
	for _, d := range loaded.Datasets {
		if d.Key == key {
			return d
		}
	}
	tb.Fatalf("the suite has no data map %q", key)
	return nil
}

// canary marks every personal value that the suite seeds, so that a leak cannot be mistaken for anything else.
const canary = "Zq7Canary"

// rec builds a record from values in the order of the collection's fields.
func rec(tb testing.TB, ds *connector.Dataset, collection string, values ...any) *connector.Record {
	tb.Helper()
	c := ds.Collection(collection)
	if c == nil || len(c.Fields) != len(values) {
		tb.Fatalf("the suite seeds %s wrongly", collection)
	}
	r := &connector.Record{Collection: collection}
	for i, f := range c.Fields {
		v := value(tb, values[i])
		r.Fields = append(r.Fields, connector.Field{Name: f.Name, Value: v})
		if f.PrimaryKey {
			r.Key = append(r.Key, v)
		}
	}
	return r
}

func value(tb testing.TB, v any) connector.Value {
	tb.Helper()
	switch v := v.(type) {
	case nil:
		return connector.Null()
	case int:
		return connector.Int(int64(v))
	case bool:
		return connector.Bool(v)
	case string:
		return connector.Text(v)
	}
	tb.Fatalf("the suite seeds a %T", v)
	return connector.Null()
}

// person is one inhabitant of the suite's world. Everything that belongs to number n can be told from its values.
type person struct {
	n      int
	logins int
}

func (p person) email() string { return fmt.Sprintf("zq7canary.p%d@example.com", p.n) }

// phone is of the range that Ofcom keeps for drama: 07700 900000 to 900999.
func (p person) phone() string { return "+44 7700 " + strconv.Itoa(900_000+p.n) }

func (p person) name() string { return fmt.Sprintf("%s Name %d", canary, p.n) }
func (p person) id() int      { return 1000 + p.n }

func (p person) identifier(tb testing.TB) subject.Identifier {
	tb.Helper()
	return identifier(tb, subject.Email, p.email())
}

func identifier(tb testing.TB, kind subject.Kind, v string) subject.Identifier {
	tb.Helper()
	id, err := subject.New(kind, v)
	if err != nil {
		tb.Fatalf("the suite makes a bad identifier: %v", err)
	}
	return id
}

// records returns everything of one person: 2 orders with items and a review, parcels with awkward keys, logins, an invoice,
// a newsletter row, tickets by either address, a consent in and one outside the filter.
func (p person) records(tb testing.TB, ds *connector.Dataset) []*connector.Record {
	tb.Helper()
	n := p.n
	at := func(i int) int { return n*1000 + i }
	order := func(i int) string { return fmt.Sprintf("ord-%d-%d", n, i) }
	list := []*connector.Record{
		rec(tb, ds, "customer", p.id(), p.email(), p.phone(), p.name(), canary+" City", fmt.Sprintf("matter-%d", n), false, at(1)),
		rec(tb, ds, "address", at(1), canary+" Street 1"),
		rec(tb, ds, "address", at(2), canary+" Street 2"),
		rec(tb, ds, "orders", order(1), p.id(), at(1), canary+" note, \"quoted\"\nünïcode ✓", canary+" Recipient"),
		rec(tb, ds, "orders", order(2), p.id(), at(2), "", nil),
		rec(tb, ds, "order_item", order(1), 1, 1),
		rec(tb, ds, "order_item", order(1), 2, 2),
		rec(tb, ds, "order_item", order(2), 1, 1),
		rec(tb, ds, "review", at(1), order(1), 2, canary+" review"),
		rec(tb, ds, "parcel", "acme", "", p.id(), canary+" label"),
		rec(tb, ds, "parcel", fmt.Sprintf("c%d", n), "0", p.id(), canary+" label 0"),
		rec(tb, ds, "invoice", at(1), p.id(), canary+" invoice"),
		rec(tb, ds, "newsletter", at(1), "ZQ7canary.P"+fmt.Sprint(n)+"@Example.COM", canary+" Nick", "weekly"),
		rec(tb, ds, "ticket", at(1), p.email(), nil, 1, canary+" message", nil),
		rec(tb, ds, "ticket", at(2), fmt.Sprintf("zq7canary.alt%d@example.com", n), p.email(), 1, canary+" by alt address", nil),
		rec(tb, ds, "ticket", at(3), nil, nil, nil, canary+" reply", at(1)),
		rec(tb, ds, "consent", at(1), p.email(), "web"),
	}
	if n != 1 {
		list[9] = rec(tb, ds, "parcel", "acme", fmt.Sprint(n), p.id(), canary+" label")
	}
	if n == 1 {
		list = append(list, rec(tb, ds, "login", 0, p.id(), "192.0.2.0")) // a key that is easily taken for none
	}
	for i := range p.logins {
		list = append(list, rec(tb, ds, "login", at(1)+i*100_000, p.id(), "192.0.2.1"))
	}
	return list
}

// town returns a world of several persons, its products and an employee, and rows that belong to nobody the suite asks for.
func town(tb testing.TB, people ...person) World {
	tb.Helper()
	w := World{Dataset: dataset(tb, "suite")}
	ds := w.Dataset
	for _, p := range people {
		w.Records = append(w.Records, p.records(tb, ds)...)
	}
	w.Records = append(w.Records,
		rec(tb, ds, "product", 1, "Teapot"), rec(tb, ds, "product", 2, "Kettle"),
		rec(tb, ds, "employee", 1, "agent@example.com", "Agent"),
		// A consent outside the fixed filter: for Habeas it does not exist.
		rec(tb, ds, "consent", 999, people[0].email(), "internal"),
	)
	return w
}

// hidden are records that lie in the system and are not the person's to see: outside the filter, or system data.
func hidden(r *connector.Record) bool {
	scope, _ := r.Get("scope")
	return r.Collection == "product" || scope == connector.Text("internal")
}

// webOf returns a graph of n records: a tree with a hundred children per node, and a way back from the last to the first.
func webOf(tb testing.TB, n int) World {
	tb.Helper()
	w := World{Dataset: dataset(tb, "web"), Records: make([]*connector.Record, 0, n+3)}
	for i := range n {
		var email, parent any
		if i == 0 {
			email, parent = person{n: 1}.email(), n-1
		} else {
			parent = (i - 1) / 100
		}
		w.Records = append(w.Records, rec(tb, w.Dataset, "node", i, email, parent))
	}
	for i := range 3 { // somebody else's small tree
		w.Records = append(w.Records, rec(tb, w.Dataset, "node", n+10+i, nil, n+10))
	}
	return w
}
