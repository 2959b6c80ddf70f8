package proof

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// rush is many people who ask while something goes wrong, a privacy team that does its everyday work, and a clock that runs.
type rush struct {
	t      *testing.T
	s      *testkit.Site
	d      *store
	post   *testkit.Post
	before testkit.Dump
	asked  map[int]string
	people map[int]*person
	team   *desk

	begun    atomic.Int64
	finished chan struct{} // closed when everybody has an answer
	stop     chan struct{}
	office   sync.WaitGroup
}

// begin lets people ask, one every so often. The clock goes two hundred times as fast as ours.
func begin(t *testing.T, s *testkit.Site, d *store, post *testkit.Post, asked map[int]string, every time.Duration) *rush {
	t.Helper()
	r := &rush{
		t: t, s: s, d: d, post: post, before: d.dump(t), asked: asked, people: map[int]*person{}, team: newDesk(s),
		finished: make(chan struct{}), stop: make(chan struct{}),
	}
	for i, right := range asked {
		r.people[i] = newPerson(s, post, i, right)
	}
	r.office.Go(func() { r.team.work(r.stop) })
	r.office.Go(func() {
		for {
			select {
			case <-r.stop:
				return
			case <-time.After(100 * time.Millisecond):
				_, _ = s.Try("POST", "/dev/clock", "", map[string]string{"advance": "PT20S"})
			}
		}
	})
	go func() {
		defer close(r.finished)
		driveAll(r.people, 4*time.Minute, func(int) bool {
			r.begun.Add(1)
			time.Sleep(every)
			return true
		})
	}()
	return r
}

// end waits for everybody, who must have an answer within the limit, and looks at everything.
func (r *rush) end(limit time.Duration) {
	r.t.Helper()
	r.t.Logf("%d of %d people had asked by the end of the trouble", r.begun.Load(), len(r.people))
	if r.done(limit / 2) {
		r.t.Log("every request ended by itself")
	} else {
		// A change whose answer was lost in the trouble may ask whether to try again: the team says yes, once.
		r.t.Logf("%d tasks asked whether to try again", r.retry())
	}
	if !r.done(limit) {
		raw, err := r.s.Try("GET", "/api/v1/cases?limit=200&tenant="+tenant, r.team.tokens["second"], nil)
		if err != nil {
			r.t.Fatalf("%s after the trouble requests are still not answered: %v", limit, err)
		}
		r.t.Fatalf("%s after the trouble requests are still not answered: %s", limit, raw.Body)
	}
	close(r.stop)
	r.office.Wait()
	r.s.Advance("PT2H") // by then every recipient was told
	r.team.judge(r.t, r.people)
	judge(r.t, r.d, r.before, r.people, r.post)
}

// done waits for the last answer.
func (r *rush) done(limit time.Duration) bool {
	select {
	case <-r.finished:
		return true
	case <-time.After(limit):
		return false
	}
}

// retry answers every task that asks a person with another try, and returns how many there were.
func (r *rush) retry() (n int) {
	r.t.Helper()
	token := r.team.tokens["second"]
	a, err := r.s.Try("GET", "/api/v1/tasks?limit=100&tenant="+tenant, token, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	var list struct {
		Tasks []struct {
			ID, System, Action, Right string
			Asked                     struct{ Why, Text string }
		}
	}
	if err := json.Unmarshal(a.Body, &list); err != nil {
		r.t.Fatal(err)
	}
	for _, task := range list.Tasks {
		r.t.Logf("%s of %s for %s asks: %s, %s", task.Action, task.System, task.Right, task.Asked.Why, task.Asked.Text)
		if _, err := r.s.Try("POST", "/api/v1/tasks/"+task.ID+"/outcome?tenant="+tenant, token, map[string]string{"outcome": "retry"}); err == nil {
			n++
		}
	}
	return n
}
