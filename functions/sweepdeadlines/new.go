package sweepdeadlines

import (
	"github.com/habeas-dsar/habeas/functions/internal/parts"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	desk, err := a.Owners()
	if err != nil {
		return nil, err
	}
	return &Step{Cases: a.Cases, Engine: a.Workflow, Owners: desk, Ready: a.Systems.Ready, Holds: a.Holds}, nil
}
