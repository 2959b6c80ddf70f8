package registry_test

import (
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/table"
)

const issuer = "https://sso.example.com"

func (r *rig) member(id string, roles ...registry.Role) registry.Staff {
	r.t.Helper()
	r.ok(r.store.AddStaff(r.t.Context(), registry.Staff{ID: id, Email: id + "@staff.example.com", Roles: roles}))
	m, err := r.store.Staff(r.t.Context(), id)
	r.ok(err)
	return m
}

func (r *rig) tie(m registry.Staff, at, subject string) error {
	r.t.Helper()
	return r.store.Tie(r.t.Context(), m, at, redact.NewText(subject))
}

func TestAnAccountIsTiedToOneMemberOfStaff(t *testing.T) {
	r := newRig(t)
	kim, lee := r.member("kim"), r.member("lee")
	if _, err := r.store.StaffBySubject(t.Context(), issuer, redact.NewText("s-1")); !fault.Has(err, fault.NotFound) {
		t.Fatalf("an account that nobody has: %v", err)
	}
	r.ok(r.tie(kim, issuer, "s-1"))
	tied, err := r.store.StaffBySubject(t.Context(), issuer, redact.NewText("s-1"))
	if err != nil || tied.ID != "kim" || tied.Subject != registry.SubjectHash(issuer, redact.NewText("s-1")) || tied.Email != kim.Email {
		t.Fatalf("found %+v %v", tied, err)
	}
	for name, bad := range map[string]func() error{
		"the same account again":          func() error { return r.tie(lee, issuer, "s-1") },
		"a second account":                func() error { return r.tie(tied, issuer, "s-2") },
		"a record that was changed since": func() error { return r.tie(kim, issuer, "s-2") },
	} {
		if err := bad(); !fault.Has(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, other := range [][2]string{{"https://sso.example.org", "s-1"}, {issuer, "S-1"}, {issuer + "\x00s", "-1"}, {issuer, "s-2"}} {
		if _, err := r.store.StaffBySubject(t.Context(), other[0], redact.NewText(other[1])); !fault.Has(err, fault.NotFound) {
			t.Errorf("%q opens another's record: %v", other, err)
		}
	}
	for _, bad := range [][2]string{{"", "s"}, {issuer, ""}} {
		if err := r.tie(lee, bad[0], bad[1]); !fault.Has(err, fault.Invalid) {
			t.Errorf("half an account: %v", err)
		}
	}
	for range 2 {
		r.ok(r.store.UntieStaff(t.Context(), "kim"))
	}
	if _, err := r.store.StaffBySubject(t.Context(), issuer, redact.NewText("s-1")); !fault.Has(err, fault.NotFound) {
		t.Errorf("after untying: %v", err)
	}
	r.ok(r.tie(lee, issuer, "s-1"))
}

// Keys stand in cursors and in backups: nothing in them is the issuer's name for somebody.
func TestKeysDoNotNameTheAccount(t *testing.T) {
	r := newRig(t)
	w, err := registry.TieStaff(r.member("kim"), issuer, redact.NewText("SUBJECT"))
	r.ok(err)
	for _, one := range w {
		for _, s := range []string{one.Item.PK, one.Item.SK, string(one.Item.Body)} {
			if strings.Contains(s, "SUBJECT") {
				t.Errorf("%s names the account", one.Item.PK)
			}
		}
	}
	if w[1].If != table.Absent {
		t.Error("an account can be taken from somebody")
	}
}

func TestStaffChange(t *testing.T) {
	r := newRig(t)
	r.member("kim", registry.Handler)
	r.member("ada", registry.Admin)
	for name, bad := range map[string]func(*registry.Staff){
		"the address": func(m *registry.Staff) { m.Email = "x@example.com" },
		"the account": func(m *registry.Staff) { m.Subject = "x" },
		"the id":      func(m *registry.Staff) { m.ID = "x" },
		"the glass":   func(m *registry.Staff) { m.BreakGlass = true },
	} {
		if err := r.store.ChangeStaff(t.Context(), "kim", bad); !fault.Has(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.ok(r.store.ChangeStaff(t.Context(), "ada", func(m *registry.Staff) { m.BreakGlass = true }))
	r.ok(r.store.ChangeStaff(t.Context(), "kim", func(m *registry.Staff) { m.Disabled = true }))
	for id, want := range map[string][2]bool{"ada": {true, false}, "kim": {false, true}} {
		if m, err := r.another().Staff(t.Context(), id); err != nil || m.BreakGlass != want[0] || m.Disabled != want[1] {
			t.Errorf("%s: %+v %v", id, m, err)
		}
	}
	if err := r.store.ChangeStaff(t.Context(), "ada", func(m *registry.Staff) { m.Roles[0] = registry.Auditor }); !fault.Has(err, fault.Invalid) {
		t.Errorf("somebody who is no administrator any more keeps the glass: %v", err)
	}
	if err := r.store.ChangeStaff(t.Context(), "nobody", func(*registry.Staff) {}); !fault.Has(err, fault.NotFound) {
		t.Errorf("nobody: %v", err)
	}
}
