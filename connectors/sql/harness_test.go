package sql_test

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/habeas-dsar/habeas/connectors/sql"
	"github.com/habeas-dsar/habeas/shared/connector"
	"github.com/habeas-dsar/habeas/shared/connector/datamap"
	"github.com/habeas-dsar/habeas/shared/connector/enginetest"
	"github.com/habeas-dsar/habeas/shared/connector/spool"
	"github.com/habeas-dsar/habeas/shared/subject"
)

// system is a connector over a fresh database.
type system struct {
	*sql.System
	db  *stdsql.DB
	dir string
}

// newDatabase makes a database file from statements and returns its folder.
func newDatabase(t testing.TB, statements ...string) (dir string, db *stdsql.DB) {
	t.Helper()
	dir = t.TempDir()
	db, err := stdsql.Open("sqlite", filepath.Join(dir, "target.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return dir, db
}

func readDataset(t testing.TB, yaml string) *connector.Dataset {
	t.Helper()
	loaded, err := datamap.Load([]byte(yaml))
	if err != nil {
		t.Fatalf("reading the data map: %v", err)
	}
	return loaded.Datasets[0]
}

func openIn(t testing.TB, dir, yaml string) (*sql.System, error) {
	t.Helper()
	c, err := sql.SQLite().Open(t.Context(), connector.OpenInput{
		Settings: json.RawMessage(`{"path":"target.db"}`), Dataset: readDataset(t, yaml), BaseDir: dir, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*sql.System), nil
}

func newSystem(t testing.TB, yaml string, statements ...string) system {
	t.Helper()
	dir, db := newDatabase(t, statements...)
	s, err := openIn(t, dir, yaml)
	if err != nil {
		t.Fatal(err)
	}
	return system{s, db, dir}
}

func (s system) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (s system) count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := s.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// collector is a sink that keeps everything, and is full after a number of items.
type collector[T any] struct {
	items    []T
	copy     func(T) T
	fullFrom int
	put      int
}

func (c *collector[T]) Put(_ context.Context, item T) error {
	c.items, c.put = append(c.items, c.copy(item)), c.put+1
	return nil
}

func (c *collector[T]) Full() bool { return c.fullFrom > 0 && c.put >= c.fullFrom }

func once(ctx context.Context, request func(context.Context) error) error { return request(ctx) }

func newSpool(t testing.TB) connector.Spool {
	t.Helper()
	return spool.New(enginetest.NewStore(), enginetest.NewKeys(t), "spool", 1, 8<<20)
}

func identifier(t testing.TB, kind subject.Kind, value string) subject.Identifier {
	t.Helper()
	id, err := subject.New(kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func mail(t testing.TB, address string) []subject.Identifier {
	t.Helper()
	return []subject.Identifier{identifier(t, subject.Email, address)}
}

// access reads everything about a person, in calls of perCall records (0 = one call).
func (s system) access(t testing.TB, perCall int, ids ...subject.Identifier) ([]*connector.Record, connector.Progress) {
	t.Helper()
	sink := &collector[*connector.Record]{copy: (*connector.Record).Clone, fullFrom: perCall}
	call := connector.Call{Identifiers: ids, Spool: newSpool(t), Records: sink, Request: once}
	for range 10_000 {
		p, err := s.Access(t.Context(), call)
		if err != nil {
			t.Fatalf("access: %v", err)
		}
		if p.Finished {
			return sink.items, p
		}
		call.Cursor, sink.put = p.Cursor, 0
	}
	t.Fatal("access never finished")
	return nil, connector.Progress{}
}

// lines writes records as JSON lines with their collection, sorted.
func lines(records []*connector.Record) []string {
	var list []string
	for _, r := range records {
		list = append(list, r.Collection+" "+string(r.AppendJSON(nil)))
	}
	slices.Sort(list)
	return list
}

// keysOf lists "collection key" of records, sorted.
func keysOf(records []*connector.Record) []string {
	var list []string
	for _, r := range records {
		var parts []string
		for _, v := range r.Key {
			if v.IsNull() {
				parts = append(parts, "NULL")
			} else {
				parts = append(parts, fmt.Sprintf("%q", v.RevealText()))
			}
		}
		list = append(list, r.Collection+" "+strings.Join(parts, ","))
	}
	slices.Sort(list)
	return list
}

func (s system) plan(t testing.TB, ids ...subject.Identifier) []connector.Change {
	t.Helper()
	sink := &collector[connector.Change]{copy: func(c connector.Change) connector.Change {
		c.Key = slices.Clone(c.Key)
		return c
	}}
	p, err := s.PlanErasure(t.Context(), connector.Call{Identifiers: ids, Spool: newSpool(t), Changes: sink, Request: once})
	if err != nil || !p.Finished {
		t.Fatalf("planning erasure: finished %v, %v", p.Finished, err)
	}
	slices.SortStableFunc(sink.items, func(a, b connector.Change) int { return a.Rank - b.Rank })
	return sink.items
}

// batches cuts a plan into runs of one collection and action.
func batches(plan []connector.Change) [][]connector.Change {
	var list [][]connector.Change
	for _, c := range plan {
		n := len(list)
		if n == 0 || list[n-1][0].Collection != c.Collection || list[n-1][0].Action != c.Action {
			list = append(list, nil)
			n++
		}
		list[n-1] = append(list[n-1], c)
	}
	return list
}

// erase applies and verifies a plan and returns how often each effect of applying occurred.
func (s system) erase(t testing.TB, plan []connector.Change) map[connector.Effect]int {
	t.Helper()
	effects := map[connector.Effect]int{}
	for _, b := range batches(plan) {
		got, err := s.ApplyErasure(t.Context(), b)
		if err != nil {
			t.Fatalf("erasing %s: %v", b[0].Collection, err)
		}
		for _, e := range got {
			effects[e]++
		}
		verified, err := s.VerifyErasure(t.Context(), b)
		if err != nil {
			t.Fatalf("verifying %s: %v", b[0].Collection, err)
		}
		for i, e := range verified {
			if e != connector.EffectDone && got[i] != connector.EffectOwner {
				t.Errorf("%v is not in its end state", b[i])
			}
		}
	}
	return effects
}

// openFile opens a database as its application would.
func openFile(t testing.TB, path string) *stdsql.DB {
	t.Helper()
	db, err := stdsql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
