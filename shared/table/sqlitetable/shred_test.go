package sqlitetable_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// remains returns how many different marks of the kind are in everything that lies beside the file, the file included.
func remains(t *testing.T, path, kind string) int {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v; want the file, its log and its shared memory", len(files), err)
	}
	marks := regexp.MustCompile("<" + kind + " [0-9]{6}>")
	found := map[string]bool{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range marks.FindAll(raw, -1) {
			found[string(m)] = true
		}
	}
	return len(found)
}

// TestShreddedBodiesAreGone puts, replaces and deletes keys of many sizes in random order, so that b-trees split and merge,
// and then searches the files for what was replaced or deleted. Most bodies are small: those are the ones that rebalancing
// would copy.
func TestShreddedBodiesAreGone(t *testing.T) {
	const items = 3000
	for _, n := range []table.Name{table.CaseKeys, table.Tokens} {
		t.Run(string(n), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.db")
			s := openAt(t, path, sqlitetable.Options{})
			random := rand.New(rand.NewPCG(1, 2))
			size := func() int {
				if random.IntN(50) == 0 {
					return []int{3500, 4090, 9000, 40000}[random.IntN(4)]
				}
				return []int{40, 80, 120, 200, 300, 500, 800, 1100}[random.IntN(8)]
			}
			var writes []table.Write
			for _, i := range random.Perm(items) {
				writes = append(writes, put(key(n, fmt.Sprintf("%06d", i)), marked(fmt.Sprintf("<old %06d>", i), size())))
			}
			for _, i := range random.Perm(items) {
				w := put(key(n, fmt.Sprintf("%06d", i)), marked(fmt.Sprintf("<new %06d>", i), size()))
				if i%4 > 0 {
					w.Op = table.Delete
				}
				writes = append(writes, w)
			}
			for some := range slices.Chunk(writes, 4) {
				transact(t, s, some...)
			}
			if remains(t, path, "old") == 0 {
				t.Error("nothing is left before truncating: the search finds nothing")
			}
			if err := s.CheckpointTruncate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := remains(t, path, "old"); left != 0 {
				t.Errorf("%d shredded bodies are still in the files", left)
			}
			if left := remains(t, path, "new"); left != items/4 {
				t.Errorf("%d of %d kept bodies are in the files: the search misses some", left, items/4)
			}
		})
	}
}
