package local

import (
	"context"
	"errors"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
)

// recover queues everything that was under way: functions and starts whose outcome is not recorded, ends of children that
// their parents do not know of, and children whose parents are gone.
func (e *Engine) recover(ctx context.Context) error {
	busy, err := e.numbers(ctx, `SELECT DISTINCT key >> 15 FROM threads WHERE phase <= 2`)
	if err != nil {
		return err
	}
	for _, id := range busy {
		e.activity.begin()
		e.internal.add(func() {
			defer e.activity.end()
			_, err := e.update(e.work, id, func(x *execution) error { return x.resume(e.work) })
			if err != nil {
				e.troubled("resuming execution", err)
			}
		})
	}
	closed, err := e.numbers(ctx, `SELECT DISTINCT w.child FROM waits w JOIN executions c ON c.id = w.child WHERE c.status <> ?`,
		string(workflow.Running))
	if err != nil {
		return err
	}
	for _, id := range closed {
		e.notify(id)
	}
	orphans, err := e.numbers(ctx, `SELECT DISTINCT w.child FROM waits w JOIN executions c ON c.id = w.child WHERE c.status = ?
	  AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.key BETWEEN w.parent << 15 AND ((w.parent + 1) << 15) - 1
	                  AND t.attempt = w.attempt)`, string(workflow.Running))
	if err != nil {
		return err
	}
	for _, id := range orphans {
		e.stopChild(id)
	}
	return nil
}

func (e *Engine) numbers(ctx context.Context, query string, args ...any) (out []int64, err error) {
	rows, err := e.store.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading what was under way")
	}
	for rows.Next() {
		var id int64
		if err = rows.Scan(&id); err != nil {
			break
		}
		out = append(out, id)
	}
	return out, fault.Wrap(fault.Internal, errors.Join(err, rows.Err(), rows.Close()), "reading what was under way")
}
