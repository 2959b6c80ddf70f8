package sqlitetable_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// TestSnapshotIsOfOneInstant moves a coin between two tables, always in one transaction, while snapshots are taken: each must
// find it once.
func TestSnapshotIsOfOneInstant(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s, err := sqlitetable.Open(path, sqlitetable.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coin := func(n table.Name) table.Item {
		return table.Item{Key: table.Key{Table: n, PK: "purse", SK: "coin"}, IPK: "i", ISK: "1", Body: []byte("gold")}
	}
	if err := s.Transact(t.Context(), table.Write{Op: table.Put, Item: coin(table.Cases)}); err != nil {
		t.Fatal(err)
	}
	secret := table.Write{Op: table.Put, Item: table.Item{Key: table.Key{Table: table.Tokens, PK: "TOK", SK: "GRANT"}, Body: []byte("secret")}}
	if err := s.Transact(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		from, to := table.Cases, table.Ledger
		for {
			select {
			case <-done:
				return
			default:
			}
			err := s.Transact(t.Context(), table.Write{Op: table.Delete, Item: coin(from), If: table.AnyVersion}, table.Write{Op: table.Put, Item: coin(to), If: table.AnyVersion})
			if err != nil {
				t.Error(err)
				return
			}
			from, to = to, from
		}
	})
	for range 40 {
		var found []string
		err := sqlitetable.Snapshot(t.Context(), path, func(it table.Item) error {
			found = append(found, fmt.Sprint(it.Table, it.PK, it.SK, it.IPK, it.ISK, string(it.Body)))
			return nil
		}, table.Cases, table.Registry, table.Ledger)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || !strings.HasSuffix(found[0], "pursecoini1gold") {
			t.Fatalf("the snapshot holds %q", found)
		}
	}
	close(done)
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Without a writer there is no log beside the file.
	enough, n := errors.New("enough"), 0
	err = sqlitetable.Snapshot(t.Context(), path, func(table.Item) error { n++; return enough }, table.Cases, table.Ledger)
	if !errors.Is(err, enough) || n != 1 {
		t.Fatalf("an error of the caller gives %v after %d items", err, n)
	}
	if err := sqlitetable.Snapshot(t.Context(), filepath.Join(t.TempDir(), "none.db"), nil, table.Cases); err == nil || fault.ClassOf(err) == "" {
		t.Fatalf("a file that is not there: %v", err)
	}
}
