package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// wantApproved fails the test unless the difference between two dumps of a database is exactly what the plan said about the
// system: as many rows per collection and action, and every one of them a row that was this person's.
func wantApproved(t *testing.T, diff map[string]map[string]testkit.Change, plan testkit.Plan, system string, held map[string]map[string]testkit.Row) {
	t.Helper()
	got := map[string]int64{}
	for table, rows := range diff {
		for key, c := range rows {
			if _, mine := held[table][key]; !mine {
				t.Errorf("%s %s is not this person's and was changed: %+v", table, key, c)
			}
			switch {
			case c.Gone:
				got[table+"/delete"]++
			case c.New:
				got[table+"/insert"]++
			default:
				got[table+"/change"]++
			}
		}
	}
	want := map[string]int64{}
	for at, n := range plan.Counts(system) {
		table, action, _ := strings.Cut(at, "/")
		switch action {
		case "keep":
			continue
		case "delete":
		default:
			action = "change"
		}
		if n > 0 {
			want[table+"/"+action] += n
		}
	}
	if !maps.Equal(got, want) || len(want) == 0 {
		t.Errorf("approved was %v, what happened is %v", want, got)
	}
}

// The whole way: asked, planned without a change, approved by a second person, done, verified, told, proved.
func TestAnErasureDoesExactlyWhatWasApproved(t *testing.T) {
	s := site(t)
	before, held := s.Dump("shop.db"), s.Held(testkit.Typical)
	r := s.Ask("lumen", "erasure", testkit.Typical).Verify()
	p := r.WantPlan()
	if p.PreparedBy != "system" || p.System("shop") == nil || p.System("shop").By != "machine" || p.System("shop").Action != "erase" {
		t.Errorf("the plan is %+v", p)
	}
	for at, n := range p.Counts("shop") {
		if table, _, _ := strings.Cut(at, "/"); int64(len(held[table])) != n {
			t.Errorf("the plan says %s: %d, the shop holds %d", at, n, len(held[table]))
		}
	}
	decide := func(token, hash string) *testkit.Answer {
		return s.Call("POST", "/api/v1/cases/"+r.ID()+"/plan/decision", token, map[string]string{"decision": "approve", "hash": hash})
	}
	decide("", p.Hash).WantProblem(401, "unauthenticated")
	decide(s.Token("handler"), p.Hash).WantProblem(403, "forbidden")
	decide(s.Token("auditor"), p.Hash).WantProblem(403, "forbidden")
	decide(s.Token("approver"), strings.Repeat("0", 64)).WantProblem(409, "conflict")
	s.Settle()
	s.WantSame("shop.db", before)
	r.WantStaffStatus("awaiting_review")

	r.Approve()
	st := r.WantStatus("fulfilled")
	decide(s.Token("approver"), p.Hash).WantProblem(409, "conflict")
	wantApproved(t, s.Dump("shop.db").Since(before), p, "shop", held)
	if st.Systems[0].Outcome != "erased" {
		t.Errorf("the person sees %+v", st.Systems)
	}
	if verified := r.Task("shop", "verify"); verified.Outcome != "erased" || verified.By != "machine" {
		t.Errorf("nothing verified it: %+v", verified)
	}
	after := s.Dump("shop.db")["customers"]
	for id, v := range held["customers"] {
		for _, column := range []string{"email", "name", "phone", "birth_date"} {
			if strings.Contains(fmt.Sprint(after[id]), v[column]) {
				t.Errorf("the account still tells the %s", column)
			}
		}
	}
	letter := r.Mail("The answer to your request").Text
	for _, want := range []string{"erased", "Tax law asks for the records of sales", "An address may be shared", "Art. 77", "Art. 79"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	wantTold(t, r)
	r.Refresh()
	r.WantEvidence()
	if found := s.Ask("lumen", "access", testkit.Typical).Verify().WantStatus("fulfilled"); found.Systems[0].Outcome != "nothing_held" {
		t.Errorf("afterwards the shop finds %+v", found.Systems)
	}
}

// wantTold fails the test unless both recipients of the shop got one letter about the request, which does not name the person,
// and confirm on its page.
func wantTold(t *testing.T, r *testkit.Request) {
	t.Helper()
	s := r.Site
	s.Advance("PT1H")
	for _, to := range []string{"privacy@parcelline.test", "privacy@kitemail.test"} {
		if got := s.Subjects(to, r.Reference); len(got) != 1 {
			t.Errorf("%s got %q", to, got)
			continue
		}
		m := s.LastMail(to, r.Reference)
		if strings.Contains(strings.ToLower(string(m.Raw)), r.Email) {
			t.Errorf("the letter to %s names the person", to)
		}
		page := s.Browser().Get(m.Link()).Want(200)
		if !strings.Contains(page.Text(), r.Email) {
			t.Errorf("the page of %s does not say who it is about:\n%s", to, page.Text())
		}
	}
	untold := func(x testkit.ToldRecipient) bool { return x.Informed != "told" }
	if c := r.Case(); len(c.Recipients) != 2 || slices.ContainsFunc(c.Recipients, untold) {
		t.Errorf("recipients are %+v", c.Recipients)
	}
}

// A refusal changes nothing and tells the person why, and where to complain.
func TestARefusedErasureSaysWhy(t *testing.T) {
	s := site(t)
	before := s.Dump("shop.db")
	r := s.Ask("lumen", "erasure", testkit.NoOrders).Verify()
	r.WantPlan()
	r.Decide("approver", "refuse").WantProblem(400, "invalid") // a refusal has a ground
	r.Decide("approver", "refuse", map[string]any{"reason": "We need it for the claim you brought before the court of Exampleton (GDPR Art. 17(3)(e))."}).Want(200)
	r.Decide("reviewer", "refuse", map[string]any{"reason": "The claim is pending."}).Want(200) // two people refuse
	s.Settle()
	r.WantStatus("refused")
	s.WantSame("shop.db", before)
	letter := r.Mail("Our decision").Text
	for _, want := range []string{"court of Exampleton", "Art. 17(3)(e)", "complain", "Art. 77", "Art. 79"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	if got := s.Subjects("privacy@parcelline.test", ""); len(got) != 0 {
		t.Errorf("a recipient was told of nothing: %q", got)
	}
	r.WantEvidence()
}

// Whoever changes a plan sends it back to its dry run and cannot approve what comes of it.
func TestAnEditedPlanWantsASecondPerson(t *testing.T) {
	s := site(t)
	s.NewStaff("second", "handler,approver")
	before, held := s.Dump("shop.db"), s.Held(testkit.Typical)
	r := s.Ask("lumen", "erasure", testkit.Typical).Verify()
	first := r.WantPlan()
	exempt := func(x ...map[string]any) map[string]any {
		return map[string]any{"reason": "The complaint about T00001 is open.", "edits": map[string]any{"exempt": x}}
	}
	r.Decide("auditor", "edit", exempt(map[string]any{"system": "shop", "collection": "tickets", "citation": "HGB s. 257"})).WantProblem(403, "forbidden")
	r.Decide("approver", "edit", exempt(map[string]any{"system": "shop", "collection": "tickets"})).WantProblem(400, "invalid") // no citation
	r.Decide("approver", "edit", exempt(
		map[string]any{"system": "shop", "collection": "tickets", "citation": "HGB s. 257", "reviewBy": "2027-05-01"},
		map[string]any{"system": "shop", "collection": "ticket_messages", "citation": "HGB s. 257", "reviewBy": "2027-05-01"},
	)).Want(200)
	s.Settle()
	s.WantSame("shop.db", before)
	edited := r.WantPlan()
	if edited.Hash == first.Hash || edited.PreparedBy == "system" {
		t.Errorf("after the edit the plan is %+v", edited)
	}
	if got := edited.Counts("shop"); got["tickets/keep"] != int64(len(held["tickets"])) || got["ticket_messages/keep"] != int64(len(held["ticket_messages"])) || got["tickets/delete"] != 0 {
		t.Errorf("after the edit the plan is %v", got)
	}
	r.Decide("approver", "approve").WantProblem(403, "forbidden")
	r.Act("second", "/plan/decision", map[string]any{"decision": "approve", "hash": first.Hash}).WantProblem(409, "conflict")
	r.Decide("second", "approve").Want(200)
	s.Settle()
	st := r.WantStatus("fulfilled")
	wantApproved(t, s.Dump("shop.db").Since(before), edited, "shop", held)
	for _, c := range st.Systems[0].Collections {
		if kept := c.Name == "tickets" || c.Name == "ticket_messages"; kept != (c.Outcome == "retained") && kept {
			t.Errorf("the person sees %+v", c)
		}
	}
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "HGB s. 257") {
		t.Errorf("the letter does not cite the exemption:\n%s", letter)
	}
	r.WantEvidence()
}

// What changes between approval and act is looked at again: that system is planned and asked anew, the others are done.
func TestADriftedSystemIsAskedAgain(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	ledger := small(s, "ledger")
	r := s.Ask("lumen", "erasure", wren).Verify()
	first := r.WantPlan()
	ledger.SetMaxOpenConns(1)
	run(s, ledger, "BEGIN EXCLUSIVE") // the ledger is busy while the plan is approved
	r.Approve()
	for n := range 60 {
		run(s, ledger, "INSERT INTO notes VALUES (?, 1, 'imported', '2026-11-23T09:00:00Z')", 1000+n)
	}
	run(s, ledger, "COMMIT")
	s.Advance("PT20M")
	r.Refresh()
	again := r.WantPlan()
	if again.Hash == first.Hash || again.Counts("ledger")["notes/delete"] != 62 {
		t.Errorf("asked again is %+v", again)
	}
	if got := s.Dump("crm.db"); len(got["people"]) != 1 || len(got["notes"]) != 1 {
		t.Errorf("the other system was not done: %v", got)
	}
	if got := s.Dump("ledger.db"); len(got["notes"]) != 63 || len(got["people"]) != 2 {
		t.Errorf("the drifted system was changed: %d notes, %d people", len(got["notes"]), len(got["people"]))
	}
	run(s, crm, "INSERT INTO notes VALUES (77, 2, 'of somebody else', '2026-11-23T09:00:00Z')")
	beside := s.Dump("crm.db")
	r.Approve()
	if got := outcomes(r.WantStatus("fulfilled")); got["crm"] != "erased" || got["ledger"] != "erased" {
		t.Errorf("the person sees %v", got)
	}
	if got := s.Dump("ledger.db"); len(got["notes"]) != 1 || len(got["people"]) != 1 || len(got["invoices"]) != 1 {
		t.Errorf("after the second approval the ledger holds %v", got)
	}
	s.WantSame("crm.db", beside)
	r.WantEvidence()
}

// A few rows more than approved come with everyday use and are erased too; that is what the growth limit is for.
func TestALittleGrowthIsNoDrift(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.WantPlan()
	crm.SetMaxOpenConns(1)
	run(s, crm, "BEGIN EXCLUSIVE")
	r.Approve()
	for n := range 15 {
		run(s, crm, "INSERT INTO notes VALUES (?, 1, 'new', '2026-11-23T09:00:00Z')", 1000+n)
	}
	run(s, crm, "COMMIT")
	s.Advance("PT20M")
	r.WantStaffStatus("fulfilled")
	if got := s.Dump("crm.db"); len(got["notes"]) != 1 || len(got["people"]) != 1 {
		t.Errorf("the system holds %v", got)
	}
	r.Refresh()
	r.WantEvidence()
}

// An exemption of a system keeps what it covers, with its citation; the rest is erased, and an access afterwards finds exactly
// what was kept.
func TestAnExemptionKeepsItsPartAlone(t *testing.T) {
	s := site(t)
	small(s, "ledger", map[string]any{"exemptions": []map[string]any{{
		"collection": "invoices", "citation": "AO s. 147", "reason": "Invoices are kept for the tax office.", "rights": []string{"erasure"}, "reviewBy": "2027-12-31",
	}}})
	before := s.Dump("ledger.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	if got, want := r.WantPlan().Counts("ledger"), (map[string]int64{"people/delete": 1, "notes/delete": 2, "invoices/keep": 2}); !maps.Equal(got, want) {
		t.Errorf("the plan is %v, want %v", got, want)
	}
	r.Approve()
	r.WantStatus("fulfilled")
	want := map[string]map[string]testkit.Change{"people": {"1": {Gone: true}}, "notes": {"10": {Gone: true}, "11": {Gone: true}}}
	if got := s.Dump("ledger.db").Since(before); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("what happened is %v, want %v", got, want)
	}
	letter := r.Mail("The answer").Text
	for _, want := range []string{"AO s. 147", "Invoices are kept for the tax office."} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	r.WantEvidence()
	a := s.Ask("lumen", "access", wren).Verify()
	a.WantStatus("fulfilled")
	p := a.Fetch()
	for collection, want := range map[string]int{"people": 0, "notes": 0, "invoices": 2} {
		if got, err := p.Records("ledger", collection); err != nil || len(got) != want {
			t.Errorf("afterwards %s has %d records, want %d (%v)", collection, len(got), want, err)
		}
	}
}

// Who asks for a copy and for erasure gets the copy first, whole, however quickly the erasure was approved.
func TestACopyLeavesBeforeTheErasure(t *testing.T) {
	s := site(t)
	staff(s).autopilot("shop", false)
	before := s.Dump("shop.db")
	copied := s.Ask("lumen", "access", testkit.NoOrders).Verify()
	copied.WantStatus("awaiting_review")
	r := s.Ask("lumen", "erasure", testkit.NoOrders).Verify()
	held := s.Held(testkit.NoOrders)
	p := r.Approve()
	s.WantSame("shop.db", before)
	if c := r.Case(); c.Status == "fulfilled" {
		t.Fatalf("the erasure was done before the copy left: %+v", c)
	}
	s.Advance("P3D")
	s.WantSame("shop.db", before)
	c := staff(s).find(copied.Reference)
	staff(s).post("/cases/"+c.ID+"/response/decision", map[string]string{"decision": "approve", "hash": c.Response.Hash, "reason": "checked"}, 200, 202)
	s.Settle()
	copied.WantStaffStatus("fulfilled")
	r.WantStaffStatus("fulfilled")
	wantApproved(t, s.Dump("shop.db").Since(before), p, "shop", held)
	copied.Refresh()
	pack := copied.Fetch()
	for collection, rows := range held {
		if got, err := pack.Records("shop", collection); err != nil || len(got) != len(rows) {
			t.Errorf("%s: the copy has %d records, the shop held %d (%v)", collection, len(got), len(rows), err)
		}
	}
	r.Refresh()
	r.WantEvidence()
}

// Where the controller gives time to change one's mind, an approved erasure waits for it; the link in the letter calls it off without a
// sign-in, and looking at the page calls off nothing.
func TestAnErasureCanBeCalledOff(t *testing.T) {
	s := site(t)
	s.Run(append([]string{"tenants", "set", "lumen", "--grace-days", "3"}, s.Records()...)...)
	time.Sleep(6 * time.Second) // by when a running server has seen it
	small(s, "crm")
	before := s.Dump("crm.db")
	off, on := s.Ask("lumen", "erasure", wren).Verify(), s.Ask("lumen", "erasure", piers).Verify()
	off.Approve()
	on.Approve()
	s.WantSame("crm.db", before)
	var link string
	for line := range strings.SplitSeq(s.LastMail(wren, off.Reference).Text, "\n") {
		if strings.Contains(line, "/cancel?k=") {
			link = strings.TrimSpace(line)
		}
	}
	if link == "" {
		t.Fatalf("the letter has no link: %q", off.Subjects())
	}
	page := s.Browser().Get(link).Want(200)
	s.Browser().Get(strings.Replace(link, "cancel?k=", "cancel?k=0", 1)).Want(410)
	s.Settle()
	off.WantStaffStatus("in_progress") // looking calls off nothing
	page.Form("cancel").Submit(nil)
	s.Settle()
	off.WantStaffStatus("withdrawn")
	s.Advance("P2D")
	s.WantSame("crm.db", before)
	s.Advance("P1DT1H")
	on.WantStaffStatus("fulfilled")
	want := map[string]map[string]testkit.Change{"people": {"2": {Gone: true}}, "notes": {"12": {Gone: true}}, "invoices": {"102": {Gone: true}}}
	if got := s.Dump("crm.db").Since(before); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("what happened is %v, want %v", got, want)
	}
	off.Refresh()
	off.WantEvidence()
}
