package registry_test

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

type rig struct {
	t     *testing.T
	now   time.Time
	table *sqlitetable.Store
	store *registry.Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)}
	var err error
	r.table, err = sqlitetable.Open(filepath.Join(t.TempDir(), "records.db"), sqlitetable.Options{Now: func() time.Time { return r.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.table.Close() })
	r.store = r.another()
	return r
}

// another is the registry as another process sees it.
func (r *rig) another() *registry.Store {
	return registry.NewStore(r.table, func() time.Time { return r.now })
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "0", "shop-2", "web_shop", strings.Repeat("x", 63)} {
		if err := registry.CheckName("/name", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "-a", "_a", "A", "a b", "a#b", "a/b", "a.b", "é", "a\n", strings.Repeat("x", 64), "../x", "%2e"} {
		err := registry.CheckName("/name", bad)
		if !fault.Has(err, fault.Invalid) || bad != "" && strings.Contains(err.Error(), bad) && len(bad) > 1 {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r := newRig(t)
	for name, err := range map[string]error{
		"tenant":    r.store.PutTenant(t.Context(), registry.Tenant{Name: "A#", Zone: "UTC"}),
		"zone":      r.store.PutTenant(t.Context(), registry.Tenant{Name: "a", Zone: "Mars/Olympus"}),
		"no zone":   r.store.PutTenant(t.Context(), registry.Tenant{Name: "a"}),
		"system":    r.store.PutSystem(t.Context(), registry.System{Tenant: "a", Name: "x/y"}),
		"recipient": r.store.PutRecipient(t.Context(), registry.Recipient{Tenant: "a", Name: ""}),
	} {
		if !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsPutIsReadBack(t *testing.T) {
	r := newRig(t)
	tenant := registry.Tenant{Name: "alder", Title: "Alder", Zone: "Europe/Berlin", Policy: registry.Policy{PackageDays: 7}}
	system := registry.System{Tenant: "alder", Name: "shop", Kind: "sqlite", Rights: []dsar.Right{dsar.Access}, Identifiers: []subject.Kind{subject.Email}, CheckedAt: r.now}
	recipient := registry.Recipient{Tenant: "alder", Name: "parcels", Title: "Parcels", Country: "DE"}
	r.ok(r.store.PutTenant(t.Context(), tenant))
	r.ok(r.store.PutSystem(t.Context(), system))
	r.ok(r.store.PutRecipient(t.Context(), recipient))
	for _, s := range []*registry.Store{r.store, r.another()} {
		got, err := s.Tenant(t.Context(), "alder")
		r.ok(err)
		if d := cmp.Diff(tenant, got); d != "" {
			t.Errorf("tenant (-want +got):\n%s", d)
		}
		found, err := s.System(t.Context(), "alder", "shop")
		r.ok(err)
		system.Version = 1
		if d := cmp.Diff(system, found); d != "" {
			t.Errorf("system (-want +got):\n%s", d)
		}
		all, err := s.Recipients(t.Context(), "alder")
		r.ok(err)
		if d := cmp.Diff([]registry.Recipient{recipient}, all); d != "" {
			t.Errorf("recipients (-want +got):\n%s", d)
		}
		if list, err := s.Systems(t.Context(), "birch"); err != nil || len(list) != 0 {
			t.Errorf("another tenant sees %v %v", list, err)
		}
		if _, err := s.System(t.Context(), "birch", "shop"); !fault.Has(err, fault.NotFound) {
			t.Errorf("another tenant's system: %v", err)
		}
	}
	p := tenant.Policy.Effective()
	if p.PackageDays != 7 || p.VerifyWithinDays != 14 || p.CodeMinutes != 30 || p.ReviewAlways {
		t.Errorf("effective policy %+v", p)
	}
}

func TestOneOfTwoWhoChangeASystemWins(t *testing.T) {
	r := newRig(t)
	s := registry.System{Tenant: "alder", Name: "shop"}
	r.ok(r.store.PutSystem(t.Context(), s))
	if err := r.store.PutSystem(t.Context(), s); !fault.Has(err, fault.Conflict) {
		t.Errorf("a second new one: %v", err)
	}
	mine, err := r.store.System(t.Context(), "alder", "shop")
	r.ok(err)
	other := r.another()
	theirs, err := other.System(t.Context(), "alder", "shop")
	r.ok(err)
	mine.Title, theirs.Title = "mine", "theirs"
	r.ok(r.store.PutSystem(t.Context(), mine))
	if err := other.PutSystem(t.Context(), theirs); !fault.Has(err, fault.Conflict) {
		t.Errorf("the loser gets %v", err)
	}
	if got, err := other.System(t.Context(), "alder", "shop"); err != nil || got.Title != "mine" {
		t.Errorf("after the lost race it reads %q %v", got.Title, err)
	}
	r.ok(r.store.DeleteSystem(t.Context(), "alder", "shop"))
	r.ok(r.store.DeleteSystem(t.Context(), "alder", "shop"))
	if _, err := r.store.System(t.Context(), "alder", "shop"); !fault.Has(err, fault.NotFound) {
		t.Errorf("a deleted system: %v", err)
	}
}

func TestReadsAreFreshEnough(t *testing.T) {
	r := newRig(t)
	other := r.another()
	put := func(title string) {
		r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: "alder", Title: title, Zone: "UTC"}))
	}
	title := func(s *registry.Store) string {
		got, err := s.Tenant(t.Context(), "alder")
		r.ok(err)
		return got.Title
	}
	put("one")
	if got := title(other); got != "one" {
		t.Fatalf("the other process reads %q", got)
	}
	put("two")
	if got := title(r.store); got != "two" {
		t.Errorf("its own change is read as %q", got)
	}
	r.now = r.now.Add(registry.Fresh)
	if got := title(other); got != "two" {
		t.Errorf("after %s the other process reads %q", registry.Fresh, got)
	}
	put("three")
	r.now = r.now.Add(-time.Hour) // a clock that was set back
	if got := title(other); got != "three" {
		t.Errorf("with a clock set back the other process reads %q", got)
	}
}

// What a caller does to a list does not reach the next one.
func TestListsAreTheCallersOwn(t *testing.T) {
	r := newRig(t)
	for _, n := range []string{"b", "a", "c"} {
		r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: n, Title: n, Zone: "UTC"}))
		r.ok(r.store.PutSystem(t.Context(), registry.System{Tenant: "a", Name: n}))
	}
	for range 2 {
		tenants, err := r.store.Tenants(t.Context())
		r.ok(err)
		systems, err := r.store.Systems(t.Context(), "a")
		r.ok(err)
		if tenants[0].Name+tenants[1].Name+tenants[2].Name != "abc" || systems[0].Name+systems[1].Name+systems[2].Name != "abc" {
			t.Fatalf("tenants %v, systems %v", tenants, systems)
		}
		tenants[0], systems[0] = tenants[2], systems[2]
	}
}

func TestReadersAndWritersMayMeet(t *testing.T) {
	r := newRig(t)
	r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: "alder", Title: "0", Zone: "UTC"}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := r.store.Tenant(t.Context(), "alder"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for n := range 20 {
		title := strings.Repeat("x", n)
		r.ok(r.store.PutTenant(t.Context(), registry.Tenant{Name: "alder", Title: title, Zone: "UTC"}))
		if got, err := r.store.Tenant(t.Context(), "alder"); err != nil || got.Title != title {
			t.Fatalf("read %q after writing %q: %v", got.Title, title, err)
		}
	}
	wg.Wait()
}

func TestStaffHaveOneAddressEach(t *testing.T) {
	r := newRig(t)
	r.ok(r.store.AddStaff(t.Context(), registry.Staff{ID: "1", Email: "Kim@Staff.example.com", Roles: []registry.Role{registry.Handler}}))
	if err := r.store.AddStaff(t.Context(), registry.Staff{ID: "2", Email: "kim@staff.example.com"}); !fault.Has(err, fault.Conflict) {
		t.Errorf("the address a second time: %v", err)
	}
	if err := r.store.AddStaff(t.Context(), registry.Staff{ID: "1", Email: "another@staff.example.com"}); !fault.Has(err, fault.Conflict) {
		t.Errorf("the id a second time: %v", err)
	}
	for _, typed := range []string{"kim@staff.example.com", " KIM@staff.example.com "} {
		if m, err := r.store.StaffByEmail(t.Context(), typed); err != nil || m.ID != "1" || m.Version != 1 {
			t.Errorf("%+v %v", m, err)
		}
	}
	for _, typed := range []string{"", "nobody@staff.example.com", "#", "\x00", "\xff", strings.Repeat("x", 3000)} {
		if _, err := r.store.StaffByEmail(t.Context(), typed); !fault.Has(err, fault.NotFound) {
			t.Errorf("%.20q: %v", typed, err)
		}
	}
	if _, err := r.store.Staff(t.Context(), "2"); !fault.Has(err, fault.NotFound) {
		t.Errorf("a member of staff who was not added: %v", err)
	}
	for _, pk := range []string{"STAFF", "STAFFMAIL"} {
		page, err := r.table.Query(t.Context(), table.Query{Table: table.Registry, PK: pk})
		r.ok(err)
		for _, it := range page.Items {
			if strings.Contains(strings.ToLower(it.SK), "kim") {
				t.Errorf("an address stands in the key %s", it.SK)
			}
		}
	}
}

// The permission table, written down a second time.
func TestPermissions(t *testing.T) {
	want := map[registry.Role]string{
		registry.Admin:    "change_staff change_systems change_wording confirm_laws read_cases read_systems",
		registry.Handler:  "handle_cases read_cases read_evidence read_systems reveal_data use_consents",
		registry.Approver: "confirm_laws decide_cases handle_cases place_holds read_cases read_evidence read_systems reveal_data use_consents",
		registry.Auditor:  "read_cases read_evidence read_systems",
		registry.Site:     "use_consents",
	}
	all := []registry.Permission{
		registry.ReadCases, registry.HandleCases, registry.DecideCases, registry.RevealData, registry.ReadEvidence, registry.ReadSystems,
		registry.ChangeSystems, registry.ChangeStaff, registry.PlaceHolds, registry.ConfirmLaws, registry.UseConsents,
	}
	if got := registry.Roles(); len(got) != len(want) {
		t.Fatalf("roles are %q", got)
	}
	for role, list := range want {
		var got []string
		for _, p := range registry.Permissions(role) {
			got = append(got, string(p))
		}
		slices.Sort(got)
		if strings.Join(got, " ") != list {
			t.Errorf("%s may %q, want %q", role, got, list)
		}
		for _, p := range all {
			may := slices.Contains(strings.Fields(list), string(p))
			for _, m := range []struct {
				staff  registry.Staff
				tenant string
				want   bool
			}{
				{registry.Staff{Roles: []registry.Role{role}}, "alder", may},
				{registry.Staff{Roles: []registry.Role{role}, Tenant: "alder"}, "alder", may},
				{registry.Staff{Roles: []registry.Role{role}, Tenant: "alder"}, "birch", false},
				{registry.Staff{Roles: []registry.Role{role}, Disabled: true}, "alder", false},
				{registry.Staff{Roles: []registry.Role{"nobody", role}}, "alder", may},
				{registry.Staff{}, "alder", false},
			} {
				if got := m.staff.May(p, m.tenant); got != m.want {
					t.Errorf("%s of %q may %s in %s: %t", role, m.staff.Tenant, p, m.tenant, got)
				}
			}
		}
	}
	if registry.Permissions("nobody") != nil {
		t.Error("a role that does not exist allows something")
	}
}

func TestWhatASystemServes(t *testing.T) {
	s := registry.System{Rights: []dsar.Right{dsar.Access}, Identifiers: []subject.Kind{subject.Email, subject.CustomerID}}
	for _, r := range dsar.Rights() {
		if s.Serves(r) != r.Discloses() {
			t.Errorf("%s is served: %t", r, s.Serves(r))
		}
	}
	if !s.SearchableBy([]subject.Kind{subject.Phone, subject.Email}) || s.SearchableBy([]subject.Kind{subject.Phone}) || s.SearchableBy(nil) {
		t.Error("searchable by what it knows")
	}
}
