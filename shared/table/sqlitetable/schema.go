package sqlitetable

import (
	"fmt"

	"github.com/habeas-dsar/habeas/shared/table"
)

// applicationID marks a file as ours ("HABE"); schemaVersion is the layout below.
const (
	applicationID = 0x48414245
	schemaVersion = 1
)

// pageSize is SQLite's page. A record that does not fit a page keeps its head in the b-tree and the rest in pages of its own.
const pageSize = 4096

// above sorts after every key: no valid UTF-8 holds the byte.
const above = "\xff"

// kind names a statement that exists once per table.
type kind int

const (
	lookup kind = iota // state of an item: id, version, expiry
	insert
	update
	remove
	get
	ascending
	descending
	indexAscending
	indexDescending
	indexed // everything in the index
	sweep
	kinds
)

// tables is the number of tables; tableNumber gives each its place among a connection's statements.
const tables = 5

func tableNumber(n table.Name) int {
	switch n {
	case table.Cases:
		return 0
	case table.Registry:
		return 1
	case table.Ledger:
		return 2
	case table.CaseKeys:
		return 3
	default:
		return 4
	}
}

// overwritten reports whether deleted content of the table must be gone from the file.
func overwritten(n table.Name) bool { return n == table.CaseKeys || n == table.Tokens }

// schema returns the statements that create the table, its index and the order of its expiry.
//
// Records have a row id of their own: a case writes many records of 0.3 to 3 KB, which then fill pages one after the other,
// while the b-tree of keys stays small.
//
// secure_delete zeroes what is freed, but when SQLite rebalances a b-tree it copies records between pages and leaves the old
// bytes in what becomes free space of the page. Tables whose deleted content must be gone therefore put a page of filler in
// front of the body: all of the body lies in overflow pages, which rebalancing never copies and freeing zeroes.
func schema(n table.Name) []string {
	filler := ""
	if overwritten(n) {
		filler = fmt.Sprintf("filler BLOB NOT NULL DEFAULT (zeroblob(%d)), ", pageSize)
	}
	return []string{
		fmt.Sprintf("CREATE TABLE %s (id INTEGER PRIMARY KEY, pk TEXT NOT NULL, sk TEXT NOT NULL, ipk TEXT, isk TEXT, "+
			"version INTEGER NOT NULL, expires INTEGER, %sbody BLOB) STRICT", n, filler),
		fmt.Sprintf("CREATE UNIQUE INDEX %s_key ON %[1]s (pk, sk)", n),
		fmt.Sprintf("CREATE INDEX %s_index ON %[1]s (ipk, isk, pk, sk) WHERE ipk IS NOT NULL", n),
		fmt.Sprintf("CREATE INDEX %s_expiry ON %[1]s (expires) WHERE expires IS NOT NULL", n),
	}
}

// statement returns the SQL of a statement. Parameters are numbered in the order in which the callers give them.
//
// Reads that return items select pk, sk, ipk, isk, version, expires, body. Bounds are sk (isk) >= low and < high.
func statement(k kind, n table.Name) string {
	const items = "SELECT pk, sk, ipk, isk, version, expires, body FROM "
	from := string(n)
	switch k {
	case lookup:
		return "SELECT id, version, expires FROM " + from + " WHERE pk = ? AND sk = ?"
	case insert:
		return "INSERT INTO " + from + " (ipk, isk, version, expires, body, pk, sk) VALUES (?, ?, ?, ?, ?, ?, ?)"
	case update:
		return "UPDATE " + from + " SET ipk = ?, isk = ?, version = ?, expires = ?, body = ? WHERE id = ?"
	case remove:
		return "DELETE FROM " + from + " WHERE id = ?"
	case get:
		return items + from + " WHERE pk = ? AND sk = ? AND (expires IS NULL OR expires > ?)"
	case ascending:
		return items + from + " WHERE pk = ? AND sk >= ? AND sk < ? AND (expires IS NULL OR expires > ?) ORDER BY sk"
	case descending:
		return items + from + " WHERE pk = ? AND sk >= ? AND sk < ? AND (expires IS NULL OR expires > ?) ORDER BY sk DESC"
	case indexAscending:
		return items + from + " WHERE ipk = ? AND (isk, pk, sk) > (?, ?, ?) AND isk < ? AND (expires IS NULL OR expires > ?) " +
			"ORDER BY isk, pk, sk"
	case indexDescending:
		return items + from + " WHERE ipk = ? AND (isk, pk, sk) < (?, ?, ?) AND isk >= ? AND (expires IS NULL OR expires > ?) " +
			"ORDER BY isk DESC, pk DESC, sk DESC"
	case indexed:
		return items + from + " WHERE ipk IS NOT NULL"
	default:
		return "DELETE FROM " + from + " WHERE id IN (SELECT id FROM " + from + " WHERE expires <= ? LIMIT ?)"
	}
}
