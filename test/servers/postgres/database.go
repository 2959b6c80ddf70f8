package postgres

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Database is one database of a server, with an account that owns it.
type Database struct {
	Server   *Server
	Name     string
	User     string // owns the database; no superuser
	Password string
}

// URL returns a connection string without TLS.
func (s *Server) URL(user, password, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(user, password), Host: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)),
		Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes an empty database with an owner of its own, and drops both when the test ends.
func (s *Server) CreateDatabase(tb testing.TB) *Database {
	tb.Helper()
	n := s.number()
	d := &Database{Server: s, Name: fmt.Sprintf("db%d", n), User: fmt.Sprintf("owner%d", n), Password: fmt.Sprintf("secret of owner %d", n)}
	s.Exec(tb, "CREATE ROLE "+d.User+" LOGIN PASSWORD '"+d.Password+"'")
	tb.Cleanup(func() { s.Exec(tb, "DROP ROLE IF EXISTS "+d.User) })
	d.create(tb, "template1")
	return d
}

// Copy makes a database with the same content and owner, and drops it when the test ends. Nobody may be connected to d
// meanwhile. It takes a few hundredths of a second, however the content came about.
func (d *Database) Copy(tb testing.TB) *Database {
	tb.Helper()
	c := *d
	c.Name = fmt.Sprintf("db%d", d.Server.number())
	c.create(tb, d.Name)
	return &c
}

func (d *Database) create(tb testing.TB, template string) {
	tb.Helper()
	d.Server.Exec(tb, "CREATE DATABASE "+d.Name+" OWNER "+d.User+" TEMPLATE "+template)
	tb.Cleanup(func() { d.Server.Exec(tb, "DROP DATABASE IF EXISTS "+d.Name+" WITH (FORCE)") })
}

// Exec runs statements as Admin in the database postgres.
func (s *Server) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	execute(tb, s.URL(Admin, s.Password, "postgres"), statements)
}

// URL returns a connection string of the owner.
func (d *Database) URL() string { return d.Server.URL(d.User, d.Password, d.Name) }

// Exec runs statements as the owner.
func (d *Database) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	execute(tb, d.URL(), statements)
}

// ExecAsAdmin runs statements in the database as Admin: extensions, roles, what an owner may not.
func (d *Database) ExecAsAdmin(tb testing.TB, statements ...string) {
	tb.Helper()
	execute(tb, d.Server.URL(Admin, d.Server.Password, d.Name), statements)
}

// Connect opens a connection of the owner that is closed when the test ends.
func (d *Database) Connect(tb testing.TB) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), d.URL())
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may be gone by then
	return conn
}

// Strings returns the first column of a query as text, null as "NULL".
func (d *Database) Strings(tb testing.TB, query string, args ...any) []string {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), d.URL())
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(context.Background(), query, args...)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var s *string
		if err := row.Scan(&s); err != nil || s == nil {
			return "NULL", err
		}
		return *s, nil
	})
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return list
}

func execute(tb testing.TB, url string, statements []string) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		tb.Fatalf("connecting: %v", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, text := range statements {
		if _, err := conn.PgConn().Exec(context.Background(), text).ReadAll(); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
}

func portText(port int) string { return strconv.Itoa(port) }
