package evidence_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

var start = time.Date(2027, 1, 31, 9, 0, 0, 123_456_789, time.UTC)

func draft(chain, kind string, facts any) evidence.Draft {
	return evidence.Draft{Tenant: "acme", Case: "case-1", Chain: chain, At: start, Kind: kind, Actor: evidence.System, Facts: facts}
}

func mustAppend(t testing.TB, h evidence.Head, d evidence.Draft) (evidence.Entry, evidence.Head) {
	t.Helper()
	e, next, err := h.Append(d)
	if err != nil {
		t.Fatal(err)
	}
	return e, next
}

func TestAppendLinksEntries(t *testing.T) {
	one, head := mustAppend(t, evidence.Head{}, draft(evidence.CaseChain, "case_received", map[string]any{"b": 1, "a": "x"}))
	two, head := mustAppend(t, head, draft(evidence.CaseChain, "acknowledged", nil))
	if one.Seq != 1 || two.Seq != 2 || two.Prev != one.Hash || (head != evidence.Head{Seq: 2, Hash: two.Hash}) {
		t.Errorf("entries are not linked: %+v %+v", one, two)
	}
	if string(one.Facts) != `{"a":"x","b":1}` || string(two.Facts) != `{}` {
		t.Errorf("facts are not canonical: %s %s", one.Facts, two.Facts)
	}
	if want := start.Truncate(time.Millisecond); !one.At.Equal(want) {
		t.Errorf("time %s, want %s", one.At, want)
	}
}

// TestFirstPrevBindsTheChain: the same first entry in another chain, case or tenant has another Prev.
func TestFirstPrevBindsTheChain(t *testing.T) {
	d := draft(evidence.CaseChain, "case_received", nil)
	seen := map[string]bool{}
	for _, change := range []func(*evidence.Draft){
		func(*evidence.Draft) {},
		func(d *evidence.Draft) { d.Tenant = "acm" },
		func(d *evidence.Draft) { d.Case = "ecase-1" },
		func(d *evidence.Draft) { d.Chain = evidence.TaskChain("t1") },
	} {
		c := d
		change(&c)
		e, _ := mustAppend(t, evidence.Head{}, c)
		seen[e.Prev] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different origins, want 4", len(seen))
	}
}

func TestAppendRefuses(t *testing.T) {
	good := func(change func(*evidence.Draft)) evidence.Draft {
		d := draft(evidence.CaseChain, "case_received", nil)
		change(&d)
		return d
	}
	valid := evidence.Head{Seq: 1, Hash: strings.Repeat("0f", 32)}
	for name, tt := range map[string]struct {
		head  evidence.Head
		draft evidence.Draft
	}{
		"tenant with separator": {valid, good(func(d *evidence.Draft) { d.Tenant = "a#E#b" })},
		"no case":               {valid, good(func(d *evidence.Draft) { d.Case = "" })},
		"case too long":         {valid, good(func(d *evidence.Draft) { d.Case = strings.Repeat("a", 65) })},
		"case that climbs":      {valid, good(func(d *evidence.Draft) { d.Case = ".." })},
		"unknown chain":         {valid, good(func(d *evidence.Draft) { d.Chain = "other" })},
		"chain with separator":  {valid, good(func(d *evidence.Draft) { d.Chain = "task/a/b" })},
		"chain that climbs":     {valid, good(func(d *evidence.Draft) { d.Chain = "task/.." })},
		"kind in capitals":      {valid, good(func(d *evidence.Draft) { d.Kind = "Received" })},
		"kind with a digit up front": {
			valid, good(func(d *evidence.Draft) { d.Kind = "1x" }),
		},
		"no kind":               {valid, good(func(d *evidence.Draft) { d.Kind = "" })},
		"no actor":              {valid, good(func(d *evidence.Draft) { d.Actor = "" })},
		"actor with an address": {valid, good(func(d *evidence.Draft) { d.Actor = "staff:ann@example.com" })},
		"actor of no kind":      {valid, good(func(d *evidence.Draft) { d.Actor = "robot:1" })},
		"actor without id":      {valid, good(func(d *evidence.Draft) { d.Actor = "owner:" })},
		"no time":               {valid, good(func(d *evidence.Draft) { d.At = time.Time{} })},
		"facts a list":          {valid, good(func(d *evidence.Draft) { d.Facts = []int{1} })},
		"facts a text":          {valid, good(func(d *evidence.Draft) { d.Facts = "x" })},
		"facts guarded":         {valid, good(func(d *evidence.Draft) { d.Facts = map[string]any{"x": redact.NewText("Ann")} })},
		"facts too large": {
			valid, good(func(d *evidence.Draft) { d.Facts = map[string]any{"x": strings.Repeat("a", 16<<10)} }),
		},
		"facts with a name twice": {valid, good(func(d *evidence.Draft) { d.Facts = json.RawMessage(`{"a":1,"a":2}`) })},
		"facts not JSON":          {valid, good(func(d *evidence.Draft) { d.Facts = json.RawMessage(`{`) })},
		"facts not UTF-8":         {valid, good(func(d *evidence.Draft) { d.Facts = json.RawMessage("{\"a\":\"\xff\"}") })},
		"facts with a large integer": {
			valid, good(func(d *evidence.Draft) { d.Facts = map[string]any{"x": []any{int64(1<<53 + 1)}} }),
		},
		"head without hash":   {evidence.Head{Seq: 1}, good(func(*evidence.Draft) {})},
		"head without number": {evidence.Head{Hash: valid.Hash}, good(func(*evidence.Draft) {})},
		"head below zero":     {evidence.Head{Seq: -1, Hash: valid.Hash}, good(func(*evidence.Draft) {})},
		"head at the end":     {evidence.Head{Seq: evidence.MaxSeq, Hash: valid.Hash}, good(func(*evidence.Draft) {})},
		"head with a bad hash": {
			evidence.Head{Seq: 1, Hash: strings.Repeat("0F", 32)}, good(func(*evidence.Draft) {}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, head, err := tt.head.Append(tt.draft)
			if !fault.Has(err, fault.Invalid) || (head != evidence.Head{}) || e.Hash != "" {
				t.Errorf("got %v, want invalid and nothing", err)
			}
			if err != nil && strings.Contains(err.Error(), "ann@") {
				t.Error("the error quotes the input")
			}
		})
	}
	for _, actor := range []string{evidence.System, evidence.Subject, evidence.Staff("s-1"), evidence.Owner("crm")} {
		mustAppend(t, valid, good(func(d *evidence.Draft) { d.Actor = actor }))
	}
	mustAppend(t, valid, good(func(d *evidence.Draft) { d.Facts = map[string]any{"n": 1<<53 - 1, "f": 0.5} }))
}

func openLedger(t testing.TB) table.Store {
	t.Helper()
	s, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestLedgerIsAppendOnly(t *testing.T) {
	store := openLedger(t)
	e, _ := mustAppend(t, evidence.Head{}, draft(evidence.CaseChain, "case_received", nil))
	other, _ := mustAppend(t, evidence.Head{}, draft(evidence.CaseChain, "something_else", nil))
	if err := store.Transact(t.Context(), evidence.Write(e)); err != nil {
		t.Fatal(err)
	}
	for _, again := range []evidence.Entry{e, other} {
		if err := store.Transact(t.Context(), evidence.Write(again)); !fault.Has(err, fault.Conflict) {
			t.Errorf("writing a place twice: %v, want conflict", err)
		}
	}
	key := table.Key{Table: table.Ledger, PK: "T#acme#E#case-1", SK: "case#000000000001"}
	if _, err := store.Get(t.Context(), key); err != nil {
		t.Errorf("the entry is not where it belongs: %v", err)
	}
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	store := openLedger(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		caseID := fmt.Sprintf("case-%d", runs)
		var want []evidence.Entry
		for _, chain := range []string{evidence.CaseChain, evidence.TaskChain("t"), evidence.TaskChain("t-1"), evidence.TaskChain("t.1")} {
			var head evidence.Head
			for range rapid.IntRange(0, 15).Draw(rt, "entries of "+chain) {
				facts := rapid.MapOf(rapid.String(), rapid.Float64Range(-1e9, 1e9)).Draw(rt, "facts")
				var e evidence.Entry
				d := draft(chain, "step", facts)
				d.Case = caseID
				e, head = mustAppend(t, head, d)
				want = append(want, e)
			}
		}
		// Another case and another tenant, which must not show.
		longer, other := draft(evidence.CaseChain, "step", nil), draft(evidence.CaseChain, "step", nil)
		longer.Case, other.Case, other.Tenant = caseID+"-0", caseID, "acm"
		one, _ := mustAppend(t, evidence.Head{}, longer)
		two, _ := mustAppend(t, evidence.Head{}, other)
		writes := []table.Write{evidence.Write(one), evidence.Write(two)}
		for _, e := range rapid.Permutation(want).Draw(rt, "order of writing") {
			writes = append(writes, evidence.Write(e))
		}
		if err := store.Transact(t.Context(), writes...); err != nil {
			rt.Fatal(err)
		}
		var got []evidence.Entry
		for e, err := range evidence.Read(t.Context(), store, "acme", caseID) {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, e)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("read differs (-want +got):\n%s", diff)
		}
	})
}

func TestReadPagesAndStops(t *testing.T) {
	store := openLedger(t)
	var head evidence.Head
	const n = table.MaxPage + 5
	var writes []table.Write
	for range n {
		var e evidence.Entry
		e, head = mustAppend(t, head, draft(evidence.CaseChain, "step", nil))
		if writes = append(writes, evidence.Write(e)); len(writes) == table.MaxTransactionItems {
			if err := store.Transact(t.Context(), writes...); err != nil {
				t.Fatal(err)
			}
			writes = nil
		}
	}
	if err := store.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	var seen int64
	for e, err := range evidence.Read(t.Context(), store, "acme", "case-1") {
		if seen++; err != nil || e.Seq != seen {
			t.Fatalf("entry %d: number %d, %v", seen, e.Seq, err)
		}
	}
	if seen != n {
		t.Errorf("read %d entries, want %d", seen, n)
	}
	for range evidence.Read(t.Context(), store, "acme", "case-1") {
		break // must not panic, nor go on
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, class := range map[string]fault.Class{"case-1": fault.Unavailable, "a#b": fault.Invalid} {
		for _, err := range evidence.Read(t.Context(), store, "acme", name) {
			if !fault.Has(err, class) {
				t.Errorf("got %v, want %s", err, class)
			}
		}
	}
}

func TestReadRefusesDamagedRows(t *testing.T) {
	for _, body := range []string{``, `{}`, `{"seq":1} `, `x`} {
		store := openLedger(t)
		key := table.Key{Table: table.Ledger, PK: "T#acme#E#case-1", SK: "case#000000000001"}
		if err := store.Transact(t.Context(), table.Write{Op: table.Put, Item: table.Item{Key: key, Body: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
		failed := false
		for _, err := range evidence.Read(t.Context(), store, "acme", "case-1") {
			failed = fault.Has(err, fault.Internal)
		}
		if !failed {
			t.Errorf("a row with %q is read", body)
		}
	}
}

// signer is a tenant's evidence key.
type signer struct{ key ed25519.PrivateKey }

func newSigner(seed byte) signer {
	return signer{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

func (s signer) Sign(msg []byte) []byte    { return ed25519.Sign(s.key, msg) }
func (s signer) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// exampleChains is a small case: two tasks, one of them reopened after it had ended once.
func exampleChains(t testing.TB, tenant, caseID string) ([]evidence.Entry, map[string]evidence.Head) {
	t.Helper()
	var caseEntries, taskEntries []evidence.Entry
	heads := map[string]evidence.Head{}
	add := func(to *[]evidence.Entry, d evidence.Draft) {
		d.Tenant, d.Case = tenant, caseID
		d.At = start.Add(time.Duration(len(caseEntries)+len(taskEntries)) * time.Minute)
		e, head := mustAppend(t, heads[d.Chain], d)
		*to, heads[d.Chain] = append(*to, e), head
	}
	end := func(task string) {
		add(&caseEntries, evidence.TaskEnded(tenant, caseID, task, heads[evidence.TaskChain(task)], start))
	}
	add(&caseEntries, draft(evidence.CaseChain, "case_received", map[string]any{"right": "access", "channel": "portal"}))
	add(&caseEntries, draft(evidence.CaseChain, "identity_verified", map[string]any{"level": "email"}))
	for n, task := range []string{"t1", "t2"} {
		for i := range 3 + n {
			add(&taskEntries, draft(evidence.TaskChain(task), "batch_read", map[string]any{"collection": fmt.Sprintf("c%d", i), "records": i * 100}))
		}
		end(task)
	}
	// Reopened, so its chain grew after its head was first taken over.
	lastOfT2 := draft(evidence.TaskChain("t2"), "batch_read", map[string]any{"collection": "<späte> \u2028 Zeile"})
	add(&taskEntries, lastOfT2)
	end("t2")
	add(&caseEntries, draft(evidence.CaseChain, "response_delivered", map[string]any{"volumes": 1}))
	return append(caseEntries, taskEntries...), heads
}

func entrySeq(entries []evidence.Entry) func(func(evidence.Entry, error) bool) {
	return func(yield func(evidence.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func exampleInput(t testing.TB) evidence.BundleInput {
	entries, heads := exampleChains(t, "acme", "case-1")
	return evidence.BundleInput{
		Tenant: "acme", Case: "case-1", Reference: "7K3QX-9M2DA", ExportedAt: start.Add(24 * time.Hour),
		Entries: entrySeq(entries), Heads: heads, Signer: newSigner(1),
	}
}

func writeBundle(t testing.TB, in evidence.BundleInput) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := evidence.WriteBundle(context.Background(), &buf, in); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
