package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/habeas-dsar/habeas/test/testkit"
)

// A system that goes away after the approval is named, never taken for done; the others are done and answered, and when it is
// back it is planned, asked and erased like any other.
func TestASystemThatIsAwayIsNamedAndMadeUpFor(t *testing.T) {
	s := site(t)
	small(s, "crm")
	small(s, "ledger")
	before := s.Dump("ledger.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.WantPlan()
	path := filepath.Join(s.Dir, "demo", "ledger.db")
	away := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	away(path, path+".away")
	r.Approve()
	st := r.WantStatus("in_progress")
	if got := outcomes(st); got["crm"] != "erased" || got["ledger"] != "" {
		t.Errorf("while the ledger is away the person sees %v", got)
	}
	r.Act("handler", "/proceed-without", map[string]string{"system": "ledger", "reason": "The ledger is being repaired."}).Want(202)
	s.Advance("PT15M")
	r.Refresh()
	if got := outcomes(r.WantStatus("partly_fulfilled")); got["crm"] != "erased" || got["ledger"] != "not_done" {
		t.Errorf("the person sees %v", got)
	}
	if letter := r.Mail("The answer").Text; !strings.Contains(letter, "System ledger") || !strings.Contains(letter, "The ledger is being repaired.") {
		t.Errorf("the letter does not name the ledger and why:\n%s", letter)
	}
	r.WantEvidence()
	away(path+".away", path)
	s.WantSame("ledger.db", before)
	s.Advance("P1D")
	again := r.Approve()
	if got := again.Counts("ledger"); got["people/delete"] != 1 {
		t.Errorf("asked again is %+v", again)
	}
	r.Refresh()
	if got := outcomes(r.WantStatus("fulfilled")); got["crm"] != "erased" || got["ledger"] != "erased" {
		t.Errorf("after the supplement the person sees %v", got)
	}
	if got := s.Dump("ledger.db"); len(got["people"]) != 1 || len(got["notes"]) != 1 || len(got["invoices"]) != 1 {
		t.Errorf("after the supplement the ledger holds %v", got)
	}
	r.WantEvidence()
}

// A table or a column that is gone is named; everything else of the system and of the others is delivered.
func TestWhatIsMissingIsNamedAndTheRestDelivered(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	ledger := small(s, "ledger")
	run(s, crm, "DROP TABLE notes")
	run(s, ledger, "ALTER TABLE people DROP COLUMN phone")
	r := s.Ask("lumen", "access", wren).Verify()
	st := r.WantStatus("partly_fulfilled")
	if got := outcomes(st); got["crm"] != "not_done" || got["ledger"] != "not_done" || got["shop"] != "nothing_held" {
		t.Errorf("the person sees %v", got)
	}
	open := map[string]string{}
	for _, sys := range st.Systems {
		for _, c := range sys.Collections {
			if sys.Name != "shop" {
				open[sys.Name+"/"+c.Name] = c.Outcome
			}
		}
	}
	want := map[string]string{
		"crm/people": "found", "crm/notes": "not_done", "crm/invoices": "found", "ledger/people": "not_done",
		"ledger/notes": "not_done", "ledger/invoices": "found", // nobody knows whose notes these are
	}
	if !maps.Equal(open, want) {
		t.Errorf("the person sees %v, want %v", open, want)
	}
	p := r.Fetch()
	for at, want := range map[string]int{"crm/people": 1, "crm/notes": 0, "crm/invoices": 2, "ledger/people": 0, "ledger/notes": 0, "ledger/invoices": 2} {
		system, collection, _ := strings.Cut(at, "/")
		if got, err := p.Records(system, collection); err != nil || len(got) != want {
			t.Errorf("%s has %d records, want %d (%v)", at, len(got), want, err)
		}
	}
	letter := r.Mail("The answer").Text
	for _, want := range []string{"found in 2", "System crm: 3 records", "System crm: not answered yet", "System ledger: 2 records", "System ledger: not answered yet"} {
		if !strings.Contains(letter, want) {
			t.Errorf("the letter lacks %q:\n%s", want, letter)
		}
	}
	r.WantEvidence()
}

// Nothing is erased in a system of which a part could not be read, because the rest might lead to it; a person is asked, and it goes
// on when the system was put right.
func TestAnErasureWaitsForAWholePlan(t *testing.T) {
	s := site(t)
	crm := small(s, "crm")
	small(s, "ledger")
	run(s, crm, "ALTER TABLE notes RENAME TO notices")
	before, inLedger := s.Dump("crm.db"), s.Dump("ledger.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.WantStatus("awaiting_person")
	task := r.Task("crm", "dry_run")
	if task.Asked == nil || !slices.Contains(task.Asked.Answers, "retry") {
		t.Fatalf("of the system nobody is asked: %+v", task)
	}
	s.WantSame("crm.db", before)
	s.WantSame("ledger.db", inLedger)
	run(s, crm, "ALTER TABLE notices RENAME TO notes")
	s.Staff("lumen", "handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "retry", "reason": "The table is back."}).Want(200)
	s.Settle()
	r.Approve()
	if got := outcomes(r.WantStatus("fulfilled")); got["crm"] != "erased" || got["ledger"] != "erased" {
		t.Errorf("the person sees %v", got)
	}
	if got := s.Dump("crm.db"); len(got["people"]) != 1 || len(got["notes"]) != 1 || len(got["invoices"]) != 1 {
		t.Errorf("the system holds %v", got)
	}
	r.WantEvidence()
}

// A system that is taken off the register while a case waits for it does not vanish from the answer.
func TestASystemThatIsRemovedIsNotForgotten(t *testing.T) {
	s := site(t)
	small(s, "crm")
	small(s, "ledger")
	before := s.Dump("ledger.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.WantPlan()
	var waiting struct{ Cases []testkit.StaffCase }
	s.Staff("lumen", "admin", "DELETE", "/systems/ledger", nil).Want(200).JSON(&waiting)
	if len(waiting.Cases) != 1 || waiting.Cases[0].Reference != r.Reference {
		t.Errorf("removing names the cases %+v", waiting.Cases)
	}
	r.Approve()
	s.WantSame("ledger.db", before)
	r.WantStaffStatus("awaiting_person")
	if got := outcomes(r.Status()); got["crm"] != "erased" || got["ledger"] != "" {
		t.Errorf("the person sees %v", got)
	}
	task := r.Task("ledger", "erase")
	s.Staff("lumen", "handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "not_done", "reason": "The ledger was sold."}).Want(200)
	s.Settle()
	if got := outcomes(r.WantStatus("partly_fulfilled")); got["ledger"] != "not_done" {
		t.Errorf("the person sees %v", got)
	}
	r.WantEvidence()
}

// A constraint of the database refuses: that system says so, nothing in it is half done, the others are done, and no word of a row is
// in a log, an error or the evidence.
func TestAConstraintRefusesWithoutHalfAChange(t *testing.T) {
	s := site(t, testkit.Args("--verbose"))
	crm := small(s, "crm")
	small(s, "ledger")
	canary := "wren-abara-owes-us-a-heron"
	run(s, crm, "CREATE TRIGGER no BEFORE DELETE ON notes WHEN OLD.id = 11 BEGIN SELECT RAISE(ABORT, '"+canary+"'); END")
	before := s.Dump("crm.db")
	r := s.Ask("lumen", "erasure", wren).Verify()
	r.Approve()
	s.Advance("P1D")
	wantWhole := func() {
		for table := range s.Dump("crm.db").Since(before) {
			if table != "invoices" { // which nothing refused, in a transaction of its own
				t.Errorf("%s was changed", table)
			}
		}
	}
	wantWhole()
	if got := s.Dump("ledger.db"); len(got["people"]) != 1 {
		t.Errorf("the other system holds %v", got)
	}
	c := r.WantStaffStatus("awaiting_person")
	task := r.Task("crm", "erase")
	if task.Asked == nil || task.Outcome != "" || c.OperatorFault != nil {
		t.Errorf("the task is %+v", task)
	}
	s.Staff("lumen", "handler", "POST", "/tasks/"+task.ID+"/outcome", map[string]string{"outcome": "not_done", "reason": "The database does not let us."}).Want(200)
	s.Settle()
	r.Refresh()
	st := r.WantStatus("partly_fulfilled")
	if got := outcomes(st); got["crm"] != "not_done" || got["ledger"] != "erased" {
		t.Errorf("the person sees %v", got)
	}
	_, invoices := s.Dump("crm.db").Since(before)["invoices"]
	for _, sys := range st.Systems {
		for _, c := range sys.Collections {
			if sys.Name == "crm" && (c.Outcome == "erased") != (c.Name == "invoices" && invoices) {
				t.Errorf("of the system the person sees %+v", sys.Collections)
			}
		}
	}
	wantWhole()
	r.WantEvidence()
	canaries := []testkit.Canary{{Name: "the words of the trigger", Value: canary}, {Name: "the address", Value: wren}, {Name: "a note", Value: "likes the heron room"}}
	found := testkit.Find("the log", s.Stderr(), canaries)
	found = append(found, testkit.Find("the evidence", r.Evidence(), canaries)...)
	found = append(found, testkit.Find("the task", []byte(fmt.Sprintf("%+v", task)), canaries)...)
	inFiles, _, err := testkit.FindInFiles(s.Dir, allowed, canaries)
	if err != nil {
		t.Fatal(err)
	}
	if found = append(found, inFiles...); len(found) > 0 {
		t.Errorf("%q", found)
	}
}

// Types that the map does not declare come from the database, addresses are found however they are written, and times keep their offset.
func TestValuesAreWhatTheDatabaseHolds(t *testing.T) {
	s := site(t)
	s.NewDatabase("log.db", `
CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT, born DATE, seen TIMESTAMP, height REAL, paid DECIMAL(8,2), active BOOLEAN);
INSERT INTO people VALUES (1, 'Wren.ABARA@Example.com', '1984-02-29', '2026-05-04 10:00:00+02:00', 1.72, '12.50', 1);
CREATE TABLE seen (id INTEGER PRIMARY KEY, person INTEGER, at TEXT);
INSERT INTO seen VALUES (0, 1, '2026-05-04T10:00:00+02:00'), (7, 1, '2026-06-04T10:00:00-05:00');`)
	logMap := `dataset:
  - fides_key: log
    name: log
    collections:
      - name: people
        fields:
          - {name: id, fides_meta: {primary_key: True}, data_categories: [user.unique_id]}
          - {name: mail, fides_meta: {identity: email}, data_categories: [user.contact.email]}
          - {name: born, data_categories: [user.demographic.date_of_birth]}
          - {name: seen, data_categories: [user.behavior]}
          - {name: height, data_categories: [user.biometric]}
          - {name: paid, data_categories: [user.financial]}
          - {name: active, data_categories: [user.behavior]}
      - name: seen
        fields:
          - {name: id, fides_meta: {primary_key: True}, data_categories: [system.operations]}
          - {name: person, fides_meta: {references: [{dataset: log, field: people.id, direction: from}]}, data_categories: [user.unique_id]}
          - {name: at, data_categories: [user.behavior]}
`
	s.AddDatabase("lumen", "wrong", "log.db", strings.Replace(logMap, "{name: born,", "{name: born, fides_meta: {data_type: stardate},", 1)).WantProblem(400, "invalid")
	s.AddDatabase("lumen", "log", "log.db", logMap).Want(201)
	r := s.Ask("lumen", "access", wren).Verify()
	r.WantStatus("fulfilled")
	p := r.Fetch()
	for file, want := range map[string]string{
		"people": `{"id":1,"mail":"Wren.ABARA@Example.com","born":"1984-02-29","seen":"2026-05-04 10:00:00+02:00","height":1.72,"paid":12.5,"active":true}`,
		"seen":   `{"id":0,"person":1,"at":"2026-05-04T10:00:00+02:00"},{"id":7,"person":1,"at":"2026-06-04T10:00:00-05:00"}`,
	} {
		if got := strings.ReplaceAll(string(p.Files["data/log/"+file+".json"]), "\n", ""); got != "["+want+"]" {
			t.Errorf("%s.json is %s, want [%s]", file, got, want)
		}
	}
}
