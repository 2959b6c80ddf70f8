package reviewresponse

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	return &Step{Cases: a.Cases}, nil
}
