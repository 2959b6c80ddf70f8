package console_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/registry"
)

const mapOfShop = `dataset:
- fides_key: shop
  collections:
  - name: customer
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: mail, fides_meta: {identity: email}}
  - name: line
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: bill, fides_meta: {references: [{dataset: shop, field: bill.id, direction: from}]}}
  - name: bill
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: customer, fides_meta: {references: [{dataset: shop, field: customer.id, direction: from}]}}
  - name: attic
    fields: [{name: junk}]
`

func TestThePageOfASystemShowsItsDataMap(t *testing.T) {
	r := newRig(t)
	_, cookie, token := r.staff(home, registry.Admin)
	body, err := json.Marshal(map[string]any{"kind": "sqlite", "dataset": mapOfShop})
	if err != nil {
		t.Fatal(err)
	}
	r.want(r.call(token, "PUT", "/api/v1/systems/ledger", string(body)), 201)
	page := r.want(r.page(cookie, "GET", "/console/systems/ledger", nil), 200).body
	at := 0
	for _, want := range []string{
		"How a person is found", "By email", "customer", "Where bill.customer = customer.id", "Where line.bill = bill.id", "Nothing leads here", "attic",
	} {
		i := strings.Index(page[at:], want)
		if i < 0 {
			t.Fatalf("the page lacks %q, or it stands too early", want)
		}
		at += i
	}
	if !strings.Contains(page, "is not searched by") || !strings.Contains(page, "Line 3 of the data map") {
		t.Error("the page lacks the warnings")
	}
}
