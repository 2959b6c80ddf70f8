// Package sqlitetable is the record store of one machine: package table over one SQLite file in WAL mode.
//
// Writes of all callers go through one goroutine, which collects what is waiting into one SQLite transaction and answers
// each caller after the commit is on disk (synchronous=FULL). Reads run on their own connections beside it and see every
// transaction that was answered. The file and its WAL are readable by their owner only.
package sqlitetable

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// pageBytes ends a page early, as DynamoDB does after 1 MB, so that a page of large items fits in memory.
const pageBytes = 1 << 20

// Options are the settings of a store. The zero value is ready for production.
type Options struct {
	// Now decides what is expired; nil = the system's clock.
	Now func() time.Time
	// Lag above 0 makes every query of the index answer as of at least Lag ago (real time, whatever Now says), as a
	// DynamoDB index may at any moment; the main key stays strongly consistent. The index is then a copy in memory that a
	// background step feeds, which knows only what this store writes: for tests and stories, not for production.
	Lag time.Duration
	// BusyTimeout is how long to wait for another process that holds the file before fault.Unavailable; 0 = 5 seconds.
	BusyTimeout time.Duration
	// Readers is how many reads run at a time; 0 = 4.
	Readers int
}

// Store is a table.Store over one SQLite file. Make one with Open.
type Store struct {
	now     func() time.Time
	writes  *queue
	writer  *writer
	readers chan *conn
	lagged  *lagged // nil unless Options.Lag
	closing chan struct{}
	once    sync.Once
	closed  error // of the first Close
}

var _ table.Store = (*Store)(nil)

// Open opens or creates the file at path, whose directory exists. A file of something else or of a later version, or a
// place that cannot be written, is fault.Misconfigured; a file that another process holds is fault.Unavailable.
func Open(path string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := create(path); err != nil {
		return nil, err
	}
	w, err := dial(path, false, opts.BusyTimeout)
	if err != nil {
		return nil, err
	}
	if err := prepareFile(w); err != nil {
		return nil, errors.Join(err, w.close())
	}
	s := &Store{now: opts.Now, writes: newQueue(), readers: make(chan *conn, opts.Readers), closing: make(chan struct{})}
	if opts.Lag > 0 {
		if s.lagged, err = loadLagged(w, opts.Lag); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	for range opts.Readers {
		r, err := dial(path, true, opts.BusyTimeout)
		if err != nil {
			return nil, errors.Join(err, s.closeReaders(len(s.readers)), w.close())
		}
		s.readers <- r
	}
	s.writer = startWriter(w, s.writes, s.now, s.lagged)
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BusyTimeout <= 0 {
		o.BusyTimeout = 5 * time.Second
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	return o
}

// create makes an empty file for its owner alone, unless there is one: SQLite itself would let the umask decide. WAL and
// shared memory files inherit the mode.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Misconfigured, withoutPath(err), "creating record file")
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(fault.Unavailable, withoutPath(err), "creating record file")
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fault.Wrap(fault.Misconfigured, withoutPath(err), "opening directory of record file")
	}
	// The name of a new file is durable only once its directory is.
	return fault.Wrap(fault.Unavailable, errors.Join(dir.Sync(), dir.Close()), "creating record file")
}

// withoutPath returns the reason of a file error without the name of the file.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// prepareFile sets the connection of the writer up and creates the tables in a new file. It changes nothing in a file that
// is not one of ours.
func prepareFile(c *conn) error {
	if _, err := recognise(c); err != nil {
		return fmt.Errorf("setting up record file: %w", err)
	}
	mode, err := c.pragma("journal_mode = WAL")
	if err != nil {
		return fmt.Errorf("setting up record file: %w", err)
	}
	if len(mode) == 0 || text(mode[0]) != "wal" {
		return fault.New(fault.Misconfigured, "the place of the record file does not allow a write-ahead log")
	}
	for _, p := range []string{
		"synchronous = FULL",   // a commit is on disk when it is answered
		"secure_delete = ON",   // what is freed is zeroed
		"trusted_schema = OFF", // nothing in a file that was swapped runs code
		"cache_size = -4096",   // KiB; the file system keeps the rest
		"wal_autocheckpoint = 4096",
		"journal_size_limit = 67108864", // a log that grew during a long read shrinks again
	} {
		if _, err := c.pragma(p); err != nil {
			return fmt.Errorf("setting up record file: %w", err)
		}
	}
	if err := c.start(); err != nil {
		return fmt.Errorf("setting up record file: %w", err)
	}
	if err := createTables(c); err != nil {
		c.abandon()
		return fmt.Errorf("setting up record file: %w", err)
	}
	return c.end()
}

// recognise tells an empty file from one of ours; anything else is fault.Misconfigured.
func recognise(c *conn) (empty bool, err error) {
	var marks [3]int64
	for i, name := range []string{"application_id", "user_version", "schema_version"} {
		row, err := c.pragma(name)
		if err != nil {
			return false, err
		}
		if len(row) == 1 {
			marks[i] = number(row[0])
		}
	}
	switch marks {
	case [3]int64{}:
		return true, nil
	case [3]int64{applicationID, schemaVersion, marks[2]}:
		return false, nil
	default:
		return false, fault.New(fault.Misconfigured, "the record file belongs to something else or to another version")
	}
}

// createTables creates the tables unless somebody has, looking again because the caller's transaction began only now.
func createTables(c *conn) error {
	if empty, err := recognise(c); err != nil || !empty {
		return err
	}
	var all []string
	for _, n := range table.Names() {
		all = append(all, schema(n)...)
	}
	all = append(all, fmt.Sprintf("PRAGMA application_id = %d", applicationID), fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	for _, text := range all {
		if _, err := c.once(text); err != nil {
			return err
		}
	}
	return nil
}

// Get implements table.Store.
func (s *Store) Get(ctx context.Context, key table.Key) (table.Item, error) {
	if err := table.ValidateKey(key); err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	c, err := s.borrow(ctx)
	if err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	defer s.giveBack(c)
	var it table.Item
	found := false
	err = c.query(get, key.Table, func(row []driver.Value) bool {
		it, found = itemOf(key.Table, row), true
		return true
	}, key.PK, key.SK, s.now().Unix())
	if err != nil {
		return table.Item{}, fmt.Errorf("reading item: %w", err)
	}
	if !found {
		return table.Item{}, fault.New(fault.NotFound, "there is no such item")
	}
	return it, nil
}

// Transact implements table.Store. A context that ends while the transaction waits for its turn takes it back; once the
// writer has it, Transact waits for the answer, because the writer still reads the bodies.
func (s *Store) Transact(ctx context.Context, writes ...table.Write) error {
	if err := table.Validate(writes...); err != nil {
		return fmt.Errorf("writing items: %w", err)
	}
	if err := s.writes.do(ctx, request{writes: writes}); err != nil {
		return fmt.Errorf("writing items: %w", err)
	}
	return nil
}

// Close implements table.Store. It finishes what was accepted and waits for reads under way.
func (s *Store) Close() error {
	s.once.Do(func() {
		close(s.closing)
		s.writes.close()
		if s.lagged != nil {
			s.lagged.stop()
		}
		s.closed = errors.Join(s.closeReaders(cap(s.readers)), s.writer.wait())
	})
	return s.closed
}

// borrow takes a reading connection.
func (s *Store) borrow(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "waiting for the record store")
	}
	select {
	case c := <-s.readers:
		return c, nil
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "waiting for the record store")
	case <-s.closing:
		return nil, errClosed()
	}
}

func (s *Store) giveBack(c *conn) { s.readers <- c }

// closeReaders waits for n reading connections and closes them.
func (s *Store) closeReaders(n int) error {
	var errs []error
	for range n {
		errs = append(errs, classify((<-s.readers).close(), "closing record file"))
	}
	return errors.Join(errs...)
}

func errClosed() error { return fault.New(fault.Unavailable, "the record store is closed") }
