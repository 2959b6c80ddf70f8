package deliverresponse

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	letters, err := a.Letters()
	if err != nil {
		return nil, err
	}
	return &Step{Cases: a.Cases, Letters: letters}, nil
}
