package registry_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// drafts returns an installation with a tenant in production and the packs that are built in.
func drafts(t *testing.T) (*rig, *policy.Set, registry.Tenant) {
	t.Helper()
	r := newRig(t)
	tenant := registry.Tenant{Name: "shop", Zone: "Europe/Berlin", Laws: []policy.ID{"eu", "ar"}, Production: true}
	r.ok(r.store.PutTenant(t.Context(), tenant))
	set, err := policy.Load()
	r.ok(err)
	return r, set, tenant
}

func draft(t *testing.T, set *policy.Set, id policy.ID) policy.Pack {
	t.Helper()
	p, err := set.Pack(id)
	if err != nil || !p.Draft() {
		t.Fatalf("%s: draft %v, %v", id, p.Draft(), err)
	}
	return p
}

func TestConfirmationIsBoundToTheVersion(t *testing.T) {
	r, set, tenant := drafts(t)
	ar := draft(t, set, "ar")
	allowed := func() bool {
		f, err := r.another().Allowed(t.Context(), tenant)
		r.ok(err)
		return f(ar)
	}
	if allowed() {
		t.Error("a draft governs a tenant in production though nobody confirmed it")
	}
	given, err := r.store.Confirm(t.Context(), registry.Confirmation{Tenant: "shop", Pack: "ar", Version: ar.Version, Name: " Ada Example ", Staff: "ada", Reason: "Read by counsel."})
	r.ok(err)
	if given.Name != "Ada Example" || !given.At.Equal(r.now) {
		t.Errorf("got %+v", given)
	}
	if !allowed() {
		t.Error("a confirmed draft does not govern")
	}
	confirmed, err := r.another().Confirmed(t.Context(), "shop")
	r.ok(err)
	if diff := cmp.Diff(map[policy.Version]registry.Confirmation{ar.Version: given}, confirmed); diff != "" {
		t.Errorf("confirmations (-want +got):\n%s", diff)
	}
	ar.Version = "ar@sha256:0123456789abcdef"
	if allowed() {
		t.Error("a changed law governs by the confirmation of the version before")
	}
	if other, err := r.store.Confirmed(t.Context(), "other"); err != nil || len(other) != 0 {
		t.Errorf("another tenant has confirmations: %v, %v", other, err)
	}
}

// TestConfirmationIsProved: who confirmed what, and why, is in the tenant's journal.
func TestConfirmationIsProved(t *testing.T) {
	r, set, _ := drafts(t)
	ar := draft(t, set, "ar")
	_, err := r.store.Confirm(t.Context(), registry.Confirmation{Tenant: "shop", Pack: "ar", Version: ar.Version, Name: "Ada Example", Staff: "ada", Reason: "Read by counsel."})
	r.ok(err)
	eu := draft(t, set, "eu")
	_, err = r.store.Confirm(t.Context(), registry.Confirmation{Tenant: "shop", Pack: "eu", Version: eu.Version, Name: "Ben Example", Reason: "Pause is the earlier date."})
	r.ok(err)
	var entries []evidence.Entry
	for e, err := range evidence.Read(t.Context(), r.table, "shop", evidence.Laws) {
		r.ok(err)
		entries = append(entries, e)
	}
	if len(entries) != 2 || entries[0].Kind != "law_confirmed" || entries[0].Actor != "staff:ada" || entries[1].Actor != "system" || entries[1].Prev != entries[0].Hash {
		t.Fatalf("got %+v", entries)
	}
	var facts map[string]string
	r.ok(json.Unmarshal(entries[0].Facts, &facts))
	want := map[string]string{"pack": "ar", "version": string(ar.Version), "name": "Ada Example", "reason": "Read by counsel."}
	if diff := cmp.Diff(want, facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestConfirmRefuses(t *testing.T) {
	r, set, _ := drafts(t)
	ar := draft(t, set, "ar")
	good := registry.Confirmation{Tenant: "shop", Pack: "ar", Version: ar.Version, Name: "Ada Example", Reason: "Read by counsel."}
	_, err := r.store.Confirm(t.Context(), good)
	r.ok(err)
	for name, c := range map[string]struct {
		change func(*registry.Confirmation)
		want   fault.Class
	}{
		"twice":             {func(*registry.Confirmation) {}, fault.Conflict},
		"nobody":            {func(c *registry.Confirmation) { c.Name = " " }, fault.Invalid},
		"two lines":         {func(c *registry.Confirmation) { c.Name = "Ada\nExample" }, fault.Invalid},
		"a long name":       {func(c *registry.Confirmation) { c.Name = strings.Repeat("a", 201) }, fault.Invalid},
		"no reason":         {func(c *registry.Confirmation) { c.Reason = "" }, fault.Invalid},
		"a long reason":     {func(c *registry.Confirmation) { c.Reason = strings.Repeat("é", 2001) }, fault.Invalid},
		"another law":       {func(c *registry.Confirmation) { c.Pack = "eu" }, fault.Invalid},
		"no version":        {func(c *registry.Confirmation) { c.Version = "ar" }, fault.Invalid},
		"no such tenant":    {func(c *registry.Confirmation) { c.Tenant = "nobody" }, fault.NotFound},
		"twice, by another": {func(c *registry.Confirmation) { c.Name = "Ben Example" }, fault.Conflict},
	} {
		bad := good
		c.change(&bad)
		if _, err := r.store.Confirm(t.Context(), bad); !fault.Has(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestWhatKeepsATenantFromProduction(t *testing.T) {
	r, set, tenant := drafts(t)
	confirmed := func() map[policy.Version]registry.Confirmation {
		all, err := r.store.Confirmed(t.Context(), "shop")
		r.ok(err)
		return all
	}
	if diff := cmp.Diff([]policy.ID{"ar", "eu"}, tenant.Unconfirmed(set.Index(), confirmed())); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	for _, id := range []policy.ID{"ar", "eu"} {
		_, err := r.store.Confirm(t.Context(), registry.Confirmation{Tenant: "shop", Pack: id, Version: draft(t, set, id).Version, Name: "Ada Example", Reason: "Read by counsel."})
		r.ok(err)
	}
	if left := tenant.Unconfirmed(set.Index(), confirmed()); len(left) != 0 {
		t.Errorf("after: %v", left)
	}
	tenant.Laws = nil // every law
	if left := tenant.Unconfirmed(set.Index(), confirmed()); len(left) < 10 {
		t.Errorf("of all laws only %v are unconfirmed drafts", left)
	}
	tenant.Production = false
	if f, err := r.store.Allowed(t.Context(), tenant); err != nil || f != nil {
		t.Errorf("a tenant that is not in production is kept from laws: %v", err)
	}
}
