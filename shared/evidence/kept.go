package evidence

import (
	"context"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// ipkUnkept is the partition of the index that lists the logs whose newest checkpoint is not known to be kept elsewhere, by tenant.
const ipkUnkept = "UNKEPT"

// Unkept returns a page of the tenants whose newest checkpoint was never said to be kept (Log.Kept). The index may lag. Where
// nobody keeps checkpoints it holds every tenant.
func Unkept(ctx context.Context, store table.Store, limit int, cursor string) (tenants []string, next string, err error) {
	page, err := store.Query(ctx, table.Query{Table: table.Ledger, Index: true, PK: ipkUnkept, Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, "", fmt.Errorf("reading index of unkept checkpoints: %w", err)
	}
	for _, it := range page.Items {
		tenants = append(tenants, it.ISK)
	}
	return tenants, page.Next, nil
}

// KeptName is the name of the object that keeps a checkpoint: its note, as it was signed. It begins with the size and goes on with
// the root: of a log that is rewritten, or goes on from a restored backup, the checkpoints before and after stand side by side, and
// two of one size show it to whoever lists them.
func (c Checkpoint) KeptName() string {
	return fmt.Sprintf("evidence/%s/checkpoints/%012d-%x", c.Tenant, c.Size, c.Root[:8])
}

// Kept says that the checkpoint is kept elsewhere. It is fine to say so twice, and of a checkpoint that is not the newest any more,
// which changes nothing.
func (l *Log) Kept(ctx context.Context, c Checkpoint) error {
	it, err := l.store.Get(ctx, l.row(skLogHead))
	if err != nil {
		return fmt.Errorf("reading log: %w", err)
	}
	if string(it.Body) != c.Note || it.IPK == "" {
		return nil
	}
	it.IPK, it.ISK = "", ""
	err = l.store.Transact(ctx, table.Write{Op: table.Put, If: it.Version, Item: it})
	if err != nil && !fault.Has(err, fault.Conflict) { // a newer one has come
		return fmt.Errorf("noting that a checkpoint is kept: %w", err)
	}
	return nil
}
