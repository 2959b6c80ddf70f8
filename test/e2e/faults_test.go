package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// Another program holds the database: the case waits, says so, and goes on by itself.
func TestALockedDatabaseIsWaitedFor(t *testing.T) {
	s := site(t)
	unlock := lock(t, s, "shop.db")
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	if st := r.WantStatus("in_progress"); len(st.Systems) != 1 || st.Systems[0].Progress != "waiting" || st.Systems[0].Outcome != "" {
		t.Errorf("while the shop is locked its state is %+v", st.Systems)
	}
	s.Advance("PT5M")
	r.WantStatus("in_progress")
	unlock()
	s.Advance("PT15M")
	r.WantStatus("fulfilled")
	r.Refresh()
	s.WantHeld(r.Fetch(), testkit.NoOrders)
	r.WantEvidence()
}

// The database is away and comes back.
func TestALostDatabaseIsWaitedFor(t *testing.T) {
	s := site(t)
	path := filepath.Join(s.Dir, "demo", "shop.db")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	r.WantStatus("in_progress")
	if _, err := os.Stat(path); err == nil {
		t.Fatal("an empty database was made in place of the one that is gone")
	}
	s.Advance("P1D")
	r.Refresh()
	r.WantStatus("in_progress")
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	s.Advance("PT15M")
	r.WantStatus("fulfilled")
	r.Refresh()
	s.WantHeld(r.Fetch(), testkit.NoOrders)
	r.WantEvidence()
}

// A system that stays away until shortly before the due date becomes a decision; the answer goes out without it, and says so.
func TestASystemThatStaysAwayIsDecidedBeforeTheDueDate(t *testing.T) {
	s := site(t)
	path := filepath.Join(s.Dir, "demo", "shop.db")
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	r := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	s.Set(r.WantStatus("in_progress").DueAt.Add(-49 * time.Hour))
	if tasks := staff(s).tasks(); len(tasks) != 0 {
		t.Fatalf("a person is asked too early: %+v", tasks)
	}
	s.Advance("PT2H")
	tasks := staff(s).tasks()
	if len(tasks) != 1 || tasks[0].System != "shop" {
		t.Fatalf("two days before the due date tasks are %+v", tasks)
	}
	staff(s).post("/tasks/"+tasks[0].ID+"/outcome", map[string]any{"outcome": "not_done", "reason": "The shop is being repaired."}, 200, 202)
	s.Settle()
	r.Refresh()
	st := r.WantStatus("partly_fulfilled")
	if len(st.Systems) != 1 || st.Systems[0].Outcome != "not_done" {
		t.Errorf("systems say %+v", st.Systems)
	}
	r.WantEvidence()
}

// A request continues where it was, however the process ended.
func TestRestartsContinue(t *testing.T) {
	for name, end := range map[string]func(*testkit.Site){"SIGTERM": (*testkit.Site).Stop, "SIGKILL": (*testkit.Site).Kill} {
		t.Run(name, func(t *testing.T) {
			s := site(t)
			accounts := s.First
			bounce := func() {
				end(s)
				s.Restart()
			}
			r := s.Ask("lumen", "access", testkit.NoOrders)
			s.Advance("PT7M")
			at := s.Now()
			bounce()
			if !s.Now().Equal(at) {
				t.Errorf("the clock was %s and is %s", at, s.Now())
			}
			if len(s.First.Tokens) != len(accounts.Tokens) || s.First.Tokens[0].Token != accounts.Tokens[0].Token {
				t.Error("a restart made new accounts")
			}
			unlock := lock(t, s, "shop.db")
			r.Enter(r.Code())
			bounce()
			s.Eventually("the request goes on", 20*time.Second, func() bool { return r.Status().Status == "in_progress" })
			unlock()
			bounce()
			s.Advance("PT15M")
			r.WantStatus("fulfilled")
			bounce()
			r.WantStatus("fulfilled")
			r.Refresh()
			s.WantHeld(r.Fetch(), testkit.NoOrders)
			r.WantEvidence()
			if n := len(r.Subjects()); n != 4 {
				t.Errorf("letters are %q: want code, acknowledgement, answer and the code for the download", r.Subjects())
			}
		})
	}
}

// The list indexes lag, as they may on DynamoDB: nothing is lost and nothing happens twice.
func TestLaggingIndexesChangeNothing(t *testing.T) {
	s := site(t, testkit.Args("--index-lag", "200ms"))
	r := s.Ask("lumen", "access", testkit.TwoMails).Verify()
	r.WantStatus("fulfilled")
	s.WantHeld(r.Fetch(), testkit.TwoMails)
	if n := len(r.Subjects()); n != 3 {
		t.Errorf("letters are %q", r.Subjects())
	}
	forgotten := s.Ask("lumen", "access", testkit.NoOrders)
	s.Advance("P15D")
	s.Eventually("the letter that the request expired", 20*time.Second, func() bool { s.Settle(); return len(forgotten.Subjects()) == 2 })
	forgotten.Mail("was not confirmed")
	unlock := lock(t, s, "shop.db")
	w := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	unlock()
	s.Advance("PT20M")
	w.WantStatus("fulfilled")
	w.WantEvidence()
}
