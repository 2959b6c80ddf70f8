package proof

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/servers/postbox"
	"github.com/habeas-dsar/habeas/test/servers/postgres"
	"github.com/habeas-dsar/habeas/test/testkit"
)

const (
	households  = 120 // of two
	asking      = 110 // households of which the first has a case
	askingBoth  = 90  // households of which the second has one, too
	drivers     = 24
	leastKills  = 30
	longestLife = 5 * time.Second
	perKill     = 7 // requests that may begin for every kill, so that kills meet all of them in every phase
)

// TestKilledAgainAndAgain drives two hundred requests of people who share homes and orders while the process is killed at random
// instants. Every one must end right, every letter come at most once, and the database differ by exactly what was approved.
func TestKilledAgainAndAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	box := postbox.Start(t)
	s := site(t, testkit.Args("--smtp", box.Addr))
	d := newStore(t, newServer(t), households)
	d.register(s, d.Server.Port)
	before := d.dump(t)
	people := map[int]*person{}
	for i, right := range mixed(asking, askingBoth) {
		people[i] = newPerson(s, box.Post, i, right)
	}
	if len(people) != 200 {
		t.Fatalf("%d people ask", len(people))
	}
	team := newDesk(s)
	var kills atomic.Int64
	finished, stop := make(chan struct{}), make(chan struct{})
	var office sync.WaitGroup
	office.Go(func() { team.work(stop) })
	go func() {
		defer close(finished)
		driveAll(people, 4*time.Minute, func(n int) bool { return int64(n) <= (kills.Load()+1)*perKill })
	}()
	deadline := time.After(6 * time.Minute)
	life := longestLife / 10
	for over := false; !over || kills.Load() < leastKills; {
		select {
		case <-finished:
			over = true
		case <-deadline:
			t.Fatalf("after %d kills the requests are still not answered", kills.Load())
		case <-time.After(life):
		}
		s.Kill()
		kills.Add(1)
		start := time.Now()
		s.Restart()
		// A life lasts up to twice as long as a start, so that a busy machine gets as much done in it as an idle one.
		life = min(20*time.Millisecond+time.Duration(rng.Float64()*2*float64(time.Since(start))), longestLife)
		// What waits for its time goes on; the process may be killed while it does.
		go func() { _, _ = s.Try("POST", "/dev/clock", "", map[string]string{"advance": "PT20S"}) }()
	}
	close(stop)
	office.Wait()
	t.Logf("%d kills", kills.Load())
	s.Advance("PT2H") // by then every recipient was told
	team.judge(t, people)
	judge(t, d, before, people, box.Post)
}

// newServer starts a PostgreSQL that ends with the test.
func newServer(t *testing.T) *postgres.Server {
	t.Helper()
	server, err := postgres.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("stopping PostgreSQL: %v", err)
		}
	})
	return server
}

// driveAll drives everybody, a few at a time, in an order of chance; may says whether the n-th may begin.
func driveAll(people map[int]*person, limit time.Duration, may func(n int) bool) {
	next := make(chan *person)
	var done sync.WaitGroup
	for range drivers {
		done.Go(func() {
			for p := range next {
				p.drive(limit)
			}
		})
	}
	n := 0
	for _, p := range people {
		for ; !may(n); time.Sleep(5 * time.Millisecond) {
		}
		next <- p
		n++
	}
	close(next)
	done.Wait()
}
