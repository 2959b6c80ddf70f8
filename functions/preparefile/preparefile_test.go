package preparefile_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/preparefile"
	"github.com/habeas-dsar/habeas/shared/blobs/dirblobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// TestCallsThatComeLateOrTwice: a call for what is over, or never was, does nothing; one whose case is gone fails, and may be given up.
func TestCallsThatComeLateOrTwice(t *testing.T) {
	dir := t.TempDir()
	records, err := sqlitetable.Open(filepath.Join(dir, "records.db"), sqlitetable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	objects, err := dirblobs.Open(filepath.Join(dir, "objects"))
	if err != nil {
		t.Fatal(err)
	}
	a := parts.New(parts.Ports{Table: records, Blobs: objects, Now: time.Now})
	h, err := preparefile.New(a)
	if err != nil {
		t.Fatal(err)
	}
	over := handover.Record{ID: handover.NewID(), Kind: handover.Delivery, State: handover.Ended, Tenant: "alder", CaseID: "c"}
	orphan := handover.Record{ID: handover.NewID(), Kind: handover.Delivery, State: handover.Waiting, Tenant: "alder", CaseID: "c", Source: "package/alder/c/g1-1"}
	nothing := handover.Record{ID: handover.NewID(), Kind: handover.Upload, State: handover.Waiting, Tenant: "alder", CaseID: "c"}
	for _, r := range []handover.Record{over, orphan, nothing} {
		if _, err := a.HandOvers().Records.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for what, x := range map[string]struct {
		payload string
		class   fault.Class
	}{
		"what is over":           {`{"handOver":"` + over.ID + `"}`, ""},
		"what never was":         {`{"handOver":"` + handover.NewID() + `"}`, ""},
		"no id":                  {`{}`, ""},
		"a file that never came": {`{"handOver":"` + nothing.ID + `"}`, ""},
		"a case that is gone":    {`{"handOver":"` + orphan.ID + `"}`, fault.NotFound},
	} {
		var ref preparefile.Ref
		if err := json.Unmarshal([]byte(x.payload), &ref); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := h.Handle(t.Context(), ref); (err == nil) != (x.class == "") || err != nil && !fault.Has(err, x.class) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	page, err := objects.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("there lies %v: %v", page.Objects, err)
	}
}
