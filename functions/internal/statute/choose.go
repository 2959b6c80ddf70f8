package statute

import (
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Choose returns the laws of the case as they stood on the day of its receipt. region is that of the person's residence, as she
// wrote it; allowed is what registry.Store.Allowed says of the tenant.
func Choose(set *policy.Set, c *casefile.Case, region redact.Text, tenant registry.Tenant, allowed func(policy.Pack) bool) (policy.Choice, error) {
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return policy.Choice{}, fmt.Errorf("loading the tenant's zone: %w", err)
	}
	return set.Choose(policy.Where{
		Residence: policy.Place{Country: c.Law.Country, Region: c.Law.Region}, RegionText: region.Reveal(), Seat: tenant.Seat(),
		On: civil.In(c.ReceivedAt, zone), Right: c.Right, Scope: tenant.Laws, Allowed: allowed,
	}), nil
}

// Pin writes the laws into the case, in place of those that it had. The place of residence stays.
func Pin(c *casefile.Case, choice policy.Choice) {
	c.Law.Pack, c.Law.Version, c.Law.Assumption, c.Law.Doubt = string(choice.Pack.ID), string(choice.Pack.Version), choice.Assumption, string(choice.Doubt)
	c.Law.Also = nil
	for _, o := range choice.Also {
		c.Law.Also = append(c.Law.Also, casefile.Also{Pack: string(o.Pack.ID), Version: string(o.Pack.Version), Why: o.Why})
	}
}
