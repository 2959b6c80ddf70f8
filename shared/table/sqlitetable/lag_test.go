package sqlitetable_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

func indexBodies(t *testing.T, s *sqlitetable.Store) string {
	t.Helper()
	page, err := s.Query(t.Context(), table.Query{Table: table.Cases, PK: "i", Index: true})
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, it := range page.Items {
		all += string(it.Body)
	}
	return all
}

func indexPut(sk, isk, body string) table.Write {
	w := put(key(table.Cases, sk), body)
	w.Item.IPK, w.Item.ISK = "i", isk
	return w
}

// TestLag holds lag mode to its promise: for at least Lag the index says what it said, then it catches up commit by
// commit; the main key knows at once.
func TestLag(t *testing.T) {
	const lag = 150 * time.Millisecond
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path, sqlitetable.Options{Lag: lag})
	begun := time.Now()
	transact(t, s, indexPut("s", "1", "old"))
	wantBody(t, s, key(table.Cases, "s"), "old")
	for seen := ""; seen == ""; {
		seen = indexBodies(t, s)
		if after := time.Since(begun); seen != "" && after < lag {
			t.Fatalf("the index knew after %s", after)
		} else if after > 20*time.Second {
			t.Fatal("the index never learns")
		}
	}

	written := time.Now()
	transact(t, s, indexPut("s", "2", "new"))
	transact(t, s, indexPut("t", "1", "second"), put(key(table.Cases, "u"), "in no index"))
	transact(t, s, table.Write{Op: table.Delete, Item: table.Item{Key: key(table.Cases, "s")}, If: 2})
	states := []string{indexBodies(t, s)}
	if after := time.Since(written); after < lag && states[0] != "old" {
		t.Errorf("%s after the writes the index says %q", after, states[0])
	}
	for states[len(states)-1] != "second" {
		if now := indexBodies(t, s); now != states[len(states)-1] {
			states = append(states, now)
		}
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("the index stays at %q", states)
		}
	}
	// Some states may go by between two reads, but their order is that of the commits.
	order := map[string]int{"old": 0, "new": 1, "secondnew": 2, "second": 3}
	for i, state := range states {
		place, known := order[state]
		if !known || i > 0 && place <= order[states[i-1]] {
			t.Errorf("the index went through %q", states)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	again := openAt(t, path, sqlitetable.Options{Lag: lag})
	if got := indexBodies(t, again); got != "second" {
		t.Errorf("after opening again the index says %q", got)
	}
}

// TestNoLag is the other mode: the index knows with the commit.
func TestNoLag(t *testing.T) {
	s := open(t, sqlitetable.Options{})
	want := ""
	for i := range 20 {
		n := fmt.Sprintf("%02d ", i)
		want += n
		transact(t, s, indexPut(n, n, n))
		if got := indexBodies(t, s); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
