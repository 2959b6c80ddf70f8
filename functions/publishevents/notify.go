package publishevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/habeas-dsar/habeas/functions/internal/run"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// notice is the input of the execution of a notice: Generation is its run.
type notice struct {
	Tenant        string `json:"tenant"`
	CaseID        string `json:"caseId"`
	TaskID        string `json:"taskId"` // id of the notice
	Generation    int    `json:"generation"`
	SchemaVersion int    `json:"schemaVersion"`
	Turns         int    `json:"turns"`
}

// notify starts the execution of a notice, and stops the one before.
func (s *Step) notify(ctx context.Context, r casefile.OutboxRow) error {
	raw, err := json.Marshal(notice{r.Tenant, r.CaseID, r.Notice, r.Generation, casefile.SchemaVersion, 0})
	if err != nil {
		return fmt.Errorf("encoding the input of a notice: %w", err)
	}
	if r.Generation > 1 {
		err := s.Engine.Stop(ctx, run.NoticeMachine, run.NoticeName(r.Notice, r.Generation-1), "superseded", "a newer run took over")
		if err != nil && !fault.Has(err, fault.NotFound) {
			return fmt.Errorf("stopping the older run of a notice: %w", err)
		}
	}
	_, err = s.Engine.Start(ctx, run.NoticeMachine, run.NoticeName(r.Notice, r.Generation), raw)
	if err != nil && !errors.Is(err, workflow.ErrExecutionExists) {
		return fmt.Errorf("starting a notice: %w", err)
	}
	return nil
}
