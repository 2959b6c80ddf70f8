package sql

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/walk"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// System is the connector of one database. It serves access, correction, erasure and restriction.
type System struct {
	kind    string
	dialect dialect
	data    *connector.Dataset // as declared
	others  []*connector.Dataset
	served  atomic.Pointer[served]
	readers *pool
	writers *pool
	limits  connector.Limits
	schema  json.RawMessage
	timeout time.Duration
	cases   mixedCase
}

// served is what a look at the live schema has made of the data map. It is immutable.
type served struct {
	tied
	graph  *connector.Graph
	walker *walk.Walker
}

var (
	_ connector.Connector  = (*System)(nil)
	_ connector.Accessor   = (*System)(nil)
	_ connector.Corrector  = (*System)(nil)
	_ connector.Eraser     = (*System)(nil)
	_ connector.Restrictor = (*System)(nil)
	_ walk.Source          = (*System)(nil)
	_ walk.Settler         = (*System)(nil)
	_ walk.Folder          = (*System)(nil)
)

type options struct {
	schema  []byte
	timeout time.Duration
	limits  connector.Limits
	readers int // connections that read; without writers they change rows as well
	writers int
}

// open compares the data map with the live schema and builds the graph. Collections that the database does not have as
// declared are left to Check, and to the results of every task, which name them; open fails when nothing else is left.
func open(ctx context.Context, kind string, d dialect, in connector.OpenInput, o options) (*System, error) {
	if in.Dataset == nil {
		return nil, fault.New(fault.Misconfigured, "a system of the kind "+kind+" needs a data map")
	}
	s := &System{
		kind: kind, dialect: d, data: in.Dataset.Clone(), others: in.Others, limits: o.limits.WithDefaults(),
		schema: bytes.Clone(o.schema), timeout: o.timeout,
		readers: newPool(o.readers, func(ctx context.Context) (driver.Conn, error) { return d.open(ctx, false) }),
	}
	s.writers = s.readers
	if o.writers > 0 {
		s.writers = newPool(o.writers, func(ctx context.Context) (driver.Conn, error) { return d.open(ctx, true) })
	}
	if err := s.look(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// look compares the data map with the schema as it is now.
func (s *System) look(ctx context.Context) error {
	live, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	data := s.data.Clone()
	n := served{tied: tie(s.dialect, data, live)}
	if len(n.tables) == 0 && len(n.problems) > 0 {
		return &connector.InvalidDataset{Problems: n.problems}
	}
	for _, c := range data.Collections {
		if n.unserved[c.Name] != "" && len(c.Key()) == 0 && len(c.Fields) > 0 {
			c.Fields[0].PrimaryKey = true // the live schema would have said; no row of it is read
		}
	}
	if n.graph, err = connector.NewGraph(data, s.others...); err != nil {
		return err
	}
	n.walker = walk.New(n.graph, s, s.limits)
	s.served.Store(&n)
	return nil
}

// walker returns the walker for a call. A task that begins while something is missing looks whether it has come back.
func (s *System) walker(ctx context.Context, begins bool) (*walk.Walker, error) {
	if now := s.served.Load(); !begins || len(now.unserved) == 0 {
		return now.walker, nil
	}
	err := s.look(ctx)
	if _, still := errors.AsType[*connector.InvalidDataset](err); err != nil && !still {
		return nil, err
	}
	return s.served.Load().walker, nil
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
		Identifiers:    s.served.Load().graph.IdentityKinds(),
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
	h.Problems = tie(s.dialect, s.data.Clone(), live).problems
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
	w, err := s.walker(ctx, true)
	if err != nil {
		return connector.Located{}, err
	}
	return w.Locate(ctx, q)
}

// Access implements connector.Accessor.
func (s *System) Access(ctx context.Context, call connector.Call) (connector.Progress, error) {
	w, err := s.walker(ctx, call.Cursor == "")
	if err != nil {
		return connector.Progress{}, err
	}
	return w.Access(ctx, call)
}

// PlanErasure implements connector.Eraser.
func (s *System) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	w, err := s.walker(ctx, call.Cursor == "")
	if err != nil {
		return connector.Progress{}, err
	}
	return w.PlanErasure(ctx, call)
}

// PlanCorrection implements connector.Corrector. Values are planned in the form in which the column will give them back.
// Columns that the database computes follow from those that are corrected, and are left to it.
func (s *System) PlanCorrection(ctx context.Context, call connector.Call) (connector.Progress, error) {
	w, err := s.walker(ctx, call.Cursor == "")
	if err != nil {
		return connector.Progress{}, err
	}
	if call.Corrections, err = s.correctable(ctx, call); err != nil {
		return connector.Progress{}, err
	}
	return w.PlanCorrection(ctx, call)
}

func (s *System) correctable(ctx context.Context, call connector.Call) ([]connector.FieldCorrection, error) {
	served := s.served.Load()
	var list []connector.FieldCorrection
	for _, x := range call.Corrections {
		t := served.tables[x.Collection]
		if t == nil && served.unserved[x.Collection] != "" {
			list = append(list, x) // the walk names the collection
			continue
		}
		if t == nil {
			return nil, fault.New(fault.Invalid, "a correction names a collection that is not in the data map")
		}
		col, nested := t.column(x.Field)
		switch {
		case col == nil || col.field.PrimaryKey:
			return nil, fault.New(fault.Invalid, "a correction names a field that cannot be set")
		case col.live.generated || t.live.readable:
			continue
		case !nested:
			err := call.Request(ctx, func(ctx context.Context) (err error) {
				x.Value, err = s.settled(ctx, col, x.Value)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		list = append(list, x)
	}
	if len(list) == 0 && len(call.Corrections) > 0 {
		return nil, fault.New(fault.Invalid, "a correction names fields that the database computes, and nothing else")
	}
	return list, nil
}

func (s *System) settled(ctx context.Context, c *column, v connector.Value) (settled connector.Value, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	err = s.readers.with(ctx, func(ses *session) error {
		settled, err = c.codec.settle(ctx, ses, v)
		return err
	})
	return settled, s.dialect.classify(err, "checking a corrected value")
}

// Settle implements walk.Settler.
func (s *System) Settle(c *connector.Collection, path string, v connector.Value) connector.Value {
	t := s.served.Load().tables[c.Name]
	if t == nil {
		return v
	}
	if col, nested := t.column(path); col != nil && !nested {
		_, v = col.codec.stored(v)
	}
	return v
}

// PlanRestriction implements connector.Restrictor.
func (s *System) PlanRestriction(ctx context.Context, call connector.Call) (connector.Progress, error) {
	w, err := s.walker(ctx, call.Cursor == "")
	if err != nil {
		return connector.Progress{}, err
	}
	return w.PlanRestriction(ctx, call)
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
func (s *System) Close() error {
	if s.writers == s.readers {
		return s.readers.close()
	}
	return errors.Join(s.readers.close(), s.writers.close())
}
