package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// visitsMap is the data map of a system that knows an address and a day, and no name.
const visitsMap = `dataset:
  - fides_key: visits
    name: visits
    collections:
      - name: visits
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
          - {name: day, data_categories: [user.behavior]}
`

const visitsTable = `CREATE TABLE visits (id INTEGER PRIMARY KEY, email TEXT, day TEXT); INSERT INTO visits VALUES (5, 'wren.abara@example.com', '2026-07-01')`

// corrections is what a person writes into the form.
func corrections(pairs ...string) map[string]any {
	var list []map[string]string
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, map[string]string{"field": pairs[i], "value": pairs[i+1]})
	}
	return map[string]any{"corrections": list}
}

// wantOnly fails the test unless exactly the columns of the rows have changed since the dump ("table/key": columns).
func wantOnly(t *testing.T, s *testkit.Site, name string, before testkit.Dump, want map[string][]string) {
	t.Helper()
	got := map[string][]string{}
	for table, rows := range s.Dump(name).Since(before) {
		for key, c := range rows {
			if c.Gone || c.New {
				t.Errorf("%s: %s/%s came or went", name, table, key)
			}
			got[table+"/"+key] = c.Columns
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: changed are %v, want %v", name, got, want)
	}
}

// A correction reaches every system that holds the field, and nothing else; the evidence has digests of before and after.
func TestACorrectionReachesEverySystemThatHoldsTheField(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	ledger := small(s, "ledger", map[string]any{"recipients": []string{"parcelline"}})
	run(s, ledger, "UPDATE people SET name = 'W. Abara' WHERE id = 1")
	s.NewDatabase("visits.db", visitsTable)
	s.AddDatabase("lumen", "visits", "visits.db", visitsMap).Want(201)
	inCRM, inLedger, inVisits, inShop := s.Dump("crm.db"), s.Dump("ledger.db"), s.Dump("visits.db"), s.Dump("shop.db")
	r := s.Ask("lumen", "correction", wren, corrections("name", "Wren Abara-Lindqvist")).Verify()
	p := r.WantPlan()
	for _, name := range []string{"crm", "ledger"} {
		if got := p.Counts(name); got["people/set"] != 1 {
			t.Errorf("the plan for %s is %v", name, got)
		}
	}
	s.WantSame("crm.db", inCRM)
	r.Approve()
	st := r.WantStatus("fulfilled")
	if got := outcomes(st); got["crm"] != "corrected" || got["ledger"] != "corrected" || got["visits"] != "nothing_held" || got["shop"] != "nothing_held" {
		t.Errorf("the person sees %v", got)
	}
	wantOnly(t, s, "crm.db", inCRM, map[string][]string{"people/1": {"name"}})
	wantOnly(t, s, "ledger.db", inLedger, map[string][]string{"people/1": {"name"}})
	s.WantSame("visits.db", inVisits)
	s.WantSame("shop.db", inShop)
	var name string
	if err := crm.QueryRow("SELECT name FROM people WHERE id = 1").Scan(&name); err != nil || name != "Wren Abara-Lindqvist" {
		t.Errorf("the CRM says %q, %v", name, err)
	}
	wantDigests(t, r)
	s.Advance("PT1H")
	notice := s.LastMail("privacy@parcelline.test", r.Reference)
	if page := s.Browser().Get(notice.Link()).Want(200).Text(); !strings.Contains(page, "Wren Abara-Lindqvist") {
		t.Errorf("the recipient is not told what it is now:\n%s", page)
	}
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "correct") {
		t.Errorf("the letter is\n%s", letter)
	}
	r.Refresh()
	if found := testkit.Find("the evidence", r.Evidence(), []testkit.Canary{{Name: "the name", Value: "Abara-Lindqvist"}, {Name: "the address", Value: wren}}); len(found) > 0 {
		t.Errorf("%q", found)
	}
	r.WantEvidence()
}

// wantDigests fails the test unless the evidence of both systems has two different digests for what was set.
func wantDigests(t *testing.T, r *testkit.Request) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range r.Entries() {
		if e.Kind != "task_finished" || e.Facts["action"] != "correct" {
			continue
		}
		changes, _ := e.Facts["changes"].([]any)
		for _, c := range changes {
			c, _ := c.(map[string]any)
			before, _ := c["before"].(string)
			after, _ := c["after"].(string)
			if c["action"] == "set" && len(before) == 64 && len(after) == 64 && before != after {
				seen[fmt.Sprint(e.Facts["system"])] = true
			}
		}
	}
	if got := testkit.Keys(seen); !slices.Equal(got, []string{"crm", "ledger"}) {
		t.Errorf("digests of before and after are there for %q", got)
	}
}

// Restriction sets the marker of the person's record, and reads it back; where a system has no marker, a person says what they did.
func TestARestrictionSetsMarkersAndAsksPeopleForTheRest(t *testing.T) {
	s := site(t)
	small(s, "crm")
	s.NewDatabase("visits.db", visitsTable)
	s.AddDatabase("lumen", "visits", "visits.db", visitsMap).Want(201)
	inCRM, inVisits := s.Dump("crm.db"), s.Dump("visits.db")
	r := s.Ask("lumen", "restriction", wren).Verify()
	p := r.WantPlan()
	if got := p.Counts("crm"); got["people/flag"] != 1 {
		t.Errorf("the plan is %+v", p)
	}
	r.Approve()
	wantOnly(t, s, "crm.db", inCRM, map[string][]string{"people/1": {"restricted"}})
	s.WantSame("visits.db", inVisits)
	r.WantStaffStatus("awaiting_person")
	for _, name := range []string{"crm", "visits"} { // what has no marker is done by hand, and somebody has to say what was done
		task := r.Task(name, "restrict")
		if task.Asked == nil || !slices.Contains(task.Asked.Answers, "done") {
			t.Fatalf("of %s nobody is asked: %+v", name, task)
		}
		say := func(reason string) *testkit.Answer {
			return s.Staff("lumen", "handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "done", "reason": reason})
		}
		say("").WantProblem(400, "invalid")
		say("Moved to the archive that only the two of us can open.").Want(200)
	}
	s.Settle()
	if got := outcomes(r.WantStatus("fulfilled")); got["crm"] != "restricted" || got["visits"] != "restricted" {
		t.Errorf("the person sees %v", got)
	}
	read := r.Task("crm", "verify")
	if len(read.Collections) == 0 || read.Collections[0].Name != "people" || read.Collections[0].Outcome != "restricted" || read.Collections[0].Records != 1 {
		t.Errorf("the marker was not read back: %+v", read)
	}
	r.WantEvidence()
}

// An objection is met with a restriction until somebody has weighed whose grounds override (GDPR Art. 18(1)(d)).
func TestAnObjectionRestricts(t *testing.T) {
	s := site(t)
	before := s.Dump("shop.db")
	r := s.Ask("lumen", "objection", testkit.NoOrders, map[string]any{"details": "I do not want a profile of me."}).Verify()
	if p := r.Approve(); p.Counts("shop")["customers/flag"] != 1 {
		t.Errorf("the plan is %+v", p)
	}
	for id := range s.Held(testkit.NoOrders)["customers"] {
		wantOnly(t, s, "shop.db", before, map[string][]string{"customers/" + id: {"blocked"}})
	}
	r.WantStaffStatus("awaiting_person") // tables without a marker
	task := r.Task("shop", "restrict")
	s.Staff("lumen", "handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "done", "reason": "No profile is made of a blocked account."}).Want(200)
	s.Settle()
	if got := outcomes(r.WantStatus("fulfilled")); got["shop"] != "restricted" {
		t.Errorf("the person sees %v", got)
	}
	r.WantEvidence()
}

// A refused correction keeps what is there and says why; the person may leave a statement that stays with it.
func TestARefusedCorrectionSaysWhy(t *testing.T) {
	s := site(t)
	small(s, "crm")
	before := s.Dump("crm.db")
	r := s.Ask("lumen", "correction", wren, corrections("name", "Queen of Exampleton")).Verify()
	r.WantPlan()
	r.Decide("approver", "refuse", map[string]any{"reason": "Your passport says Wren Abara."}).Want(200)
	r.Decide("approver", "refuse", map[string]any{"reason": "Your passport says Wren Abara."}).WantProblem(403, "forbidden") // two people refuse
	r.Decide("reviewer", "refuse", map[string]any{"reason": "I have seen it too."}).Want(200)
	s.Settle()
	r.WantStatus("refused")
	s.WantSame("crm.db", before)
	letter := r.Mail("Our decision").Text
	for _, want := range []string{"Your passport says Wren Abara.", "Art. 77", "Art. 79"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	say := func(who *testkit.Request, text string) *testkit.Answer {
		return s.Call("POST", who.Path("/messages"), who.Session, map[string]any{"text": text, "statement": true})
	}
	say(r, " ").WantProblem(400, "invalid")
	say(r, "My passport is out of date. Ask the registry of Exampleton.").Want(201)
	s.Settle()
	stated := slices.ContainsFunc(r.Entries(), func(e testkit.Entry) bool { return e.Kind == "disagreement_stated" })
	if st := r.WantStatus("refused"); !stated || len(st.Messages) != 1 || !strings.Contains(st.Messages[0].Text, "registry of Exampleton") {
		t.Errorf("the statement is not kept: %+v", st.Messages)
	}
	other := s.Ask("lumen", "access", piers).Verify()
	say(other, "There is nothing to disagree with.").WantProblem(409, "conflict")
	r.WantEvidence()
}
