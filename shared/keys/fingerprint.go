package keys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Fingerprint names the stored keys of a case without opening them: the lower-case hex SHA-256 of their wrapped form.
// fault.NotFound when there are none.
func (v *Vault) Fingerprint(ctx context.Context, tenant, caseID string) (string, error) {
	if err := checkIDs(tenant, caseID); err != nil {
		return "", err
	}
	item, err := v.store.Get(ctx, caseKey(tenant, caseID))
	if err != nil {
		return "", fmt.Errorf("reading case keys: %w", err)
	}
	sum := sha256.Sum256(item.Body)
	return hex.EncodeToString(sum[:]), nil
}
