package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// OutboxIndex begins the index key of every outbox row and of no other: what follows the table's changes can look for it.
const OutboxIndex = "OUT#"

// OutboxRowOf reads an outbox row as it is stored; ok is false for an item that is none. fault.Internal for one that cannot be read.
func OutboxRowOf(it table.Item) (r OutboxRow, ok bool, err error) {
	if it.Table != table.Cases || !strings.HasPrefix(it.IPK, OutboxIndex) {
		return OutboxRow{}, false, nil
	}
	if json.Unmarshal(it.Body, &r) != nil || r.Key() != it.Key {
		return OutboxRow{}, true, errDecode("outbox row")
	}
	return r, true, nil
}

// Pends reports whether the row is still to be carried out. It is strongly consistent, as the index is not.
func (s *Store) Pends(ctx context.Context, r OutboxRow) (bool, error) {
	_, err := s.table.Get(ctx, r.Key())
	if fault.Has(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading outbox row: %w", err)
	}
	return true, nil
}

// Overdue returns the rows of one shard that were written before an instant and are not carried out yet, oldest first. unread
// counts those of the page that cannot be read: they must not keep the others.
func (s *Store) Overdue(ctx context.Context, shard uint32, before time.Time, limit int, cursor string) (rows []OutboxRow, unread int, next string, err error) {
	page, err := s.table.Query(ctx, table.Query{Table: table.Cases, Index: true, PK: ipkOutbox(shard), To: stamp(before), Limit: limit, Cursor: cursor})
	if err != nil {
		return nil, 0, "", fmt.Errorf("reading outbox: %w", err)
	}
	for _, it := range page.Items {
		r, ok, err := OutboxRowOf(it)
		if err != nil || !ok {
			unread++
			continue
		}
		rows = append(rows, r)
	}
	return rows, unread, page.Next, nil
}
