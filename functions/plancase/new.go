package plancase

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	desk, err := a.Desk()
	if err != nil {
		return nil, err
	}
	packs, err := a.Packs()
	if err != nil {
		return nil, err
	}
	return &Step{Cases: a.Cases, Registry: a.Registry, Packs: packs, Worker: a.Worker, Judge: desk.Judge}, nil
}
