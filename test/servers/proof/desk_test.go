package proof

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// desk is the privacy team while everything goes wrong: it approves every plan, says of every restriction that has to be
// enforced by hand that it is, and has tried again what kills left open. What cannot be done now is done in the next round.
type desk struct {
	s        *testkit.Site
	tokens   map[string]string // by name
	mu       sync.Mutex
	approved map[string][]string // by case id: hashes that approval was sent for
	helped   map[string]string   // tasks that kills left open too often, by id: what they asked
}

// newDesk starts without a plan; an added member of staff is not among those that a restarted site names.
func newDesk(s *testkit.Site) *desk {
	return &desk{s: s, tokens: map[string]string{"second": s.Token("second"), "handler": s.Token("handler")}, approved: map[string][]string{}, helped: map[string]string{}}
}

// ask sends a call and decodes an answer of 200; false when there is none.
func (d *desk) ask(token, method, path string, body, into any) bool {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	a, err := d.s.Try(method, "/api/v1"+path+sep+"tenant="+tenant, d.tokens[token], body)
	if err != nil || a.Status != 200 {
		return false
	}
	if into != nil {
		a.JSON(into)
	}
	return true
}

// round looks once at what waits. Plans are approved by somebody else than whoever prepared them.
func (d *desk) round() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for cursor := ""; ; {
		var list struct {
			Cases []testkit.StaffCase
			Next  string
		}
		if !d.ask("second", "GET", "/cases?status=awaiting_review&limit=100&cursor="+cursor, nil, &list) {
			return
		}
		for _, c := range list.Cases {
			d.approve(c.ID)
		}
		if cursor = list.Next; cursor == "" {
			break
		}
	}
	for cursor := ""; ; {
		var list struct {
			Tasks []testkit.StaffTask
			Next  string
		}
		if !d.ask("handler", "GET", "/tasks?limit=100&cursor="+cursor, nil, &list) {
			return
		}
		for _, task := range list.Tasks {
			d.settle(task)
		}
		if cursor = list.Next; cursor == "" {
			return
		}
	}
}

func (d *desk) approve(id string) {
	var p testkit.Plan
	if !d.ask("second", "GET", "/cases/"+id+"/plan", nil, &p) || !p.Waiting {
		return
	}
	if !slices.Contains(d.approved[id], p.Hash) {
		d.approved[id] = append(d.approved[id], p.Hash)
	}
	d.ask("second", "POST", "/cases/"+id+"/plan/decision", map[string]string{"decision": "approve", "hash": p.Hash}, nil)
}

func (d *desk) settle(task testkit.StaffTask) {
	if task.Asked == nil || task.Action != "restrict" || task.Asked.Why != "manual" {
		// What kills left open too often is tried again: a person is asked, as the product says, and nothing is lost by it.
		if task.Asked != nil {
			d.helped[task.ID] = task.System + " " + task.Action + ": " + task.Asked.Why
			d.ask("handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "retry"}, nil)
		}
		return
	}
	d.ask("handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "done", "reason": "Moved to where only the two of us can open it."}, nil)
}

// work does rounds until stop is closed.
func (d *desk) work(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
			d.round()
		}
	}
}

// judge fails the test unless every plan that was carried out is one that was approved, and few had to be helped.
func (d *desk) judge(t *testing.T, people map[int]*person) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	// One in twenty is what so many kills may cost; each says why.
	if n := len(d.helped); n > len(people)/20 {
		t.Errorf("somebody had to help with %d tasks of %d people: %v", n, len(people), d.helped)
	} else if n > 0 {
		t.Logf("somebody had to help with %d tasks: %v", n, d.helped)
	}
	for i, p := range people {
		if p.Right == "access" || p.Problem != "" {
			continue
		}
		plan := p.Plan()
		if !slices.Contains(d.approved[p.ID()], plan.Hash) {
			t.Errorf("what was done for person %d is not a plan that was approved", i)
		}
		wantPlan(t, i, p.Right, plan)
	}
}
