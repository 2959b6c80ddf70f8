package sql_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/fault"
)

func (s system) tryAccess(ctx context.Context, t testing.TB, email string) (int, error) {
	t.Helper()
	sink := &collector[*connector.Record]{copy: (*connector.Record).Clone}
	_, err := s.Access(ctx, connector.Call{Identifiers: mail(t, email), Spool: newSpool(t), Records: sink, Request: once})
	return len(sink.items), err
}

// TestLockedByAnotherProcess: a second process holds the write lock, so nobody may read or write; then it goes away.
func TestLockedByAnotherProcess(t *testing.T) {
	if path := os.Getenv("HABEAS_TEST_LOCK"); path != "" {
		holdLock(t, path)
		return
	}
	s := newSystem(t, familyMap, family)
	plan := s.plan(t, mail(t, "ann@example.com")...)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockedByAnotherProcess$")
	cmd.Env = append(os.Environ(), "HABEAS_TEST_LOCK="+filepath.Join(s.dir, "target.db"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for locked := filepath.Join(s.dir, "target.db.locked"); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(locked); err == nil {
			break
		}
	}
	_, err = s.tryAccess(t.Context(), t, "ann@example.com")
	wantClass(t, err, fault.Unavailable)
	_, err = s.ApplyErasure(t.Context(), batches(plan)[0])
	wantClass(t, err, fault.Unavailable)
	if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.tryAccess(t.Context(), t, "ann@example.com"); err != nil || n != 11 {
		t.Errorf("after the lock: %d records, %v", n, err)
	}
}

// holdLock is the other process: it holds the lock until its standard input ends.
func holdLock(t *testing.T, path string) {
	dir, db := filepath.Dir(path), openFile(t, path)
	if _, err := db.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "target.db.locked"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdin.Read(make([]byte, 1))
	if _, err := db.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseGoneReplacedAndDamaged(t *testing.T) {
	s := newSystem(t, familyMap, family)
	path := filepath.Join(s.dir, "target.db")
	if n, err := s.tryAccess(t.Context(), t, "ann@example.com"); err != nil || n != 11 {
		t.Fatalf("%d records, %v", n, err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := s.tryAccess(t.Context(), t, "ann@example.com")
	wantClass(t, err, fault.Unavailable)
	// A restored file of the same name is another file: the old one must not be read on.
	fresh := openFile(t, path)
	if _, err := fresh.ExecContext(t.Context(), family+"UPDATE customer SET email = 'gone@example.com' WHERE id = 1; UPDATE request SET email = 'gone@example.com' WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.tryAccess(t.Context(), t, "ann@example.com"); err != nil || n != 0 {
		t.Errorf("the file that was there before is still read: %d records, %v", n, err)
	}
	if err := os.WriteFile(path+".damaged", []byte(strings.Repeat("this is no database. ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".damaged", path); err != nil {
		t.Fatal(err)
	}
	_, err = s.tryAccess(t.Context(), t, "ann@example.com")
	wantClass(t, err, fault.Invalid)
	_, err = openIn(t, s.dir, familyMap)
	wantClass(t, err, fault.Invalid)
}

// TestDamagedPages overwrites pages in the middle of the file: an error, never fewer rows.
func TestDamagedPages(t *testing.T) {
	s := newSystem(t, familyMap, family, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
		INSERT INTO comment SELECT printf('z%05d', i), 1, NULL, 'a comment of some length, so that it fills pages' FROM n`)
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "target.db"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, 4096)
	for i := range junk {
		junk[i] = byte(i*7 + 1)
	}
	for at := int64(20 * 4096); at < info.Size()-4096; at += 5 * 4096 {
		if _, err := f.WriteAt(junk, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.tryAccess(t.Context(), t, "ann@example.com")
	wantClass(t, err, fault.Invalid)
}

// slow is a table of which nothing helps to find a row: 60,000 rows are read to learn that none matches.
const slow = `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT);
	WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO t SELECT i, 'person-' || i || '@example.com' FROM n`

// The statement ends with its context while it searches, and while rows come far apart.
func TestStatementIsInterrupted(t *testing.T) {
	s := newSystem(t, oneTable("", idField, `{name: email, data_categories: [user.contact.email], fides_meta: {identity: email}, habeas_meta: {match: normalised}}`), slow,
		`UPDATE t SET email = 'Far@example.com' WHERE id IN (1, 59999)`)
	for _, email := range []string{"nobody@example.com", "far@example.com"} {
		began := time.Now()
		if _, err := s.tryAccess(t.Context(), t, email); err != nil {
			t.Fatal(err)
		}
		whole := time.Since(began)
		ctx, cancel := context.WithTimeout(t.Context(), whole/10)
		began = time.Now()
		_, err := s.tryAccess(ctx, t, email)
		cancel()
		wantClass(t, err, fault.Unavailable)
		if took := time.Since(began); took > whole/2 {
			t.Errorf("stopped after %s of %s", took, whole)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.tryAccess(ctx, t, "far@example.com"); !fault.Has(err, fault.Unavailable) {
		t.Errorf("with an ended context: %v", err)
	}
	if n, err := s.tryAccess(t.Context(), t, "far@example.com"); err != nil || n != 2 {
		t.Errorf("afterwards: %d records, %v", n, err)
	}
}

// Reading connections cannot change anything, whatever they are asked.
func TestReadersCannotWrite(t *testing.T) {
	s := newSystem(t, familyMap, family)
	before := s.dump(t)
	info, err := os.Stat(filepath.Join(s.dir, "target.db"))
	if err != nil {
		t.Fatal(err)
	}
	s.access(t, 0, mail(t, "ann@example.com")...)
	s.plan(t, mail(t, "ann@example.com")...)
	after, err := os.Stat(filepath.Join(s.dir, "target.db"))
	if err != nil || !after.ModTime().Equal(info.ModTime()) {
		t.Errorf("reading wrote to the file, %v", err)
	}
	if len(before) != len(s.dump(t)) {
		t.Error("reading changed rows")
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newSystem(t, familyMap, family)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			email, want := "ann@example.com", 11
			if i%2 == 1 {
				email, want = "cyd@example.com", 2
			}
			for range 5 {
				if n, err := s.tryAccess(t.Context(), t, email); err != nil || n != want {
					t.Errorf("%d records, want %d, %v", n, want, err)
				}
			}
		})
	}
	wg.Wait()
}

// A table that goes away while the system is open is named, the rest is still delivered; when it is back, so are its rows.
// What is said holds no value: people, keys, paths of files.
func TestMissingTableIsNamed(t *testing.T) {
	s := newSystem(t, familyMap, family)
	all, _ := s.access(t, 0, mail(t, "ann@example.com")...)
	s.exec(t, "ALTER TABLE comment RENAME TO elsewhere")
	for _, state := range []string{"open", "opened again"} {
		records, p := s.access(t, 0, mail(t, "ann@example.com")...)
		named := false
		for _, c := range p.Collections {
			if c.Outcome != connector.NotDone {
				continue
			}
			named = named || c.Collection == "comment"
			for _, word := range []string{"ann@", "Ann", s.dir} {
				if strings.Contains(c.Note, word) {
					t.Errorf("the note holds %q: %s", word, c.Note)
				}
			}
		}
		if !named || len(records) == 0 || len(records) >= len(all) {
			t.Errorf("%s: comment named %v, %d of %d records: %+v", state, named, len(records), len(all), p.Collections)
		}
		again, err := openIn(t, s.dir, familyMap)
		if err != nil {
			t.Fatal(err)
		}
		s.System = again
	}
	s.exec(t, "ALTER TABLE elsewhere RENAME TO comment")
	if records, _ := s.access(t, 0, mail(t, "ann@example.com")...); len(records) != len(all) {
		t.Errorf("%d records once the table is back, want %d", len(records), len(all))
	}
	if s.Close() != nil {
		t.Error("closing")
	}
	if _, err := s.tryAccess(t.Context(), t, "ann@example.com"); err == nil {
		t.Error("a closed connector answers")
	}
}

// FuzzFilter holds that a fixed filter of any words lets exactly the rows through that hold one of them.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"a", "", "'", `"; DROP TABLE t; --`, "042", "42", "1e2", " 7", "null", "\x00", "é", "0x10", "-0", "1.0", "9223372036854775808"} {
		f.Add(s)
	}
	dir, db := newDatabase(f, `CREATE TABLE t (id INTEGER PRIMARY KEY, email TEXT, txt TEXT, num NUMERIC, bare)`)
	values := []any{"a", "", "'", `"; DROP TABLE t; --`, "042", "42", 42, 42.0, "1e2", 100, " 7", 7, nil, "null", "é", 16, 0, "-0", 1, 1.5, "1.0", int64(9223372036854775807), 9223372036854775808.0, []byte("a")}
	for _, v := range values {
		if _, err := db.ExecContext(f.Context(), "INSERT INTO t (email, txt, num, bare) VALUES ('ann@example.com', ?1, ?1, ?1)", v); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, word string) {
		for _, column := range []string{"txt", "num", "bare"} {
			ds := &connector.Dataset{Key: "d", Collections: []*connector.Collection{{Name: "t", Where: []connector.Condition{{Field: column, Values: []connector.Value{connector.Text(word)}}}, Fields: []*connector.DataField{
				{Name: "id", Path: "id", PrimaryKey: true}, {Name: "email", Path: "email", Identity: "email"}, {Name: column, Path: column},
			}}}}
			all := *ds.Clone()
			all.Collections[0].Where = nil
			got, want := filtered(t, dir, ds), 0
			for _, r := range read(t, dir, &all) {
				// Bytes print as base64 and are no text: they equal only themselves.
				if v, _ := r.Get(column); v.Type() != connector.TypeBytes && connector.SameValue(v, connector.Text(word)) {
					want++
				}
			}
			if got != want {
				t.Errorf("column %s: %d rows, want %d", column, got, want)
			}
		}
	})
}

func filtered(t *testing.T, dir string, ds *connector.Dataset) int { return len(read(t, dir, ds)) }

func read(t *testing.T, dir string, ds *connector.Dataset) []*connector.Record {
	t.Helper()
	c, err := sql.SQLite().Open(t.Context(), connector.OpenInput{Settings: json.RawMessage(`{"path":"target.db"}`), Dataset: ds, BaseDir: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	records, _ := system{System: c.(*sql.System)}.access(t, 0, mail(t, "ann@example.com")...)
	return records
}
