package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresConn speaks to the server in texts: parameters and values are strings, null is nil. It serves one goroutine at a
// time, and one query at a time: the rows of one are read before the next begins.
type postgresConn struct {
	conn *pgconn.PgConn
	made int       // statements, to name them
	used time.Time // when it last answered
}

var (
	_ driver.Conn               = (*postgresConn)(nil)
	_ driver.ConnPrepareContext = (*postgresConn)(nil)
	_ driver.Validator          = (*postgresConn)(nil)
)

// longIdle is how long a connection may rest before it is tried out, which costs a round trip.
const longIdle = time.Second

// IsValid implements driver.Validator.
func (c *postgresConn) IsValid() bool {
	if c.conn.IsClosed() {
		return false
	}
	if time.Since(c.used) < longIdle {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return c.conn.Ping(ctx) == nil
}

// errNoContext answers the parts of the driver's interface that are there for older callers.
var errNoContext = errors.New("a context is needed")

// Prepare implements driver.Conn.
func (c *postgresConn) Prepare(string) (driver.Stmt, error) { return nil, errNoContext }

// Begin implements driver.Conn.
func (c *postgresConn) Begin() (driver.Tx, error) { return nil, errNoContext }

// Close implements driver.Conn. What a transaction had begun is undone by the server.
func (c *postgresConn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.conn.Close(ctx) // it is gone either way
	return nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *postgresConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	c.made++
	name := "s" + strconv.Itoa(c.made)
	if _, err := c.conn.Prepare(ctx, name, text, nil); err != nil {
		return nil, err
	}
	return &postgresStmt{conn: c, name: name}, nil
}

// postgresStmt is a prepared statement.
type postgresStmt struct {
	conn *postgresConn
	name string
}

var (
	_ driver.StmtQueryContext = (*postgresStmt)(nil)
	_ driver.StmtExecContext  = (*postgresStmt)(nil)
)

// Close implements driver.Stmt.
func (s *postgresStmt) Close() error {
	if s.conn.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.conn.conn.Deallocate(ctx, s.name)
}

// NumInput implements driver.Stmt: the server counts.
func (s *postgresStmt) NumInput() int { return -1 }

// Exec implements driver.Stmt.
func (s *postgresStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errNoContext }

// Query implements driver.Stmt.
func (s *postgresStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errNoContext }

func (s *postgresStmt) run(ctx context.Context, args []driver.NamedValue) *pgconn.ResultReader {
	params := make([][]byte, len(args))
	for i, a := range args {
		if text, ok := a.Value.(string); ok {
			params[i] = []byte(text)
		}
	}
	return s.conn.conn.ExecPrepared(ctx, s.name, params, nil, nil)
}

// ExecContext implements driver.StmtExecContext.
func (s *postgresStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	tag, err := s.run(ctx, args).Close()
	if err != nil {
		return nil, err
	}
	s.conn.used = time.Now()
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// QueryContext implements driver.StmtQueryContext. An error of the statement comes with its first row.
func (s *postgresStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return &postgresRows{conn: s.conn, result: s.run(ctx, args)}, nil
}

// postgresRows are the rows of one query as they come in.
type postgresRows struct {
	conn   *postgresConn
	result *pgconn.ResultReader
	ended  bool
}

// Columns implements driver.Rows. Nobody asks for names.
func (r *postgresRows) Columns() []string { return make([]string, len(r.result.FieldDescriptions())) }

// Next implements driver.Rows.
func (r *postgresRows) Next(dest []driver.Value) error {
	if !r.ended && r.result.NextRow() {
		for i, v := range r.result.Values() {
			if v == nil {
				dest[i] = nil
			} else {
				dest[i] = string(v)
			}
		}
		return nil
	}
	r.ended = true
	if _, err := r.result.Close(); err != nil {
		return err
	}
	r.conn.used = time.Now()
	return io.EOF
}

// Close implements driver.Rows.
func (r *postgresRows) Close() error {
	if r.ended {
		return nil
	}
	r.ended = true
	_, err := r.result.Close()
	return err
}
