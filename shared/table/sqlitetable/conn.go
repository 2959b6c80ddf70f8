package sqlitetable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the driver

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// conn is one connection of SQLite's driver with its prepared statements. It is used without the pool of database/sql: the
// writer is one goroutine with one connection, and a read is one statement on a connection of its own, so the pool would
// only add locks and allocations to each of some ten statements per transaction. One goroutine at a time.
type conn struct {
	raw      driver.Conn
	prepared [tables][kinds]driver.Stmt
	begin    driver.Stmt
	commit   driver.Stmt
	rollback driver.Stmt
	args     []driver.NamedValue
	row      [7]driver.Value
}

// dial opens a connection. The file exists already.
func dial(path string, readOnly bool, busy time.Duration) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fault.Wrap(fault.Misconfigured, err, "resolving path of record file")
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: "mode=rw"}
	if readOnly {
		dsn.RawQuery = "mode=ro"
	}
	registered, err := sql.Open("sqlite", "") // opens no file, only finds the driver
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "finding SQLite driver")
	}
	defer func() { _ = registered.Close() }()
	raw, err := registered.Driver().Open(dsn.String())
	if err != nil {
		return nil, classify(err, "opening record file")
	}
	c := &conn{raw: raw}
	if _, err := c.pragma("busy_timeout = " + fmt.Sprint(busy.Milliseconds())); err != nil {
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// close finalises the statements and the connection.
func (c *conn) close() error {
	var errs []error
	for i := range c.prepared {
		for _, s := range c.prepared[i] {
			if s != nil {
				errs = append(errs, s.Close())
			}
		}
	}
	for _, s := range []driver.Stmt{c.begin, c.commit, c.rollback} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// stmt returns the prepared statement, preparing it the first time.
func (c *conn) stmt(k kind, n table.Name) (driver.Stmt, error) {
	place := &c.prepared[tableNumber(n)][k]
	if *place == nil {
		s, err := c.raw.Prepare(statement(k, n))
		if err != nil {
			return nil, classify(err, "preparing statement")
		}
		*place = s
	}
	return *place, nil
}

// bind numbers the arguments, reusing one slice: the driver does not keep it.
func (c *conn) bind(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a statement of a table and returns the number of rows it changed.
//
// The context given to the driver is never the caller's: a context that can end costs the driver a goroutine per statement,
// and an interrupt in the middle of a batch would hit the other callers.
func (c *conn) exec(k kind, n table.Name, args ...driver.Value) (int64, error) {
	s, err := c.stmt(k, n)
	if err != nil {
		return 0, err
	}
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, classify(err, "writing records")
	}
	changed, err := res.RowsAffected()
	return changed, classify(err, "counting records")
}

// query runs a reading statement and calls each with every row until it returns false. The row is valid until then, but the
// byte slices in it belong to each.
func (c *conn) query(k kind, n table.Name, each func(row []driver.Value) bool, args ...driver.Value) error {
	s, err := c.stmt(k, n)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return classify(err, "reading records")
	}
	return c.each(rows, each)
}

func (c *conn) each(rows driver.Rows, each func(row []driver.Value) bool) error {
	row := c.row[:len(rows.Columns())]
	for {
		err := rows.Next(row)
		if err != nil && !errors.Is(err, io.EOF) {
			_ = rows.Close()
			return classify(err, "reading records")
		}
		if err != nil || !each(row) {
			return classify(rows.Close(), "ending read of records")
		}
	}
}

// control runs BEGIN, COMMIT or ROLLBACK, prepared once.
func (c *conn) control(place *driver.Stmt, text string) error {
	if *place == nil {
		s, err := c.raw.Prepare(text)
		if err != nil {
			return classify(err, "preparing transaction")
		}
		*place = s
	}
	_, err := (*place).(driver.StmtExecContext).ExecContext(context.Background(), nil)
	return classify(err, "controlling transaction")
}

// start begins a transaction that holds the write lock of the file from the start.
func (c *conn) start() error { return c.control(&c.begin, "BEGIN IMMEDIATE") }

// end commits; when that fails nothing of the transaction stays.
func (c *conn) end() error {
	err := c.control(&c.commit, "COMMIT")
	if err != nil {
		c.abandon()
	}
	return err
}

// abandon rolls back. The error is of no use: without a transaction there is nothing to roll back, and with one the file
// keeps nothing of it.
func (c *conn) abandon() { _ = c.control(&c.rollback, "ROLLBACK") }

// pragma runs a statement once and returns the first row, or nil.
func (c *conn) pragma(text string) ([]driver.Value, error) {
	return c.once("PRAGMA " + text)
}

// once runs a statement that is not worth keeping and returns its first row, or nil.
func (c *conn) once(text string) ([]driver.Value, error) {
	s, err := c.raw.Prepare(text)
	if err != nil {
		return nil, classify(err, "preparing statement")
	}
	defer func() { _ = s.Close() }()
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), nil)
	if err != nil {
		return nil, classify(err, "running statement")
	}
	var first []driver.Value
	err = c.each(rows, func(row []driver.Value) bool {
		first = append(first, row...)
		return false
	})
	return first, err
}

// The columns of an item in the order of statement.
func itemOf(n table.Name, row []driver.Value) table.Item {
	it := table.Item{Key: table.Key{Table: n, PK: text(row[0]), SK: text(row[1])}, IPK: text(row[2]), ISK: text(row[3])}
	it.Version = number(row[4])
	if row[5] != nil {
		it.ExpiresAt = time.Unix(number(row[5]), 0).UTC()
	}
	it.Body, _ = row[6].([]byte)
	return it
}

// The tables are STRICT, so a column holds its type or NULL.
func text(v driver.Value) string  { s, _ := v.(string); return s }
func number(v driver.Value) int64 { n, _ := v.(int64); return n }
