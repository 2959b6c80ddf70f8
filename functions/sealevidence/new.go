package sealevidence

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/shared/casefile"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	patience := casefile.Patience{Quiet: Quiet, AtLatest: AtLatest}
	if a.Manual {
		patience = casefile.Patience{} // a clock that stands still makes nothing quiet
	}
	return &Step{Cases: a.Cases, Patience: patience, Keep: a.Keep}, nil
}

// Clockwork seals what is unsealed, as a schedule calls it.
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
