// Package console is what the privacy team sees: the staff API, and the same acts as pages that work without JavaScript.
//
// Every route names the permission it asks for (registry.Permissions is the one table of who has it). A caller sees the
// tenants of her own staff record only: everything of another tenant is not found. What is personal is shown to callers with
// reveal_data only, and each look is an audit row; every act of a caller is an audit row in the transaction of the act.
package console

import (
	"context"
	"log/slog"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/identity"
	"github.com/habeas-dsar/habeas/functions/internal/pages"
	"github.com/habeas-dsar/habeas/functions/internal/systems"
	"github.com/habeas-dsar/habeas/shared/authority"
	"github.com/habeas-dsar/habeas/shared/blobs"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/hold"
	"github.com/habeas-dsar/habeas/shared/passwords"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/session"
	"github.com/habeas-dsar/habeas/shared/signin"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// Systems registers and tests systems.
type Systems interface {
	// Apply registers a system, new or changed. One that cannot be opened, or whose data map the live system contradicts, is
	// refused with its problems and nothing is stored.
	Apply(ctx context.Context, sys registry.System) (registry.System, []connector.Problem, error)
	// Probe does what Apply does and stores nothing.
	Probe(ctx context.Context, sys registry.System) (registry.System, []connector.Problem, error)
	// Check asks a registered system what works and stores the finding; fault.NotFound when there is no such system.
	Check(ctx context.Context, tenant, name string) (connector.Health, error)
	// Sketch returns what the data map of a system leads to, nil without one that can be read, and what an operator should
	// know of it; that stops nothing.
	Sketch(ctx context.Context, sys registry.System) (*connector.Graph, []connector.Problem, error)
	// Kinds lists the kinds of systems that can be registered, with their schemas.
	Kinds(ctx context.Context) ([]systems.Kind, error)
}

// Limits are how often somebody may try to sign in; empty lists allow everything.
type Limits struct {
	PerAddress []verification.Limit
	PerNetwork []verification.Limit
	Starts     []verification.Limit // sign-ins that leave for an issuer, per network; there is nothing to guess
}

// DefaultLimits leave room for a person who mistypes and for an office behind one network address.
func DefaultLimits() Limits {
	return Limits{
		PerAddress: []verification.Limit{{Max: 10, Per: 15 * time.Minute}, {Max: 40, Per: 24 * time.Hour}},
		PerNetwork: []verification.Limit{{Max: 30, Per: 15 * time.Minute}, {Max: 200, Per: 24 * time.Hour}},
		Starts:     []verification.Limit{{Max: 120, Per: 15 * time.Minute}, {Max: 1000, Per: 24 * time.Hour}},
	}
}

// Handler serves console and staff API of every tenant.
type Handler struct {
	Cases       *casefile.Store
	Registry    *registry.Store
	Sessions    *session.Store
	Blobs       blobs.Store
	Packs       *policy.Set
	Pages       *pages.Renderer
	Letters     *correspondence.Writer
	Desk        *identity.Desk
	Consents    *consents.Desk
	Holds       *hold.Store
	Authorities *authority.Store
	Systems     Systems
	Restores    Restores
	Lists       Lists
	Passwords   *passwords.Hasher
	Log         *slog.Logger
	BaseURL     string
	// HandOvers hands packages over where answers are small; nil, or closed = they stream through the process.
	HandOvers *handovers.Desk
	// SignIn is where staff sign in elsewhere; nil = built-in accounts only.
	SignIn *signin.Place
	// Limits are those against guessing passwords; the zero value allows everything.
	Limits Limits
	// Demo and Manual are shown on every page.
	Demo, Manual bool
	Now          func() time.Time
}
