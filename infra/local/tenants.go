package local

import (
	"context"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// DefaultTenant is the tenant of an installation that names none.
const DefaultTenant = "default"

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
