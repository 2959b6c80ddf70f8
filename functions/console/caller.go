package console

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/web"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
)

// cookieName is the cookie of a signed-in member of staff.
const cookieName = "habeas_staff"

// caller is who acts, and for which tenant.
type caller struct {
	staff  registry.Staff
	tenant registry.Tenant
	zone   *time.Location
	chosen bool   // the tenant was named in the address
	key    string // idempotency key of the call; empty without one
	print  string // what the key stands for
}

// actor names the caller in evidence.
func (c *caller) actor() string { return evidence.Staff(c.staff.ID) }

func (c *caller) may(p registry.Permission) bool { return c.staff.May(p, c.tenant.Name) }

// grant returns the session or token that a request carries. Pages take the cookie only; the API prefers a token.
func (h *Handler) grant(r *http.Request, api bool) (session.Grant, error) {
	if token := web.Bearer(r); api && token != "" {
		return h.Sessions.Get(r.Context(), session.API, token)
	}
	c, err := r.Cookie(cookieName)
	if err != nil || c.Value == "" {
		return session.Grant{}, fault.New(fault.Unauthenticated, "sign in, or send a staff token")
	}
	return h.Sessions.Get(r.Context(), session.Staff, c.Value)
}

// caller finds out who asks and for which tenant: the named one, or the first that the caller belongs to. A tenant the
// caller does not belong to is as unknown as one that does not exist.
func (h *Handler) caller(r *http.Request, api bool) (*caller, error) {
	g, err := h.grant(r, api)
	if err != nil {
		return nil, err
	}
	staff, err := h.Registry.Staff(r.Context(), g.StaffID)
	if fault.Has(err, fault.NotFound) || (err == nil && staff.Disabled) {
		return nil, fault.New(fault.Unauthenticated, "this account is closed")
	}
	if err != nil {
		return nil, err
	}
	asked := r.URL.Query().Get("tenant")
	t, err := h.tenantOf(r.Context(), staff, g, asked)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "loading the tenant's zone")
	}
	return &caller{staff: staff, tenant: t, zone: zone, chosen: asked != ""}, nil
}

func (h *Handler) tenantOf(ctx context.Context, staff registry.Staff, g session.Grant, asked string) (registry.Tenant, error) {
	all, err := h.Registry.Tenants(ctx)
	if err != nil {
		return registry.Tenant{}, err
	}
	for _, t := range all {
		if belongs(staff.Tenant, t.Name) && belongs(g.Tenant, t.Name) && (asked == "" || asked == t.Name) {
			return t, nil
		}
	}
	return registry.Tenant{}, fault.New(fault.NotFound, "there is no such tenant")
}

func belongs(bound, tenant string) bool { return bound == "" || bound == tenant }

// allow reports as an error when the caller's roles do not allow p.
func (c *caller) allow(p registry.Permission) error {
	if p != "" && !c.may(p) {
		return fault.New(fault.Forbidden, fmt.Sprintf("this asks for the permission %s, which your roles do not give", p))
	}
	return nil
}
