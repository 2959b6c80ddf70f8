package proof

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// TestTwoHundredErasuresAtOnce: everybody asks in the same moment, and every plan is approved in the same moment. Nobody is told
// of a failure that is none.
func TestTwoHundredErasuresAtOnce(t *testing.T) {
	const households = 100
	s := site(t)
	d := newStore(t, newServer(t), households+10)
	d.register(s, d.Server.Port)
	before := d.dump(t)
	post := testkit.OutboxPost(filepath.Join(s.Dir, "outbox"))
	asked, people := map[int]string{}, map[int]*person{}
	for i := 1; i <= 2*households; i++ {
		asked[i], people[i] = "erasure", newPerson(s, post, i, "erasure")
	}
	together := func(steps func(p *person) []testkit.Step) {
		var all sync.WaitGroup
		for _, p := range people {
			all.Go(func() { p.Drive(2*time.Minute, steps(p)...) })
		}
		all.Wait()
	}
	start := time.Now()
	together(func(p *person) []testkit.Step { return []testkit.Step{p.Submit} })
	together(func(p *person) []testkit.Step { return []testkit.Step{p.Confirm, p.Await("awaiting_review")} })
	team := newDesk(s)
	team.round()
	together(func(p *person) []testkit.Step { return []testkit.Step{p.Await("fulfilled")} })
	t.Logf("200 erasures in %s", time.Since(start))
	for _, p := range people {
		for _, task := range p.Case().Tasks {
			if task.Fault != "" || task.Asked != nil {
				t.Errorf("person %d: the task %s is said to have failed: %+v", p.number, task.Action, task)
			}
		}
	}
	s.Advance("PT2H")
	team.judge(t, people)
	judge(t, d, before, people, post)
}
