package receivehook

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/habeas-dsar/habeas/functions/internal/step"
	"github.com/habeas-dsar/habeas/shared/casefile"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// systemPath is where systems report that they are ready; see connector.CallbackURL. Its last part is a secret of the task.
const systemPath = "/hooks/systems/{tenant}/{case}/{task}/{key}"

// SystemURL returns the address at which the system of a task reports that it is ready. Whoever has it can make Habeas ask that
// system again, and nothing else.
func SystemURL(ctx context.Context, cases *casefile.Store, base, tenant, caseID, taskID string) (string, error) {
	key, err := systemKey(ctx, cases, tenant, caseID, taskID)
	if err != nil {
		return "", err
	}
	return base + "/hooks/systems/" + tenant + "/" + caseID + "/" + taskID + "/" + hex.EncodeToString(key), nil
}

func systemKey(ctx context.Context, cases *casefile.Store, tenant, caseID, taskID string) ([]byte, error) {
	tk, err := cases.Vault().Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	return tk.MAC("callback", []byte(caseID+"#"+taskID)), nil
}

// system wakes a task whose system says that it is ready. What it says beyond that is not looked at: the connector asks.
func (h *Handler) system(r *http.Request, _ []byte) error {
	ctx, tenant, caseID, taskID := r.Context(), r.PathValue("tenant"), r.PathValue("case"), r.PathValue("task")
	none := fault.New(fault.NotFound, "there is no such callback")
	got, err := hex.DecodeString(r.PathValue("key"))
	if err != nil {
		return none
	}
	want, err := systemKey(ctx, h.Cases, tenant, caseID, taskID)
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
