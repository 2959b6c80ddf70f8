package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func TestSeatAndScopeOfATenant(t *testing.T) {
	r := newRig(t)
	good := registry.Tenant{Name: "alder", Title: "Alder", Zone: "Europe/Berlin", Country: "DE", Region: "BY", Laws: []policy.ID{"eu", "us-ca"}}
	r.ok(r.store.PutTenant(t.Context(), good))
	got, err := r.another().Tenant(t.Context(), "alder")
	r.ok(err)
	if diff := cmp.Diff(good, got); diff != "" {
		t.Errorf("read back (-put +got):\n%s", diff)
	}
	if seat := got.Seat(); seat != (policy.Place{Country: "DE", Region: "BY"}) {
		t.Errorf("seat %+v", seat)
	}
	for name, edit := range map[string]func(*registry.Tenant){
		"a country in words":         func(x *registry.Tenant) { x.Country = "Germany" },
		"a region with its country":  func(x *registry.Tenant) { x.Region = "DE-BY" },
		"a region without a country": func(x *registry.Tenant) { x.Country = "" },
		"a law in words":             func(x *registry.Tenant) { x.Laws = []policy.ID{"GDPR"} },
		"a law twice":                func(x *registry.Tenant) { x.Laws = []policy.ID{"eu", "uk", "eu"} },
	} {
		bad := good
		edit(&bad)
		if err := r.store.PutTenant(t.Context(), bad); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}
