package triage

import (
	"context"
	"fmt"
	"slices"

	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/evidence"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
	"github.com/habeas-dsar/habeas/shared/verification"
)

// prove settles what must be proved, by the person and by whoever asks for her.
func (s *Step) prove(ctx context.Context, f *casefile.File, pack policy.Pack, tenant registry.Tenant) (verification.Requirement, error) {
	c := &f.Case
	v := &c.Verification
	in := verification.Situation{Channel: verification.Channel(c.Channel), Scope: c.Scope}
	if len(pack.Verification.Tiers) > 0 {
		var err error
		if in.Details, in.Sensitive, err = s.held(ctx, tenant); err != nil {
			return verification.Requirement{}, err
		}
	}
	need := verification.Need(c.Right, pack, in)
	v.Ask(need)
	p, err := f.Person()
	if err != nil {
		return need, err
	}
	who, item := casefile.Represent(pack, p, c)
	if who == nil {
		return need, nil
	}
	v.Requester = who
	if item != nil && need.Level != verification.Nothing {
		v.Asked = append(v.Asked, *item)
	}
	return need, f.Entry("requester_noted", evidence.System, map[string]any{
		"kind": who.Kind, "evidence": who.Evidence, "direct": who.Direct, "allowed": who.Allowed, "basis": who.Basis,
	})
}

// held returns the kinds of details that the tenant's systems can compare, the best known first, and whether they hold data of a
// sensitive kind. A data map that cannot be read says nothing.
func (s *Step) held(ctx context.Context, tenant registry.Tenant) (details []subject.Kind, sensitive bool, err error) {
	systems, err := s.Registry.Systems(ctx, tenant.Name)
	if err != nil {
		return nil, false, fmt.Errorf("reading the systems of a tenant: %w", err)
	}
	have := map[subject.Kind]bool{}
	for _, sys := range systems {
		d, err := s.DataMaps.DataMap(ctx, tenant.Name, sys.Name)
		if err != nil && !fault.Has(err, fault.NotFound) && !fault.Has(err, fault.Misconfigured) {
			return nil, false, err
		}
		if d == nil {
			continue
		}
		for _, c := range d.Collections {
			sensitive = sensitive || !c.Skip && verification.Sensitive(c.Categories...)
			for field := range c.All {
				sensitive = sensitive || !c.Skip && verification.Sensitive(field.Categories...)
				if !c.Skip && field.Identity.Valid() && !connector.IsReference(field.Identity) {
					have[field.Identity] = true
				}
				if !c.Skip && field.Proof.Valid() {
					have[field.Proof] = true
				}
			}
		}
	}
	return choose(have, tenant.Policy.Details), sensitive, nil
}

// choose returns the kinds that a person may be asked for: those the tenant names, else those that people know by heart or find on a
// letter. The address is proved by the code and never asked for again.
func choose(have map[subject.Kind]bool, named []subject.Kind) []subject.Kind {
	if len(named) == 0 {
		named = []subject.Kind{"postcode", subject.Phone, "order_number", "invoice_number", subject.CustomerID, "customer_number", "membership_number", "username", "date_of_birth"}
	}
	var out []subject.Kind
	for _, k := range named {
		if have[k] && k != subject.Email && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// unvouched forgets what is asked when staff proved who asks before the law was known.
func unvouched(f *casefile.File, need verification.Requirement) {
	v := &f.Case.Verification
	if v.VerifiedAt.IsZero() {
		return
	}
	v.Asked, v.Reached = nil, verification.High
	if need.From != "" && v.Need != nil && f.Case.Right.Discloses() {
		v.Need.Scope = policy.SpecificPieces
	}
}
