package sqlitetable_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// marked returns a body of the size that says its mark at the beginning, every 200 bytes and at the end.
func marked(mark string, size int) string {
	chunk := mark + strings.Repeat(".", 200)
	body := strings.Repeat(chunk, size/len(chunk)+1)
	return body[:max(0, size-len(mark))] + mark
}

// remains counts the marks in everything that lies beside the file, the file included.
func remains(t *testing.T, path string, marks []string) (found int) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v; want the file, its log and its shared memory", len(files), err)
	}
	var all []byte
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
	}
	for _, m := range marks {
		if bytes.Contains(all, []byte(m)) {
			found++
		}
	}
	return found
}

// TestShreddedBodiesAreGone puts, replaces and deletes keys of very different sizes in random order, so that b-trees split
// and merge, and then searches the files for what was replaced or deleted.
func TestShreddedBodiesAreGone(t *testing.T) {
	for _, n := range []table.Name{table.CaseKeys, table.Tokens} {
		t.Run(string(n), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.db")
			s := openAt(t, path, sqlitetable.Options{})
			random := rand.New(rand.NewPCG(1, 2))
			size := func() int { return []int{40, 120, 500, 1100, 3500, 4090, 9000, 40000}[random.IntN(8)] }
			mark := func(kind string, i int) string { return fmt.Sprintf("<%s %06d of %s>", kind, i, n) }
			const items = 400
			var gone, kept []string
			for _, i := range random.Perm(items) {
				transact(t, s, put(key(n, fmt.Sprintf("%06d", i)), marked(mark("old", i), size())))
			}
			for _, i := range random.Perm(items) {
				k := key(n, fmt.Sprintf("%06d", i))
				gone = append(gone, mark("old", i))
				switch i % 4 {
				case 0:
					transact(t, s, put(k, marked(mark("new", i), size())))
					kept = append(kept, mark("new", i))
				default:
					transact(t, s, table.Write{Op: table.Delete, Item: table.Item{Key: k}, If: 1})
				}
			}
			if remains(t, path, gone) == 0 {
				t.Error("nothing is left before truncating: the search finds nothing")
			}
			if err := s.CheckpointTruncate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := remains(t, path, gone); left != 0 {
				t.Errorf("%d of %d shredded bodies are still in the files", left, len(gone))
			}
			if left := remains(t, path, kept); left != len(kept) {
				t.Errorf("%d of %d kept bodies are in the files: the search misses some", left, len(kept))
			}
		})
	}
}
