package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/habeas-dsar/habeas/connectors/rest/examples"
	"github.com/habeas-dsar/habeas/shared/fault"
)

//go:embed shop.yml
var shopDataset []byte

//go:embed club.yml
var clubDataset []byte

//go:embed shop.sql
var shopSchema string

//go:embed shop_indexes.sql
var shopIndexes string

//go:embed club.sql
var clubSchema string

//go:embed club_indexes.sql
var clubIndexes string

// Seed creates the demo data in dir, which must exist. A database that is there is left alone, whatever has been done to it
// since, so that a second call does nothing; a database appears under its name only when it is complete. progress, which may
// be nil, gets a sentence per step. Two processes must not seed the same directory at once.
func Seed(ctx context.Context, dir string, progress func(string)) error {
	if progress == nil {
		progress = func(string) {}
	}
	for name, content := range map[string][]byte{
		ShopDataset: shopDataset, ClubDataset: clubDataset, CRMDataset: examples.Dataset(), CRMConnector: examples.ConnectorFile(),
	} {
		if err := place(filepath.Join(dir, name), func(temporary string) error { return os.WriteFile(temporary, content, 0o600) }); err != nil {
			return fault.Wrap(fault.Misconfigured, err, "writing a demo data map")
		}
	}
	for _, db := range []database{
		{ShopDatabase, "the book shop: 5,000 customers", shopSchema, shopIndexes, 0, fillShop(customerCount)},
		{ClubDatabase, "the rowing club: 240 members", clubSchema, clubIndexes, 0, fillClub},
		{OakhurstDatabase, "the stationer: 400 customers, some of them in a CRM too", shopSchema, shopIndexes, 1, fillShop(oakhurstCount)},
	} {
		err := place(filepath.Join(dir, db.name), func(temporary string) error {
			progress("Making up " + db.doing)
			return build(ctx, temporary, db)
		})
		if err != nil {
			return fault.Wrap(fault.ClassOf(err), err, "seeding "+db.name)
		}
	}
	if err := place(filepath.Join(dir, crmRecords), func(temporary string) error { return inventContacts(ctx, dir, temporary) }); err != nil {
		return fault.Wrap(fault.ClassOf(err), err, "seeding the CRM")
	}
	return nil
}

// database is one that Seed makes.
type database struct {
	name, doing, schema, indexes string
	salt                         uint64
	fill                         func(*filler)
}

// place writes a file under a temporary name and gives it its own once it is complete and on disk. A file that exists stays.
func place(path string, write func(temporary string) error) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temporary := path + ".partial"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := write(temporary); err != nil {
		return errors.Join(err, removeIfThere(temporary))
	}
	if err := syncFile(temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// build fills a new database in one transaction without a journal: what is left of a failure is thrown away as a whole.
func build(ctx context.Context, path string, made database) error {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("resolving the directory: %w", err)
	}
	dsn := url.URL{Scheme: "file", Path: absolute, RawQuery: "_pragma=journal_mode(off)&_pragma=synchronous(off)"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := fillAll(ctx, db, made); err != nil {
		return errors.Join(err, db.Close())
	}
	return db.Close()
}

func fillAll(ctx context.Context, db *sql.DB, made database) error {
	if _, err := db.ExecContext(ctx, made.schema); err != nil {
		return fmt.Errorf("creating tables: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	statements := map[string]*sql.Stmt{}
	f := &filler{rng: newRand(made.salt), add: func(table string, values []any) error { return addRow(ctx, tx, statements, table, values) }}
	made.fill(f)
	if f.err != nil {
		return errors.Join(f.err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	// Indexes last: sorting once is several times faster than keeping them in order row by row.
	if _, err := db.ExecContext(ctx, made.indexes); err != nil {
		return fmt.Errorf("creating indexes: %w", err)
	}
	return nil
}

// filler inserts rows. The first error stops it: later inserts do nothing.
type filler struct {
	add func(table string, values []any) error
	rng *random
	err error
}

// insert adds one row; values are in the order of the columns of the table.
func (f *filler) insert(table string, values ...any) {
	if f.err == nil {
		f.err = f.add(table, values)
	}
}

func addRow(ctx context.Context, tx *sql.Tx, statements map[string]*sql.Stmt, table string, values []any) error {
	stmt := statements[table]
	if stmt == nil {
		var err error
		// Tables have the names that this package gives them.
		stmt, err = tx.PrepareContext(ctx, `INSERT INTO "`+table+`" VALUES (?`+strings.Repeat(",?", len(values)-1)+")") //nolint:gosec // see above
		if err != nil {
			return fmt.Errorf("preparing to fill %s: %w", table, err)
		}
		statements[table] = stmt
	}
	if _, err := stmt.ExecContext(ctx, values...); err != nil {
		return fmt.Errorf("filling %s: %w", table, err)
	}
	return nil
}
