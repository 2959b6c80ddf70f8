package sealevidence

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/shared/casefile"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	patience := casefile.Patience{Quiet: Quiet, AtLatest: AtLatest}
	if a.Manual {
		patience = casefile.Patience{} // a clock that stands still makes nothing quiet
	}
	return &Step{Cases: a.Cases, Patience: patience}, nil
}
