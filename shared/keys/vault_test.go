package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/keys"
	"github.com/habeas-dsar/habeas/shared/keys/filekeys"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

const (
	tenant = "acme"
	caseID = "018f2f6e-7c1a-7000-8000-000000000001"
)

func openStore(t testing.TB) table.Store {
	t.Helper()
	s, err := sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// counting is a keeper that counts what it unwraps, by purpose.
type counting struct {
	keys.Keeper
	record, results atomic.Int32
}

func (c *counting) Unwrap(ctx context.Context, kc keys.Context, wrapped []byte) (redact.Bytes, error) {
	switch kc.Purpose {
	case "record":
		c.record.Add(1)
	case "results":
		c.results.Add(1)
	}
	return c.Keeper.Unwrap(ctx, kc, wrapped)
}

func openKeeper(t testing.TB) *counting {
	t.Helper()
	path := filepath.Join(t.TempDir(), "master.key")
	if err := filekeys.Create(path); err != nil {
		t.Fatal(err)
	}
	k, err := filekeys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return &counting{Keeper: k}
}

func newCase(t testing.TB, v *keys.Vault, store table.Store, tenant, caseID string) *keys.CaseKeys {
	t.Helper()
	k, w, err := v.NewCase(t.Context(), tenant, caseID)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCaseKeysLiveInOneRow(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	v := keys.NewVault(store, keeper)
	if _, err := v.Case(t.Context(), tenant, caseID); !fault.Has(err, fault.NotFound) {
		t.Errorf("before: %v, want not_found", err)
	}
	made := newCase(t, v, store, tenant, caseID)
	key := table.Key{Table: table.CaseKeys, PK: "T#acme#C#" + caseID, SK: "KEYS"}
	if _, err := store.Get(t.Context(), key); err != nil {
		t.Errorf("the row is not where it belongs: %v", err)
	}
	sealed := made.SealDoc("case/person", []byte("Ann"))

	// Another process, with another vault, opens it.
	other, err := keys.NewVault(store, keeper).Case(t.Context(), tenant, caseID)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := other.OpenDoc("case/person", sealed); err != nil || string(plain.Reveal()) != "Ann" {
		t.Errorf("OpenDoc: other content or %v", err)
	}

	_, again, err := v.NewCase(t.Context(), tenant, caseID)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), again); !fault.Has(err, fault.Conflict) {
		t.Errorf("second NewCase: %v, want conflict", err)
	}
	// The keys of the attempt that lost must not be given out.
	if k, err := v.Case(t.Context(), tenant, caseID); err != nil {
		t.Error(err)
	} else if _, err := k.OpenDoc("case/person", sealed); err != nil {
		t.Errorf("after a lost attempt: %v", err)
	}
}

func TestCaseUnwrapsOnce(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	newCase(t, keys.NewVault(store, keeper), store, tenant, caseID)
	v := keys.NewVault(store, keeper)
	for range 5 {
		if _, err := v.Case(t.Context(), tenant, caseID); err != nil {
			t.Fatal(err)
		}
	}
	if got := keeper.record.Load(); got != 1 {
		t.Errorf("the record key was unwrapped %d times, want once", got)
	}
	if got := keeper.results.Load(); got != 0 {
		t.Errorf("the private half was unwrapped %d times without need", got)
	}
}

func TestShredIsFinalForEveryProcess(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	v, other := keys.NewVault(store, keeper), keys.NewVault(store, keeper)
	newCase(t, v, store, tenant, caseID)
	kept := newCase(t, v, store, tenant, "other-case")
	if _, err := other.Case(t.Context(), tenant, caseID); err != nil {
		t.Fatal(err)
	}
	if err := store.Transact(t.Context(), v.Shred(tenant, caseID)); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*keys.Vault{"the shredding": v, "another": other} {
		if _, err := v.Case(t.Context(), tenant, caseID); !fault.Has(err, fault.NotFound) {
			t.Errorf("%s process: %v, want not_found", name, err)
		}
	}
	if err := store.Transact(t.Context(), v.Shred(tenant, caseID)); err != nil {
		t.Errorf("shredding twice: %v", err)
	}
	k, err := v.Case(t.Context(), tenant, "other-case")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpenDoc("x", kept.SealDoc("x", nil)); err != nil {
		t.Errorf("another case was harmed: %v", err)
	}
}

func TestWrongMasterKeyIsMisconfigured(t *testing.T) {
	store := openStore(t)
	newCase(t, keys.NewVault(store, openKeeper(t)), store, tenant, caseID)
	if _, err := keys.NewVault(store, openKeeper(t)).Case(t.Context(), tenant, caseID); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("got %v, want misconfigured", err)
	}
}

func TestRowOfAnotherCaseDoesNotOpen(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	v := keys.NewVault(store, keeper)
	_, w, err := v.NewCase(t.Context(), tenant, caseID)
	if err != nil {
		t.Fatal(err)
	}
	w.Item.PK = "T#acme#C#moved"
	if err := store.Transact(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Case(t.Context(), tenant, "moved"); !fault.Has(err, fault.Misconfigured) {
		t.Errorf("got %v, want misconfigured", err)
	}
}

func TestIDsCannotReachIntoAnotherPartition(t *testing.T) {
	v := keys.NewVault(openStore(t), openKeeper(t))
	for _, id := range []string{"", "a#C#b", "a/b", "a b", "ä", "a\x00", fmt.Sprintf("%065d", 0)} {
		_, _, err1 := v.NewCase(t.Context(), id, caseID)
		_, _, err2 := v.NewCase(t.Context(), tenant, id)
		_, err3 := v.Case(t.Context(), tenant, id)
		_, err4 := v.Tenant(t.Context(), id)
		for i, err := range []error{err1, err2, err3, err4} {
			if !fault.Has(err, fault.Invalid) {
				t.Errorf("%q, call %d: %v, want invalid", id, i, err)
			}
		}
	}
}

func TestTenantKeysAreMadeOnce(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	id, err := subject.New(subject.Email, "ann@example.com")
	if err != nil {
		t.Fatal(err)
	}
	refs := make([]subject.Ref, 8)
	var wg sync.WaitGroup
	for i := range refs {
		wg.Go(func() {
			k, err := keys.NewVault(store, keeper).Tenant(t.Context(), tenant)
			if err != nil {
				t.Errorf("Tenant: %v", err)
				return
			}
			refs[i] = k.Ref(id)
		})
	}
	wg.Wait()
	for _, r := range refs {
		if r != refs[0] || len(r) != 64 {
			t.Fatalf("vaults that start at once disagree about the tenant's keys")
		}
	}
	if _, err := store.Get(t.Context(), table.Key{Table: table.Registry, PK: "T#acme", SK: "KEYS"}); err != nil {
		t.Errorf("the row is not where it belongs: %v", err)
	}
}

// failing is a store that cannot be reached.
type failing struct{ table.Store }

var errDown = fault.New(fault.Unavailable, "down")

func (failing) Get(context.Context, table.Key) (table.Item, error) { return table.Item{}, errDown }

func TestStoreErrorsKeepTheirClass(t *testing.T) {
	v := keys.NewVault(failing{}, openKeeper(t))
	if _, err := v.Case(t.Context(), tenant, caseID); !errors.Is(err, errDown) {
		t.Errorf("Case: %v", err)
	}
	if _, err := v.Tenant(t.Context(), tenant); !errors.Is(err, errDown) {
		t.Errorf("Tenant: %v", err)
	}
}

// TestResultsOpenerUnwrapsOnce: one call of the keeper opens any number of objects; a failure is not remembered, and no two openers
// share what they know.
func TestResultsOpenerUnwrapsOnce(t *testing.T) {
	store, keeper := openStore(t), openKeeper(t)
	k := newCase(t, keys.NewVault(store, keeper), store, tenant, caseID)
	var sealed bytes.Buffer
	w, err := k.SealResults(&sealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write([]byte("Ann")); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for n := range int32(2) {
		open := k.ResultsOpener()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(ended, bytes.NewReader(sealed.Bytes())); !fault.Has(err, fault.Unavailable) {
			t.Errorf("while the keeper is out of reach: %v, want unavailable", err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				r, err := open(t.Context(), bytes.NewReader(sealed.Bytes()))
				if err != nil {
					t.Errorf("opening: %v", err)
					return
				}
				if plain, err := io.ReadAll(r); err != nil || string(plain) != "Ann" {
					t.Errorf("other content or %v", err)
				}
			})
		}
		wg.Wait()
		if got := keeper.results.Load(); got != 2*(n+1) {
			t.Errorf("the keeper was asked %d times, want %d: once in vain", got, 2*(n+1))
		}
	}
}
