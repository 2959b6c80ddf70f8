package session

import (
	"context"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// NewAPI makes a staff API token. name tells its tokens apart for people ("nightly export"); tenant limits it to one tenant,
// empty leaves it to the member of staff. It has no end of its own: it works as long as the member of staff does.
func (s *Store) NewAPI(ctx context.Context, staffID, tenant, name string) (string, error) {
	if staffID == "" || name == "" || len(name) > 100 {
		return "", fault.InvalidField("/name", "a token belongs to a member of staff and has a name of at most 100 characters")
	}
	return s.New(ctx, Grant{Kind: API, StaffID: staffID, Tenant: tenant, Name: name})
}
