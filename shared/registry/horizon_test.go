package registry_test

import (
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

func TestHorizon(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		registered     string
		declared, want time.Duration
	}{
		{"", 0, registry.DefaultHorizon}, {"", 7 * day, 7 * day}, {"P90D", 7 * day, 90 * day}, {"P2W", 0, 14 * day}, {"P0D", 7 * day, 0},
	} {
		if got, err := (registry.System{BackupHorizon: c.registered}).Horizon(c.declared); got != c.want || err != nil {
			t.Errorf("registered %q, declared %s: %s, %v, want %s", c.registered, c.declared, got, err, c.want)
		}
	}
	if _, err := (registry.System{BackupHorizon: "soon"}).Horizon(0); !fault.Has(err, fault.Invalid) {
		t.Errorf("a horizon that is none: %v, want invalid", err)
	}
	for _, bad := range []string{"", "90", "P90", "PT90H", "P-1D", "P1M", "P99999D", "P90Dx"} {
		if _, err := registry.ParseHorizon(bad); !fault.Has(err, fault.Invalid) {
			t.Errorf("%q: %v, want invalid", bad, err)
		}
	}
}

func TestRetentionDefaults(t *testing.T) {
	p := registry.Policy{}.Effective()
	if p.RetentionDays != 1095 || p.BackupDays != 30 {
		t.Errorf("retention %d days, backups %d days", p.RetentionDays, p.BackupDays)
	}
	if p := (registry.Policy{RetentionDays: 800, BackupDays: 7}).Effective(); p.RetentionDays != 800 || p.BackupDays != 7 {
		t.Errorf("what the tenant chose does not count: %+v", p)
	}
}

func TestHorizonInSystemsFile(t *testing.T) {
	list, err := registry.ParseSystems([]byte("systems:\n  - {name: shop, kind: sqlite, backupHorizon: P90D}\n"))
	if err != nil || len(list) != 1 || list[0].Horizon != "P90D" {
		t.Fatalf("got %+v, %v", list, err)
	}
	if _, err := registry.ParseSystems([]byte("systems:\n  - {name: shop, kind: sqlite, backupHorizon: 90 days}\n")); !fault.Has(err, fault.Invalid) {
		t.Errorf("a horizon that is none: %v, want invalid", err)
	}
}
