// Package statute brings the law to a case: it chooses the laws, and writes what the clock computes under them into the case, in
// one place for everybody who changes what a date depends on.
package statute

import (
	"fmt"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Set computes the deadlines of the case and stores them in c.Due with their reasoning, and what each other law alone would set in
// c.Law.Also. Whoever changes c.Law, c.Questions, c.Extension or c.Granted calls it in the same change. Everything else that the
// dates rest on is pinned: the laws in their versions, the receipt; reopening or handing over a case restarts nothing.
//
// Errors: fault.Conflict when the law of the case is not settled; fault.NotFound when a pinned version is not here; fault.Invalid
// when what happened cannot be (an extension that the governing law does not have, a question answered before it was asked).
func Set(c *casefile.Case, set *policy.Set, tenant registry.Tenant) error {
	laws, err := pinned(c, set)
	if err != nil {
		return err
	}
	inputs, err := inputs(c, laws, tenant)
	if err != nil {
		return err
	}
	all, err := clock.Combine(inputs)
	if err != nil {
		return fmt.Errorf("computing deadlines: %w", err)
	}
	c.Due = casefile.Due{
		At: all.Due.At, Date: all.Due.Date.String(), Steps: steps(all.Due), Granted: string(inputs[0].Rule.Level),
		Ack: all.Acknowledge.At, Notice: all.ExtensionNoticeBy.At, RefuseBy: all.RefuseBy.At, Simple: all.Simple.At,
		Execute: all.Execute.At, Target: all.Target.At, First: all.First.At,
	}
	for _, w := range all.Waiting {
		c.Due.Waiting = append(c.Due.Waiting, string(w))
	}
	if len(laws) > 1 {
		own := DueOf(all.Laws[0].Due)
		c.Due.Law, c.Due.Own = string(laws[all.Governs].ID), &own
	}
	c.Law.Also = slices.Clone(c.Law.Also) // whoever holds a copy of the case keeps what it had
	for i := range c.Law.Also {
		also, one := &c.Law.Also[i], all.Laws[i+1]
		also.Due, also.DueAt, also.Basis, also.Steps = one.Due.Date.String(), one.Due.At, inputs[i+1].Rule.Response.Basis, steps(one.Due)
	}
	return nil
}

// Rule returns what the pack says on the right of the case in the circumstances of the tenant.
func Rule(c *casefile.Case, pack policy.Pack, tenant registry.Tenant) (policy.Rule, error) {
	zone, err := zoneOf(tenant)
	if err != nil {
		return policy.Rule{}, err
	}
	in := policy.Circumstances{Seat: tenant.Seat(), On: civil.In(c.ReceivedAt, zone), Processor: tenant.Policy.Processors}
	if days := tenant.Policy.AnswerDays; days > 0 {
		in.Published = policy.Amount{Value: days, Unit: policy.CalendarDays}
	}
	return pack.RuleIn(c.Right, in), nil
}

// Laws returns the packs of the case in the versions that it is pinned to, the governing one first; fault.Conflict when there is none
// yet.
func Laws(c *casefile.Case, set *policy.Set) ([]policy.Pack, error) { return pinned(c, set) }

// Law returns the governing pack in the version that the case is pinned to; fault.Conflict when there is none yet.
func Law(c *casefile.Case, set *policy.Set) (policy.Pack, error) {
	laws, err := pinned(c, set)
	if err != nil {
		return policy.Pack{}, err
	}
	return laws[0], nil
}

// After returns by when something other than the answer is due under the governing law of the case: the period p counted from the
// instant of its start event. what is a constant of package clock: AppealDecision, ComplaintWindow ... A period that the law does
// not set gives a zero deadline.
func After(c *casefile.Case, set *policy.Set, tenant registry.Tenant, p policy.Period, from time.Time, what string) (clock.Deadline, error) {
	in, err := setting(c, set, tenant)
	if err != nil {
		return clock.Deadline{}, err
	}
	return clock.After(p, from, in, what), nil
}

// AfterExtended is After for a period that was extended: whole is the whole period then, and told is when the person was told.
func AfterExtended(c *casefile.Case, set *policy.Set, tenant registry.Tenant, p policy.Period, whole policy.Amount, from, told time.Time, what string) (clock.Deadline, error) {
	in, err := setting(c, set, tenant)
	if err != nil {
		return clock.Deadline{}, err
	}
	in.Extended, in.Told = whole, told
	return clock.After(p, from, in, what), nil
}

// DueOf returns a deadline in the form in which cases keep it.
func DueOf(d clock.Deadline) casefile.Due {
	return casefile.Due{At: d.At, Date: d.Date.String(), Steps: steps(d)}
}

func setting(c *casefile.Case, set *policy.Set, tenant registry.Tenant) (clock.Setting, error) {
	pack, err := Law(c, set)
	if err != nil {
		return clock.Setting{}, err
	}
	zone, err := zoneOf(tenant)
	if err != nil {
		return clock.Setting{}, err
	}
	return clock.Setting{Zone: zone, Calendar: pack.CalendarAt(tenant.Seat()), Roll: pack.Roll, Cautious: tenant.Policy.Cautious}, nil
}

// pinned returns the packs of the case, the governing one first.
func pinned(c *casefile.Case, set *policy.Set) ([]policy.Pack, error) {
	if c.Law.Pack == "" {
		return nil, fault.New(fault.Conflict, "the law of the case is not settled yet")
	}
	pins := []casefile.Also{{Pack: c.Law.Pack, Version: c.Law.Version}}
	var packs []policy.Pack
	for _, pin := range append(pins, c.Law.Also...) {
		p, err := set.At(policy.ID(pin.Pack), policy.Version(pin.Version))
		if err != nil {
			return nil, fmt.Errorf("reading a pinned law: %w", err)
		}
		packs = append(packs, p)
	}
	return packs, nil
}

// inputs returns what the clock computes of, law by law.
func inputs(c *casefile.Case, laws []policy.Pack, tenant registry.Tenant) ([]clock.LawInput, error) {
	zone, err := zoneOf(tenant)
	if err != nil {
		return nil, err
	}
	events, err := events(c)
	if err != nil {
		return nil, err
	}
	var out []clock.LawInput
	for _, p := range laws {
		rule, err := Rule(c, p, tenant)
		if err != nil {
			return nil, err
		}
		out = append(out, clock.LawInput{Law: p.Short, Input: clock.Input{
			Rule: rule, ReceivedAt: c.ReceivedAt, Zone: zone, Events: events, Cautious: tenant.Policy.Cautious, Lead: tenant.Policy.LeadDays,
		}})
	}
	return out, nil
}

// events returns what happened to the case and may move its date. The code that is mailed to check an address is none of it.
func events(c *casefile.Case) ([]clock.Event, error) {
	var out []clock.Event
	for _, q := range c.Questions {
		e := clock.Event{Kind: clock.Kind(q.Kind), At: q.At, Answered: q.Answered, Belated: q.NotPause != ""}
		if e.Answered.IsZero() && !q.Dropped.IsZero() {
			e.Answered, e.Dropped = q.Dropped, true
		}
		out = append(out, e)
	}
	if c.Extension != nil {
		e := clock.Event{Kind: clock.Extended, At: c.Extension.At, Reason: c.Extension.Decision}
		if c.Extension.Until != "" {
			until, err := civil.Parse(c.Extension.Until)
			if err != nil {
				return nil, fmt.Errorf("reading the end of an extension: %w", err)
			}
			e.Until = until
		}
		out = append(out, e)
	}
	if c.Granted != nil {
		out = append(out, clock.Event{Kind: clock.Granted, At: c.Granted.At})
	}
	return out, nil
}

func steps(d clock.Deadline) []casefile.DueStep {
	var out []casefile.DueStep
	for _, s := range d.Steps {
		out = append(out, casefile.DueStep{Text: s.Text, Citation: s.Citation, Code: s.Code, Args: s.Args})
	}
	return out
}

func zoneOf(tenant registry.Tenant) (*time.Location, error) {
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return nil, fmt.Errorf("loading the tenant's zone: %w", err)
	}
	return zone, nil
}
