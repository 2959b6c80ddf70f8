package local

import (
	"context"
	"database/sql"
	"encoding/json"
)

// change is what one step of one execution writes, and what happens once it is on the disk.
type change struct {
	execution int64
	insert    *executionRow
	update    *executionRow // closes the execution
	threads   []threadRow
	removed   []int64 // keys of threads
	timers    []timerRow
	fired     []timerRow // timers to remove
	waits     []waitRow
	ended     []waitRow // waits to remove
	history   []byte
	last      int64 // number of the last event in history
	other     func(context.Context, *statements) error

	after []func(err error) // run by the writer: must not block
}

type executionRow struct {
	machine, name, status, failure, cause string
	definition                            []byte
	input, output                         []byte
	started, stopped, deadline            int64
	parent, attempt                       int64
}

type threadRow struct {
	key, parent, item, phase, entered, enteredEvent int64
	previous, attempt, due, timer, child            int64
	state, retries                                  string
	input                                           []byte
	stored                                          bool // whether the row exists
}

type timerRow struct{ due, execution, ref int64 }

type waitRow struct{ child, parent, attempt int64 }

func (c *change) finish(err error) {
	for _, f := range c.after {
		f(err)
	}
}

// statements are the prepared statements of the writing connection.
type statements struct {
	begin, commit, insert, update, definition             *sql.Stmt
	insertThread, updateThread, removeThread              *sql.Stmt
	insertTimer, removeTimer, insertWait, removeWait, log *sql.Stmt
	all                                                   []*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, c *sql.Conn) error {
	var err error
	s.all, err = prepareAll(ctx, c, []prepared{
		{&s.begin, `BEGIN IMMEDIATE`},
		{&s.commit, `COMMIT`},
		{&s.definition, `INSERT OR IGNORE INTO definitions VALUES (?, ?)`},
		{&s.insert, `INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.update, `UPDATE executions SET status = ?, output = ?, error = ?, cause = ?, stopped = ? WHERE id = ?`},
		{&s.insertThread, `INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&s.updateThread, `UPDATE threads SET state = ?, phase = ?, entered = ?, entered_event = ?, previous = ?, attempt = ?,
		  due = ?, timer = ?, child = ?, retries = ?, input = ? WHERE key = ?`},
		{&s.removeThread, `DELETE FROM threads WHERE key = ?`},
		{&s.insertTimer, `INSERT OR IGNORE INTO timers VALUES (?, ?, ?)`},
		{&s.removeTimer, `DELETE FROM timers WHERE due = ? AND execution = ? AND ref = ?`},
		{&s.insertWait, `INSERT OR IGNORE INTO waits VALUES (?, ?, ?)`},
		{&s.removeWait, `DELETE FROM waits WHERE child = ? AND parent = ? AND attempt = ?`},
		{&s.log, `INSERT INTO history VALUES (?, ?)`},
	})
	return err
}

// queries are the prepared statements of the reading connections.
type queries struct {
	find, execution, last, threads, waits, due, next, events *sql.Stmt
	all                                                      []*sql.Stmt
}

func (q *queries) prepare(ctx context.Context, db *sql.DB) error {
	var err error
	q.all, err = prepareAll(ctx, db, []prepared{
		{&q.find, `SELECT id, status, input, output, error, cause, started, stopped, parent, attempt
		  FROM executions WHERE machine = ? AND name = ?`},
		{&q.execution, `SELECT machine, name, definition, status, input, output, error, cause, started, stopped, deadline,
		  parent, attempt FROM executions WHERE id = ?`},
		{&q.last, `SELECT IFNULL(MAX(key), ?1) FROM history WHERE key BETWEEN ?1 AND ?2`},
		{&q.threads, `SELECT key, parent, item, state, phase, entered, entered_event, previous, attempt, due, timer, child,
		  retries, input FROM threads WHERE key BETWEEN ? AND ?`},
		{&q.waits, `SELECT parent, attempt FROM waits WHERE child = ?`},
		{&q.due, `SELECT due, execution, ref FROM timers WHERE due <= ? ORDER BY due, execution, ref LIMIT ?`},
		{&q.next, `SELECT IFNULL(MIN(due), ?) FROM timers`},
		{&q.events, `SELECT body FROM history WHERE key BETWEEN ? AND ? ORDER BY key`},
	})
	return err
}

type prepared struct {
	stmt **sql.Stmt
	text string
}

func prepareAll(ctx context.Context, on interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}, list []prepared,
) (all []*sql.Stmt, err error) {
	for _, p := range list {
		if *p.stmt, err = on.PrepareContext(ctx, p.text); err != nil {
			return all, err
		}
		all = append(all, *p.stmt)
	}
	return all, nil
}

func closeAll(stmts []*sql.Stmt) {
	for _, stmt := range stmts {
		_ = stmt.Close() // the connection goes away next
	}
}

// apply writes the change within the writer's transaction.
func (c *change) apply(ctx context.Context, s *statements) error {
	var err error
	exec := func(stmt *sql.Stmt, args ...any) {
		if err == nil {
			_, err = stmt.ExecContext(ctx, args...)
		}
	}
	if r := c.insert; r != nil {
		exec(s.insert, c.execution, r.machine, r.name, r.definition, r.status, r.input, r.output, r.failure, r.cause,
			r.started, r.stopped, r.deadline, r.parent, r.attempt)
	}
	if r := c.update; r != nil {
		exec(s.update, r.status, r.output, r.failure, r.cause, r.stopped, c.execution)
	}
	for i := range c.threads {
		t := &c.threads[i]
		if t.stored {
			exec(s.updateThread, t.state, t.phase, t.entered, t.enteredEvent, t.previous, t.attempt, t.due, t.timer,
				t.child, t.retries, t.input, t.key)
		} else {
			exec(s.insertThread, t.key, t.parent, t.item, t.state, t.phase, t.entered, t.enteredEvent, t.previous,
				t.attempt, t.due, t.timer, t.child, t.retries, t.input)
		}
	}
	for _, key := range c.removed {
		exec(s.removeThread, key)
	}
	for _, t := range c.timers {
		exec(s.insertTimer, t.due, t.execution, t.ref)
	}
	for _, t := range c.fired {
		exec(s.removeTimer, t.due, t.execution, t.ref)
	}
	for _, w := range c.waits {
		exec(s.insertWait, w.child, w.parent, w.attempt)
	}
	for _, w := range c.ended {
		exec(s.removeWait, w.child, w.parent, w.attempt)
	}
	if len(c.history) > 0 {
		exec(s.log, rowKey(c.execution, c.last), c.history)
	}
	if c.other != nil && err == nil {
		err = c.other(ctx, s)
	}
	return err
}

// retriesText is the stored form of a thread's retry counters.
func retriesText(total int, used []int) string {
	if total == 0 {
		return ""
	}
	b, _ := json.Marshal(append([]int{total}, used...)) // numbers always marshal
	return string(b)
}

func parseRetries(text string) (total int, used []int, err error) {
	if text == "" {
		return 0, nil, nil
	}
	var all []int
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) == 0 {
		return 0, nil, err
	}
	return all[0], all[1:], nil
}
