package plancase

import (
	"fmt"
	"time"

	"github.com/habeas-dsar/habeas/functions/internal/grounds"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/clock/civil"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/policy"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// ground writes into the case what its laws let stay in the systems that are planned, before their dry runs: these and everything
// that follows go by the case alone.
func (s *Step) ground(p *planner, tenant registry.Tenant) error {
	c := &p.f.Case
	laws, err := s.laws(c)
	if err != nil {
		return err
	}
	zone, err := time.LoadLocation(tenant.Zone)
	if err != nil {
		return fmt.Errorf("loading the tenant's zone: %w", err)
	}
	for _, sys := range p.systems {
		if sys.ByPerson || sys.Dataset == "" {
			continue
		}
		l, err := datamap.Load([]byte(sys.Dataset))
		if err != nil || len(l.Datasets) != 1 {
			continue // its dry run says so
		}
		c.Weighs = c.Weighs || grounds.Weighs(laws, c.Right, civil.In(c.ReceivedAt, zone), l.Datasets[0])
		kept := grounds.For(laws, c.Right, civil.In(c.ReceivedAt, zone), l.Datasets[0])
		p.f.SetGrounds(sys.Name, grounds.Exemptions(laws[0], sys.Name, kept, civil.In(p.f.Now(), zone)))
	}
	for i, x := range c.Exemptions {
		if x.ReviewBy == "" { // nothing is kept for ever without somebody looking at it again
			c.Exemptions[i].ReviewBy = grounds.ReviewBy(laws[0], x.Ground, civil.In(p.f.Now(), zone)).String()
		}
	}
	return nil
}

// laws returns the pinned packs of the case, the governing one first.
func (s *Step) laws(c *casefile.Case) ([]policy.Pack, error) {
	if c.Law.Pack == "" {
		return nil, fault.New(fault.Internal, "a case is planned before its law is settled")
	}
	var out []policy.Pack
	for _, pin := range append([]casefile.Also{{Pack: c.Law.Pack, Version: c.Law.Version}}, c.Law.Also...) {
		pack, err := s.Packs.At(policy.ID(pin.Pack), policy.Version(pin.Version))
		if err != nil {
			return nil, fmt.Errorf("reading a pinned law: %w", err)
		}
		out = append(out, pack)
	}
	return out, nil
}

// maxKept bounds what one entry of evidence lists.
const maxKept = 100

// kept lists for the evidence what the law keeps by itself, and why.
func kept(c *casefile.Case) []map[string]any {
	out := []map[string]any{}
	for _, x := range c.Exemptions {
		if x.Ground != "" && len(out) < maxKept {
			out = append(out, map[string]any{"system": x.System, "collection": x.Collection, "field": x.Field, "ground": x.Ground, "citation": x.Citation, "reviewBy": x.ReviewBy, "lifted": x.Lifted})
		}
	}
	return out
}
