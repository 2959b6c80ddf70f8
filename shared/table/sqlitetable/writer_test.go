package sqlitetable

import (
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
)

// newWriter returns a writer that no goroutine runs, so that a test decides what is in a batch.
func newWriter(t *testing.T) *writer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.db")
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	c, err := dial(path, false, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	if err := prepareFile(c); err != nil {
		t.Fatal(err)
	}
	return &writer{conn: c, now: func() time.Time { return time.Unix(1000, 0) }}
}

func turnOf(writes ...table.Write) *turn {
	return &turn{request: request{writes: writes}, done: make(chan error, 1)}
}

func putIf(sk, body string, condition int64) table.Write {
	return table.Write{Op: table.Put, If: condition, Item: table.Item{Key: table.Key{Table: table.Cases, PK: "p", SK: sk}, Body: []byte(body)}}
}

// bodies returns "sk=body " of everything in the partition.
func bodies(t *testing.T, c *conn) string {
	t.Helper()
	all := ""
	err := c.query(ascending, table.Cases, func(row []driver.Value) bool {
		it := itemOf(table.Cases, row)
		all += fmt.Sprintf("%s=%s/%d ", it.SK, it.Body, it.Version)
		return true
	}, "p", "", above, int64(1000))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestBatchAnswersEachOnItsOwn(t *testing.T) {
	w := newWriter(t)
	batch := []*turn{
		turnOf(putIf("a", "one", 0), putIf("b", "one", 0)),
		turnOf(putIf("c", "two", 0), putIf("a", "two", 0)), // the first one has taken a
		turnOf(putIf("a", "three", 1)),                     // sees the first
		turnOf(putIf("d", "four", 0), putIf("b", "four", 7)),
		turnOf(putIf("c", "five", 0)), // the second left nothing
	}
	w.serve(batch)
	for i, conflict := range []bool{false, true, false, true, false} {
		err := <-batch[i].done
		if conflict != fault.Has(err, fault.Conflict) || !conflict && err != nil {
			t.Errorf("transaction %d: %v, want conflict=%t", i, err, conflict)
		}
	}
	if got, want := bodies(t, w.conn), "a=three/2 b=one/1 c=five/1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBatchFailsTogether breaks the file under a batch. Nobody is told of a success, and nobody of a conflict with what was
// rolled back.
func TestBatchFailsTogether(t *testing.T) {
	w := newWriter(t)
	if _, err := w.conn.once("CREATE TRIGGER broken BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'broken'); END"); err != nil {
		t.Fatal(err)
	}
	poison := putIf("x", "x", 0)
	poison.Item.Table = table.Ledger
	batch := []*turn{turnOf(putIf("a", "one", 0)), turnOf(putIf("a", "two", 0)), turnOf(poison), turnOf(putIf("b", "four", 0))}
	w.serve(batch)
	for i := range batch {
		if err := <-batch[i].done; !fault.Has(err, fault.Internal) {
			t.Errorf("transaction %d: %v", i, err)
		}
	}
	if got := bodies(t, w.conn); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	w.serve(batch[:2])
	if err := <-batch[0].done; err != nil {
		t.Errorf("after the failure: %v", err)
	}
	if err := <-batch[1].done; !fault.Has(err, fault.Conflict) {
		t.Errorf("after the failure: %v", err)
	}
}

func TestQueueBounds(t *testing.T) {
	q := newQueue()
	for range 2*batchRequests + 5 {
		q.push(turnOf(putIf("a", "x", 0)))
	}
	q.push(&turn{request: request{upkeep: func(*conn) error { return nil }}})
	q.push(turnOf(putIf("a", "x", 0)))
	large := strings.Repeat("x", 3<<20)
	for range 4 {
		q.push(turnOf(putIf("a", large, 0)))
	}
	left := turnOf(putIf("a", "x", 0))
	left.taken.Store(true)
	q.push(left)
	var sizes []int
	for len(q.waiting) > 0 {
		sizes = append(sizes, len(q.take(nil)))
	}
	if got, want := fmt.Sprint(sizes), fmt.Sprint([]int{batchRequests, batchRequests, 5, 1, 4, 1}); got != want {
		t.Errorf("batches of %s, want %s", got, want)
	}
	q.close()
	if got := q.next(nil); len(got) != 0 {
		t.Error("a closed queue has work")
	}
	if q.push(turnOf()) {
		t.Error("a closed queue takes work")
	}
}

func TestEveryTableHasItsPlace(t *testing.T) {
	seen := map[int]bool{}
	for _, n := range table.Names() {
		seen[tableNumber(n)] = true
	}
	if len(seen) != tables || len(table.Names()) != tables {
		t.Errorf("%d places for %d tables, %d named", len(seen), tables, len(table.Names()))
	}
}

// TestQueriesUseTheirIndex asks SQLite for its plans: no scan, no sort.
func TestQueriesUseTheirIndex(t *testing.T) {
	w := newWriter(t)
	for _, n := range table.Names() {
		for k, index := range map[kind]string{
			lookup: "_key (pk=? AND sk=?)", get: "_key (pk=? AND sk=?)", ascending: "_key (pk=? AND sk>? AND sk<?)",
			descending: "_key (pk=? AND sk>? AND sk<?)", indexAscending: "_index (ipk=? AND ", indexDescending: "_index (ipk=? AND ",
			sweep: "_expiry (expires<?)",
		} {
			var plan []string
			s, err := w.conn.raw.Prepare("EXPLAIN QUERY PLAN " + statement(k, n))
			if err != nil {
				t.Fatal(err)
			}
			rows, err := s.Query(make([]driver.Value, strings.Count(statement(k, n), "?"))) //nolint:staticcheck // the plan binds nothing; the driver offers both
			if err != nil {
				t.Fatal(err)
			}
			err = w.conn.each(rows, func(row []driver.Value) bool {
				plan = append(plan, text(row[3]))
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			all := strings.Join(plan, "; ")
			if !strings.Contains(all, string(n)+index) || strings.Contains(all, "SCAN") || strings.Contains(all, "TEMP") {
				t.Errorf("statement %d of %s: %s", k, n, all)
			}
		}
	}
}
