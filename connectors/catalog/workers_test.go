package catalog_test

import (
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/connectors/catalog"
	"github.com/habeas-dsar/habeas/connectors/catalog/databases"
	"github.com/habeas-dsar/habeas/connectors/catalog/light"
	"github.com/habeas-dsar/habeas/infra/inventory"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// TestAConnectorReachesTheRightWorker: the workflow sends a task to the function that the inventory names for the kind, and that
// function can open it. Which part of the catalogue a function links is held to by test/arch.
func TestAConnectorReachesTheRightWorker(t *testing.T) {
	parts := map[string][]connector.Factory{"RunTask": light.Factories(), "RunTaskSQL": databases.Factories()}
	total := 0
	for _, f := range inventory.Functions() {
		if f.Has(inventory.Systems) && len(parts[f.Name]) == 0 {
			t.Errorf("%s opens systems, and no part of the catalogue is its", f.Name)
		}
	}
	for worker, list := range parts {
		if !slices.ContainsFunc(inventory.Functions(), func(f inventory.Function) bool { return f.Name == worker && f.Has(inventory.Systems) }) {
			t.Errorf("%s is no function that opens systems", worker)
		}
		total += len(list)
		for _, f := range list {
			if got := inventory.Worker(f.Kind); got != worker {
				t.Errorf("tasks of kind %s go to %s, which cannot open it; %s can", f.Kind, got, worker)
			}
		}
	}
	if all := len(catalog.Factories()); all != total {
		t.Errorf("the catalogue has %d kinds and the workers %d", all, total)
	}
	for kind := range inventory.Kinds() {
		if _, ok := catalog.Find(kind); !ok {
			t.Errorf("the inventory knows the kind %s, the catalogue does not", kind)
		}
	}
}
