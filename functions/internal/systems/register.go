package systems

import (
	"context"
	"errors"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Sketch returns what the data map of a system, registered or not, leads to, for showing it, and what an operator should know
// of it: declarations without an effect, collections that nothing leads to, references to data maps that are not there. They
// stop nothing. The graph is nil without a data map that can be read. The system is not opened.
func (p *Pool) Sketch(ctx context.Context, sys registry.System) (*connector.Graph, []connector.Problem, error) {
	l, ok := readable(sys)
	if !ok {
		return nil, nil, nil
	}
	others, err := p.others(ctx, sys)
	if err != nil {
		return nil, nil, err
	}
	g := connector.Sketch(l.Datasets[0], others...)
	return g, append(l.Warnings, g.Warnings()...), nil
}

// readable returns the data map of a system. Of one that cannot be read, opening the system names what is wrong.
func readable(sys registry.System) (datamap.Loaded, bool) {
	l, err := datamap.Load([]byte(sys.Dataset))
	return l, err == nil && len(l.Datasets) == 1
}

// Check opens the system, asks it what works and stores the finding. Without a finding (Unasked) nothing is stored.
func (p *Pool) Check(ctx context.Context, tenant, name string) (connector.Health, error) {
	sys, err := p.registry.System(ctx, tenant, name)
	if err != nil {
		return connector.Health{}, err
	}
	found, health, err := p.probe(ctx, sys)
	if unasked(err) {
		return connector.Health{}, err
	}
	if perr := p.registry.PutSystem(ctx, found); perr != nil && err == nil {
		err = perr
	}
	return health, err
}

// Ready reports whether a system responds now and is as its data map says.
func (p *Pool) Ready(ctx context.Context, tenant, name string) bool {
	sys, err := p.registry.System(ctx, tenant, name)
	if err != nil {
		return false
	}
	_, health, err := p.probe(ctx, sys)
	return err == nil && health.Reachable && len(health.Problems) == 0
}

// Probe opens and checks a system as Apply would, and stores nothing: it returns the system as it would be registered, or the
// problems for which it would be refused.
func (p *Pool) Probe(ctx context.Context, sys registry.System) (registry.System, []connector.Problem, error) {
	if err := registry.CheckName("/name", sys.Name); err != nil {
		return sys, nil, err
	}
	found, health, err := p.probe(ctx, sys)
	if invalid, ok := errors.AsType[*connector.InvalidDataset](err); ok {
		return sys, invalid.Problems, err
	}
	if err != nil && (unasked(err) || !fault.Has(err, fault.Unavailable)) {
		return sys, nil, err
	}
	if len(health.Problems) > 0 {
		return sys, health.Problems, fault.New(fault.Misconfigured, "the system does not fit its data map")
	}
	return found, nil, nil
}

// Apply registers a system, new or changed. One that cannot be opened, or whose data map the live system contradicts, is
// refused with its problems and nothing is stored; one that cannot be reached now is stored with the problem noted.
func (p *Pool) Apply(ctx context.Context, sys registry.System) (registry.System, []connector.Problem, error) {
	found, problems, err := p.Probe(ctx, sys)
	if err != nil {
		return found, problems, err
	}
	if old, gerr := p.registry.System(ctx, sys.Tenant, sys.Name); gerr == nil {
		found.Version = old.Version
	} else if !fault.Has(gerr, fault.NotFound) {
		return sys, nil, gerr
	}
	return found, nil, p.registry.PutSystem(ctx, found)
}

// probe returns the system with what a look at it found out.
func (p *Pool) probe(ctx context.Context, sys registry.System) (registry.System, connector.Health, error) {
	sys.CheckedAt, sys.Problem = p.now().UTC(), ""
	found, err := p.Look(ctx, sys)
	if found.Opened {
		sys.Identifiers, sys.Collections, sys.ByPerson, sys.Rights = found.Identifiers, found.Collections, found.ByPerson, found.Rights
	}
	switch {
	case err != nil:
		sys.Problem = string(fault.ClassOf(err))
	case len(found.Health.Problems) > 0:
		sys.Problem = string(fault.Misconfigured)
	}
	return sys, found.Health, err
}

func unasked(err error) bool {
	_, ok := errors.AsType[*Unasked](err)
	return ok
}
