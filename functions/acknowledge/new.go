package acknowledge

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	desk, err := a.Desk()
	if err != nil {
		return nil, err
	}
	return &Step{Cases: a.Cases, Desk: desk, Letters: desk.Letters}, nil
}
