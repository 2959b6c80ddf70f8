// Package systems opens registered systems through the connectors that are compiled in, keeps them open, and registers them:
// settings are checked against the kind's schema, the data map against the live system, before anything is stored.
package systems

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/redact"
	"github.com/habeas-dsar/habeas/shared/registry"
)

// Pool opens systems and keeps them open until their registration changes.
type Pool struct {
	registry  *registry.Store
	factories map[string]connector.Factory
	secret    func(reference string) (redact.Text, error)
	now       func() time.Time

	mu   sync.Mutex
	open map[string]*opened
}

type opened struct {
	version int64
	ready   chan struct{} // closed when the fields below are set
	conn    connector.Connector
	dataset *connector.Dataset
	err     error
}

// NewPool returns a pool over the kinds of the factories. secret resolves references such as env:NAME.
func NewPool(r *registry.Store, factories []connector.Factory, secret func(string) (redact.Text, error), now func() time.Time) *Pool {
	p := &Pool{registry: r, factories: map[string]connector.Factory{}, secret: secret, now: now, open: map[string]*opened{}}
	for _, f := range factories {
		p.factories[f.Kind] = f
	}
	return p
}

// Kinds lists the kinds that can be registered.
func (p *Pool) Kinds() []connector.Factory {
	var out []connector.Factory
	for _, f := range p.factories {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b connector.Factory) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// Open returns the connector of a registered system and its data map. Opening is shared: one at a time per system.
func (p *Pool) Open(ctx context.Context, tenant, name string) (connector.Connector, *connector.Dataset, error) {
	sys, err := p.registry.System(ctx, tenant, name)
	if err != nil {
		return nil, nil, err
	}
	key := tenant + "/" + name
	p.mu.Lock()
	o := p.open[key]
	if o == nil || o.version != sys.Version {
		if o != nil {
			go o.close()
		}
		o = &opened{version: sys.Version, ready: make(chan struct{})}
		p.open[key] = o
		p.mu.Unlock()
		o.conn, o.dataset, o.err = p.connect(ctx, sys)
		if o.err != nil {
			p.forget(key, o) // the next call tries again
		}
		close(o.ready)
	} else {
		p.mu.Unlock()
	}
	select {
	case <-o.ready:
		return o.conn, o.dataset, o.err
	case <-ctx.Done():
		return nil, nil, fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for a system to open")
	}
}

func (p *Pool) forget(key string, o *opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[key] == o {
		delete(p.open, key)
	}
}

func (o *opened) close() {
	<-o.ready
	if o.conn != nil {
		_ = o.conn.Close() // the registration is gone; calls in flight fail and are repeated on the new connector
	}
}

// Close closes every open system.
func (p *Pool) Close() {
	p.mu.Lock()
	all := p.open
	p.open = map[string]*opened{}
	p.mu.Unlock()
	for _, o := range all {
		o.close()
	}
}

// DataMap returns the data map of a registered system; nil for kinds without collections. It is shared: read it only.
func (p *Pool) DataMap(ctx context.Context, tenant, name string) (*connector.Dataset, error) {
	if _, d, err := p.Open(ctx, tenant, name); err == nil {
		return d, nil
	}
	// A system that cannot be opened now still has its data map.
	sys, err := p.registry.System(ctx, tenant, name)
	if err != nil {
		return nil, err
	}
	return dataset(sys)
}

func dataset(sys registry.System) (*connector.Dataset, error) {
	if sys.Dataset == "" {
		return nil, nil
	}
	l, err := datamap.Load([]byte(sys.Dataset))
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "reading data map")
	}
	if n := len(l.Datasets); n != 1 {
		return nil, fault.InvalidField("/dataset", fmt.Sprintf("the file holds %d datasets and a system has exactly one: give each a file and a system of its own", n))
	}
	return l.Datasets[0], nil
}

// Sketch returns what the data map of a system, registered or not, leads to, for showing it, and what an operator should know
// of it: declarations without an effect, collections that nothing leads to, references to data maps that are not there. They
// stop nothing. The graph is nil without a data map that can be read.
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

// connect opens a system without keeping it.
func (p *Pool) connect(ctx context.Context, sys registry.System) (connector.Connector, *connector.Dataset, error) {
	f, ok := p.factories[sys.Kind]
	if !ok {
		return nil, nil, fault.InvalidField("/kind", "there is no connector of this kind; known kinds: "+p.kindNames())
	}
	if err := checkSettings(f, sys.Settings); err != nil {
		return nil, nil, err
	}
	d, err := dataset(sys)
	if err != nil {
		return nil, nil, err
	}
	if f.HasCollections && d == nil {
		return nil, nil, fault.InvalidField("/dataset", "a system of this kind needs a data map")
	}
	others, err := p.others(ctx, sys)
	if err != nil {
		return nil, nil, err
	}
	secrets := map[string]redact.Text{}
	for name, ref := range sys.Secrets {
		if !slices.Contains(f.SecretNames, name) {
			return nil, nil, fault.InvalidField("/secrets/"+name, "this kind knows no such secret")
		}
		if secrets[name], err = p.secret(ref); err != nil {
			return nil, nil, err
		}
	}
	c, err := f.Open(ctx, connector.OpenInput{
		Settings: sys.Settings, Secrets: secrets, Dataset: d, Others: others, BaseDir: sys.BaseDir, Now: p.now,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("opening system: %w", err)
	}
	return c, d, nil
}

func (p *Pool) kindNames() string {
	var names []string
	for _, f := range p.Kinds() {
		names = append(names, f.Kind)
	}
	return strings.Join(names, ", ")
}

// others returns the data maps of the tenant's other systems, for references between systems.
func (p *Pool) others(ctx context.Context, sys registry.System) ([]*connector.Dataset, error) {
	all, err := p.registry.Systems(ctx, sys.Tenant)
	if err != nil {
		return nil, err
	}
	var out []*connector.Dataset
	for _, o := range all {
		if o.Name == sys.Name {
			continue
		}
		d, err := dataset(o)
		if err != nil {
			return nil, err
		}
		if d != nil {
			out = append(out, d)
		}
	}
	return out, nil
}

func checkSettings(f connector.Factory, settings json.RawMessage) error {
	if len(settings) == 0 {
		settings = json.RawMessage(`{}`)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.SettingsSchema))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "reading settings schema")
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("settings.schema.json", doc); err != nil {
		return fault.Wrap(fault.Internal, err, "reading settings schema")
	}
	schema, err := c.Compile("settings.schema.json")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "compiling settings schema")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return fault.InvalidField("/settings", "the settings are not JSON")
	}
	var bad *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &bad) {
		leaf := bad
		for len(leaf.Causes) > 0 {
			leaf = leaf.Causes[0]
		}
		at := "/settings"
		if len(leaf.InstanceLocation) > 0 {
			at += "/" + strings.Join(leaf.InstanceLocation, "/")
		}
		return fault.InvalidField(at, fmt.Sprintf("this does not fit the settings of kind %s", f.Kind))
	} else if err != nil {
		return fault.Wrap(fault.Internal, err, "checking settings")
	}
	return nil
}

// Check opens the system and asks it what works.
func (p *Pool) Check(ctx context.Context, tenant, name string) (connector.Health, error) {
	sys, err := p.registry.System(ctx, tenant, name)
	if err != nil {
		return connector.Health{}, err
	}
	found, health, err := p.probe(ctx, sys)
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
	if err != nil && !fault.Has(err, fault.Unavailable) {
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

func (p *Pool) probe(ctx context.Context, sys registry.System) (registry.System, connector.Health, error) {
	sys.CheckedAt, sys.Problem = p.now().UTC(), ""
	c, d, err := p.connect(ctx, sys)
	if err != nil {
		sys.Problem = string(fault.ClassOf(err))
		return sys, connector.Health{}, err
	}
	defer func() { _ = c.Close() }() // it served this check alone
	desc := c.Describe()
	sys.Identifiers, sys.Collections, sys.ByPerson = desc.Identifiers, nil, desc.ByPerson
	if d != nil {
		for _, col := range d.Collections {
			sys.Collections = append(sys.Collections, col.Name)
		}
	}
	if len(sys.Rights) == 0 {
		sys.Rights = slices.Clone(desc.Rights)
	}
	for _, r := range sys.Rights {
		if !desc.Supports(r) && r != dsar.Portability {
			return sys, connector.Health{}, fault.InvalidField("/rights", "systems of this kind do not serve "+string(r)+" by machine")
		}
	}
	health, err := c.Check(ctx)
	if err != nil {
		sys.Problem = string(fault.ClassOf(err))
		return sys, health, fmt.Errorf("checking system: %w", err)
	}
	if len(health.Problems) > 0 {
		sys.Problem = string(fault.Misconfigured)
	}
	return sys, health, nil
}
