package local

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"modernc.org/sqlite" // also registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/habeas-dsar/habeas/shared/fault"
)

// keyBits is how many low bits of a key number the threads or events of one execution; 25,000 events fit, and so do the
// threads, none of which is without an event of its own.
const keyBits = 15

func rowKey(execution, n int64) int64 { return execution<<keyBits | n }

const schema = `
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS definitions (hash BLOB PRIMARY KEY, source BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS executions (
  id INTEGER PRIMARY KEY, machine TEXT NOT NULL, name TEXT NOT NULL, definition BLOB NOT NULL, status TEXT NOT NULL,
  input BLOB NOT NULL, output BLOB, error TEXT NOT NULL, cause TEXT NOT NULL, started INTEGER NOT NULL,
  stopped INTEGER NOT NULL, deadline INTEGER NOT NULL, parent INTEGER NOT NULL, attempt INTEGER NOT NULL,
  UNIQUE (machine, name));
CREATE INDEX IF NOT EXISTS executions_by_status ON executions (status, id);
CREATE INDEX IF NOT EXISTS executions_by_stop ON executions (stopped) WHERE stopped > 0;
CREATE TABLE IF NOT EXISTS threads (
  key INTEGER PRIMARY KEY, parent INTEGER NOT NULL, item INTEGER NOT NULL, state TEXT NOT NULL, phase INTEGER NOT NULL,
  entered INTEGER NOT NULL, entered_event INTEGER NOT NULL, previous INTEGER NOT NULL, attempt INTEGER NOT NULL,
  due INTEGER NOT NULL, timer INTEGER NOT NULL, child INTEGER NOT NULL, retries TEXT NOT NULL, input BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS threads_busy ON threads (key) WHERE phase <= 2;
CREATE TABLE IF NOT EXISTS timers (
  due INTEGER NOT NULL, execution INTEGER NOT NULL, ref INTEGER NOT NULL, PRIMARY KEY (due, execution, ref)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waits (
  child INTEGER NOT NULL, parent INTEGER NOT NULL, attempt INTEGER NOT NULL,
  PRIMARY KEY (child, parent, attempt)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (key INTEGER PRIMARY KEY, body BLOB NOT NULL);
`

// store is the file: one connection that writes, transactions shared by all that is ready, and a few that read.
type store struct {
	owner *sql.DB // holds the lock that makes this engine the only one
	write *sql.Conn
	db    *sql.DB
	read  *sql.DB
	key   []byte // of task tokens
	stmts statements
	query queries

	mu     sync.Mutex
	queue  []*change
	wake   chan struct{}
	closed bool
	done   chan struct{}
	err    error         // why the writer gave up
	failed chan struct{} // closed when it did
	log    *slog.Logger
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range append([]string{"busy_timeout(5000)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// openStore opens or creates the file at path and starts its writer.
func openStore(ctx context.Context, path string, log *slog.Logger) (*store, error) {
	s := &store{wake: make(chan struct{}, 1), done: make(chan struct{}), failed: make(chan struct{}), log: log}
	if err := s.open(ctx, path); err != nil {
		_ = s.closeFiles() // the first error says more
		return nil, err
	}
	go s.run()
	return s, nil
}

func (s *store) open(ctx context.Context, path string) error {
	var err error
	if err = s.lock(ctx, path); err != nil {
		return err
	}
	if s.db, err = sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-4096)", "journal_size_limit(67108864)")); err != nil {
		return fault.Wrap(fault.Internal, err, "opening workflow store")
	}
	s.db.SetMaxOpenConns(1)
	if s.write, err = s.db.Conn(ctx); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "opening workflow store")
	}
	if _, err = s.write.ExecContext(ctx, schema); err != nil {
		return fault.Wrap(fault.Misconfigured, err, "creating workflow tables")
	}
	if err = s.loadKey(ctx); err != nil {
		return err
	}
	if err = s.stmts.prepare(ctx, s.write); err != nil {
		return fault.Wrap(fault.Internal, err, "preparing workflow statements")
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "query_only(1)", "cache_size(-2048)")); err != nil {
		return fault.Wrap(fault.Internal, err, "opening workflow store")
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	return fault.Wrap(fault.Internal, s.query.prepare(ctx, s.read), "preparing workflow queries")
}

// lock takes an exclusive transaction on a small file beside the store. The operating system drops it when the process ends,
// however it ends.
func (s *store) lock(ctx context.Context, path string) error {
	var err error
	if s.owner, err = sql.Open("sqlite", dsn(path+"-owner", "busy_timeout(0)")); err != nil {
		return fault.Wrap(fault.Internal, err, "opening owner lock")
	}
	s.owner.SetMaxOpenConns(1)
	if _, err = s.owner.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return fault.Wrap(fault.Conflict, err, "taking over workflow store: another engine has it")
	}
	return nil
}

func (s *store) loadKey(ctx context.Context) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	_, err := s.write.ExecContext(ctx, `INSERT OR IGNORE INTO meta VALUES ('token key', ?)`, key)
	if err == nil {
		err = s.write.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'token key'`).Scan(&s.key)
	}
	return fault.Wrap(fault.Internal, err, "reading token key")
}

// nextExecution returns the number of the next execution. Numbers are never used twice, not even after pruning.
func (s *store) nextExecution(ctx context.Context) (int64, error) {
	var n int64
	err := s.read.QueryRowContext(ctx, `SELECT MAX(IFNULL((SELECT MAX(id) FROM executions), 0),
	  IFNULL((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last pruned'), 0)) + 1`).Scan(&n)
	return n, fault.Wrap(fault.Internal, err, "reading last execution")
}

// submit hands a change to the writer. It never blocks, so it may be called under an execution's lock; changes are applied
// in the order of their submission.
func (s *store) submit(c *change) {
	s.mu.Lock()
	if s.closed || s.err != nil {
		err := s.err
		s.mu.Unlock()
		if err == nil {
			err = errClosed()
		}
		c.finish(err)
		return
	}
	s.queue = append(s.queue, c)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// maxGroup bounds the changes in one transaction.
const maxGroup = 512

func (s *store) run() {
	defer close(s.done)
	for {
		s.mu.Lock()
		group := s.queue[:min(len(s.queue), maxGroup)]
		s.queue = s.queue[len(group):]
		if len(s.queue) == 0 {
			s.queue = nil
		}
		closed := s.closed
		s.mu.Unlock()
		if len(group) == 0 {
			if closed {
				return
			}
			<-s.wake
			continue
		}
		err := s.commit(group)
		for i, c := range group {
			c.finish(err)
			group[i] = nil
		}
	}
}

// commit writes a group, and again while the disk is full or does not answer: the engine's memory is ahead of the file and
// must not lose it. Any other error is a defect; nothing is written after it.
func (s *store) commit(group []*change) error {
	pause := 20 * time.Millisecond
	for {
		if err := s.failure(); err != nil {
			return err
		}
		err := s.try(group)
		if err == nil {
			return nil
		}
		s.mu.Lock()
		if s.closed || !passing(err) {
			s.err = fault.Wrap(fault.Internal, err, "writing workflow store")
			close(s.failed)
		}
		s.mu.Unlock()
		s.log.Warn("writing workflow store", "class", fault.Unavailable, "error", err)
		time.Sleep(pause)
		pause = min(2*pause, 2*time.Second)
	}
}

func passing(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	return false
}

func (s *store) try(group []*change) error {
	ctx := context.Background() // a group belongs to no caller
	if _, err := s.stmts.begin.ExecContext(ctx); err != nil {
		return err
	}
	for _, c := range group {
		if err := c.apply(ctx, &s.stmts); err != nil {
			_, _ = s.write.ExecContext(ctx, "ROLLBACK") // the first error says more
			return err
		}
	}
	_, err := s.stmts.commit.ExecContext(ctx)
	if err != nil {
		_, _ = s.write.ExecContext(ctx, "ROLLBACK") // the first error says more
	}
	return err
}

// failure returns why the writer gave up; nil while it works.
func (s *store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// close writes what was submitted and closes the file.
func (s *store) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	<-s.done
	return s.closeFiles()
}

func (s *store) closeFiles() error {
	var errs []error
	closeAll(s.stmts.all)
	closeAll(s.query.all)
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	for _, db := range []*sql.DB{s.read, s.db, s.owner} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing workflow store: %w", err)
	}
	return nil
}

func errClosed() error { return fault.New(fault.Unavailable, "the workflow engine is closed") }
