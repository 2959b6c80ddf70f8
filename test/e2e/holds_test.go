package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// wantRetained fails the test unless the person sees the system as retained, because of a hold.
func wantRetained(t *testing.T, r *testkit.Request, system string) {
	t.Helper()
	var st struct {
		Systems []struct{ Name, Outcome, Because string }
	}
	r.Site.Call("GET", r.Path(""), r.Session, nil).Want(200).JSON(&st)
	for _, x := range st.Systems {
		if x.Name == system {
			if x.Outcome != "retained" || x.Because != "hold" {
				t.Errorf("the person sees %+v", x)
			}
			return
		}
	}
	t.Errorf("the person sees %+v", st.Systems)
}

// A hold on a person keeps everything of theirs, however their address is written; when it is released the erasure goes on, on
// the clock it always had.
func TestAHoldOnAPersonDefersTheErasure(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	run(s, crm, "UPDATE people SET email = 'Wren.Abara@Example.com' WHERE id = 1")
	before := s.Dump("crm.db")
	s.Staff("lumen", "handler", "POST", "/holds", map[string]any{"scope": "subject", "identifier": map[string]string{"kind": "email", "value": wren}, "reason": "x"}).WantProblem(403, "forbidden")
	hold := s.Hold("lumen", map[string]any{"scope": "subject", "identifier": map[string]string{"kind": "email", "value": strings.ToUpper(wren)}, "reason": "Abara v. Lumen, 4 O 17/26", "reviewBy": "2027-05-01"})
	r := s.Ask("lumen", "erasure", wren).Verify()
	st := r.WantStatus("fulfilled")
	wantRetained(t, r, "crm")
	s.WantSame("crm.db", before)
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "kept") || strings.Contains(letter, "4 O 17/26") {
		t.Errorf("the letter does not say that data is kept, or says why too loudly:\n%s", letter)
	}
	s.Advance("P5D")
	s.Release("lumen", hold)
	r.Refresh()
	if due := r.WantStatus("awaiting_review").DueAt; !due.Equal(st.DueAt) {
		t.Errorf("the due date was %s and is %s", st.DueAt, due)
	}
	r.Approve()
	if again := r.WantStatus("fulfilled"); !again.DueAt.Equal(st.DueAt) || outcomes(again)["crm"] != "erased" {
		t.Errorf("after the release the person sees %+v", again)
	}
	want := map[string]map[string]testkit.Change{
		"people": {"1": {Gone: true}}, "notes": {"10": {Gone: true}, "11": {Gone: true}}, "invoices": {"100": {Gone: true}, "101": {Gone: true}},
	}
	if got := s.Dump("crm.db").Since(before); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("what happened is %v, want %v", got, want)
	}
	if n := len(r.Subjects()); n < 4 {
		t.Errorf("letters are %q", r.Subjects())
	}
	r.WantEvidence()
}

// A hold on single records keeps these, and nothing else.
func TestAHoldOnRecordsKeepsThese(t *testing.T) {
	s := site(t)
	small(s, "crm")
	before := s.Dump("crm.db")
	s.Hold("lumen", map[string]any{"scope": "system", "system": "crm", "collection": "invoices", "keys": []string{"101"}, "reason": "Tax audit 2026"})
	r := s.Ask("lumen", "erasure", wren).Verify()
	want := map[string]int64{"people/delete": 1, "notes/delete": 2, "invoices/delete": 1, "invoices/keep": 1}
	if got := r.WantPlan().Counts("crm"); !maps.Equal(got, want) {
		t.Errorf("the plan is %v, want %v", got, want)
	}
	r.Approve()
	r.WantStatus("fulfilled")
	diff := map[string]map[string]testkit.Change{
		"people": {"1": {Gone: true}}, "notes": {"10": {Gone: true}, "11": {Gone: true}}, "invoices": {"100": {Gone: true}},
	}
	if got := s.Dump("crm.db").Since(before); fmt.Sprint(got) != fmt.Sprint(diff) {
		t.Errorf("what happened is %v, want %v", got, diff)
	}
	r.WantEvidence()
}

// A hold that comes after the approval is heeded all the same; the other systems are done.
func TestAHoldAfterTheApprovalIsHeeded(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	small(s, "ledger")
	before := s.Dump("crm.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.WantPlan()
	crm.SetMaxOpenConns(1)
	run(s, crm, "BEGIN EXCLUSIVE") // so that it is approved and not yet done
	r.Approve()
	hold := s.Hold("lumen", map[string]any{"scope": "system", "system": "crm", "reason": "Audit"})
	run(s, crm, "ROLLBACK")
	s.Advance("PT20M")
	r.Refresh()
	s.WantSame("crm.db", before)
	if got := outcomes(r.WantStatus("fulfilled")); got["ledger"] != "erased" {
		t.Errorf("the person sees %v", got)
	}
	wantRetained(t, r, "crm")
	s.WantSame("crm.db", before)
	s.Release("lumen", hold)
	r.Approve()
	if got := outcomes(r.WantStatus("fulfilled")); got["crm"] != "erased" || got["ledger"] != "erased" {
		t.Errorf("after the release the person sees %v", got)
	}
	if got := s.Dump("crm.db"); len(got["people"]) != 1 || len(got["notes"]) != 1 || len(got["invoices"]) != 1 {
		t.Errorf("after the release the system holds %v", got)
	}
	r.WantEvidence()
}
