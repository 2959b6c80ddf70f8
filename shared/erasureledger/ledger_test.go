package erasureledger_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector/engine"
	"github.com/habeas-dsar/habeas/shared/erasureledger"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
)

func TestWhatComesBackIsFoundAndErasedAgain(t *testing.T) {
	r := newRig(t)
	r.ok(r.ledger.Record(t.Context(), r.erase(10)))
	if got := summary(r.check(false, nil)); got != "1 compared, 0 back, 0 left" {
		t.Fatalf("right after the erasure: %s", got)
	}
	// The case goes, keys and all: the ledger does not need it.
	r.ok(r.table.Transact(t.Context(), r.vault.Shred(tenant, "case-1")))
	r.restore(7)
	r.shop.rows[5] = canary // a new order of the same person
	if got := summary(r.check(false, nil)); got != "1 compared, 7 back, 7 left; HB-1 orders erased 10 back 7 outside 1 replayed 0 held 0 foreign 0" {
		t.Fatalf("after the restore: %s", got)
	}
	if len(r.shop.rows) != 9 {
		t.Fatalf("looking changed the system: %d rows", len(r.shop.rows))
	}
	if got := summary(r.check(true, nil)); got != "1 compared, 7 back, 0 left; HB-1 orders erased 10 back 7 outside 1 replayed 7 held 0 foreign 0" {
		t.Fatalf("replay: %s", got)
	}
	if len(r.shop.rows) != 2 || r.shop.rows[5] != canary || r.shop.rows[1] == "" {
		t.Fatalf("the replay went beyond the list, or not to its end: %d rows", len(r.shop.rows))
	}
	if got := summary(r.check(true, nil)); got != "1 compared, 0 back, 0 left; HB-1 orders erased 10 back 0 outside 1 replayed 0 held 0 foreign 0" {
		t.Fatalf("a second replay: %s", got)
	}
	var kinds []string
	for e, err := range evidence.Read(t.Context(), r.table, tenant, evidence.Restores) {
		r.ok(err)
		kinds = append(kinds, e.Kind+" by "+e.Actor)
	}
	if len(kinds) != 2 || kinds[0] != "erasure_undone by staff:1" || kinds[1] != "erasure_repeated by staff:1" {
		t.Fatalf("the journal says %v", kinds)
	}
}

func TestReplayRespectsHoldsAndOwners(t *testing.T) {
	r := newRig(t)
	r.ok(r.ledger.Record(t.Context(), r.erase(5)))
	r.restore(5)
	r.shop.rows[canaryRow] = "neighbour@example.com" // the number was given to somebody else
	hold := func(_ context.Context, _ erasureledger.Entry, ids []subject.Identifier) ([]engine.Hold, error) {
		if len(ids) != 1 || ids[0] != r.email() {
			t.Error("the holds are not asked for by the identifiers of the entry")
		}
		return []engine.Hold{{ID: "h", Keys: []redact.Text{redact.NewText("77310443")}}}, nil
	}
	want := "1 compared, 5 back, 2 left; HB-1 orders erased 5 back 5 outside 0 replayed 3 held 1 foreign 1"
	if got := summary(r.check(true, hold)); got != want {
		t.Fatalf("got %s\nwant %s", got, want)
	}
	if r.shop.rows[canaryRow] == "" || r.shop.rows[canaryRow+1] == "" || len(r.shop.rows) != 3 {
		t.Fatalf("a held or foreign record was erased: %d rows", len(r.shop.rows))
	}
}

func TestSystemThatIsDownIsAnError(t *testing.T) {
	r := newRig(t)
	r.ok(r.ledger.Record(t.Context(), r.erase(2)))
	r.shop.down = true
	_, err := r.ledger.Check(t.Context(), erasureledger.CheckInput{Tenant: tenant, System: "shop", Connector: r.shop, By: "staff:1"})
	if !fault.Has(err, fault.Unavailable) {
		t.Fatalf("got %v, want unavailable", err)
	}
}

func TestRecordingTwiceLeavesOneEntry(t *testing.T) {
	r := newRig(t)
	in := r.erase(4)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = r.ledger.Record(t.Context(), in) })
	}
	wg.Wait()
	for _, err := range errs {
		r.ok(err)
	}
	entries, _, err := r.ledger.Entries(t.Context(), tenant, "shop", 0, "")
	r.ok(err)
	if len(entries) != 1 || !entries[0].Until.Equal(r.now.Add(horizon)) {
		t.Fatalf("%d entries", len(entries))
	}
	r.restore(4)
	if got := summary(r.check(true, nil)); got != "1 compared, 4 back, 0 left; HB-1 orders erased 4 back 4 outside 0 replayed 4 held 0 foreign 0" {
		t.Fatal(got)
	}
}

func TestAnotherListIsNotKept(t *testing.T) {
	r := newRig(t)
	in := r.erase(4)
	in.Plan.Hash = "00" + in.Plan.Hash[2:]
	if err := r.ledger.Record(t.Context(), in); !fault.Has(err, fault.Internal) {
		t.Fatalf("got %v, want internal", err)
	}
	entries, _, err := r.ledger.Entries(t.Context(), tenant, "shop", 0, "")
	r.ok(err)
	if len(entries) != 0 {
		t.Fatal("an entry stands for a list that is not the one it names")
	}
}

func TestAtTheHorizonOnlyHashesStay(t *testing.T) {
	r := newRig(t)
	in := r.erase(3)
	r.ok(r.ledger.Record(t.Context(), in))
	due, err := r.ledger.NextDue(t.Context(), r.now)
	r.ok(err)
	if !due.Equal(r.now.Add(horizon)) {
		t.Fatalf("next due %s", due)
	}
	r.now = due.Add(-time.Second)
	if n, err := r.ledger.Expire(t.Context()); n != 0 || err != nil {
		t.Fatalf("a second early: %d, %v", n, err)
	}
	before := r.objects("erased/")
	r.now = due
	if n, err := r.ledger.Expire(t.Context()); n != 1 || err != nil {
		t.Fatalf("expired %d, %v", n, err)
	}
	if before == 0 || r.objects("erased/") != 0 {
		t.Fatalf("%d objects before, %d after", before, r.objects("erased/"))
	}
	if _, err := r.vault.Case(t.Context(), tenant, "erased-task-2"); !fault.Has(err, fault.NotFound) {
		t.Fatalf("the key of the entry: %v", err)
	}
	if len(r.shredded) != 1 || r.shredded[0] != "alder/erased-task-2" {
		t.Fatalf("shredded: %v", r.shredded)
	}
	was, err := r.ledger.ErasedBefore(t.Context(), tenant, r.email())
	r.ok(err)
	if len(was) != 1 || was[0].System != "shop" || !was[0].ErasedAt.Equal(in.ErasedAt) {
		t.Fatalf("erased before: %+v", was)
	}
	// A verification that is repeated now brings nothing back.
	r.ok(r.ledger.Record(t.Context(), in))
	if entries, _, err := r.ledger.Entries(t.Context(), tenant, "shop", 0, ""); len(entries) != 0 || err != nil {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if n, err := r.ledger.Expire(t.Context()); n != 0 || err != nil {
		t.Fatalf("a second time: %d, %v", n, err)
	}
}

func TestSystemWithoutBackupsLeavesHashesOnly(t *testing.T) {
	r := newRig(t)
	in := r.erase(3)
	in.Horizon = 0
	r.ok(r.ledger.Record(t.Context(), in))
	if n := r.objects("erased/"); n != 0 {
		t.Fatalf("%d objects", n)
	}
	if was, err := r.ledger.ErasedBefore(t.Context(), tenant, r.email()); len(was) != 1 || err != nil {
		t.Fatalf("erased before: %v, %v", was, err)
	}
}

// TestNothingLiesInTheOpen looks for the address and the key of a row in every file of the installation.
func TestNothingLiesInTheOpen(t *testing.T) {
	r := newRig(t)
	r.ok(r.ledger.Record(t.Context(), r.erase(3)))
	r.restore(3)
	r.check(true, nil)
	files := 0
	err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		files++
		if bytes.Contains(raw, []byte("quillfeather")) || bytes.Contains(raw, []byte("77310442")) {
			t.Errorf("%s holds the person in the open", filepath.Base(path))
		}
		return err
	})
	r.ok(err)
	if files < 5 {
		t.Fatalf("only %d files were looked at", files)
	}
}
