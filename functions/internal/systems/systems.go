// Package systems opens registered systems through the connectors that are compiled in, keeps them open, and registers them:
// settings are checked against the kind's schema, the data map against the live system, before anything is stored. Where no
// connector is compiled in, others open systems for it (Elsewhere); what it stores and answers is the same.
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
	opener    Opener // who opens systems for a look; nil = the pool itself

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

// Elsewhere returns a pool whose systems are looked at by the opener. It has no connectors: Open fails.
func Elsewhere(r *registry.Store, o Opener, now func() time.Time) *Pool {
	p := NewPool(r, nil, nil, now)
	p.opener = o
	return p
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

// DataMap returns the data map of a registered system as it was registered; nil for kinds without collections. What a live
// system adds to it while it is open (types, keys) stays with the connector.
func (p *Pool) DataMap(ctx context.Context, tenant, name string) (*connector.Dataset, error) {
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

// connect opens a system without keeping it.
func (p *Pool) connect(ctx context.Context, sys registry.System) (connector.Connector, *connector.Dataset, error) {
	if p.opener != nil {
		return nil, nil, fault.New(fault.Internal, "systems are opened elsewhere")
	}
	f, ok := p.factories[sys.Kind]
	if !ok {
		return nil, nil, UnknownKind(p.kinds())
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
