// Package triage is the first step of a case: which law governs it (and what had to be assumed), by when it must be answered,
// whether an open request of the same person and right exists already, and what must be proved.
package triage

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/habeas-dsar/habeas/functions/internal/consents"
	"github.com/habeas-dsar/habeas/functions/internal/statute"
	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Step is the handler.
type Step struct {
	Cases    *casefile.Store
	Registry *registry.Store
	Packs    *policy.Set
	DataMaps DataMaps
	Consents *consents.Desk
}

// DataMaps returns the data map of a registered system; nil for kinds without collections.
type DataMaps interface {
	DataMap(ctx context.Context, tenant, system string) (*connector.Dataset, error)
}

// maxOlder bounds how many of the newest requests of one address are looked at for a duplicate.
const maxOlder = 50

// region is a code of ISO 3166-2, with or without its country: what may stand in the open part of a case.
var region = regexp.MustCompile(`^([A-Z]{2}-)?[A-Z0-9]{1,3}$`)

// Handle pins the law and the clock. A case that was triaged before keeps what was pinned.
func (s *Step) Handle(ctx context.Context, in step.Input) (step.Answer, error) {
	return step.Run(ctx, s.Cases, in, func(ctx context.Context, f *casefile.File) (step.Answer, error) {
		c := &f.Case
		if c.Stopping() {
			return step.To(step.Close), nil
		}
		if c.Law.Pack != "" {
			return step.To(step.Proceed), nil
		}
		tenant, err := s.Registry.Tenant(ctx, c.Tenant)
		if err != nil {
			return step.Answer{}, err
		}
		p, err := f.Person()
		if err != nil {
			return step.Answer{}, err
		}
		allowed, err := s.Registry.Allowed(ctx, tenant)
		if err != nil {
			return step.Answer{}, err
		}
		choice, err := statute.Choose(s.Packs, c, p.Region, tenant, allowed)
		if err != nil {
			return step.Answer{}, err
		}
		pack := choice.Pack
		if area := strings.ToUpper(p.Region.Reveal()); region.MatchString(area) {
			c.Law.Region = area
		}
		statute.Pin(c, choice)
		if err := statute.Set(c, s.Packs, tenant); err != nil {
			return step.Answer{}, err
		}
		if err := s.Consents.Apply(ctx, f, tenant, false); err != nil {
			return step.Answer{}, err
		}
		if c.DuplicateOf, err = s.older(ctx, f); err != nil {
			return step.Answer{}, err
		}
		need, err := s.prove(ctx, f, pack, tenant)
		if err != nil {
			return step.Answer{}, err
		}
		unvouched(f, need)
		if c.Verification.VerifiedAt.IsZero() {
			c.Verification.ExpiresAt = f.Now().AddDate(0, 0, tenant.Policy.Effective().VerifyWithinDays)
		}
		c.Phase = dsar.PhaseVerify
		return step.To(step.Proceed), f.Entry("triaged", evidence.System, map[string]any{
			"law": c.Law.Version, "also": also(c.Law), "assumed": choice.Doubt != policy.NoDoubt, "doubt": choice.Doubt, "granted": pack.RightLevel(c.Right), "dueDate": c.Due.Date,
			"duplicate": c.DuplicateOf != "", "level": need.Level, "tier": need.Tier, "asked": c.Verification.Asked,
		})
	})
}

// also lists the versions of the laws that apply beside the governing one.
func also(l casefile.Law) []string {
	out := []string{}
	for _, a := range l.Also {
		out = append(out, a.Version)
	}
	return out
}

// older returns the oldest other open case of the same right and address, or "".
func (s *Step) older(ctx context.Context, f *casefile.File) (string, error) {
	p, err := f.Person()
	if err != nil {
		return "", err
	}
	ids, err := s.Cases.ByIdentifier(ctx, f.Case.Tenant, p.Email, maxOlder)
	if err != nil {
		return "", err
	}
	oldest := ""
	for _, id := range ids {
		if id >= f.Case.ID {
			continue // ids are in order of time
		}
		o, err := s.Cases.Case(ctx, f.Case.Tenant, id)
		if fault.Has(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("looking for a duplicate: %w", err)
		}
		if o.Right == f.Case.Right && o.Open() {
			oldest = o.ID // the newest come first
		}
	}
	return oldest, nil
}
