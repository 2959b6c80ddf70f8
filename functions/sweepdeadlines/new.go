package sweepdeadlines

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	desk, err := a.Owners()
	if err != nil {
		return nil, err
	}
	writer, err := a.Letters()
	if err != nil {
		return nil, err
	}
	proofs, err := a.Desk()
	if err != nil {
		return nil, err
	}
	drop := func(ctx context.Context, tenant, caseID string) error {
		return proofs.DropDocument(ctx, a.Blobs, tenant, caseID)
	}
	return &Step{DropDocument: drop, Cases: a.Cases, Engine: a.Workflow, Owners: desk, Ready: a.Systems.Ready, Holds: a.Holds, Registry: a.Registry, Team: writer}, nil
}

// Clockwork looks at what is due, as a schedule calls it.
func Clockwork(a *parts.Parts) (func(ctx context.Context) error, error) {
	s, err := New(a)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := s.Handle(ctx)
		return err
	}, nil
}
