package disposerecords

import (
	"context"
	"errors"
	"slices"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/hold"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	return &Step{Cases: a.Cases, Registry: a.Registry, Blobs: a.Blobs, Shredding: a.Shredding, Held: held(a.Cases, a.Holds), Open: a.HandOvers().Sweep}, nil
}

// held reports whether a legal hold covers anything that a case is about, so that its proof and what it knows must stay.
func held(cases *casefile.Store, holds *hold.Store) func(ctx context.Context, tenant, caseID string) (bool, error) {
	return func(ctx context.Context, tenant, caseID string) (bool, error) {
		f, err := cases.Load(ctx, tenant, caseID)
		if err != nil {
			return false, err
		}
		p, err := f.Person()
		if err != nil {
			return false, err
		}
		list, err := holds.For(ctx, hold.Question{Tenant: tenant, CaseID: caseID, Identifiers: p.Known()})
		return slices.ContainsFunc(list, func(c hold.Concerning) bool { return c.Scope != hold.System }), err
	}
}

// Clockwork takes out of the house what is due, objects in the open and erasures past their backup horizon too, as a schedule calls it.
func Clockwork(a *parts.Parts) (func(ctx context.Context) error, error) {
	s, err := New(a)
	if err != nil {
		return nil, err
	}
	erasures, err := a.Erasures()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, expired := erasures.Expire(ctx)
		_, disposed := s.Handle(ctx)
		return errors.Join(expired, disposed)
	}, nil
}
