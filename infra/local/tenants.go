package local

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/habeas-dsar/habeas/functions"
	"github.com/habeas-dsar/habeas/infra/local/demo"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// DefaultTenant is the tenant of an installation that names none.
const DefaultTenant = "default"

// DemoTenant is the first tenant of a demonstration.
const DemoTenant = "lumen"

// FirstName returns the name of the first tenant.
func (a *App) FirstName(ctx context.Context) (string, error) {
	all, err := a.Registry.Tenants(ctx)
	if err != nil {
		return "", err
	}
	if len(all) == 0 {
		return "", fault.New(fault.NotFound, "there is no tenant")
	}
	return all[0].Name, nil
}

// FirstTenant makes sure that there is a tenant and reports whether it had to make one.
func (a *App) FirstTenant(ctx context.Context) (made bool, err error) {
	all, err := a.Registry.Tenants(ctx)
	if err != nil || len(all) > 0 {
		return false, err
	}
	return true, a.Registry.PutTenant(ctx, registry.Tenant{
		Name: DefaultTenant, Title: "Privacy", Controller: "Set the name and address of the controller with habeas tenants",
		Contact: "privacy@example.com", From: "Privacy <privacy@example.com>", Zone: "UTC", Locale: "en",
	})
}

// demoTenants are the two controllers of the demonstration, the shop first.
func demoTenants() []registry.Tenant {
	return []registry.Tenant{
		{
			Name: "lumen", Title: "Lumen Books", Controller: "Lumen Books GmbH, Beispielstraße 1, 10115 Berlin, Germany",
			Contact: "privacy@lumen.test", From: "Lumen Books privacy <privacy@lumen.test>", Zone: "Europe/Berlin", Locale: "en",
			Facts: registry.Facts{
				AutomatedDecisions: "We make no decision about you by machine alone that has a legal or similarly significant effect.",
				Transfers:          "Our mail provider in the United States receives your address under standard contractual clauses (GDPR Art. 46(2)(c)).",
			},
		},
		{
			Name: "riverside", Title: "Riverside Rowing Club", Controller: "Riverside Rowing Club, 2 Example Quay, London, United Kingdom",
			Contact: "privacy@riverside.test", From: "Riverside privacy <privacy@riverside.test>", Zone: "Europe/London", Locale: "en",
		},
	}
}

func demoRecipients() []registry.Recipient {
	return []registry.Recipient{
		{Tenant: "lumen", Name: "parcelline", Title: "Parcelline Logistics", Country: "DE", Purpose: "delivering orders", Email: "privacy@parcelline.test"},
		{Tenant: "lumen", Name: "postmark-mail", Title: "Kite Mail Inc.", Country: "US", Purpose: "sending mail", Email: "privacy@kitemail.test"},
	}
}

func demoSystems(dir string) ([]registry.System, error) {
	var out []registry.System
	for _, s := range []registry.System{
		{
			Tenant: "lumen", Name: "shop", Title: "Web shop", Owner: "shop-team@lumen.test", Autopilot: true, Recipients: []string{"parcelline", "postmark-mail"},
			Settings: json.RawMessage(`{"path":"` + demo.ShopDatabase + `"}`), Dataset: demo.ShopDataset,
			Facts: registry.SystemFacts{Purposes: []string{"selling and delivering books", "answering questions"}, Source: "you", Retention: "orders 10 years (tax law), everything else 3 years after the last order"},
		},
		{
			Tenant: "riverside", Name: "members", Title: "Membership register", Owner: "secretary@riverside.test", Autopilot: true,
			Settings: json.RawMessage(`{"path":"` + demo.ClubDatabase + `"}`), Dataset: demo.ClubDataset,
			Facts: registry.SystemFacts{Purposes: []string{"running the club"}},
		},
	} {
		yaml, err := os.ReadFile(filepath.Join(dir, s.Dataset))
		if err != nil {
			return nil, fmt.Errorf("reading a demo data map: %w", err)
		}
		s.Kind, s.Dataset, s.BaseDir = "sqlite", string(yaml), dir
		out = append(out, s)
	}
	return out, nil
}

// SetUpDemo seeds the demonstration's databases and registers its tenants and systems, once.
func (a *App) SetUpDemo(ctx context.Context, progress func(string)) error {
	dir := filepath.Join(a.Dir, "demo")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "making the demo directory")
	}
	if err := demo.Seed(ctx, dir, progress); err != nil {
		return fmt.Errorf("seeding the demo: %w", err)
	}
	for _, p := range demo.People() {
		a.Guide.People = append(a.Guide.People, functions.GuidePerson(p))
	}
	for _, t := range demoTenants() {
		if _, err := a.Registry.Tenant(ctx, t.Name); !fault.Has(err, fault.NotFound) {
			if err != nil {
				return err
			}
			continue
		}
		if err := a.Registry.PutTenant(ctx, t); err != nil {
			return err
		}
	}
	for _, r := range demoRecipients() {
		if err := a.Registry.PutRecipient(ctx, r); err != nil {
			return err
		}
	}
	systems, err := demoSystems(dir)
	if err != nil {
		return err
	}
	for _, s := range systems {
		old, err := a.Registry.System(ctx, s.Tenant, s.Name)
		if err == nil && old.BaseDir == s.BaseDir && old.Dataset == s.Dataset {
			continue
		}
		if err != nil && !fault.Has(err, fault.NotFound) {
			return err
		}
		if _, problems, err := a.Systems.Apply(ctx, s); err != nil {
			return fmt.Errorf("registering demo system %s (%d problems): %w", s.Name, len(problems), err)
		}
	}
	return nil
}
