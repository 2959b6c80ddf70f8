package session_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
	"github.com/habeas-dsar/habeas/shared/verification"
)

type rig struct {
	t     testing.TB
	mu    sync.Mutex
	now   time.Time
	table *sqlitetable.Store
	store *session.Store
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: r.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.table.Close() })
	r.store = session.NewStore(r.table, r.clock)
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) grant(g session.Grant) string {
	r.t.Helper()
	token, err := r.store.New(r.t.Context(), g)
	if err != nil {
		r.t.Fatal(err)
	}
	return token
}

func kinds() []session.Kind {
	return []session.Kind{session.Subject, session.Staff, session.API, session.Download, session.Owner, session.SignIn}
}

func TestAGrantIsFoundByItsTokenAndKindAlone(t *testing.T) {
	r := newRig(t)
	seen := map[string]bool{}
	for _, kind := range kinds() {
		token := r.grant(session.Grant{Kind: kind, Tenant: "alder", CaseID: "c", TaskID: "t", Holder: 2, StaffID: "s", Name: "n", ExpiresAt: r.now.Add(time.Hour)})
		if len(token) < 43 || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || seen[token] {
			t.Errorf("a token of %d characters", len(token))
		}
		seen[token] = true
		for _, as := range kinds() {
			g, err := r.store.Get(t.Context(), as, token)
			if as != kind {
				if !fault.Has(err, fault.Unauthenticated) {
					t.Errorf("a token of %s opens as %s: %v", kind, as, err)
				}
				continue
			}
			if err != nil || g.Tenant != "alder" || g.CaseID != "c" || g.TaskID != "t" || g.Holder != 2 || g.StaffID != "s" || g.Name != "n" || !g.At.Equal(r.now) {
				t.Errorf("%s: %+v %v", kind, g, err)
			}
		}
		for _, bad := range []string{"", token[1:], token + "A", strings.ToUpper(token), " " + token, strings.Repeat(token, 10)} {
			if _, err := r.store.Get(t.Context(), kind, bad); !fault.Has(err, fault.Unauthenticated) {
				t.Errorf("a token that is not quite one: %v", err)
			}
		}
	}
}

// A copy of the table opens nothing.
func TestTheTokenIsNotStored(t *testing.T) {
	r := newRig(t)
	token, w, err := r.store.Prepare(session.Grant{Kind: session.Subject, Tenant: "alder"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{w.Item.PK, w.Item.SK, w.Item.IPK, w.Item.ISK, string(w.Item.Body)} {
		if strings.Contains(s, token) {
			t.Error("the token stands in its row")
		}
	}
	if _, err := r.store.Get(t.Context(), session.Subject, token); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("a grant that was not committed: %v", err)
	}
}

func TestGrantsEnd(t *testing.T) {
	r := newRig(t)
	token := r.grant(session.Grant{Kind: session.Subject, ExpiresAt: r.now.Add(30 * time.Minute)})
	forever, err := r.store.NewAPI(t.Context(), "staff", "", "nightly export")
	if err != nil {
		t.Fatal(err)
	}
	r.pass(30*time.Minute - time.Second)
	if _, err := r.store.Get(t.Context(), session.Subject, token); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	r.pass(time.Second)
	if _, err := r.store.Get(t.Context(), session.Subject, token); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("at its end: %v", err)
	}
	r.pass(10 * 365 * 24 * time.Hour)
	if g, err := r.store.Get(t.Context(), session.API, forever); err != nil || g.StaffID != "staff" {
		t.Errorf("a token of the API ten years later: %v", err)
	}
	for range 2 {
		if err := r.store.End(t.Context(), session.API, forever); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.store.Get(t.Context(), session.API, forever); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("a revoked token: %v", err)
	}
	for _, bad := range [][2]string{{"", "x"}, {"staff", ""}, {"staff", strings.Repeat("x", 101)}} {
		if _, err := r.store.NewAPI(t.Context(), bad[0], "", bad[1]); !fault.Has(err, fault.Invalid) {
			t.Errorf("a token for %q named %d characters: %v", bad[0], len(bad[1]), err)
		}
	}
}

// race runs do n times at once and returns how often it succeeded; a failure must be of one of the classes.
func race(t *testing.T, n int, do func(i int) error, classes ...fault.Class) (won int) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = do(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		fine := false
		for _, c := range classes {
			fine = fine || fault.Has(err, c)
		}
		if !fine {
			t.Errorf("a loser gets %v", err)
		}
	}
	return won
}

func TestASingleUseGrantIsUsedOnce(t *testing.T) {
	r := newRig(t)
	token := r.grant(session.Grant{Kind: session.Download, ExpiresAt: r.now.Add(time.Hour)})
	g, err := r.store.Get(t.Context(), session.Download, token)
	if err != nil {
		t.Fatal(err)
	}
	if won := race(t, 32, func(int) error { return r.table.Transact(t.Context(), g.Use()) }, fault.Conflict); won != 1 {
		t.Errorf("used %d times", won)
	}
	if _, err := r.store.Get(t.Context(), session.Download, token); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("afterwards: %v", err)
	}
}

func TestEachVolumeIsFetchedOnceAndAllOfThemAtTheSameTime(t *testing.T) {
	r := newRig(t)
	const volumes = 4
	token := r.grant(session.Grant{Kind: session.Download, Left: []int{1, 2, 3, 4}, ExpiresAt: r.now.Add(time.Hour)})
	g, err := r.store.Get(t.Context(), session.Download, token)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[int]int{}
	won := race(t, 32, func(i int) error {
		n := i%volumes + 1
		err := r.store.UseVolume(t.Context(), g, n)
		if err == nil {
			mu.Lock()
			got[n]++
			mu.Unlock()
		}
		return err
	}, fault.NotFound)
	if won != volumes || len(got) != volumes {
		t.Errorf("fetched %v", got)
	}
	if _, err := r.store.Get(t.Context(), session.Download, token); !fault.Has(err, fault.Unauthenticated) {
		t.Errorf("a link that was used up: %v", err)
	}
	if err := r.store.UseVolume(t.Context(), g, 9); !fault.Has(err, fault.NotFound) {
		t.Errorf("a volume that never was: %v", err)
	}
}

func TestAVolumeIsNotFetchedThroughAnEndedLink(t *testing.T) {
	r := newRig(t)
	token := r.grant(session.Grant{Kind: session.Download, Left: []int{1, 2}, ExpiresAt: r.now.Add(session.DownloadLife)})
	g, err := r.store.Get(t.Context(), session.Download, token)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.UseVolume(t.Context(), g, 1); err != nil {
		t.Fatal(err)
	}
	r.pass(session.DownloadLife)
	if err := r.store.UseVolume(t.Context(), g, 2); !fault.Has(err, fault.NotFound) {
		t.Errorf("through a link read before it ended: %v", err)
	}
}

func TestLimitsSlide(t *testing.T) {
	r := newRig(t)
	limits := []verification.Limit{{Max: 3, Per: 10 * time.Minute}, {Max: 4, Per: time.Hour}}
	allow := func() error {
		return r.store.Allow(t.Context(), session.Count{Key: "address", Limits: limits}, session.Count{Key: "network", Limits: []verification.Limit{{Max: 100, Per: time.Hour}}})
	}
	for n, step := range []struct {
		after time.Duration
		wait  time.Duration
	}{
		{0, 0}, {4 * time.Minute, 0}, {4 * time.Minute, 0}, {time.Minute, time.Minute}, {time.Minute, 0}, {0, 50 * time.Minute}, {50 * time.Minute, 0},
	} {
		r.pass(step.after)
		err := allow()
		if (step.wait == 0) != (err == nil) || fault.WaitOf(err) != step.wait || err != nil && !fault.Has(err, fault.Throttled) {
			t.Errorf("event %d: %v, wait %s, want %s", n+1, err, fault.WaitOf(err), step.wait)
		}
	}
}

func TestAFullCounterLeavesTheOthersAlone(t *testing.T) {
	r := newRig(t)
	one := []verification.Limit{{Max: 1, Per: time.Hour}}
	if err := r.store.Allow(t.Context(), session.Count{Key: "a", Limits: one}); err != nil {
		t.Fatal(err)
	}
	if err := r.store.Allow(t.Context(), session.Count{Key: "b", Limits: one}, session.Count{Key: "a", Limits: one}); !fault.Has(err, fault.Throttled) {
		t.Fatalf("got %v", err)
	}
	if err := r.store.Allow(t.Context(), session.Count{Key: "b", Limits: one}); err != nil {
		t.Errorf("an event that was not allowed was counted: %v", err)
	}
	if err := r.store.Allow(t.Context(), session.Count{Key: "free"}); err != nil {
		t.Errorf("no limit at all: %v", err)
	}
}

func TestLimitsHoldWhenManyComeAtOnce(t *testing.T) {
	r := newRig(t)
	limits := []verification.Limit{{Max: 5, Per: time.Hour}}
	won := race(t, 12, func(int) error {
		return r.store.Allow(t.Context(), session.Count{Key: "a", Limits: limits})
	}, fault.Throttled, fault.Conflict)
	if won > 5 || won == 0 {
		t.Errorf("%d events were allowed", won)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	r := newRig(t)
	if _, ok, err := r.store.Recall(t.Context(), "staff-1", "key"); ok || err != nil {
		t.Fatalf("a key nobody used: %t %v", ok, err)
	}
	acts := 0
	won := race(t, 8, func(i int) error {
		err := r.table.Transact(t.Context(), r.store.Remember("staff-1", "key", fmt.Appendf(nil, "answer %d", i)), table.Write{
			Op: table.Put, If: table.Absent, Item: table.Item{Key: table.Key{Table: table.Cases, PK: "act", SK: fmt.Sprint(i)}, Body: []byte("x")},
		})
		return err
	}, fault.Conflict)
	page, err := r.table.Query(t.Context(), table.Query{Table: table.Cases, PK: "act"})
	if err != nil {
		t.Fatal(err)
	}
	if acts = len(page.Items); won != 1 || acts != 1 {
		t.Errorf("%d calls won, %d acted", won, acts)
	}
	answer, ok, err := r.store.Recall(t.Context(), "staff-1", "key")
	if err != nil || !ok || !strings.HasPrefix(string(answer), "answer ") {
		t.Errorf("recalled %q %t %v", answer, ok, err)
	}
	for _, c := range [][2]string{{"staff-2", "key"}, {"staff-1", "Key"}} {
		if _, ok, err := r.store.Recall(t.Context(), c[0], c[1]); ok || err != nil {
			t.Errorf("%v recalls somebody else's answer: %v", c, err)
		}
	}
	r.pass(session.Memory)
	if _, ok, err := r.store.Recall(t.Context(), "staff-1", "key"); ok || err != nil {
		t.Errorf("remembered after a day: %t %v", ok, err)
	}
}

func FuzzToken(f *testing.F) {
	r := newRig(f)
	token := r.grant(session.Grant{Kind: session.Subject, ExpiresAt: r.now.Add(time.Hour)})
	for _, s := range []string{"", "x", token + "\n", "\x00", "TOK#subject#", strings.Repeat("a", 300), "é", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == token {
			return
		}
		for _, kind := range kinds() {
			if _, err := r.store.Get(t.Context(), kind, s); !fault.Has(err, fault.Unauthenticated) {
				t.Fatalf("%q opens %s: %v", s, kind, err)
			}
		}
		if err := r.store.End(t.Context(), session.Subject, s); err != nil {
			t.Fatalf("ending %q: %v", s, err)
		}
		if _, _, err := r.store.Recall(t.Context(), "caller", s); err != nil {
			t.Fatalf("recalling %q: %v", s, err)
		}
	})
}
