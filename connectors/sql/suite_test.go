package sql

import (
	"context"
	stdsql "database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/connectortest"
	"github.com/habeas-dsar/habeas/shared/connector"
)

// TestSuite holds the connector to the suite, on files that a real SQLite reads. Faults are the database's own wherever it
// has them: a lock held by another connection, an interrupted statement, a file that is no database.
func TestSuite(t *testing.T) {
	connectortest.Run(t, newHarness)
}

func newHarness(tb testing.TB) connectortest.Harness {
	h := &target{dir: tb.TempDir()}
	h.faults.path = filepath.Join(h.dir, "target.db")
	h.faults.junk = filepath.Join(h.dir, "junk.db")
	return connectortest.Harness{
		Factory: connector.Factory{
			Kind: KindSQLite, SettingsSchema: SQLite().SettingsSchema, HasCollections: true,
			Open: func(ctx context.Context, in connector.OpenInput) (connector.Connector, error) {
				d, o, err := readSQLiteSettings(in)
				if err != nil {
					return nil, err
				}
				return open(ctx, KindSQLite, &faultyDialect{d, &h.faults}, in, o)
			},
		},
		Settings:    json.RawMessage(`{"path":"target.db"}`),
		BadSettings: []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(`{"path":1}`), json.RawMessage(`{"path":"target.db","other":true}`), json.RawMessage(`[]`)},
		BaseDir:     h.dir,
		Seed:        h.seed,
		Dump:        h.dump,
		Fault:       func(_ testing.TB, f connectortest.Fault) { h.faults.set(f) },
		Close:       h.close,
		Cannot: map[connectortest.FaultKind]string{
			connectortest.Throttled:    "a file has no rate limit",
			connectortest.Unauthorised: "a file has no password",
		},
		Large: largeGraph(),
	}
}

func largeGraph() int {
	if testing.Short() {
		return 20_000
	}
	return 100_000
}

// target is the system under test: the file, and the data map by which it was seeded.
type target struct {
	dir    string
	db     *stdsql.DB
	data   *connector.Dataset
	faults faults
}

func (h *target) seed(tb testing.TB, w connectortest.World) {
	tb.Helper()
	if h.db != nil {
		_ = h.db.Close()
	}
	db, err := stdsql.Open("sqlite", h.faults.path)
	if err != nil {
		tb.Fatal(err)
	}
	h.db, h.data = db, w.Dataset
	db.SetMaxOpenConns(1)
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	do := func(text string, args ...any) {
		if _, err := tx.ExecContext(context.Background(), text, args...); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
	for _, c := range w.Dataset.Collections {
		do("DROP TABLE IF EXISTS " + quoted(c.Name))
		do(createTable(c))
		for _, f := range c.Fields {
			if f.Identity != "" || len(f.References) > 0 {
				do("CREATE INDEX " + quoted(c.Name+"_"+f.Name) + " ON " + quoted(c.Name) + "(" + quoted(f.Name) + ")")
			}
		}
	}
	for _, r := range w.Records {
		var args []any
		for _, f := range r.Fields {
			args = append(args, plain(f.Value))
		}
		do("INSERT INTO "+quoted(r.Collection)+" VALUES (?"+strings.Repeat(",?", len(args)-1)+")", args...)
	}
	if err := tx.Commit(); err != nil {
		tb.Fatal(err)
	}
}

func createTable(c *connector.Collection) string {
	var columns, key []string
	for _, f := range c.Fields {
		kind := map[connector.DataType]string{connector.DataInteger: "INTEGER", connector.DataBoolean: "BOOLEAN", connector.DataFloat: "REAL", connector.DataObject: "JSON"}[f.Type]
		if kind == "" {
			kind = "TEXT"
		}
		if f.Array || len(f.Fields) > 0 {
			kind = "JSON"
		}
		columns = append(columns, quoted(f.Name)+" "+kind)
		if f.PrimaryKey {
			key = append(key, quoted(f.Name))
		}
	}
	return "CREATE TABLE " + quoted(c.Name) + " (" + strings.Join(columns, ", ") + ", PRIMARY KEY (" + strings.Join(key, ", ") + "))"
}

func quoted(name string) string { return sqliteWriter{}.quote(name) }

func plain(v connector.Value) any {
	if v.Type() == connector.TypeJSON || v.Type() == connector.TypeDecimal {
		return v.RevealText()
	}
	return v.Reveal()
}

// dump reads past the connector, by database/sql and the declared types.
func (h *target) dump(tb testing.TB) []*connector.Record {
	tb.Helper()
	var records []*connector.Record
	for _, c := range h.data.Collections {
		rows, err := h.db.QueryContext(context.Background(), "SELECT * FROM "+quoted(c.Name))
		if err != nil {
			tb.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]any, len(c.Fields)), make([]any, len(c.Fields))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				tb.Fatal(err)
			}
			r := &connector.Record{Collection: c.Name}
			for i, f := range c.Fields {
				v := asSeeded(tb, f, values[i])
				r.Fields = append(r.Fields, connector.Field{Name: f.Name, Value: v})
				if f.PrimaryKey {
					r.Key = append(r.Key, v)
				}
			}
			records = append(records, r)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			tb.Fatal(err)
		}
	}
	return records
}

func asSeeded(tb testing.TB, f *connector.DataField, v any) connector.Value {
	tb.Helper()
	switch v := v.(type) {
	case nil:
		return connector.Null()
	case int64:
		if f.Type == connector.DataBoolean {
			return connector.Bool(v == 1)
		}
		return connector.Int(v)
	case bool:
		return connector.Bool(v)
	case float64:
		return connector.Float(v)
	case string:
		if f.Array || len(f.Fields) > 0 || f.Type == connector.DataObject {
			return connector.JSON([]byte(v))
		}
		return connector.Text(v)
	}
	tb.Fatalf("the table holds a %T", v)
	return connector.Null()
}

func (h *target) close(tb testing.TB) {
	tb.Helper()
	if h.db == nil {
		return
	}
	if err := h.db.Close(); err != nil {
		tb.Errorf("closing the target: %v", err)
	}
}

// faults decides which statements fail.
type faults struct {
	path, junk string

	mu    sync.Mutex
	fault connectortest.Fault
	seen  int
}

func (f *faults) set(x connectortest.Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.seen = x, 0
}

// next counts a statement and returns the fault that befalls it.
func (f *faults) next(commit bool) connectortest.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault.Kind == "" || f.fault.Kind == connectortest.LostAnswer && !commit {
		return connectortest.Fault{}
	}
	f.seen++
	if f.seen <= f.fault.Skip || f.fault.Times > 0 && f.seen > f.fault.Skip+f.fault.Times {
		return connectortest.Fault{}
	}
	return f.fault
}

// faultyDialect hands out connections whose statements fail when they are told to.
type faultyDialect struct {
	dialect
	faults *faults
}

func (d *faultyDialect) open(ctx context.Context, writable bool) (driver.Conn, error) {
	conn, err := d.dialect.open(ctx, writable)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn.(*sqliteConn), d.faults}, nil
}

type faultyConn struct {
	*sqliteConn
	faults *faults
}

func (c *faultyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	stmt, err := c.sqliteConn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{Stmt: stmt, faults: c.faults, commit: text == "COMMIT"}, nil
}

type faultyStmt struct {
	driver.Stmt
	faults *faults
	commit bool
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	f := s.faults.next(false)
	if err := s.faults.befall(&ctx, f); err != nil {
		return nil, err
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err == nil && f.Kind == connectortest.DropMidPage {
		return &droppedRows{rows, f.Row}, nil
	}
	return rows, err
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	f := s.faults.next(s.commit)
	if err := s.faults.befall(&ctx, f); err != nil {
		return nil, err
	}
	res, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err == nil && f.Kind == connectortest.LostAnswer {
		return nil, driver.ErrBadConn
	}
	return res, err
}

// befall makes the database itself fail, and returns its error.
func (f *faults) befall(ctx *context.Context, x connectortest.Fault) error {
	switch x.Kind {
	case connectortest.ServerError:
		return locked(f.path)
	case connectortest.Malformed:
		return unreadable(f.junk)
	case connectortest.Timeout:
		ended, cancel := context.WithDeadline(*ctx, time.Unix(0, 0))
		cancel()
		*ctx = ended
	}
	return nil
}

// droppedRows break off after some rows.
type droppedRows struct {
	driver.Rows
	left int
}

func (r *droppedRows) Next(dest []driver.Value) error {
	if r.left--; r.left < 0 {
		return driver.ErrBadConn
	}
	return r.Rows.Next(dest)
}
