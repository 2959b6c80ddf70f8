package opentasks

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	desk, err := a.Owners()
	if err != nil {
		return nil, err
	}
	said, err := a.Consents()
	if err != nil {
		return nil, err
	}
	return &Step{Consents: said, Cases: a.Cases, Registry: a.Registry, Worker: a.Worker, AskOwner: desk.Ask}, nil
}
