package parts

import (
	"github.com/habeas-dsar/habeas/functions/internal/handovers"
	"github.com/habeas-dsar/habeas/functions/internal/uploads"
	"github.com/habeas-dsar/habeas/shared/handover"
)

// HandOvers returns what hands over past the process; closed where the engine has no way.
func (a *Parts) HandOvers() *handovers.Desk {
	desk, _ := a.handOvers.get(func() (*handovers.Desk, error) { // it never fails
		return &handovers.Desk{
			Records: handover.NewStore(a.Table, a.Now), Cases: a.Cases, Blobs: a.Blobs, Door: a.HandOver, Later: a.Prepare,
			Small: handovers.Small, Most: handovers.Most, Limits: uploads.DefaultLimits(),
			Files: &uploads.Desk{Cases: a.Cases, Blobs: a.Blobs, Log: a.Log},
		}, nil
	})
	return desk
}
