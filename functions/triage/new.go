package triage

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	packs, err := a.Packs()
	if err != nil {
		return nil, err
	}
	desk, err := a.Consents()
	if err != nil {
		return nil, err
	}
	return &Step{Cases: a.Cases, Registry: a.Registry, Packs: packs, DataMaps: a.Systems, Consents: desk}, nil
}
