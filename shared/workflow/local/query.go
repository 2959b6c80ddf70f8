package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// maxPage bounds a page of History and List.
const maxPage = 1000

// History returns up to limit events of an execution from number from on, oldest first; from and limit below 1 mean the
// first event and 1,000. An execution that is not there is fault.NotFound. Task tokens are not in the history.
func (e *Engine) History(ctx context.Context, machine, name string, from int64, limit int) ([]workflow.Event, error) {
	id, _, err := e.find(ctx, machine, name)
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	return e.events(ctx, id, max(from, 1), limit)
}

// events reads the history; a row holds the events of one change.
func (e *Engine) events(ctx context.Context, id, from int64, limit int) (out []workflow.Event, err error) {
	rows, err := e.store.query.events.QueryContext(ctx, rowKey(id, from), rowKey(id+1, 0)-1)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading history")
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() && len(out) < limit {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading history")
		}
		var events []workflow.Event
		if err := json.Unmarshal(body, &events); err != nil {
			return nil, fault.Wrap(fault.Internal, err, "reading events")
		}
		for _, v := range events {
			if v.ID >= from && len(out) < limit {
				out = append(out, v)
			}
		}
	}
	return out, fault.Wrap(fault.Internal, rows.Err(), "reading history")
}

// List returns up to limit executions, newest first, of one status or, when it is empty, of any. An empty cursor begins at
// the newest; next is empty on the last page. A cursor that List did not return is fault.Invalid. limit below 1 means 1,000.
func (e *Engine) List(ctx context.Context, status workflow.Status, cursor string, limit int) (
	page []workflow.Execution, next string, err error,
) {
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	before := int64(1 << 62)
	if cursor != "" {
		if before, err = strconv.ParseInt(cursor, 36, 64); err != nil || before < 1 {
			return nil, "", fault.InvalidField("/cursor", "the cursor is not one of this list")
		}
	}
	query, args := `SELECT id, machine, name, status, input, output, error, cause, started, stopped FROM executions
	  WHERE id < ? ORDER BY id DESC LIMIT ?`, []any{before, limit + 1}
	if status != "" {
		query, args = `SELECT id, machine, name, status, input, output, error, cause, started, stopped FROM executions
		  WHERE status = ? AND id < ? ORDER BY id DESC LIMIT ?`, append([]any{string(status)}, args...)
	}
	rows, err := e.store.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, err, "listing executions")
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var last int64
	for rows.Next() {
		if len(page) == limit {
			return page, strconv.FormatInt(last, 36), nil
		}
		var r executionRow
		if err := rows.Scan(&last, &r.machine, &r.name, &r.status, &r.input, &r.output, &r.failure, &r.cause, &r.started,
			&r.stopped); err != nil {
			return nil, "", fault.Wrap(fault.Internal, err, "listing executions")
		}
		page = append(page, r.public())
	}
	return page, "", fault.Wrap(fault.Internal, rows.Err(), "listing executions")
}

// pruneBatch bounds the executions that one transaction of Prune removes.
const pruneBatch = 200

// Prune removes the executions that closed before the instant, with their histories, and returns how many. Their names
// become free, and their tokens unknown. Running it again continues where it was interrupted.
func (e *Engine) Prune(ctx context.Context, closedBefore time.Time) (int, error) {
	total := 0
	for {
		n := 0
		done := newCommit()
		e.store.submit(&change{
			other: func(_ context.Context, _ *statements) (err error) {
				n, err = e.store.prune(closedBefore.UnixNano())
				return err
			},
			after: []func(error){done.finish},
		})
		if err := done.wait(ctx); err != nil {
			return total, err
		}
		total += n
		if n < pruneBatch {
			return total, nil
		}
	}
}

// prune runs within the writer's transaction. The highest number that is removed is remembered, so that it is not used again.
func (s *store) prune(before int64) (int, error) {
	ctx := context.Background() // a transaction of the writer belongs to no caller
	rows, err := s.write.QueryContext(ctx, `SELECT id FROM executions WHERE stopped > 0 AND stopped < ?
	  AND NOT EXISTS (SELECT 1 FROM waits WHERE child = id) ORDER BY stopped LIMIT ?`, before, pruneBatch)
	if err != nil {
		return 0, err
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err = rows.Scan(&id); err != nil {
			break
		}
		ids = append(ids, id)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, q := range []struct {
			text string
			args []any
		}{
			{`DELETE FROM history WHERE key BETWEEN ? AND ?`, []any{rowKey(id, 0), rowKey(id+1, 0) - 1}},
			{`DELETE FROM executions WHERE id = ?`, []any{id}},
			{`INSERT INTO meta VALUES ('last pruned', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1
			  WHERE CAST(value AS INTEGER) < CAST(?1 AS INTEGER)`, []any{strconv.FormatInt(id, 10)}},
		} {
			if _, err := s.write.ExecContext(ctx, q.text, q.args...); err != nil {
				return 0, err
			}
		}
	}
	return len(ids), nil
}
