package proof

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// desk is the privacy team while everything goes wrong: it approves every plan and says of every restriction that has to be
// enforced by hand that it is, and does nothing else. What cannot be done now is done in the next round.
type desk struct {
	s        *testkit.Site
	tokens   map[string]string // by name
	mu       sync.Mutex
	approved map[string][]string // by case id: hashes that approval was sent for
	strange  []string            // tasks that nobody should have been asked
}

// newDesk starts without a plan; an added member of staff is not among those that a restarted site names.
func newDesk(s *testkit.Site) *desk {
	return &desk{s: s, tokens: map[string]string{"second": s.Token("second"), "handler": s.Token("handler")}, approved: map[string][]string{}}
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
		d.strange = append(d.strange, task.System+" "+task.Action+": "+task.Fault)
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

// judge fails the test unless every plan that was carried out is one that was approved, and nobody was asked for help.
func (d *desk) judge(t *testing.T, people map[int]*person) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.strange) > 0 {
		t.Errorf("somebody had to help %d times: %.500q", len(d.strange), d.strange)
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
