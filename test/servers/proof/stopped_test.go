package proof

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/servers/toxic"
	"github.com/habeas-dsar/habeas/test/testkit"
)

// TestAStoppedDatabaseIsWaitedFor stops and crashes the database while people ask, and leaves it away for a while. Every case
// goes on by itself when it is back.
func TestAStoppedDatabaseIsWaitedFor(t *testing.T) {
	const households, both = 20, 16
	s := site(t)
	d := newStore(t, newServer(t), households)
	d.register(s, d.Server.Port)
	r := begin(t, s, d, testkit.OutboxPost(filepath.Join(s.Dir, "outbox")), mixed(households, both), 300*time.Millisecond)
	for n, end := range []func(testing.TB){d.Server.Stop, d.Server.Crash, d.Server.Crash, d.Server.Stop} {
		time.Sleep(1500 * time.Millisecond)
		end(t)
		time.Sleep(time.Duration(n) * 800 * time.Millisecond)
		d.Server.Start(t)
	}
	r.end(2 * time.Minute)
}

// TestAnUnreachableSystemHoldsUpNobody: the database cannot be reached from the start. The other system's answer leaves in time
// and names what is missing; what is missing follows when the database is back.
func TestAnUnreachableSystemHoldsUpNobody(t *testing.T) {
	s := site(t)
	d := newStore(t, newServer(t), 4)
	c := newCRM(t, 8)
	registerCRM(s, addrOf(t, c))
	proxy := toxic.Before(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Server.Port)))
	d.register(s, proxy.Port)
	before := d.dump(t)
	proxy.Break(toxic.Refused())

	r := s.Ask(tenant, "access", email(3)).Verify()
	e := s.Ask(tenant, "erasure", email(5)).Verify()
	due := r.WantStatus("in_progress").DueAt
	s.Set(due.Add(-13 * time.Hour))
	r.WantStaffStatus("awaiting_person") // somebody is asked, and need not answer
	s.Advance("PT2H")                    // nobody did
	r.Refresh()
	st := r.WantStatus("partly_fulfilled")
	if got := outcomes(st); got["store"] != "not_done" || got["crm"] != "found" {
		t.Errorf("the person sees %v", got)
	}
	if !s.Now().Before(due) {
		t.Errorf("the answer was due %s", due)
	}
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "The store") {
		t.Errorf("the letter does not name what is missing:\n%s", letter)
	}
	if got, err := r.Fetch().Records("crm", "contacts"); err != nil || len(got) != 1 {
		t.Errorf("the package has %d contacts of the CRM, %v", len(got), err)
	}
	if len(c.Records("contacts")) != 8 {
		t.Errorf("something was erased before it was approved")
	}
	e.WantPlan()
	e.Approve()
	if got := e.WantStaffStatus("partly_fulfilled"); len(c.Records("contacts")) != 7 {
		t.Errorf("the CRM has %d contacts: %+v", len(c.Records("contacts")), got.Tasks)
	}

	proxy.Heal()
	s.Advance("P1D")
	r.Refresh()
	if got := outcomes(r.WantStatus("fulfilled")); got["store"] != "found" || got["crm"] != "found" {
		t.Errorf("after the supplement the person sees %v", got)
	}
	p := &person{number: 3, pack: r.Fetch()}
	p.wantHeld(t)
	if plan := e.WantPlan(); plan.Counts("store")["logins/delete"] != 3 { // what follows is approved like everything else
		t.Errorf("the plan of the supplement is %+v", plan)
	}
	d.wantExactly(t, before, nil)
	e.Approve()
	e.WantStaffStatus("fulfilled")
	d.wantExactly(t, before, map[int]string{5: "erasure"})
	for _, q := range []*testkit.Request{r, e} {
		q.Refresh()
		q.WantEvidence()
	}
}

// outcomes returns what the person sees per system.
func outcomes(st testkit.Status) map[string]string {
	out := map[string]string{}
	for _, s := range st.Systems {
		out[s.Name] = s.Outcome
	}
	return out
}
