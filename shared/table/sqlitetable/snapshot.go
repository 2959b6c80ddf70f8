package sqlitetable

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/habeas-dsar/habeas/shared/table"
)

// Snapshot calls each with every item of the tables named, table by table, as all of them were at one instant. It works
// beside processes that write, on a connection of its own, and changes nothing; the bytes of an item belong to each. An error
// of each ends it. A file that is not one of ours is fault.Misconfigured.
func Snapshot(ctx context.Context, path string, each func(table.Item) error, tables ...table.Name) (err error) {
	// A file whose writer ended has no shared memory beside it, which a connection that only reads could not create.
	c, err := dial(path, false, Options{}.withDefaults().BusyTimeout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, classify(c.close(), "closing record file")) }()
	if _, err := c.pragma("query_only = ON"); err != nil {
		return fmt.Errorf("opening a snapshot: %w", err)
	}
	if _, err := recognise(c); err != nil {
		return fmt.Errorf("opening a snapshot: %w", err)
	}
	// The first read fixes what all reads of the transaction see.
	if _, err := c.once("BEGIN"); err != nil {
		return fmt.Errorf("opening a snapshot: %w", err)
	}
	defer c.abandon()
	for _, n := range tables {
		if err := c.copyOut(ctx, n, each); err != nil {
			return fmt.Errorf("reading a snapshot: %w", err)
		}
	}
	return nil
}

func (c *conn) copyOut(ctx context.Context, n table.Name, each func(table.Item) error) error {
	s, err := c.raw.Prepare("SELECT pk, sk, ipk, isk, version, expires, body FROM " + string(n) + " ORDER BY id")
	if err != nil {
		return classify(err, "preparing statement")
	}
	defer func() { _ = s.Close() }()
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), nil)
	if err != nil {
		return classify(err, "reading records")
	}
	var failed error
	err = c.each(rows, func(row []driver.Value) bool {
		if failed = ctx.Err(); failed == nil {
			failed = each(itemOf(n, row))
		}
		return failed == nil
	})
	return errors.Join(failed, err)
}
