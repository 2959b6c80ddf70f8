package registry_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

// longMap is text of n bytes that does not compress to nothing.
func longMap(n int, seed uint64) string {
	var b strings.Builder
	r := rand.New(rand.NewPCG(seed, 1))
	for b.Len() < n {
		_, _ = fmt.Fprintf(&b, "      - {name: field_%d, description: %x}\n", r.IntN(1000), r.Uint32())
	}
	return b.String()[:n]
}

// parts counts the items that long data maps have beside their systems.
func (r *rig) parts() int {
	r.t.Helper()
	page, err := r.table.Query(r.t.Context(), table.Query{Table: table.Registry, PK: "T#acme#DATAMAPS"})
	r.ok(err)
	return len(page.Items)
}

func TestALongDataMapIsReadBack(t *testing.T) {
	r := newRig(t)
	sys := registry.System{Tenant: "acme", Name: "shop", Kind: "sqlite"}
	for i, size := range []int{registry.MaxDataset, 1 << 20, 64<<10 + 1, 64 << 10, 2 << 20, 10} {
		sys.Dataset = longMap(size, uint64(i))
		r.ok(r.store.PutSystem(t.Context(), sys))
		for _, store := range []*registry.Store{r.store, r.another()} {
			got, err := store.System(t.Context(), "acme", "shop")
			r.ok(err)
			if got.Dataset != sys.Dataset {
				t.Fatalf("a data map of %d bytes comes back with %d bytes, or others", size, len(got.Dataset))
			}
			sys.Version = got.Version
		}
	}
	if n := r.parts(); n != 0 {
		t.Errorf("%d parts of replaced data maps are left", n)
	}
	sys.Dataset = longMap(1<<20, 9)
	r.ok(r.store.PutSystem(t.Context(), sys))
	if r.parts() == 0 {
		t.Fatal("a long data map has no parts")
	}
	r.ok(r.store.DeleteSystem(t.Context(), "acme", "shop"))
	if n := r.parts(); n != 0 {
		t.Errorf("%d parts of a deleted system are left", n)
	}
}

func TestADataMapAboveTheBoundIsRefused(t *testing.T) {
	r := newRig(t)
	err := r.store.PutSystem(t.Context(), registry.System{Tenant: "acme", Name: "shop", Kind: "sqlite", Dataset: longMap(registry.MaxDataset+1, 1)})
	if !fault.Has(err, fault.Invalid) {
		t.Errorf("error %v, want invalid", err)
	}
}
