package webhook

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/casefile"
)

// SystemPath is where systems report that they are ready; see connector.CallbackURL. Its last part is a secret of the task.
const SystemPath = "/hooks/systems/{tenant}/{case}/{task}/{key}"

// SystemURL returns the address at which the system of a task reports that it is ready. Whoever has it can make Habeas ask that
// system again, and nothing else.
func SystemURL(ctx context.Context, cases *casefile.Store, base, tenant, caseID, taskID string) (string, error) {
	key, err := SystemKey(ctx, cases, tenant, caseID, taskID)
	if err != nil {
		return "", err
	}
	return base + "/hooks/systems/" + tenant + "/" + caseID + "/" + taskID + "/" + hex.EncodeToString(key), nil
}

// SystemKey is the secret in that address.
func SystemKey(ctx context.Context, cases *casefile.Store, tenant, caseID, taskID string) ([]byte, error) {
	tk, err := cases.Vault().Tenant(ctx, tenant)
	if err != nil {
		return nil, fmt.Errorf("reading tenant keys: %w", err)
	}
	return tk.MAC("callback", []byte(caseID+"#"+taskID)), nil
}
