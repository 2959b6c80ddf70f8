package sql

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// Connections per system: readers run side by side, changes one after another.
const (
	maxReaders = 4
	maxWriters = 1
)

// System is the connector of one database. It serves access, correction, erasure and restriction.
type System struct {
	kind    string
	dialect dialect
	data    *connector.Dataset
	tables  map[*connector.Collection]*table
	walker  *walk.Walker
	graph   *connector.Graph
	readers *pool
	writers *pool
	limits  connector.Limits
	schema  json.RawMessage
	timeout time.Duration
}

var (
	_ connector.Connector  = (*System)(nil)
	_ connector.Accessor   = (*System)(nil)
	_ connector.Corrector  = (*System)(nil)
	_ connector.Eraser     = (*System)(nil)
	_ connector.Restrictor = (*System)(nil)
	_ walk.Source          = (*System)(nil)
)

type options struct {
	schema  []byte
	timeout time.Duration
}

// open compares the data map with the live schema and builds the graph.
func open(ctx context.Context, kind string, d dialect, in connector.OpenInput, o options) (*System, error) {
	if in.Dataset == nil {
		return nil, fault.New(fault.Misconfigured, "a system of the kind "+kind+" needs a data map")
	}
	s := &System{
		kind: kind, dialect: d, data: in.Dataset.Clone(), limits: connector.Limits{}.WithDefaults(),
		schema: bytes.Clone(o.schema), timeout: o.timeout,
		readers: newPool(maxReaders, func(ctx context.Context) (driver.Conn, error) { return d.open(ctx, false) }),
		writers: newPool(maxWriters, func(ctx context.Context) (driver.Conn, error) { return d.open(ctx, true) }),
	}
	if err := s.prepare(ctx, in.Others); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *System) prepare(ctx context.Context, others []*connector.Dataset) error {
	live, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	tables, problems := tie(s.dialect, s.data, live)
	if len(problems) > 0 {
		return &connector.InvalidDataset{Problems: problems}
	}
	graph, err := connector.NewGraph(s.data, others...)
	if err != nil {
		return err
	}
	s.tables, s.graph = tables, graph
	s.walker = walk.New(graph, s, s.limits)
	return nil
}

// inspect reads the live schema of every collection.
func (s *System) inspect(ctx context.Context) (live map[string]*liveTable, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var names []string
	for _, c := range s.data.Collections {
		if !c.Skip {
			names = append(names, c.Name)
		}
	}
	err = s.readers.with(ctx, func(ses *session) error {
		live, err = s.dialect.inspect(ctx, ses, names)
		return err
	})
	return live, s.dialect.classify(err, "reading the schema")
}

// Describe implements connector.Connector.
func (s *System) Describe() connector.Descriptor {
	return connector.Descriptor{
		Kind:           s.kind,
		Rights:         []connector.Right{connector.Access, connector.Correction, connector.Erasure, connector.Restriction},
		Identifiers:    s.graph.IdentityKinds(),
		Limits:         s.limits,
		SettingsSchema: slices.Clone(s.schema),
		HasCollections: true,
	}
}

// Check implements connector.Connector: it reads the live schema again, and begins a change without making one.
func (s *System) Check(ctx context.Context) (connector.Health, error) {
	live, err := s.inspect(ctx)
	if err != nil {
		return connector.Health{}, err
	}
	h := connector.Health{Reachable: true}
	_, h.Problems = tie(s.dialect, s.data.Clone(), live)
	if len(h.Problems) == 0 {
		h.Rights = []connector.Right{connector.Access}
	}
	switch err := s.change(ctx, func(context.Context, *session) error { return nil }); {
	case err == nil && len(h.Problems) == 0:
		h.Rights = s.Describe().Rights
	case fault.Has(err, fault.Misconfigured):
		h.Problems = append(h.Problems, connector.Problem{Text: "changes are not possible: " + err.Error()})
	case err != nil:
		return connector.Health{}, err
	}
	return h, nil
}

// Locate implements connector.Connector.
func (s *System) Locate(ctx context.Context, q connector.Query) (connector.Located, error) {
	return s.walker.Locate(ctx, q)
}

// Access implements connector.Accessor.
func (s *System) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return s.walker.Access(ctx, call)
}

// PlanErasure implements connector.Eraser.
func (s *System) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return s.walker.PlanErasure(ctx, call)
}

// PlanCorrection implements connector.Corrector. Values are planned in the form in which the column will give them back.
func (s *System) PlanCorrection(ctx context.Context, call connector.Call) (connector.Progress, error) {
	corrections := slices.Clone(call.Corrections)
	for i, x := range corrections {
		c := s.data.Collection(x.Collection)
		if c == nil || s.tables[c] == nil {
			return connector.Progress{}, fault.New(fault.Invalid, "a correction names a collection that is not in the data map")
		}
		col, nested := s.tables[c].column(x.Field)
		if col == nil || col.field.PrimaryKey || col.live.generated {
			return connector.Progress{}, fault.New(fault.Invalid, "a correction names a field that cannot be set")
		}
		if !nested {
			_, corrections[i].Value = col.codec.stored(x.Value)
		}
	}
	call.Corrections = corrections
	return s.walker.PlanCorrection(ctx, call)
}

// PlanRestriction implements connector.Restrictor.
func (s *System) PlanRestriction(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return s.walker.PlanRestriction(ctx, call)
}

// ApplyErasure implements connector.Eraser.
func (s *System) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.apply(ctx, batch)
}

// ApplyCorrection implements connector.Corrector.
func (s *System) ApplyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.apply(ctx, batch)
}

// ApplyRestriction implements connector.Restrictor.
func (s *System) ApplyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.apply(ctx, batch)
}

// VerifyErasure implements connector.Eraser.
func (s *System) VerifyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.verify(ctx, batch)
}

// VerifyCorrection implements connector.Corrector.
func (s *System) VerifyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.verify(ctx, batch)
}

// VerifyRestriction implements connector.Restrictor.
func (s *System) VerifyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return s.verify(ctx, batch)
}

// Close implements connector.Connector.
func (s *System) Close() error { return errors.Join(s.readers.close(), s.writers.close()) }
