package rest

import (
	"context"
	"slices"

	"github.com/habeas-dsar/habeas/shared/connector"
)

// corrector, eraser and restrictor are the rights that a connector file may or may not give to a system.
type (
	corrector  struct{ s *System }
	eraser     struct{ s *System }
	restrictor struct{ s *System }
)

var (
	_ connector.Corrector  = corrector{}
	_ connector.Eraser     = eraser{}
	_ connector.Restrictor = restrictor{}
)

// serving returns the system with exactly the interfaces of the rights it declares.
func (s *System) serving() connector.Connector {
	has := func(r connector.Right) int {
		if slices.Contains(s.desc.Rights, r) {
			return 1
		}
		return 0
	}
	c, e, r := corrector{s}, eraser{s}, restrictor{s}
	return [8]connector.Connector{
		s,
		struct {
			*System
			corrector
		}{s, c},
		struct {
			*System
			eraser
		}{s, e},
		struct {
			*System
			corrector
			eraser
		}{s, c, e},
		struct {
			*System
			restrictor
		}{s, r},
		struct {
			*System
			corrector
			restrictor
		}{s, c, r},
		struct {
			*System
			eraser
			restrictor
		}{s, e, r},
		struct {
			*System
			corrector
			eraser
			restrictor
		}{s, c, e, r},
	}[has(connector.Correction)+2*has(connector.Erasure)+4*has(connector.Restriction)]
}

// PlanCorrection implements connector.Corrector.
func (c corrector) PlanCorrection(ctx context.Context, call connector.Call) (connector.Progress, error) {
	named := func(collection string) bool {
		return slices.ContainsFunc(call.Corrections, func(f connector.FieldCorrection) bool { return f.Collection == collection })
	}
	return c.s.plan(ctx, connector.Correction, call, named, c.s.walker.PlanCorrection)
}

// ApplyCorrection implements connector.Corrector.
func (c corrector) ApplyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.s.apply(ctx, batch)
}

// VerifyCorrection implements connector.Corrector.
func (c corrector) VerifyCorrection(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return c.s.verify(ctx, batch)
}

// PlanErasure implements connector.Eraser.
func (e eraser) PlanErasure(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return e.s.plan(ctx, connector.Erasure, call, anyCollection, e.s.walker.PlanErasure)
}

// ApplyErasure implements connector.Eraser.
func (e eraser) ApplyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return e.s.apply(ctx, batch)
}

// VerifyErasure implements connector.Eraser.
func (e eraser) VerifyErasure(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return e.s.verify(ctx, batch)
}

// PlanRestriction implements connector.Restrictor.
func (r restrictor) PlanRestriction(ctx context.Context, call connector.Call) (connector.Progress, error) {
	return r.s.plan(ctx, connector.Restriction, call, anyCollection, r.s.walker.PlanRestriction)
}

// ApplyRestriction implements connector.Restrictor.
func (r restrictor) ApplyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return r.s.apply(ctx, batch)
}

// VerifyRestriction implements connector.Restrictor.
func (r restrictor) VerifyRestriction(ctx context.Context, batch []connector.Change) ([]connector.Effect, error) {
	return r.s.verify(ctx, batch)
}

func anyCollection(string) bool { return true }

// plan runs a dry run. What the connector file has no call for is not planned, and its collection reported as unsupported;
// concerned says which collections the request is about.
func (s *System) plan(
	ctx context.Context, right connector.Right, call connector.Call, concerned func(collection string) bool,
	step func(context.Context, connector.Call) (connector.Progress, error),
) (connector.Progress, error) {
	call.Changes = possible{call.Changes, s}
	p, err := s.prepared(ctx, call, func() (connector.Progress, error) { return step(ctx, call) })
	for i, r := range p.Collections {
		if c := s.graph.Dataset().Collection(r.Collection); r.Outcome == connector.Found && concerned(r.Collection) && !s.serves(right, c) {
			p.Collections[i].Outcome, p.Collections[i].Note = connector.Unsupported, "the connector file has no call for this"
		}
	}
	return p, err
}

// possible is a sink that lets through what can be carried out.
type possible struct {
	connector.Sink[connector.Change]
	s *System
}

// Put implements connector.Sink.
func (p possible) Put(ctx context.Context, c connector.Change) error {
	ours := p.s.api.collections[c.Collection]
	if c.Action != connector.ActKeep && (ours == nil || ours.changing(c.Action) == nil) {
		return nil
	}
	return p.Sink.Put(ctx, c)
}
