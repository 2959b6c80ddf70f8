package systems

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/dsar"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/registry"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// Opener opens systems for a look. *Pool is one by its connectors; package desk asks the functions that have them.
type Opener interface {
	// Look opens a system, which need not be registered, asks it what works and closes it again; it stores nothing. With an error
	// the finding says how far it came. A data map that the system contradicts is a *connector.InvalidDataset, and Unasked the
	// error of an opener that never came to look.
	Look(ctx context.Context, sys registry.System) (Finding, error)
	// Kinds lists the kinds of systems that it can open, sorted by name.
	Kinds(ctx context.Context) ([]Kind, error)
}

// Finding is what opening a system found out. It is no personal data.
type Finding struct {
	Opened      bool // what follows means something
	Identifiers []subject.Kind
	Collections []string
	ByPerson    bool         // see connector.Descriptor
	Rights      []dsar.Right // those of the registration, or all that the kind serves where it names none
	Health      connector.Health
}

// Kind is a kind of system as those know it who cannot open one.
type Kind struct {
	Name     string
	Settings json.RawMessage            // JSON Schema (2020-12) of its settings
	Schemas  map[string]json.RawMessage // see connector.Factory
}

// Unasked is the error of an Opener that could not be asked: nothing new is known of the system. It has the class of its cause.
type Unasked struct{ Cause error }

// Error implements error.
func (u *Unasked) Error() string { return "looking at a system: " + u.Cause.Error() }

// Unwrap returns the cause.
func (u *Unasked) Unwrap() error { return u.Cause }

// UnknownKind is the error of a kind that none of those is.
func UnknownKind(known []Kind) error {
	var names []string
	for _, k := range known {
		names = append(names, k.Name)
	}
	return fault.InvalidField("/kind", "there is no connector of this kind; known kinds: "+strings.Join(names, ", "))
}

// Kinds lists the kinds that can be registered.
func (p *Pool) Kinds(ctx context.Context) ([]Kind, error) {
	if p.opener != nil {
		return p.opener.Kinds(ctx)
	}
	return p.kinds(), nil
}

func (p *Pool) kinds() []Kind {
	var out []Kind
	for _, name := range slices.Sorted(maps.Keys(p.factories)) {
		f := p.factories[name]
		k := Kind{Name: f.Kind, Settings: f.SettingsSchema}
		for file, schema := range f.Schemas {
			if k.Schemas == nil {
				k.Schemas = map[string]json.RawMessage{}
			}
			k.Schemas[file] = schema
		}
		out = append(out, k)
	}
	return out
}

// Look implements Opener.
func (p *Pool) Look(ctx context.Context, sys registry.System) (Finding, error) {
	if p.opener != nil {
		return p.opener.Look(ctx, sys)
	}
	c, d, err := p.connect(ctx, sys)
	if err != nil {
		return Finding{}, err
	}
	defer func() { _ = c.Close() }() // it served this look alone
	desc := c.Describe()
	found := Finding{Opened: true, Identifiers: desc.Identifiers, ByPerson: desc.ByPerson, Rights: sys.Rights}
	if d != nil {
		for _, col := range d.Collections {
			found.Collections = append(found.Collections, col.Name)
		}
	}
	if len(found.Rights) == 0 {
		found.Rights = slices.Clone(desc.Rights)
	}
	for _, r := range found.Rights {
		if !desc.Supports(r) && r != dsar.Portability {
			return found, fault.InvalidField("/rights", "systems of this kind do not serve "+string(r)+" by machine")
		}
	}
	if found.Health, err = c.Check(ctx); err != nil {
		return found, fmt.Errorf("checking system: %w", err)
	}
	return found, nil
}
