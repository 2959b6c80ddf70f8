package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// session is one connection with its prepared statements. It serves one goroutine at a time.
//
// It talks to the driver without database/sql in between: rows arrive as they were stored, and a scan into reflected
// destinations, which costs more than reading the row, is spared.
type session struct {
	conn   driver.Conn
	stmts  map[string]driver.Stmt
	values []driver.Value
}

// maxStatements bounds the statements kept prepared per connection. Shapes are few; only odd data maps come near it.
const maxStatements = 400

func (s *session) prepare(ctx context.Context, text string) (driver.Stmt, error) {
	if stmt, ok := s.stmts[text]; ok {
		return stmt, nil
	}
	if len(s.stmts) >= maxStatements {
		for _, old := range s.stmts {
			_ = old.Close()
		}
		clear(s.stmts)
	}
	preparer, ok := s.conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, errors.New("the driver cannot prepare statements")
	}
	stmt, err := preparer.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.stmts[text] = stmt
	return stmt, nil
}

// query runs a statement and hands over its rows one by one. The slice is the session's again when each returns.
func (s *session) query(ctx context.Context, text string, args []driver.NamedValue, each func([]driver.Value) error) (err error) {
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return err
	}
	querier, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return errors.New("the driver cannot query with a context")
	}
	rows, err := querier.QueryContext(ctx, args)
	if err != nil {
		return err
	}
	values := s.values[:0]
	for range rows.Columns() {
		values = append(values, nil)
	}
	// Another query may run on the connection from within each; it gets a buffer of its own.
	s.values = nil
	defer func() {
		s.values = values
		err = errors.Join(err, rows.Close())
	}()
	for n := 0; ; n++ {
		// The driver interrupts the first step when the context ends; between rows it is up to us.
		if n&63 == 63 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := each(values); err != nil {
			return err
		}
	}
}

// exec runs a statement and returns how many rows it changed.
func (s *session) exec(ctx context.Context, text string, args []driver.NamedValue) (int64, error) {
	stmt, err := s.prepare(ctx, text)
	if err != nil {
		return 0, err
	}
	execer, ok := stmt.(driver.StmtExecContext)
	if !ok {
		return 0, errors.New("the driver cannot execute with a context")
	}
	res, err := execer.ExecContext(ctx, args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *session) close() error {
	for _, stmt := range s.stmts {
		_ = stmt.Close() // closing the connection frees it anyway
	}
	return s.conn.Close()
}

// pool keeps a few sessions of one kind, reading or writing.
type pool struct {
	open  func(ctx context.Context) (driver.Conn, error)
	slots chan struct{} // one per session in use

	mu     sync.Mutex
	idle   []*session
	closed bool
}

func newPool(size int, open func(ctx context.Context) (driver.Conn, error)) *pool {
	return &pool{open: open, slots: make(chan struct{}, size)}
}

// errClosed is the answer of a connector after Close.
var errClosed = fault.New(fault.Internal, "the connector is closed")

// with runs do with a session of its own. A session whose connection says that it is no longer valid, or that failed, is
// replaced by a new one next time.
func (p *pool) with(ctx context.Context, do func(*session) error) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.slots }()
	s, err := p.take(ctx)
	if err != nil {
		return err
	}
	err = do(s)
	p.put(s, err == nil)
	return err
}

func (p *pool) take(ctx context.Context) (*session, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		var s *session
		if n := len(p.idle); n > 0 {
			s, p.idle = p.idle[n-1], p.idle[:n-1]
		}
		p.mu.Unlock()
		if s == nil {
			conn, err := p.open(ctx)
			if err != nil {
				return nil, err
			}
			return &session{conn: conn, stmts: map[string]driver.Stmt{}}, nil
		}
		if v, ok := s.conn.(driver.Validator); !ok || v.IsValid() {
			return s, nil
		}
		if err := s.close(); err != nil {
			return nil, fmt.Errorf("closing a stale connection: %w", err)
		}
	}
}

func (p *pool) put(s *session, healthy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if healthy && !p.closed {
		p.idle = append(p.idle, s)
		return
	}
	if v, ok := s.conn.(driver.Validator); ok && !v.IsValid() {
		// What broke it has probably broken the others too; nobody should have to find that out one by one.
		for _, other := range p.idle {
			_ = other.close()
		}
		p.idle = nil
	}
	_ = s.close() // nothing is pending on it: what it did was committed or failed already
}

// close closes what is idle; sessions in use close when they come back.
func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var errs []error
	for _, s := range p.idle {
		errs = append(errs, s.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}
