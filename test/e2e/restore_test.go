package e2e

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// habeas runs the command and returns its stdout and exit code.
func habeas(t *testing.T, args ...string) (out []byte, code int) {
	t.Helper()
	cmd := exec.Command(kit.Binary(t), args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	t.Logf("habeas %s: %d\n%s%s", strings.Join(args, " "), code, out, said.String())
	return out, code
}

// restored is what restore-check prints.
type restored struct {
	Entries, Back, Left int
	Cases               []struct {
		Reference   string
		Collections []struct {
			Name                            string
			Erased, Back, Outside, Replayed int
		}
	}
}

func restoreCheck(t *testing.T, code int, args ...string) restored {
	t.Helper()
	out, got := habeas(t, append([]string{"restore-check", "--system", "shop", "--json"}, args...)...)
	if got != code {
		t.Fatalf("restore-check ends with %d, want %d", got, code)
	}
	var r restored
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("restore-check prints %s", out)
	}
	return r
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dump returns every row of the shop as text, by table.
func dump(s *testkit.Site) map[string][]string {
	s.Helper()
	db := s.Open("shop.db")
	defer db.Close()
	out := map[string][]string{}
	for name := range strings.FieldsSeq(query(s, db, "SELECT group_concat(name, ' ') FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")[0]) {
		out[name] = query(s, db, "SELECT * FROM "+name+" ORDER BY 1, 2")
	}
	return out
}

func query(s *testkit.Site, db *sql.DB, text string) (list []string) {
	s.Helper()
	rows, err := db.Query(text)
	if err != nil {
		s.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	for err == nil && rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		err = rows.Scan(row...)
		var b strings.Builder
		for _, v := range row {
			fmt.Fprintf(&b, "%v|", *v.(*any))
		}
		list = append(list, strings.TrimSuffix(b.String(), "|"))
	}
	if err = errors.Join(err, rows.Err()); err != nil {
		s.Fatal(err)
	}
	return list
}

// The shop is restored from a backup that is older than an erasure: what came back is found, and erased again, and nothing else
// is: row by row the shop is what it was after the first time.
func TestARestoredSystemIsFoundAndErasedAgain(t *testing.T) {
	s := site(t)
	shop := filepath.Join(s.Dir, "demo", "shop.db")
	s.Stop()
	copyFile(t, shop, shop+".backup")
	s.Restart()
	before := dump(s)
	r := s.Ask("lumen", "erasure", testkit.Typical).Verify()
	staff(s).approvePlan(staff(s).find(r.Reference).ID)
	r.Refresh().WantStatus("fulfilled")
	after := dump(s)
	if cmp.Equal(before, after) {
		t.Fatal("nothing was erased")
	}
	online := []string{"--server", s.URL, "--token", s.Token("admin")}
	if c := restoreCheck(t, 0, online...); c.Entries != 1 || c.Back != 0 {
		t.Fatalf("right after the erasure: %+v", c)
	}
	s.Stop()
	copyFile(t, shop+".backup", shop)
	offline := []string{"--data", s.Dir}
	c := restoreCheck(t, 1, offline...)
	if c.Back == 0 || c.Left != c.Back || len(c.Cases) != 1 || c.Cases[0].Reference == "" || len(c.Cases[0].Collections) < 3 {
		t.Fatalf("after the restore: %+v", c)
	}
	if d := cmp.Diff(before, dump(s)); d != "" {
		t.Fatalf("looking changed the shop:\n%s", d)
	}
	if _, code := habeas(t, append([]string{"restore-check", "--system", "shop", "--apply", "--approved-by", "admin@staff.test"}, offline...)...); code != 1 {
		t.Errorf("somebody who decides no case approved: %d", code)
	}
	if again := restoreCheck(t, 0, append(offline, "--apply", "--approved-by", "approver@staff.test")...); again.Back != c.Back || again.Left != 0 {
		t.Fatalf("erasing again: %+v", again)
	}
	if d := cmp.Diff(after, dump(s)); d != "" {
		t.Errorf("the shop is not what it was after the first erasure:\n%s", d)
	}
	s.Restart()
	if c := restoreCheck(t, 0, online...); c.Back != 0 {
		t.Errorf("after erasing again: %+v", c)
	}
}

// Everything is lost but a backup and the key file: what waited goes on.
func TestAnInstallationComesBackFromItsBackup(t *testing.T) {
	s := site(t)
	r := s.Ask("lumen", "access", testkit.Typical)
	code := r.Code()
	dir := t.TempDir()
	file, key := filepath.Join(dir, "habeas.backup"), filepath.Join(dir, "master.key")
	if out, code := habeas(t, "backup", "--data", s.Dir, "--out", file, "--json"); code != 0 || !json.Valid(out) {
		t.Fatalf("the backup ends with %d", code)
	}
	copyFile(t, filepath.Join(s.Dir, "master.key"), key)
	s.Kill()
	for _, name := range []string{"habeas.db", "habeas.db-wal", "habeas.db-shm", "workflow.db", "workflow.db-wal", "workflow.db-shm", "objects", "master.key"} {
		if err := os.RemoveAll(filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, code := habeas(t, "restore", "--data", s.Dir, "--from", file); code != 1 {
		t.Errorf("a restore without the key file ends with %d", code)
	}
	out, exit := habeas(t, "restore", "--data", s.Dir, "--from", file, "--master-key", key, "--json")
	var done struct{ TakenOver, Records int }
	if exit != 0 || json.Unmarshal(out, &done) != nil || done.TakenOver != 1 || done.Records == 0 {
		t.Fatalf("the restore ends with %d: %s", exit, out)
	}
	s.Restart()
	r.Enter(code)
	s.Settle()
	r.WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.Typical)
	r.WantEvidence()
}
