package long

import (
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/habeas-dsar/habeas/test/testkit"
)

const (
	people   = 200
	drivers  = 24
	leastEnd = 30 // kills
	perKill  = 7  // requests that may begin for every kill, so that kills meet all of them in every phase
)

// TestKilledAgainAndAgain drives two hundred requests while the process is killed at random instants. Every one of them must
// end right: answered in full, each letter written exactly once, the evidence whole, nothing left running.
func TestKilledAgainAndAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	s := kit.Start(t)
	box := testkit.OutboxPost(filepath.Join(s.Dir, "outbox"))
	cases := make([]*driven, 0, people)
	for _, email := range customers(t, s, people) {
		cases = append(cases, &driven{Persistent: testkit.Persistent{Request: testkit.Request{Site: s, Tenant: "lumen", Email: email}, Right: "access", Post: box}})
	}
	var kills atomic.Int64
	var done sync.WaitGroup
	next := make(chan *driven)
	for range drivers {
		done.Go(func() {
			for c := range next {
				c.drive()
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		for n, c := range cases {
			for int64(n) > (kills.Load()+1)*perKill {
				time.Sleep(5 * time.Millisecond)
			}
			next <- c
		}
		close(next)
		done.Wait()
		close(finished)
	}()
	deadline := time.After(10 * time.Minute)
	for over := false; !over || kills.Load() < leastEnd; {
		select {
		case <-finished:
			over = true
		case <-deadline:
			t.Fatalf("after %d kills the requests are still not answered", kills.Load())
		case <-time.After(time.Duration(20+rng.IntN(500)) * time.Millisecond):
		}
		s.Kill()
		kills.Add(1)
		s.Restart()
		// What waits for its time goes on; the process may be killed while it does.
		go func() { _, _ = s.Try("POST", "/dev/clock", "", map[string]string{"advance": "PT20S"}) }()
	}
	t.Logf("%d kills", kills.Load())
	s.Advance("PT15M")
	judge(t, s, cases, box)
}

// customers returns addresses of customers with a plain life, spread over the whole shop.
func customers(t *testing.T, s *testkit.Site, n int) []string {
	t.Helper()
	rows, err := s.Open("shop.db").Query(`SELECT email FROM customers c WHERE id > 100 AND id % 5 = 3
		AND (SELECT count(*) FROM orders o WHERE o.customer_id = c.id) BETWEEN 1 AND 40 ORDER BY id LIMIT ?`, n)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var email string
		if err := rows.Scan(&email); err != nil {
			t.Fatal(err)
		}
		out = append(out, email)
	}
	if len(out) != n || rows.Err() != nil {
		t.Fatalf("%d customers, %v", len(out), rows.Err())
	}
	return out
}

// driven is one request with a person who does not give up.
type driven struct {
	testkit.Persistent
	fetched int // packages fetched between kills
}

func (c *driven) drive() {
	c.Drive(5*time.Minute, c.Submit, c.Confirm, c.Await("fulfilled"), c.fetch)
}

// fetch tries to fetch the package between kills, once; whether it is whole is judged at the end.
func (c *driven) fetch(time.Time) string {
	a := c.Send("POST", c.Path("/package"), c.Session, map[string]any{})
	if a == nil || a.Status != 200 {
		return ""
	}
	var in struct{ URL string }
	a.JSON(&in)
	if a = c.Send("POST", in.URL, c.Session, map[string]int{"volume": 1}); a != nil && a.Status == 200 {
		c.fetched++
		if _, err := testkit.OpenPackage(a.Body); err != nil {
			return "a package fetched between kills: " + err.Error()
		}
	}
	return ""
}

// judge looks at everything once the killing is over.
func judge(t *testing.T, s *testkit.Site, cases []*driven, box *testkit.Post) {
	t.Helper()
	lost, asked, fetched := 0, 0, 0
	for _, c := range cases {
		lost, asked, fetched = lost+c.Lost, asked+c.Asked, fetched+c.fetched
		if c.Problem != "" {
			continue
		}
		letters(t, box, c)
		r := c.Request
		r.Refresh()
		st := r.WantStatus("fulfilled")
		if len(st.Systems) != 1 || st.Systems[0].Outcome != "found" {
			t.Errorf("%s: systems say %+v", r.Reference, st.Systems)
		}
		s.WantHeld(r.Fetch(), r.Email)
		r.WantEvidence()
	}
	t.Logf("%d submissions without an answer, %d codes asked for again, %d packages fetched between kills", lost, asked, fetched)
	// Cases of lost submissions have no reader: they expire, with a letter each.
	s.Advance("P15D")
	mails := box.Letters(t)
	orphans := map[string][]string{}
	known := map[string]bool{}
	for _, c := range cases {
		known[c.Reference] = true
	}
	for _, m := range mails {
		if !known[m.Reference] {
			orphans[m.Reference] = append(orphans[m.Reference], m.Kind)
		}
	}
	if len(orphans) > lost {
		t.Errorf("%d requests that nobody made", len(orphans))
	}
	for reference, kinds := range orphans {
		if strings.Join(kinds, "|") != "Confirm your request|Your request was not confirmed" {
			t.Errorf("%s, whose answer was lost: letters are %q", reference, kinds)
		}
	}
	s.Stop()
	nothingRuns(t, filepath.Join(s.Dir, "workflow.db"))
	if len(s.Stderr()) > 0 {
		t.Logf("the command said:\n%.4000s", s.Stderr())
	}
}

// nothingRuns fails the test when an execution is left running or ended otherwise than well. A generation that was taken over
// is stopped on purpose.
func nothingRuns(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query("SELECT machine, status, error, count(*) FROM executions GROUP BY 1, 2, 3")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	ended := 0
	for rows.Next() {
		var machine, status, cause string
		var n int
		if err := rows.Scan(&machine, &status, &cause, &n); err != nil {
			t.Fatal(err)
		}
		t.Logf("executions of %s: %d %s %s", machine, n, status, cause)
		if status == "SUCCEEDED" {
			ended += n
		} else if status != "ABORTED" || cause != "superseded" {
			t.Errorf("%d executions of %s are %s %s", n, machine, status, cause)
		}
	}
	if rows.Err() != nil || ended < people {
		t.Errorf("%d executions ended well, %v", ended, rows.Err())
	}
}
