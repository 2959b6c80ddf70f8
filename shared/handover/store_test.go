package handover_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/handover"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

func open(t *testing.T, now *time.Time) *handover.Store {
	t.Helper()
	clock := func() time.Time { return *now }
	records, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = records.Close() })
	return handover.NewStore(records, clock)
}

func TestARecordIsChangedByWhoReadItLast(t *testing.T) {
	now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	s := open(t, &now)
	r := handover.Record{ID: handover.NewID(), Kind: handover.Delivery, State: handover.Waiting, Tenant: "alder", CaseID: "c", Look: now}
	if _, err := s.Put(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), r); !fault.Has(err, fault.Conflict) {
		t.Errorf("the same record once more: %v", err)
	}
	one, err := s.Get(t.Context(), r.ID)
	if err != nil || one.State != handover.Waiting || one.Tenant != "alder" {
		t.Fatalf("read %+v: %v", one, err)
	}
	other := one
	one.State = handover.Ready
	if one, err = s.Put(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	other.State = handover.Ended
	if _, err := s.Put(t.Context(), other); !fault.Has(err, fault.Conflict) {
		t.Errorf("by somebody who read it before: %v", err)
	}
	if err := s.Remove(t.Context(), other); !fault.Has(err, fault.Conflict) {
		t.Errorf("removed by somebody who read it before: %v", err)
	}
	if err := s.Remove(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{r.ID, "", "x", strings.Repeat("A", 64), r.ID + "0", "../" + r.ID[3:]} {
		if _, err := s.Get(t.Context(), id); !fault.Has(err, fault.NotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestDueIsInOrderAndInPages(t *testing.T) {
	now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	s := open(t, &now)
	var want []string
	for n := range 7 {
		r := handover.Record{ID: handover.NewID(), Kind: handover.Upload, State: handover.Waiting, Look: now.Add(time.Duration(n-4) * time.Second)}
		if _, err := s.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if n <= 4 { // what is due now is due
			want = append(want, r.ID)
		}
	}
	var got []string
	for cursor := ""; ; {
		ids, next, err := s.Due(t.Context(), 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, ids...); next == "" {
			break
		}
		cursor = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("due: %v, want %v", got, want)
	}
}

func TestNamesOfObjectsTellNothing(t *testing.T) {
	seen := map[string]bool{}
	for _, id := range []string{handover.NewID(), handover.NewID(), handover.IDOf("token", 1), handover.IDOf("token", 2), handover.IDOf("other", 1)} {
		if !handover.ValidID(id) || seen[id] {
			t.Errorf("id %q", id)
		}
		seen[id] = true
		for kind, prefix := range map[handover.Kind]string{handover.Delivery: blobs.Delivery, handover.Upload: blobs.Inbox} {
			r := handover.Record{ID: id, Kind: kind, Tenant: "alder", CaseID: "case", TaskID: "task", Filename: "7K3QX-9M2DA.zip"}
			if name := r.Object(); name != prefix+id || blobs.CheckName(name) != nil {
				t.Errorf("an object is called %s", name)
			}
		}
	}
	if first, again := handover.IDOf("token", 1), handover.IDOf("token", 1); first != again || handover.IDOf("token1", 1) == handover.IDOf("token", 11) {
		t.Error("an id of a link does not belong to its link and volume")
	}
}

// Records lie where nothing is backed up: a restored installation must not believe in objects that are long gone, nor name them.
func TestRecordsAreNotBackedUp(t *testing.T) {
	now := time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	w, err := open(t, &now).Write(handover.Record{ID: handover.NewID(), Look: now})
	if err != nil || w.Item.Table != table.Tokens || w.If != table.Absent || !w.Item.ExpiresAt.IsZero() {
		t.Errorf("a new record: %+v %v", w, err)
	}
}
