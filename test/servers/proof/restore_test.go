package proof

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// restored is what restore-check prints.
type restored struct {
	Entries, Back, Left int
	Cases               []struct{ Reference string }
}

// TestWhatABackupBringsBackIsErasedAgain restores the database from a dump that is older than an erasure. restore-check finds
// what came back, erases it again when told to, and touches nobody else.
func TestWhatABackupBringsBackIsErasedAgain(t *testing.T) {
	s := site(t)
	d := newStore(t, newServer(t), 10)
	d.register(s, d.Server.Port)
	backup := filepath.Join(t.TempDir(), "store.dump")
	program(t, d.Server.Program("pg_dump"), "--format=custom", "--file", backup, "--dbname", d.URL())
	before := d.dump(t)
	first := s.Ask(tenant, "erasure", email(3)).Verify()
	first.Approve()
	second := s.Ask(tenant, "erasure", email(4)).Verify() // of the same household
	second.Approve()
	erased := map[int]string{3: "erasure", 4: "erasure"}
	d.wantExactly(t, before, erased)
	after := d.dump(t)
	operations := s.NewStaff("operations", "admin,approver")
	check := func(code int, more ...string) restored {
		t.Helper()
		args := append([]string{"restore-check", "--system", "store", "--json", "--server", s.URL, "--token", operations, "--tenant", tenant}, more...)
		var said strings.Builder
		cmd := exec.Command(kit.Binary(t), args...)
		cmd.Stderr = &said
		out, err := cmd.Output()
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		var r restored
		if err := json.Unmarshal(out, &r); got != code || err != nil {
			t.Fatalf("restore-check ends with %d, want %d: %s, %v: %s", got, code, out, err, said.String())
		}
		return r
	}
	if r := check(0); r.Entries != 2 || r.Back != 0 {
		t.Errorf("right after the erasures: %+v", r)
	}

	program(t, d.Server.Program("pg_restore"), "--clean", "--if-exists", "--no-owner", "--dbname", d.URL(), backup)
	if diff := cmp.Diff(before, d.dump(t)); diff != "" {
		t.Fatalf("the backup did not bring everything back:\n%.3000s", diff)
	}
	found := check(1)
	if found.Entries != 2 || found.Back == 0 || found.Left != found.Back || len(found.Cases) != 2 {
		t.Errorf("after the restore: %+v", found)
	}
	if diff := cmp.Diff(before, d.dump(t)); diff != "" {
		t.Errorf("looking changed the store:\n%.3000s", diff)
	}
	if again := check(0, "--apply"); again.Back != found.Back || again.Left != 0 {
		t.Errorf("erasing again: %+v", again)
	}
	if diff := cmp.Diff(after, d.dump(t)); diff != "" {
		t.Errorf("the store is not what it was after the first erasure:\n%.3000s", diff)
	}
	if r := check(0); r.Back != 0 {
		t.Errorf("a last look: %+v", r)
	}
}

func program(t *testing.T, path string, args ...string) {
	t.Helper()
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(path), err, out)
	}
}
