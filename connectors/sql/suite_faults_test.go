package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"

	"modernc.org/sqlite"
)

// locked returns what SQLite says to who finds the file locked. The lock of the writer at hand may be in the way: then the
// answer is the same.
func locked(path string) error {
	holder, err := (&sqlite.Driver{}).Open(path)
	if err != nil {
		return err
	}
	defer holder.Close()
	if err := run(holder, "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	other, err := (&sqlite.Driver{}).Open(path)
	if err != nil {
		return err
	}
	defer other.Close()
	if err := run(other, "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	return errors.New("the file was not locked")
}

// unreadable returns what SQLite says of a file that is no database.
func unreadable(path string) error {
	if err := os.WriteFile(path, []byte("this is a text and no database, whatever it is called"), 0o600); err != nil {
		return err
	}
	conn, err := (&sqlite.Driver{}).Open(path)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := run(conn, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	return errors.New("the file was read")
}

func run(conn driver.Conn, text string) error {
	_, err := conn.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}
