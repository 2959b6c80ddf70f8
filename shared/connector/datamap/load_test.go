package datamap

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/connector"
)

func load(t *testing.T, name string) Loaded {
	t.Helper()
	src, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Load(src)
	if err != nil {
		t.Fatalf("loading %s: %v", name, err)
	}
	return l
}

func TestShopIsReadAsItIsMeant(t *testing.T) {
	l := load(t, "shop.yml")
	if len(l.Warnings) != 0 || len(l.Datasets) != 1 {
		t.Fatalf("warnings %v, %d datasets", l.Warnings, len(l.Datasets))
	}
	g, err := connector.NewGraph(l.Datasets[0])
	if err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 0 {
		t.Errorf("warnings of the graph: %v", w)
	}
	var order []string
	for _, e := range g.Entries() {
		order = append(order, e.Collection.Name+"("+strings.Join(e.Fields, ",")+")")
	}
	want := []string{
		"customer(email)", "employee(email)",
		"payment_card(customer_id)", "orders(customer_id)", "address(id)", "order_item(order_id)", "product(id)",
		"login(customer_id)", "visit(email)", "service_request(email)", "service_request(alt_email)", "service_request(employee_id)", "report(email)",
	}
	if d := cmp.Diff(want, order); d != "" {
		t.Errorf("order of walking (-want +got):\n%s", d)
	}
	if c := l.Datasets[0].Collection("product"); c.Disclosed() {
		t.Error("a collection whose fields are all system.* is disclosed")
	}
	rank := func(name string) int { return g.EraseRank(l.Datasets[0].Collection(name)) }
	for _, pair := range [][2]string{{"order_item", "orders"}, {"orders", "customer"}, {"payment_card", "customer"}, {"customer", "address"}, {"orders", "address"}, {"login", "customer"}} {
		if rank(pair[0]) >= rank(pair[1]) {
			t.Errorf("%s is not erased before %s", pair[0], pair[1])
		}
	}
}

func TestServiceRequestDoesNotLeadToTheEmployee(t *testing.T) {
	ds := load(t, "shop.yml").Datasets[0]
	g, err := connector.NewGraph(ds)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range g.Edges(ds.Collection("service_request")) {
		t.Errorf("service_request leads to %s", e.To.Collection.Name)
	}
	found := false
	for _, e := range g.Edges(ds.Collection("employee")) {
		found = found || e.To.Collection.Name == "service_request"
	}
	if !found {
		t.Error("employee does not lead to the service requests answered")
	}
}

func TestEverythingTheFormatSays(t *testing.T) {
	ds := load(t, "everything.yml").Datasets[0]
	person := ds.Collection("person")
	if person.Purpose != "running the club" || person.Retention != "P6Y" || person.Where[0].Field != "deleted_at" || !person.Where[0].Values[0].IsNull() {
		t.Errorf("collection meta is lost: %+v", person)
	}
	if person.OnErase != (connector.EraseRule{Action: connector.ActMask}) || person.EraseAfter[0] != "club.visit" || len(person.Partition) == 0 {
		t.Errorf("erasure meta is lost: %+v", person)
	}
	phones := person.Field("phones")
	if phones.Identity != "phone" || !phones.Array || !phones.ReturnAll || phones.Type != connector.DataString || phones.Match != connector.MatchNormalised {
		t.Errorf("phones: %+v", phones)
	}
	if f := person.Field("address.city"); f == nil || f.Path != "address.city" || f.OnErase.Action != connector.ActNull {
		t.Errorf("nested field: %+v", f)
	}
	if f := person.Field("emergency_contact"); !f.ThirdParty {
		t.Error("third_party is lost")
	}
	if f := person.Field("restricted"); f.OnRestrict == nil || *f.OnRestrict != connector.Bool(true) {
		t.Error("on_restrict is lost")
	}
	if r := person.Field("invited_by").References[0]; !r.Self || r.Direction != connector.DirectionFrom {
		t.Errorf("self reference: %+v", r)
	}
	if m := person.Field("name").Mask; m.Strategy != connector.MaskRewrite || m.Value != "nobody" {
		t.Errorf("mask: %+v", m)
	}
	kept := ds.Collection("visit").OnErase
	if kept.Action != connector.ActKeep || kept.Reason == "" {
		t.Errorf("keep: %+v", kept)
	}
	g, err := connector.NewGraph(ds)
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, e := range g.Edges(ds.Collection("seat")) {
		fields = append(fields, strings.Join(e.Fields, ",")+">"+strings.Join(e.To.Fields, ","))
	}
	if d := cmp.Diff([]string{"b,h>block,hall"}, fields); d != "" {
		t.Errorf("composite reference (-want +got):\n%s", d)
	}
}

func TestKeysOfTheFormatThatMeanNothingAreWarnings(t *testing.T) {
	l, err := Load([]byte(`dataset:
  - fides_key: d
    colour: red
    collections:
      - name: c
        fields: [{name: id, fides_meta: {primary_key: true, identity: member, shape: round}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, w := range l.Warnings {
		lines = append(lines, w.Line)
	}
	if d := cmp.Diff([]int{3, 6}, lines); d != "" {
		t.Errorf("lines of warnings (-want +got):\n%s", d)
	}
}

func TestMistakesNameTheirLine(t *testing.T) {
	const head = "dataset:\n- fides_key: d\n  collections:\n  - name: c\n"
	for _, tc := range []struct {
		name, src, want string
		line            int
	}{
		{"unknown habeas key", head + "    habeas_meta: {colour: red}\n    fields: [{name: id}]", `no "colour"`, 5},
		{"unknown habeas field key", head + "    fields:\n    - name: id\n      habeas_meta: {thirdparty: true}", `no "thirdparty"`, 7},
		{"unknown type", head + "    fields:\n    - name: id\n      fides_meta: {data_type: blob}", "data type", 7},
		{"bad direction", head + "    fields:\n    - name: id\n      fides_meta: {references: [{dataset: d, field: c.x, direction: up}]}", "from or to", 7},
		{"bad reference", head + "    fields:\n    - name: id\n      fides_meta: {references: [{dataset: d, field: c}]}", "collection.field", 7},
		{"keep without reason", head + "    habeas_meta: {on_erase: {action: keep}}\n    fields: [{name: id}]", "needs a reason", 5},
		{"bad action", head + "    habeas_meta: {on_erase: burn}\n    fields: [{name: id}]", "on_erase is one of", 5},
		{"match without identity", head + "    fields:\n    - name: id\n      habeas_meta: {match: exact}", "the field has none", 7},
		{"return_all_elements", head + "    fields:\n    - name: id\n      fides_meta: {return_all_elements: true}", "for arrays", 6},
		{"nested under string", head + "    fields:\n    - name: id\n      fides_meta: {data_type: string}\n      fields: [{name: x}]", "is an object", 6},
		{"twice", head + "    fields: [{name: id}, {name: id}]", "twice", 5},
		{"masking", head + "    fields:\n    - name: id\n      fides_meta: {masking_strategy_override: {strategy: hmac}}", "hmac", 7},
		{"no collections", "dataset:\n- fides_key: d\n", "needs collections", 2},
		{"no dataset", "system: []\n", "begins with", 1},
		{"not YAML", "dataset: [", "not YAML", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load([]byte(tc.src))
			invalid, ok := errors.AsType[*connector.InvalidDataset](err)
			if !ok {
				t.Fatalf("error %v, want an InvalidDataset", err)
			}
			for _, p := range invalid.Problems {
				if strings.Contains(p.Text, tc.want) && p.Line == tc.line {
					return
				}
			}
			t.Fatalf("problems %+v, want %q in line %d", invalid.Problems, tc.want, tc.line)
		})
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"shop.yml", "everything.yml"} {
		src, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("dataset: &a [*a]"))
	f.Add([]byte("dataset:\n- fides_key: d\n  collections:\n  - <<: {name: c}\n    fields: [{name: id}]\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		l, err := Load(src)
		if err != nil {
			if _, ok := errors.AsType[*connector.InvalidDataset](err); !ok || len(err.Error()) == 0 {
				t.Fatalf("error %v is not an InvalidDataset", err)
			}
			return
		}
		for _, d := range l.Datasets {
			g, err := connector.NewGraph(d, l.Datasets...)
			if err != nil {
				continue
			}
			for _, e := range g.Entries() {
				if !g.Reached(e.Collection) || len(e.Fields) == 0 {
					t.Fatalf("an entry into %q that nothing reaches or that has no field", e.Collection.Name)
				}
			}
		}
	})
}
