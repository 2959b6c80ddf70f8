package sql

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// classify goes by the code. The server's own words are left out: message and detail quote the row.
func (d *postgresDialect) classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	if coded, ok := errors.AsType[*pgconn.PgError](err); ok {
		class, why := postgresClass(coded)
		classified := fault.New(class, doing+": "+why+" (SQLSTATE "+coded.Code+")")
		switch coded.Code {
		case "42P01", "42703", "3F000", "42501":
			return &missing{classified}
		}
		return classified
	}
	var untrusted *tls.CertificateVerificationError
	var network net.Error
	switch classified, ok := errors.AsType[*fault.Error](err); {
	case ok:
		if gone, ok := errors.AsType[*missing](err); ok {
			return gone
		}
		return classified
	case errors.As(err, &untrusted):
		return fault.New(fault.Misconfigured, doing+": the certificate of the server is not to be trusted")
	case strings.Contains(err.Error(), "refused TLS"): // the driver gives no type to go by
		return fault.New(fault.Misconfigured, doing+": the server does not offer TLS; sslmode asks for it")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), pgconn.Timeout(err):
		return fault.New(fault.Unavailable, doing+": no answer in time")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, driver.ErrBadConn), errors.As(err, &network):
		return fault.New(fault.Unavailable, doing+": the database cannot be reached, or the connection broke")
	case strings.Contains(err.Error(), "conn closed"):
		return fault.New(fault.Unavailable, doing+": the connection is closed")
	}
	return fault.New(fault.Invalid, doing+": the answer of the server cannot be read")
}

// postgresClass maps the codes of appendix A of the manual.
func postgresClass(e *pgconn.PgError) (fault.Class, string) {
	switch e.Code {
	case "53300":
		return fault.Throttled, "the server has no connection left"
	case "57014":
		return fault.Unavailable, "the statement took too long or was interrupted"
	case "55P03", "40P01", "40001":
		return fault.Unavailable, "rows are locked by somebody else's change"
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return fault.Unavailable, "the server is being stopped or started, or ended the session"
	case "0A000":
		return fault.Unavailable, "a table was changed at this moment"
	case "3D000", "28000", "28P01":
		return fault.Misconfigured, "the server refuses the account, its password or the database"
	case "42501":
		return fault.Misconfigured, "the account in use is not allowed to" + aboutTable(e)
	case "42P01", "42703", "3F000":
		return fault.Misconfigured, "a table or a column is no longer as it was when the system was opened"
	case "25006":
		return fault.Misconfigured, "the database can only be read"
	case "P0001":
		return fault.Misconfigured, "a trigger or a function forbids the change"
	case "XX001", "XX002":
		return fault.Invalid, "data of the database is damaged"
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "58":
		return fault.Unavailable, "the server has no resources left or the connection broke"
	case "22":
		return fault.Misconfigured, "a value does not fit its column" + aboutTable(e)
	case "23", "44":
		return fault.Misconfigured, "a constraint forbids the change" + aboutTable(e)
	case "28":
		return fault.Misconfigured, "the server refuses the account"
	}
	return fault.Internal, "the server answered with an unexpected code" + aboutTable(e)
}

// misfit reports whether the server refused a value for what it is: its form, its range, a rule of its domain.
func misfit(err error) bool {
	coded, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(coded.Code, "22") || coded.Code == "23514" || coded.Code == "23502")
}

// aboutTable names table, column and constraint, which are words of the schema.
func aboutTable(e *pgconn.PgError) string {
	var s string
	if e.ConstraintName != "" {
		s += ", constraint " + e.ConstraintName
	}
	if e.TableName != "" {
		s += ", table " + e.TableName
	}
	if e.ColumnName != "" {
		s += ", column " + e.ColumnName
	}
	return s
}
