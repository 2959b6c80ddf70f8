package runtask

import (
	"context"

	"github.com/habeas-dsar/habeas/functions/internal/parts"
	"github.com/habeas-dsar/habeas/functions/internal/webhook"
)

// New puts the handler together.
func New(a *parts.Parts) (*Step, error) {
	turner, err := a.Turner()
	if err != nil {
		return nil, err
	}
	ledger, err := a.Erasures()
	if err != nil {
		return nil, err
	}
	return &Step{
		Cases: a.Cases, Registry: a.Registry, Systems: a.Systems, Engine: turner, Holds: a.Holds, Ledger: ledger,
		Callback: func(ctx context.Context, tenant, caseID, taskID string) (string, error) {
			return webhook.SystemURL(ctx, a.Cases, a.BaseURL, tenant, caseID, taskID)
		},
	}, nil
}
