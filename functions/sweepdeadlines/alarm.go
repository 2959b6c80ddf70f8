package sweepdeadlines

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/correspondence"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/letters"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// maxAsked bounds how many of the staff are written to about a late answer, beside the tenant's contact.
const maxAsked = 5

// Team writes to the privacy team; *correspondence.Writer in the product.
type Team interface {
	SendTeam(ctx context.Context, f *casefile.File, kind letters.Kind, to redact.Text, edit func(correspondence.Facts)) error
}

// alarm raises the next level when it is reached. At half and three quarters of the time the case shows it, and an event tells other
// systems; at nine tenths the tenant's contact gets a mail; a late answer goes to those as well who decide cases.
func (s *Step) alarm(ctx context.Context, f *casefile.File) error {
	level, err := f.RaiseAlarm()
	if err != nil || level < casefile.AlarmUrgent {
		return err
	}
	tenant, err := s.Registry.Tenant(ctx, f.Case.Tenant)
	if err != nil {
		return err
	}
	kind, to := letters.TeamReminder, []string{tenant.Contact}
	if level == casefile.AlarmLate {
		kind = letters.TeamOverdue
		if to, err = s.deciders(ctx, tenant, to); err != nil {
			return err
		}
	}
	cause, of := f.WaitsFor()
	of = s.title(ctx, f.Case.Tenant, of)
	for _, address := range to {
		err := s.Team.SendTeam(ctx, f, kind, redact.NewText(address), func(l correspondence.Facts) {
			l.WaitsFor = letters.WaitsFor{Cause: string(cause), Of: of}
		})
		if err != nil {
			return fmt.Errorf("writing to the team: %w", err)
		}
	}
	return nil
}

// deciders adds those of the staff who decide cases of the tenant.
func (s *Step) deciders(ctx context.Context, tenant registry.Tenant, to []string) ([]string, error) {
	all, err := s.Registry.AllStaff(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if len(to) <= maxAsked && m.May(registry.DecideCases, tenant.Name) && !slices.Contains(to, m.Email) {
			to = append(to, m.Email)
		}
	}
	return to, nil
}

// title is what people of the tenant call a system; what is none keeps its name.
func (s *Step) title(ctx context.Context, tenant, name string) string {
	if sys, err := s.Registry.System(ctx, tenant, name); err == nil && sys.Title != "" {
		return sys.Title
	}
	return name
}
