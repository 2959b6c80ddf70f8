package long

import (
	"database/sql"
	"fmt"
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
	box := &outbox{dir: filepath.Join(s.Dir, "outbox")}
	cases := make([]*driven, 0, people)
	for _, email := range customers(t, s, people) {
		cases = append(cases, &driven{request: testkit.Request{Site: s, Tenant: "lumen", Email: email}, box: box})
	}
	var kills atomic.Int64
	var done sync.WaitGroup
	next := make(chan *driven)
	for range drivers {
		done.Go(func() {
			for c := range next {
				c.drive(t)
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
	request testkit.Request
	box     *outbox
	lost    int // submissions whose answer was lost: each may have opened a case that nobody follows
	asked   int // times a new code was asked for
	fetched int // packages fetched between kills
	problem string
}

const pause = 25 * time.Millisecond

func (c *driven) drive(t *testing.T) {
	for _, step := range []func(end time.Time) string{c.submit, c.verify, c.await, c.fetch} {
		if problem := step(time.Now().Add(5 * time.Minute)); problem != "" {
			c.problem = problem
			t.Errorf("a request: %s", problem)
			return
		}
	}
}

func (c *driven) call(method, path, token string, body any) *testkit.Answer {
	a, err := c.request.Site.Try(method, path, token, body)
	if err != nil {
		return nil // killed before, while or after it was carried out
	}
	return a
}

func (c *driven) submit(end time.Time) string {
	for ; time.Now().Before(end); time.Sleep(pause) {
		a := c.call("POST", testkit.API("lumen"), "", map[string]any{"right": "access", "email": c.request.Email, "country": "DE"})
		switch {
		case a == nil:
			c.lost++
		case a.Status == 202:
			var in struct{ Reference string }
			a.JSON(&in)
			c.request.Reference = in.Reference
			return ""
		default:
			return fmt.Sprintf("submitting answers %d: %s", a.Status, a.Body)
		}
	}
	return "could not be submitted"
}

func (c *driven) verify(end time.Time) string {
	spent := map[string]bool{}
	quiet := time.Now()
	for ; time.Now().Before(end); time.Sleep(pause) {
		code := c.box.code(c.request.Email, c.request.Reference)
		if code == "" || spent[code] {
			// The code was spent, or it expired; a person asks for another one after a while.
			if len(spent) > 0 && time.Since(quiet) > time.Second {
				c.asked++
				quiet = time.Now()
				c.call("POST", c.request.Path("/code"), "", map[string]any{})
			}
			continue
		}
		quiet = time.Now()
		a := c.call("POST", c.request.Path("/verification"), "", map[string]string{"code": code})
		switch {
		case a == nil:
		case a.Status == 200:
			var in struct{ Session string }
			a.JSON(&in)
			c.request.Session = in.Session
			return ""
		case a.Status == 401:
			spent[code] = true
		default:
			return fmt.Sprintf("verifying answers %d: %s", a.Status, a.Body)
		}
	}
	return "could not be verified"
}

func (c *driven) await(end time.Time) string {
	last := ""
	for ; time.Now().Before(end); time.Sleep(4 * pause) {
		a := c.call("GET", c.request.Path(""), c.request.Session, nil)
		switch {
		case a == nil:
		case a.Status == 200:
			var st testkit.Status
			a.JSON(&st)
			if last = st.Status; last == "fulfilled" {
				return ""
			}
		case a.Status == 401: // half an hour has passed
			if problem := c.verify(end); problem != "" {
				return problem
			}
		default:
			return fmt.Sprintf("the status answers %d: %s", a.Status, a.Body)
		}
	}
	return "is not fulfilled but " + last
}

// fetch tries to fetch the package between kills, once; whether it is whole is judged at the end.
func (c *driven) fetch(time.Time) string {
	a := c.call("POST", c.request.Path("/package"), c.request.Session, map[string]any{})
	if a == nil || a.Status != 200 {
		return ""
	}
	var in struct{ URL string }
	a.JSON(&in)
	if a = c.call("POST", in.URL, c.request.Session, map[string]int{"volume": 1}); a != nil && a.Status == 200 {
		c.fetched++
		if _, err := testkit.OpenPackage(a.Body); err != nil {
			return "a package fetched between kills: " + err.Error()
		}
	}
	return ""
}

// judge looks at everything once the killing is over.
func judge(t *testing.T, s *testkit.Site, cases []*driven, box *outbox) {
	t.Helper()
	lost, asked, fetched := 0, 0, 0
	for _, c := range cases {
		lost, asked, fetched = lost+c.lost, asked+c.asked, fetched+c.fetched
		if c.problem != "" {
			continue
		}
		box.judge(t, c)
		r := c.request
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
	mails := box.read(t)
	orphans := map[string][]string{}
	known := map[string]bool{}
	for _, c := range cases {
		known[c.request.Reference] = true
	}
	for _, m := range mails {
		if !known[m.reference] {
			orphans[m.reference] = append(orphans[m.reference], m.kind)
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
