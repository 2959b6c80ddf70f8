package receivehook

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/functions/internal/webhook"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// system wakes a task whose system says that it is ready. What it says beyond that is not looked at: the connector asks.
func (h *Handler) system(r *http.Request, _ []byte) error {
	ctx, tenant, caseID, taskID := r.Context(), r.PathValue("tenant"), r.PathValue("case"), r.PathValue("task")
	none := fault.New(fault.NotFound, "there is no such callback")
	got, err := hex.DecodeString(r.PathValue("key"))
	if err != nil {
		return none
	}
	want, err := webhook.SystemKey(ctx, h.Cases, tenant, caseID, taskID)
	if fault.Has(err, fault.NotFound) || err == nil && !hmac.Equal(got, want) {
		return none
	}
	if err != nil {
		return err
	}
	return step.Change(ctx, h.Cases, tenant, caseID, func(_ context.Context, f *casefile.File) error {
		t := f.Task(taskID)
		if t == nil || t.Status != casefile.TaskWaiting || t.Called {
			return nil // it is settled, or was told before
		}
		t.Called = true
		f.Signal()
		return f.TaskEntry(t, "system_called_back", "system", nil)
	})
}
