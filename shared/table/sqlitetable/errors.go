package sqlitetable

import (
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// classify gives an error of SQLite its class. Its texts name statements and tables, never values. A nil err gives nil.
func classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	class := fault.Internal
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		class = classOf(e.Code())
	}
	return fault.Wrap(class, err, doing)
}

// classOf maps a result code: what may pass by itself is Unavailable (another process holds the lock, the disk is full or
// answers with errors), what a person must put right is Misconfigured, the rest is a defect.
func classOf(code int) fault.Class {
	switch code & 0xff { // the primary code; the rest says where
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT:
		return fault.Unavailable
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_NOTADB:
		return fault.Misconfigured
	default:
		return fault.Internal
	}
}
