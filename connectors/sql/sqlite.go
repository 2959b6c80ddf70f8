package sql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

// sqliteDialect reaches one database file.
type sqliteDialect struct {
	path string        // absolute
	busy time.Duration // how long to wait for a lock
}

// open connects to a file that exists; it never makes one. mode=ro and query_only both forbid changes: the first at the file,
// the second for whatever the file system allows.
func (d *sqliteDialect) open(_ context.Context, writable bool) (driver.Conn, error) {
	info, err := d.stat()
	if err != nil {
		return nil, err
	}
	wait := fmt.Sprintf("busy_timeout(%d)", d.busy.Milliseconds())
	params := url.Values{"mode": {"ro"}, "_pragma": {wait, "query_only(1)"}}
	if writable {
		// Foreign keys stay off: a cascade would change rows that nobody planned. Rows still referred to are looked for instead.
		params = url.Values{"mode": {"rw"}, "_pragma": {wait, "foreign_keys(0)"}}
	}
	dsn := url.URL{Scheme: "file", Path: d.path, RawQuery: params.Encode()}
	conn, err := (&sqlite.Driver{}).Open(dsn.String())
	if err != nil {
		return nil, d.classify(err, "opening the database")
	}
	return &sqliteConn{Conn: conn, dialect: d, info: info}, nil
}

func (d *sqliteDialect) stat() (fs.FileInfo, error) {
	info, err := os.Stat(d.path)
	switch {
	case err == nil && info.IsDir():
		return nil, fault.New(fault.Misconfigured, "the path of the database is a directory")
	case err == nil:
		return info, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fault.New(fault.Misconfigured, "the database file may not be read by this process")
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(d.path)); err != nil {
			return nil, fault.New(fault.Misconfigured, "the folder of the database file is not there")
		}
		// The folder is there: the file may come back, after a restore or a mount.
		return nil, fault.New(fault.Unavailable, "the database file is not there; if it never was, the path is wrong")
	}
	return nil, fault.New(fault.Unavailable, "the database file cannot be reached")
}

// sqliteConn notices when the file it opened is no longer the one under the path: restored, replaced or gone.
type sqliteConn struct {
	driver.Conn
	dialect *sqliteDialect
	info    fs.FileInfo
}

// IsValid implements driver.Validator.
func (c *sqliteConn) IsValid() bool {
	now, err := c.dialect.stat()
	return err == nil && os.SameFile(now, c.info)
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *sqliteConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
}

// classify goes by the result code. The driver's text is left out: a trigger may put a value into it.
func (d *sqliteDialect) classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, driver.ErrBadConn) {
		return fault.New(fault.Unavailable, doing+": the connection broke")
	}
	coded, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		if _, classified := errors.AsType[*fault.Error](err); classified {
			return err
		}
		return fault.Wrap(fault.ClassOf(err), err, doing)
	}
	class, why := sqliteClass(coded.Code())
	classified := fault.New(class, doing+": "+why)
	if coded.Code()&0xff == sqlite3.SQLITE_ERROR {
		return &missing{classified} // ours can be prepared unless the schema has changed
	}
	return classified
}

func sqliteClass(code int) (fault.Class, string) {
	switch code {
	case sqlite3.SQLITE_READONLY | 1<<8, sqlite3.SQLITE_READONLY | 3<<8:
		return fault.Unavailable, "the database must be recovered by its application first"
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return fault.Unavailable, "the database is locked by another process"
	case sqlite3.SQLITE_INTERRUPT:
		return fault.Unavailable, "the statement took too long or was interrupted"
	case sqlite3.SQLITE_CANTOPEN:
		return fault.Unavailable, "the database file cannot be opened"
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_SCHEMA:
		return fault.Unavailable, "the database cannot be read at the moment"
	case sqlite3.SQLITE_FULL:
		return fault.Unavailable, "the disk of the database is full"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return fault.Invalid, "the file is damaged or no SQLite database"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fault.Misconfigured, "the database does not allow it"
	case sqlite3.SQLITE_CONSTRAINT:
		return fault.Misconfigured, "a constraint or a trigger of the table forbids the change"
	case sqlite3.SQLITE_ERROR:
		return fault.Misconfigured, "a table or a column is no longer as it was when the system was opened"
	}
	return fault.Internal, "the database answered with an unexpected code"
}

func (d *sqliteDialect) writer() writer { return sqliteWriter{} }

const (
	listTables = `SELECT t.name, t.type, t.wr, t.strict FROM pragma_table_list AS t WHERE t.schema = 'main' AND t.name = ?1 COLLATE NOCASE`

	// hidden: 1 is a column of a virtual table, 2 and 3 are generated.
	listColumns = `SELECT c.name, c.type, c."notnull", c.pk, c.hidden FROM pragma_table_xinfo(?1) AS c ORDER BY c.cid`

	listIndexes = `SELECT l.name, l."unique", l.partial, l.origin, x.cid, x.name, x.coll FROM pragma_index_list(?1) AS l
		JOIN pragma_index_xinfo(l.name) AS x WHERE x."key" = 1 ORDER BY l.seq, x.seqno`

	listIncoming = `SELECT t.name, f.id, f."from", f."to" FROM pragma_table_list AS t JOIN pragma_foreign_key_list(t.name) AS f
		WHERE t.schema = 'main' AND t.type = 'table' AND f."table" = ?1 COLLATE NOCASE ORDER BY t.name, f.id, f.seq`
)

func (d *sqliteDialect) inspect(ctx context.Context, s *session, names []string) (map[string]*liveTable, error) {
	tables := map[string]*liveTable{}
	for _, name := range names {
		t, err := inspectTable(ctx, s, name)
		if err != nil {
			return nil, d.classify(err, "reading the schema")
		}
		if t != nil {
			tables[name] = t
		}
	}
	return tables, nil
}

func inspectTable(ctx context.Context, s *session, name string) (*liveTable, error) {
	var t *liveTable
	withoutRowid, strict := false, false
	err := s.query(ctx, listTables, textArg(name), func(row []driver.Value) error {
		t = &liveTable{id: strings.ToLower(text(row[0])), name: text(row[0]), kind: text(row[1])}
		withoutRowid, strict = number(row[2]) == 1, number(row[3]) == 1
		return nil
	})
	if err != nil || t == nil || t.kind != "table" {
		return t, err
	}
	err = s.query(ctx, listColumns, textArg(t.name), func(row []driver.Value) error {
		c := &liveColumn{
			name: text(row[0]), declared: text(row[1]), notNull: number(row[2]) == 1, key: int(number(row[3])), generated: number(row[4]) > 1,
		}
		if strict && equalNames(c.declared, "ANY") {
			c.declared = "" // keeps what it is given, as a column without a type does
		}
		t.columns = append(t.columns, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := t.readIndexes(ctx, s); err != nil {
		return nil, err
	}
	t.settlePosition(withoutRowid)
	return t, t.readIncoming(ctx, s)
}

func (t *liveTable) readIndexes(ctx context.Context, s *session) error {
	type index struct {
		liveIndex
		unique, usable bool
	}
	var names []string
	all := map[string]*index{}
	err := s.query(ctx, listIndexes, textArg(t.name), func(row []driver.Value) error {
		i := all[text(row[0])]
		if i == nil {
			i = &index{unique: number(row[1]) == 1, usable: number(row[2]) == 0}
			all[text(row[0])], names = i, append(names, text(row[0]))
		}
		if number(row[4]) < 0 {
			i.usable = false // over an expression
		}
		i.columns, i.folding = append(i.columns, text(row[5])), i.folding || equalNames(text(row[6]), "NOCASE")
		return nil
	})
	if err != nil {
		return err
	}
	if key := t.primaryKey(); len(key) > 0 {
		t.uniques = append(t.uniques, key)
	}
	for _, name := range names {
		i := all[name]
		if !i.usable {
			continue
		}
		if i.unique {
			t.uniques = append(t.uniques, i.columns)
		}
		t.indexes = append(t.indexes, i.liveIndex)
	}
	return nil
}

func (t *liveTable) primaryKey() []string {
	var key []string
	for n := 1; ; n++ {
		before := len(key)
		for _, c := range t.columns {
			if c.key == n {
				key = append(key, c.name)
			}
		}
		if len(key) == before {
			return key
		}
	}
}

// settlePosition finds how the table orders its rows: by rowid, under a name that no column has taken, or by primary key.
func (t *liveTable) settlePosition(withoutRowid bool) {
	key := t.primaryKey()
	if len(key) == 1 && !withoutRowid && equalNames(t.column(key[0]).declared, "INTEGER") && !t.indexedKey(key[0]) {
		t.position = key // an alias of the rowid
		return
	}
	if !withoutRowid {
		for _, name := range []string{"rowid", "_rowid_", "oid"} {
			if t.column(name) == nil {
				t.position = []string{name}
				return
			}
		}
	}
	t.position = key
}

// indexedKey tells "INTEGER PRIMARY KEY DESC", which has an index and is no alias of the rowid, from the usual kind.
func (t *liveTable) indexedKey(name string) bool {
	for _, i := range t.indexes {
		if len(i.columns) == 1 && equalNames(i.columns[0], name) {
			return true
		}
	}
	return false
}

func (t *liveTable) readIncoming(ctx context.Context, s *session) error {
	last := int64(-1)
	return s.query(ctx, listIncoming, textArg(t.name), func(row []driver.Value) error {
		table, id := text(row[0]), number(row[1])
		if n := len(t.incoming); n == 0 || t.incoming[n-1].table != table || last != id {
			t.incoming = append(t.incoming, liveReference{table: table, family: []string{strings.ToLower(table)}})
		}
		last = id
		ref := &t.incoming[len(t.incoming)-1]
		to := text(row[3])
		if to == "" { // REFERENCES parent, without columns: its primary key
			if key := t.primaryKey(); len(ref.from) < len(key) {
				to = key[len(ref.from)]
			}
		}
		ref.from, ref.to = append(ref.from, text(row[2])), append(ref.to, to)
		return nil
	})
}

func textArg(s string) []driver.NamedValue { return []driver.NamedValue{{Ordinal: 1, Value: s}} }

func text(v driver.Value) string {
	s, _ := v.(string)
	return s
}

// number reads a count, which some drivers give as text.
func number(v driver.Value) int64 {
	if s, ok := v.(string); ok {
		n, _ := strconv.ParseInt(s, 10, 64)
		return n
	}
	n, _ := v.(int64)
	return n
}

func (d *sqliteDialect) codec(c *liveColumn, f *connector.DataField) (codec, error) {
	return newSQLiteCodec(c, f)
}
