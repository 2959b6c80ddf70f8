package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

func withdraw(r *testkit.Request) {
	r.Site.Helper()
	r.Site.Call("POST", r.Path("/withdrawal"), r.Session, map[string]string{"reason": "I changed my mind"}).Want(202)
	r.Site.Settle()
}

// An erasure can be withdrawn in every phase. What was not begun is not done; what was done is said.
func TestAnErasureIsWithdrawn(t *testing.T) {
	s := site(t)
	small(s, "crm")
	ledger := small(s, "ledger")
	inCRM, inLedger := s.Dump("crm.db"), s.Dump("ledger.db")

	unverified := s.Ask("lumen", "erasure", wren)
	staff(s).post("/cases/"+unverified.ID()+"/withdrawal", map[string]string{"reason": "She called"}, 202)
	s.Settle()
	unverified.WantStaffStatus("withdrawn")

	reviewed := s.Ask("lumen", "erasure", wren).Verify()
	reviewed.WantPlan()
	withdraw(reviewed)
	reviewed.WantStatus("withdrawn")
	reviewed.Decide("approver", "approve").WantProblem(409, "conflict")
	reviewed.Mail("We have stopped your request")
	reviewed.WantEvidence()
	s.WantSame("crm.db", inCRM)
	s.WantSame("ledger.db", inLedger)

	halfway := s.Ask("lumen", "erasure", wren).Verify()
	ledger.SetMaxOpenConns(1)
	run(s, ledger, "BEGIN EXCLUSIVE")
	halfway.Approve() // the CRM is done, the ledger is busy
	withdraw(halfway)
	run(s, ledger, "ROLLBACK")
	s.Advance("P1D")
	halfway.Refresh()
	st := halfway.WantStatus("withdrawn")
	s.WantSame("ledger.db", inLedger)
	if got := s.Dump("crm.db"); len(got["people"]) != 1 {
		t.Fatalf("the story proves nothing: the CRM holds %v", got)
	}
	if got := outcomes(st); got["crm"] != "erased" || got["ledger"] == "erased" {
		t.Errorf("the person sees %v", got)
	}
	if letter := halfway.Mail("We have stopped your request").Text; !strings.Contains(letter, "System crm") {
		t.Errorf("the letter does not say what was done before:\n%s", letter)
	}
	halfway.WantEvidence()

	other := s.Ask("lumen", "erasure", piers).Verify()
	other.Approve()
	other.WantStatus("fulfilled")
	s.Call("POST", other.Path("/withdrawal"), other.Session, nil).WantProblem(409, "conflict")
}

// A paused case does nothing, however long and whatever is decided meanwhile; its clock goes on, and so does it after resuming.
func TestAPausedErasureWaits(t *testing.T) {
	s := site(t)
	small(s, "crm")
	before := s.Dump("crm.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	due := r.Case().Due.At
	r.WantPlan()
	r.Act("auditor", "/pause", map[string]string{"reason": "x"}).WantProblem(403, "forbidden")
	r.Act("handler", "/pause", map[string]string{}).WantProblem(400, "invalid")
	r.Act("handler", "/pause", map[string]string{"reason": "We ask our lawyers."}).Want(202)
	s.Settle()
	r.Decide("approver", "approve").Want(200) // is kept for when it goes on
	s.Settle()
	s.Advance("P3D")
	s.WantSame("crm.db", before)
	r.Act("handler", "/resume", map[string]string{}).Want(202)
	s.Settle()
	r.Act("handler", "/resume", map[string]string{}).WantProblem(409, "conflict")
	c := r.Case()
	if !c.Due.At.Equal(due) {
		t.Errorf("the due date was %s and is %s", due, c.Due.At)
	}
	r.WantStaffStatus("fulfilled")
	if got := s.Dump("crm.db"); len(got["people"]) != 1 || len(got["notes"]) != 1 {
		t.Errorf("the system holds %v", got)
	}
	r.Refresh()
	r.WantEvidence()
}

// The answer goes without a system that is away, and says so; when it is back the case is reopened and a supplement follows.
func TestASupplementFollowsWhenASystemIsBack(t *testing.T) {
	s := site(t)
	small(s, "crm")
	ledger := small(s, "ledger")
	before := s.Dump("ledger.db")
	ledger.SetMaxOpenConns(1)
	run(s, ledger, "BEGIN EXCLUSIVE")
	r := s.Ask("lumen", "access", wren).Verify()
	first := r.WantStatus("in_progress")
	r.Act("handler", "/proceed-without", map[string]string{"system": "crm", "reason": "x"}).WantProblem(409, "conflict")
	r.Act("handler", "/proceed-without", map[string]string{"system": "ledger"}).WantProblem(400, "invalid")
	r.Act("handler", "/proceed-without", map[string]string{"system": "ledger", "reason": "The ledger is being moved."}).Want(202)
	s.Advance("PT15M") // when it would be tried again
	r.Refresh()
	st := r.WantStatus("partly_fulfilled")
	if got := outcomes(st); got["ledger"] != "not_done" || got["crm"] != "found" {
		t.Errorf("the person sees %v", got)
	}
	p := r.Fetch()
	if got, err := p.Records("crm", "notes"); err != nil || len(got) != 2 {
		t.Errorf("the package has %d notes (%v)", len(got), err)
	}
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "System ledger") {
		t.Errorf("the letter does not name what is open:\n%s", letter)
	}
	run(s, ledger, "ROLLBACK")
	s.Advance("P1D")
	r.Refresh()
	again := r.WantStatus("fulfilled")
	if got := outcomes(again); got["ledger"] != "found" || !again.DueAt.Equal(first.DueAt) {
		t.Errorf("after the supplement the person sees %v, due %s (was %s)", got, again.DueAt, first.DueAt)
	}
	p = r.Fetch()
	if got, err := p.Records("ledger", "invoices"); err != nil || len(got) != 2 {
		t.Errorf("the supplement has %d invoices (%v)", len(got), err)
	}
	if n := len(slices.DeleteFunc(r.Subjects(), func(x string) bool { return !strings.Contains(x, "answer") && !strings.Contains(x, "More") })); n < 2 {
		t.Errorf("letters are %q", r.Subjects())
	}
	s.WantSame("ledger.db", before)
	r.WantEvidence()
}

// The deadline may be extended once, with a reason that the law knows and a letter, before the first period is over.
func TestAnExtensionIsToldInTime(t *testing.T) {
	s := site(t)
	small(s, "crm")
	r := s.Ask("lumen", "erasure", wren).Verify()
	late := s.Ask("lumen", "erasure", piers).Verify()
	due := r.WantStatus("awaiting_review").DueAt
	r.Act("auditor", "/extension", map[string]string{"reason": "complexity"}).WantProblem(403, "forbidden")
	r.Act("handler", "/extension", map[string]string{"reason": "holidays"}).WantProblem(400, "invalid")
	var extended struct{ DueAt time.Time }
	r.Act("handler", "/extension", map[string]string{"reason": "complexity", "text": "Your invoices are spread over nine folders."}).Want(200).JSON(&extended)
	s.Settle()
	if got := r.WantStatus("awaiting_review").DueAt; !got.Equal(extended.DueAt) || got.Before(due.AddDate(0, 0, 55)) || got.After(due.AddDate(0, 0, 66)) {
		t.Errorf("due was %s, is %s, said was %s", due, got, extended.DueAt)
	}
	if subjects := fmt.Sprint(r.Subjects()); !strings.Contains(subjects, "more time") {
		t.Errorf("letters are %s", subjects)
	}
	if text := r.Mail("more time").Text; !strings.Contains(text, "nine folders") || !strings.Contains(text, "Art. 77") {
		t.Errorf("the letter is\n%s", text)
	}
	r.Act("handler", "/extension", map[string]string{"reason": "complexity"}).WantProblem(409, "conflict") // once
	s.Set(due.Add(time.Hour))
	late.Act("handler", "/extension", map[string]string{"reason": "complexity"}).WantProblem(409, "conflict") // too late
	if got := late.Case().Due; got.Extended || !got.At.Equal(due) {
		t.Errorf("the late case is due %s", got.At)
	}
	r.Refresh()
	r.WantEvidence()
}
