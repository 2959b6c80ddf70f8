// Package keys owns every key of Habeas: the port that wraps keys (a key file or KMS), the two keys of a case, the keys of a
// tenant, sealed documents and sealed streams, keyed index rows, and shredding.
//
// Two keys per case: record (AES-256-GCM; one sealed document per item holds its personal fields) and results (age X25519;
// the public half is enough to write, so a connector run can add results but never read them). Both are wrapped by the
// tenant's key and live in table casekeys; deleting that row makes every stray copy of the case unreadable.
package keys

import (
	"context"

	"github.com/habeas-dsar/habeas/shared/redact"
)

// Context is bound to a wrapped key as additional data (KMS: encryption context); unwrapping under another one fails.
type Context struct {
	Tenant  string
	Case    string // empty for a tenant's key
	Purpose string // "record", "results", "index", "evidence", "session"
}

// Keeper wraps and unwraps small secrets (at most 4 KiB) under the key of a tenant. Unwrapping what was wrapped under
// another context, or was changed, is fault.Invalid. Drivers: filekeys and, on AWS, kmskeys. Both pass keystest.
type Keeper interface {
	Wrap(ctx context.Context, c Context, secret redact.Bytes) ([]byte, error)
	Unwrap(ctx context.Context, c Context, wrapped []byte) (redact.Bytes, error)
}
