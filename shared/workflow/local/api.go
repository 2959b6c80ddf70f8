package local

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/workflow"
	"github.com/habeas-dsar/habeas/shared/workflow/asl"
)

var _ workflow.Engine = (*Engine)(nil)

// started is an execution as its starter sees it.
type started struct {
	id  int64
	row executionRow
}

// Start implements workflow.Engine. An empty input is {}. It returns when the start is durable.
func (e *Engine) Start(ctx context.Context, machine, name string, input json.RawMessage) (workflow.Execution, error) {
	s, commit, err := e.start(ctx, machine, name, input, link{})
	if err == nil {
		err = commit.wait(ctx)
	}
	if err != nil {
		return workflow.Execution{}, err
	}
	return s.row.public(), nil
}

// start begins an execution, or finds the one it had begun: a running one with the same input, or the one of the same link.
func (e *Engine) start(ctx context.Context, machine, name string, input json.RawMessage, from link) (started, *commit, error) {
	m, known := e.options.Machines[machine]
	if !known {
		return started{}, nil, fault.New(fault.NotFound, "no such state machine")
	}
	if err := workflow.CheckName(name); err != nil {
		return started{}, nil, err
	}
	canonical, err := workflow.Canonical(input)
	if err != nil {
		return started{}, nil, err
	}
	done, err := e.reserve(ctx, machine+"\x00"+name)
	if err != nil {
		return started{}, nil, err
	}
	id, row, err := e.find(ctx, machine, name)
	if err == nil {
		done()
		return e.join(ctx, id, row, canonical, from)
	}
	if !fault.Has(err, fault.NotFound) {
		done()
		return started{}, nil, err
	}
	return e.begin(m, executionRow{
		machine: machine, name: name, definition: e.hashes[machine], status: string(workflow.Running), input: canonical,
		parent: from.parent, attempt: from.attempt,
	}, from, done)
}

// begin creates the execution and runs it as far as it goes.
func (e *Engine) begin(m *asl.Machine, row executionRow, from link, done func()) (started, *commit, error) {
	if e.isClosing() {
		done()
		return started{}, nil, errClosed()
	}
	id := e.nextID.Add(1)
	x := e.take(id)
	x.mu.Lock()
	x.now = e.options.Clock.Now().UTC()
	row.started = x.now.UnixNano()
	c := x.pending()
	if m.TimeoutSeconds > 0 {
		row.deadline = x.now.Add(time.Duration(m.TimeoutSeconds) * time.Second).UnixNano()
		c.timers = append(c.timers, timerRow{row.deadline, id, deadlineRef})
	}
	inserted := row
	c.insert = &inserted
	if from.sync {
		c.waits = append(c.waits, waitRow{id, from.parent, from.attempt})
	}
	c.after = append(c.after, func(error) { done() })
	x.row, x.input, x.machine, x.loaded = row, payload{raw: row.input}, m, true
	root := &thread{id: rootThread, parent: noParent, state: m.StartAt, input: x.input}
	x.threads, x.nextID = map[int64]*thread{rootThread: root}, rootThread+1
	x.event("ExecutionStarted", 0, "", raw("input", row.input))
	x.run(root)
	x.advance()
	s, commit := started{id, x.row}, x.flush()
	x.mu.Unlock()
	e.release(x)
	return s, commit, nil
}

// join answers a start whose name is taken.
func (e *Engine) join(ctx context.Context, id int64, row executionRow, input []byte, from link) (started, *commit, error) {
	same := from.parent != 0 && row.parent == from.parent && row.attempt == from.attempt
	if !same && (row.status != string(workflow.Running) || !bytes.Equal(row.input, input)) {
		return started{}, nil, workflow.ErrExecutionExists
	}
	if !from.sync || same {
		return started{id, row}, nil, nil
	}
	// The caller waits for an execution that somebody else started; it may close at any moment.
	commit, err := e.update(ctx, id, func(x *execution) error {
		if !x.running() {
			return workflow.ErrExecutionExists
		}
		c := x.pending()
		c.waits = append(c.waits, waitRow{id, from.parent, from.attempt})
		return nil
	})
	if err != nil {
		return started{}, nil, err
	}
	return started{id, row}, commit, nil
}

// reserve makes the caller the only one to start an execution of that name; done ends it.
func (e *Engine) reserve(ctx context.Context, key string) (done func(), err error) {
	for {
		e.mu.Lock()
		other := e.starts[key]
		if other == nil {
			mine := make(chan struct{})
			e.starts[key] = mine
			e.mu.Unlock()
			return func() {
				e.mu.Lock()
				delete(e.starts, key)
				e.mu.Unlock()
				close(mine)
			}, nil
		}
		e.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for another start of the execution")
		}
	}
}

func (e *Engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// Describe implements workflow.Engine.
func (e *Engine) Describe(ctx context.Context, machine, name string) (workflow.Execution, error) {
	_, row, err := e.find(ctx, machine, name)
	if err != nil {
		return workflow.Execution{}, err
	}
	return row.public(), nil
}

func (e *Engine) find(ctx context.Context, machine, name string) (int64, executionRow, error) {
	r := executionRow{machine: machine, name: name}
	var id int64
	err := e.store.query.find.QueryRowContext(ctx, machine, name).Scan(&id, &r.status, &r.input, &r.output, &r.failure,
		&r.cause, &r.started, &r.stopped, &r.parent, &r.attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, r, fault.New(fault.NotFound, "no such execution")
	}
	return id, r, fault.Wrap(fault.Internal, err, "reading execution")
}

func (r executionRow) public() workflow.Execution {
	x := workflow.Execution{
		ID: executionID(r.machine, r.name), Machine: r.machine, Name: r.name, Status: workflow.Status(r.status),
		Input: r.input, Output: r.output, Error: r.failure, Cause: r.cause, StartedAt: time.Unix(0, r.started).UTC(),
	}
	if r.stopped != 0 {
		x.StoppedAt = time.Unix(0, r.stopped).UTC()
	}
	return x
}

// Stop implements workflow.Engine. It returns when the end is durable; children follow in the background.
func (e *Engine) Stop(ctx context.Context, machine, name, errorName, cause string) error {
	id, _, err := e.find(ctx, machine, name)
	if err != nil {
		return err
	}
	commit, err := e.update(ctx, id, func(x *execution) error {
		x.stop(workflow.Cut(errorName, workflow.MaxErrorLength), workflow.Cut(cause, workflow.MaxCauseLength))
		return nil
	})
	if err != nil {
		return err
	}
	return commit.wait(ctx)
}

// Succeed implements workflow.Engine. It returns when the answer is durable. An output that is not JSON or exceeds the limit
// is fault.Invalid and leaves the token open.
func (e *Engine) Succeed(ctx context.Context, token string, output json.RawMessage) error {
	canonical, err := workflow.Canonical(output)
	if err != nil {
		return err
	}
	return e.answer(ctx, token, func(x *execution, t *thread) { x.taskSucceeded(t, payload{raw: canonical}) })
}

// Fail implements workflow.Engine. Longer names and causes than the service takes (256 and 32,768 bytes) are cut.
func (e *Engine) Fail(ctx context.Context, token, errorName, cause string) error {
	f := &asl.Failure{Name: workflow.Cut(errorName, workflow.MaxErrorLength), Cause: workflow.Cut(cause, workflow.MaxCauseLength)}
	return e.answer(ctx, token, func(x *execution, t *thread) {
		t.cancel = nil // the function that passed the token on may still be busy; it is not disturbed
		x.taskFailed(t, f)
	})
}

func (e *Engine) answer(ctx context.Context, secret string, step func(*execution, *thread)) error {
	id, attempt, start, ok := e.parseToken(secret)
	if !ok {
		return workflow.ErrTaskNotFound
	}
	commit, err := e.update(ctx, id, func(x *execution) error {
		if x.row.started != start {
			return workflow.ErrTaskNotFound
		}
		t := x.find(attempt, phaseInvoking, phaseToken)
		if t == nil {
			return workflow.ErrTaskTimedOut
		}
		step(x, t)
		return nil
	})
	if fault.Has(err, fault.NotFound) {
		return workflow.ErrTaskNotFound
	}
	if err != nil {
		return err
	}
	return commit.wait(ctx)
}
