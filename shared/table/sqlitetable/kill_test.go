package sqlitetable_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/habeas-dsar/habeas/shared/fault"
	"github.com/habeas-dsar/habeas/shared/table"
	"github.com/habeas-dsar/habeas/shared/table/sqlitetable"
)

// childFile names the record file to a test binary that is started to be killed.
const childFile = "SQLITETABLE_TEST_CHILD_FILE"

const killWriters = 6

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		writeUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func killKey(n table.Name, writer int, sk string) table.Key {
	return table.Key{Table: n, PK: "writer" + strconv.Itoa(writer), SK: sk}
}

// killTransaction is the n-th transaction of a writer (from 1): it raises the head from n-1 to n and leaves a record of n in
// two other tables.
func killTransaction(writer, n int) []table.Write {
	body := []byte(strings.Repeat(strconv.Itoa(n)+" ", 200+n%900))
	return []table.Write{
		{Op: table.Put, Item: table.Item{Key: killKey(table.Cases, writer, "head"), Body: []byte(strconv.Itoa(n))}, If: int64(n - 1)},
		{Op: table.Put, Item: table.Item{Key: killKey(table.Ledger, writer, fmt.Sprintf("%08d", n)), Body: body}},
		{Op: table.Put, Item: table.Item{Key: killKey(table.CaseKeys, writer, fmt.Sprintf("%08d", n)), Body: body}},
	}
}

// writeUntilKilled is the child: it says "writer n" on standard output after each transaction that was acknowledged.
func writeUntilKilled(path string) {
	s, err := sqlitetable.Open(path, sqlitetable.Options{})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	var wg sync.WaitGroup
	for writer := range killWriters {
		wg.Go(func() {
			n := 0
			if it, err := s.Get(context.Background(), killKey(table.Cases, writer, "head")); err == nil {
				n, _ = strconv.Atoi(string(it.Body))
			}
			for {
				n++
				if err := s.Transact(context.Background(), killTransaction(writer, n)...); err != nil {
					fmt.Println("error", err)
					return
				}
				fmt.Println(writer, n)
			}
		})
	}
	wg.Wait()
}

// TestNothingIsLostToKill kills a writing process at random instants. Every transaction that was acknowledged is there
// afterwards, and none in part.
func TestNothingIsLostToKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	before := make([]int, killWriters)
	for round := range 8 {
		acknowledged := killWriting(t, path, time.Duration(rand.IntN(120))*time.Millisecond)
		s, err := sqlitetable.Open(path, sqlitetable.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for writer := range killWriters {
			n := max(before[writer], acknowledged[writer])
			before[writer] = checkWriter(t, s, writer, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	total := 0
	for _, n := range before {
		total += n
	}
	if total < 100 {
		t.Errorf("only %d transactions: the process was killed before it wrote", total)
	}
}

// killWriting starts the child, kills it some time after its first acknowledgement and returns the last acknowledged number
// of each writer.
func killWriting(t *testing.T, path string, after time.Duration) map[int]int {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childFile+"="+path)
	var out bytes.Buffer
	started := make(chan struct{})
	child.Stdout = &signalling{to: &out, first: started}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-started:
	case <-time.After(30 * time.Second):
		t.Error("the process writes nothing")
	}
	time.Sleep(after)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	last := map[int]int{}
	lines := strings.Split(out.String(), "\n")
	for _, line := range lines[:len(lines)-1] { // what follows the last line break may be half a line
		var writer, n int
		if _, err := fmt.Sscan(line, &writer, &n); err != nil {
			t.Fatalf("the process says %q", line)
		}
		last[writer] = max(last[writer], n)
	}
	return last
}

// signalling closes first with the first write.
type signalling struct {
	to    *bytes.Buffer
	once  sync.Once
	first chan struct{}
}

func (s *signalling) Write(p []byte) (int, error) {
	s.once.Do(func() { close(s.first) })
	return s.to.Write(p)
}

// checkWriter holds the records of one writer against the last acknowledged number and returns the last one that is there:
// that one or, if the kill came between commit and acknowledgement, the next.
func checkWriter(t *testing.T, s *sqlitetable.Store, writer, acknowledged int) int {
	t.Helper()
	head, err := s.Get(t.Context(), killKey(table.Cases, writer, "head"))
	if fault.Has(err, fault.NotFound) && acknowledged == 0 {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(head.Body))
	if err != nil || n < acknowledged || n > acknowledged+1 || head.Version != int64(n) {
		t.Errorf("writer %d: head %q of version %d, acknowledged %d", writer, head.Body, head.Version, acknowledged)
	}
	for _, name := range []table.Name{table.Ledger, table.CaseKeys} {
		q := table.Query{Table: name, PK: killKey(name, writer, "x").PK}
		found := 0
		for {
			page, err := s.Query(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range page.Items {
				found++
				want := killTransaction(writer, found)[1].Item
				if it.SK != want.SK || !bytes.Equal(it.Body, want.Body) {
					t.Errorf("writer %d: record %q where %q belongs, or another body", writer, it.SK, want.SK)
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
		if found != n {
			t.Errorf("writer %d: %d records in %s, head says %d", writer, found, name, n)
		}
	}
	return n
}
