package sqlitetable_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

func key(n table.Name, sk string) table.Key { return table.Key{Table: n, PK: "T#shop#C#1", SK: sk} }

// put is an unconditional write.
func put(k table.Key, body string) table.Write {
	return table.Write{Op: table.Put, Item: table.Item{Key: k, Body: []byte(body)}, If: table.AnyVersion}
}

func transact(t testing.TB, s *sqlitetable.Store, writes ...table.Write) {
	t.Helper()
	if err := s.Transact(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
}

func wantClass(t testing.TB, err error, class fault.Class) {
	t.Helper()
	if !fault.Has(err, class) {
		t.Errorf("got %v of class %q, want %s", err, fault.ClassOf(err), class)
	}
}

func wantBody(t testing.TB, s *sqlitetable.Store, k table.Key, body string) {
	t.Helper()
	it, err := s.Get(t.Context(), k)
	if err != nil || string(it.Body) != body {
		t.Errorf("got %q, %v, want %q", it.Body, err, body)
	}
}

func TestRecordsSurviveClosing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20é.db")
	for round := range 3 {
		s, err := sqlitetable.Open(path, sqlitetable.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for earlier := range round {
			wantBody(t, s, key(table.Ledger, fmt.Sprint(earlier)), "x")
		}
		transact(t, s, put(key(table.Ledger, fmt.Sprint(round)), "x"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file has another name: %v", err)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path, sqlitetable.Options{})
	transact(t, s, put(key(table.Cases, "s"), "x"))
	seen := 0
	err := filepath.WalkDir(filepath.Dir(path), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s", d.Name(), info.Mode())
		}
		seen++
		return err
	})
	if err != nil || seen != 3 {
		t.Errorf("%d files, %v; want the file, its log and its shared memory", seen, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sqlite := func(name, text string) string {
		path := filepath.Join(dir, name)
		foreign(t, path, text)
		return path
	}
	later := filepath.Join(dir, "later.db")
	if err := openAt(t, later, sqlitetable.Options{}).Close(); err != nil {
		t.Fatal(err)
	}
	foreign(t, later, "PRAGMA user_version = 2")
	for name, path := range map[string]string{
		"no directory":    filepath.Join(dir, "none", "records.db"),
		"a directory":     dir,
		"text":            write("text.db", strings.Repeat("not a database ", 500)),
		"foreign tables":  sqlite("foreign.db", "CREATE TABLE people (id INTEGER)"),
		"foreign mark":    sqlite("mark.db", "PRAGMA application_id = 7"),
		"a later version": later,
	} {
		before, _ := os.ReadFile(path) // some of them cannot be read
		s, err := sqlitetable.Open(path, sqlitetable.Options{})
		if err == nil {
			_ = s.Close()
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed", name)
		}
		if !fault.Has(err, fault.Misconfigured) || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v of class %q, want misconfigured without the path", name, err, fault.ClassOf(err))
		}
	}
}

// foreign runs statements on the file as another program would and returns its connection, closed with the test.
func foreign(t *testing.T, path string, statements ...string) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	})
	for _, s := range statements {
		if _, err := c.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func release(t *testing.T, c *sql.Conn) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}

func TestForeignLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path, sqlitetable.Options{BusyTimeout: 30 * time.Millisecond})
	transact(t, s, put(key(table.Cases, "s"), "old"))
	lock := foreign(t, path, "BEGIN IMMEDIATE")
	wantClass(t, s.Transact(t.Context(), put(key(table.Cases, "s"), "new")), fault.Unavailable)
	_, err := s.Sweep(t.Context())
	wantClass(t, err, fault.Unavailable)
	wantBody(t, s, key(table.Cases, "s"), "old")
	_, err = sqlitetable.Open(path, sqlitetable.Options{BusyTimeout: time.Millisecond})
	wantClass(t, err, fault.Unavailable)
	release(t, lock)
	transact(t, s, put(key(table.Cases, "s"), "new"))
	wantBody(t, s, key(table.Cases, "s"), "new")
}

func TestForeignReaderHoldsTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path, sqlitetable.Options{BusyTimeout: 30 * time.Millisecond})
	transact(t, s, put(key(table.CaseKeys, "s"), "old"))
	reader := foreign(t, path, "BEGIN", "SELECT count(*) FROM casekeys")
	transact(t, s, put(key(table.CaseKeys, "s"), "new"))
	wantClass(t, s.CheckpointTruncate(t.Context()), fault.Unavailable)
	release(t, reader)
	if err := s.CheckpointTruncate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCancelledInTheQueue cancels a transaction behind one that waits for a foreign lock: it is answered at once and never
// written, and those around it are.
func TestCancelledInTheQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path, sqlitetable.Options{BusyTimeout: time.Minute})
	lock := foreign(t, path, "BEGIN IMMEDIATE")
	first := make(chan error, 1)
	go func() { first <- s.Transact(t.Context(), put(key(table.Cases, "first"), "x")) }()
	time.Sleep(20 * time.Millisecond) // the writer has the first one now, or else takes all three below together
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	waited := make(chan error, 1)
	go func() { waited <- s.Transact(ctx, put(key(table.Cases, "left"), "x")) }()
	last := make(chan error, 1)
	go func() { last <- s.Transact(t.Context(), put(key(table.Cases, "last"), "x")) }()
	select {
	case err := <-waited:
		wantClass(t, err, fault.Unavailable)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a cancelled transaction still waits")
	}
	release(t, lock)
	if err := errors.Join(<-first, <-last); err != nil {
		t.Fatal(err)
	}
	wantBody(t, s, key(table.Cases, "first"), "x")
	wantBody(t, s, key(table.Cases, "last"), "x")
	_, err := s.Get(t.Context(), key(table.Cases, "left"))
	wantClass(t, err, fault.NotFound)
}

func TestSweep(t *testing.T) {
	c := newClock()
	path := filepath.Join(t.TempDir(), "records.db")
	for _, lag := range []time.Duration{0, time.Millisecond} {
		s := openAt(t, path, sqlitetable.Options{Now: c.Now, Lag: lag})
		want := 0
		for i, n := range table.Names() {
			for j := range 130 * (i + 1) {
				w := put(key(n, fmt.Sprint(j)), "x")
				w.Item.IPK, w.Item.ISK = "i", fmt.Sprint(j)
				if j%3 > 0 {
					w.Item.ExpiresAt = c.Now().Add(time.Duration(j%3) * time.Hour)
				}
				if j%3 == 1 {
					want++
				}
				transact(t, s, w)
			}
		}
		if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("before anything expires: %d, %v", n, err)
		}
		c.Advance(time.Hour + time.Second)
		if n, err := s.Sweep(t.Context()); n != want || err != nil {
			t.Errorf("removed %d, %v, want %d", n, err, want)
		}
		if n, err := s.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("a second time: %d, %v", n, err)
		}
		page, err := s.Query(t.Context(), table.Query{Table: table.Tokens, PK: "T#shop#C#1", Limit: 1000})
		if left := 130 * 5; err != nil || len(page.Items) != left-(left+1)/3 {
			t.Errorf("%d items left, %v", len(page.Items), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.Sweep(ctx)
		wantClass(t, err, fault.Unavailable)
		wantClass(t, s.CheckpointTruncate(ctx), fault.Unavailable)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = s.Sweep(t.Context())
		wantClass(t, err, fault.Unavailable)
		wantClass(t, s.CheckpointTruncate(t.Context()), fault.Unavailable)
	}
}

// TestReadsDuringWrites lets readers watch a pair of items that every transaction changes together. One page is one
// snapshot, so the two never differ.
func TestReadsDuringWrites(t *testing.T) {
	s := open(t, sqlitetable.Options{})
	transact(t, s, put(key(table.Cases, "a"), "0"), put(key(table.Cases, "b"), "0"))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := ""
			for {
				page, err := s.Query(context.Background(), table.Query{Table: table.Cases, PK: "T#shop#C#1"})
				if err != nil || len(page.Items) != 2 || string(page.Items[0].Body) != string(page.Items[1].Body) {
					t.Errorf("half a transaction: %v", err)
					return
				}
				if now := string(page.Items[0].Body); now < last {
					t.Error("time runs backwards")
					return
				} else {
					last = now
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 500 {
		n := fmt.Sprintf("%04d", i)
		transact(t, s, put(key(table.Cases, "a"), n), put(key(table.Cases, "b"), n))
		wantBody(t, s, key(table.Cases, "b"), n)
	}
	close(stop)
	readers.Wait()
}
