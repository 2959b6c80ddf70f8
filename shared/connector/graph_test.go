package connector

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func field(name string, change ...func(*DataField)) *DataField {
	f := &DataField{Name: name, Path: name}
	for _, c := range change {
		c(f)
	}
	return f
}

func key(f *DataField)   { f.PrimaryKey = true }
func email(f *DataField) { f.Identity = subject.Email }
func refers(r Reference) func(*DataField) {
	return func(f *DataField) { f.References = append(f.References, r) }
}

func to(dataset, collection, name string) func(*DataField) {
	return refers(Reference{Dataset: dataset, Collection: collection, Field: name, Direction: DirectionTo})
}

func from(dataset, collection, name string) func(*DataField) {
	return refers(Reference{Dataset: dataset, Collection: collection, Field: name, Direction: DirectionFrom})
}

func edgesOf(g *Graph) []string {
	var list []string
	for _, c := range g.Dataset().Collections {
		for _, e := range g.Edges(c) {
			s := c.Name + "." + strings.Join(e.Fields, "+") + " > " + e.To.Collection.Name + "." + strings.Join(e.To.Fields, "+")
			if e.Lookup {
				s += " lookup"
			}
			list = append(list, s)
		}
	}
	return list
}

func TestDirections(t *testing.T) {
	for _, tc := range []struct {
		direction Direction
		want      []string
	}{
		{DirectionFrom, []string{"customer.id > orders.customer_id"}},
		{DirectionTo, []string{"orders.customer_id > customer.id lookup"}},
		{DirectionBoth, []string{"customer.id > orders.customer_id", "orders.customer_id > customer.id lookup"}},
	} {
		g, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{
			{Name: "customer", Fields: []*DataField{field("id", key), field("email", email)}},
			{Name: "orders", Fields: []*DataField{
				field("id", key), field("email", email),
				field("customer_id", refers(Reference{Dataset: "d", Collection: "customer", Field: "id", Direction: tc.direction})),
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, edgesOf(g)); d != "" {
			t.Errorf("direction %q (-want +got):\n%s", tc.direction, d)
		}
		orders, customer := g.Dataset().Collections[1], g.Dataset().Collections[0]
		if g.EraseRank(orders) > g.EraseRank(customer) {
			t.Errorf("direction %q: the parent is erased before the child", tc.direction)
		}
	}
}

func TestCompositeReferencesAreTuples(t *testing.T) {
	parent := &Collection{Name: "line", Fields: []*DataField{field("a", key), field("b", key), field("email", email)}}
	for _, tc := range []struct {
		name   string
		fields []*DataField
		want   []string
	}{
		{"the whole key", []*DataField{field("id", key), field("x", from("d", "line", "b")), field("y", from("d", "line", "a"))}, []string{"line.b+a > child.x+y"}},
		{"half the key", []*DataField{field("id", key), field("y", from("d", "line", "a"))}, []string{"line.a > child.y"}},
		{"two fields to one", []*DataField{field("id", key), field("x", from("d", "line", "a")), field("y", from("d", "line", "a"))}, []string{"line.a > child.x", "line.a > child.y"}},
		{"one field to two", []*DataField{field("id", key), field("x", from("d", "line", "a"), from("d", "line", "email"))}, []string{"line.a > child.x", "line.email > child.x"}},
		{"other fields", []*DataField{field("id", key), field("x", from("d", "line", "a")), field("y", from("d", "line", "email"))}, []string{"line.a > child.x", "line.email > child.y"}},
		{"a group", []*DataField{
			field("id", key),
			field("x", refers(Reference{Dataset: "d", Collection: "line", Field: "a", Direction: DirectionFrom, Group: "g"})),
			field("y", refers(Reference{Dataset: "d", Collection: "line", Field: "email", Direction: DirectionFrom, Group: "g"})),
		}, []string{"line.a+email > child.x+y"}},
	} {
		g, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{parent, {Name: "child", Fields: tc.fields}}})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if d := cmp.Diff(tc.want, edgesOf(g)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

func TestReferencesBetweenSystems(t *testing.T) {
	shop := &Dataset{Key: "shop", Collections: []*Collection{
		{Name: "customer", Fields: []*DataField{field("id", key, to("crm", "contact", "shop_id")), field("email", email)}},
	}}
	crm := &Dataset{Key: "crm", Collections: []*Collection{
		{Name: "contact", Fields: []*DataField{field("id", key), field("shop_id")}},
		{Name: "call", Fields: []*DataField{field("id", key), field("contact", from("crm", "contact", "id"))}},
		{Name: "note", Fields: []*DataField{field("id", key), field("customer", from("shop", "customer", "id"))}},
	}}
	g, err := NewGraph(shop, crm)
	if err != nil {
		t.Fatal(err)
	}
	kind := ReferenceKind("shop", "customer", "id")
	if got := g.Exports(shop.Collections[0]); len(got) != 1 || got[0] != (Export{Field: "id", Kind: kind}) {
		t.Errorf("exports of the shop: %+v", got)
	}
	g, err = NewGraph(crm, shop)
	if err != nil {
		t.Fatal(err)
	}
	var ways []string
	for _, e := range g.Entries() {
		for _, k := range e.Kinds() {
			if k == kind {
				ways = append(ways, e.Collection.Name+"."+e.Fields[0])
			}
		}
		if !g.Reached(e.Collection) {
			t.Errorf("%s is not reached", e.Collection.Name)
		}
	}
	if d := cmp.Diff([]string{"contact.shop_id", "note.customer"}, ways); d != "" {
		t.Errorf("ways into the other system (-want +got):\n%s", d)
	}
	if !kind.Valid() || kind.ManyPerPerson() || len(g.IdentityKinds()) != 0 {
		t.Errorf("kind %q, identity kinds %v", kind, g.IdentityKinds())
	}
}

func TestDangerousDataMapsAreRefused(t *testing.T) {
	customer := &Collection{Name: "customer", Line: 3, Fields: []*DataField{field("id", key), field("email", email)}}
	for _, tc := range []struct {
		name string
		c    *Collection
		want string
	}{
		{"no key", &Collection{Name: "x", Fields: []*DataField{field("email", email)}}, "no primary_key"},
		{"unknown collection", &Collection{Name: "x", Fields: []*DataField{field("id", key, from("d", "nobody", "id"))}}, `"nobody"`},
		{"unknown field", &Collection{Name: "x", Fields: []*DataField{field("id", key, from("d", "customer", "nothing"))}}, `"nothing"`},
		{"unmarked self reference", &Collection{Name: "x", Fields: []*DataField{field("id", key), field("email", email), field("up", from("d", "x", "id"))}}, "self_reference"},
		{"unknown filter", &Collection{Name: "x", Where: []Condition{{Field: "nothing"}}, Fields: []*DataField{field("id", key), field("email", email)}}, `"nothing"`},
		{"masked key", &Collection{Name: "x", Fields: []*DataField{field("id", key, func(f *DataField) { f.OnErase.Action = ActMask }), field("email", email)}}, "primary key"},
		{"export from a collection that is not searched", &Collection{Name: "x", Fields: []*DataField{field("id", key, to("other", "y", "z")), field("customer", from("d", "customer", "id"))}}, "another system"},
	} {
		_, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{customer, tc.c}})
		var invalid *InvalidDataset
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Problems[0].Text, tc.want) || fault.ClassOf(err) != fault.Misconfigured {
			t.Errorf("%s: %v, want a misconfigured error with %q", tc.name, err, tc.want)
		}
	}
	_, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{{Name: "x", Fields: []*DataField{field("id", key)}}}})
	if err == nil {
		t.Error("a data map without an identity is accepted")
	}
}

func TestUnreachedCollectionsAreReported(t *testing.T) {
	g, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{
		{Name: "customer", Fields: []*DataField{field("id", key), field("email", email)}},
		{Name: "island", Line: 9, Fields: []*DataField{field("id", key), field("name")}},
		{Name: "catalogue", Fields: []*DataField{field("id", func(f *DataField) { f.Categories = []string{"system.operations"} })}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 1 || w[0].Collection != "island" || w[0].Line != 9 {
		t.Errorf("warnings %+v, want one about the island", w)
	}
}

func TestCircleIsWalkedFromTheIdentity(t *testing.T) {
	g, err := NewGraph(&Dataset{Key: "d", Collections: []*Collection{
		{Name: "b", Fields: []*DataField{field("id", key), field("c", refers(Reference{Dataset: "d", Collection: "c", Field: "id"}))}},
		{Name: "c", Fields: []*DataField{field("id", key), field("a", refers(Reference{Dataset: "d", Collection: "a", Field: "id"}))}},
		{Name: "a", Fields: []*DataField{field("id", key), field("email", email), field("b", refers(Reference{Dataset: "d", Collection: "b", Field: "id"}))}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if first := g.Entries()[0]; first.Collection.Name != "a" {
		t.Errorf("the walk begins at %s, want the collection with the identity", first.Collection.Name)
	}
}

// TestDeclaredOrderOfErasure: erase_after counts even against a reference, and then it is said; what it cannot order is named.
func TestDeclaredOrderOfErasure(t *testing.T) {
	key := func(name string) *DataField { return field(name, func(f *DataField) { f.PrimaryKey = true }) }
	address := &Collection{Name: "address", Fields: []*DataField{key("id")}}
	customer := &Collection{Name: "customer", EraseAfter: []string{"shop.address", "crm.account"}, Line: 9, Fields: []*DataField{
		key("id"),
		{Name: "mail", Path: "mail", Identity: subject.Email},
		{Name: "home", Path: "home", References: []Reference{{Dataset: "shop", Collection: "address", Field: "id", Direction: DirectionTo}}},
	}}
	d := &Dataset{Key: "shop", Collections: []*Collection{customer, address}}
	g, err := NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	if g.EraseRank(address) >= g.EraseRank(customer) {
		t.Error("erase_after is not carried out")
	}
	var texts []string
	for _, w := range g.Warnings() {
		texts = append(texts, w.Text)
	}
	if all := strings.Join(texts, "\n"); len(texts) != 2 || !strings.Contains(all, "enforces the reference") || !strings.Contains(all, "side by side") {
		t.Errorf("warnings %q, want that the reference contradicts and that systems are not ordered", texts)
	}
	customer.EraseAfter = []string{"shop.nowhere"}
	if _, err := NewGraph(d); err == nil || !strings.Contains(err.Error(), "not another collection") {
		t.Errorf("error %v, want the collection that is not there", err)
	}
	customer.EraseAfter, address.Skip = nil, true
	g, err = NewGraph(d)
	if err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 1 || !strings.Contains(w[0].Text, "skipped") {
		t.Errorf("warnings %+v, want that the reference leads to a skipped collection", w)
	}
}
