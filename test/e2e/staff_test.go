package e2e

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// desk is a member of the privacy team at the staff API.
type desk struct{ s *testkit.Site }

func staff(s *testkit.Site) desk { return desk{s} }

type staffCase struct {
	ID, Reference, Status string
	Response              *struct{ Hash string }
}

type staffTask struct {
	ID, System, Action string
	Asked              struct {
		Why     string
		Answers []string
	}
}

func (d desk) get(path string, into any) {
	d.s.Helper()
	d.s.Call("GET", "/api/v1"+path, d.s.Token("approver"), nil).Want(200).JSON(into)
}

// post acts as an approver; any of the statuses is well.
func (d desk) post(path string, body any, want ...int) {
	d.s.Helper()
	if a := d.s.Call("POST", "/api/v1"+path, d.s.Token("approver"), body); !slices.Contains(want, a.Status) {
		a.Want(want[0])
	}
}

// find returns the case of a reference.
func (d desk) find(reference string) staffCase {
	d.s.Helper()
	var list struct{ Cases []staffCase }
	d.get("/cases?q="+reference, &list)
	if len(list.Cases) != 1 || list.Cases[0].Reference != reference {
		d.s.Fatalf("searching for a reference found %+v", list.Cases)
	}
	var c staffCase
	d.get("/cases/"+list.Cases[0].ID, &c)
	return c
}

func statusOf(s *testkit.Site, reference string) string {
	s.Helper()
	return staff(s).find(reference).Status
}

func (d desk) tasks() []staffTask {
	d.s.Helper()
	var list struct{ Tasks []staffTask }
	d.get("/tasks", &list)
	return list.Tasks
}

// autopilot changes whether answers of a system leave without a look.
func (d desk) autopilot(system string, on bool) {
	d.s.Helper()
	var sys map[string]any
	d.s.Call("GET", "/api/v1/systems/"+system, d.s.Token("admin"), nil).Want(200).JSON(&sys)
	change := map[string]any{"autopilot": on}
	for _, field := range []string{"title", "kind", "owner", "settings", "secrets", "dataset", "recipients", "rights", "facts"} {
		if v, ok := sys[field]; ok {
			change[field] = v
		}
	}
	d.s.Call("PUT", "/api/v1/systems/"+system, d.s.Token("admin"), change).Want(200)
}

// lock takes a database of the demo for another process's writing, so that nobody can even read it.
func lock(t *testing.T, s *testkit.Site, name string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.Dir, "demo", name)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	done := false
	unlock = func() {
		if done {
			return
		}
		done = true
		if _, err := db.Exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	}
	t.Cleanup(unlock)
	return unlock
}
