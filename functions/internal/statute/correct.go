package statute

import (
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Correct puts the law with the id, in its current version, in place of the one that triage took, because an assumption can be
// wrong. The law of the controller's seat goes on to apply beside it. An extension that the new law does not have ends: the date
// is what that law says from the receipt on. allowed is what registry.Store.Allowed says of the tenant. moved says that the date is another one, which the person must be told.
//
// Errors: fault.Invalid for a law that is not here, was not in force on the day of receipt, is not allowed or governs already, and
// without a reason; those of casefile.File.CorrectLaw.
func Correct(f *casefile.File, set *policy.Set, tenant registry.Tenant, allowed func(policy.Pack) bool, id policy.ID, actor string, reason redact.Text) (moved bool, err error) {
	c := &f.Case
	zone, err := zoneOf(tenant)
	if err != nil {
		return false, err
	}
	pack, err := set.Pack(id)
	switch {
	case fault.Has(err, fault.NotFound):
		return false, fault.InvalidField("/pack", "this is no law that is here")
	case err != nil:
		return false, err
	case !pack.InForce(civil.In(c.ReceivedAt, zone)):
		return false, fault.InvalidField("/pack", "this law was not in force when the request arrived")
	case allowed != nil && !allowed(pack):
		return false, fault.InvalidField("/pack", "this law is a draft that nobody has confirmed for this tenant")
	case string(pack.Version) == c.Law.Version && c.Law.Assumption == "":
		return false, fault.InvalidField("/pack", "this law governs the request already")
	}
	where := policy.Where{Seat: tenant.Seat(), On: civil.In(c.ReceivedAt, zone), Scope: tenant.Laws, Allowed: allowed}
	next := casefile.Case{}
	Pin(&next, policy.Choice{Pack: pack, Also: set.Beside(where, pack.ID)})
	before := c.Due.Date
	err = f.CorrectLaw(actor, next.Law, reason, func(c *casefile.Case) error {
		rule, err := Rule(c, pack, tenant)
		if err != nil {
			return err
		}
		if rule.Extension == nil {
			c.Extension = nil
		}
		return Set(c, set, tenant)
	})
	return c.Due.Date != before, err
}
